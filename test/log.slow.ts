import { createHmac, randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { describeError, withoutMessage } from '../src/log.ts'
import { callsItself, mix } from './app/shop.ts'
import { freshDirectory, freshSchema, openTestDatabase, postgresUrl } from './support/databases.ts'
import { startGitHub } from './support/github/index.ts'
import type { Fault, RecordedRequest, StandIn } from './support/github/index.ts'
import { environmentFor, launch } from './support/service-process.ts'
import type { ServiceProcess } from './support/service-process.ts'

vi.setConfig({ testTimeout: 60_000 })

const ends: (() => unknown)[] = []
afterEach(() => Promise.all(ends.splice(0).map((end) => end())))

test('an error is logged with its chain, and without the request and the answer it carries', () => {
  const answer = Object.assign(new Error('Not Found'), {
    name: 'HttpError',
    status: 404,
    request: { headers: { authorization: 'token ghs_secret' } },
    response: { data: 'defmodule Secret do' },
  })
  const error = new Error('gone', { cause: answer })

  const described = describeError(error)

  expect(described).toMatchObject({
    type: 'Error',
    message: 'gone',
    cause: { type: 'HttpError', message: 'Not Found', status: 404 },
  })
  expect(JSON.stringify(described)).not.toMatch(/secret/i)
})

test('whatever is thrown can be logged', () => {
  expect(describeError('just text')).toEqual({ type: 'string', message: 'just text' })
  expect(describeError(undefined)).toEqual({ type: 'undefined', message: 'undefined' })
  expect(describeError({ message: 'of the queue', code: '57P01', detail: 'a row' })).toEqual({
    type: 'Error',
    message: 'of the queue',
    code: '57P01',
  })
})

test('what can quote a file is logged without its message, and says where it happened', () => {
  const described = describeError(withoutMessage(new SyntaxError('defmodule Secret do\n  end')))

  expect(described).toMatchObject({ type: 'SyntaxError', stack: expect.stringContaining('log.slow.ts') })
  expect(JSON.stringify(described)).not.toContain('Secret')
})

/** Stands in all that people wrote, and must stand in nothing that is printed. */
const WORD = 'Quagga'
const code = callsItself
  .replaceAll('count', `${WORD.toLowerCase()}_count`)
  .replace('use GenServer', `@moduledoc "${WORD}"\n  use GenServer`)
const config = '.github/otp-review.yml'
const RUNS = 'POST /repos/{owner}/{repo}/check-runs'

/** GitHub's way to say that something is wrong with what was sent: it quotes it. */
const QUOTING: Fault = {
  status: 422,
  body: {
    message: `Invalid request.\n\nFor 'properties/output', "${WORD}" is not an object.`,
    errors: [{ resource: 'CheckRun', field: 'output', code: 'invalid', value: `${WORD} do` }],
    documentation_url: `https://docs.github.com/${WORD}`,
  },
}

async function deliver(github: StandIn, body: string, signature = ''): Promise<number> {
  const { status } = await fetch(github.webhooks.target!, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'pull_request',
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256':
        signature || `sha256=${createHmac('sha256', github.app.webhookSecret).update(body).digest('hex')}`,
    },
  })
  return status
}

/** Goes through all that a service can meet, good and bad, until it crashes. */
async function live(github: StandIn, service: ServiceProcess): Promise<void> {
  const repository = await github.repository('acme/shop', {
    files: { ...mix, 'lib/old.ex': code, [config]: `mode: ${WORD}\nrules:\n  ${WORD}: error\n` },
  })
  repository.allow('alice', 'write')
  const open = (branch: string, more: Record<string, string> = {}) =>
    repository.open({
      branch,
      title: `${WORD} title`,
      body: `${WORD} body`,
      files: {
        'lib/old.ex': `${code}# ${branch}\n`,
        'lib/stock.ex': code.replaceAll('Shop.Stock', `Shop.Quagga${branch}`),
        ...more,
      },
    })
  /** Of this pull request alone: others are tried again meanwhile. */
  const failing = async (
    branch: string,
    isHit: (request: RecordedRequest, number: number) => boolean,
    fault: Fault,
  ) => {
    const number = repository.home.pulls.length + 1
    github.faults.always((request) => isHit(request, number), fault)
    await open(branch)
    await service.printed(
      new RegExp(`job failed, will run again.*pr=${number}\\b|"pr":${number},.*job failed, will run again`),
    )
  }
  const isList = ({ path }: RecordedRequest, number: number) => path.endsWith(`/pulls/${number}/files`)
  const isAbout = ({ body }: RecordedRequest, number: number) =>
    (body as { variables?: { number?: number } } | undefined)?.variables?.number === number

  const pull = await open('good')
  await pull.concluded()
  await pull.comment(`/otp-review accept genserver-self-call -- ${WORD} wanted it`)
  await pull.comment(`${WORD}, no command`)
  await pull.push({ 'lib/stock.ex': `${code}\n# ${WORD}\n` })
  await pull.concluded()
  const broken = await open('broken', { 'lib/quoted.ex': code })
  await broken.concluded()
  await failing('down', isList, { status: 502, body: `<h1>${WORD}</h1>` })
  await failing('strange', isList, { status: 200, body: `${WORD}` })
  await failing('cut', isAbout, { connection: 'cut', when: 'after' })
  await failing('refused', ({ method, route }) => `${method} ${route}` === RUNS, QUOTING)
  expect(await deliver(github, `{"text":"${WORD}"}`, `sha256=${'0'.repeat(64)}`)).toBe(401)
  expect(await deliver(github, `{"text":"${WORD}`)).toBe(400)
  expect(await deliver(github, `{"text":"${WORD}"}`)).toBe(202)
  await service.printed(/delivery ignored/)

  service.send('SIGUSR2')
  expect(await service.exited).toBe(1)
}

test.each(['json', 'pretty'])(
  'nothing secret and nothing that people wrote is ever printed, as %s at level trace',
  async (format) => {
    await using github = await startGitHub()
    const password = 'hunter2-of-the-database'
    const oldSecret = 'hunter2-of-the-webhook'
    const token = 'ghs_hunter2OfTheCrash'
    const place = await placeWith(password)
    const env = { ...environmentFor(github), ...place, LOG_LEVEL: 'trace', LOG_FORMAT: format }
    const service = launch(
      { ...env, WEBHOOK_SECRET_PREVIOUS: oldSecret, BODY: WORD, TOKEN: token },
      { program: 'test/support/quoting-service.ts' },
    )
    ends.push(() => service.kill())
    github.webhooks.deliverTo(`${await url(service)}/api/github/webhooks`)

    await live(github, service)

    const output = service.output()
    for (const seen of [
      'job done',
      'analysis thread failed',
      'job failed, will run again',
      'crashed',
      'octokit',
      'command',
    ])
      expect(output).toContain(seen)
    const key = github.app.privateKey.split('\n').slice(1, -2)
    const secrets = [
      WORD,
      password,
      oldSecret,
      token,
      github.app.webhookSecret,
      Buffer.from(github.app.privateKey).toString('base64').slice(0, 60),
      ...key,
      ...github.world.tokens.keys(),
    ]
    expect(key.length).toBeGreaterThan(10)
    expect(github.world.tokens.size).toBeGreaterThan(0)
    expect(secrets.filter((secret) => output.toLowerCase().includes(secret.toLowerCase()))).toEqual([])
    expect(output).not.toMatch(/eyJ[\w-]{10,}\.|BEGIN [A-Z ]*PRIVATE/)
  },
)

test('settings that are wrong, and a database that is not there, are told without what they hold', async () => {
  await using github = await startGitHub()
  const secret = 'hunter2'
  const wrong = {
    ...environmentFor(github),
    DATABASE_URL: `mysql://me:${secret}@127.0.0.1/x`,
    PRIVATE_KEY: `-----BEGIN ${secret}`,
    PROXY_URL: `socks://me:${secret}@127.0.0.1`,
  }
  const absent = {
    ...environmentFor(github),
    DATABASE_URL: `postgres://me:${secret}@127.0.0.1:1/x`,
    LOG_LEVEL: 'trace',
  }

  const outputs = await Promise.all(
    [wrong, absent].map(async (env) => {
      const process = launch(env)
      expect(await process.exited).toBe(1)
      return process.output()
    }),
  )

  expect(outputs[0]).toMatch(/PROXY_URL must be[^]*DATABASE_URL must be[^]*PRIVATE_KEY holds no private key/)
  expect(outputs[1]).toMatch(/"msg":"not started"/)
  expect(outputs.join('')).not.toContain(secret)
})

/** PostgreSQL with a password, which it does not ask for here; without one the embedded database. */
async function placeWith(password: string): Promise<Record<string, string>> {
  if (postgresUrl === null) {
    const directory = await freshDirectory()
    ends.push(() => rmSync(directory, { recursive: true, force: true }))
    return { DATA_DIR: directory }
  }
  const address = new URL(postgresUrl)
  if (address.password === '') address.password = password
  const schema = freshSchema()
  ends.push(async () => {
    const database = await openTestDatabase('postgres')
    await database.query(`drop schema if exists ${schema} cascade`)
    await database.close()
  })
  return { DATABASE_URL: address.href, DATABASE_SCHEMA: schema }
}

function url(service: ServiceProcess): Promise<string> {
  return service.printed(/\burl"?[:=]"?(http:[^"\s]+)/)
}
