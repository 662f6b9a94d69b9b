// A client whose calls nock answers, and whose every request is held against GitHub's own descriptions.
import { generateKeyPairSync } from 'node:crypto'
import { schema as github } from '@octokit/graphql-schema'
import { buildSchema, parse, validate } from 'graphql'
import nock from 'nock'
import { afterEach, beforeEach, expect } from 'vitest'
import { createClients } from '../../src/github/index.ts'
import type { Client, ClientOptions, Clients, RequestRecord } from '../../src/github/index.ts'
import type { Marker } from '../../src/review/snapshot.ts'
import { checkRequest } from '../support/github/openapi.ts'

export const API = 'https://api.github.com'
export const INSTALLATION = 7

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})

let schema: ReturnType<typeof buildSchema> | null = null

/** What GitHub's schema has against a document. */
export function faultsOf(document: string): string[] {
  schema ??= buildSchema(github.idl, { assumeValidSDL: true })
  return validate(schema, parse(document)).map(({ message }) => message)
}

interface Sent {
  method: string
  url: string
  body: unknown
  contentType: string | undefined
}

export interface Wire {
  clients: Clients
  client: Client
  /** One record for each attempt, as metrics get it. */
  records: RequestRecord[]
  /** All that was sent but tokens. */
  sent: Sent[]
}

/** Seconds last a millisecond here. */
export function wire(options: Partial<ClientOptions> = {}): Wire {
  const records: RequestRecord[] = []
  const sent: Sent[] = []
  const clients = createClients({
    appId: 42,
    privateKey,
    userAgent: 'otp-review-test',
    log: { debug() {}, warn() {} },
    secondMs: 1,
    ...options,
    fetch: async (input, init) => {
      const request = new Request(input, init)
      const { method, url } = request
      if (!url.endsWith('/access_tokens')) {
        const text = await request.clone().text()
        const contentType = request.headers.get('content-type') ?? undefined
        sent.push({ method, url, body: text === '' ? undefined : JSON.parse(text), contentType })
      }
      return fetch(request)
    },
    onRequest: (record) => records.push(record),
  })
  wires.push({ records, sent })
  return { clients, client: clients.forInstallation(INSTALLATION), records, sent }
}

const wires: Pick<Wire, 'records' | 'sent'>[] = []

/** Call once in a test file: no test reaches the network, leaves an answer unused or sends what GitHub does not describe. */
export function guardTheWire(): void {
  beforeEach(() => {
    nock.disableNetConnect()
    token()
  })
  afterEach(() => {
    const pending = nock.pendingMocks().filter((mock) => !mock.includes('/access_tokens'))
    nock.cleanAll()
    nock.enableNetConnect()
    const faults = wires.splice(0).flatMap(contractFaults)
    expect(pending).toEqual([])
    expect(faults).toEqual([])
  })
}

export function token(installation = INSTALLATION): void {
  nock(API)
    .persist()
    .post(`/app/installations/${installation}/access_tokens`)
    .reply(201, { token: 'ghs_secret', expires_at: '2099-01-01T00:00:00Z', permissions: {} })
}

/** Answers the next GraphQL request; the answer may depend on its variables. */
export function graphql(
  answer: object | ((variables: Record<string, unknown>) => object),
  operation?: string,
): nock.Scope {
  return nock(API)
    .post('/graphql', (body: { query: string }) => operation === undefined || body.query.includes(` ${operation}(`))
    .reply(200, async (request: Request) => {
      const { variables } = (await request.json()) as { variables: Record<string, unknown> }
      return typeof answer === 'function' ? answer(variables) : answer
    })
}

/** The marker as the simplest text that has one. */
export function readMarker(body: string): Marker | null {
  const json = /<!-- (\{.*\}) -->$/.exec(body)?.[1]
  return json === undefined ? null : (JSON.parse(json) as Marker)
}

export function marked(text: string, marker: Partial<Marker>): string {
  return `${text}\n<!-- ${JSON.stringify({ ...MARKER, ...marker })} -->`
}

export const MARKER: Marker = {
  v: 1,
  rule: 'genserver-self-call',
  fingerprint: 'f1',
  clause: 'c1',
  module: 'Shop.Stock',
  function: 'handle_call/3',
  sha: 'a'.repeat(40),
  state: 'open',
}

function contractFaults({ records, sent }: Pick<Wire, 'records' | 'sent'>): string[] {
  const routes = records.filter(({ kind }) => kind !== 'token').map(({ route }) => route)
  return sent.flatMap(({ method, url, body, contentType }, index) => {
    const { pathname, searchParams } = new URL(url)
    if (pathname.endsWith('/graphql')) return faultsOf((body as { query: string }).query)
    const route = routes[index] ?? ''
    const params = pathParameters(route, pathname.replace(/^\/api\/v3/, ''))
    const query = Object.fromEntries(searchParams)
    const { faults, limits } = checkRequest(method, route, { params, query, contentType, body: body ?? undefined })
    return [...faults, ...limits]
  })
}

function pathParameters(route: string, pathname: string): Record<string, unknown> {
  const pattern = route.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')
  const groups = new RegExp(`^${pattern}$`).exec(pathname)?.groups ?? {}
  return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]))
}
