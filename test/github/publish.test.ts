import nock from 'nock'
import { describe, expect, it } from 'vitest'
import { GitHubUnavailableError, publish, RateLimitedError, StaleHeadError } from '../../src/github/index.ts'
import type { Client } from '../../src/github/index.ts'
import type { PlannedAnnotation, PlannedComment, PlannedEdit, ReviewPlan } from '../../src/review/plan.ts'
import type { Said, Snapshot } from '../../src/review/snapshot.ts'
import { API, graphql, guardTheWire, MARKER, marked, readMarker, wire } from './wire.ts'

guardTheWire()

const HEAD = 'a'.repeat(40)
const PULL = '/repos/acme/shop/pulls/1'
const OFF_THE_DIFF = {
  message: 'Unprocessable Entity',
  errors: ['Pull request review thread line must be part of the diff'],
}
const PENDING = { message: 'Unprocessable Entity', errors: ['User can only have one pending review per pull request'] }

describe('the review', () => {
  it('is posted at once, on the commit that was read', async () => {
    headNow()
    const { bodies } = takeReviews(200)

    const published = await post(wire().client, { comments: [comment('f1', 4), { ...comment('f2', 9), startLine: 7 }] })

    expect(published).toEqual({ refused: [], postedComments: 2, missingPermission: null })
    expect(bodies).toEqual([
      {
        commit_id: HEAD,
        event: 'COMMENT',
        body: 'Two findings.',
        comments: [
          { path: 'lib/a.ex', line: 4, side: 'RIGHT', body: comment('f1', 4).body },
          { path: 'lib/a.ex', line: 9, side: 'RIGHT', start_line: 7, start_side: 'RIGHT', body: comment('f2', 9).body },
        ],
      },
    ])
  })

  it('a plan without anything to say costs no request', async () => {
    const { client, sent } = wire()

    expect(await post(client, {})).toEqual({ refused: [], postedComments: 0, missingPermission: null })
    expect(sent).toEqual([])
  })

  it.each([{ headRefOid: 'b'.repeat(40) }, { baseRefName: 'release' }])(
    'nothing is posted to a pull request that moved: %o',
    async (fields) => {
      headNow(fields)

      await expect(post(wire().client, { comments: [comment('f1', 4)] })).rejects.toThrow(StaleHeadError)
    },
  )

  it('nothing is posted to a pull request that was closed: the run has it all', async () => {
    headNow({ state: 'MERGED' })

    expect(await post(wire().client, { comments: [comment('f1', 4)] })).toMatchObject({
      refused: ['f1'],
      postedComments: 0,
    })
  })

  it('a line that GitHub does not show is left out of the second attempt', async () => {
    headNow()
    const { bodies } = takeReviews([422, OFF_THE_DIFF], 200)
    headNow()
    files([{ filename: 'lib/a.ex', patch: '@@ -1 +1,5 @@\n context\n+new' }])

    const published = await post(wire().client, {
      comments: [comment('f1', 4), comment('f2', 6), { ...comment('f3', 5), startLine: 5 }],
    })

    expect(published).toEqual({ refused: ['f2'], postedComments: 2, missingPermission: null })
    expect(linesIn(bodies[1])).toEqual([4, 5])
  })

  it('a comment must lie within one hunk', async () => {
    headNow()
    const { bodies } = takeReviews([422, OFF_THE_DIFF], 200)
    headNow()
    files([{ filename: 'lib/a.ex', patch: '@@ -1,2 +1,2 @@ def a\n x\n@@ -9 +9 @@\n+y' }])

    const published = await post(wire().client, { comments: [{ ...comment('f1', 9), startLine: 2 }, comment('f2', 9)] })

    expect(published.refused).toEqual(['f1'])
    expect(linesIn(bodies[1])).toEqual([9])
  })

  it('where every line is shown and GitHub still refuses, the half that it takes is posted', async () => {
    headNow()
    const { bodies } = takeReviews([422, OFF_THE_DIFF], [422, OFF_THE_DIFF], 200)
    headNow()
    files([{ filename: 'lib/a.ex', patch: '@@ -1,9 +1,9 @@\n x' }])

    const published = await post(wire().client, { comments: [comment('f1', 1), comment('f2', 2), comment('f3', 3)] })

    expect(bodies.map(linesIn)).toEqual([[1, 2, 3], [1, 2], [3]])
    expect(published).toEqual({ refused: ['f1', 'f2'], postedComments: 1, missingPermission: null })
  })

  it('where GitHub refuses everything, everything comes back', async () => {
    headNow()
    takeReviews([422, OFF_THE_DIFF])
    headNow()
    files([])

    expect(await post(wire().client, { comments: [comment('f1', 1)] })).toMatchObject({
      refused: ['f1'],
      postedComments: 0,
    })
  })

  it('a head that moved is noticed after a refusal too', async () => {
    headNow()
    takeReviews([422, { message: 'commit_id is not part of the pull request' }])
    headNow({ headRefOid: 'b'.repeat(40) })

    await expect(post(wire().client, { comments: [comment('f1', 1)] })).rejects.toThrow(StaleHeadError)
  })

  it('a pending review of ours is deleted, once, and the review sent again', async () => {
    headNow()
    const { bodies } = takeReviews([422, PENDING], 200)
    nock(API)
      .get(`${PULL}/reviews`)
      .query({ per_page: 100, page: 1 })
      .reply(200, [
        { id: 8, state: 'COMMENTED' },
        { id: 9, state: 'PENDING' },
      ])
      .delete(`${PULL}/reviews/9`)
      .reply(200, {})

    expect(await post(wire().client, { comments: [comment('f1', 1)] })).toMatchObject({ postedComments: 1 })
    expect(bodies).toHaveLength(2)
  })

  it('after a lost answer it looks for the review and does not send it twice', async () => {
    headNow()
    const { bodies } = takeReviews(502)
    saidNow([{ body: comment('f1', 4).body }])

    expect(await post(wire().client, { comments: [comment('f1', 4)] })).toMatchObject({
      refused: [],
      postedComments: 1,
    })
    expect(bodies).toHaveLength(1)
  })

  it('a review that did not arrive is sent a second time, and no third', async () => {
    headNow()
    const { bodies } = takeReviews(502, 502)
    saidNow([])

    await expect(post(wire().client, { comments: [comment('f1', 4)] })).rejects.toThrow(GitHubUnavailableError)
    expect(bodies).toHaveLength(2)
  })

  it('what was said in an earlier review is no proof that this one arrived', async () => {
    headNow()
    const { bodies } = takeReviews(502, 200)
    saidNow([{ fullDatabaseId: '1', body: comment('f1', 4).body }])

    await post(wire().client, { comments: [comment('f1', 4)] }, [said()])

    expect(bodies).toHaveLength(2)
  })

  it('without the permission everything comes back, and the permission is named', async () => {
    headNow()
    takeReviews([403, { message: 'Resource not accessible by integration' }])

    expect(await post(wire().client, { comments: [comment('f1', 4)], edits: [edit('C1')] })).toEqual({
      refused: ['f1'],
      postedComments: 0,
      missingPermission: 'pull_requests:write',
    })
  })

  it('a long limit is passed on', async () => {
    headNow()
    nock(API).post(`${PULL}/reviews`).reply(403, { message: 'secondary rate limit' }, { 'retry-after': '600' })

    await expect(post(wire().client, { comments: [comment('f1', 4)] })).rejects.toThrow(RateLimitedError)
  })
})

describe('edits', () => {
  it('go out together, with what is fixed folded away', async () => {
    headNow()
    const requests = takeEdits({})

    await post(wire().client, { edits: [edit('C1'), { ...edit('C2'), minimize: null }] })

    expect(requests).toEqual([
      {
        u0: { pullRequestReviewCommentId: 'C1', body: 'Fixed.' },
        u1: { pullRequestReviewCommentId: 'C2', body: 'Fixed.' },
        m0: { subjectId: 'C1', classifier: 'RESOLVED' },
      },
    ])
  })

  it('are 20 mutations a request at most', async () => {
    headNow()
    const requests = [takeEdits({}), takeEdits({})]

    await post(wire().client, { edits: Array.from({ length: 15 }, (_, index) => edit(`C${index}`)) })

    expect(requests.flat().map((variables) => Object.keys(variables).length)).toEqual([20, 10])
  })

  it('a refusal to fold is remembered for the installation, and is no failure', async () => {
    headNow()
    takeEdits({ m0: 'FORBIDDEN' })
    headNow()
    const second = takeEdits({})
    const { client } = wire()

    const published = await post(client, { edits: [edit('C1')] })
    await post(client, { edits: [edit('C2')] })

    expect(published.missingPermission).toBeNull()
    expect(second).toEqual([{ u0: { pullRequestReviewCommentId: 'C2', body: 'Fixed.' } }])
  })

  it('a comment that is gone needs no edit', async () => {
    headNow()
    takeEdits({ u0: 'NOT_FOUND', m0: 'NOT_FOUND' })

    expect(await post(wire().client, { edits: [edit('C1')] })).toMatchObject({ missingPermission: null })
  })

  it('an edit that failed inside of GitHub is left to the next attempt', async () => {
    headNow()
    takeEdits({ u0: 'SERVICE_UNAVAILABLE' })

    await expect(post(wire().client, { edits: [edit('C1')] })).rejects.toThrow(GitHubUnavailableError)
  })
})

describe('replies', () => {
  const reply = { commentId: 1, body: marked('It is back.', {}), fingerprint: 'f1' }

  it("stand in the comment's own thread", async () => {
    headNow()
    nock(API).post(`${PULL}/comments/1/replies`, { body: reply.body }).reply(201, {})

    expect(await post(wire().client, { replies: [reply] }, [said()])).toMatchObject({ refused: [] })
  })

  it.each([404, 422])('one that GitHub refuses with %i comes back', async (status) => {
    headNow()
    nock(API).post(`${PULL}/comments/1/replies`).reply(status, { message: 'No' })

    expect(await post(wire().client, { replies: [reply] }, [said()])).toMatchObject({ refused: ['f1'] })
  })

  it('one whose answer was lost is looked for in its thread', async () => {
    headNow()
    nock(API).post(`${PULL}/comments/1/replies`).reply(502)
    saidNow([{ fullDatabaseId: '1' }, { fullDatabaseId: '2', body: reply.body }])

    expect(await post(wire().client, { replies: [reply] }, [said()])).toMatchObject({ refused: [] })
  })
})

function post(client: Client, plan: Partial<ReviewPlan>, saidBefore: Said[] = []) {
  const whole: ReviewPlan = {
    head: HEAD,
    body: 'Two findings.',
    comments: [],
    replies: [],
    edits: [],
    run: { conclusion: 'failure', title: '', summary: '', text: null, annotations: [] },
    introduced: [],
    ...plan,
  }
  return publish(client, snapshot(saidBefore), whole, readMarker)
}

function comment(fingerprint: string, line: number): PlannedComment {
  const body = marked('It waits for itself.', { fingerprint })
  return { path: 'lib/a.ex', startLine: null, line, body, fingerprint, annotation: ANNOTATION }
}

const ANNOTATION: PlannedAnnotation = {
  path: 'lib/a.ex',
  startLine: 4,
  endLine: 4,
  level: 'failure',
  title: 'Waits for itself',
  message: 'It waits for itself.',
}

function edit(nodeId: string): PlannedEdit {
  return { nodeId, threadId: `thread of ${nodeId}`, body: 'Fixed.', minimize: 'RESOLVED' }
}

function said(): Said {
  return {
    id: 1,
    nodeId: 'C1',
    threadId: 'T1',
    path: 'lib/a.ex',
    line: 4,
    body: '',
    marker: MARKER,
    answered: false,
    resolved: false,
    minimized: false,
    thumbsDown: 0,
  }
}

function snapshot(saidBefore: Said[]): Snapshot {
  return {
    version: 1,
    subject: {
      kind: 'pull',
      number: 1,
      draft: false,
      state: 'open',
      author: 'jose',
      createdAt: null,
      headRepository: null,
      comments: true,
    },
    repository: { id: 99, owner: 'acme', name: 'shop', url: '' },
    app: { id: 42, slug: 'otp-review', login: 'otp-review' },
    head: HEAD,
    base: { ref: 'main', sha: 'b' },
    files: [],
    otherFiles: 0,
    notRead: [],
    projectFiles: [],
    config: { base: null, organisation: null, head: null },
    said: saidBefore,
    conversations: [],
    lacking: [],
    runs: [],
    pullsOnHead: [],
  }
}

function headNow(fields: object = {}): void {
  const pullRequest = { state: 'OPEN', headRefOid: HEAD, baseRefName: 'main', ...fields }
  graphql({ data: { repository: { pullRequest } } }, 'HeadNow')
}

function saidNow(comments: object[]): void {
  const author = { __typename: 'Bot', login: 'otp-review' }
  const nodes = comments.map((fields) => ({
    id: 'C',
    fullDatabaseId: '77',
    author,
    body: '',
    isMinimized: false,
    ...fields,
  }))
  const thread = {
    id: 'T1',
    isResolved: false,
    isOutdated: false,
    path: 'lib/a.ex',
    line: 4,
    comments: { totalCount: nodes.length, nodes },
    opener: { nodes: [] },
  }
  const reviewThreads = { pageInfo: { hasNextPage: false, endCursor: null }, nodes: [thread] }
  graphql(
    { data: { viewer: { login: 'otp-review[bot]' }, repository: { pullRequest: { reviewThreads } } } },
    'ThreadsAfter',
  )
}

interface ReviewBody {
  comments: { line: number }[]
}

/** Answers reviews in this order, and keeps what was sent. */
function takeReviews(...answers: (number | [number, object])[]): { bodies: ReviewBody[] } {
  const bodies: ReviewBody[] = []
  for (const answer of answers) {
    const [status, body] = typeof answer === 'number' ? [answer, {}] : answer
    nock(API)
      .post(`${PULL}/reviews`)
      .reply(status, async (request: Request) => {
        bodies.push((await request.json()) as ReviewBody)
        return body
      })
  }
  return { bodies }
}

function linesIn(body: ReviewBody | undefined): number[] {
  return body?.comments.map(({ line }) => line) ?? []
}

function files(listed: { filename: string; patch: string }[]): void {
  const fields = { status: 'modified', additions: 1, deletions: 0, sha: 'x' }
  nock(API)
    .get(`${PULL}/files`)
    .query({ per_page: 100, page: 1 })
    .reply(
      200,
      listed.map((file) => ({ ...fields, ...file })),
    )
}

/** Answers one request of edits, with a problem of this type at these fields; what it was sent is added to the list. */
function takeEdits(problems: Record<string, string>): Record<string, unknown>[] {
  const requests: Record<string, unknown>[] = []
  graphql((variables) => {
    requests.push(variables)
    const errors = Object.entries(problems).map(([alias, type]) => ({ type, path: [alias], message: type }))
    return { data: {}, ...(errors.length > 0 && { errors }) }
  }, 'Edits')
  return requests
}
