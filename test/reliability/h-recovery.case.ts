import { describe, expect, test } from 'vitest'
import { callsItself, mix, plain } from '../app/shop.ts'
import { databaseKinds, openTestDatabase } from '../support/databases.ts'
import type { PullHandle, StandIn } from '../support/github/index.ts'
import type { ServiceProcess } from '../support/service-process.ts'
import { report, seconds } from './row.ts'
import { nameOf, onEachDatabase, openStage, quick } from './stage.ts'
import type { Kind, Stage } from './stage.ts'

const PULLS = 50
const UPDATE = 'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}'
const files = { 'lib/shop/stock.ex': callsItself }

/** As if all that GitHub tried to deliver had been some minutes ago. */
function age({ webhooks }: StandIn): void {
  for (const one of webhooks.deliveries) one.deliveredAt = new Date(one.deliveredAt.getTime() - 5 * 60_000)
}

function schemaOf({ env }: Stage): string {
  return env['DATABASE_SCHEMA'] ?? 'otp_review'
}

async function query({ env }: Stage, kind: Kind, ...statements: string[]): Promise<void> {
  const database = await openTestDatabase(kind, env['DATA_DIR'])
  for (const one of statements) await database.query(one)
  await database.close()
}

/** Settles when each has its result. */
async function concluded(github: StandIn, pulls: readonly PullHandle[]): Promise<void> {
  const isDone = (pull: PullHandle) => pull.checkRuns().some(({ status }) => status === 'completed')
  await github.until('a result for each', () => pulls.every(isDone), 200_000)
}

/** Settles when the installation was looked through; what it found waits in the queue by then. */
function reconciled(service: ServiceProcess): Promise<unknown> {
  return service.line({ msg: 'reconciled' })
}

// A machine that is busy with other things takes its time.
describe('Recovery', { timeout: 300_000 }, () => {
  onEachDatabase((kind) => {
    test(`nobody listens while ${PULLS} pull requests are opened`, async (context) => {
      await using stage = await openStage(kind)
      const { github } = stage
      // It was there once: it has looked through everything before.
      const before = await stage.start({}, quick)
      const shop = await github.repository('acme/shop', { files: mix })
      await reconciled(before)
      before.send('SIGTERM')
      await before.exited
      const pulls: PullHandle[] = []
      for (let index = 0; index < PULLS; index++) {
        // Half of them GitHub forgets to deliver at all.
        if (index === PULLS / 2) github.webhooks.lose()
        const isFound = index % 2 === 0
        const change = isFound ? files : { [`lib/shop/price${index}.ex`]: plain(`Price${index}`) }
        pulls.push(await shop.open({ branch: `b${index}`, files: change }))
      }
      age(github)
      await query(stage, kind, `update ${schemaOf(stage)}.watermark set at = at - interval '5 minutes'`)
      const failed = github.webhooks.deliveries.filter(({ event }) => event === 'pull_request')
      expect(failed.map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: PULLS / 2 }, () => 502))

      const started = performance.now()
      const service = await stage.start({}, quick)
      await concluded(github, pulls)
      const took = performance.now() - started
      await github.webhooks.settled()

      for (const [index, pull] of pulls.entries()) {
        const isFound = index % 2 === 0
        expect(pull.checkRuns()).toMatchObject([{ conclusion: isFound ? 'failure' : 'success' }])
        expect(pull.reviews()).toHaveLength(isFound ? 1 : 0)
      }
      const again = github.webhooks.deliveries.filter(({ redelivery }) => redelivery)
      expect(new Set(again.map(({ guid }) => guid))).toEqual(new Set(failed.map(({ guid }) => guid)))
      expect(again).toHaveLength(PULLS / 2)
      expect(again.every(({ statusCode }) => statusCode === 202)).toBe(true)
      const metrics = await (await fetch(new URL('/metrics', service.webhookUrl))).text()
      expect(metrics).toContain(`otp_review_recovered_total{what="delivery"} ${PULLS / 2}`)
      report(context, {
        database: nameOf[kind],
        runs: PULLS,
        injected: `the service is stopped; ${PULLS / 2} deliveries fail, ${PULLS / 2} are never sent; then it starts`,
        outcome:
          'failed ones are asked for again, once; the others are found by search; one check run each, one review',
        took: `${seconds(took)} after the start`,
      })
    })

    test('check runs are left open, and nobody has a job for them', async (context) => {
      await using stage = await openStage(kind)
      const { github } = stage
      const service = await stage.start({}, quick)
      const shop = await github.repository('acme/shop', { files: mix })
      const stopped: PullHandle[] = []
      for (const branch of ['stays', 'moves', 'closes']) {
        const held = github.faults.hold(UPDATE)
        stopped.push(await shop.open({ branch, files }))
        await held.reached
      }
      await service.kill()
      github.webhooks.lose()
      const [stays, moves, closes] = stopped as [PullHandle, PullHandle, PullHandle]
      const old = moves.head
      await moves.push({ 'lib/shop/price.ex': plain('Price') })
      await closes.close()
      const schema = schemaOf(stage)
      await query(
        stage,
        kind,
        `delete from ${schema}.job`,
        `update ${schema}.open_run set began_at = began_at - interval '10 minutes'`,
      )

      const started = performance.now()
      await stage.start({}, quick)
      const ended = () => [stays.checkRuns(), moves.checkRuns(old), moves.checkRuns(), closes.checkRuns()]
      await github.until(
        'every run to end',
        () => ended().every((runs) => runs.length === 1 && runs[0]!.status === 'completed'),
        200_000,
      )
      const took = performance.now() - started

      expect(ended().map(([run]) => run!.conclusion)).toEqual(['failure', 'neutral', 'failure', 'failure'])
      for (const pull of stopped) expect(pull.reviews()).toHaveLength(1)
      report(context, {
        database: nameOf[kind],
        runs: stopped.length,
        injected: 'kill -9 before the conclusion, the jobs deleted; a push and a closing that nobody is told of',
        outcome: 'each run is concluded, the one on the old head as superseded; nothing is said twice',
        took: `${seconds(took)} after the start`,
      })
    })
  })

  test('deliveries are refused, however often they come', async (context) => {
    // The one that starts more quickly, since it starts often.
    const kind = databaseKinds.at(-1)!
    await using stage = await openStage(kind)
    const { github } = stage
    github.world.app.webhookSecret = 'another than we know'
    const shop = await github.repository('acme/shop', { files: mix })
    await shop.open({ branch: 'a', files: { 'README.md': 'x' } })
    const poison = github.webhooks.deliveries.find(({ event }) => event === 'pull_request')!
    const attempts = () => github.webhooks.deliveries.filter(({ guid }) => guid === poison.guid)
    const asked = (attempt: number) => ({ msg: 'failed delivery asked for again', delivery: poison.guid, attempt })

    age(github)
    let starts = 0
    for (; starts < 3; starts++) {
      const service = await stage.start({}, quick)
      await service.line(asked(starts + 2))
      await github.until('the refusal', () => attempts()[starts + 1]?.statusCode === 401, 120_000)
      service.send('SIGTERM')
      await service.exited
      // Each start brings a sweep.
      age(github)
      await query(stage, kind, `update ${schemaOf(stage)}.watermark set at = at - interval '5 minutes'`)
    }
    const service = await stage.start({}, quick)
    const line = await service.line({ msg: 'delivery given up: it failed each time', delivery: poison.guid })

    expect(line).toMatchObject({ level: 50, event: 'pull_request' })
    expect(attempts().map(({ statusCode }) => statusCode)).toEqual([502, 401, 401, 401])
    report(context, {
      database: nameOf[kind],
      runs: starts + 1,
      injected: 'deliveries whose signature never fits, and as many starts',
      outcome: 'refused each time, asked for three times more, then given up, which the log says',
      took: '',
    })
  })
})
