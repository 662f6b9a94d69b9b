import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { describe as describeRule } from '#engine'
import { rules } from '#rules'
import { createClients } from '../../src/github/index.ts'
import { createReviewer } from '../../src/job.ts'
import type { Job } from '../../src/job.ts'
import { describeError } from '../../src/log.ts'
import { startPool } from '../../src/pool.ts'
import type { Pool } from '../../src/pool.ts'
import type { Runner } from '../../src/queue.ts'
import {
  graphqlLimit,
  graphqlSecondaryLimit,
  operation,
  primaryLimit,
  secondaryLimit,
  startGitHub,
  unavailable,
  within,
} from '../support/github/index.ts'
import type { Fault, Matcher, PullHandle, RepositoryHandle, StandIn } from '../support/github/index.ts'
import { rememberPlans, rememberRuns } from '../support/open-runs.ts'
import { asksItsState, callsItself, mix, plain } from './shop.ts'

const stock = 'lib/shop/stock.ex'
const FILES = 'GET /repos/{owner}/{repo}/pulls/{pull_number}/files'
const REVIEWS = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'
const RUNS = 'POST /repos/{owner}/{repo}/check-runs'
const RUN = 'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}'
const TOKEN = 'POST /app/installations/{installation_id}/access_tokens'

// The clock stands still unless a test moves it, and never goes back: the limiters of the client would wait for it.
vi.useFakeTimers({ toFake: ['Date'] })
vi.setConfig({ testTimeout: 60_000 })
afterAll(() => void vi.useRealTimers())

let github: StandIn
let pool: Pool
let logged: Record<string, unknown>[]
beforeAll(async () => {
  github = await startGitHub()
  pool = startPool({ threads: 1, fileTimeLimitMs: 60_000 })
})
afterEach(() => github.faults.clear())
afterAll(async () => {
  await pool.close()
  await github.close()
})

let count = 0

/** An account of its own, so that no test waits for the limit of another; and who reviews there, for as long as a process lives. */
async function newShop(files: Record<string, string> = {}, service: Partial<ServiceParts> = {}) {
  const owner = `acme${(count += 1)}`
  const repository = await github.repository(`${owner}/shop`, { files: { ...mix, ...files } })
  return { repository, reviewer: createService(service), jobFor: (pull: PullHandle) => jobFor(repository, owner, pull) }
}

interface ServiceParts {
  threads: Pool
  timeoutMs: number
}

function createService({ threads = pool, timeoutMs = 30_000 }: Partial<ServiceParts> = {}): Runner {
  const { appId, privateKey } = github.app
  logged = []
  const write = (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>)
  const log = pino({ level: 'info', serializers: { err: describeError } }, { write })
  return createReviewer({
    clients: createClients({ appId, privateKey, baseUrl: github.url, userAgent: 'test', log, secondMs: 1, timeoutMs }),
    openRuns: rememberRuns(),
    plans: rememberPlans(),
    pool: threads,
    catalogue: rules.map(describeRule),
    engineVersion: '1.0.0',
    docsUrl: 'https://docs.test',
    issuesUrl: 'https://issues.test',
    log,
  })
}

function jobFor(repository: RepositoryHandle, owner: string, pull: PullHandle): Job {
  return {
    kind: 'pull',
    delivery: `delivery-${owner}-${pull.number}`,
    installation: github.installation(owner).id,
    repository: { id: repository.id, owner, name: 'shop' },
    number: pull.number,
    head: pull.head,
    reason: 'synchronize',
  }
}

/** Runs a job until it is done, and lets the time pass that it asks for. Gives what it waited for, in seconds. */
async function carry(reviewer: Runner, first: Job): Promise<number[]> {
  const waits: number[] = []
  let job = first
  let failures = 0
  for (;;) {
    const outcome = await once(reviewer, job, failures + 1)
    if (outcome.then !== 'again') return waits
    waits.push(outcome.afterMs / 1000)
    vi.setSystemTime(Date.now() + outcome.afterMs)
    if (outcome.failed) failures += 1
    job = outcome.job
  }
}

function once(reviewer: Runner, job: Job, number = 1) {
  const signal = new AbortController().signal
  return reviewer.run(job, { number, signal, receivedAt: new Date(), assertOurs: async () => {} })
}

/** All requests since, but those of the app in its own name. */
function sentAfter(index: number) {
  return github.requests.slice(index).filter(({ by }) => by !== 'app')
}

const inHalfAnHour = () => new Date(Math.ceil(Date.now() / 1000) * 1000 + 1800_000)
const halfAnHour = expect.toSatisfy((wait: number) => wait > 1800 && wait <= 1802)

type Limit = [name: string, fault: () => Fault, wait: unknown]
const SPOKEN: Limit[] = [
  ['too much at once, for 90 seconds', () => secondaryLimit(90), 90],
  ['too much at once, without an end', () => secondaryLimit(null), 60],
  ['too many requests, for 120 seconds', () => secondaryLimit(120, 429), 120],
  ['too many requests, without an end', () => ({ status: 429, body: { message: 'Too many requests' } }), 60],
  ['the hour is used up', () => primaryLimit(inHalfAnHour()), halfAnHour],
  ['the hour is used up, by another status', () => primaryLimit(inHalfAnHour(), 429), halfAnHour],
]
const QUIET: Limit[] = [
  ['the hour is used up, with status 200', () => graphqlLimit(inHalfAnHour()), halfAnHour],
  ['too much at once, with status 200', () => graphqlSecondaryLimit(90), 90],
]
const POINTS: [point: string, matcher: Matcher, limits: Limit[]][] = [
  ['the first query', operation('PullContext'), [...SPOKEN, ...QUIET]],
  ['beginning the run', RUNS, SPOKEN],
  ['the list of files', FILES, SPOKEN.slice(0, 2)],
  ['the texts', operation('Texts'), QUIET],
  ['the last look at the head', operation('HeadNow'), QUIET],
  ['the review', REVIEWS, SPOKEN],
  ['the conclusion', RUN, SPOKEN],
  ['the token', TOKEN, SPOKEN.slice(0, 2)],
]

describe.each(POINTS)('a limit on %s', (_, matcher, limits) => {
  test.each(limits)('%s: nothing is asked before its end, and said once then', async (_name, fault, wait) => {
    const { repository, reviewer, jobFor: job } = await newShop()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    github.faults.next(matcher, fault())
    const begun = github.requests.length

    const waits = await carry(reviewer, job(pull))

    expect(waits).toEqual([wait])
    const sent = github.requests.slice(begun)
    const times = [...new Set(sent.map(({ at }) => at.getTime()))]
    // The refusal is the last of what went out before the wait.
    expect(times).toHaveLength(2)
    expect(times[1]! - times[0]!).toBe(waits[0]! * 1000)
    expect(pull.reviews()).toHaveLength(1)
    expect(pull.checkRuns()).toMatchObject([{ status: 'completed', conclusion: 'failure' }])
  })
})

test.each(QUIET)('a limit on edits, %s: they are made when it has ended', async (_, fault, wait) => {
  const { repository, reviewer, jobFor: job } = await newShop()
  const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
  await carry(reviewer, job(pull))
  await pull.push({ [stock]: asksItsState })
  github.faults.next(operation('Edits'), fault())

  const waits = await carry(reviewer, job(pull))

  expect(waits).toEqual([wait])
  expect(await pull.comments()).toMatchObject([{ minimized: 'RESOLVED' }])
  expect(pull.checkRuns()).toMatchObject([{ conclusion: 'success' }])
})

test('a limit that comes again and again is waited for longer each time, and counts as no failure', async () => {
  const { repository, reviewer, jobFor: job } = await newShop()
  const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
  github.faults.next(REVIEWS, secondaryLimit(null), 9)

  expect(await carry(reviewer, job(pull))).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])

  expect(pull.reviews()).toHaveLength(1)
  expect(pull.checkRuns()).toMatchObject([{ conclusion: 'failure' }])
})

test('what else the account has waits with it, and asks nothing', async () => {
  const { repository, reviewer, jobFor: job } = await newShop()
  const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
  const other = await repository.open({ branch: 'b', files: { 'lib/shop/price.ex': plain('Price') } })
  github.faults.next(FILES, secondaryLimit(90))
  await once(reviewer, job(pull))
  vi.setSystemTime(Date.now() + 30_000)
  const asked = github.requests.length

  const outcome = await once(reviewer, job(other))

  expect(outcome).toMatchObject({ then: 'again', afterMs: 60_000, failed: false })
  expect(sentAfter(asked)).toEqual([])
  vi.setSystemTime(Date.now() + 60_000)
  expect([await carry(reviewer, job(other)), await carry(reviewer, job(pull))]).toEqual([[], []])
  expect([other.checkRuns(), pull.checkRuns()]).toMatchObject([
    [{ conclusion: 'success' }],
    [{ conclusion: 'failure' }],
  ])
})

test.each(['before', 'after'] as const)(
  'a write that is not answered in time, %s its effect, is done once',
  async (when) => {
    const writes = [RUNS, REVIEWS, RUN].map(async (matcher) => {
      const { repository, reviewer, jobFor: job } = await newShop({}, { timeoutMs: 6000 })
      const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
      github.faults.next(within(repository.fullName, matcher), { when, status: 502, delayMs: 8000 })

      expect(await carry(reviewer, job(pull))).toEqual([])

      expect(pull.reviews()).toHaveLength(1)
      expect(pull.checkRuns()).toMatchObject([{ status: 'completed', conclusion: 'failure' }])
    })
    await Promise.all(writes)
    expect(github.faults.left()).toBe(0)
  },
)

describe('a job that fails for good', () => {
  const LATER_AND_LATER = [2, 10, 30, 120, 300, 600, 1200]

  test.each<[what: string, matcher: Matcher, fault: Fault]>([
    ['the files can not be listed', FILES, unavailable()],
    ['the texts come as half an answer', operation('Texts'), { connection: 'cut' }],
    ['the review never arrives', REVIEWS, unavailable(504)],
    ['the last look fails inside of GitHub', operation('HeadNow'), graphqlFailure()],
  ])('since %s ends neutral, with a reference that is in the log', async (_, matcher, fault) => {
    const { repository, reviewer, jobFor: job } = await newShop()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    github.faults.always(matcher, fault)

    const waits = await carry(reviewer, job(pull))

    expect(waits).toEqual(LATER_AND_LATER)
    expect(pull.reviews()).toEqual([])
    const [run, ...others] = pull.checkRuns()
    expect(others).toEqual([])
    expect(run).toMatchObject({ status: 'completed', conclusion: 'neutral' })
    const { delivery } = job(pull)
    expect(run!.summary).toContain(delivery)
    expect(logged.filter(({ msg }) => msg === 'job failed for good')).toMatchObject([{ delivery, level: 50 }])
  })

  test('ends as failure where the configuration says `on_error: block`', async () => {
    const { repository, reviewer, jobFor: job } = await newShop({ '.github/otp-review.yml': 'on_error: block\n' })
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    github.faults.always(FILES, unavailable())

    expect(await carry(reviewer, job(pull))).toEqual(LATER_AND_LATER)

    expect(pull.checkRuns()).toMatchObject([{ status: 'completed', conclusion: 'failure' }])
    expect(pull.checkRuns()[0]!.summary).toContain(job(pull).delivery)
  })

  test('since no thread starts is tried twice more, and then says so', async () => {
    const { repository, jobFor: job } = await newShop()
    const pull = await repository.open({ branch: 'a', files: { [stock]: callsItself } })
    const broken = startPool({ threads: 1, fileTimeLimitMs: 1000, program: new URL('./nowhere.ts', import.meta.url) })

    const waits = await carry(createService({ threads: broken }), job(pull)).finally(() => broken.close())

    expect(waits).toEqual([2, 20])
    expect(pull.checkRuns()).toMatchObject([{ status: 'completed', conclusion: 'neutral' }])
    expect(logged.find(({ msg }) => msg === 'job failed for good')).toMatchObject({
      delivery: job(pull).delivery,
      err: { type: 'ThreadsError' },
    })
  })
})

function graphqlFailure(): Fault {
  return { status: 200, body: { data: { repository: null }, errors: [{ path: ['repository'], message: 'Timed out' }] } }
}
