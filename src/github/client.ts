// Clients for GitHub's API, one per installation: authentication, pacing, retries, limits, counting. Knows no pull request.
import { createAppAuth } from '@octokit/auth-app'
import { retry } from '@octokit/plugin-retry'
import { throttling } from '@octokit/plugin-throttling'
import { Octokit } from '@octokit/rest'
import { LRUCache } from 'lru-cache'
import {
  CredentialsError,
  fromGraphQL,
  isLimit,
  isSecondaryLimit,
  RateLimitedError,
  reasonOf,
  retryAt,
  toNamedError,
} from './errors.ts'
import type { GraphQLProblem } from './errors.ts'
import { createGate } from './gate.ts'
import type { Gate } from './gate.ts'

/** One attempt at a request, for metrics; a retry is another attempt. */
export interface RequestRecord {
  /** null for what the App asks in its own name. */
  installation: number | null
  kind: 'rest' | 'query' | 'mutation' | 'token'
  method: string
  /** As in GitHub's reference: `/repos/{owner}/{repo}/check-runs`; for GraphQL the operation's name. */
  route: string
  /** null where no whole answer came. */
  status: number | null
  /** What is left of the hour's limit, where GitHub said. */
  remaining: number | null
  ms: number
}

interface Log {
  debug(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface ClientOptions {
  appId: number
  privateKey: string
  /** `https://HOST/api/v3` for GitHub Enterprise Server. */
  baseUrl?: string
  userAgent: string
  /** A fetch that knows a proxy or a private certificate authority. */
  fetch?: typeof globalThis.fetch
  log: Log
  onRequest?: (record: RequestRecord) => void
  /** The longest that a limit may hold a worker; beyond it `RateLimitedError` says when to come back. */
  longestWaitSeconds?: number
  timeoutMs?: number
  /** Milliseconds in a second of waiting: tests shorten it. Pacing is off when it is not 1000. */
  secondMs?: number
}

/** What is not shown to us may be left out; what GitHub failed to tell may not: it would be taken for nothing. */
export type Tolerance = (path: readonly (string | number)[], isHidden: boolean) => boolean

/** What one installation can ask. Every failure is one of `errors.ts`. */
export interface Client {
  installation: number
  appId: number
  /** GETs are retried twice; nothing else is ever sent again by itself, unless GitHub refused it for a limit. */
  rest: Octokit
  /** A read by GraphQL, retried twice and not paced. Tolerated problems leave a null where they are. */
  query<T>(document: string, variables: object, tolerates?: Tolerance): Promise<T>
  /** Sent once. Gives the problems of single fields; throws where nothing was done. */
  mutate(document: string, variables: object): Promise<GraphQLProblem[]>
  /** What the installation granted, by name: `{ checks: 'write' }`. It comes with the token and costs no request. */
  permissions(): Promise<Readonly<Record<string, string>>>
  /** What this installation has refused once and need not be asked again. */
  refused: Set<'minimize'>
  wait(seconds: number): Promise<void>
}

export interface Clients {
  /** Asks in the App's own name. */
  app: Octokit
  forInstallation(id: number): Client
  /** When the App was installed, ISO 8601; asked once per installation. */
  installedAt(id: number): Promise<string>
}

const MOST_CLIENTS = 500
const RETRIES = 2
// GitHub's live for an hour by the clock, which goes on while a machine sleeps.
const TOKEN_MS = 59 * 60 * 1000

/** Clients that share one key; those of the least recently used installations are forgotten, with their tokens. */
export function createClients(options: ClientOptions): Clients {
  const cached = new LRUCache<number, Client>({ max: MOST_CLIENTS })
  const installed = new LRUCache<number, string>({ max: MOST_CLIENTS })
  const app = createAppClient(options)

  return {
    app,
    forInstallation(id) {
      const known = cached.get(id)
      if (known) return known
      const client = createClient(options, id, () => cached.delete(id))
      cached.set(id, client)
      return client
    },
    async installedAt(id) {
      const known = installed.get(id)
      if (known !== undefined) return known
      const { data } = await app.rest.apps.getInstallation({ installation_id: id })
      installed.set(id, data.created_at)
      return data.created_at
    },
  }
}

function createAppClient(options: ClientOptions): Octokit {
  const gate = createGate(waiter(options))
  const octokit = new PacedOctokit({
    ...common(options, { id: 'app', paced: true, gate }),
    authStrategy: createAppAuth,
    auth: { appId: options.appId, privateKey: options.privateKey },
    observe: observer(options, null, 'rest'),
  })
  retryOnlyReads(octokit)
  guard(octokit, gate)
  return octokit
}

function createClient(options: ClientOptions, installation: number, forget: () => void): Client {
  const { appId, privateKey } = options
  const wait = waiter(options)
  const gate = createGate(wait)
  // Its requests for tokens go outside of the limiter: a token is needed by whoever already holds one of its places.
  const minter = new ObservedOctokit({ ...plain(options), observe: observer(options, installation, 'token') })
  const tokens = new LRUCache<string, string>({ max: 1, ttl: TOKEN_MS, perf: Date })
  const auth = createAppAuth({
    appId,
    privateKey,
    installationId: installation,
    request: minter.request,
    log: minter.log,
    cache: {
      get: (key: string) => tokens.get(key) ?? '',
      set: (key: string, token: string) => tokens.set(key, token),
    },
  })
  // The library lets all clients of one installation wait for the same token, and only one of them remembers it: the
  // others would ask for it again, inside of the limiter.
  const holdToken = async () => {
    do {
      await auth({ type: 'installation' })
      tokens.purgeStale()
    } while (tokens.size === 0)
  }

  const create = (paced: boolean, kind: RequestRecord['kind']) => {
    const octokit = new PacedOctokit({
      ...common(options, { id: String(installation), paced, gate }),
      authStrategy: () => auth,
      observe: observer(options, installation, kind),
    })
    octokit.hook.before('request', holdToken)
    guard(octokit, gate, forget)
    return octokit
  }

  const rest = create(true, 'rest')
  retryOnlyReads(rest)
  const reads = create(false, 'query')
  const writes = create(true, 'mutation')
  retryOnlyReads(writes)

  function assertUnlimited({ problems, headers }: Pick<GraphQLAnswer<unknown>, 'problems' | 'headers'>): void {
    const limit = problems.find(isLimit)
    if (!limit) return
    const error = new RateLimitedError(retryAt(headers) ?? gate.guess(), { cause: new Error(limit.message) })
    gate.close(error)
    throw error
  }

  return {
    installation,
    appId,
    rest,
    async query<T>(document: string, variables: object, tolerates: Tolerance = () => false) {
      const answer = await ask<T>(reads, document, variables)
      assertUnlimited(answer)
      const { data, problems } = answer
      const problem = problems.find(({ path, type }) => path === undefined || !tolerates(path, HIDDEN.has(type)))
      if (problem || data === null) throw fromGraphQL(problem ?? NO_DATA, 'read')
      return data
    },
    async mutate(document, variables) {
      const answer = await ask(writes, document, variables)
      assertUnlimited(answer)
      const whole = answer.problems.find(({ path }) => path === undefined)
      if (whole) throw fromGraphQL(whole, 'write')
      return answer.problems
    },
    permissions: async () => {
      const { permissions = {} } = (await auth({ type: 'installation' })) as { permissions?: Record<string, string> }
      return permissions
    },
    refused: new Set(),
    wait,
  }
}

function waiter({ secondMs = 1000 }: ClientOptions): Client['wait'] {
  return (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * secondMs))
}

/** Outermost: asks nothing before GitHub wants to be asked, and lets no failure out without its name. */
function guard(octokit: Octokit, gate: Gate, forget = () => {}): void {
  octokit.hook.before('request', () => gate.pass())
  octokit.hook.error('request', (error) => {
    const named = toNamedError(error, gate.guess)
    if (named instanceof RateLimitedError) gate.close(named)
    if (named instanceof CredentialsError) forget()
    throw named
  })
}

const HIDDEN: ReadonlySet<string | undefined> = new Set(['FORBIDDEN', 'NOT_FOUND'])
const NO_DATA: GraphQLProblem = { message: 'The answer has no data.' }

interface GraphQLAnswer<T> {
  data: T | null
  problems: GraphQLProblem[]
  headers: Record<string, string | number | undefined>
}

async function ask<T>(octokit: Octokit, document: string, variables: object): Promise<GraphQLAnswer<T>> {
  try {
    return {
      data: (await octokit.graphql<T | undefined>(document, { ...variables })) ?? null,
      problems: [],
      headers: {},
    }
  } catch (error) {
    if (!isGraphQLAnswer<T>(error)) throw error
    return { data: error.data ?? null, problems: error.errors, headers: error.headers }
  }
}

function isGraphQLAnswer<T>(
  error: unknown,
): error is Error & { data?: T; errors: GraphQLProblem[]; headers: Record<string, string> } {
  return error instanceof Error && error.name === 'GraphqlResponseError' && 'errors' in error
}

/** A lost answer to a write must be looked for before the write is sent again. */
function retryOnlyReads(octokit: Octokit): void {
  octokit.hook.before('request', (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') request.request = { ...request.request, retries: 0 }
  })
}

type Observe = (request: { method: string; url: string; query?: unknown }, answer: Answer | null, ms: number) => void

interface Answer {
  status: number
  headers: Record<string, string | number | undefined>
}

type Plugin = Parameters<typeof Octokit.plugin>[number]

/** Reports every attempt; innermost, so that it sees retries too. */
const observing: Plugin = (octokit, settings) => {
  const observe: Observe | undefined = settings.observe
  octokit.hook.wrap('request', async (request, options) => {
    const start = performance.now()
    const report = (answer: Answer | null) => observe?.(options, answer, performance.now() - start)
    try {
      const answer = await request(options)
      report(answer)
      return answer
    } catch (error) {
      report((error as { response?: Answer }).response ?? null)
      throw error
    }
  })
  return {}
}

/** The library takes an answer that is no JSON for a text: half an answer, or the page of a proxy. */
const refusingTexts: Plugin = (octokit) => {
  octokit.hook.after('request', ({ status, data }, request) => {
    const isJson = typeof data === 'object' && data !== null && !(data instanceof ArrayBuffer)
    if (status < 202 && !isJson) throw Object.assign(new Error('The answer is no JSON.'), { status: 502, request })
  })
  return {}
}

/** The throttling plugin knows a secondary limit by its message alone; GitHub also tells by status and header. */
const namingLimits: Plugin = (octokit) => {
  octokit.hook.error('request', (error) => {
    if (isSecondaryLimit(error) && !/\bsecondary rate\b/i.test(error.message))
      error.message += ' (secondary rate limit)'
    throw error
  })
  return {}
}

/** What GitHub answered ends here: its messages go on, what they quote does not. */
const withoutQuotes: Plugin = (octokit) => {
  octokit.hook.error('request', (error) => {
    if (error instanceof Error) error.message = reasonOf(error)
    throw error
  })
  return {}
}

const ObservedOctokit = Octokit.plugin(refusingTexts, observing, withoutQuotes)
const PacedOctokit = Octokit.plugin(refusingTexts, observing, withoutQuotes, namingLimits, throttling, retry)

/** Stands in for a group of limiters where pacing would only cost time. */
const unpaced = { key: () => ({ schedule: (_options: unknown, task: () => unknown) => task() }) }

function common(options: ClientOptions, { id, paced, gate }: { id: string; paced: boolean; gate: Gate }) {
  const { longestWaitSeconds = 30, secondMs = 1000 } = options
  const waits = (seconds: number, _request: unknown, _octokit: unknown, retryCount: number) => {
    const isShort = seconds > 0 && seconds <= longestWaitSeconds && retryCount < RETRIES
    if (isShort) gate.hold(seconds)
    return isShort
  }
  return {
    ...plain(options),
    throttle: {
      id,
      retryAfterBaseValue: secondMs,
      onRateLimit: waits,
      onSecondaryRateLimit: waits,
      // Writes go one a second, those that notify people one in three; the plugin takes every GraphQL call for a write.
      ...((!paced || secondMs !== 1000) && { write: unpaced as never, notifications: unpaced as never }),
    },
    retry: {
      retries: RETRIES,
      retryAfterBaseValue: secondMs,
      doNotRetry: [400, 401, 403, 404, 405, 409, 410, 422, 429, 451],
    },
  }
}

function plain({ baseUrl, userAgent, fetch = globalThis.fetch, log, timeoutMs = 30_000 }: ClientOptions) {
  const quietly = (message: string) => log.debug({ detail: message }, 'octokit')
  return {
    ...(baseUrl !== undefined && { baseUrl: baseUrl.replace(/\/$/, '') }),
    userAgent,
    log: {
      debug: quietly,
      info: quietly,
      warn: (message: string) => log.warn({ detail: message }, 'octokit'),
      error: quietly,
    },
    request: { fetch: (url: string, init: RequestInit) => fetchWhole(fetch, url, init, timeoutMs) },
  }
}

/** Reads the body before it answers: the library takes a body that breaks off for an empty one. */
async function fetchWhole(
  fetch: typeof globalThis.fetch,
  url: string,
  init: RequestInit,
  timeoutMs: number,
): Promise<Response> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) })
  const body = await response.arrayBuffer()
  const { status, statusText, headers } = response
  const whole = new Response(body.byteLength === 0 ? null : body, { status, statusText, headers })
  return Object.defineProperty(whole, 'url', { value: response.url })
}

function observer(options: ClientOptions, installation: number | null, kind: RequestRecord['kind']): Observe {
  return ({ method, url, query }, answer, ms) => {
    const operation = typeof query === 'string' ? /(?:query|mutation)\s+(\w+)/.exec(query)?.[1] : undefined
    const remaining = answer?.headers['x-ratelimit-remaining']
    options.onRequest?.({
      installation,
      kind,
      method,
      route: operation ?? url,
      status: answer?.status ?? null,
      remaining: remaining === undefined ? null : Number(remaining),
      ms,
    })
  }
}
