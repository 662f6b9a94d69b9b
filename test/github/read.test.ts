import nock from 'nock'
import { describe, expect, it } from 'vitest'
import {
  GitHubUnavailableError,
  GoneError,
  MissingPermissionError,
  readBases,
  readContext,
  readSnapshot,
  StaleHeadError,
} from '../../src/github/index.ts'
import type { Context, GroupTarget, PullTarget } from '../../src/github/index.ts'
import { API, graphql, guardTheWire, MARKER, marked, readMarker, wire } from './wire.ts'

guardTheWire()

const HEAD = 'a'.repeat(40)
const BASE = 'b'.repeat(40)
const PULL: PullTarget = {
  kind: 'pull',
  repository: { id: 99, owner: 'acme', name: 'shop' },
  number: 1,
  head: null,
  installedAt: null,
}

describe('readContext', () => {
  it('tells all about a pull request in one request', async () => {
    let asked: Record<string, unknown> = {}
    graphql((variables) => {
      asked = variables
      return pullAnswer()
    })
    const { client, sent } = wire()

    const context = await readContext(client, { ...PULL, head: HEAD }, readMarker)

    expect(sent).toHaveLength(1)
    expect(asked).toMatchObject({ appId: 42, config: '.github/otp-review.yml', project0: 'mix.exs' })
    expect(context).toEqual({
      version: 1,
      subject: {
        kind: 'pull',
        number: 1,
        draft: false,
        state: 'open',
        author: 'jose',
        createdAt: '2026-03-01T00:00:00Z',
        headRepository: 'acme/shop',
        comments: true,
      },
      repository: { id: 99, owner: 'acme', name: 'shop', url: 'https://github.com/acme/shop' },
      app: { id: 42, slug: 'otp-review', login: 'otp-review' },
      head: HEAD,
      base: { ref: 'main', sha: BASE },
      projectFiles: [{ path: 'mix.exs', text: 'project' }],
      config: { base: { path: '.github/otp-review.yml', text: 'profile: strict' }, organisation: null, head: null },
      said: [],
      conversations: [{ answer: null, asked: [] }],
      lacking: [],
      runs: [],
      pullsOnHead: [{ number: 1, baseRef: 'main' }],
      changedFiles: 2,
      lagging: false,
    })
  })

  it('trusts a marker only in a comment of our own', async () => {
    const ours = comment({ id: 'C1', fullDatabaseId: '5000000001', body: marked('Ours.', {}) })
    const copied = comment({
      id: 'C2',
      body: marked('Copied.', {}),
      author: { __typename: 'User', login: 'otp-review' },
    })
    const other = comment({ id: 'C3', body: marked('Copied.', {}), author: { __typename: 'Bot', login: 'other' } })
    graphql(pullAnswer({ threads: [thread([ours]), thread([copied]), thread([other])] }))

    const { said } = await readContext(wire().client, PULL, readMarker)

    expect(said).toEqual([
      {
        id: 5_000_000_001,
        nodeId: 'C1',
        threadId: 'T1',
        path: 'lib/shop/stock.ex',
        line: 4,
        body: ours.body,
        marker: MARKER,
        answered: false,
        resolved: false,
        minimized: false,
        thumbsDown: 2,
      },
    ])
  })

  it('knows whether someone answered, and which comments are outdated', async () => {
    const mine = comment({ body: marked('Ours.', {}) })
    const answer = comment({ body: 'No.', author: { __typename: 'User', login: 'jose' } })
    const threads = [
      thread([mine, answer]),
      thread([mine], { isOutdated: true }),
      { ...thread([mine]), comments: { totalCount: 31, nodes: [mine] } },
    ]
    graphql(pullAnswer({ threads }))

    const { said } = await readContext(wire().client, PULL, readMarker)

    expect(said.map(({ answered, line }) => ({ answered, line }))).toEqual([
      { answered: true, line: 4 },
      { answered: false, line: null },
      { answered: true, line: 4 },
    ])
  })

  it('follows the pages of more than 100 threads', async () => {
    const page = (body: string, next: string | null) => ({
      pageInfo: { hasNextPage: next !== null, endCursor: next },
      nodes: [thread([comment({ body: marked(body, {}) })])],
    })
    graphql(pullAnswer({ page: page('one', 'cursor1') }))
    const after: unknown[] = []
    for (const answer of [page('two', 'cursor2'), page('three', null)]) {
      graphql((variables) => {
        after.push(variables['after'])
        return {
          data: { viewer: { login: 'otp-review[bot]' }, repository: { pullRequest: { reviewThreads: answer } } },
        }
      }, 'ThreadsAfter')
    }

    const { said } = await readContext(wire().client, PULL, readMarker)

    expect(said).toHaveLength(3)
    expect(after).toEqual(['cursor1', 'cursor2'])
  })

  it('lists our runs on the head, the newest first', async () => {
    const run = (databaseId: number, status: string, conclusion: string | null) => ({
      databaseId,
      name: 'OTP review',
      status,
      conclusion,
      externalId: null,
      startedAt: null,
    })
    const runs = [run(1, 'COMPLETED', 'SUCCESS'), run(3, 'IN_PROGRESS', null), run(2, 'WAITING', null)]
    graphql(pullAnswer({ commit: { checkSuites: { nodes: [{ checkRuns: { nodes: runs } }] } } }))

    const context = await readContext(wire().client, PULL, readMarker)

    expect(context.runs).toEqual([
      { id: 3, name: 'OTP review', status: 'in_progress', conclusion: null, externalId: '', startedAt: null },
      { id: 2, name: 'OTP review', status: 'queued', conclusion: null, externalId: '', startedAt: null },
      { id: 1, name: 'OTP review', status: 'completed', conclusion: 'success', externalId: '', startedAt: null },
    ])
  })

  it('finds the other open pull requests on this head, in this repository', async () => {
    const pull = (number: number, fields: object = {}) => ({
      number,
      state: 'OPEN',
      headRefOid: HEAD,
      baseRefName: 'release',
      baseRefOid: 'c'.repeat(40),
      repository: { databaseId: 99 },
      ...fields,
    })
    const nodes = [
      pull(1),
      pull(2),
      pull(3, { state: 'MERGED' }),
      pull(4, { headRefOid: BASE }),
      pull(5, { repository: { databaseId: 100 } }),
    ]
    graphql(pullAnswer({ commit: { associatedPullRequests: { nodes } } }))

    const { pullsOnHead } = await readContext(wire().client, PULL, readMarker)

    expect(pullsOnHead).toEqual([
      { number: 1, baseRef: 'main' },
      { number: 2, baseRef: 'release' },
    ])
  })

  it("does without the organisation's defaults and without our runs where it may not read them", async () => {
    graphql({
      ...pullAnswer({ commit: { checkSuites: null } }),
      errors: [
        { type: 'NOT_FOUND', path: ['organisation'], message: 'Could not resolve to a Repository' },
        {
          type: 'FORBIDDEN',
          path: ['repository', 'pullRequest', 'commits', 'nodes', 0, 'commit', 'checkSuites'],
          message: 'Resource not accessible by integration',
        },
      ],
    })

    const context = await readContext(wire().client, PULL, readMarker)

    expect(context.runs).toEqual([])
    expect(context.config.organisation).toBeNull()
  })

  it.each([
    [['organisation']],
    [['repository', 'pullRequest', 'commits', 'nodes', 0, 'commit', 'checkSuites']],
    [['repository', 'pullRequest', 'comments']],
  ])('does not take what GitHub failed to tell at %j for nothing', async (path) => {
    graphql({ ...pullAnswer(), errors: [{ path, message: 'Something went wrong' }] })

    await expect(readContext(wire().client, PULL, readMarker)).rejects.toThrow(GitHubUnavailableError)
  })

  it("reads the organisation's defaults", async () => {
    graphql(pullAnswer({ organisation: { object: blob('fail_on: warning') } }))

    const { config } = await readContext(wire().client, PULL, readMarker)

    expect(config.organisation).toEqual({ path: '.github/otp-review.yml', text: 'fail_on: warning' })
  })

  it('says which permission is missing', async () => {
    graphql({
      data: { ...pullAnswer().data, repository: null },
      errors: [
        { type: 'FORBIDDEN', path: ['repository', 'pullRequest'], message: 'Resource not accessible by integration' },
      ],
    })

    const error = await readContext(wire().client, PULL, readMarker).catch((error: unknown) => error)

    expect(error).toBeInstanceOf(MissingPermissionError)
    expect(error).toMatchObject({ permission: 'pull_requests:read' })
  })

  it('a deleted repository is gone', async () => {
    graphql({
      data: { repository: null },
      errors: [{ type: 'NOT_FOUND', path: ['repository'], message: 'Could not resolve' }],
    })

    await expect(readContext(wire().client, PULL, readMarker)).rejects.toThrow(GoneError)
  })

  it('a fork that was deleted has no name, its author none either', async () => {
    graphql(pullAnswer({ pull: { headRepository: null, author: null } }), 'PullContext')
    graphql(openHeads([]), 'OpenHeads')

    const { subject } = await readContext(wire().client, PULL, readMarker)

    expect(subject).toMatchObject({ headRepository: null, author: 'ghost' })
  })

  it('finds those on the head of a fork, which GitHub links to nothing, in the list of open ones and in our notes', async () => {
    const noted = JSON.stringify({
      pulls: [
        { number: 4, base: 'next' },
        { number: 1, base: 'main' },
      ],
      config: 'c',
    })
    const run = {
      databaseId: 7,
      name: 'OTP review',
      status: 'COMPLETED',
      conclusion: 'SUCCESS',
      externalId: noted,
      startedAt: null,
    }
    const commit = { checkSuites: { nodes: [{ checkRuns: { nodes: [run] } }] } }
    graphql(pullAnswer({ pull: { headRepository: { nameWithOwner: 'zoe/shop' } }, commit }), 'PullContext')
    const others = [
      { number: 1, headRefOid: HEAD, baseRefName: 'main' },
      { number: 3, headRefOid: HEAD, baseRefName: 'release' },
      { number: 5, headRefOid: BASE, baseRefName: 'main' },
    ]
    graphql(openHeads(others), 'OpenHeads')

    const { pullsOnHead } = await readContext(wire().client, PULL, readMarker)

    expect(pullsOnHead).toEqual([
      { number: 1, baseRef: 'main' },
      { number: 3, baseRef: 'release' },
      { number: 4, baseRef: 'next' },
    ])
  })

  it('looks a second time where the webhook named another head, and says so where that does not help', async () => {
    graphql(pullAnswer())
    graphql(pullAnswer())
    const { client, sent } = wire()

    const context = await readContext(client, { ...PULL, head: 'd'.repeat(40) }, readMarker)

    expect(sent).toHaveLength(2)
    expect(context).toMatchObject({ head: HEAD, lagging: true })
  })

  it('a pull request from before the installation gets no comments until its next push', async () => {
    const read = async (committedDate: string) => {
      graphql(pullAnswer({ commit: { committedDate } }))
      const { subject } = await readContext(wire().client, { ...PULL, installedAt: '2026-04-01T00:00:00Z' }, readMarker)
      return subject
    }

    expect(await read('2026-03-02T00:00:00Z')).toMatchObject({ comments: false })
    expect(await read('2026-04-02T00:00:00Z')).toMatchObject({ comments: true })
  })

  it('reads a merge group: its pull requests, its configuration, its head', async () => {
    const pull = (number: number, fields: object = {}) => ({
      number,
      state: 'OPEN',
      isInMergeQueue: true,
      baseRefName: 'main',
      ...fields,
    })
    const history = [
      pull(104),
      pull(103),
      pull(90, { state: 'MERGED', isInMergeQueue: false }),
      pull(91, { isInMergeQueue: false }),
    ]
    graphql({
      data: {
        viewer: { login: 'otp-review[bot]' },
        organisation: null,
        repository: {
          ...REPOSITORY,
          head: { ...COMMIT, history: { nodes: [{ associatedPullRequests: { nodes: history } }] } },
          base: { target: { oid: BASE, config: { object: blob('profile: strict') } } },
        },
      },
    })

    const comments = pageOf([spoken({ body: '/otp-review accept a -- b' })])
    graphql((variables) => {
      expect(variables).toMatchObject({ n0: 104, n1: 103 })
      const repository = { n0: { comments, reviewThreads: pageOf([]) }, n1: null }
      return { data: { viewer: { login: 'otp-review[bot]' }, repository } }
    }, 'Conversations')

    const context = await readContext(wire().client, GROUP, readMarker)

    expect(context).toMatchObject({
      conversations: [{ answer: null, asked: [{ author: 'jose' }] }],
      subject: { kind: 'group', headRef: GROUP.headRef, pulls: [104, 103] },
      head: HEAD,
      base: { ref: 'main', sha: BASE },
      config: { base: { text: 'profile: strict' } },
      pullsOnHead: [],
      changedFiles: null,
    })
  })

  it('tells what people ask of us, wherever they do, and our answer', async () => {
    const bot = { __typename: 'Bot', login: 'otp-review' }
    const heard = [
      { content: 'EYES', viewerHasReacted: true },
      { content: 'CONFUSED', viewerHasReacted: true },
    ]
    const comments = pageOf(
      [
        spoken({ id: 'IC1', fullDatabaseId: '11', body: '/otp-review recheck', reactionGroups: heard }),
        spoken({ body: 'Looks good.' }),
        spoken({ body: '/otp-review recheck', author: { ...bot, login: 'renovate' } }),
        spoken({ body: '/otp-review recheck', author: null }),
      ],
      'next',
    )
    const later = [
      spoken({ author: bot, body: 'The answer.', fullDatabaseId: '12' }),
      spoken({
        id: 'IC3',
        body: '/otp-review explain a',
        editor: { login: 'mallory' },
        createdAt: '2026-03-01T00:00:02Z',
      }),
    ]
    const inThread = spoken({ id: 'RC1', body: '/otp-review recheck', createdAt: '2026-03-01T00:00:01Z' })
    graphql(pullAnswer({ pull: { comments }, threads: [thread([comment({}), inThread])] }))
    graphql((variables) => {
      expect(variables).toMatchObject({ after: 'next' })
      return {
        data: { viewer: { login: 'otp-review[bot]' }, repository: { pullRequest: { comments: pageOf(later) } } },
      }
    }, 'CommentsAfter')

    const { conversations } = await readContext(wire().client, PULL, readMarker)

    expect(conversations).toMatchObject([
      {
        answer: { id: 12, body: 'The answer.' },
        asked: [
          { id: 11, nodeId: 'IC1', where: 'conversation', author: 'jose', heard: true, edited: false },
          { nodeId: 'RC1', where: 'thread', heard: false },
          { nodeId: 'IC3', where: 'conversation', edited: true },
        ],
      },
    ])
  })

  it('where the conversation may not be read there is none, and the rest is told', async () => {
    const path = ['repository', 'pullRequest', 'comments']
    const refused = { type: 'FORBIDDEN', path, message: 'Resource not accessible by integration' }
    const asked = spoken({ body: '/otp-review recheck' })
    const answer = pullAnswer({ pull: { comments: null }, threads: [thread([comment({}), asked])] })
    graphql({ ...answer, errors: [refused] })

    const context = await readContext(wire().client, PULL, readMarker)

    expect(context.conversations).toEqual([{ answer: null, asked: [] }])
  })

  it('a merge group that was given up is gone', async () => {
    graphql({
      data: { viewer: { login: 'x' }, organisation: null, repository: { ...REPOSITORY, head: null, base: null } },
    })

    await expect(readContext(wire().client, GROUP, readMarker)).rejects.toThrow(GoneError)
  })
})

describe('readSnapshot', () => {
  it('reads the Elixir files at the head and counts the others', async () => {
    list([listed('lib/a.ex', 'one'), listed('README.md', 'x'), listed('test/a_test.exs', 'two')])
    const texts = answerTexts({ 'lib/a.ex': 'one', 'test/a_test.exs': 'two' })

    const snapshot = await readSnapshot(wire().client, context({ changedFiles: 3 }))

    expect(texts.asked).toEqual([`${HEAD}:lib/a.ex`, `${HEAD}:test/a_test.exs`])
    expect(snapshot.files).toEqual([
      {
        path: 'lib/a.ex',
        previousPath: null,
        status: 'modified',
        additions: 1,
        deletions: 0,
        patch: '@@ -0,0 +1 @@\n+x',
        blob: oid('one'),
        source: 'one',
      },
      expect.objectContaining({ path: 'test/a_test.exs', source: 'two' }),
    ])
    expect(snapshot).toMatchObject({ otherFiles: 1, notRead: [] })
    expect(snapshot).not.toHaveProperty('listCutAt')
  })

  it('a pull request without Elixir files costs one request, an empty one none', async () => {
    list([listed('README.md', 'x')])
    const { client, sent } = wire()

    await readSnapshot(client, context({ changedFiles: 1 }))
    await readSnapshot(client, context({ changedFiles: 0 }))

    expect(sent).toHaveLength(1)
  })

  it('a path is never part of a document, whatever it contains', async () => {
    const path = 'lib/"}} ) { viewer { login } }\n日本.ex'
    list([listed(path, 'one')])
    const texts = answerTexts({ [path]: 'one' })

    const { files } = await readSnapshot(wire().client, context({ changedFiles: 1 }))

    expect(texts.asked).toEqual([`${HEAD}:${path}`])
    expect(files[0]?.source).toBe('one')
  })

  it('a removed file is listed and not read; a renamed one knows its old name; no patch is null', async () => {
    list([
      { ...listed('lib/gone.ex', 'gone'), status: 'removed' },
      {
        filename: 'lib/new.ex',
        previous_filename: 'lib/old.ex',
        status: 'renamed',
        additions: 0,
        deletions: 0,
        sha: oid('same'),
      },
    ])
    answerTexts({ 'lib/new.ex': 'same' })

    const { files } = await readSnapshot(wire().client, context({ changedFiles: 2 }))

    expect(files).toMatchObject([
      { path: 'lib/gone.ex', status: 'removed', source: null, blob: oid('gone') },
      { path: 'lib/new.ex', previousPath: 'lib/old.ex', patch: null, source: 'same' },
    ])
  })

  it('a text that is not the listed one means that the head moved', async () => {
    list([listed('lib/a.ex', 'one')])
    answerTexts({ 'lib/a.ex': 'another' })

    await expect(readSnapshot(wire().client, context({ changedFiles: 1 }))).rejects.toThrow(StaleHeadError)
  })

  it('a file that is missing at the head means that the head moved', async () => {
    list([listed('lib/a.ex', 'one')])
    answerTexts({})
    headNow({ headRefOid: BASE })

    await expect(readSnapshot(wire().client, context({ changedFiles: 1 }))).rejects.toMatchObject({
      name: 'StaleHeadError',
      expected: HEAD,
      actual: BASE,
    })
  })

  it('what is missing though the head stands still is no file: a submodule', async () => {
    list([listed('lib/a.ex', 'one')])
    answerTexts({})
    headNow({})

    const { notRead, files } = await readSnapshot(wire().client, context({ changedFiles: 1 }))

    expect(notRead).toEqual([{ path: 'lib/a.ex', reason: 'not a file' }])
    expect(files[0]?.source).toBeNull()
  })

  it('large and binary files are named, and not read', async () => {
    list([listed('lib/large.ex', 'large'), listed('lib/binary.ex', 'binary'), listed('lib/cut.ex', 'cut')])
    answerTexts({
      'lib/large.ex': { ...blob('large'), byteSize: 400_001 },
      'lib/binary.ex': { ...blob('binary'), isBinary: true, text: null },
      'lib/cut.ex': { ...blob('cut'), isTruncated: true, byteSize: 512_001 },
    })

    const { notRead, files } = await readSnapshot(wire().client, context({ changedFiles: 3 }))

    expect(notRead).toEqual([
      { path: 'lib/large.ex', reason: 'over 400 kB' },
      { path: 'lib/binary.ex', reason: 'binary' },
      { path: 'lib/cut.ex', reason: 'over 400 kB' },
    ])
    expect(files.every(({ source }) => source === null)).toBe(true)
  })

  it('project files above the changed ones ride along; those that changed are taken from the change', async () => {
    list([listed('apps/billing/lib/billing/ledger.ex', 'one'), listed('mix.exs', 'new project')])
    const texts = answerTexts({
      'apps/billing/lib/billing/ledger.ex': 'one',
      'mix.exs': 'new project',
      'apps/billing/mix.exs': 'billing project',
    })
    const { client, sent } = wire()
    const projectFiles = [
      { path: 'mix.exs', text: 'old project' },
      { path: 'mix.lock', text: 'lock' },
    ]

    const snapshot = await readSnapshot(client, context({ changedFiles: 2, projectFiles }))

    expect(sent).toHaveLength(2)
    expect(texts.asked).toContain(`${HEAD}:apps/billing/.tool-versions`)
    expect(texts.asked).not.toContain(`${HEAD}:apps/billing/lib/mix.exs`)
    expect(snapshot.projectFiles).toEqual([
      { path: 'mix.lock', text: 'lock' },
      { path: 'apps/billing/mix.exs', text: 'billing project' },
      { path: 'mix.exs', text: 'new project' },
    ])
  })

  it('a changed configuration is read for its preview, and is no Elixir file', async () => {
    list([listed('.github/otp-review.yml', 'profile: strict')])
    answerTexts({ '.github/otp-review.yml': 'profile: strict' })

    const snapshot = await readSnapshot(wire().client, context({ changedFiles: 1 }))

    expect(snapshot.config.head).toEqual({ path: '.github/otp-review.yml', text: 'profile: strict' })
    expect(snapshot).toMatchObject({ files: [], otherFiles: 1 })
  })

  it('reads 100 files in three requests: one list, two batches', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `lib/m${index}.ex`)
    list(names.map((name) => listed(name, name)))
    const texts = Object.fromEntries(names.map((name) => [name, name]))
    answerTexts(texts)
    answerTexts(texts)
    const { client, sent } = wire()

    const { files } = await readSnapshot(client, context({ changedFiles: 100 }))

    expect(sent).toHaveLength(3)
    expect(files.every(({ path, source }) => path === source)).toBe(true)
  })

  it('a batch stays under 2 MB by what the change tells of sizes', async () => {
    const names = Array.from({ length: 4 }, (_, index) => `lib/m${index}.ex`)
    list(names.map((name) => ({ ...listed(name, name), additions: 20_000 })))
    const texts = Object.fromEntries(names.map((name) => [name, name]))
    const first = answerTexts(texts)
    const second = answerTexts(texts)

    await readSnapshot(wire().client, context({ changedFiles: 4 }))

    expect([first.asked.length, second.asked.length]).toEqual([2, 2])
  })

  it('a batch that GitHub could not answer in time is asked for in halves', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `lib/m${index}.ex`)
    list(names.map((name) => listed(name, name)))
    nock(API).post('/graphql').times(3).reply(502)
    const texts = Object.fromEntries(names.map((name) => [name, name]))
    const halves = [answerTexts(texts), answerTexts(texts)]

    const { files } = await readSnapshot(wire().client, context({ changedFiles: 20 }))

    expect(halves.map(({ asked }) => asked.length)).toEqual([10, 10])
    expect(files.every(({ source }) => source !== null)).toBe(true)
  })

  it('the list ends at 3,000 files, and the snapshot says so', async () => {
    for (let page = 1; page <= 30; page++) {
      list(
        Array.from({ length: 100 }, (_, index) => listed(`doc/${page}-${index}.md`, 'x')),
        page,
      )
    }

    const snapshot = await readSnapshot(wire().client, context({ changedFiles: 3412 }))

    expect(snapshot).toMatchObject({ otherFiles: 3000, listCutAt: 3000 })
  })

  it('a merge group is compared with its base branch, up to 300 files', async () => {
    nock(API)
      .get(`/repos/acme/shop/compare/${BASE}...${HEAD}`)
      .query({ per_page: 1 })
      .reply(200, {
        files: [listed('lib/a.ex', 'one'), ...Array.from({ length: 299 }, (_, n) => listed(`${n}.md`, 'x'))],
      })
    answerTexts({ 'lib/a.ex': 'one' })

    const snapshot = await readSnapshot(
      wire().client,
      context({ subject: { kind: 'group', headRef: GROUP.headRef, pulls: [104] }, changedFiles: null }),
    )

    expect(snapshot).toMatchObject({ files: [{ path: 'lib/a.ex', source: 'one' }], otherFiles: 299, listCutAt: 300 })
  })
})

describe('readBases', () => {
  it('asks for the merge base once and reads renamed files by their old names', async () => {
    const mergeBase = 'e'.repeat(40)
    list([
      { ...listed('lib/new.ex', 'new'), status: 'renamed', previous_filename: 'lib/old.ex' },
      { ...listed('lib/added.ex', 'added'), status: 'added' },
      listed('lib/a.ex', 'one'),
    ])
    answerTexts({ 'lib/new.ex': 'new', 'lib/added.ex': 'added', 'lib/a.ex': 'one' })
    const { client } = wire()
    const snapshot = await readSnapshot(client, context({ changedFiles: 3 }))
    nock(API)
      .get(`/repos/acme/shop/compare/${BASE}...${HEAD}`)
      .query({ per_page: 1, page: 2 })
      .reply(200, { merge_base_commit: { sha: mergeBase } })
    const texts = answerTexts({ 'lib/old.ex': 'old' })

    const bases = await readBases(client, snapshot, ['lib/new.ex', 'lib/added.ex', 'lib/a.ex'])

    expect(texts.asked).toEqual([`${mergeBase}:lib/old.ex`, `${mergeBase}:lib/a.ex`])
    expect(bases).toEqual(
      new Map([
        ['lib/new.ex', 'old'],
        ['lib/added.ex', null],
        ['lib/a.ex', null],
      ]),
    )
  })

  it('asks for nothing where nothing is missing', async () => {
    const { client, sent } = wire()

    expect(await readBases(client, { ...context({}), files: [], otherFiles: 0, notRead: [] }, [])).toEqual(new Map())
    expect(sent).toEqual([])
  })
})

const REPOSITORY = { databaseId: 99, name: 'shop', owner: { login: 'acme' }, url: 'https://github.com/acme/shop' }

const COMMIT = {
  oid: HEAD,
  committedDate: '2026-03-02T00:00:00Z',
  project0: { object: { oid: 'p', byteSize: 7, isBinary: false, isTruncated: false, text: 'project' } },
  project1: null,
  project2: null,
  project3: null,
  project4: null,
  checkSuites: { nodes: [] },
  associatedPullRequests: { nodes: [] },
}

const GROUP: GroupTarget = {
  kind: 'group',
  repository: { id: 99, owner: 'acme', name: 'shop' },
  head: HEAD,
  headRef: 'refs/heads/gh-readonly-queue/main/pr-104-bbbb',
  baseRef: 'refs/heads/main',
}

interface PullFields {
  pull?: object
  commit?: object
  threads?: object[]
  page?: object
  organisation?: object | null
}

function openHeads(nodes: object[]) {
  return { data: { repository: { pullRequests: { pageInfo: { hasNextPage: false, endCursor: null }, nodes } } } }
}

function pullAnswer({ pull = {}, commit = {}, threads = [], page, organisation = null }: PullFields = {}) {
  return {
    data: {
      viewer: { login: 'otp-review[bot]' },
      organisation,
      repository: {
        ...REPOSITORY,
        pullRequest: {
          number: 1,
          state: 'OPEN',
          isDraft: false,
          createdAt: '2026-03-01T00:00:00Z',
          changedFiles: 2,
          author: { login: 'jose' },
          headRefOid: HEAD,
          headRepository: { nameWithOwner: 'acme/shop' },
          baseRefName: 'main',
          baseRefOid: BASE,
          baseRef: { target: { config: { object: blob('profile: strict') } } },
          commits: { nodes: [{ commit: { ...COMMIT, ...commit } }] },
          reviewThreads: page ?? pageOf(threads),
          comments: pageOf([]),
          ...pull,
        },
      },
    },
  }
}

function pageOf(nodes: object[], endCursor: string | null = null) {
  return { pageInfo: { hasNextPage: endCursor !== null, endCursor }, nodes }
}

function thread(nodes: object[], fields: object = {}) {
  const comments = { totalCount: nodes.length, nodes }
  const opener = { nodes: [{ reactions: { totalCount: 2 } }] }
  return {
    id: 'T1',
    isResolved: false,
    isOutdated: false,
    path: 'lib/shop/stock.ex',
    line: 4,
    comments,
    opener,
    ...fields,
  }
}

/** A person's comment. */
function spoken(fields: object) {
  const author = { __typename: 'User', login: 'jose' }
  const createdAt = '2026-03-01T00:00:00Z'
  return { id: 'C', fullDatabaseId: '1', author, editor: null, body: '', createdAt, reactionGroups: null, ...fields }
}

function comment<T extends object>(fields: T) {
  const author = { __typename: 'Bot', login: 'otp-review' }
  return { id: 'C', fullDatabaseId: '1', author, body: '', isMinimized: false, ...fields }
}

function context(fields: Partial<Context>): Context {
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
    repository: { id: 99, owner: 'acme', name: 'shop', url: 'https://github.com/acme/shop' },
    app: { id: 42, slug: 'otp-review', login: 'otp-review' },
    head: HEAD,
    base: { ref: 'main', sha: BASE },
    projectFiles: [],
    config: { base: null, organisation: null, head: null },
    said: [],
    conversations: [],
    lacking: [],
    runs: [],
    pullsOnHead: [],
    changedFiles: 1,
    lagging: false,
    ...fields,
  }
}

function oid(text: string): string {
  return `oid of ${text}`
}

function blob(text: string) {
  return { oid: oid(text), byteSize: text.length, isBinary: false, isTruncated: false, text }
}

function listed(filename: string, text: string) {
  return { filename, status: 'modified', additions: 1, deletions: 0, patch: '@@ -0,0 +1 @@\n+x', sha: oid(text) }
}

function list(files: object[], page = 1): void {
  nock(API).get('/repos/acme/shop/pulls/1/files').query({ per_page: 100, page }).reply(200, files)
}

/** Answers the next request for texts, whatever the commit; paths without a text have no object. */
function answerTexts(texts: Record<string, string | object>): { asked: string[] } {
  const request = { asked: [] as string[] }
  graphql(({ owner: _owner, name: _name, ...expressions }) => {
    request.asked = Object.values(expressions) as string[]
    const repository = Object.fromEntries(
      Object.entries(expressions).map(([alias, expression]) => {
        const text = texts[String(expression).slice(41)]
        return [alias, typeof text === 'string' ? blob(text) : (text ?? null)]
      }),
    )
    return { data: { repository } }
  }, 'Texts')
  return request
}

function headNow(fields: object): void {
  const pullRequest = { state: 'OPEN', headRefOid: HEAD, baseRefName: 'main', ...fields }
  graphql({ data: { repository: { pullRequest } } }, 'HeadNow')
}
