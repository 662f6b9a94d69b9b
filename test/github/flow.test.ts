import { expect, onTestFinished, test } from 'vitest'
import {
  beginRun,
  concludeRun,
  createClients,
  publish,
  readBases,
  readContext,
  readSnapshot,
  StaleHeadError,
} from '../../src/github/index.ts'
import type { Client, Published, PullTarget } from '../../src/github/index.ts'
import { readMarker, writeMarker } from '../../src/review/marker.ts'
import type { PlannedAnnotation, PlannedComment, ReviewPlan } from '../../src/review/plan.ts'
import type { Snapshot } from '../../src/review/snapshot.ts'
import { startGitHub, unavailable } from '../support/github/index.ts'
import type { PullHandle, RepositoryHandle, StandIn } from '../support/github/index.ts'
import { MARKER } from './wire.ts'

const CLEAN = 'defmodule Shop do\n  def run, do: :ok\nend\n'
const BAD = 'defmodule Shop do\n  def run, do: :bad\nend\n'
const REVIEWS = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'

test('a review is posted on the lines that were added, and its run concluded', async () => {
  const { github, repo, client } = await shop()
  const pull = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD, 'README.md': 'New\n' } })

  const { snapshot, published } = await review(client, pull)

  expect(snapshot).toMatchObject({
    subject: {
      kind: 'pull',
      number: pull.number,
      state: 'open',
      author: 'alice',
      headRepository: 'acme/shop',
      comments: true,
    },
    app: { slug: 'otp-review', login: 'otp-review' },
    head: pull.head,
    base: { ref: 'main' },
    files: [{ path: 'lib/shop.ex', status: 'modified', additions: 1, deletions: 1, source: BAD }],
    otherFiles: 1,
    notRead: [],
    pullsOnHead: [{ number: pull.number, baseRef: 'main' }],
  })
  expect(snapshot.projectFiles).toEqual([{ path: 'mix.exs', text: 'project\n' }])
  expect(snapshot.config.base?.text).toBe('profile: strict\n')
  expect(published).toMatchObject({ refused: [], postedComments: 1 })
  expect(await pull.comments()).toMatchObject([{ path: 'lib/shop.ex', line: 2, author: 'otp-review[bot]' }])
  expect(pull.checkRuns()).toMatchObject([
    { status: 'completed', conclusion: 'failure', actions: [{ identifier: 'check-again' }] },
  ])
  expect(github.violations).toEqual([])
})

test('after a push the same finding is not said again, and a fixed one is edited and folded away', async () => {
  const { repo, client } = await shop()
  const pull = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD, 'lib/other.ex': BAD } })
  await review(client, pull)
  await pull.push({ 'lib/shop.ex': CLEAN })

  const { snapshot } = await review(client, pull)

  expect(snapshot.said.map(({ path, answered }) => ({ path, answered }))).toEqual([
    { path: 'lib/other.ex', answered: false },
    { path: 'lib/shop.ex', answered: false },
  ])
  const comments = await pull.comments()
  expect(pull.reviews()).toHaveLength(1)
  expect(comments.map(({ path, minimized }) => ({ path, minimized }))).toEqual([
    { path: 'lib/other.ex', minimized: null },
    { path: 'lib/shop.ex', minimized: 'RESOLVED' },
  ])
  expect(comments[1]?.body).toMatch(/^Fixed\./)
})

test('an answer and a thumbs-down are seen', async () => {
  const { repo, client } = await shop()
  const pull = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD } })
  await review(client, pull)
  const [comment] = await pull.comments()
  await pull.reply(comment!, 'No.', { as: 'bob' })
  pull.react(comment!, '-1', { as: 'bob' })

  const context = await readContext(client, target(pull), readMarker)

  expect(context.said).toMatchObject([
    { id: comment!.id, nodeId: comment!.nodeId, line: 2, answered: true, thumbsDown: 1 },
  ])
})

test('a head that moves during the analysis gets nothing', async () => {
  const { repo, client } = await shop()
  const pull = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD } })

  await expect(review(client, pull, { beforePublish: () => pull.push({ 'lib/shop.ex': CLEAN }) })).rejects.toThrow(
    StaleHeadError,
  )

  expect(await pull.comments()).toEqual([])
})

test('a head that moves between the context and the files is noticed by their blobs', async () => {
  const { repo, client } = await shop()
  const pull = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD } })
  const context = await readContext(client, target(pull), readMarker)
  await pull.push({ 'lib/shop.ex': CLEAN.replace('ok', 'fine') })

  await expect(readSnapshot(client, context)).rejects.toThrow(StaleHeadError)
})

test('a comment off the diff does not take the others down with it', async () => {
  const { repo, client } = await shop()
  const pull = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD } })

  const { published } = await review(client, pull, { alsoAt: [{ path: 'lib/shop.ex', line: 99 }] })

  expect(published).toMatchObject({ refused: ['lib/shop.ex:99'], postedComments: 1 })
  expect(pull.reviews()).toHaveLength(1)
})

test('a pending review that a crash left behind does not block', async () => {
  const { repo, client } = await shop()
  const pull = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD } })
  await pull.leavePendingReview()

  const { published } = await review(client, pull)

  expect(published).toMatchObject({ refused: [], postedComments: 1 })
})

test('answers that are lost after their effect lead to nothing twice', async () => {
  const { github, repo, client } = await shop()
  const pull = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD } })
  github.faults.next('POST /repos/{owner}/{repo}/check-runs', unavailable(502, 'after'))
  github.faults.next(REVIEWS, { connection: 'drop', when: 'after' })
  github.faults.next('PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}', { connection: 'cut', when: 'after' })

  await review(client, pull, { annotations: 60 })

  expect(pull.reviews()).toHaveLength(1)
  expect(pull.checkRuns()).toMatchObject([{ status: 'completed', conclusion: 'failure' }])
  expect(pull.checkRuns()[0]?.annotations).toHaveLength(60)
})

test('a crash before the conclusion is taken up by the same run, without doubled annotations', async () => {
  const { repo, client } = await shop()
  const pull = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD } })
  const context = await readContext(client, target(pull), readMarker)
  const begun = await beginRun(client, context, { name: 'OTP review' })
  await client.rest.rest.checks.update({
    owner: 'acme',
    repo: 'shop',
    check_run_id: begun.id,
    output: { title: 'x', summary: 'x', annotations: annotations(50).map(toSent) },
  })

  await review(client, pull, { annotations: 60 })

  expect(pull.checkRuns()).toHaveLength(1)
  expect(pull.checkRuns()[0]).toMatchObject({ id: begun.id, conclusion: 'failure' })
  expect(pull.checkRuns()[0]?.annotations).toHaveLength(60)
})

test('a fork is read through the base repository, also when it is gone', async () => {
  const { repo, client } = await shop()
  const fork = await repo.fork('carol')
  const pull = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD }, from: fork })

  const first = await review(client, pull)
  fork.remove()
  const second = await review(client, pull)

  expect(first.snapshot).toMatchObject({
    subject: { headRepository: 'carol/shop' },
    pullsOnHead: [{ number: pull.number }],
  })
  expect(second.snapshot).toMatchObject({ subject: { headRepository: null }, files: [{ source: BAD }] })
  expect(await pull.comments()).toHaveLength(1)
  expect(pull.checkRuns().every(({ conclusion }) => conclusion === 'failure')).toBe(true)
})

test('two pull requests on one head know of each other', async () => {
  const { repo, client } = await shop()
  await repo.push('release', { 'lib/old.ex': CLEAN })
  const one = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD } })
  const two = await repo.openFrom('bad', { base: 'release' })

  const { pullsOnHead } = await readContext(client, target(one), readMarker)

  expect(pullsOnHead.map(({ number, baseRef }) => ({ number, baseRef }))).toEqual([
    { number: one.number, baseRef: 'main' },
    { number: two.number, baseRef: 'release' },
  ])
})

test('without the permission to write reviews the run is still concluded', async () => {
  const { repo, client } = await shop({
    permissions: { metadata: 'read', contents: 'read', checks: 'write', pull_requests: 'read' },
  })
  const pull = await repo.open({ branch: 'bad', files: { 'lib/shop.ex': BAD } })

  const { published } = await review(client, pull)

  expect(published).toEqual({ refused: ['lib/shop.ex:2'], postedComments: 0, missingPermission: 'pull_requests:write' })
  expect(pull.checkRuns()).toMatchObject([{ conclusion: 'failure' }])
})

test('the base of a renamed file without a patch is read at the merge base', async () => {
  const { repo, client } = await shop()
  const pull = await repo.open({ branch: 'rename', files: { 'lib/shop.ex': null, 'lib/store.ex': `${CLEAN}# more\n` } })
  pull.withholdPatch('lib/store.ex')
  await repo.push('main', { 'lib/shop.ex': BAD })
  const { snapshot } = await review(client, pull)

  const bases = await readBases(client, snapshot, ['lib/store.ex'])

  expect(snapshot.files).toMatchObject([{ path: 'lib/store.ex', previousPath: 'lib/shop.ex', patch: null }])
  expect(bases).toEqual(new Map([['lib/store.ex', CLEAN]]))
})

test('a merge group is read against its base branch, with all its pull requests', async () => {
  const { repo, client } = await shop()
  const one = await repo.open({ branch: 'one', files: { 'lib/one.ex': BAD } })
  const two = await repo.open({ branch: 'two', files: { 'lib/two.ex': BAD } })
  const group = await repo.enqueue(one, two)

  const context = await readContext(
    client,
    {
      kind: 'group',
      repository: { ...REPOSITORY, id: repo.id },
      head: group.headSha,
      headRef: group.headRef,
      baseRef: group.baseRef,
    },
    readMarker,
  )
  const run = await beginRun(client, context, { name: 'OTP review' })
  const snapshot = await readSnapshot(client, context)
  await concludeRun(client, run, plannedRun(0))

  expect(snapshot.files.map(({ path, source }) => ({ path, source }))).toEqual([
    { path: 'lib/one.ex', source: BAD },
    { path: 'lib/two.ex', source: BAD },
  ])
  expect(snapshot.subject).toMatchObject({ kind: 'group', pulls: expect.arrayContaining([one.number, two.number]) })
  expect(repo.runsOn(group.headSha)).toMatchObject([{ conclusion: 'failure' }])
})

test.each([
  [1, 8],
  [20, 8],
  [100, 9],
])('a review of %i files that comments and edits costs %i requests', async (count, requests) => {
  const { github, repo, client } = await shop()
  const names = Array.from({ length: count }, (_, index) => `lib/m${index}.ex`)
  const pull = await repo.open({ branch: 'many', files: Object.fromEntries(names.map((name) => [name, BAD])) })
  await review(client, pull)
  await pull.push({ 'lib/m0.ex': `# The finding of line 2 is fixed, and there is one on line 3.\n${BAD}` })
  github.requests.length = 0

  const { snapshot, published } = await review(client, pull)

  expect(snapshot.files).toHaveLength(count)
  expect(published.postedComments).toBeGreaterThan(0)
  expect((await pull.comments()).filter(({ minimized }) => minimized === 'RESOLVED')).toHaveLength(1)
  expect(github.countApiRequests()).toBe(requests)
})

const REPOSITORY = { owner: 'acme', name: 'shop' }

async function shop(options: { permissions?: Record<string, 'read' | 'write'> } = {}): Promise<{
  github: StandIn
  repo: RepositoryHandle
  client: Client
}> {
  const github = await startGitHub()
  onTestFinished(() => github.close())
  const repo = await github.repository('acme/shop', {
    files: {
      'lib/shop.ex': CLEAN,
      'mix.exs': 'project\n',
      'README.md': '# Shop\n',
      '.github/otp-review.yml': 'profile: strict\n',
    },
    ...options,
  })
  const { appId, privateKey } = github.app
  const clients = createClients({
    appId,
    privateKey,
    baseUrl: github.url,
    userAgent: 'otp-review-test',
    log: { debug() {}, warn() {} },
    secondMs: 1,
  })
  return { github, repo, client: clients.forInstallation(github.installation('acme').id) }
}

function target(pull: PullHandle): PullTarget {
  const repository = { ...REPOSITORY, id: pull.pull.repository.id }
  return { kind: 'pull', repository, number: pull.number, head: null, installedAt: null }
}

interface ReviewOptions {
  beforePublish?: () => Promise<unknown>
  alsoAt?: { path: string; line: number }[]
  annotations?: number
}

/** The whole way, with a rule of its own: a line with `:bad` is bad. */
async function review(
  client: Client,
  pull: PullHandle,
  options: ReviewOptions = {},
): Promise<{ snapshot: Snapshot; published: Published }> {
  const context = await readContext(client, target(pull), readMarker)
  const run = await beginRun(client, context, { name: 'OTP review' })
  const snapshot = await readSnapshot(client, context)
  const plan = planFor(snapshot, options)
  await options.beforePublish?.()
  const published = await publish(client, snapshot, plan, readMarker)
  await concludeRun(client, run, plan.run)
  return { snapshot, published }
}

function planFor(snapshot: Snapshot, { alsoAt = [], annotations: count = 0 }: ReviewOptions): ReviewPlan {
  const bad = snapshot.files.flatMap(({ path, source }) => {
    const line = (source ?? '').split('\n').findIndex((text) => text.includes(':bad')) + 1
    return line > 0 ? [{ path, line }] : []
  })
  const found = [...bad, ...alsoAt].map(({ path, line }) => toComment(path, line, snapshot.head))
  const isSaid = ({ fingerprint }: PlannedComment) =>
    snapshot.said.some(({ marker }) => marker.fingerprint === fingerprint)
  const fixed = snapshot.said.filter(
    ({ marker }) => !found.some(({ fingerprint }) => fingerprint === marker.fingerprint),
  )
  return {
    head: snapshot.head,
    body: 'Found something.',
    comments: found.filter((comment) => !isSaid(comment)).slice(0, 10),
    replies: [],
    edits: fixed.map(({ nodeId, threadId, marker }) => ({
      nodeId,
      threadId,
      body: `Fixed.\n${writeMarker({ ...marker, state: 'fixed' })}`,
      minimize: 'RESOLVED',
    })),
    run: plannedRun(count),
    introduced: [],
  }
}

function toComment(path: string, line: number, sha: string): PlannedComment {
  const fingerprint = `${path}:${line}`
  const body = `Bad.\n${writeMarker({ ...MARKER, fingerprint, sha })}`
  return { path, startLine: null, line, body, fingerprint, annotation: annotations(1)[0]! }
}

function plannedRun(count: number): ReviewPlan['run'] {
  return { conclusion: 'failure', title: 'Bad', summary: 'Bad.', text: null, annotations: annotations(count) }
}

function annotations(count: number): PlannedAnnotation[] {
  return Array.from({ length: count }, (_, index) => ({
    path: 'lib/shop.ex',
    startLine: index + 1,
    endLine: index + 1,
    level: 'warning',
    title: 'Bad',
    message: `Bad ${index}`,
  }))
}

function toSent({ path, startLine, endLine, level, title, message }: PlannedAnnotation) {
  return { path, start_line: startLine, end_line: endLine, annotation_level: level, title, message }
}
