import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { callsItself, mix } from './app/shop.ts'
import { start } from './app/start.ts'
import type { Running } from './app/start.ts'
import { freshDirectory } from './support/databases.ts'
import { startGitHub } from './support/github/index.ts'
import type { StandIn } from './support/github/index.ts'
import { environmentFor, launch } from './support/service-process.ts'
import type { ServiceProcess } from './support/service-process.ts'

vi.setConfig({ testTimeout: 60_000 })

const children: ServiceProcess[] = []
const directories: string[] = []
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill()))
  directories.splice(0).forEach((directory) => rmSync(directory, { recursive: true, force: true }))
})

function run(env: Record<string, string>, files: Record<string, string> = {}): ServiceProcess {
  const child = launch(env, { files })
  children.push(child)
  return child
}

async function credentials(github: StandIn): Promise<Record<string, string>> {
  const directory = await freshDirectory()
  directories.push(directory)
  return { ...environmentFor(github), DATA_DIR: directory }
}

describe('without credentials', () => {
  test('production ends at once, and says all that has to be set', async () => {
    const { exited, output } = run({ NODE_ENV: 'production' })

    expect(await exited).toBe(1)
    expect(output()).toMatch(/set APP_ID to [^]*set PRIVATE_KEY to [^]*set WEBHOOK_SECRET to /)
  })

  test('a developer is offered to register the app, with the permissions and events of app.yml', async () => {
    const port = await freePort()

    const { printed } = run({ PORT: String(port), PUBLIC_URL: 'https://otp.example.com/' })
    const page = await (await fetch(await printed(/open (http:\S+)/))).text()

    const manifest = JSON.parse(/name="manifest"[^>]*value='([^']*)'/.exec(page)![1]!) as Record<string, unknown>
    expect(manifest).toMatchObject({
      public: false,
      hook_attributes: { url: 'https://otp.example.com/api/github/webhooks' },
      default_permissions: {
        metadata: 'read',
        contents: 'read',
        pull_requests: 'write',
        checks: 'write',
        merge_queues: 'read',
        issues: 'read',
      },
      default_events: [
        'pull_request',
        'check_run',
        'check_suite',
        'merge_group',
        'issue_comment',
        'pull_request_review_comment',
      ],
    })
  })
})

test.each([
  [
    'the webhook secret that Probot takes where none is set',
    { WEBHOOK_SECRET: 'development' },
    'WEBHOOK_SECRET must not',
  ],
  [
    'the same as the one that is rotated out',
    { WEBHOOK_SECRET_PREVIOUS: 'development' },
    'WEBHOOK_SECRET_PREVIOUS must',
  ],
  ['no webhook secret', { WEBHOOK_SECRET: '' }, 'set WEBHOOK_SECRET to'],
])('with %s it does not start', async (_, wrong, message) => {
  await using github = await startGitHub()

  const { exited, output } = run({ ...(await credentials(github)), NODE_ENV: '', ...wrong })

  expect(await exited).toBe(1)
  expect(output()).toContain(message)
  expect(output()).not.toContain('http://')
})

test('a .env file fills in what the environment leaves open, and overrides nothing', async () => {
  await using github = await startGitHub()
  const { WEBHOOK_SECRET, ...env } = await credentials(github)
  const file = `WEBHOOK_SECRET=${WEBHOOK_SECRET}\nHOST=192.0.2.1\nLOG_FORMAT=pretty\n`

  const { url } = run({ ...env, LOG_FORMAT: 'json' }, { '.env': file })

  expect(await url()).toMatch('http://127.0.0.1:')
})

test('a second process on the same data directory ends, and says what to do', async () => {
  await using github = await startGitHub()
  const env = await credentials(github)
  const first = run(env)
  await first.url()

  const second = run(env)

  expect(await second.exited).toBe(1)
  expect(second.output()).toContain('in use by another process. Stop that one')
})

test('SIGTERM lets the running review end, takes no other, and exits with 0', async () => {
  await using github = await startGitHub()
  const { send, exited, printed, url: listening } = run({ ...(await credentials(github)), CONCURRENCY: '1' })
  const url = await listening()
  github.webhooks.deliverTo(`${url}/api/github/webhooks`)
  const repository = await github.repository('acme/shop', { files: mix })
  const held = github.faults.hold('PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}')
  const running = await repository.open({ branch: 'a', files: { 'lib/shop/stock.ex': callsItself } })
  await held.reached
  const waiting = await repository.open({ branch: 'b', files: { 'lib/shop/stock.ex': callsItself } })

  send('SIGTERM')
  await printed(/"msg":"stopping"/)
  const ready = await fetch(`${url}/readyz`)
  const healthy = await fetch(`${url}/healthz`)
  held.release()

  expect(await exited).toBe(0)
  expect([ready.status, healthy.status]).toEqual([503, 200])
  expect(running.checkRuns()).toMatchObject([{ conclusion: 'failure' }])
  expect(waiting.checkRuns()).toEqual([])
})

test('it says how it is, answers before it works, and takes both secrets of a rotation', async () => {
  await using running = await start({ WEBHOOK_SECRET_PREVIOUS: 'the old one' })
  const { github, service } = running
  const get = async (path: string) => {
    const response = await fetch(`${service.url}${path}`)
    return { status: response.status, text: await response.text() }
  }
  const ping = async (secret: string, path = '/api/github/webhooks') => {
    const body = JSON.stringify({ zen: 'Keep it logically awesome.' })
    const response = await fetch(`${service.url}${path}`, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'x-github-event': 'ping',
        'x-github-delivery': randomUUID(),
        'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      },
    })
    return response.status
  }

  expect(await get('/healthz')).toMatchObject({ status: 200 })
  expect(await get('/readyz')).toMatchObject({ status: 200 })
  expect(await get('/nowhere')).toMatchObject({ status: 404 })
  expect(await ping(github.app.webhookSecret)).toBe(202)
  expect(await ping('the old one')).toBe(202)
  expect(await ping('another')).toBe(401)
  // Where an app that Probot's page registered delivers.
  expect(await ping(github.app.webhookSecret, '/')).toBe(202)

  const held = github.faults.hold(/graphql/)
  const repository = await github.repository('acme/shop', { files: mix })
  const pull = await repository.open({ branch: 'a', files: { 'lib/shop/stock.ex': callsItself } })
  await held.reached
  expect(github.webhooks.deliveries.find(({ event }) => event === 'pull_request')).toMatchObject({ statusCode: 202 })
  held.release()
  await pull.concluded()
  await running.line({ msg: 'job done' })

  const { status, text } = await get('/metrics')
  expect(status).toBe(200)
  expect(text).toContain('otp_review_deliveries_total{outcome="accepted",event="pull_request"} 1')
  expect(text).toContain('otp_review_deliveries_total{outcome="refused",event=""} 1')
  expect(text).toMatch(/otp_review_job_seconds_count\{[^}]*outcome="reviewed"[^}]*\} 1/)
  expect(text).toContain('otp_review_github_requests_total{kind="query",status="2xx"}')
  expect(text).toContain('otp_review_jobs{state="waiting"} 0')
})

test('a key that GitHub does not take is said where it is asked whether it is ready', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  await using running = await start({ PRIVATE_KEY: key })
  const ask = async (path: string) => {
    const response = await fetch(`${running.service.url}${path}`)
    return `${response.status} ${(await response.text()).trim()}`
  }

  await running.line({ msg: 'GitHub could not be asked who we are' })

  expect(await ask('/readyz')).toBe('503 GitHub does not accept APP_ID with PRIVATE_KEY')
  expect(await ask('/healthz')).toBe('200 ok')
})

test('an idle connection stays open for as long as the setting says, and by default longer than balancers keep theirs', async () => {
  await using lasting = await start()
  await using brief = await start({ KEEP_ALIVE_SECONDS: '1' }, lasting.github)
  const connectTo = async ({ service }: Running) => {
    const { hostname, port } = new URL(service.url)
    const socket = connect(Number(port), hostname)
    const ask = async () => {
      socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
      const [answer] = (await once(socket, 'data')) as [Buffer]
      return /keep-alive: (\S+)/i.exec(answer.toString())?.[1]
    }
    return { socket, ask }
  }
  const one = await connectTo(lasting)
  const other = await connectTo(brief)

  const told = [await one.ask(), await other.ask()]
  // An end that nobody reads is not heard.
  other.socket.resume()
  await once(other.socket, 'close')

  expect(told).toEqual(['timeout=75', 'timeout=1'])
  expect(await one.ask()).toBe('timeout=75')
  one.socket.destroy()
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
