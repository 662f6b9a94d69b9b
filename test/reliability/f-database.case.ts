import { describe, expect, test } from 'vitest'
import { callsItself, mix } from '../app/shop.ts'
import type { Delivery, PullHandle, RepositoryHandle, StandIn } from '../support/github/index.ts'
import { postgresPrograms, startCluster } from '../support/postgres-cluster.ts'
import type { Cluster } from '../support/postgres-cluster.ts'
import { report, seconds } from './row.ts'
import { eventually, openStage, quick } from './stage.ts'
import type { Stage, StartedService } from './stage.ts'

const files = { 'lib/shop/stock.ex': callsItself }
const REVIEW = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'
const FILES = 'GET /repos/{owner}/{repo}/pulls/{pull_number}/files'
const PULLS = 20

describe.skipIf(postgresPrograms === null)('PostgreSQL goes away', () => {
  test('in a restart, with two reviews at work', async (context) => {
    await using scene = await openScene()
    const { cluster, github, service } = scene
    const { posting, reading, release } = await twoAtWork(github)

    await cluster.stop()
    const during = await (await github.repository('busy/c', { files: mix })).open({ branch: 'c', files })
    const [refused] = failed(github)
    const ready = await service.get('/readyz')
    const healthy = await service.get('/healthz')
    await expect(scene.start({}, quick)).rejects.toThrow('"msg":"not started"')
    release()
    await github.until('the review to be posted', () => posting.reviews().length > 0)

    const started = performance.now()
    await cluster.start()
    await isReady(service)
    const up = performance.now() - started
    await redeliver(github)
    await service.idle(90_000)
    const took = performance.now() - started

    expect(refused).toMatchObject({ statusCode: 503 })
    expect([ready.status, healthy.status]).toEqual([503, 200])
    for (const pull of [posting, reading, during]) await expectOneReview(pull)
    report(context, {
      database: 'PostgreSQL',
      runs: 1,
      injected:
        'it stops while one review is being posted and another reads files; deliveries come in; it starts again',
      outcome:
        'deliveries answered 503, not ready, alive; a process that starts meanwhile ends; then ready, and one review each',
      took: `ready ${seconds(up)} after the start, all done after ${seconds(took)}`,
    })
  })

  test('without a word, and connections hang', async (context) => {
    await using scene = await openScene()
    const { cluster, github, service } = scene
    const { posting, reading, release } = await twoAtWork(github)
    const repositories: RepositoryHandle[] = []
    for (const name of ['c', 'd', 'e']) repositories.push(await github.repository(`busy/${name}`, { files: mix }))

    cluster.line.silence()
    const ready = service.get('/readyz')
    const during = await Promise.all(repositories.map((repository) => repository.open({ branch: 'new', files })))
    const refused = failed(github)
    release()
    await github.until('the review to be posted', () => posting.reviews().length > 0)

    const started = performance.now()
    cluster.line.reset()
    await isReady(service)
    await redeliver(github)
    await service.idle(90_000)
    const took = performance.now() - started

    expect(refused.map(({ statusCode }) => statusCode)).toEqual([503, 503, 503])
    const slowest = Math.max(...refused.map(({ duration }) => duration))
    expect(slowest).toBeLessThan(10)
    expect((await ready).status).toBe(503)
    for (const pull of [posting, reading, ...during]) await expectOneReview(pull)
    report(context, {
      database: 'PostgreSQL',
      runs: 1,
      injected:
        'its line drops all that is sent, for two reviews at work and deliveries that come in, until it is reset',
      outcome: `deliveries answered 503 after ${slowest.toFixed(1)} s at most, not ready; then ready, and one review each`,
      took: `all done ${seconds(took)} after the reset`,
    })
  })

  test('for every connection, again and again', async (context) => {
    await using scene = await openScene()
    const { cluster, github, service } = scene
    github.webhooks.deliverTo(null)
    const pulls: PullHandle[] = []
    for (let index = 0; index < PULLS; index++) {
      const repository = await github.repository(`busy/${index}`, { files: mix })
      pulls.push(await repository.open({ branch: 'new', files }))
    }
    const deliveries = failed(github)
    github.webhooks.deliverTo(service.webhookUrl)

    const storm = cluster.terminateAll()
    const answers: number[] = []
    for (const delivery of deliveries) answers.push((await github.webhooks.redeliver(delivery)).statusCode)
    const cut = await storm.end()
    const started = performance.now()
    const refused = answers.filter((status) => status === 503).length
    await redeliver(github)
    await service.idle(90_000)
    const took = performance.now() - started

    expect(answers.filter((status) => status === 202)).toHaveLength(PULLS - refused)
    expect(cut).toBeGreaterThan(0)
    expect((await service.get('/readyz')).status).toBe(200)
    for (const pull of pulls) await expectOneReview(pull)
    report(context, {
      database: 'PostgreSQL',
      runs: PULLS,
      injected: `pg_terminate_backend of all connections without a pause while ${PULLS} deliveries come in, ${cut} times`,
      outcome: `${refused} deliveries answered 503 and delivered again, the others 202; one review each`,
      took: `all done ${seconds(took)} after the last`,
    })
  })
})

interface Scene extends Stage {
  cluster: Cluster
  service: StartedService
}

async function openScene(): Promise<Scene> {
  const cluster = await startCluster()
  const stage = await openStage('postgres', {}, cluster.url)
  const service = await stage.start({}, quick)
  return {
    ...stage,
    cluster,
    service,
    [Symbol.asyncDispose]: async () => {
      await stage[Symbol.asyncDispose]()
      await cluster[Symbol.asyncDispose]()
    },
  }
}

/** One pull request whose review is on its way to GitHub, and one whose files are being read. */
async function twoAtWork(github: StandIn) {
  const posted = github.faults.hold(REVIEW)
  const posting = await (await github.repository('busy/a', { files: mix })).open({ branch: 'a', files })
  await posted.reached
  const read = github.faults.hold(FILES)
  const reading = await (await github.repository('busy/b', { files: mix })).open({ branch: 'b', files })
  await read.reached
  const release = () => {
    posted.release()
    read.release()
  }
  return { posting, reading, release }
}

/** What was told of pull requests and did not arrive yet. */
function failed({ webhooks }: StandIn): Delivery[] {
  const sent = webhooks.deliveries.filter(({ event }) => event === 'pull_request')
  const arrived = new Set(sent.filter(({ status }) => status === 'OK').map(({ guid }) => guid))
  return sent.filter(({ guid, redelivery }) => !redelivery && !arrived.has(guid))
}

/** What the reconciler asks GitHub for. */
async function redeliver(github: StandIn): Promise<void> {
  for (const delivery of failed(github))
    expect(await github.webhooks.redeliver(delivery)).toMatchObject({ status: 'OK' })
}

function isReady(service: StartedService): Promise<void> {
  return eventually('readiness', async () => (await service.get('/readyz')).status === 200)
}

async function expectOneReview(pull: PullHandle): Promise<void> {
  expect(pull.checkRuns()).toMatchObject([{ status: 'completed', conclusion: 'failure' }])
  expect(pull.reviews()).toHaveLength(1)
  expect(await pull.comments()).toHaveLength(1)
}
