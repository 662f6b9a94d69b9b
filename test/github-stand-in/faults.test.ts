import { expect, test } from 'vitest'
import {
  graphqlLimit,
  primaryLimit,
  secondaryLimit,
  type StandIn,
  startGitHub,
  unavailable,
} from '../support/github/index.ts'
import { asInstallation, refusal, shop } from './client.ts'

const CREATE = 'POST /repos/{owner}/{repo}/issues/{issue_number}/comments'

async function openPull(github: StandIn) {
  const repo = await github.repository('acme/shop')
  return repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' } })
}

const comment = (github: StandIn) =>
  asInstallation(github).rest.issues.createComment({ ...shop, issue_number: 1, body: 'Hello.' })

test('a fault before the effect leaves nothing behind, and ends after its count', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  github.faults.next(CREATE, unavailable(502), 2)

  expect(await refusal(comment(github))).toBe('502 Server Error')
  expect(await refusal(comment(github))).toBe('502 Server Error')
  expect(pull.conversation()).toEqual([])

  await comment(github)
  expect(pull.conversation()).toHaveLength(1)
})

test('a fault after the effect loses only the answer', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  github.faults.next(CREATE, unavailable(502, 'after'))

  expect(await refusal(comment(github))).toBe('502 Server Error')

  expect(pull.conversation()).toHaveLength(1)
})

test('a dropped connection is an error of the client, before or after the effect', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  github.faults.next(CREATE, { connection: 'drop' })
  github.faults.next(CREATE, { connection: 'drop', when: 'after' })

  expect(await refusal(comment(github))).toMatch(/^500 /)
  expect(pull.conversation()).toEqual([])
  expect(await refusal(comment(github))).toMatch(/^500 /)
  expect(pull.conversation()).toHaveLength(1)
})

test('an answer that is cut keeps its status, and its body never arrives whole', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  const comments = `${github.url}/repos/acme/shop/issues/1/comments`
  const { token } = (await asInstallation(github).auth({ type: 'installation' })) as { token: string }
  github.faults.next(CREATE, { connection: 'cut' })

  const headers = { authorization: `token ${token}`, 'user-agent': 'test', 'content-type': 'application/json' }
  const response = await fetch(comments, { method: 'POST', headers, body: '{"body":"Hello."}' })

  expect(response.status).toBe(201)
  await expect(response.text()).rejects.toThrow('terminated')
  expect(pull.conversation()).toHaveLength(1)
})

test('limits are told as GitHub tells them', async () => {
  await using github = await startGitHub()
  await openPull(github)
  github.faults.next(CREATE, secondaryLimit(7))
  github.faults.next(CREATE, primaryLimit(new Date('2026-03-01T12:00:00Z')))
  const failure = () =>
    comment(github).then(
      () => null,
      (error: { response: { headers: object; data: object } }) => error.response,
    )

  expect(await failure()).toMatchObject({
    headers: { 'retry-after': '7' },
    data: { message: expect.stringContaining('secondary rate limit') },
  })
  expect(await failure()).toMatchObject({
    headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1772366400' },
  })
})

test('GraphQL tells a limit with status 200', async () => {
  await using github = await startGitHub()
  await openPull(github)
  github.faults.next('POST /graphql', graphqlLimit())

  const read = asInstallation(github).graphql('{ viewer { login } }')

  await expect(read).rejects.toMatchObject({ errors: [{ type: 'RATE_LIMITED' }] })
  expect(github.requests.at(-1)?.status).toBe(200)
})

test('a held request waits at the door until it is let through', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  const held = github.faults.hold(CREATE)

  const sent = comment(github)
  const request = await held.reached
  expect(request.body).toEqual({ body: 'Hello.' })
  expect(pull.conversation()).toEqual([])
  held.release()
  await sent

  expect(pull.conversation()).toHaveLength(1)
})

test('requests are recorded, and minted tokens do not count', async () => {
  await using github = await startGitHub()
  await openPull(github)
  github.requests.length = 0

  await comment(github)
  await refusal(asInstallation(github).rest.pulls.get({ ...shop, pull_number: 9 }))

  expect(github.requests.map((one) => `${one.status} ${one.method} ${one.route} by ${one.by}`)).toEqual([
    '201 POST /app/installations/{installation_id}/access_tokens by app',
    `201 ${CREATE} by installation`,
    '201 POST /app/installations/{installation_id}/access_tokens by app',
    '404 GET /repos/{owner}/{repo}/pulls/{pull_number} by installation',
  ])
  expect(github.countApiRequests()).toBe(2)
})

test('what did not change since it was last read is not sent again', async () => {
  await using github = await startGitHub()
  await openPull(github)
  const client = asInstallation(github)
  const { headers } = await client.rest.pulls.get({ ...shop, pull_number: 1 })
  const again = client.request('GET /repos/{owner}/{repo}/pulls/{pull_number}', {
    ...shop,
    pull_number: 1,
    headers: { 'if-none-match': headers.etag! },
  })

  await expect(again).rejects.toMatchObject({ status: 304 })
})
