import { createHmac, randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { callsItself, mix, plain } from '../app/shop.ts'
import { postgresUrl } from '../support/databases.ts'
import type { Delivery, PullHandle, RecordedRequest, RepositoryHandle, StandIn } from '../support/github/index.ts'
import { importBranches } from './branches.ts'
import { finishedJobs, overlaps } from './jobs.ts'
import { report, seconds } from './row.ts'
import { nameOf, onEachDatabase, openStage, quick } from './stage.ts'
import type { StartedService } from './stage.ts'

const REPLICAS = 3
const ACCOUNTS = 50
const PULLS = 500
/** Every fifth event comes a second time, to another replica. */
const TWICE = 5
const AT_ONCE = 12

const WAITING = 500
const CONCURRENCY = 4
const JOB_MS = 1_000

describe('Several replicas', () => {
  test.skipIf(postgresUrl === null)(
    'three processes share 500 jobs of 50 installations',
    async (context) => {
      await using stage = await openStage('postgres')
      const { github } = stage
      const replicas: StartedService[] = []
      for (let index = 0; index < REPLICAS; index++) replicas.push(await stage.start({}, quick))
      const pulls = await openUnheard(github)

      const started = performance.now()
      const deliveries = pulls.flatMap(({ opened }, index) => {
        const to = index % REPLICAS
        const first = { opened, to, id: randomUUID() }
        return index % TWICE === 0 ? [first, { opened, to: (to + 1) % REPLICAS, id: randomUUID() }] : [first]
      })
      const statuses = await inParallel(deliveries, ({ opened, to, id }) => send(replicas[to]!.webhookUrl, opened, id))
      const stored = performance.now() - started
      await replicas[0]!.idle(300_000)
      const took = performance.now() - started

      expect(new Set(statuses)).toEqual(new Set([202]))
      for (const { pull, isFound } of pulls) {
        expect(pull.checkRuns()).toMatchObject([{ conclusion: isFound ? 'failure' : 'success' }])
        expect(pull.reviews()).toHaveLength(isFound ? 1 : 0)
      }
      const jobs = replicas.map(finishedJobs)
      const shares = jobs.map((own) => own.length)
      expect(overlaps(jobs.flat())).toEqual([])
      // Two cores do not give three processes the same time, but none may be idle.
      expect(Math.min(...shares)).toBeGreaterThan(PULLS / REPLICAS / 4)
      report(context, {
        database: 'PostgreSQL',
        runs: PULLS,
        injected: `${deliveries.length} deliveries of ${PULLS} events, to ${REPLICAS} processes in turn`,
        outcome: `each pull request reviewed once, never in two places at a time; ${shares.join(', ')} jobs each`,
        took: `all stored after ${seconds(stored)}, all reviewed after ${seconds(took)}`,
      })
    },
    480_000,
  )
})

describe('Fairness', () => {
  onEachDatabase((kind) => {
    test('one installation has 500 waiting jobs, another sends one', async (context) => {
      await using stage = await openStage(kind)
      const { github } = stage
      const service = await stage.start({ CONCURRENCY: String(CONCURRENCY) }, quick)
      const busy = await github.repository('busy/busy', { files: mix })
      const other = await github.repository('other/other', { files: mix })
      await service.idle()
      github.webhooks.deliverTo(null)
      await busy.open({ branch: 'a', files: { 'lib/shop/stock.ex': plain('Stock') } })
      const opened = github.webhooks.deliveries.findLast(({ event }) => event === 'pull_request')!
      github.faults.always((request) => begins(busy, request), { delayMs: JOB_MS })

      const numbers = Array.from({ length: WAITING }, (_, index) => index + 1)
      await inParallel(numbers, (number) =>
        send(service.webhookUrl, numbered(opened, number, github.app.webhookSecret), randomUUID()),
      )
      const { text } = await service.get('/metrics')
      const waiting = Number(/^otp_review_jobs\{state="waiting"\} (\d+)$/m.exec(text)![1])
      github.webhooks.deliverTo(service.webhookUrl)
      const sent = performance.now()
      const pull = await other.open({ branch: 'a', files: { 'lib/shop/stock.ex': plain('Stock') } })
      const answered = github.requests.length
      await pull.concluded()
      const took = performance.now() - sent
      await service.kill()

      const since = github.requests.slice(answered)
      const before = since.slice(
        0,
        since.findIndex((request) => begins(other, request)),
      )
      const overtaken = before.filter((request) => begins(busy, request)).length
      expect(waiting).toBeGreaterThan(WAITING / 2)
      // What each worker had taken already, and what the others take in the same moment as it: whose request comes first is chance.
      const most = 2 * CONCURRENCY - 1
      expect(overtaken).toBeLessThanOrEqual(most)
      expect(took).toBeLessThan(10_000)
      report(context, {
        database: nameOf[kind],
        runs: 1,
        injected: `${WAITING} deliveries of one installation for jobs of ${seconds(JOB_MS)} each, ${CONCURRENCY} at a time; with ${waiting} waiting, one delivery of another`,
        outcome: `${overtaken} of the ${waiting} began before it, at most ${most} can`,
        took: `${seconds(took)} from its delivery to its result`,
      })
    }, 120_000)
  })
})

interface Unheard {
  pull: PullHandle
  opened: Delivery
  isFound: boolean
}

/** Pull requests that nobody was told of. */
async function openUnheard(github: StandIn): Promise<Unheard[]> {
  github.webhooks.deliverTo(null)
  const pulls: Unheard[] = []
  for (let account = 0; account < ACCOUNTS; account++) {
    const repository = await github.repository(`account${account}/shop`, { files: mix })
    const each = Array.from({ length: PULLS / ACCOUNTS }, (_, index) => index)
    const branches = each.map((index) => [`branch${index}`, [{ [`lib/shop/part${index}.ex`]: textOf(index) }]] as const)
    for (const branch of (await importBranches(repository, Object.fromEntries(branches))).keys()) {
      const pull = await repository.openFrom(branch)
      const opened = github.webhooks.deliveries.findLast(({ event }) => event === 'pull_request')!
      pulls.push({ pull, opened, isFound: pulls.length % 2 === 1 })
    }
  }
  return pulls
}

/** Every second one has something to say about. */
function textOf(index: number): string {
  return index % 2 === 1 ? callsItself : plain('Stock')
}

/** The same of another pull request, which nobody has to open: a job for it asks GitHub once, and finds it gone. */
function numbered(opened: Delivery, number: number, secret: string): Delivery {
  const { payload, headers } = opened.request
  const numbered = { ...payload, number, pull_request: { ...(payload['pull_request'] as object), number } }
  const signature = createHmac('sha256', secret).update(JSON.stringify(numbered)).digest('hex')
  return {
    ...opened,
    request: { headers: { ...headers, 'x-hub-signature-256': `sha256=${signature}` }, payload: numbered },
  }
}

/** Whether this is the first request of a job about a repository. */
function begins({ home }: RepositoryHandle, { body }: RecordedRequest): boolean {
  const { query, variables } = (body ?? {}) as { query?: string; variables?: { name?: string } }
  return /query PullContext\b/.test(query ?? '') && variables?.name === home.name
}

/** Sends what GitHub would send; gives the status of the answer. */
async function send(url: string, { request }: Delivery, id: string): Promise<number> {
  const headers = { ...request.headers, 'x-github-delivery': id }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(request.payload) })
  await response.arrayBuffer()
  return response.status
}

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const left = items.entries()
  const lane = async () => {
    for (const [index, item] of left) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return results
}
