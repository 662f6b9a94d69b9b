// Runs GraphQL documents against GitHub's published schema. What the stand-in does not know fails; it never answers null for it.
import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import {
  buildASTSchema,
  type DocumentNode,
  execute,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  Kind,
  parse,
  type SelectionSetNode,
  validate,
} from 'graphql'
import type { Actor } from '../access.ts'
import type { GitHub } from '../events.ts'
import { type Answer, Refusal, Violation } from '../refusal.ts'
import { createMutations } from './mutations.ts'
import { createObjects } from './objects.ts'
import { GraphqlRefusal } from './refusal.ts'

type Variables = Record<string, unknown>

// https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
const MOST_NODES = 500_000
const MOST_PER_CONNECTION = 100

let built: GraphQLSchema | null = null

function schema(): GraphQLSchema {
  // The package's own entry would also parse the same schema as 5 MB of JSON.
  const folder = dirname(findPackageJSON('@octokit/graphql-schema', import.meta.url) ?? '')
  const parsed = () => parse(readFileSync(join(folder, 'schema.graphql'), 'utf8'), { noLocation: true })
  return (built ??= buildASTSchema(parsed(), { assumeValid: true, assumeValidSDL: true }))
}

export async function answerGraphql(
  github: GitHub,
  actor: Actor,
  method: string,
  contentType: string | undefined,
  body: unknown,
): Promise<Answer> {
  if (method !== 'POST') throw new Violation('GraphQL takes POST only')
  if (!/^application\/json\b/.test(contentType ?? '')) throw new Violation(`GraphQL was sent as ${contentType}`)
  if (actor.kind !== 'installation') throw new Refusal(401, 'Bad credentials')
  const { query, variables, operationName } = readBody(body)
  const document = parseDocument(query)
  const operation = document.definitions.find((one) => one.kind === Kind.OPERATION_DEFINITION)
  if (!operation) throw new Violation('a GraphQL document without an operation')
  const { nodes, cost } = measure(document, operation.selectionSet, variables)
  if (nodes > MOST_NODES)
    throw new Violation(
      `This query requests up to ${nodes} possible nodes which exceeds the maximum limit of ${MOST_NODES}.`,
    )

  const objects = createObjects(github, actor, { cost, nodeCount: nodes })
  const result = await execute({
    schema: schema(),
    document,
    rootValue: operation.operation === 'mutation' ? createMutations(github, actor, objects) : objects.query,
    variableValues: variables,
    operationName: operationName ?? null,
    fieldResolver: resolve,
    typeResolver: (value) => (value as { __typename: string }).__typename,
  })
  const errors = result.errors?.map(toGitHubError)
  return { status: 200, body: { ...(result.data !== undefined && { data: result.data }), ...(errors && { errors }) } }
}

function readBody(body: unknown): { query: string; variables: Variables; operationName?: string } {
  const { query, variables = {}, operationName, ...rest } = (body ?? {}) as Record<string, unknown>
  if (typeof query !== 'string') throw new Violation('a GraphQL request without a query')
  if (Object.keys(rest).length > 0) throw new Violation(`a GraphQL request has no ${Object.keys(rest).join(', ')}`)
  return { query, variables: variables as Variables, ...(typeof operationName === 'string' && { operationName }) }
}

function parseDocument(text: string): DocumentNode {
  try {
    const document = parse(text)
    const errors = validate(schema(), document)
    if (errors.length === 0) return document
    throw new Violation(errors.map((error) => error.message).join('; '))
  } catch (error) {
    throw error instanceof GraphQLError ? new Violation(error.message) : error
  }
}

// Fields are properties of plain objects; those that take arguments or time are functions.
const resolve: GraphQLFieldResolver<Record<string, unknown>, unknown> = async (source, given, _context, info) => {
  const name = `${info.parentType.name}.${info.fieldName}`
  const field = source[info.fieldName]
  if (field === undefined) throw new Violation(`the stand-in does not know ${name}`)
  if (typeof field !== 'function') {
    refuseUnread(name, info, new Set())
    return field
  }
  const read = new Set<string | symbol>()
  const args = new Proxy(given as Record<string, unknown>, {
    get(target, key) {
      read.add(key)
      return target[key as string]
    },
  })
  const value: unknown = await field.call(source, args)
  refuseUnread(name, info, read)
  if (value === undefined) throw new Violation(`the stand-in does not know ${name}`)
  return value
}

// An argument that nobody looked at would be a filter that does nothing.
function refuseUnread(name: string, info: GraphQLResolveInfo, read: Set<string | symbol>): void {
  for (const argument of info.fieldNodes.flatMap((node) => node.arguments ?? []))
    if (!read.has(argument.name.value))
      throw new Violation(`the stand-in does not know the argument ${argument.name.value} of ${name}`)
}

function toGitHubError(error: GraphQLError) {
  const reason = error.originalError
  if (reason instanceof GraphqlRefusal)
    return { type: reason.type, path: error.path, locations: error.locations, message: reason.message }
  if (reason) throw reason
  throw new Violation(error.message)
}

// GitHub's own measure of a query: what it could return, and how many connections it takes to get there.
function measure(document: DocumentNode, selection: SelectionSetNode, variables: Variables) {
  let nodes = 0
  let requests = 0

  function visit(set: SelectionSetNode, times: number): void {
    for (const one of set.selections) {
      if (one.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = document.definitions.find(
          (each) => each.kind === Kind.FRAGMENT_DEFINITION && each.name.value === one.name.value,
        )
        if (fragment && 'selectionSet' in fragment && fragment.selectionSet) visit(fragment.selectionSet, times)
        continue
      }
      if (!one.selectionSet) continue
      const size = one.kind === Kind.FIELD ? sizeOf(one) : null
      if (size !== null) {
        requests += times
        nodes += times * size
      }
      visit(one.selectionSet, times * (size ?? 1))
    }
  }

  function sizeOf(field: {
    name: { value: string }
    arguments?: readonly { name: { value: string }; value: unknown }[] | undefined
  }) {
    const argument = field.arguments?.find((one) => one.name.value === 'first' || one.name.value === 'last')
    if (!argument) return null
    const value = argument.value as { kind: Kind; value?: string; name?: { value: string } }
    const size = Number(value.kind === Kind.VARIABLE ? variables[value.name?.value ?? ''] : value.value)
    if (size > MOST_PER_CONNECTION)
      throw new Violation(
        `Requesting ${size} records on the \`${field.name.value}\` connection exceeds the limit of ${MOST_PER_CONNECTION} records.`,
      )
    return size
  }

  visit(selection, 1)
  return { nodes, cost: Math.max(1, Math.round(requests / 100)) }
}
