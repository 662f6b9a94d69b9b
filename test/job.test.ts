import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { describe as describeRule } from '#engine'
import type { FileReport } from '#engine'
import { rules } from '#rules'
import { openDatabase } from '../src/database.ts'
import { createClients } from '../src/github/index.ts'
import { createReviewer } from '../src/job.ts'
import type { Job, JobRecord } from '../src/job.ts'
import type { OpenRuns, Plans } from '../src/ledger.ts'
import { startPool } from '../src/pool.ts'
import type { Pool } from '../src/pool.ts'
import { LostClaimError } from '../src/queue.ts'
import type { Attempt, Outcome } from '../src/queue.ts'
import { asksItsState, callsItself, callsItselfAs, mix, plain } from './app/shop.ts'
import { told } from './app/told.ts'
import { rememberPlans, rememberRuns } from './support/open-runs.ts'
import { primaryLimit, startGitHub, unavailable } from './support/github/index.ts'
import type { Matcher, PullHandle, RecordedRequest, RepositoryHandle, StandIn } from './support/github/index.ts'

type PullJob = Extract<Job, { kind: 'pull' }>

const stock = 'lib/shop/stock.ex'
const config = '.github/otp-review.yml'
const never = new AbortController().signal

let github: StandIn
let threads: Pool
let ended: JobRecord[]
let runs: OpenRuns
let plans: Plans
beforeAll(async () => {
  github = await startGitHub()
  threads = startPool({ threads: 1, fileTimeLimitMs: 60_000 })
})
afterAll(async () => {
  await threads.close()
  await github.close()
})
beforeEach(() => {
  github.faults.clear()
  github.requests.length = 0
  ended = []
  runs = rememberRuns()
  plans = rememberPlans()
})

let count = 0
function newRepository(files: Record<string, string> = {}): Promise<RepositoryHandle> {
  return github.repository(`acme/shop${(count += 1)}`, { files: { ...mix, ...files } })
}

function jobFor(repository: RepositoryHandle, pull: PullHandle, more: Partial<PullJob> = {}): PullJob {
  const [owner = '', name = ''] = repository.fullName.split('/')
  return {
    kind: 'pull',
    delivery: 'd-1234',
    installation: github.installation('acme').id,
    repository: { id: repository.id, owner, name },
    number: pull.number,
    head: pull.head,
    reason: 'opened',
    ...more,
  }
}

/** Runs the job as the queue would. Each call has clients of its own, with no memory. */
function run(job: Job, attempt: Partial<Attempt> = {}, pool: Pool = threads): Promise<Outcome> {
  return reviewer(pool).run(job, attemptOf(attempt))
}

function attemptOf(attempt: Partial<Attempt>): Attempt {
  return { number: 1, signal: never, receivedAt: new Date(), assertOurs: async () => {}, ...attempt }
}

function reviewer(pool: Pool = threads, openRuns: OpenRuns = runs, engineVersion = '1.0.0') {
  return createReviewer({
    openRuns,
    plans,
    clients: createClients({
      appId: github.app.appId,
      privateKey: github.app.privateKey,
      baseUrl: github.url,
      userAgent: 'test',
      log: pino({ level: 'silent' }),
      secondMs: 1,
    }),
    pool,
    catalogue: rules.map(describeRule),
    engineVersion,
    docsUrl: 'https://docs.test',
    issuesUrl: 'https://issues.test',
    log: pino({ level: 'silent' }),
    onEnd: (record) => ended.push(record),
  })
}

const done = { then: 'done' }
const conclusions = (pull: PullHandle, sha?: string) => pull.checkRuns(sha).map(({ conclusion }) => conclusion)

describe('a pull request', () => {
  test('is read at the base only where the head has findings', async () => {
    const repository = await newRepository({ [stock]: callsItself })
    const touched = await repository.open({ branch: 'touched', files: { [stock]: `${callsItself}\n# The end.\n` } })
    const clean = await repository.open({ branch: 'clean', files: { 'lib/shop/price.ex': plain('Price') } })
    const read: string[] = []
    const pool: Pool = {
      ...threads,
      analyse: (file) => {
        read.push(file.source)
        return threads.analyse(file)
      },
    }

    expect(await run(jobFor(repository, touched), {}, pool)).toEqual(done)
    expect(await run(jobFor(repository, clean), {}, pool)).toEqual(done)

    expect(read).toEqual([`${callsItself}\n# The end.\n`, callsItself, plain('Price')])
    // The finding was there before.
    expect([conclusions(touched), conclusions(clean)]).toEqual([['success'], ['success']])
    expect(touched.reviews()).toEqual([])
  })

  test('is not read where the configuration of its base leaves the file out', async () => {
    const repository = await newRepository({ [config]: 'paths:\n  ignore: ["lib/shop/**"]\n' })
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })

    expect(await run(jobFor(repository, pull))).toEqual(done)

    expect(conclusions(pull)).toEqual(['success'])
    expect(pull.reviews()).toEqual([])
  })

  test('names its run by the base branch where the configuration says so', async () => {
    const repository = await newRepository({ [config]: 'check_name: base\n' })
    const pull = await repository.open({ branch: 'a', files: { 'README.md': 'x' } })

    await run(jobFor(repository, pull))

    expect(pull.checkRuns().map(({ name }) => name)).toEqual(['OTP review: main'])
  })

  test('that was closed before it was read gets its conclusion, and no comments', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    await pull.close()

    expect(await run(jobFor(repository, pull, { reason: 'closed' }))).toEqual(done)

    expect(conclusions(pull)).toEqual(['failure'])
    expect(pull.reviews()).toEqual([])
  })

  test('with a file that took too long says so in its run, and does not pass as clean', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const tooLong: FileReport = {
      path: stock,
      outcome: 'failed',
      reason: 'time limit',
      errorLines: [],
      findings: [],
      suppressions: [],
      failedRules: [],
      ms: 5000,
    }

    await run(jobFor(repository, pull), {}, { ...threads, analyse: async () => tooLong })

    const [check] = pull.checkRuns()
    expect(check).toMatchObject({ conclusion: 'neutral' })
    expect(`${check!.summary}${check!.text}`).toContain(stock)
  })
})

describe('the head', () => {
  test('that moves before the review is posted keeps its own conclusion; the job follows the new one', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const old = pull.head
    const job = jobFor(repository, pull)
    const held = github.faults.hold(({ body }) =>
      /query HeadNow\b/.test((body as { query?: string } | null)?.query ?? ''),
    )

    const running = run(job)
    await held.reached
    await pull.push({ [stock]: asksItsState })
    held.release()

    expect(await running).toEqual({
      then: 'again',
      job: { ...job, head: pull.head, reason: 'synchronize' },
      afterMs: 2000,
      failed: true,
    })
    expect(pull.reviews()).toEqual([])
    expect([conclusions(pull, old), conclusions(pull)]).toEqual([['failure'], []])
  })

  test('that GitHub does not show yet is waited for, a few times', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const job = jobFor(repository, pull, { head: 'f'.repeat(40), reason: 'synchronize' })

    expect(await run(job)).toEqual({ then: 'again', job, afterMs: 2000, failed: true })
    expect(conclusions(pull)).toEqual([])

    expect(await run(job, { number: 4 })).toEqual(done)
    expect(conclusions(pull)).toEqual(['failure'])
  })

  test('that GitHub does not show for minutes is looked for as long as the one that it shows has its result', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    await run(jobFor(repository, pull))
    const job = jobFor(repository, pull, { head: 'f'.repeat(40), reason: 'synchronize' })

    expect(await run(job, { number: 5 })).toEqual({ then: 'again', job, afterMs: 300_000, failed: true })
    expect(await run(job, { number: 6 })).toEqual(done)

    expect(conclusions(pull)).toEqual(['failure'])
  })

  test('is reviewed when an older commit is asked for again, which is told so', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const old = pull.head
    await pull.push({ [stock]: asksItsState })

    expect(await run(jobFor(repository, pull, { head: old, reason: 'requested' }))).toEqual(done)

    expect(conclusions(pull)).toEqual(['success'])
    expect(pull.checkRuns(old)).toMatchObject([{ conclusion: 'neutral', title: 'Superseded' }])
  })

  test('that moves to another base while it is reviewed has one run, which speaks for the new base', async () => {
    const repository = await newRepository()
    await repository.push('next', { [stock]: callsItself })
    await repository.push('a', { 'lib/shop/price.ex': plain('Price') }, { from: 'next' })
    const pull = await repository.openFrom('a')
    const job = jobFor(repository, pull)
    const held = github.faults.hold(({ body }) => /query HeadNow\b/.test(JSON.stringify(body ?? '')))
    const running = run(job)
    await held.reached
    await pull.retarget('next')
    held.release()

    expect(await running).toMatchObject({ then: 'again', job })
    expect([pull.reviews(), conclusions(pull)]).toEqual([[], [null]])
    expect(await run(job, { number: 2 })).toEqual(done)

    const [check] = pull.checkRuns()
    expect([pull.reviews(), conclusions(pull)]).toEqual([[], ['success']])
    expect(JSON.parse(check!.externalId)).toMatchObject({ pulls: [{ number: pull.number, base: 'next' }] })
  })

  test('that two pull requests share has a run of each, when both are reviewed at once', async () => {
    const repository = await newRepository()
    await repository.push('next', { 'README.md': '# Next\n' })
    const one = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const other = await repository.openFrom('a', { base: 'next' })
    const held = github.faults.hold('GET /repos/{owner}/{repo}/pulls/{pull_number}/files')
    const running = run(jobFor(repository, one))
    await held.reached

    expect(await run(jobFor(repository, other))).toEqual(done)
    held.release()
    expect(await running).toEqual(done)

    const notes = one.checkRuns().map(({ externalId }) => JSON.parse(externalId) as { pulls: { number: number }[] })
    expect(notes.map(({ pulls }) => pulls[0]!.number)).toEqual([one.number, other.number])
    expect(conclusions(one)).toEqual(['failure', 'failure'])
    expect([one.reviews().length, other.reviews().length]).toEqual([1, 1])
  })

  test('that two pull requests share gets the stricter conclusion of both', async () => {
    const repository = await newRepository()
    await repository.push('next', { [config]: 'mode: observe\n' })
    const strict = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const mild = await repository.openFrom('a', { base: 'next' })

    expect(await run(jobFor(repository, mild))).toEqual(done)

    expect(mild.head).toBe(strict.head)
    expect(mild.checkRuns()).toMatchObject([{ conclusion: 'failure' }])
    expect(mild.checkRuns()[0]!.summary).toContain(`#${strict.number}`)
    // Comments are for the pull request that the job is about, and this one only observes.
    expect([mild.reviews(), strict.reviews()]).toEqual([[], []])
  })
})

test('a database that does not answer is waited for as long as GitHub is', async () => {
  const repository = await newRepository()
  const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
  const job = jobFor(repository, pull)
  const refused = await openDatabase({
    url: 'postgres://127.0.0.1:1/none',
    directory: null,
    log: pino({ level: 'silent' }),
  })
  const keepsNothing = { ...runs, begin: async () => void (await refused.query('select 1')) }

  for (const [number, afterMs] of [
    [1, 2000],
    [3, 30_000],
    [7, 1_200_000],
  ] as const) {
    expect(await reviewer(threads, keepsNothing).run(job, attemptOf({ number }))).toMatchObject({
      then: 'again',
      afterMs,
    })
  }
  expect(await run(job, { number: 8 })).toEqual(done)

  expect(conclusions(pull)).toEqual(['failure'])
  await refused.close()
})

describe('a plan that was made', () => {
  const REVIEWS = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'
  const RUN = 'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}'
  const isQuery = (name: string) => (request: RecordedRequest) =>
    new RegExp(`query ${name}\\b`).test((request.body as { query?: string } | null)?.query ?? '')

  /** A pool that counts the files it is given. */
  function counting() {
    let analysed = 0
    const pool: Pool = {
      ...threads,
      analyse: (file) => {
        analysed += 1
        return threads.analyse(file)
      },
    }
    return { pool, analysed: () => analysed }
  }

  const routes = () =>
    github.requests.filter(({ by }) => by === 'installation').map(({ method, route }) => `${method} ${route}`)

  /** A review whose words GitHub did not take: the first attempt of its job is over. */
  async function interrupted(at: Matcher, times: number, files: Record<string, string> = {}) {
    const repository = await newRepository(files)
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const { pool, analysed } = counting()
    const job = jobFor(repository, pull)
    github.faults.next(at, unavailable(), times)
    expect(await run(job, {}, pool)).toMatchObject({ then: 'again', job })
    github.requests.length = 0
    return { repository, pull, job, pool, analysed }
  }

  test('is kept while GitHub is down, and published as it was: nothing is read or analysed again', async () => {
    const { pull, job, pool, analysed } = await interrupted(REVIEWS, 2)
    expect([analysed(), pull.reviews().length, conclusions(pull)]).toEqual([1, 0, [null]])

    expect(await run(job, { number: 2 }, pool)).toEqual(done)

    expect([analysed(), pull.reviews().length, conclusions(pull)]).toEqual([1, 1, ['failure']])
    expect(routes()).toEqual(['POST /graphql', 'POST /graphql', REVIEWS, RUN])
    expect(await plans.find(job)).toBeNull()
  })

  test('says nothing twice where only the conclusion is missing', async () => {
    const { pull, job, pool, analysed } = await interrupted(RUN, 2)
    expect([analysed(), pull.reviews().length, conclusions(pull)]).toEqual([1, 1, [null]])

    expect(await run(job, { number: 2 }, pool)).toEqual(done)

    expect([analysed(), pull.reviews().length, conclusions(pull)]).toEqual([1, 1, ['failure']])
    expect(routes()).toEqual(['POST /graphql', RUN])
  })

  test('has its edits made once, and its replies', async () => {
    const repository = await newRepository()
    const cart = 'lib/shop/cart.ex'
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself, [cart]: callsItselfAs('Cart') } })
    await run(jobFor(repository, pull))
    await pull.push({ [stock]: asksItsState })
    await run(jobFor(repository, pull))
    await pull.push({ [stock]: callsItself, [cart]: plain('Cart') })
    const { pool, analysed } = counting()
    // The reply and the edit arrive; what they say is known by their markers.
    github.faults.next(RUN, unavailable(), 2)
    const job = jobFor(repository, pull)
    expect(await run(job, {}, pool)).toMatchObject({ then: 'again' })
    const files = analysed()
    github.requests.length = 0

    expect(await run(job, { number: 2 }, pool)).toEqual(done)

    expect(analysed()).toBe(files)
    expect(routes()).toEqual(['POST /graphql', RUN])
    expect(await told(pull)).toEqual([
      expect.stringMatching(/cart\.ex.*: fixed folded$/),
      expect.stringMatching(/stock\.ex.*: fixed folded, open$/),
    ])
  })

  test('is the same after an upgrade', async () => {
    const { pull, job } = await interrupted(REVIEWS, 2)

    await reviewer(threads, runs, '2.0.0').run(job, attemptOf({ number: 2 }))

    expect(pull.checkRuns()[0]!.summary).toContain('otp-review 1.0.0 read 1 Elixir file')
  })

  test.each<[string, (made: Awaited<ReturnType<typeof interrupted>>) => unknown, string]>([
    ['the head', ({ pull }) => pull.push({ [stock]: asksItsState }), 'success'],
    [
      'the configuration of the base',
      ({ repository }) => repository.push('main', { [config]: 'fail_on: never\n' }),
      'neutral',
    ],
    [
      'what is accepted',
      ({ pull }) => {
        const { id } = pull.pull.comments[0]!
        return pull.remove({ id }, { as: 'maria' })
      },
      'failure',
    ],
  ])('is made anew where %s changes', async (_, change, conclusion) => {
    const made = await interrupted(REVIEWS, 2)
    const { repository, pull, job, pool, analysed } = made
    repository.allow('maria', 'write')
    if (conclusion === 'failure') {
      await pull.comment('/otp-review accept genserver-self-call -- not now', { as: 'maria' })
      await run({ ...job, kind: 'command' }, {}, threads)
      github.faults.next(RUN, unavailable(), 2)
      await run(job, { number: 2 }, pool)
    }
    const before = analysed()
    await change(made)

    await run({ ...job, head: null }, { number: 3 }, pool)

    expect(analysed()).toBe(before + 1)
    expect(conclusions(pull)).toEqual([conclusion])
  })

  test('is not used where somebody asks for a new look', async () => {
    const { job, pool, analysed } = await interrupted(REVIEWS, 2)

    await run({ ...job, reason: 'requested' }, {}, pool)

    expect(analysed()).toBe(2)
  })

  test('touches no thread that somebody answers in the meantime', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    await run(jobFor(repository, pull))
    await pull.push({ [stock]: asksItsState })
    github.faults.next(({ body }) => /mutation Edits/.test(JSON.stringify(body ?? '')), unavailable(), 4)
    const job = jobFor(repository, pull)
    expect(await run(job)).toMatchObject({ then: 'again' })
    github.faults.clear()
    const [comment] = await pull.comments()
    await pull.reply(comment!, 'It was meant so.', { as: 'bob' })

    expect(await run(job, { number: 2 })).toEqual(done)

    expect(await told(pull)).toEqual([expect.stringMatching(/: open, bob$/)])
  })

  test('for a draft waits for it to be ready, and is then posted without a second look at the code', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself }, draft: true })
    const { pool, analysed } = counting()
    await run(jobFor(repository, pull), {}, pool)
    expect([analysed(), pull.reviews().length, conclusions(pull)]).toEqual([1, 0, ['failure']])
    // Late news of a draft leaves it where it is.
    await run(jobFor(repository, pull, { reason: 'synchronize' }), {}, pool)
    await pull.markReady()
    github.requests.length = 0

    const ready = jobFor(repository, pull, { reason: 'ready_for_review' })
    expect(await run(ready, {}, pool)).toEqual(done)

    expect([analysed(), conclusions(pull)]).toEqual([1, ['failure', 'failure']])
    expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: open`])
    expect(pull.checkRuns()[1]).toMatchObject({ annotations: [] })
    expect(pull.checkRuns()[1]!.summary).not.toContain('draft')
    const newRun = 'POST /repos/{owner}/{repo}/check-runs'
    expect(routes()).toEqual(['POST /graphql', newRun, 'POST /graphql', REVIEWS, RUN])
    expect(await plans.find(ready)).toBeNull()
  })

  test('for a draft that is closed is forgotten', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself }, draft: true })
    await run(jobFor(repository, pull))
    expect(await plans.find(jobFor(repository, pull))).not.toBeNull()

    await pull.close()
    await run(jobFor(repository, pull, { reason: 'closed' }))

    expect(await plans.find(jobFor(repository, pull))).toBeNull()
  })

  test('loses no comment where GitHub takes an older head for the present one, for a moment', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { 'lib/shop/price.ex': plain('Price') } })
    const old = pull.head
    await pull.push({ [stock]: callsItself })
    const stale = { repository: { pullRequest: { state: 'OPEN', headRefOid: old, baseRefName: 'main' } } }
    github.faults.next(isQuery('HeadNow'), { status: 200, body: { data: stale } })
    const first = await run(jobFor(repository, pull, { reason: 'synchronize' }))
    expect([pull.reviews().length, conclusions(pull)]).toEqual([0, ['failure']])

    const { job } = first as Extract<Outcome, { then: 'again' }>
    expect(await run(job, { number: 4 })).toEqual(done)

    expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: open`])
    expect(conclusions(pull)).toEqual(['failure', 'failure'])
  })

  test('goes with the failure that ends its job', async () => {
    const { pull, job, pool } = await interrupted(REVIEWS, 2)
    github.faults.always(REVIEWS, unavailable())

    expect(await run(job, { number: 8 }, pool)).toEqual(done)

    expect(conclusions(pull)).toEqual(['neutral'])
    expect(await plans.find(job)).toBeNull()
  })
})

describe('when GitHub', () => {
  test('asks to wait for the hour to end, the job comes back then, and nothing counts as failed', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const job = jobFor(repository, pull)
    github.faults.always(
      'GET /repos/{owner}/{repo}/pulls/{pull_number}/files',
      primaryLimit(new Date(Date.now() + 1200_000)),
    )

    const outcome = await run(job)

    expect(outcome).toMatchObject({ then: 'again', job, failed: false })
    expect((outcome as { afterMs: number }).afterMs).toBeGreaterThan(1_100_000)
    expect(conclusions(pull)).toEqual([null])

    github.faults.clear()
    expect(await run(job)).toEqual(done)
    expect(conclusions(pull)).toEqual(['failure'])
  })

  test('is down, the job comes back later and later, and ends with a neutral run that names the delivery', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const job = jobFor(repository, pull)
    const files = 'GET /repos/{owner}/{repo}/pulls/{pull_number}/files'
    github.faults.always(files, unavailable())

    const waits: unknown[] = []
    for (let number = 1; number <= 8; number++) {
      const outcome = await run(job, { number })
      waits.push(outcome.then === 'again' ? outcome.afterMs / 1000 : 'done')
    }

    expect(waits).toEqual([2, 10, 30, 120, 300, 600, 1200, 'done'])
    expect(pull.checkRuns()).toHaveLength(1)
    expect(pull.checkRuns()[0]).toMatchObject({ conclusion: 'neutral' })
    expect(pull.checkRuns()[0]!.summary).toContain('d-1234')
    expect(ended.at(-1)).toMatchObject({ outcome: 'given up' })
  })

  test('no longer has the pull request, the job ends quietly', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const job = jobFor(repository, pull)
    repository.remove()

    expect(await run(job)).toEqual(done)
    expect(ended).toMatchObject([{ outcome: 'gone' }])
  })

  test('lacks only a part of it, the run that was begun does not stay open', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const notFound = { status: 404, body: { message: 'Not Found', documentation_url: 'https://docs.github.com/rest' } }
    github.faults.next('GET /repos/{owner}/{repo}/pulls/{pull_number}/files', notFound)

    expect(await run(jobFor(repository, pull))).toEqual(done)

    expect(conclusions(pull)).toEqual(['neutral'])
  })

  test('does not let us comment, the run is concluded and says which permission to accept', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const installation = github.installation('acme')
    const granted = installation.permissions
    installation.permissions = { ...granted, pull_requests: 'read' }

    const outcome = await run(jobFor(repository, pull)).finally(() => (installation.permissions = granted))

    expect(outcome).toEqual(done)
    expect(pull.reviews()).toEqual([])
    expect(pull.checkRuns()).toMatchObject([{ conclusion: 'failure' }])
    expect(pull.checkRuns()[0]!.summary).toContain('pull_requests:write')
  })

  test.each(['pull_requests', 'contents'])(
    'lets us read nothing for want of `%s`, the head still gets a run that says so',
    async (name) => {
      const repository = await newRepository()
      const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
      const installation = github.installation('acme')
      const granted = installation.permissions
      const { [name]: _without, ...others } = granted
      installation.permissions = others

      const outcome = await run(jobFor(repository, pull)).finally(() => (installation.permissions = granted))

      expect(outcome).toEqual(done)
      expect(pull.checkRuns()).toMatchObject([{ conclusion: 'neutral', title: 'A permission is missing' }])
      expect(pull.checkRuns()[0]!.summary).toContain(`\`${name}:read\``)
    },
  )

  test('does not let us write checks, there are still the comments', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const installation = github.installation('acme')
    const granted = installation.permissions
    const { checks: _checks, ...others } = granted
    installation.permissions = others

    const outcome = await run(jobFor(repository, pull)).finally(() => (installation.permissions = granted))

    expect(outcome).toEqual(done)
    expect(pull.checkRuns()).toEqual([])
    expect(pull.reviews()).toMatchObject([{ comments: 1 }])
  })
})

describe('our own failure', () => {
  const broken = (): Pool => ({ ...threads, analyse: () => Promise.reject(new Error('a mistake of ours')) })

  test('is tried twice more, and then concluded as neutral', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const job = jobFor(repository, pull)

    expect(await run(job, { number: 1 }, broken())).toEqual({ then: 'again', job, afterMs: 2_000, failed: true })
    expect(await run(job, { number: 2 }, broken())).toEqual({ then: 'again', job, afterMs: 20_000, failed: true })
    expect(await run(job, { number: 3 }, broken())).toEqual(done)

    expect(conclusions(pull)).toEqual(['neutral'])
  })

  test('blocks where the configuration says so', async () => {
    const repository = await newRepository({ [config]: 'on_error: block\n' })
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })

    await run(jobFor(repository, pull), { number: 3 }, broken())

    expect(conclusions(pull)).toEqual(['failure'])
  })

  test('to be in time posts nothing: another worker has the job', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })

    const lost = { assertOurs: () => Promise.reject(new LostClaimError('gone')) }
    expect(await run(jobFor(repository, pull), lost)).toEqual(done)

    expect(pull.reviews()).toEqual([])
    expect(conclusions(pull)).toEqual([null])
  })

  test('that takes the process down again and again ends in a concluded run too', async () => {
    const repository = await newRepository()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })

    await reviewer().abandon(jobFor(repository, pull))

    expect(pull.checkRuns()).toMatchObject([{ conclusion: 'neutral' }])
    expect(pull.checkRuns()[0]!.summary).toContain('d-1234')
    expect(ended).toMatchObject([{ outcome: 'given up' }])
  })
})
