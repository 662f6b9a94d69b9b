import { describe, expect, test } from 'vitest'
import { callsItself, callsItselfAs, mix, plain } from '../app/shop.ts'
import { postgresUrl } from '../support/databases.ts'
import { after, operation, within } from '../support/github/index.ts'
import type { Matcher, PullHandle, RecordedRequest } from '../support/github/index.ts'
import { report, seconds } from './row.ts'
import { openStage, quick } from './stage.ts'

const UPDATE = 'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}'
const REVIEW = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'

/** Modules with a finding each: annotations for three requests. */
const FOUND = 130
/** One more, and three have comments. */
const ANNOTATIONS = FOUND + 1 - 3
const many = Array.from({ length: FOUND }, (_, index) => callsItselfAs(`Part${index}`)).join('\n')
const files = { 'lib/shop/all.ex': many, 'lib/shop/stock.ex': callsItself }

interface Point {
  name: string
  matcher: () => Matcher
  when: 'before' | 'after'
}

/** Each step of a review that changes something, before and after it did. */
const POINTS: readonly Point[] = [
  { name: 'the delivery was claimed, the job has begun', matcher: () => operation('PullContext'), when: 'before' },
  {
    name: 'the check run was begun, its id not heard',
    matcher: () => 'POST /repos/{owner}/{repo}/check-runs',
    when: 'after',
  },
  {
    name: 'the files are being read',
    matcher: () => 'GET /repos/{owner}/{repo}/pulls/{pull_number}/files',
    when: 'before',
  },
  { name: 'all is analysed, nothing said', matcher: () => operation('HeadNow'), when: 'before' },
  { name: 'the review is on its way', matcher: () => REVIEW, when: 'before' },
  { name: 'the review was posted, the answer not heard', matcher: () => REVIEW, when: 'after' },
  { name: 'the first batch of annotations is on its way', matcher: () => UPDATE, when: 'before' },
  { name: 'the first batch of annotations arrived, the answer was not heard', matcher: () => UPDATE, when: 'after' },
  { name: 'between batches of annotations', matcher: () => after(1, UPDATE), when: 'before' },
  { name: 'the conclusion arrived, the answer was not heard', matcher: () => isConclusion, when: 'after' },
]

describe('A process is killed (kill -9)', () => {
  for (const { name, matcher, when } of POINTS) {
    test(`when ${name}`, async (context) => {
      await using stage = await openStage('embedded')
      const { github } = stage
      const service = await stage.start({}, quick)
      const repository = await github.repository('acme/shop', { files: mix })
      const held = github.faults.hold(matcher(), when)
      const pull = await repository.open({ branch: 'a', files })
      await held.reached
      await service.kill()
      held.release()

      const started = performance.now()
      await stage.start({}, quick)
      const up = performance.now()
      await pull.concluded()
      const took = performance.now() - started

      await expectOneReview(pull)
      expect(took).toBeLessThan(30_000)
      report(context, {
        database: 'PGlite',
        runs: 1,
        injected: 'kill -9 at that request, then a new process',
        outcome: `one review, ${ANNOTATIONS} annotations, none twice; the check run concluded`,
        took: `${seconds(took)} after the restart, of which ${seconds(up - started)} to start`,
      })
    })
  }

  test('while a hundred files are analysed', async (context) => {
    await using stage = await openStage('embedded')
    const { github } = stage
    const service = await stage.start({ LOG_LEVEL: 'debug' }, quick)
    const repository = await github.repository('acme/shop', { files: mix })
    const parts = Array.from({ length: 99 }, (_, index) => [`lib/shop/part${index}.ex`, callsItselfAs(`Part${index}`)])
    const pull = await repository.open({
      branch: 'a',
      files: { ...Object.fromEntries(parts), 'lib/shop/stock.ex': callsItself },
    })
    await service.line({ msg: 'file analysed' })
    await service.kill()
    expect(pull.reviews()).toEqual([])

    const started = performance.now()
    await stage.start({}, quick)
    await pull.concluded()
    const took = performance.now() - started

    expect(pull.reviews()).toHaveLength(1)
    expect(pull.checkRuns()).toMatchObject([{ conclusion: 'failure' }])
    expect(took).toBeLessThan(30_000)
    report(context, {
      database: 'PGlite',
      runs: 1,
      injected: 'kill -9 after the first file, then a new process',
      outcome: 'one review; the check run concluded',
      took: `${seconds(took)} after the restart`,
    })
  })

  test('and the pull request moves before the next one starts', async (context) => {
    await using stage = await openStage('embedded')
    const { github } = stage
    const service = await stage.start({}, quick)
    const repository = await github.repository('acme/shop', { files: mix })
    const held = github.faults.hold(operation('HeadNow'))
    const pull = await repository.open({ branch: 'a', files })
    await held.reached
    const old = pull.head
    await service.kill()
    held.release()
    await pull.push({ 'lib/shop/all.ex': plain('All') })

    const started = performance.now()
    await stage.start({}, quick)
    await pull.concluded()
    const closed = await github.until('the old run to end', () => pull.checkRuns(old)[0]?.conclusion, 30_000)
    const took = performance.now() - started

    expect(closed).toBe('neutral')
    expect(pull.checkRuns()).toMatchObject([{ conclusion: 'failure' }])
    expect(pull.reviews()).toMatchObject([{ commit: pull.head, comments: 1 }])
    report(context, {
      database: 'PGlite',
      runs: 1,
      injected: 'kill -9 after the analysis, a push while nobody listens, then a new process',
      outcome: 'one review of the new head; the run on the old head is closed as superseded',
      took: `${seconds(took)} after the restart`,
    })
  })

  test('each time that it comes to one pull request', async (context) => {
    await using stage = await openStage('embedded')
    const { github } = stage
    const atPoison = within('acme/poison', operation('HeadNow'))
    let service = await stage.start({}, quick)
    const [sick, shop] = [
      await github.repository('acme/poison', { files: mix }),
      await github.repository('acme/shop', { files: mix }),
    ]
    // Else whoever looks through the new account finds the pull request, too, and it has twice as many lives.
    await service.idle()
    let held = github.faults.hold(atPoison)
    const poison = await sick.open({ branch: 'a', files })
    const other = await shop.open({ branch: 'b', files: { 'lib/shop/price.ex': plain('Price') } })
    let kills = 0
    for (; kills < 4; kills++) {
      await held.reached
      await service.kill()
      held.release()
      if (kills < 3) held = github.faults.hold(atPoison)
      service = await stage.start({}, quick)
    }

    const check = await poison.concluded()
    expect(check).toMatchObject({ conclusion: 'neutral', title: 'otp-review could not finish' })
    expect(poison.reviews()).toEqual([])
    expect(await other.concluded()).toMatchObject({ conclusion: 'success' })
    report(context, {
      database: 'PGlite',
      runs: kills,
      injected: `kill -9 at the same point in ${kills} processes, one after the other`,
      outcome: 'given up: a neutral check run with a reference that is in the log; other pull requests are reviewed',
      took: '',
    })
  })

  test.skipIf(postgresUrl === null)('with ten reviews at ten points, and another replica is there', async (context) => {
    await using stage = await openStage('postgres')
    const { github } = stage
    const env = { CONCURRENCY: String(POINTS.length) }
    const victim = await stage.start(env, quick)
    const pulls: PullHandle[] = []
    const releases: (() => void)[] = []
    for (const [index, { matcher, when }] of POINTS.entries()) {
      const repository = await github.repository(`acme/shop${index}`, { files: mix })
      const held = github.faults.hold(within(`acme/shop${index}`, matcher()), when)
      pulls.push(await repository.open({ branch: 'a', files }))
      await held.reached
      releases.push(held.release)
    }
    const heir = await stage.start(env, quick)
    const started = performance.now()
    await victim.kill()
    releases.forEach((release) => release())

    for (const { pull } of pulls) await heir.line({ msg: 'job done', repo: `acme/${pull.repository.name}` })
    const took = performance.now() - started

    for (const pull of pulls) await expectOneReview(pull)
    expect(took).toBeLessThan(60_000)
    report(context, {
      database: 'PostgreSQL',
      runs: POINTS.length,
      injected: 'kill -9 of the replica that has all ten',
      outcome: `the other replica took all over: one review each, ${ANNOTATIONS} annotations, none twice`,
      took: `${seconds(took)} after the kill, of which 20 s are the heartbeat`,
    })
  })
})

function isConclusion({ method, route, body }: RecordedRequest): boolean {
  return `${method} ${route}` === UPDATE && (body as { conclusion?: string }).conclusion !== undefined
}

async function expectOneReview(pull: PullHandle): Promise<void> {
  expect(pull.reviews()).toHaveLength(1)
  expect(await pull.comments()).toHaveLength(3)
  const runs = pull.checkRuns()
  expect(runs).toMatchObject([{ status: 'completed', conclusion: 'failure' }])
  const places = runs[0]!.annotations.map(({ path, startLine, title }) => `${path}:${startLine} ${title}`)
  expect(places).toHaveLength(ANNOTATIONS)
  expect(new Set(places).size).toBe(places.length)
}
