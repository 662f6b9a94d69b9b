// Owns a job from its first request to its concluded check run: read, analyse, review, publish. Composes, and is the only catch-all.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Logger } from 'pino'
import { answerCommands } from './command.ts'
import { DatabaseUnavailableError } from './database.ts'
import {
  beginRun,
  concludeLeftRuns,
  concludeRun,
  CredentialsError,
  GitHubUnavailableError,
  GoneError,
  hasResult,
  MissingPermissionError,
  publish,
  RateLimitedError,
  readBases,
  readContext,
  readSnapshot,
  readSubjects,
  StaleHeadError,
} from './github/index.ts'
import type { Client, Clients, Context, Run, RunOptions, RunSubject } from './github/index.ts'
import { hasWords, resumePlan, writePlan } from './kept-plan.ts'
import type { Prepared } from './kept-plan.ts'
import type { OpenRuns, Plans } from './ledger.ts'
import { planReview } from './plan-review.ts'
import type { Desk } from './plan-review.ts'
import { LostClaimError } from './queue.ts'
import type { Attempt, Outcome, Runner } from './queue.ts'
import { acceptancesIn } from './review/answer.ts'
import type { Acceptance } from './review/answer.ts'
import { strictest } from './review/conclude.ts'
import { resolveConfig } from './review/config.ts'
import type { ResolvedConfig } from './review/config.ts'
import { readMarker } from './review/marker.ts'
import type { PlannedRun, PublicPlan, ReviewPlan } from './review/plan.ts'
import { withUnplaced } from './review/review.ts'
import type { Said, Snapshot } from './review/snapshot.ts'
import { brokenRun, sharedHeadSentence, supersededRun, unpermittedRun, withMissingPermission } from './review/speech.ts'
import { watchThumbs } from './thumbs.ts'

/** One piece of work. No payload goes further than this. */
export type Job = { delivery: string; installation: number } & (
  | ({ repository: RepositoryName } & (
      | { kind: 'pull'; number: number; head: string | null; reason: PullReason }
      | { kind: 'group'; head: string; headRef: string; baseRef: string; reason: 'queued' | 'requested' }
      /** Somebody wrote, edited or deleted a comment with a command. */
      | { kind: 'command'; number: number }
      /** Whatever is on this commit is to be checked again. */
      | { kind: 'commit'; head: string }
    ))
  | { kind: 'reconcile' }
)

export interface RepositoryName {
  id: number
  owner: string
  name: string
}

export type PullReason =
  | 'opened'
  | 'synchronize'
  | 'reopened'
  | 'ready_for_review'
  | 'converted_to_draft'
  | 'closed'
  | 'base changed'
  | 'requested'
  /** Nobody told us: recovery found it unreviewed. */
  | 'missed'

type ReviewJob = Extract<Job, { kind: 'pull' | 'group' }>

/** What became of a job, for logs and metrics. */
export interface JobRecord {
  kind: Job['kind']
  outcome: 'reviewed' | 'passed on' | 'nothing to do' | 'gone' | 'moved' | 'rate limited' | 'failed' | 'given up'
  ms: number
  /** From the delivery to the conclusion; null where this run did not conclude. */
  latencyMs: number | null
  /** The rules of what was introduced, one for each finding. */
  rules: readonly string[]
  /** The rules of comments that somebody gave a thumbs-down since we last looked, one for each. */
  disliked: readonly string[]
}

export interface ReviewerOptions extends Desk {
  clients: Clients
  openRuns: OpenRuns
  plans: Plans
  log: Logger
  onEnd?: (record: JobRecord) => void
}

const CHECK_NAME = 'OTP review'

/** What changes nothing where the head has its result already. */
const LATE: ReadonlySet<PullReason> = new Set(['opened', 'synchronize', 'converted_to_draft', 'closed', 'missed'])

// Outages last minutes to hours; what we did wrong ourselves is still wrong after a few seconds.
const WAITED_FOR = [GitHubUnavailableError, StaleHeadError, CredentialsError, DatabaseUnavailableError]
const WAITS_FOR_OTHERS = [2, 10, 30, 120, 300, 600, 1200]
const WAITS_FOR_OURSELVES = [2, 20]
const ATTEMPTS_TO_CATCH_UP = 3
/** Where the head that GitHub shows has its result, nothing is lost by looking for the announced one a few minutes longer. */
const ATTEMPTS_WITH_RESULT = 5

/** Runs jobs. A check run that a job began is concluded by it, or by a later attempt of the same job. */
export function createReviewer(options: ReviewerOptions): Runner {
  const { clients, log: parent, onEnd } = options
  const newThumbsDown = watchThumbs()

  async function run(job: Job, attempt: Attempt): Promise<Outcome> {
    const log = logOf(job, parent)
    const started = performance.now()
    const end = (outcome: JobRecord['outcome'], rules: readonly string[] = [], said: readonly Said[] = []) => {
      const latencyMs = outcome === 'reviewed' ? Date.now() - attempt.receivedAt.getTime() : null
      const ms = performance.now() - started
      onEnd?.({ kind: job.kind, outcome, ms, latencyMs, rules, disliked: newThumbsDown(said) })
    }

    if (job.kind === 'reconcile') {
      log.debug({ kind: job.kind }, 'no work for this kind of job yet')
      end('nothing to do')
      return { then: 'done' }
    }

    const progress: Progress = { client: clients.forInstallation(job.installation), log }
    try {
      if (job.kind === 'command' || job.kind === 'commit') {
        const jobs = job.kind === 'command' ? await obey(job, progress, options) : await findAgain(job, progress.client)
        log.info({ kind: job.kind, next: jobs.length, ms: Math.round(performance.now() - started) }, 'job done')
        end(jobs.length === 0 ? 'nothing to do' : 'passed on')
        return next(jobs)
      }
      const reviewed = await requests.run({ count: 0 }, async () => {
        const { rules, ...result } = await reviewJob(job, attempt, progress, options)
        log.info(
          {
            ...result,
            findings: rules.length,
            head: progress.context?.head,
            attempt: attempt.number,
            requests: requests.getStore()!.count,
            ms: Math.round(performance.now() - started),
          },
          'job done',
        )
        return { ...result, rules }
      })
      end(reviewed.conclusion === null ? 'nothing to do' : 'reviewed', reviewed.rules, progress.context?.said)
      return next(othersOnClosed(job, progress.context))
    } catch (error) {
      return await recover(job, attempt, progress, error, end)
    }
  }

  /** Every way in which a job can end other than well. */
  async function recover(
    job: Exclude<Job, { kind: 'reconcile' }>,
    attempt: Attempt,
    progress: Progress,
    err: unknown,
    end: (outcome: JobRecord['outcome']) => void,
  ): Promise<Outcome> {
    const { log } = progress
    if (attempt.signal.aborted || err instanceof LostClaimError) {
      log.warn({ err }, 'job cut short, the queue has it again')
      end('failed')
      return { then: 'done' }
    }
    if (err instanceof GoneError) {
      log.info({ err }, 'what the job is about is gone')
      end('gone')
      if (!isReview(job)) return { then: 'done' }
      // It can have been a part of it only.
      if (progress.run) await giveUp(job, progress, options)
      else {
        for (const head of await options.openRuns.heads(job)) await options.openRuns.end(job, head)
        await options.plans.drop(job)
      }
      return { then: 'done' }
    }
    if (err instanceof RateLimitedError) {
      const afterMs = Math.max(err.retryAt.getTime() - Date.now(), 1000)
      log.warn({ err, afterMs }, 'rate limited')
      end('rate limited')
      return { then: 'again', job, afterMs, failed: false }
    }

    if (err instanceof MissingPermissionError) {
      log.warn({ err }, 'permission missing')
      end('given up')
      if (isReview(job)) await concludeAnyway(job, progress, options, () => unpermittedRun(err.permission))
      return { then: 'done' }
    }

    const isTheirs = WAITED_FOR.some((kind) => err instanceof kind)
    const wait = (isTheirs ? WAITS_FOR_OTHERS : WAITS_FOR_OURSELVES)[attempt.number - 1]
    if (err instanceof StaleHeadError && wait !== undefined && isReview(job)) {
      log.info({ actual: err.actual }, 'the pull request moved')
      end('moved')
      return { then: 'again', job: await follow(job, progress, options, err), afterMs: wait * 1000, failed: true }
    }
    if (wait !== undefined) {
      log.warn({ err, attempt: attempt.number, afterMs: wait * 1000 }, 'job failed, will run again')
      end('failed')
      return { then: 'again', job, afterMs: wait * 1000, failed: true }
    }
    log.error({ err, attempt: attempt.number }, 'job failed for good')
    end('given up')
    if (isReview(job)) await giveUp(job, progress, options)
    return { then: 'done' }
  }

  return {
    run,
    abandon: async (job) => {
      const log = logOf(job, parent)
      log.error({ kind: job.kind }, 'job abandoned: it took the process down, or its time ran out, again and again')
      onEnd?.({ kind: job.kind, outcome: 'given up', ms: 0, latencyMs: null, rules: [], disliked: [] })
      if (!isReview(job)) return
      await giveUp(job, { client: clients.forInstallation(job.installation), log }, options)
    },
  }
}

function next(jobs: readonly Job[]): Outcome {
  return jobs.length === 0 ? { then: 'done' } : { then: 'next', jobs }
}

function isReview(job: Job): job is ReviewJob {
  return job.kind === 'pull' || job.kind === 'group'
}

/** Does what comments ask for, and has the pull request reviewed anew where that can change its result. */
async function obey(
  job: Extract<Job, { kind: 'command' }>,
  { client, log }: Progress,
  options: ReviewerOptions,
): Promise<Job[]> {
  const { delivery, installation, repository, number } = job
  const target = { kind: 'pull', repository, number, head: null, installedAt: null } as const
  const context = await readContext(client, target, readMarker)
  const configuration = configurationOf(context, options)
  const { recheck, accepted } = await answerCommands({ client, context, configuration, desk: options, log })
  const isKnown = hasResult(context, {
    name: nameOfRun(configuration, context),
    accepted: accepted.map(nameOfAcceptance),
  })
  const isOpen = context.subject.kind === 'pull' && context.subject.state === 'open'
  if (!recheck && (isKnown || !isOpen)) return []
  return [{ delivery, installation, repository, kind: 'pull', number, head: null, reason: 'requested' }]
}

/** What is to be reviewed where somebody asked for all checks of a commit: what our runs on it say, else open pull requests. */
async function findAgain(job: Extract<Job, { kind: 'commit' }>, client: Client): Promise<Job[]> {
  const { delivery, installation, repository, head } = job
  const base = { delivery, installation, repository, head, reason: 'requested' } as const
  const { pulls, group } = await readSubjects(client, repository, head)
  if (group !== null) return [{ ...base, kind: 'group', ...group }]
  return pulls.map((number) => ({ ...base, kind: 'pull', number }))
}

/** A closed pull request no longer counts for those that have the same commit. */
function othersOnClosed(job: ReviewJob, context: Context | undefined): Job[] {
  if (job.kind !== 'pull' || job.reason !== 'closed') return []
  const others = (context?.pullsOnHead ?? []).filter(({ number }) => number !== job.number)
  return others.map(({ number }) => ({ ...job, number, reason: 'requested' }))
}

const requests = new AsyncLocalStorage<{ count: number }>()

/** To be called for each request to GitHub: it counts for the job that made it. */
export function countRequest(): void {
  const tally = requests.getStore()
  if (tally) tally.count += 1
}

/** How far a job got, for whoever has to clean up after it. */
interface Progress {
  client: Client
  log: Logger
  context?: Context
  configuration?: ResolvedConfig
  /** null where we were not allowed to begin one. */
  run?: Run | null
  planned?: PlannedRun
}

interface Reviewed {
  /** null where there was nothing to do. */
  conclusion: PlannedRun['conclusion'] | null
  files: number
  /** Of what was introduced, one for each finding. */
  rules: readonly string[]
  posted: number
  edited: number
}

const NOTHING_TO_DO: Reviewed = { conclusion: null, files: 0, rules: [], posted: 0, edited: 0 }

async function reviewJob(
  job: ReviewJob,
  attempt: Attempt,
  progress: Progress,
  options: ReviewerOptions,
): Promise<Reviewed> {
  const { client } = progress
  const { openRuns, plans } = options
  const context = await readContext(client, toTarget(job, await installedAt(job, options.clients)), readMarker)
  const left = await openRuns.heads(job)
  for (const head of left) {
    // A process that ended in the middle began it, and the pull request has moved since.
    if (head === context.head) continue
    await concludeLeftRuns(client, context.repository, head, supersededRun(context.head))
    await openRuns.end(job, head)
  }
  const configuration = configurationOf(context, options)
  const name = nameOfRun(configuration, context)
  // Where GitHub has shown it as the head before, it does not lag.
  if (job.head === null || !left.includes(job.head)) await checkHead(job, attempt, { client, context, name })
  Object.assign(progress, { context, configuration })
  // Who asks for a new look gets one.
  const isAsked = job.reason === 'requested' && attempt.number === 1
  const kept = isAsked ? null : resumePlan(await plans.find(job), context)
  if (isConcluded(job, context, runOptions(configuration, context)) && (kept === null || !hasWords(kept))) {
    if (isAwaited(job, context) && attempt.number <= ATTEMPTS_WITH_RESULT)
      throw new StaleHeadError(job.head, context.head)
    if (!kept?.whenReady) await plans.drop(job)
    await openRuns.end(job, context.head)
    return NOTHING_TO_DO
  }

  await openRuns.begin(job, context.head)
  const run = (progress.run = await begin(progress, context, configuration))
  const prepared = kept ?? (await prepare(client, context, configuration, options))
  if (kept === null) await plans.keep(job, writePlan(context, prepared))
  const { plan, whenReady, files, rules } = prepared
  progress.planned = plan.run
  await attempt.assertOurs()
  const published = await publish(client, context, plan, readMarker)
  const shared = await withOthersOnHead(withUnplaced(plan, published.refused), context, configuration, (number) =>
    conclusionOfOther(number, context, client, options),
  )
  if (run) await concludeRun(client, run, withMissingPermission(shared, published.missingPermission))
  if (whenReady === null) await plans.drop(job)
  await openRuns.end(job, context.head)
  return { conclusion: shared.conclusion, files, rules, posted: published.postedComments, edited: plan.edits.length }
}

/** Throws `StaleHeadError` where GitHub does not show yet what its webhook announced. */
async function checkHead(
  job: ReviewJob,
  attempt: Attempt,
  { client, context, name }: { client: Client; context: Context; name: string },
): Promise<void> {
  if (job.kind === 'pull' && job.reason === 'requested' && job.head !== null && context.lagging) {
    if (attempt.number === 1) await answerOldHead(client, context, job.head, name)
    return
  }
  // When it keeps to its answer, that is the head.
  if (isAwaited(job, context) && attempt.number <= ATTEMPTS_TO_CATCH_UP)
    throw new StaleHeadError(job.head, context.head)
}

/** Whether a webhook announced another head than GitHub shows. */
function isAwaited(job: ReviewJob, { lagging }: Context): job is ReviewJob & { head: string } {
  const isNews = job.kind === 'pull' && job.reason !== 'missed' && job.reason !== 'requested'
  return isNews && job.head !== null && lagging
}

/** A re-requested commit that is no head any more gets an answer; the review itself is on the head. */
async function answerOldHead(client: Client, context: Context, oldHead: string, name: string): Promise<void> {
  const old = await beginRun(client, { ...context, head: oldHead, runs: [] }, { name })
  await concludeRun(client, old, supersededRun(context.head))
}

function configurationOf(
  { config, repository }: Pick<RunSubject, 'config' | 'repository'>,
  { catalogue }: Pick<ReviewerOptions, 'catalogue'>,
) {
  return resolveConfig(
    config,
    catalogue.map((rule) => rule.id),
    repository.owner,
  )
}

async function prepare(
  client: Client,
  context: Context,
  configuration: ResolvedConfig,
  options: ReviewerOptions,
): Promise<Prepared> {
  const snapshot = await readSnapshot(client, context)
  const bases = (read: Snapshot, paths: readonly string[]) => readBases(client, read, paths)
  const { plan, whenReady } = await planReview(snapshot, configuration, bases, options)
  return {
    plan: toPublic(plan),
    whenReady: whenReady && toPublic(whenReady),
    files: snapshot.files.filter(({ source }) => source !== null).length,
    rules: plan.introduced.map(({ finding }) => finding.rule),
  }
}

function toPublic(plan: ReviewPlan): PublicPlan {
  const { introduced: _introduced, ...rest } = plan
  return rest
}

/** null where the installation does not let us: there are still the comments. */
async function begin({ client, log }: Progress, context: Context, configuration: ResolvedConfig): Promise<Run | null> {
  try {
    return await beginRun(client, context, runOptions(configuration, context))
  } catch (err) {
    if (!(err instanceof MissingPermissionError)) throw err
    log.warn({ err }, 'no check run')
    return null
  }
}

/** A check belongs to a commit: where other open pull requests have the same one, the strictest result counts. */
async function withOthersOnHead(
  run: PlannedRun,
  { subject, base, pullsOnHead }: Context,
  { config }: ResolvedConfig,
  conclusionOf: (number: number) => Promise<PlannedRun['conclusion'] | null>,
): Promise<PlannedRun> {
  if (subject.kind !== 'pull') return run
  let strict = run
  for (const { number, baseRef } of pullsOnHead) {
    if (number === subject.number || (config.check_name === 'base' && baseRef !== base.ref)) continue
    const other = await conclusionOf(number)
    if (other === null || strictest([strict.conclusion, other]) === strict.conclusion) continue
    strict = { ...run, conclusion: other, summary: `${sharedHeadSentence(number, other)}\n\n${run.summary}` }
  }
  return strict
}

/** null where the other pull request has meanwhile gone or moved. */
async function conclusionOfOther(
  number: number,
  { repository, head }: Context,
  client: Client,
  options: ReviewerOptions,
): Promise<PlannedRun['conclusion'] | null> {
  try {
    const target = { kind: 'pull', repository, number, head: null, installedAt: null } as const
    const context = await readContext(client, target, readMarker)
    const isThere = context.subject.kind === 'pull' && context.subject.state === 'open' && context.head === head
    if (!isThere) return null
    const { plan } = await prepare(client, context, configurationOf(context, options), options)
    return plan.run.conclusion
  } catch (error) {
    if (error instanceof GoneError || error instanceof StaleHeadError) return null
    throw error
  }
}

function toTarget(job: ReviewJob, installedAt: string | null): Parameters<typeof readContext>[1] {
  const { repository } = job
  return job.kind === 'pull'
    ? { kind: 'pull', repository, number: job.number, head: job.head, installedAt }
    : { kind: 'group', repository, head: job.head, headRef: job.headRef, baseRef: job.baseRef }
}

/** Asked only where it matters: whoever opens or pushes to a pull request does it with the app installed. */
async function installedAt(job: ReviewJob, clients: Clients): Promise<string | null> {
  const isNew = job.kind === 'group' || job.reason === 'opened' || job.reason === 'synchronize'
  return isNew ? null : clients.installedAt(job.installation)
}

function nameOfRun({ config }: ResolvedConfig, { base }: Pick<RunSubject, 'base'>): string {
  return config.check_name === 'base' ? `${CHECK_NAME}: ${base.ref}` : CHECK_NAME
}

function runOptions(configuration: ResolvedConfig, context: Context): RunOptions {
  const accepted = acceptancesIn(context.conversations).map(nameOfAcceptance)
  return { name: nameOfRun(configuration, context), accepted }
}

function nameOfAcceptance({ comment, rule }: Acceptance): string {
  return `${comment} ${rule}`
}

/** Whether an event that came twice, or late, finds its work done. */
function isConcluded(job: ReviewJob, context: Context, options: RunOptions): boolean {
  const isNews = job.kind === 'group' ? job.reason === 'requested' : !LATE.has(job.reason)
  return !isNews && hasResult(context, options)
}

/** The job for where the pull request is now. A run on a head that moved on gets the conclusion we came to, or none worth the name. */
async function follow(
  job: ReviewJob,
  { client, context, run, planned, log }: Progress,
  { openRuns }: ReviewerOptions,
  stale: StaleHeadError,
): Promise<Job> {
  // Where GitHub lags, or only the base moved, the next attempt goes on from here.
  if (job.kind !== 'pull' || stale.expected !== context?.head) return job
  if (run) {
    await concludeRun(client, run, planned ?? supersededRun(stale.actual ?? context.head)).then(
      () => openRuns.end(job, context.head),
      // The next attempt sees that it stands open.
      (err: unknown) => log.warn({ err }, 'run on the old head not concluded yet'),
    )
  }
  return { ...job, head: stale.actual, reason: 'synchronize' }
}

/** Ends the check run with our own failure. */
function giveUp(job: ReviewJob, progress: Progress, options: ReviewerOptions): Promise<void> {
  return concludeAnyway(job, progress, options, ({ config }) => brokenRun(job.delivery, config.on_error))
}

/** A required check that does not conclude blocks a merge: whatever could not be done, this is tried. */
async function concludeAnyway(
  job: ReviewJob,
  progress: Progress,
  { openRuns, plans }: ReviewerOptions,
  say: (configuration: ResolvedConfig) => PlannedRun,
): Promise<void> {
  const { client, log } = progress
  try {
    const subject = progress.context ?? (await subjectOf(job, client))
    const configuration = progress.configuration ?? configurationOf(subject, { catalogue: [] })
    const run = progress.run ?? (await beginRun(client, subject, { name: nameOfRun(configuration, subject) }))
    await concludeRun(client, run, say(configuration))
    await plans.drop(job)
    await openRuns.end(job, subject.head)
  } catch (err) {
    // Where it was begun, the ledger has it. Where we are not let in any more, there is nobody to tell.
    log[err instanceof GoneError || err instanceof MissingPermissionError ? 'warn' : 'error'](
      { err },
      'check run not concluded',
    )
  }
}

/** Where GitHub does not let us read the pull request, its head is still a commit that can have a check run. */
async function subjectOf(job: ReviewJob, client: Client): Promise<RunSubject> {
  try {
    return await readContext(client, toTarget(job, null), readMarker)
  } catch (error) {
    if (job.head === null) throw error
    return {
      subject: { kind: 'local' },
      repository: job.repository,
      head: job.head,
      base: { ref: '' },
      config: { base: null, organisation: null, head: null },
      pullsOnHead: [],
      runs: null,
    }
  }
}

function logOf(job: Job, log: Logger): Logger {
  if (job.kind === 'reconcile') return log.child({ delivery: job.delivery, installation: job.installation })
  return log.child({
    delivery: job.delivery,
    repo: `${job.repository.owner}/${job.repository.name}`,
    ...('number' in job ? { pr: job.number } : {}),
    ...('head' in job ? { sha: job.head } : {}),
  })
}
