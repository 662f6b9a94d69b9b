import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isServed, readSettings, SettingsError } from '../src/settings.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const registered = { APP_ID: '42', PRIVATE_KEY: pem, WEBHOOK_SECRET: 'a real secret' }

function problemsOf(env: Record<string, string>): SettingsError {
  try {
    readSettings(env)
  } catch (error) {
    if (error instanceof SettingsError) return error
    throw error
  }
  throw new Error('these settings were accepted')
}

test('credentials alone are enough', () => {
  const settings = readSettings(registered)

  expect(settings).toMatchObject({
    app: { id: 42, privateKey: pkcs8 },
    webhookSecrets: ['a real secret'],
    apiUrl: 'https://api.github.com',
    proxy: null,
    http: { host: 'localhost', port: 3000, webhookPath: '/api/github/webhooks', keepAliveMs: 75_000 },
    database: { url: null, directory: './data', schema: 'otp_review' },
    log: { level: 'info' },
    allowedAccounts: [],
  })
})

test('without any credential all three are asked for, each with the way to get it', () => {
  const error = problemsOf({})

  expect(error.unregistered).toBe(true)
  expect(error.message).toMatchInlineSnapshot(`
    "otp-review can not start:
      - set APP_ID to the number on your GitHub App’s settings page ("About", App ID)
      - set PRIVATE_KEY to the .pem file that "Generate a private key" on that page downloads (its text, or base64 of it), or PRIVATE_KEY_PATH to its path
      - set WEBHOOK_SECRET to the webhook secret of that page; \`openssl rand -hex 32\` makes one to enter in both places"
  `)
})

test('an empty variable counts as an unset one', () => {
  expect(problemsOf({ APP_ID: '', PRIVATE_KEY: ' ', WEBHOOK_SECRET: '' }).problems).toHaveLength(3)
})

test.each([undefined, '', 'development'])('the webhook secret %j is refused', (value) => {
  const error = problemsOf({ ...registered, WEBHOOK_SECRET: value as string })

  expect(error.unregistered).toBe(false)
  expect(error.problems).toEqual([expect.stringContaining('WEBHOOK_SECRET')])
})

test('the default secret is refused as the previous one too', () => {
  expect(problemsOf({ ...registered, WEBHOOK_SECRET_PREVIOUS: 'development' }).problems).toEqual([
    expect.stringContaining('WEBHOOK_SECRET_PREVIOUS must not be "development"'),
  ])
})

test('a rotated secret keeps the previous one', () => {
  expect(readSettings({ ...registered, WEBHOOK_SECRET_PREVIOUS: 'old' }).webhookSecrets).toEqual([
    'a real secret',
    'old',
  ])
})

test('the private key is read as text, with written line ends, as base64, and from a file', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'otp-review-')), 'key.pem')
  writeFileSync(path, pem)
  const { PRIVATE_KEY: _, ...others } = registered

  const keys = [
    readSettings({ ...others, PRIVATE_KEY: pem.replaceAll('\n', '\\n') }),
    readSettings({ ...others, PRIVATE_KEY: Buffer.from(pem).toString('base64') }),
    readSettings({ ...others, PRIVATE_KEY_PATH: path }),
  ].map((settings) => settings.app.privateKey)

  expect(keys).toEqual([pkcs8, pkcs8, pkcs8])
})

test.each([
  [{ PRIVATE_KEY: 'not a key' }, 'PRIVATE_KEY holds no private key; set PRIVATE_KEY to'],
  [{ PRIVATE_KEY: '', PRIVATE_KEY_PATH: '/nowhere.pem' }, 'PRIVATE_KEY_PATH names no file; set PRIVATE_KEY to'],
  [{ APP_ID: 'forty-two' }, 'set APP_ID to the number'],
  [{ PORT: '70000' }, 'PORT must be at most 65535'],
  [{ DATABASE_URL: 'mysql://x' }, 'DATABASE_URL must be an address like postgres://'],
  [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be one of trace, debug'],
  [{ GITHUB_API_URL: 'ftp://x' }, 'GITHUB_API_URL must be an http or https address'],
  [{ CONCURRENCY: 'many' }, 'CONCURRENCY must be a number'],
  [{ WEBHOOK_PATH: 'hooks' }, 'WEBHOOK_PATH must begin with /'],
])('%j is refused with what to do', (bad, message) => {
  expect(problemsOf({ ...registered, ...(bad as Record<string, string>) }).problems).toEqual([
    expect.stringContaining(message),
  ])
})

test('all that is wrong is told at once', () => {
  expect(problemsOf({ APP_ID: '42', PORT: 'x', LOG_LEVEL: 'loud' }).problems).toHaveLength(4)
})

test('an Enterprise Server is addressed by host, or by the whole address', () => {
  expect(readSettings({ ...registered, GHE_HOST: 'git.acme.test' }).apiUrl).toBe('https://git.acme.test/api/v3')
  expect(readSettings({ ...registered, GHE_HOST: 'git.acme.test', GHE_PROTOCOL: 'http' }).apiUrl).toBe(
    'http://git.acme.test/api/v3',
  )
  expect(readSettings({ ...registered, GITHUB_API_URL: 'http://127.0.0.1:9/api/v3/' }).apiUrl).toBe(
    'http://127.0.0.1:9/api/v3',
  )
})

test('a database address takes the place of the data directory', () => {
  expect(readSettings({ ...registered, DATABASE_URL: 'postgres://db/x', DATA_DIR: '/data' }).database).toEqual({
    url: 'postgres://db/x',
    directory: null,
    schema: 'otp_review',
  })
})

test('allowed accounts are compared without regard to case', () => {
  expect(readSettings({ ...registered, ALLOWED_ACCOUNTS: 'Acme, octo-org ,' }).allowedAccounts).toEqual([
    'acme',
    'octo-org',
  ])
})

test('the proxy is ours where it is set, else what programs share', () => {
  const shared = { HTTPS_PROXY: 'http://one.test:3128', https_proxy: 'http://two.test:3128' }

  expect(readSettings({ ...registered, ...shared, PROXY_URL: 'http://own.test:3128' }).proxy).toBe(
    'http://own.test:3128',
  )
  expect(readSettings({ ...registered, ...shared }).proxy).toBe('http://one.test:3128')
  expect(readSettings({ ...registered, https_proxy: shared.https_proxy }).proxy).toBe('http://two.test:3128')
})

test('who is served is asked without regard to case; with nobody named, everybody is', () => {
  expect(['acme', 'ACME', 'other'].map((account) => isServed(account, ['acme']))).toEqual([true, true, false])
  expect(isServed('other', [])).toBe(true)
})
