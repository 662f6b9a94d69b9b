// GitHub's published description of its REST API and webhooks, and what a request, an answer or a payload violates in it.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'

type Json = Record<string, unknown>

interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  schema: Json
  'x-multi-segment'?: boolean
}

interface Media {
  content?: Record<string, { schema?: Json }>
}

interface Operation {
  parameters?: (Parameter | { $ref: string })[]
  requestBody?: Media & { required?: boolean }
  responses: Record<string, Media | { $ref: string }>
}

interface Description {
  paths: Record<string, Record<string, Operation>>
  'x-webhooks': Record<string, { post: Operation }>
  components: Record<'schemas' | 'parameters' | 'responses', Record<string, unknown>>
}

/** `limits`: well-formed but too long or too many, which GitHub itself refuses. `faults`: what no client may send. */
export interface Verdict {
  faults: string[]
  limits: string[]
}

const LIMITS = new Set(['maxItems', 'maxLength'])
// Where the description is wrong about GitHub.
const MISDESCRIBED = [
  // It wants accounts that are a user and an enterprise at once.
  /^GET \/app\/installations 200: \/\d+\/account/,
  // The repository of a deleted fork is null.
  /^GET \/repos\/\{owner\}\/\{repo\}\/pulls\S* 200: (\/\d+)?\/head\/repo must be object/,
  // Its list of events is older than the merge queue.
  /^webhook check-suite-rerequested: \/check_suite\/app\/events\//,
]
const FINE: Verdict = { faults: [], limits: [] }

// 13 MB of JSON: read at the first request, and only what is used is compiled.
let loaded: ReturnType<typeof load> | null = null
const github = () => (loaded ??= load())

function load() {
  const file = createRequire(import.meta.url).resolve('@octokit/openapi/generated/api.github.com.json')
  const description = JSON.parse(readFileSync(file, 'utf8')) as Description
  const settings = {
    strict: false,
    allErrors: true,
    validateSchema: false,
    addUsedSchema: false,
    logger: false,
    verbose: true,
  } as const
  const strict = new Ajv(settings)
  addFormats.default(strict)
  // Paths and queries are text: `per_page=100` is a number there.
  const coercing = new Ajv({ ...settings, coerceTypes: true })
  addFormats.default(coercing)
  return { description, strict, coercing, compiled: new Map<string, ValidateFunction>(), included: new Set<string>() }
}

/** Makes a schema of the description known under the name that references use. */
function include(reference: string): string {
  const name = reference.replace('#/components/schemas/', '')
  const { description, strict, included } = github()
  if (!included.has(name)) {
    included.add(name)
    strict.addSchema(toJsonSchema(description.components.schemas[name]) as Json, `github:${name}`)
  }
  return `github:${name}`
}

/** Whether GitHub has such an operation: `GET`, `/repos/{owner}/{repo}`. */
export function isDescribed(method: string, template: string): boolean {
  return operationOf(method, template) !== undefined
}

/** The path parameters of an operation that may contain slashes. */
export function multiSegmentParameters(method: string, template: string): string[] {
  return parametersOf(method, template)
    .filter((one) => one['x-multi-segment'])
    .map((one) => one.name)
}

/** Checks path, query and body; `params` and `query` are changed in place to the types that the description gives them. */
export function checkRequest(
  method: string,
  template: string,
  request: { params: Json; query: Json; contentType: string | undefined; body: unknown },
): Verdict {
  const operation = operationOf(method, template)
  if (!operation) return { faults: [`GitHub has no ${method} ${template}`], limits: [] }
  const parameters = parametersOf(method, template)
  const faults = [
    ...checkParameters(`${method} ${template}`, parameters, 'path', request.params),
    ...checkParameters(`${method} ${template}`, parameters, 'query', request.query),
  ]
  const body = checkBody(`${method} ${template}`, operation, request)
  return { faults: [...faults, ...body.faults], limits: body.limits }
}

/** What is wrong with an answer of ours; nothing where GitHub does not describe a refusal of this status. */
export function checkAnswer(method: string, template: string, status: number, body: unknown): string[] {
  const responses = operationOf(method, template)?.responses ?? {}
  const response = responses[String(status)]
  if (!response) return status < 400 ? [`GitHub does not answer ${status} to ${method} ${template}`] : []
  const schema = (dereference(response, 'responses') as Media).content?.['application/json']?.schema
  if (!schema) return body === undefined ? [] : [`GitHub sends no body with ${status} to ${method} ${template}`]
  return check(`${method} ${template} ${status}`, schema, body).faults
}

/** What is wrong with a webhook payload, by GitHub's description of the event. */
export function checkPayload(event: string, action: string | null, payload: unknown): string[] {
  const name = [event, action].filter(Boolean).join('-').replaceAll('_', '-')
  const schema = github().description['x-webhooks'][name]?.post.requestBody?.content?.['application/json']?.schema
  return schema ? check(`webhook ${name}`, schema, payload).faults : [`GitHub has no webhook ${name}`]
}

function operationOf(method: string, template: string): Operation | undefined {
  return github().description.paths[template]?.[method.toLowerCase()]
}

function parametersOf(method: string, template: string): Parameter[] {
  return (operationOf(method, template)?.parameters ?? []).map((one) => dereference(one, 'parameters') as Parameter)
}

function dereference(value: object, kind: 'parameters' | 'responses'): unknown {
  return '$ref' in value ? github().description.components[kind][String(value.$ref).split('/').at(-1) ?? ''] : value
}

function checkParameters(operation: string, parameters: Parameter[], place: 'path' | 'query', values: Json): string[] {
  const described = parameters.filter((one) => one.in === place)
  const schema = {
    type: 'object',
    properties: Object.fromEntries(described.map((one) => [one.name, one.schema])),
    required: described.filter((one) => one.required).map((one) => one.name),
    additionalProperties: false,
  }
  return check(`${operation} ${place}`, schema, values, 'coerce').faults
}

function checkBody(
  name: string,
  operation: Operation,
  request: { contentType: string | undefined; body: unknown },
): Verdict {
  if (request.body === undefined)
    return operation.requestBody?.required ? { faults: [`${name} needs a body`], limits: [] } : FINE
  if (!operation.requestBody) return { faults: [`${name} takes no body`], limits: [] }
  if (!/^application\/json\b/.test(request.contentType ?? ''))
    return { faults: [`${name} was sent as ${request.contentType}, not as application/json`], limits: [] }
  const schema = operation.requestBody.content?.['application/json']?.schema
  return schema ? check(`${name} body`, closed(schema), request.body) : FINE
}

function check(name: string, schema: Json, value: unknown, coerce?: 'coerce'): Verdict {
  const { compiled, strict, coercing } = github()
  let validate = compiled.get(name)
  if (!validate) {
    validate = (coerce ? coercing : strict).compile(toJsonSchema(schema) as Json)
    compiled.set(name, validate)
  }
  if (validate(value)) return FINE
  const errors = validate.errors ?? []
  const described = errors
    .map((error) => `${name}: ${error.instancePath || '/'} ${describe(error)}`)
    .filter((text) => !MISDESCRIBED.some((known) => known.test(text)))
  if (errors.every((error) => LIMITS.has(error.keyword))) return { faults: [], limits: errors.map(limitMessage) }
  return { faults: described, limits: [] }
}

function describe(error: ErrorObject): string {
  const extra = error.params['additionalProperty'] ?? error.params['allowedValues']
  return `${error.message}${extra === undefined ? '' : ` (${extra})`}`
}

// GitHub's own words: "No more than 50 items are allowed; 53 were supplied."
function limitMessage(error: ErrorObject): string {
  const limit = String(error.params['limit'])
  return error.keyword === 'maxItems'
    ? `No more than ${limit} items are allowed; ${(error.data as unknown[] | undefined)?.length ?? 'more'} were supplied.`
    : `Only ${limit} characters are allowed in ${error.instancePath}; more were supplied.`
}

// The description tolerates unknown properties, and so does GitHub: it ignores them. In a client they are always a mistake.
function closed(schema: Json): Json {
  const properties = schema['properties'] as Record<string, Json> | undefined
  const items = schema['items'] as Json | undefined
  const shut = schema['type'] === 'object' && properties !== undefined && !('additionalProperties' in schema)
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, closed(one)])),
    }),
    ...(items && { items: closed(items) }),
    ...(shut && { additionalProperties: false }),
  }
}

const NOT_SCHEMA = new Set(['nullable', 'example', 'examples', 'discriminator', 'deprecated', 'readOnly'])

// OpenAPI 3.0 is JSON Schema but for `nullable`; names of properties must not be taken for keywords.
function toJsonSchema(schema: unknown, isPropertyMap = false): unknown {
  if (Array.isArray(schema)) return schema.map((one) => toJsonSchema(one))
  if (typeof schema !== 'object' || schema === null) return schema
  const converted: Json = {}
  for (const [key, value] of Object.entries(schema)) {
    if (isPropertyMap) converted[key] = toJsonSchema(value)
    else if (key === '$ref') converted['$ref'] = include(String(value))
    else if (key === 'enum' || key === 'const' || key === 'required' || key === 'default') converted[key] = value
    else if (!NOT_SCHEMA.has(key)) converted[key] = toJsonSchema(value, key === 'properties')
  }
  const nullable = !isPropertyMap && (schema as Json)['nullable'] === true
  return nullable ? { anyOf: [{ type: 'null' }, converted] } : converted
}
