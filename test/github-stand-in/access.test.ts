import { createPrivateKey, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import { type StandIn, startGitHub } from '../support/github/index.ts'
import { asApp, asInstallation, refusal, shop } from './client.ts'

function jwt(
  github: StandIn,
  claims: { iss?: unknown; iat?: number; exp?: number },
  key = github.app.privateKey,
): string {
  const now = Math.floor(github.world.now().getTime() / 1000)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iss: github.app.appId, iat: now - 30, exp: now + 500, ...claims })}`
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), createPrivateKey(key)).toString('base64url')}`
}

async function ask(github: StandIn, path: string, authorization: string): Promise<string> {
  const response = await fetch(github.url + path, { headers: { authorization, 'user-agent': 'test' } })
  const { message = 'OK' } = (await response.json()) as { message?: string }
  return `${response.status} ${message}`
}

test('the app is known by a JWT that its own key signed, for ten minutes at most', async () => {
  await using github = await startGitHub()
  const now = Math.floor(Date.now() / 1000)
  const asked = (claims: object) => ask(github, '/app', `bearer ${jwt(github, claims)}`)

  expect(await asked({})).toBe('200 OK')
  expect(await asked({ iss: github.app.clientId })).toBe('200 OK')
  expect(await asked({ iss: 'another' })).toBe('404 Integration not found')
  expect(await asked({ exp: now - 1 })).toMatch(/^401 'Expiration time' claim \('exp'\) must be/)
  expect(await asked({ exp: now + 900 })).toBe("401 'Expiration time' claim ('exp') is too far in the future")
  expect(await asked({ iat: now + 900 })).toMatch(/^401 'Issued at' claim/)
  const forged = jwt(github, {}).replace(/\.[^.]+$/, `.${Buffer.from('forged').toString('base64url')}`)
  expect(await ask(github, '/app', `bearer ${forged}`)).toBe('401 A JSON web token could not be decoded')
})

test('tokens last an hour and die with their installation', async () => {
  let now = new Date('2026-03-01T12:00:00Z')
  await using github = await startGitHub({ now: () => now })
  await github.repository('acme/shop')
  await github.repository('other/shop')
  const mint = async (login: string) => {
    const path = `/app/installations/${github.installation(login).id}/access_tokens`
    const headers = { authorization: `bearer ${jwt(github, {})}`, 'user-agent': 'test' }
    const response = await fetch(github.url + path, { method: 'POST', headers })
    return ((await response.json()) as { token: string }).token
  }
  const token = await mint('acme')
  const get = () => ask(github, '/repos/acme/shop', `token ${token}`)

  expect(await get()).toBe('200 OK')
  now = new Date('2026-03-01T12:59:59Z')
  expect(await get()).toBe('200 OK')
  now = new Date('2026-03-01T13:00:00Z')
  expect(await get()).toBe('401 Bad credentials')

  const other = await mint('other')
  await github.suspend('other')
  expect(await ask(github, '/repos/other/shop', `token ${other}`)).toBe('403 This installation has been suspended')
  await github.uninstall('other')
  expect(await ask(github, '/repos/other/shop', `token ${other}`)).toBe('401 Bad credentials')
})

test('what an installation was not granted is refused, and what it cannot see is not there', async () => {
  await using github = await startGitHub()
  await github.repository('acme/shop', {
    permissions: { metadata: 'read', contents: 'read', checks: 'read', pull_requests: 'read' },
  })
  await github.repository('acme/secret', { installed: false })
  await github.repository('other/open', { installed: false, private: false })
  const { rest } = asInstallation(github)
  const head = (await github.world.repositories[0]!.git.resolve('main'))!

  const write = rest.checks.create({ ...shop, name: 'OTP review', head_sha: head })
  expect(await refusal(write)).toBe('403 Resource not accessible by integration')
  expect(await refusal(rest.checks.listForRef({ ...shop, ref: head }))).toBe('not refused')
  expect(await refusal(rest.repos.get({ owner: 'acme', repo: 'secret' }))).toBe('404 Not Found')
  expect(await refusal(rest.repos.getContent({ owner: 'other', repo: 'open', path: 'README.md' }))).toBe('not refused')
  const foreign = rest.issues.createComment({ owner: 'other', repo: 'open', issue_number: 1, body: 'x' })
  expect(await refusal(foreign)).toBe('403 Resource not accessible by integration')
})

test('a comment on a pull request needs one of two permissions', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop', {
    permissions: { metadata: 'read', contents: 'read', pull_requests: 'write' },
  })
  await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' } })
  const { issues } = asInstallation(github).rest
  const comment = () => issues.createComment({ ...shop, issue_number: 1, body: 'Hello.' })

  expect(await refusal(comment())).toBe('not refused')
  github.installation('acme').permissions = { metadata: 'read', contents: 'read', pull_requests: 'read' }

  expect(await refusal(comment())).toBe('403 Resource not accessible by integration')
})

test('a token can be narrowed but not widened', async () => {
  await using github = await startGitHub()
  await github.repository('acme/shop')
  await github.repository('acme/other')
  const { apps } = asApp(github).rest
  const mint = (more: object) =>
    apps.createInstallationAccessToken({ installation_id: github.installation('acme').id, ...more })

  const { data } = await mint({ repositories: ['other'], permissions: { contents: 'read', metadata: 'read' } })

  expect(await ask(github, '/repos/acme/other/contents/README.md', `token ${data.token}`)).toBe('200 OK')
  expect(await ask(github, '/repos/acme/shop', `token ${data.token}`)).toBe('404 Not Found')
  expect(await ask(github, '/repos/acme/other/pulls', `token ${data.token}`)).toBe(
    '403 Resource not accessible by integration',
  )
  expect(await refusal(mint({ permissions: { contents: 'write' } }))).toContain(
    '422 The permissions requested are not granted',
  )
})

test('people have the roles that they were given', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  repo.allow('alice', 'maintain')
  github.world.user('mallory')
  const role = async (username: string) => {
    const { data } = await asInstallation(github).rest.repos.getCollaboratorPermissionLevel({ ...shop, username })
    return [data.permission, data.role_name]
  }

  expect(await role('alice')).toEqual(['write', 'maintain'])
  expect(await role('mallory')).toEqual(['none', 'none'])
})

test('a renamed repository answers by its old name with a redirect', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const client = asInstallation(github)
  repo.rename('acme/store')

  const { data } = await client.rest.repos.get(shop)
  const old = await client.graphql<{ repository: { name: string } }>(
    '{ repository(owner: "acme", name: "shop") { name } }',
  )

  expect([data.name, old.repository.name]).toEqual(['store', 'store'])
})
