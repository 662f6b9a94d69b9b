import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import nock from 'nock'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  CredentialsError,
  GitHubUnavailableError,
  GoneError,
  MissingPermissionError,
  RateLimitedError,
  RefusedError,
} from '../../src/github/index.ts'
import { API, graphql, guardTheWire, INSTALLATION, token, wire } from './wire.ts'
import type { Wire } from './wire.ts'

guardTheWire()

/** A server of our own: what happens to a socket is nothing that nock can show. */
async function listen(answer: RequestListener) {
  nock.enableNetConnect('127.0.0.1')
  const server = createServer((request, response) => {
    if (!request.url?.endsWith('/access_tokens')) return answer(request, response)
    response.writeHead(201, { 'content-type': 'application/json' }).end('{"token":"x","permissions":{}}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const SECONDARY = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'
const QUERY = 'query Who { viewer { login } }'
const REVIEW = '/repos/acme/shop/pulls/1/reviews'

const getRepository = ({ client }: Pick<Wire, 'client'>) => client.rest.rest.repos.get({ owner: 'acme', repo: 'shop' })
const createReview = ({ client }: Wire) =>
  client.rest.rest.pulls.createReview({ owner: 'acme', repo: 'shop', pull_number: 1, event: 'COMMENT', body: 'x' })

describe('retries', () => {
  it('a GET that failed is tried twice more', async () => {
    nock(API).get('/repos/acme/shop').times(2).reply(502).get('/repos/acme/shop').reply(200, { id: 1 })
    const line = wire()

    const { data } = await getRepository(line)

    expect(data.id).toBe(1)
    expect(line.sent).toHaveLength(3)
  })

  it('a GET that keeps failing ends as unavailable after three attempts', async () => {
    nock(API).get('/repos/acme/shop').times(3).reply(503)
    const line = wire()

    await expect(getRepository(line)).rejects.toThrow(GitHubUnavailableError)
  })

  it.each([
    ['a bad gateway', (scope: nock.Interceptor) => scope.reply(502)],
    ['a broken connection', (scope: nock.Interceptor) => scope.replyWithError('socket hang up')],
  ])('a POST is never sent again after %s', async (_, answer) => {
    answer(nock(API).post(REVIEW))
    const line = wire()

    await expect(createReview(line)).rejects.toThrow(GitHubUnavailableError)

    expect(line.sent).toHaveLength(1)
  })

  it('a query is tried again, a mutation is not', async () => {
    nock(API).post('/graphql').times(2).reply(502)
    graphql({ data: { viewer: { login: 'otp-review[bot]' } } })
    nock(API).post('/graphql').reply(502)
    const { client, sent } = wire()

    await client.query(QUERY, {})
    await expect(client.mutate('mutation M { __typename }', {})).rejects.toThrow(GitHubUnavailableError)

    expect(sent).toHaveLength(4)
  })

  it('a query that GitHub could not finish in time is tried again', async () => {
    graphql({ data: null, errors: [{ message: 'Something went wrong while executing your query.' }] })
    graphql({ data: { viewer: { login: 'otp-review[bot]' } } })
    const { client } = wire()

    expect(await client.query(QUERY, {})).toEqual({ viewer: { login: 'otp-review[bot]' } })
  })

  it.each([
    ['half an answer', '{"id": 1, "full_na', 'application/json; charset=utf-8'],
    ['the page of a proxy', '<html>Back soon</html>', 'text/html'],
    ['nothing at all', '', 'application/json'],
  ])('%s with status 200 is a failure: a GET is tried again, a POST is not', async (_, body, type) => {
    const headers = { 'content-type': type }
    nock(API).get('/repos/acme/shop').times(2).reply(200, body, headers).get('/repos/acme/shop').reply(200, { id: 1 })
    nock(API).post(REVIEW).reply(200, body, headers)
    const line = wire()

    expect((await getRepository(line)).data.id).toBe(1)
    await expect(createReview(line)).rejects.toThrow(GitHubUnavailableError)

    expect(line.sent).toHaveLength(4)
  })

  it('half an answer to a query is tried again, one to a mutation is not', async () => {
    nock(API).post('/graphql').times(2).reply(200, '{"data": {"viewer"', { 'content-type': 'application/json' })
    graphql({ data: { viewer: { login: 'otp-review[bot]' } } })
    nock(API).post('/graphql').reply(200, '{"data": {"u0"', { 'content-type': 'application/json' })
    const { client, sent } = wire()

    expect(await client.query(QUERY, {})).toEqual({ viewer: { login: 'otp-review[bot]' } })
    await expect(client.mutate('mutation M { __typename }', {})).rejects.toThrow(GitHubUnavailableError)

    expect(sent).toHaveLength(4)
  })

  it('half a token is none', async () => {
    nock.cleanAll()
    nock(API).post(`/app/installations/${INSTALLATION}/access_tokens`).reply(201, '{"token": "ghs_')

    await expect(getRepository(wire())).rejects.toThrow(GitHubUnavailableError)
  })

  it('a query whose connection breaks is tried again', async () => {
    let count = 0
    await using server = await listen((_request, response) => {
      if (++count < 3) return response.destroy()
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"data":{"viewer":{"login":"x"}}}')
    })

    expect(await wire({ baseUrl: server.url }).client.query(QUERY, {})).toEqual({ viewer: { login: 'x' } })
    expect(count).toBe(3)
  })

  it('an answer that does not come in time is a failure', async () => {
    let reached = false
    await using server = await listen(() => void (reached = true))

    await expect(createReview(wire({ baseUrl: server.url, timeoutMs: 500 }))).rejects.toThrow(GitHubUnavailableError)
    expect(reached).toBe(true)
  })

  it('an answer that breaks off is a failure, not an empty answer', async () => {
    await using server = await listen((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
      response.write('{"id":', () => response.destroy())
    })

    await expect(createReview(wire({ baseUrl: server.url }))).rejects.toThrow(GitHubUnavailableError)
  })
})

describe('limits', () => {
  it.each([
    [403, { message: SECONDARY }, { 'retry-after': '5' }],
    [403, { message: 'Forbidden' }, { 'retry-after': '5' }],
    [429, { message: 'Too many requests' }, { 'retry-after': '5' }],
    [429, { message: SECONDARY }, { 'retry-after': '5' }],
  ])('a short wait after %i is kept and the request sent again, a POST too', async (status, body, headers) => {
    nock(API).post(REVIEW).reply(status, body, headers).post(REVIEW).reply(200, {})
    const line = wire({ secondMs: 20 })
    const start = Date.now()

    await createReview(line)

    expect(line.sent).toHaveLength(2)
    expect(Date.now() - start).toBeGreaterThanOrEqual(95)
  })

  it('gives up after two waits', async () => {
    nock(API).get('/repos/acme/shop').times(3).reply(429, {}, { 'retry-after': '5' })

    await expect(getRepository(wire())).rejects.toThrow(RateLimitedError)
  })

  it('a long wait is not waited for: the error says when to come back', async () => {
    nock(API).get('/repos/acme/shop').reply(403, { message: SECONDARY }, { 'retry-after': '1200' })
    const line = wire()

    const error = await getRepository(line).catch((error: unknown) => error)

    expect(error).toBeInstanceOf(RateLimitedError)
    const seconds = ((error as RateLimitedError).retryAt.getTime() - Date.now()) / 1000
    expect(seconds).toBeGreaterThan(1190)
    expect(seconds).toBeLessThanOrEqual(1200)
    expect(line.sent).toHaveLength(1)
  })

  it('without a header a secondary limit lasts a minute', async () => {
    nock(API).get('/repos/acme/shop').reply(403, { message: SECONDARY })

    const error = await getRepository(wire()).catch((error: unknown) => error)

    const seconds = ((error as RateLimitedError).retryAt.getTime() - Date.now()) / 1000
    expect(seconds).toBeGreaterThan(50)
    expect(seconds).toBeLessThanOrEqual(60)
  })

  it('an exhausted hour is over when GitHub says so', async () => {
    const reset = Math.floor(Date.now() / 1000) + 1800
    nock(API)
      .get('/repos/acme/shop')
      .reply(
        403,
        { message: 'API rate limit exceeded' },
        { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) },
      )

    const error = await getRepository(wire()).catch((error: unknown) => error)

    expect((error as RateLimitedError).retryAt).toEqual(new Date((reset + 1) * 1000))
  })

  it('a limit on GraphQL comes with status 200', async () => {
    const reset = Math.floor(Date.now() / 1000) + 1800
    nock(API)
      .post('/graphql')
      .reply(
        200,
        { data: null, errors: [{ type: 'RATE_LIMITED', message: 'API rate limit exceeded' }] },
        { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) },
      )

    const error = await wire()
      .client.query(QUERY, {})
      .catch((error: unknown) => error)

    expect(error).toBeInstanceOf(RateLimitedError)
    expect((error as RateLimitedError).retryAt).toEqual(new Date((reset + 1) * 1000))
  })
})

describe('a limit', () => {
  /** A clock that only goes forward, and an installation of its own: the limiters would take the passing of time for real. */
  let installations = INSTALLATION + 100
  function clocked() {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    token((installations += 1))
    const line = wire()
    return {
      ...line,
      client: line.clients.forInstallation(installations),
      pass: (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000),
    }
  }

  const secondsUntil = (error: unknown) => ((error as RateLimitedError).retryAt.getTime() - Date.now()) / 1000
  const failure = (promise: Promise<unknown>) => promise.catch((error: unknown) => error)

  it('holds back whatever the installation asks until it ends, without a request', async () => {
    nock(API)
      .get('/repos/acme/shop')
      .reply(403, { message: SECONDARY }, { 'retry-after': '600' })
      .get('/repos/acme/shop')
      .reply(200, {})
    const line = clocked()
    await expect(getRepository(line)).rejects.toThrow(RateLimitedError)
    line.pass(400)

    const refused = await Promise.all([
      failure(getRepository(line)),
      failure(line.client.query(QUERY, {})),
      failure(line.client.mutate('mutation M { __typename }', {})),
    ])

    expect(refused.map((error) => [(error as Error).name, secondsUntil(error)])).toEqual(
      Array.from({ length: 3 }, () => ['RateLimitedError', 200]),
    )
    expect(line.sent).toHaveLength(1)
    line.pass(200)
    await getRepository(line)
    expect(line.sent).toHaveLength(2)
  })

  it('of one installation is none of another', async () => {
    nock(API).get('/repos/acme/shop').reply(429, {}, { 'retry-after': '600' }).get('/repos/acme/shop').reply(200, {})
    const line = clocked()
    token(INSTALLATION + 50)
    await expect(getRepository(line)).rejects.toThrow(RateLimitedError)

    await getRepository({ client: line.clients.forInstallation(INSTALLATION + 50) })

    expect(line.sent).toHaveLength(2)
  })

  it('that is waited for here is waited for by all', async () => {
    nock(API)
      .get('/repos/acme/shop')
      .reply(429, {}, { 'retry-after': '10' })
      .get('/repos/acme/shop')
      .times(2)
      .reply(200, {})
    const line = wire({ secondMs: 30 })
    const start = Date.now()
    const first = getRepository(line)
    await vi.waitUntil(() => line.records.some(({ status }) => status === 429))

    await Promise.all([first, getRepository(line)])

    expect(Date.now() - start).toBeGreaterThanOrEqual(295)
    expect(line.sent).toHaveLength(3)
  })

  it('without an end lasts a minute, and twice as long each time that it comes again soon after', async () => {
    nock(API).get('/repos/acme/shop').times(4).reply(403, { message: SECONDARY })
    const line = clocked()
    const waits: number[] = []
    for (const pause of [0, 60 + 10, 120 + 10, 240 + 1000]) {
      line.pass(pause)
      waits.push(secondsUntil(await failure(getRepository(line))))
    }

    expect(waits).toEqual([60, 120, 240, 60])
  })

  it('without an end is the same for all that were under way', async () => {
    nock(API).get('/repos/acme/shop').times(3).reply(403, { message: SECONDARY })
    const line = clocked()

    const errors = await Promise.all([1, 2, 3].map(() => failure(getRepository(line))))

    expect(errors.map(secondsUntil)).toEqual([60, 60, 60])
  })

  it('that ended in the past, by a clock that is ahead, is not run into at once', async () => {
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(Math.floor(Date.now() / 1000) - 600) }
    nock(API).get('/repos/acme/shop').reply(403, { message: 'API rate limit exceeded' }, headers)
    const line = clocked()

    expect(secondsUntil(await failure(getRepository(line)))).toBe(60)
    expect(line.sent).toHaveLength(1)
  })

  it.each<[string, (line: Pick<Wire, 'client'>) => Promise<unknown>]>([
    ['query', ({ client }) => client.query(QUERY, {})],
    ['mutation', ({ client }) => client.mutate('mutation M { __typename }', {})],
  ])('on too much at once can come with status 200 to a %s', async (_, ask) => {
    nock(API)
      .post('/graphql')
      .reply(200, { data: null, errors: [{ message: SECONDARY }] }, { 'retry-after': '90' })
    const line = clocked()

    const error = await failure(ask(line))

    expect(error).toBeInstanceOf(RateLimitedError)
    expect(secondsUntil(error)).toBe(90)
    await expect(getRepository(line)).rejects.toBe(error)
    expect(line.sent).toHaveLength(1)
  })

  it('on tokens is a limit too', async () => {
    nock.cleanAll()
    nock(API)
      .post(`/app/installations/${INSTALLATION}/access_tokens`)
      .reply(403, { message: SECONDARY }, { 'retry-after': '90' })

    await expect(getRepository(wire())).rejects.toThrow(RateLimitedError)
  })
})

describe('failures by name', () => {
  it.each([
    [404, 'Not Found', GoneError],
    [410, 'Gone', GoneError],
    [451, 'Repository access blocked', GoneError],
    [403, 'This installation has been suspended', GoneError],
    [403, 'Repository was archived so is read-only.', GoneError],
    [403, 'Resource not accessible by integration', MissingPermissionError],
    [422, 'Validation Failed', RefusedError],
    [422, 'was submitted too quickly after a previous comment', RateLimitedError],
    [500, 'Server Error', GitHubUnavailableError],
  ])('%i %s', async (status, message, kind) => {
    nock(API).post(REVIEW).reply(status, { message })

    const error = await createReview(wire()).catch((error: unknown) => error)

    expect(error).toBeInstanceOf(kind)
    expect((error as Error).cause).toMatchObject({ status })
  })

  it('a missing permission is named as GitHub names it', async () => {
    nock(API)
      .post(REVIEW)
      .reply(
        403,
        { message: 'Resource not accessible by integration' },
        { 'x-accepted-github-permissions': 'pull_requests=write' },
      )
      .post('/repos/acme/shop/check-runs')
      .reply(403, { message: 'Resource not accessible by integration' })
    const line = wire()

    await expect(createReview(line)).rejects.toMatchObject({ permission: 'pull_requests:write' })
    await expect(
      line.client.rest.rest.checks.create({ owner: 'acme', repo: 'shop', name: 'OTP review', head_sha: 'a' }),
    ).rejects.toMatchObject({ permission: 'checks:write' })
  })

  it('an uninstalled App is gone', async () => {
    nock.cleanAll()
    nock(API).post(`/app/installations/${INSTALLATION}/access_tokens`).reply(404, { message: 'Not Found' })

    await expect(getRepository(wire())).rejects.toThrow(GoneError)
  })

  it('after a token that GitHub no longer takes, the next client gets a new one', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    nock(API).get('/repos/acme/shop').reply(200, {}).get('/repos/acme/shop').reply(401, { message: 'Bad credentials' })
    // Its own installation: the limiters of the others would take the passing of time for real.
    token(INSTALLATION + 1)
    const { clients } = wire()
    const client = clients.forInstallation(INSTALLATION + 1)
    await getRepository({ client })
    vi.setSystemTime(Date.now() + 600_000)

    await expect(getRepository({ client })).rejects.toThrow(CredentialsError)

    expect(clients.forInstallation(INSTALLATION + 1)).not.toBe(client)
  })

  it('in GraphQL a problem at a tolerated path leaves a null, any other fails', async () => {
    const answer = {
      data: { organisation: null, viewer: { login: 'x' } },
      errors: [{ type: 'NOT_FOUND', path: ['organisation'], message: 'Could not resolve to a Repository' }],
    }
    graphql(answer)
    graphql(answer)
    const { client } = wire()

    expect(await client.query(QUERY, {}, (path) => path[0] === 'organisation')).toEqual(answer.data)
    await expect(client.query(QUERY, {})).rejects.toThrow(GoneError)
  })

  it('in GraphQL only what is hidden from us can be done without, not what GitHub failed to tell', async () => {
    const message = 'Something went wrong'
    graphql({ data: { organisation: null }, errors: [{ type: 'INTERNAL', path: ['organisation'], message }] })
    graphql({ data: { organisation: null }, errors: [{ path: ['organisation'], message }] })
    const { client } = wire()
    const tolerates = (_path: unknown, isHidden: boolean) => isHidden

    await expect(client.query(QUERY, {}, tolerates)).rejects.toThrow(GitHubUnavailableError)
    await expect(client.query(QUERY, {}, tolerates)).rejects.toThrow(GitHubUnavailableError)
  })

  it('a mutation tells which of its fields failed', async () => {
    const problem = { type: 'FORBIDDEN', path: ['m0'], message: 'Resource not accessible by integration' }
    graphql({ data: { u0: {}, m0: null }, errors: [problem] })

    expect(await wire().client.mutate('mutation M { __typename }', {})).toEqual([problem])
  })
})

describe('clients', () => {
  it('an installation has one client and mints one token', async () => {
    nock(API).get('/repos/acme/shop').times(3).reply(200, {})
    graphql({ data: { viewer: { login: 'x' } } })
    const line = wire()

    await Promise.all([getRepository(line), getRepository(line), getRepository(line), line.client.query(QUERY, {})])

    expect(line.clients.forInstallation(INSTALLATION)).toBe(line.client)
    expect(line.records.filter(({ kind }) => kind === 'token')).toHaveLength(1)
  })

  it('reads by GraphQL are not paced', async () => {
    graphql({ data: { viewer: { login: 'x' } } }).persist()
    const { client } = wire({ secondMs: 1000 })
    await client.query(QUERY, {})
    const start = Date.now()

    await Promise.all(Array.from({ length: 8 }, () => client.query(QUERY, {})))

    // Paced, they would take seven seconds.
    expect(Date.now() - start).toBeLessThan(4000)
    nock.cleanAll()
  })

  it('writes go one a second', async () => {
    nock(API).post('/repos/acme/shop/check-runs').times(2).reply(201, {})
    const { client } = wire({ secondMs: 1000 })
    const create = () => client.rest.rest.checks.create({ owner: 'acme', repo: 'shop', name: 'x', head_sha: 'a' })
    const start = Date.now()

    await Promise.all([create(), create()])

    expect(Date.now() - start).toBeGreaterThanOrEqual(990)
  })

  it('every attempt is counted with its route and what is left of the limit', async () => {
    nock(API)
      .get('/repos/acme/shop')
      .reply(502)
      .get('/repos/acme/shop')
      .reply(200, {}, { 'x-ratelimit-remaining': '4999' })
    graphql({ data: { viewer: { login: 'x' } } })
    const line = wire()

    await getRepository(line)
    await line.client.query(QUERY, {})

    expect(
      line.records.map(({ kind, method, route, status, remaining }) => ({ kind, method, route, status, remaining })),
    ).toEqual([
      {
        kind: 'token',
        method: 'POST',
        route: '/app/installations/{installation_id}/access_tokens',
        status: 201,
        remaining: null,
      },
      { kind: 'rest', method: 'GET', route: '/repos/{owner}/{repo}', status: 502, remaining: null },
      { kind: 'rest', method: 'GET', route: '/repos/{owner}/{repo}', status: 200, remaining: 4999 },
      { kind: 'query', method: 'POST', route: 'Who', status: 200, remaining: null },
    ])
  })

  it('GitHub Enterprise Server has its own addresses', async () => {
    const host = 'https://github.acme.example'
    nock(host)
      .post(`/api/v3/app/installations/${INSTALLATION}/access_tokens`)
      .reply(201, { token: 'ghs_secret', expires_at: '2099-01-01T00:00:00Z', permissions: {} })
      .get('/api/v3/repos/acme/shop')
      .reply(200, {})
      .post('/api/graphql')
      .reply(200, { data: { viewer: { login: 'x' } } })
    const line = wire({ baseUrl: `${host}/api/v3` })

    await getRepository(line)
    await line.client.query(QUERY, {})

    expect(line.sent.map(({ url }) => url)).toEqual([`${host}/api/v3/repos/acme/shop`, `${host}/api/graphql`])
  })

  it('many first requests at once do not wait for each other there', async () => {
    const host = 'https://github.acme.example'
    nock(host)
      .post(`/api/v3/app/installations/${INSTALLATION}/access_tokens`)
      .delay(50)
      .reply(201, { token: 'ghs_secret', expires_at: '2099-01-01T00:00:00Z', permissions: {} })
      .get('/api/v3/repos/acme/shop')
      .times(12)
      .reply(200, {})
    const line = wire({ baseUrl: `${host}/api/v3` })

    await Promise.all(Array.from({ length: 12 }, () => getRepository(line)))

    expect(line.sent).toHaveLength(12)
  })

  it('the App asks in its own name, and when an installation was made only once', async () => {
    nock(API, { reqheaders: { authorization: /^bearer ey/ } })
      .get(`/app/installations/${INSTALLATION}`)
      .reply(200, { created_at: '2026-01-02T03:04:05Z' })
    const { clients } = wire()

    expect(await clients.installedAt(INSTALLATION)).toBe('2026-01-02T03:04:05Z')
    expect(await clients.installedAt(INSTALLATION)).toBe('2026-01-02T03:04:05Z')
  })
})
