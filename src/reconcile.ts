// Owns recovery: deliveries that never arrived, pull requests without a result, check runs left open are found and queued. It reviews nothing itself.
import type { Logger } from 'pino'
import {
  askForDelivery,
  CredentialsError,
  GitHubUnavailableError,
  GoneError,
  listDeliveries,
  listInstalled,
  RateLimitedError,
  readInstalled,
  RefusedError,
  searchOpenPulls,
} from './github/index.ts'
import type { Clients, DeliveryAttempt, Installed } from './github/index.ts'
import type { Job, JobRecord } from './job.ts'
import { pullsOf } from './ledger.ts'
import type { Ledger } from './ledger.ts'
import type { Outcome, Queue } from './queue.ts'
import { isServed } from './settings.ts'

export interface Reconciler {
  /** For the whole app: asks for failed deliveries again, and has every installation looked through. */
  sweep(): Promise<void>
  /** Looks through one installation. */
  run(job: Extract<Job, { kind: 'reconcile' }>): Promise<Outcome>
}

export interface ReconcilerOptions {
  clients: Clients
  queue: Pick<Queue, 'enqueueMissing' | 'forgetOthers' | 'ledger'>
  /** In lower case; empty: everybody. */
  allowedAccounts: readonly string[]
  log: Logger
  /** Aborted when the process stops: a long sweep does not hold it up. */
  signal?: AbortSignal
  onFound?: (what: 'delivery' | 'open run' | 'pull request') => void
  onSweep?: (ok: boolean) => void
  onEnd?: (record: JobRecord) => void
  now?: () => Date
}

/** A payload that we can not take is not asked for for ever. */
const MOST_REDELIVERIES = 3
/** At one write a second these take three minutes; the next sweep goes on. */
const MOST_AT_ONCE = 200
/** What GitHub has only just sent may still be on its way. */
const ON_ITS_WAY_MS = 60_000
/** GitHub's search lags behind, and a review may have been on its way when we looked. */
const OVERLAP_MS = 3600_000

/** Of our own work, and of pushes that have an event of their own. */
const ECHOES = new Set(['check_run.created', 'check_run.completed', 'check_suite.requested', 'check_suite.completed'])

const DELIVERIES = 'deliveries'

/** Finds what was lost and queues it. Repeating it finds nothing new: whatever it queues is safe to do twice. */
export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { clients, queue, allowedAccounts, log, signal, onFound, onSweep, onEnd, now = () => new Date() } = options
  const { ledger } = queue

  async function redeliver(): Promise<void> {
    const started = now()
    const since = await ledger.watermark(DELIVERIES)
    const attempts = await listDeliveries(clients, since)
    const failed = await stillFailed(attempts, ledger, new Date(started.getTime() - ON_ITS_WAY_MS))
    const times = await ledger.redelivered(failed.map(({ guid }) => guid))

    const open = failed.filter(({ guid }) => (times.get(guid) ?? 0) < MOST_REDELIVERIES)
    for (const { id, guid, event } of open.slice(0, MOST_AT_ONCE)) {
      if (signal?.aborted) return
      // Counted before: should it take the process down, it was asked for all the same.
      await ledger.countRedelivery(guid)
      try {
        await askForDelivery(clients, id)
      } catch (err) {
        if (!(err instanceof GoneError) && !(err instanceof RefusedError)) throw err
        // GitHub has forgotten it. The others must not wait for that.
        log.warn({ delivery: guid, event, err }, 'failed delivery not to be had')
        continue
      }
      onFound?.('delivery')
      log.info({ delivery: guid, event, attempt: (times.get(guid) ?? 0) + 2 }, 'failed delivery asked for again')
    }
    for (const { guid, event } of failed) {
      if (times.get(guid) === MOST_REDELIVERIES) {
        log.error({ delivery: guid, event }, 'delivery given up: it failed each time')
        await ledger.countRedelivery(guid)
      }
    }
    const next = open[MOST_AT_ONCE]
    await ledger.setWatermark(DELIVERIES, next ? next.at : new Date(started.getTime() - ON_ITS_WAY_MS))
  }

  async function reconcileAll(): Promise<void> {
    const installed = await listInstalled(clients)
    const served = installed.filter(({ account, suspended }) => !suspended && isServed(account, allowedAccounts))
    // Whoever left may have said so while nobody listened.
    await queue.forgetOthers(served.map(({ id }) => id))
    for (const { id } of served) {
      await queue.enqueueMissing({ kind: 'reconcile', delivery: `sweep-${now().toISOString()}`, installation: id })
    }
  }

  /** Gives how much it found. */
  async function reconcile({ id, account, permissions }: Installed, delivery: string): Promise<number> {
    const found = { openRuns: 0, pulls: 0 }
    const enqueue = async (job: Job, what: 'open run' | 'pull request') => {
      if (!(await queue.enqueueMissing(job))) return 0
      onFound?.(what)
      return 1
    }
    for (const job of await ledger.leftOpen(id)) {
      found.openRuns += await enqueue(job.kind === 'pull' ? { ...job, reason: 'missed' } : job, 'open run')
    }
    // Without it there is no result to be had.
    if (permissions['checks'] === 'write') {
      const started = now()
      const since = await ledger.watermark(pullsOf(id))
      const { pulls, isCut } = await searchOpenPulls(clients.forInstallation(id), account, since)
      for (const { repository, number, head, hasResult } of pulls) {
        if (hasResult !== false) continue
        const job: Job = { kind: 'pull', delivery, installation: id, repository, number, head, reason: 'missed' }
        found.pulls += await enqueue(job, 'pull request')
      }
      const seen = isCut ? pulls.at(-1)?.updatedAt : new Date(started.getTime() - OVERLAP_MS)
      if (seen !== undefined) await ledger.setWatermark(pullsOf(id), seen)
    }
    log.info({ installation: id, account, ...found }, 'reconciled')
    return found.openRuns + found.pulls
  }

  async function run(job: Extract<Job, { kind: 'reconcile' }>): Promise<JobRecord['outcome']> {
    try {
      const installed = await readInstalled(clients, job.installation)
      if (installed.suspended || !isServed(installed.account, allowedAccounts)) return 'nothing to do'
      return (await reconcile(installed, job.delivery)) > 0 ? 'passed on' : 'nothing to do'
    } catch (err) {
      if (err instanceof GoneError) return 'gone'
      const isTheirs =
        err instanceof RateLimitedError || err instanceof GitHubUnavailableError || err instanceof CredentialsError
      // The next sweep tries again.
      log[isTheirs ? 'warn' : 'error']({ err, installation: job.installation }, 'installation not reconciled')
      return err instanceof RateLimitedError ? 'rate limited' : 'failed'
    }
  }

  return {
    sweep: async () => {
      // Each for itself: what can't be done of one must not hold up the other.
      const results = await Promise.allSettled([redeliver(), reconcileAll()])
      const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
      for (const err of failures) log.warn({ err }, 'sweep not finished')
      onSweep?.(failures.length === 0)
    },

    run: async (job) => {
      const started = performance.now()
      const outcome = await run(job)
      const ms = performance.now() - started
      onEnd?.({ kind: 'reconcile', outcome, ms, latencyMs: null, rules: [], disliked: [] })
      return { then: 'done' }
    },
  }
}

/** The newest attempt of each delivery that no attempt brought here, oldest first. */
async function stillFailed(
  attempts: readonly DeliveryAttempt[],
  ledger: Ledger,
  before: Date,
): Promise<DeliveryAttempt[]> {
  const newest = new Map<string, DeliveryAttempt>()
  const arrived = new Set<string>()
  for (const attempt of attempts) {
    if (attempt.ok) arrived.add(attempt.guid)
    if (!newest.has(attempt.guid)) newest.set(attempt.guid, attempt)
  }
  const failed = [...newest.values()].filter(
    ({ guid, event, action, at }) => !arrived.has(guid) && at < before && !ECHOES.has(`${event}.${action}`),
  )
  // Claimed, and only the answer was lost.
  const claimed = await ledger.claimed(failed.map(({ guid }) => guid))
  return failed.filter(({ guid }) => !claimed.has(guid)).reverse()
}
