import { rmSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { freshDirectory } from '../support/databases.ts'
import { startGitHub } from '../support/github/index.ts'
import type { StandIn } from '../support/github/index.ts'
import { makeAuthority, startProxy, startTls } from '../support/network.ts'
import { environmentFor, launch } from '../support/service-process.ts'
import type { ServiceProcess } from '../support/service-process.ts'
import { callsItself, mix } from './shop.ts'
import { textOf } from './told.ts'

// Whole processes and databases: on a busy machine they take their time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const HOST = 'github.acme.test'

const ends: (() => unknown)[] = []
afterEach(() => Promise.all(ends.splice(0).map((end) => end())))

/** The service as people start it, which GitHub reaches, and which reaches GitHub as these settings say. */
async function run(github: StandIn, env: Record<string, string>): Promise<ServiceProcess> {
  const directory = await freshDirectory()
  const { GITHUB_API_URL: _, ...own } = environmentFor(github)
  const service = launch({ ...own, DATA_DIR: directory, ...env }, { program: 'test/support/quick-service.ts' })
  ends.push(async () => {
    await service.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  github.webhooks.deliverTo(`${await service.url()}/api/github/webhooks`)
  return service
}

async function open(github: StandIn) {
  const repository = await github.repository('acme/shop', { files: mix })
  return repository.open({ branch: 'stock', files: { 'lib/shop/stock.ex': callsItself } })
}

test('an Enterprise Server behind a proxy that wants a password, with a certificate of the company’s own', async () => {
  await using github = await startGitHub({ webUrl: `https://${HOST}` })
  using authority = await makeAuthority()
  await using tls = await startTls(github.url, await authority.issue(HOST))
  await using proxy = await startProxy({ [`${HOST}:443`]: tls.port }, 'otp:hunter2-of-the-proxy')
  const env = { GHE_HOST: HOST, HTTPS_PROXY: proxy.url, NO_PROXY: 'other.test', NODE_EXTRA_CA_CERTS: authority.file }
  const service = await run(github, { ...env, LOG_LEVEL: 'trace' })

  const pull = await open(github)
  const check = await pull.concluded()

  expect(check.conclusion).toBe('failure')
  expect(new Set(proxy.connections)).toEqual(new Set([`${HOST}:443`]))
  expect(tls.paths).toContain('/api/graphql')
  expect(tls.paths).toContain(`/api/v3/repos/acme/shop/pulls/${pull.number}/reviews`)
  expect(tls.paths.filter((path) => !/^\/api\/(v3\/|graphql$)/.test(path))).toEqual([])
  const said = [textOf(check), ...(await pull.comments()).map(({ body }) => body)].join('\n')
  expect(said).toContain(`https://${HOST}/acme/shop/`)
  expect(said).not.toContain('github.com/acme')
  expect(service.output()).not.toContain('hunter2')
})

test('PROXY_URL and NO_PROXY: what is excepted is asked directly', async () => {
  await using github = await startGitHub()
  using authority = await makeAuthority()
  await using tls = await startTls(github.url, await authority.issue(HOST))
  await using proxy = await startProxy({})
  const address = `https://127.0.0.1:${tls.port}/api/v3`
  const env = { GITHUB_API_URL: address, PROXY_URL: proxy.url, NO_PROXY: '127.0.0.1' }
  await run(github, { ...env, NODE_EXTRA_CA_CERTS: authority.file })

  const pull = await open(github)

  expect(await pull.concluded()).toMatchObject({ conclusion: 'failure' })
  expect(proxy.connections).toEqual([])
  expect(tls.paths).toContain('/api/graphql')
})

test('a certificate that is not trusted: it says what to set, takes deliveries, and sends nothing', async () => {
  await using github = await startGitHub()
  using authority = await makeAuthority()
  await using tls = await startTls(github.url, await authority.issue(HOST))
  const service = await run(github, { GITHUB_API_URL: `https://127.0.0.1:${tls.port}/api/v3` })
  const asked = await service.line({ msg: 'GitHub could not be asked who we are' })

  const pull = await open(github)
  const failed = await service.line({ msg: 'job failed, will run again' })

  const advice = expect.stringContaining('set NODE_EXTRA_CA_CERTS to a file with the certificate of its authority')
  expect([asked['err'], failed['err']]).toMatchObject([{ message: advice }, { message: advice }])
  expect(tls.paths).toEqual([])
  expect(github.webhooks.deliveries.every(({ statusCode }) => statusCode === 202)).toBe(true)
  expect(pull.checkRuns()).toEqual([])
})
