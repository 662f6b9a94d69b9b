import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asksItsState, callsItself, callsItselfAs, mix } from '../app/shop.ts'
import {
  after,
  garbled,
  graphqlLimit,
  matches,
  operation,
  primaryLimit,
  secondaryLimit,
  unavailable,
  within,
} from '../support/github/index.ts'
import type { Fault, Matcher, PullHandle, RecordedRequest, RepositoryHandle, StandIn } from '../support/github/index.ts'
import { report, seconds } from './row.ts'
import { openStage, quick } from './stage.ts'
import type { Stage } from './stage.ts'

const FILES = 'GET /repos/{owner}/{repo}/pulls/{pull_number}/files'
const REVIEW = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'
const REPLY = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies'
const RUN = 'POST /repos/{owner}/{repo}/check-runs'
const UPDATE = 'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}'
const ANSWER = 'POST /repos/{owner}/{repo}/issues/{issue_number}/comments'
const REACTION = 'POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions'

const stock = 'lib/shop/stock.ex'
const cart = 'lib/shop/cart.ex'
/** Modules with a finding each: three have comments, the others are annotations for two requests. */
const FOUND = 60
const many = {
  'lib/shop/all.ex': Array.from({ length: FOUND }, (_, index) => callsItselfAs(`Part${index}`)).join('\n'),
}

let stage: Stage
let github: StandIn
let service: Awaited<ReturnType<Stage['start']>>
beforeAll(async () => {
  stage = await openStage('embedded')
  github = stage.github
  service = await stage.start({ CONCURRENCY: '8' }, quick)
})
afterAll(() => stage[Symbol.asyncDispose]())

let count = 0

/** In an account of its own: the limits of one are none of another. */
function newShop(files: Record<string, string> = {}): Promise<RepositoryHandle> {
  return github.repository(`acme${(count += 1)}/shop`, { files: { ...mix, ...files } })
}

/** Settles when the service has nothing more to do for the present head. */
async function reviewed({ fullName }: RepositoryHandle, { head }: PullHandle): Promise<void> {
  await service.line({ msg: 'job done', repo: fullName, head })
}

function conclusions(pull: PullHandle): unknown[] {
  return pull.checkRuns().map(({ status, conclusion }) => conclusion ?? status)
}

/** The log of one repository, at least this severe. */
function troubles({ fullName }: RepositoryHandle, level = 50): unknown[] {
  const lines = service.output().split('\n').slice(0, -1)
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['repo'] === fullName && Number(line['level']) >= level)
}

describe('GitHub fails', { timeout: 300_000 }, () => {
  /** One step of a first review goes wrong. */
  async function reviewOnce(matcher: Matcher, fault: Fault): Promise<void> {
    const shop = await newShop()
    github.faults.next(within(shop.fullName, matcher), fault)
    const pull = await shop.open({ branch: 'a', files: many })
    await reviewed(shop, pull)

    expect(conclusions(pull)).toEqual(['failure'])
    expect(pull.reviews()).toHaveLength(1)
    const places = pull.checkRuns()[0]!.annotations.map(({ path, startLine, title }) => `${path}:${startLine} ${title}`)
    expect([places.length, new Set(places).size, (await pull.comments()).length]).toEqual([FOUND - 3, FOUND - 3, 3])
  }

  /** What was found is gone, and comes back. */
  async function editOnce(fault: Fault): Promise<void> {
    const shop = await newShop()
    const pull = await shop.open({ branch: 'a', files: { [stock]: callsItself } })
    await reviewed(shop, pull)
    const [comment] = await pull.comments()
    const isOurs = ({ body }: RecordedRequest) => JSON.stringify(body).includes(comment!.nodeId)
    github.faults.next((request) => matches(operation('Edits'), request) && isOurs(request), fault)
    await pull.push({ [stock]: asksItsState })
    await reviewed(shop, pull)
    expect(conclusions(pull)).toEqual(['success'])
    expect(await pull.comments()).toMatchObject([{ minimized: 'RESOLVED', replies: [] }])

    github.faults.next(within(shop.fullName, REPLY), fault)
    await pull.push({ [stock]: callsItself })
    await reviewed(shop, pull)

    expect(conclusions(pull)).toEqual(['failure'])
    expect(pull.reviews().filter(({ comments, body }) => comments > 0 && body !== '')).toHaveLength(1)
    expect((await pull.comments()).map(({ replies }) => replies.length)).toEqual([1])
  }

  /** Somebody accepts a finding. */
  async function answerOnce(fault: Fault): Promise<void> {
    const shop = await newShop()
    const pull = await shop.open({ branch: 'a', files: { [stock]: callsItself } })
    await reviewed(shop, pull)
    github.faults.next(within(shop.fullName, ANSWER), fault)
    github.faults.next(within(shop.fullName, REACTION), fault)

    await pull.comment('/otp-review accept genserver-self-call -- a test')
    const ended = () => pull.checkRuns().filter(({ status }) => status === 'completed')
    await github.until('another check run', () => ended().length === 2, 120_000)

    expect(conclusions(pull)).toEqual(['failure', 'success'])
    expect(pull.conversation().map(({ author, reactions }) => [author, reactions])).toEqual([
      ['alice', ['+1']],
      ['otp-review[bot]', []],
    ])
  }

  const FAULTS: [name: string, fault: Fault][] = [
    ['502 before the effect', unavailable(502)],
    ['502 after the effect', unavailable(502, 'after')],
    ['the connection drops before the effect', { connection: 'drop' }],
    ['the connection drops after the effect', { connection: 'drop', when: 'after' }],
    ['the answer breaks off after the effect', { connection: 'cut', when: 'after' }],
    ['half an answer after the effect, of the length announced', garbled('after')],
    ['403 for too much at once, with retry-after', secondaryLimit(1)],
    ['429 with retry-after', secondaryLimit(1, 429)],
  ]
  for (const [name, fault] of FAULTS) {
    test(`at each of eight kinds of writes: ${name}`, async (context) => {
      const started = performance.now()

      await Promise.all([
        reviewOnce(RUN, fault),
        reviewOnce(REVIEW, fault),
        reviewOnce(UPDATE, fault),
        reviewOnce(after(1, UPDATE), fault),
        editOnce(fault),
        answerOnce(fault),
      ])

      expect(github.faults.left()).toBe(0)
      report(context, {
        database: 'PGlite',
        runs: 8,
        injected: name,
        outcome: 'one review, one check run, concluded; no annotation, comment, edit, reply, answer or reaction twice',
        took: performance.now() - started,
      })
    })
  }

  const NOTHING_WORKED = { errors: [{ message: 'Something went wrong while executing your query.' }] }
  const A_PART_IS_LACKING = {
    data: { viewer: { login: 'otp-review' }, organisation: null, repository: null },
    errors: [{ path: ['repository'], message: 'Timed out.' }],
  }
  const inTwentySeconds = () => new Date(Date.now() + 20_000)
  const READS: [name: string, faults: () => Fault[], points: Matcher[]][] = [
    [
      '502, a dropped connection, an answer that breaks off, half an answer',
      () => [unavailable(502), { connection: 'drop' }, { connection: 'cut' }, garbled()],
      [operation('PullContext'), FILES, operation('Texts'), operation('HeadNow')],
    ],
    [
      'GraphQL with status 200 and an error for all, for a part, for the limit',
      () => [
        { status: 200, body: NOTHING_WORKED },
        { status: 200, body: A_PART_IS_LACKING },
        graphqlLimit(inTwentySeconds()),
      ],
      [operation('PullContext'), operation('Texts'), operation('HeadNow')],
    ],
  ]
  for (const [name, faults, points] of READS) {
    test(`at each read of a review: ${name}`, async (context) => {
      const started = performance.now()
      const runs = faults().flatMap((fault) => points.map((point) => ({ fault, point })))

      await Promise.all(
        runs.map(async ({ fault, point }) => {
          const shop = await newShop()
          github.faults.next(within(shop.fullName, point), fault)
          const pull = await shop.open({ branch: 'a', files: { [stock]: callsItself } })
          await reviewed(shop, pull)
          expect(conclusions(pull)).toEqual(['failure'])
          expect(pull.reviews()).toMatchObject([{ comments: 1 }])
        }),
      )

      expect(github.faults.left()).toBe(0)
      report(context, {
        database: 'PGlite',
        runs: runs.length,
        injected: name,
        outcome: 'one review, one check run, concluded',
        took: performance.now() - started,
      })
    })
  }

  test('to take a review for one of its lines', async (context) => {
    const started = performance.now()
    const errors = ['Pull request review thread line must be part of the diff']
    const shop = await newShop()
    github.faults.next(within(shop.fullName, REVIEW), {
      status: 422,
      body: { message: 'Unprocessable Entity', errors },
    })

    const pull = await shop.open({ branch: 'a', files: { [stock]: callsItself, [cart]: callsItselfAs('Cart') } })
    await reviewed(shop, pull)

    const said = [...(await pull.comments()), ...pull.checkRuns()[0]!.annotations].map(({ path }) => path)
    expect(said.toSorted()).toEqual([cart, stock])
    expect(conclusions(pull)).toEqual(['failure'])
    expect(pull.reviews()).toHaveLength(1)
    report(context, {
      database: 'PGlite',
      runs: 1,
      injected: '422 for a line, without saying which',
      outcome: 'one review with the comments that GitHub takes; the others stand in the check run, nothing is lost',
      took: performance.now() - started,
    })
  })
})

describe('While a review runs', { timeout: 300_000 }, () => {
  /** Opens a pull request, and stops the world at one of its requests. */
  async function stopAt(matcher: Matcher) {
    const shop = await newShop()
    const held = github.faults.hold(within(shop.fullName, matcher))
    const pull = await shop.open({ branch: 'a', files: { [stock]: callsItself } })
    await held.reached
    return { shop, pull, owner: shop.home.owner.login, resume: held.release }
  }

  const GONE = 'what the job is about is gone'

  test('the pull request, or the way to it, disappears', async (context) => {
    const started = performance.now()
    const points = [FILES, operation('HeadNow'), REVIEW]

    await Promise.all(
      points.map(async (point) => {
        const { shop, pull, resume } = await stopAt(point)
        shop.home.pulls.length = 0
        resume()
        await service.line({ msg: GONE, repo: shop.fullName })
        await github.until('the run to end', () => conclusions(pull)[0] === 'neutral', 120_000)
        expect([conclusions(pull), pull.reviews()]).toEqual([['neutral'], []])
      }),
    )
    const { shop, pull } = await stopAt(operation('HeadNow')).then(async (one) => {
      github.faults.next(within(one.shop.fullName, REVIEW), { status: 410, body: { message: 'Gone' } })
      one.resume()
      return one
    })
    await github.until('the run to end', () => conclusions(pull)[0] === 'neutral', 120_000)

    expect(troubles(shop)).toEqual([])
    report(context, {
      database: 'PGlite',
      runs: points.length + 1,
      injected: '404, NOT_FOUND or 410, from one of its requests on',
      outcome: 'the check run ends as neutral, the job ends quietly',
      took: performance.now() - started,
    })
  })

  test('the repository is deleted, the fork is deleted, the branch is deleted', async (context) => {
    const started = performance.now()
    const repository = await stopAt(FILES)
    repository.shop.remove()
    repository.resume()
    await service.line({ msg: GONE, repo: repository.shop.fullName })

    const upstream = await newShop()
    const fork = await upstream.fork('bea')
    const held = github.faults.hold(within(upstream.fullName, FILES))
    const fromFork = await upstream.open({ branch: 'a', files: { [stock]: callsItself }, from: fork })
    await held.reached
    fork.remove()
    held.release()
    await reviewed(upstream, fromFork)

    const branch = await stopAt(FILES)
    await branch.shop.home.git.deleteRef('refs/heads/a')
    await branch.pull.close()
    branch.resume()
    await reviewed(branch.shop, branch.pull)

    expect(conclusions(fromFork)).toEqual(['failure'])
    expect(fromFork.reviews()).toHaveLength(1)
    expect(conclusions(branch.pull)).toEqual(['failure'])
    expect(branch.pull.reviews()).toEqual([])
    expect(branch.pull.checkRuns()[0]!.annotations).toHaveLength(1)
    expect(troubles(repository.shop)).toEqual([])
    report(context, {
      database: 'PGlite',
      runs: 3,
      injected: 'the deletion, while the files are being listed',
      outcome: 'repository: the job ends quietly; fork: reviewed; branch: concluded, with all in the check run',
      took: performance.now() - started,
    })
  })

  test('the token expires', async (context) => {
    const started = performance.now()
    const points = [FILES, REVIEW, UPDATE]
    const stopped = await Promise.all(points.map(stopAt))
    github.world.tokens.clear()
    stopped.forEach(({ resume }) => resume())

    for (const { shop, pull } of stopped) {
      await reviewed(shop, pull)
      expect(conclusions(pull)).toEqual(['failure'])
      expect(pull.reviews()).toHaveLength(1)
      expect(troubles(shop)).toEqual([])
    }
    report(context, {
      database: 'PGlite',
      runs: points.length,
      injected: '401 from one of its requests on, until there is a new token',
      outcome: 'one review, one check run, concluded',
      took: performance.now() - started,
    })
  })

  test('the account suspends the app, and takes it back later', async (context) => {
    const started = performance.now()
    const points = [FILES, REVIEW, UPDATE]
    const stopped = await Promise.all(points.map(stopAt))
    for (const { owner } of stopped) await github.suspend(owner)
    stopped.forEach(({ resume }) => resume())
    for (const { shop } of stopped) await service.line({ msg: 'check run not concluded', repo: shop.fullName })
    for (const { owner } of stopped) await github.unsuspend(owner)

    for (const { shop, pull } of stopped) {
      await reviewed(shop, pull)
      expect(conclusions(pull)).toEqual(['failure'])
      expect(pull.reviews()).toHaveLength(1)
      expect(troubles(shop)).toEqual([])
    }
    report(context, {
      database: 'PGlite',
      runs: points.length,
      injected: '403 from one of its requests on, until it is unsuspended',
      outcome: 'the job ends quietly; then one review, and the same check run is concluded',
      took: performance.now() - started,
    })
  })
})

describe('GitHub asks to wait', { timeout: 300_000 }, () => {
  test('two seconds, by a header, by the status, by the end of the hour', async (context) => {
    await using place = await openStage('embedded')
    const live = await place.start({ CONCURRENCY: '4' })
    const started = performance.now()
    const limits: (() => Fault)[] = [
      () => secondaryLimit(2),
      () => secondaryLimit(2, 429),
      () => primaryLimit(new Date(Date.now() + 2000)),
    ]
    const pauses = await Promise.all(
      limits.map(async (limit, index) => {
        const shop = await place.github.repository(`acme${index}/shop`, { files: mix })
        const held = place.github.faults.hold(within(shop.fullName, FILES))
        const pull = await shop.open({ branch: 'a', files: { [stock]: callsItself } })
        await held.reached
        place.github.faults.next(within(shop.fullName, REVIEW), limit())
        held.release()
        await live.line({ msg: 'job done', repo: shop.fullName })
        expect(conclusions(pull)).toEqual(['failure'])
        expect(pull.reviews()).toHaveLength(1)
        const sent = place.github.requests.filter((request) => matches(within(shop.fullName, /./), request))
        const refused = sent.findIndex(({ status }) => status === 403 || status === 429)
        return sent[refused + 1]!.at.getTime() - sent[refused]!.at.getTime()
      }),
    )

    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(1000)
    expect(Math.min(...pauses.slice(0, 2))).toBeGreaterThanOrEqual(2000)
    report(context, {
      database: 'PGlite',
      runs: limits.length,
      injected: 'the review is refused for two seconds',
      outcome: `the account asks nothing for ${pauses.map((pause) => seconds(pause)).join(', ')}; one review each`,
      took: performance.now() - started,
    })
  })
})
