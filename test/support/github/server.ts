// The HTTP side: reads a request, checks it, asks the route, checks the answer, and keeps a record of all of it.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Actor, authenticate, demand } from './access.ts'
import type { Webhooks } from './deliveries.ts'
import type { GitHub } from './events.ts'
import type { Fault, Faults, RecordedRequest } from './faults.ts'
import { answerGraphql } from './graphql/execute.ts'
import { checkAnswer, checkRequest, isDescribed, multiSegmentParameters } from './openapi.ts'
import { type Answer, notFound, Refusal, Violation } from './refusal.ts'
import { appRoutes } from './routes/app.ts'
import { checkRoutes } from './routes/checks.ts'
import { issueRoutes } from './routes/issues.ts'
import { pullRoutes } from './routes/pulls.ts'
import { repositoryRoutes } from './routes/repositories.ts'
import { asAnyone, type Call, ok, type Route } from './routes/route.ts'
import { fullNameOf } from './world.ts'

const REQUESTS_PER_HOUR = 5000
const MOVED = [301, 307]

interface Match {
  template: string
  route: Route
  params: Record<string, string>
}

interface Received {
  method: string
  prefix: string
  path: string
  query: Record<string, string>
  headers: IncomingMessage['headers']
  body: unknown
}

export interface Server {
  url: string
  requests: RecordedRequest[]
  close: () => Promise<void>
}

/** Answers as GitHub on a free loopback port. */
export async function listen(
  github: GitHub,
  webhooks: Webhooks,
  faults: Faults,
  violations: string[],
): Promise<Server> {
  const requests: RecordedRequest[] = []
  const used = new Map<string, number>()
  const find = createRouter({
    ...appRoutes,
    ...repositoryRoutes,
    ...pullRoutes,
    ...issueRoutes,
    ...checkRoutes,
    'GET /rate_limit': asAnyone(({ actor }) => {
      const one = rate(actor)
      return ok({ resources: { core: one, search: one, graphql: one }, rate: one })
    }),
  })
  // GitHub answers first and delivers its webhooks then.
  const background: GitHub = {
    ...github,
    emit: async (event) => {
      void github.emit(event)
    },
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      violations.push(`the stand-in failed: ${error instanceof Error ? error.stack : String(error)}`)
      response.destroy()
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  github.world.apiUrl = url

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now()
    const received = await receive(request)
    const match = find(received.method, received.path)
    const record: RecordedRequest = {
      method: received.method,
      route: match?.template ?? (received.path === '/graphql' ? '/graphql' : received.path),
      path: received.path,
      query: received.query,
      body: received.body,
      by: 'nobody',
      at: github.world.now(),
      status: 0,
      ms: 0,
    }
    requests.push(record)
    const fault = faults.take(record)
    if (fault?.when !== 'after') await suffer(fault, record)
    const replaces = fault?.status !== undefined || fault?.connection === 'drop'
    const answer = replaces && fault.when !== 'after' ? { status: 0 } : await answerOf(received, match, record)
    if (fault?.when === 'after') await suffer(fault, record)
    record.ms = Math.round(performance.now() - started)
    send(response, record, fault, fault?.status === undefined ? answer : replacement(fault, fault.status))
    github.world.touch()
  }

  async function answerOf(received: Received, match: Match | null, record: RecordedRequest): Promise<Answer> {
    try {
      const answer = await checkedAnswer(received, match, record)
      return withHeaders(received, answer, record)
    } catch (error) {
      if (error instanceof Refusal) return { status: error.status, body: error.body }
      const reason = error instanceof Violation ? error.message : `the stand-in failed: ${(error as Error).stack}`
      violations.push(`${received.method} ${received.path}: ${reason}`)
      return { status: reason.startsWith('GitHub has no ') ? 404 : 500, body: { message: reason } }
    }
  }

  async function checkedAnswer(received: Received, match: Match | null, record: RecordedRequest): Promise<Answer> {
    const { method, path, headers } = received
    if (headers['user-agent'] === undefined) throw new Violation('GitHub refuses requests without a user agent')
    if (path === '/graphql') {
      const actor = authenticate(github.world, headers.authorization)
      record.by = actor.kind
      return answerGraphql(background, actor, method, headers['content-type'], received.body)
    }
    if (!match) throw new Violation(`GitHub has no ${method} ${path}, or the stand-in does not know it`)
    const { template, params, route } = match

    const verdict = checkRequest(method, template, {
      params: { ...params },
      query: { ...received.query },
      contentType: headers['content-type'],
      body: received.body,
    })
    if (verdict.faults.length > 0) throw new Violation(verdict.faults.join('; '))
    const actor = authenticate(github.world, headers.authorization)
    record.by = actor.kind
    const accept = headers.accept ?? '*/*'
    checkAccept(accept)
    const call: Call = {
      github: background,
      webhooks,
      actor,
      params,
      query: received.query,
      body: received.body,
      accept,
      url: `${url}${received.prefix}${path}`,
    }
    const refusal =
      verdict.limits.length > 0 ? new Refusal(422, `Invalid request.\n\n${verdict.limits.join('\n')}`) : null
    const answer = await ask(method, call, route, refusal)
    // Every path of a repository leads from its old name to the new one, described or not.
    if (!Buffer.isBuffer(answer.body) && !MOVED.includes(answer.status)) {
      const wrong = checkAnswer(method, template, answer.status, answer.body)
      if (wrong.length > 0) throw new Violation(`the stand-in answers wrongly: ${wrong.join('; ')}`)
    }
    return answer
  }

  function withHeaders(received: Received, answer: Answer, record: RecordedRequest): Answer {
    if (answer.status !== 200 || received.method !== 'GET') return answer
    const etag = `W/"${createHash('sha256').update(bytesOf(answer.body)).digest('hex')}"`
    const isKnown = received.headers['if-none-match'] === etag
    if (!isKnown && record.by !== 'nobody') used.set(record.by, (used.get(record.by) ?? 0) + 1)
    return isKnown ? { status: 304, headers: { etag } } : { ...answer, headers: { etag, ...answer.headers } }
  }

  function rate(actor: { kind: string }) {
    const spent = used.get(actor.kind) ?? 0
    const reset = Math.ceil(github.world.now().getTime() / 3_600_000) * 3600
    return { limit: REQUESTS_PER_HOUR, used: spent, remaining: REQUESTS_PER_HOUR - spent, reset }
  }

  function send(response: ServerResponse, record: RecordedRequest, fault: Fault | undefined, answer: Answer): void {
    if (fault?.connection === 'drop') {
      response.destroy()
      return
    }
    const one = rate({ kind: record.by })
    const bytes = bytesOf(answer.body)
    record.status = answer.status
    response.writeHead(answer.status, {
      ...(answer.body !== undefined && { 'content-type': 'application/json; charset=utf-8' }),
      'content-length': bytes.length,
      'x-github-request-id': `0000:${record.at.getTime().toString(16)}`,
      'x-github-media-type': 'github.v3; format=json',
      'x-ratelimit-limit': one.limit,
      'x-ratelimit-remaining': one.remaining,
      'x-ratelimit-used': one.used,
      'x-ratelimit-reset': one.reset,
      'x-ratelimit-resource': record.route === '/graphql' ? 'graphql' : 'core',
      ...answer.headers,
    })
    if (fault?.connection !== 'cut') response.end(bytes)
    else response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
  }

  function createRouter(routes: Record<string, Route>) {
    const entries = Object.entries(routes).map(([key, route]) => {
      const [method = '', template = ''] = key.split(' ')
      if (!isDescribed(method, template)) throw new Error(`GitHub has no ${key}`)
      return { method, template, route, pattern: patternOf(method, template) }
    })
    // A ref may hold slashes: `commits/{ref}/check-runs` must be tried before `commits/{ref}`.
    entries.sort((a, b) => b.template.split('/').length - a.template.split('/').length)
    return (method: string, path: string): Match | null => {
      for (const entry of entries) {
        const match = entry.method === method ? entry.pattern.exec(currentPath(path)) : null
        if (!match) continue
        const params = Object.entries(match.groups ?? {}).map(([name, value]) => [
          name,
          decodeURIComponent(value ?? ''),
        ])
        return { template: entry.template, route: entry.route, params: Object.fromEntries(params) }
      }
      return null
    }
  }

  // Where GitHub sends those who ask for a repository by a name that it had once.
  function currentPath(path: string): string {
    const [, id, rest] = /^\/repositories\/(\d+)(\/.*)?$/.exec(path) ?? []
    const repository = id && github.world.repositories.find((one) => one.id === Number(id))
    return repository ? `/repos/${fullNameOf(repository)}${rest ?? ''}` : path
  }

  return {
    url,
    requests,
    async close() {
      server.closeAllConnections()
      await new Promise<void>((done) => server.close(() => done()))
    },
  }
}

async function ask(method: string, call: Call, route: Route, refusal: Refusal | null): Promise<Answer> {
  if (route.by !== 'repository') {
    checkActor(call.actor, route.by)
    if (refusal) throw refusal
    return route.answer(call)
  }
  const { owner = '', repo = '' } = call.params
  const repository = call.github.world.repository(owner, repo)
  if (!repository) throw notFound()
  if (fullNameOf(repository).toLowerCase() !== `${owner}/${repo}`.toLowerCase()) {
    const rest = new URL(call.url).pathname.split('/').slice(4).join('/')
    const query = new URLSearchParams(call.query).toString()
    const path = `/repositories/${repository.id}/${rest}`.replace(/\/$/, '')
    const location = `${call.github.world.apiUrl}${path}${query && `?${query}`}`
    // The method is kept: who follows a 301 may ask by GET.
    return method === 'GET'
      ? { status: 301, body: { message: 'Moved Permanently', url: location }, headers: { location } }
      : { status: 307, body: { message: 'Temporary Redirect', url: location }, headers: { location } }
  }
  demand(call.actor, repository, route.needs)
  if (refusal) throw refusal
  return route.answer({ ...call, repository })
}

function checkActor(actor: Actor, by: 'app' | 'installation' | 'anyone'): void {
  if (by === 'anyone' || actor.kind === by) return
  if (by === 'app') throw new Refusal(401, 'A JSON web token could not be decoded')
  throw new Refusal(403, 'Resource not accessible by integration')
}

function patternOf(method: string, template: string): RegExp {
  const multi = multiSegmentParameters(method, template)
  const source = template
    .replaceAll('.', '\\.')
    // The root of a repository's contents has no path.
    .replace('/{path}', '(?:/(?<path>.*))?')
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => (multi.includes(name) ? `(?<${name}>.*)` : `(?<${name}>[^/]+)`))
  return new RegExp(`^${source}$`)
}

// GitHub Enterprise Server serves the same API below `/api/v3` and `/api/graphql`.
function splitPrefix(pathname: string): { prefix: string; path: string } {
  if (pathname === '/api/graphql') return { prefix: '/api', path: '/graphql' }
  const isEnterprise = pathname.startsWith('/api/v3/')
  return isEnterprise ? { prefix: '/api/v3', path: pathname.slice('/api/v3'.length) } : { prefix: '', path: pathname }
}

async function receive(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  const address = new URL(request.url ?? '/', 'http://localhost')
  return {
    method: request.method ?? 'GET',
    ...splitPrefix(address.pathname),
    query: Object.fromEntries(address.searchParams),
    headers: request.headers,
    body: text === '' ? undefined : parse(text),
  }
}

// What is no JSON stays text, and is then no valid body for any route.
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

const JSON_OR_RAW =
  /^(\*\/\*|application\/json|application\/vnd\.github(\.[\w-]+-preview|\.v3)?(\.(raw|object))?(\+json)?)$/

function checkAccept(accept: string): void {
  for (const type of accept.split(',')) {
    const name = type.split(';')[0]?.trim() ?? ''
    if (!JSON_OR_RAW.test(name)) throw new Violation(`the stand-in cannot answer as ${name}`)
  }
}

async function suffer(
  fault: (Fault & { until?: Promise<void>; reached?: (request: RecordedRequest) => void }) | undefined,
  record: RecordedRequest,
): Promise<void> {
  fault?.reached?.(record)
  await fault?.until
  if (fault?.delayMs) await new Promise((done) => setTimeout(done, fault.delayMs))
}

function replacement(fault: Fault, status: number): Answer {
  return { status, body: fault.body ?? { message: 'Server Error' }, ...(fault.headers && { headers: fault.headers }) }
}

function bytesOf(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0)
  return Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
}
