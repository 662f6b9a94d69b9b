import { expect, test } from 'vitest'
import { type StandIn, startGitHub } from '../support/github/index.ts'
import { asInstallation, shop } from './client.ts'

type Client = ReturnType<typeof asInstallation>

// What a request does to the record of violations, and how closing the stand-in then ends.
async function violationOf(send: (client: Client, github: StandIn) => Promise<unknown>): Promise<string> {
  const github = await startGitHub()
  const repo = await github.repository('acme/shop')
  await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' } })
  const failure = await send(asInstallation(github), github).then(
    () => ({ status: 'answered' }),
    (error: { status: number }) => error,
  )
  const [violation = 'none'] = github.violations
  await expect(github.close()).rejects.toThrow(violation)
  return `${failure.status} ${violation}`
}

const raw = (client: Client, route: string, options: Record<string, unknown> = {}): Promise<unknown> =>
  client.request(route, options)

test('an unknown property of a body is caught', async () => {
  expect(
    await violationOf((client) =>
      raw(client, 'POST /repos/acme/shop/check-runs', { name: 'x', head_sha: 'y', titel: 'z' }),
    ),
  ).toBe(
    '500 POST /repos/acme/shop/check-runs: POST /repos/{owner}/{repo}/check-runs body: / must NOT have additional properties (titel)',
  )
})

test('a missing property, deep in a body, is caught', async () => {
  const comments = [{ line: 1, side: 'RIGHT', body: 'x' }]
  expect(await violationOf((client) => raw(client, 'POST /repos/acme/shop/pulls/1/reviews', { comments }))).toContain(
    "/comments/0 must have required property 'path'",
  )
})

test('a wrong type, an unknown query and a bad path parameter are caught', async () => {
  expect(await violationOf((client) => raw(client, 'POST /repos/acme/shop/issues/1/comments', { body: 1 }))).toContain(
    '/body must be string',
  )
  expect(await violationOf((client) => raw(client, 'GET /repos/acme/shop/pulls/1/files?perpage=100'))).toContain(
    'additional properties (perpage)',
  )
  expect(await violationOf((client) => raw(client, 'GET /repos/acme/shop/pulls/one/files'))).toContain(
    '/pull_number must be integer',
  )
})

test('a body that is no JSON, or that is sent as something else, is caught', async () => {
  const headers = { 'content-type': 'text/plain' }
  expect(
    await violationOf((client) => raw(client, 'POST /repos/acme/shop/issues/1/comments', { body: 'x', headers })),
  ).toContain('was sent as text/plain')
})

test('a route that GitHub does not have is caught, and answered 404', async () => {
  expect(await violationOf((client) => raw(client, 'GET /repos/acme/shop/nothing'))).toMatch(
    /^404 .*GitHub has no GET \/repos\/acme\/shop\/nothing/,
  )
})

test('deprecated positions and unknown sides are caught', async () => {
  const review = (comment: object) => (client: Client) =>
    raw(client, 'POST /repos/acme/shop/pulls/1/reviews', {
      event: 'COMMENT',
      body: 'x',
      comments: [{ path: 'lib/a.ex', body: 'x', ...comment }],
    })
  expect(await violationOf(review({ position: 1 }))).toContain('`position` is deprecated')
  expect(await violationOf(review({ line: 1, side: 'right' }))).toContain('a side is LEFT or RIGHT, not right')
})

test.for<[string, string, string]>([
  [
    'a field that GitHub does not have',
    '{ repository(owner: "acme", name: "shop") { nope } }',
    'Cannot query field "nope" on type "Repository"',
  ],
  ['a syntax error', '{ repository(', 'Syntax Error'],
  ['a missing argument', '{ repository(owner: "acme") { id } }', 'argument "name" of type "String!" is required'],
  [
    'a field that the stand-in does not know',
    '{ repository(owner: "acme", name: "shop") { stargazerCount } }',
    'the stand-in does not know Repository.stargazerCount',
  ],
  [
    'an argument that the stand-in does not know',
    '{ repository(owner: "acme", name: "shop") { pullRequests(first: 1, labels: ["x"]) { totalCount } } }',
    'the stand-in does not know the argument labels of Repository.pullRequests',
  ],
  [
    'a connection without bounds',
    '{ repository(owner: "acme", name: "shop") { pullRequests { nodes { number } } } }',
    'You must provide a `first` or `last` value',
  ],
  [
    'more than 100 records of a connection',
    '{ repository(owner: "acme", name: "shop") { pullRequests(first: 101) { totalCount } } }',
    'Requesting 101 records on the `pullRequests` connection exceeds the limit of 100 records.',
  ],
  [
    'more than half a million nodes',
    '{ repository(owner: "acme", name: "shop") { pullRequests(first: 100) { nodes { reviewThreads(first: 100) { nodes { comments(first: 100) { totalCount } } } } } } }',
    'This query requests up to 1010100 possible nodes which exceeds the maximum limit of 500000.',
  ],
])('GraphQL: %s is caught', async ([, document, reason]) => {
  expect(await violationOf((client) => client.graphql(document))).toContain(reason)
})

test('GraphQL: a variable of the wrong type is caught', async () => {
  const document = 'query($n: Int!) { repository(owner: "acme", name: "shop") { pullRequest(number: $n) { id } } }'
  expect(await violationOf((client) => client.graphql(document, { n: 'one' }))).toContain(
    'Int cannot represent non-integer value',
  )
})

test('nothing is held against a test that only met refusals', async () => {
  const github = await startGitHub()
  await github.repository('acme/shop')
  const client = asInstallation(github)

  await expect(client.rest.pulls.get({ ...shop, pull_number: 99 })).rejects.toMatchObject({ status: 404 })

  await expect(github.close()).resolves.toBeUndefined()
})
