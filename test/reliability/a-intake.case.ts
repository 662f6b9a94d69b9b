import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { callsItself, mix, plain } from '../app/shop.ts'
import type { Answers, Plan } from '../support/flood.ts'
import type { PullHandle, RepositoryHandle, StandIn } from '../support/github/index.ts'
import { importBranches } from './branches.ts'
import { finishedJobs, overlaps } from './jobs.ts'
import { quantile, report } from './row.ts'
import { nameOf, onEachDatabase, openStage, quick } from './stage.ts'

const ACCOUNTS = 10
const PULLS = 100
const HEADS = 10
const EVERY_MS = 10
/** Megabytes, with room for other machines. */
const MEMORY = { embedded: 320, postgres: 240 }

describe('Intake', () => {
  onEachDatabase((kind) => {
    test('1,000 signed deliveries for 100 pull requests in 10 seconds', async (context) => {
      await using stage = await openStage(kind)
      const { github } = stage
      const pulls = await openPulls(github)
      const service = await stage.start({}, quick)
      const warm = await github.repository('warm/shop', { files: mix })
      await (await warm.open({ branch: 'a', files: { 'lib/shop/stock.ex': callsItself } })).concluded()

      const deliveries = pulls.flatMap((one, index) =>
        one.heads.map((head, round) => ({ ...deliveryOf(one, head, round), round, index })),
      )
      // As long as GitHub takes; without it the stand-in would do more work than the service.
      github.faults.always(() => true, { delayMs: 100 })
      deliveries.sort((a, b) => a.round - b.round || a.index - b.index)
      const started = performance.now()
      const { times, late, statuses } = await flood(
        { url: service.webhookUrl, secret: github.app.webhookSecret, everyMs: EVERY_MS, deliveries },
        (index) => {
          const { pull, head } = deliveries[index]!
          pull.pull.head.sha = head
          pull.pull.commits.add(head)
        },
      )
      const flooded = performance.now()
      github.faults.clear()
      const isDone = ({ pull }: Flooded) => pull.checkRuns().at(-1)?.status === 'completed'
      await github.until('a result for every last head', () => pulls.every(isDone), 90_000)
      const settled = performance.now()

      expect(statuses).toEqual({ 202: PULLS * HEADS })
      // On a machine that has time. One that sends late by itself answers late, too.
      expect(quantile(times, 0.99)).toBeLessThan(100 + 10 * Math.max(0, quantile(late, 0.99) - 2))
      for (const { pull, isFound } of pulls) {
        expect(pull.checkRuns()).toMatchObject([{ conclusion: isFound ? 'failure' : 'success' }])
        expect(pull.pull.reviews.length).toBeLessThanOrEqual(1)
        const said = await pull.comments()
        expect(said.filter(({ minimized }) => minimized === null)).toHaveLength(isFound ? 1 : 0)
      }
      const jobs = finishedJobs(service).filter(({ subject }) => !subject.startsWith('warm/'))
      expect(overlaps(jobs)).toEqual([])
      const memory = service.peakMemory()
      expect(memory ?? 0).toBeLessThan(MEMORY[kind])
      report(context, {
        database: nameOf[kind],
        runs: PULLS * HEADS,
        injected: 'ten heads for each of 100 pull requests of ten accounts, 100 deliveries a second',
        outcome: `all answered 202; p50 ${quantile(times, 0.5)} ms, p99 ${quantile(times, 0.99)} ms, slowest ${quantile(times, 1)} ms; ${jobs.length} jobs, never two of one pull request at once; each last head reviewed, nothing said twice; ${memory ?? '?'} MB of memory at most`,
        took: `last result ${((settled - flooded) / 1000).toFixed(1)} s after the last of ${((flooded - started) / 1000).toFixed(1)} s`,
      })
    }, 180_000)
  })
})

interface Flooded {
  pull: PullHandle
  heads: string[]
  opened: Record<string, unknown>
  /** Whether the last head has something to say about. */
  isFound: boolean
}

/** Pull requests of which GitHub has told nobody yet. */
async function openPulls(github: StandIn): Promise<Flooded[]> {
  const repositories: RepositoryHandle[] = []
  for (let index = 0; index < ACCOUNTS; index++)
    repositories.push(await github.repository(`account${index}/shop`, { files: mix }))
  const pulls: Flooded[] = []
  for (const repository of repositories) {
    const branches = Array.from({ length: PULLS / ACCOUNTS }, (_, index) => [`branch${index}`, chainOf(index)] as const)
    for (const [branch, heads] of await importBranches(repository, Object.fromEntries(branches))) {
      const pull = await repository.openFrom(branch)
      const opened = github.webhooks.deliveries.findLast(({ event }) => event === 'pull_request')!.request.payload
      pull.pull.head.sha = heads[0]!
      pulls.push({ pull, heads, opened, isFound: pulls.length % 2 === 1 })
    }
  }
  github.webhooks.deliveries.length = 0
  return pulls
}

/** Every second one has something to say about in the end. */
function chainOf(index: number): Record<string, string>[] {
  return Array.from({ length: HEADS }, (_, round) => {
    const isFound = round === HEADS - 1 && index % 2 === 1
    return { [`lib/shop/stock${index}.ex`]: isFound ? callsItself : `${plain('Stock')}# ${round}\n` }
  })
}

function deliveryOf({ pull, opened }: Flooded, head: string, round: number) {
  const before = opened['pull_request'] as { head: object }
  const pull_request = { ...before, head: { ...before.head, sha: head } }
  const action = round === 0 ? { action: 'opened' } : { action: 'synchronize', after: head }
  return {
    id: `${pull.pull.repository.id}-${pull.number}-${round}`,
    event: 'pull_request',
    payload: { ...opened, ...action, pull_request },
    pull,
    head,
  }
}

function flood(plan: Plan, before: (index: number) => void): Promise<Answers> {
  const child = fork(fileURLToPath(new URL('../support/flood.ts', import.meta.url)))
  const deliveries = plan.deliveries.map(({ id, event, payload }) => ({ id, event, payload }))
  return new Promise((resolve, reject) => {
    child.on('message', (message: 'ready' | { beginAt: number } | Answers) => {
      if (message === 'ready') child.send({ ...plan, deliveries } satisfies Plan)
      else if ('times' in message) resolve(message)
      else
        deliveries.forEach((_, index) => {
          const untilThen = message.beginAt + index * plan.everyMs - Date.now() - 20
          setTimeout(() => before(index), Math.max(0, untilThen))
        })
    })
    child.on('exit', (code) => reject(new Error(`the flood ended with ${code}`)))
  })
}
