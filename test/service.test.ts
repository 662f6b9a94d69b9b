import { createHmac, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { callsItself, mix } from './app/shop.ts'
import { start } from './app/start.ts'
import { freshDirectory } from './support/databases.ts'
import { startGitHub } from './support/github/index.ts'
import type { StandIn } from './support/github/index.ts'
import { environmentFor, launch } from './support/service-process.ts'
import type { ServiceProcess } from './support/service-process.ts'

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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
