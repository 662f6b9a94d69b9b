import { expect, test } from 'vitest'
import { startGitHub } from '../support/github/index.ts'
import { asInstallation, shop } from './client.ts'

interface GraphqlFailure {
  errors: { type: string; message: string }[]
  data: unknown
}

const failureOf = (request: Promise<unknown>) =>
  request.then(
    () => null,
    (error: GraphqlFailure) => error,
  )

test('blobs are read by expression: cut at 512,000 bytes, without text when binary, null when there is none', async () => {
  await using github = await startGitHub()
  await github.repository('acme/shop', {
    files: {
      'a "b"\nc.ex': 'hello\n',
      'big.ex': `${'x'.repeat(511_999)}é`,
      'image.png': new Uint8Array([1, 0, 2]),
    },
  })

  const { repository } = await asInstallation(github).graphql<{ repository: Record<string, unknown> }>(
    `query($a: String!, $b: String!, $c: String!, $d: String!) {
      repository(owner: "acme", name: "shop") {
        a: object(expression: $a) { ...Text }
        b: object(expression: $b) { ... on Blob { byteSize isTruncated } }
        c: object(expression: $c) { ...Text }
        d: object(expression: $d) { ...Text }
      }
    }
    fragment Text on Blob { text isBinary isTruncated byteSize }`,
    { a: 'main:a "b"\nc.ex', b: 'main:big.ex', c: 'main:image.png', d: 'main:none.ex' },
  )

  expect(repository).toEqual({
    a: { text: 'hello\n', isBinary: false, isTruncated: false, byteSize: 6 },
    b: { byteSize: 512_001, isTruncated: true },
    c: { text: null, isBinary: true, isTruncated: false, byteSize: 3 },
    d: null,
  })
})

test('a thread says who wrote in it, where it stands, and what became of it', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const pull = await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n2\n3\n' } })
  const client = asInstallation(github)
  const comments = [1, 3].map((line) => ({ path: 'lib/a.ex', line, side: 'RIGHT', body: `On ${line}.` }))
  await client.rest.pulls.createReview({ ...shop, pull_number: 1, event: 'COMMENT', body: 'x', comments })
  const [first] = await pull.comments()
  await pull.reply(first!, 'No.', { as: 'bob' })
  pull.react(first!, '-1', { as: 'bob' })
  pull.resolve(first!)
  await pull.push({ 'lib/a.ex': '1\n2\nthree\n' })

  const document = `query($after: String) {
    repository(owner: "acme", name: "shop") {
      pullRequest(number: 1) {
        reviewThreads(first: 1, after: $after) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes {
            isResolved isOutdated path line originalLine
            comments(first: 10) {
              nodes {
                body viewerDidAuthor author { __typename login }
                reactionGroups { content reactors { totalCount } }
              }
            }
          }
        }
      }
    }
  }`
  type Threads = {
    totalCount: number
    pageInfo: { hasNextPage: boolean; endCursor: string }
    nodes: Record<string, unknown>[]
  }
  const page = async (after: string | null): Promise<Threads> => {
    const answer = await client.graphql<{ repository: { pullRequest: { reviewThreads: Threads } } }>(document, {
      after,
    })
    return answer.repository.pullRequest.reviewThreads
  }
  const one = await page(null)
  const two = await page(one.pageInfo.endCursor)

  expect([one.totalCount, one.pageInfo.hasNextPage, two.pageInfo.hasNextPage]).toEqual([2, true, false])
  expect(one.nodes[0]).toMatchObject({
    isResolved: true,
    isOutdated: false,
    path: 'lib/a.ex',
    line: 1,
    comments: {
      nodes: [
        // GraphQL leaves the `[bot]` of a login out.
        { body: 'On 1.', viewerDidAuthor: true, author: { __typename: 'Bot', login: 'otp-review' } },
        { body: 'No.', viewerDidAuthor: false, author: { __typename: 'User', login: 'bob' } },
      ],
    },
  })
  const { reactionGroups } = (one.nodes[0] as { comments: { nodes: { reactionGroups: object[] }[] } }).comments
    .nodes[0]!
  expect(reactionGroups).toContainEqual({ content: 'THUMBS_DOWN', reactors: { totalCount: 1 } })
  expect(two.nodes[0]).toMatchObject({ isResolved: false, isOutdated: true, line: null, originalLine: 3 })
})

test('own comments can be edited and hidden; threads resolved only with contents:write', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const pull = await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' } })
  const client = asInstallation(github)
  const comments = [{ path: 'lib/a.ex', line: 1, side: 'RIGHT', body: 'Why?' }]
  await client.rest.pulls.createReview({ ...shop, pull_number: 1, event: 'COMMENT', body: 'x', comments })
  const [comment] = await pull.comments()
  const [thread] = pull.pull.threads

  await client.graphql(
    `mutation($id: ID!) {
      a: updatePullRequestReviewComment(input: {pullRequestReviewCommentId: $id, body: "Fixed."}) { clientMutationId }
      b: minimizeComment(input: {subjectId: $id, classifier: RESOLVED}) { minimizedComment { isMinimized } }
    }`,
    { id: comment!.nodeId },
  )
  const resolve = () =>
    client.graphql('mutation($id: ID!) { resolveReviewThread(input: {threadId: $id}) { thread { id } } }', {
      id: thread!.nodeId,
    })
  const refused = await failureOf(resolve())
  github.installation('acme').permissions['contents'] = 'write'
  const { auth } = client
  await (auth as (options: object) => Promise<unknown>)({ type: 'installation', refresh: true })
  await resolve()

  expect(refused?.errors).toMatchObject([{ type: 'FORBIDDEN', message: 'Resource not accessible by integration' }])
  expect(await pull.comments()).toMatchObject([{ body: 'Fixed.', minimized: 'RESOLVED', resolved: true }])
})

test('hiding a review comment can be forbidden, and the other mutations of the request still happen', async () => {
  await using github = await startGitHub()
  github.world.allows.minimizingReviewComments = false
  const repo = await github.repository('acme/shop')
  const pull = await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' } })
  const client = asInstallation(github)
  const comments = [{ path: 'lib/a.ex', line: 1, side: 'RIGHT', body: 'Why?' }]
  await client.rest.pulls.createReview({ ...shop, pull_number: 1, event: 'COMMENT', body: 'x', comments })
  const [comment] = await pull.comments()

  const failure = await failureOf(
    client.graphql(
      `mutation($id: ID!) {
        a: minimizeComment(input: {subjectId: $id, classifier: RESOLVED}) { clientMutationId }
        b: updatePullRequestReviewComment(input: {pullRequestReviewCommentId: $id, body: "Fixed."}) { clientMutationId }
      }`,
      { id: comment!.nodeId },
    ),
  )

  expect(failure).toMatchObject({ data: { a: null, b: {} }, errors: [{ type: 'FORBIDDEN', path: ['a'] }] })
  expect(await pull.comments()).toMatchObject([{ body: 'Fixed.', minimized: null }])
})

test('what is not there is null with an error, and the rest of the answer stands', async () => {
  await using github = await startGitHub()
  await github.repository('acme/shop')

  const failure = await failureOf(
    asInstallation(github).graphql(
      '{ repository(owner: "acme", name: "shop") { name } defaults: repository(owner: "acme", name: ".github") { name } }',
    ),
  )

  expect(failure).toMatchObject({
    data: { repository: { name: 'shop' }, defaults: null },
    errors: [{ type: 'NOT_FOUND', message: "Could not resolve to a Repository with the name 'acme/.github'." }],
  })
})

test('check runs of the app are found on a commit, all of them or the newest', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const pull = await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' } })
  const client = asInstallation(github)
  for (const external_id of ['one', 'two'])
    await client.rest.checks.create({ ...shop, name: 'OTP review', head_sha: pull.head, external_id })

  const runs = async (type: string): Promise<string[]> => {
    const document = `query($oid: GitObjectID!, $app: Int!, $type: CheckRunType!) {
      repository(owner: "acme", name: "shop") {
        object(oid: $oid) {
          ... on Commit {
            checkSuites(first: 5, filterBy: {appId: $app}) {
              nodes { checkRuns(first: 5, filterBy: {checkType: $type}) { nodes { externalId status } } }
            }
            associatedPullRequests(first: 5) { nodes { number } }
          }
        }
      }
    }`
    const answer = await client.graphql<{
      repository: { object: { checkSuites: { nodes: { checkRuns: { nodes: { externalId: string }[] } }[] } } }
    }>(document, { oid: pull.head, app: github.app.appId, type })
    return answer.repository.object.checkSuites.nodes.flatMap((suite) =>
      suite.checkRuns.nodes.map((run) => run.externalId),
    )
  }

  expect(await runs('ALL')).toEqual(['two', 'one'])
  expect(await runs('LATEST')).toEqual(['two'])
})

test('pull requests are searched by repository, state and date', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const old = await repo.open({ branch: 'one', files: { 'a.ex': '1\n' } })
  old.pull.updatedAt = new Date('2026-03-01T12:00:00Z')
  await repo.open({ branch: 'two', files: { 'b.ex': '1\n' } })
  const closed = await repo.open({ branch: 'three', files: { 'c.ex': '1\n' } })
  await closed.close()

  const { search } = await asInstallation(github).graphql<{ search: { nodes: { number: number }[] } }>(
    `{ search(type: ISSUE, first: 10, query: "repo:acme/shop is:pr is:open updated:>=2026-03-02T00:00:00Z") { nodes { ... on PullRequest { number } } } }`,
  )

  expect(search.nodes).toEqual([{ number: 2 }])
})
