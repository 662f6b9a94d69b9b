// Owns durable work: jobs, one running and one waiting per pull request, the newest wins. It does not know what a job does.
import { PgBoss } from 'pg-boss'
import type { Db, JobWithMetadata } from 'pg-boss'
import type { Logger } from 'pino'
import type { Intake } from './app.ts'
import type { Database } from './database.ts'
import type { Job } from './job.ts'
import { openLedger } from './ledger.ts'
import type { Ledger } from './ledger.ts'

/** How a run of a job ended. Whoever runs jobs decides; the queue obeys. */
export type Outcome =
  | { then: 'done' }
  /** Done, and these are to be done: each unless a job of its key waits, which does the work. */
  | { then: 'next'; jobs: readonly Job[] }
  /** Run it again, unless a newer job of the same key is waiting: that one does the work. */
  | { then: 'again'; job: Job; afterMs: number; /** Whether this run counts as a failed attempt. */ failed: boolean }

export interface Attempt {
  /** 1 for the first run; failed ones and those cut short by a crash count. */
  number: number
  /** Aborted when the job has run for too long, another replica has it, or the process stops without waiting for it. */
  signal: AbortSignal
  /** When the newest of the deliveries came that this run answers. */
  receivedAt: Date
  /** Rejects where another replica may have the job by now. To be asked right before anything is said. */
  assertOurs(): Promise<void>
}

/** The database lost sight of this worker for a while and gave its job to another. */
export class LostClaimError extends Error {
  override name = 'LostClaimError'
}

export interface Runner {
  /** Must not throw: a throw is treated as a crash. */
  run(job: Job, attempt: Attempt): Promise<Outcome>
  /** The job took its process down, or its time ran out, too often: it will not run again. */
  abandon(job: Job): Promise<void>
}

export interface Backlog {
  waiting: number
  running: number
  /** Age of the oldest job that could run now, 0 where none waits. */
  oldestSeconds: number
}

export interface Queue {
  ledger: Ledger
  /**
   * Claims the delivery and does what it asks for, in one transaction. false: somebody has claimed it before. Rejects
   * in good time for an answer where the database does not react; it may have been claimed nevertheless.
   */
  accept(delivery: string, intake: Intake): Promise<boolean>
  /** For work that nobody asked for just now: only where no job of its key waits, runs or is given up, and behind all others. */
  enqueueMissing(job: Job): Promise<boolean>
  /** Deletes what is left of installations that are none of these, but not what came while they were listed. */
  forgetOthers(served: readonly number[]): Promise<void>
  /** Starts taking jobs, this many at once. */
  work(runner: Runner, concurrency: number): Promise<void>
  /** Does `task` now, and then once in this many seconds, on one of the replicas. A throw is logged. */
  repeat(task: () => Promise<void>, everySeconds: number): Promise<void>
  backlog(): Promise<Backlog>
  /** Rejects when the database does not answer. */
  check(): Promise<void>
  /** Takes no further jobs and waits this long for running ones. Deliveries are still accepted. */
  drain(graceMs: number): Promise<void>
  /** Ends all; what still runs goes back to the queue. */
  close(): Promise<void>
}

export interface QueueOptions {
  database: Database
  schema: string
  appId: number
  log: Logger
}

const REVIEWS = 'review'
const ABANDONED = 'abandoned'
const UPKEEP = 'upkeep'

/** GitHub waits ten seconds for an answer. */
const ANSWER_WITHIN_MS = 8_000
const CRASHES_ALLOWED = 3
/** A replica that is silent for this long is taken for dead. */
const HEARTBEAT_SECONDS = 20
/** Bounds, with the heartbeat, how soon a dead replica's jobs come back. Alone, there is nobody to watch. */
const SUPERVISE_SECONDS = { postgres: 10, embedded: 60 }
const MOST_TOGETHER = 50
const TIDY_EVERY_MS = 3600 * 1000
/** An account may come while the list of all is read. */
const LATE_AFTER = '1 hour'
/** Below whatever an installation's own backlog costs it. */
const NOT_URGENT = 1_000_000

interface Asked {
  /** Of the delivery. */
  id: string
  key: string
  /** A row, as JSON. */
  data: string
}

interface Row {
  job: Job
  /** Failed attempts before this one. */
  failures: number
  /** Milliseconds since 1970. */
  receivedAt: number
}

/** Opens the queue, creating what is missing. Jobs that were running when an embedded database went down run again at once. */
export async function openQueue({ database, schema, appId, log }: QueueOptions): Promise<Queue> {
  const boss = createBoss(schema, database, log)
  await boss.start()
  await boss.createQueue(ABANDONED)
  const isEmbedded = database.kind === 'embedded'
  const options = {
    // Every worker of every replica looks for what is announced. In one process one look is enough: see `wake`.
    notify: !isEmbedded,
    deadLetter: ABANDONED,
    // Only crashes, lost heartbeats and time-outs come here: see `Outcome` for failures.
    retryLimit: CRASHES_ALLOWED,
    retryDelay: 0,
    retryBackoff: false,
    expireInSeconds: 15 * 60,
    heartbeatSeconds: HEARTBEAT_SECONDS,
    deleteAfterSeconds: 3 * 24 * 3600,
  }
  await boss.createQueue(REVIEWS, { policy: 'stately', ...options })
  await boss.updateQueue(REVIEWS, options)
  const upkeep = { retryLimit: 0, heartbeatSeconds: HEARTBEAT_SECONDS, deleteAfterSeconds: 24 * 3600 }
  await boss.createQueue(UPKEEP, { policy: 'stately', ...upkeep })
  await boss.updateQueue(UPKEEP, upkeep)
  // pg-boss looks a new queue up on its own connection, which an embedded database does not have inside a
  // transaction; after a restart it has the queue in its cache.
  await boss.stop({ graceful: false, close: false })
  await boss.start()
  const ledger = await openLedger({ database, schema, appId, keyOf })

  const jobs = `${schema}.job`
  const workers: { id: string; isBusy: boolean }[] = []

  /** Has one idle worker of this process look for work. When it found some it wakes the next, since there may be more. */
  function wake(): void {
    const idle = workers.find(({ isBusy }) => !isBusy)
    if (idle) boss.notifyWorker(idle.id)
  }

  /**
   * In a flood nearly every delivery is about a pull request that waits already. Those are taken together, in one
   * statement for all that came while the last one ran: what a delivery costs falls as they become more. Gives for each
   * whether it is new; null: nothing waits that it could replace, and it is not claimed.
   */
  async function replaceWaiting(deliveries: readonly Asked[]): Promise<(boolean | null)[]> {
    const [found] = await database.query(
      `with given as (
         select * from unnest($2::text[], $3::text[], $4::text[]) with ordinality as given (id, key, data, place)
       ), target as materialized (
         select id, singleton_key as key, created_on from ${jobs}
         where name = $1 and state < 'active' and singleton_key = any($3::text[])
         -- Two replicas that lock in the same order do not wait for each other in a circle.
         order by id for update
       ), claimed as (${ledger.claimFrom('$5', 'select id from given where key in (select key from target) order by id')}
       ), newest as (
         select distinct on (key) key, data from given where id in (select id from claimed) order by key, place desc
       ), replaced as (
         update ${jobs} as job set data = newest.data::jsonb,
           -- A job that failed does not have to wait any longer.
           start_after = now(), keep_until = now() + (keep_until - start_after),
           priority = case when priority <= -${NOT_URGENT} then 0 else priority end
         from newest where job.name = $1
           and job.id = (select id from target where target.key = newest.key order by created_on desc limit 1)
       )
       select coalesce((select array_agg(id) from given where key in (select key from target)), '{}') as known,
              coalesce((select array_agg(id) from claimed), '{}') as fresh`,
      [
        REVIEWS,
        deliveries.map(({ id }) => id),
        deliveries.map(({ key }) => key),
        deliveries.map(({ data }) => data),
        appId,
      ],
    )
    const known = new Set(found!['known'] as string[])
    const fresh = new Set(found!['fresh'] as string[])
    // The same one twice in one statement: the first is the new one.
    return deliveries.map(({ id }) => (known.has(id) ? fresh.delete(id) : null))
  }

  const replaceTogether = together(replaceWaiting)

  function replace(id: string, job: Job): Promise<boolean | null> {
    const row: Row = { job, failures: 0, receivedAt: Date.now() }
    return replaceTogether({ id, key: keyOf(job), data: JSON.stringify(row) })
  }

  async function enqueue(db: Db, job: Job): Promise<void> {
    const key = keyOf(job)
    const { rows } = await db.executeSql(
      `select count(*)::int as waiting from ${jobs}
       where name = $1 and state < 'active' and priority > -${NOT_URGENT}
         and data->'job'->'installation' = to_jsonb($2::bigint) and singleton_key <> $3`,
      [REVIEWS, job.installation, key],
    )
    const row: Row = { job, failures: 0, receivedAt: Date.now() }
    // An installation with a long queue lets the others go first.
    const options = { singletonKey: key, group: { id: key }, priority: -rows[0].waiting, db }
    if ((await boss.send(REVIEWS, row, options)) !== null) return
    // Where one waits, `send` keeps the older payload, and `upsert` without a start the back-off of a job that failed.
    await boss.upsert(REVIEWS, row, { ...options, startAfter: 0 })
  }

  async function enqueueMissing(db: Db, job: Job): Promise<boolean> {
    const key = keyOf(job)
    const { rows } = await db.executeSql(
      `select count(*) filter (where singleton_key = $4)::int as same, count(*) filter (where name = $1)::int as waiting
       from ${jobs}
       where name in ($1, $2) and state <= 'active' and data->'job'->'installation' = to_jsonb($3::bigint)`,
      [REVIEWS, ABANDONED, job.installation, key],
    )
    if (rows[0].same > 0) return false
    const row: Row = { job, failures: 0, receivedAt: Date.now() }
    const priority = -NOT_URGENT - rows[0].waiting
    return (await boss.send(REVIEWS, row, { singletonKey: key, group: { id: key }, priority, db })) !== null
  }

  async function waiting(db: Db, condition: string, values: readonly unknown[]): Promise<string[]> {
    const sql = `select id from ${jobs} where name = $1 and state < 'active' and ${condition}`
    const { rows } = await db.executeSql(sql, [REVIEWS, ...values])
    return rows.map((row) => row.id)
  }

  async function obey(db: Db, intake: Intake): Promise<void> {
    switch (intake.do) {
      case 'review':
        return enqueue(db, intake.job)
      case 'cancel': {
        const ids = await waiting(db, 'singleton_key = $2', [keyOf(intake.job)])
        if (ids.length > 0) await boss.deleteJob(REVIEWS, ids, { db })
        return
      }
      case 'forget': {
        const { installation, repositories } = intake
        // Finished jobs name the account, too. One that runs has lost its claim: it will neither say anything nor come back.
        const condition = `data->'job'->'installation' = to_jsonb($1::bigint)`
        if (repositories === 'all') await db.executeSql(`delete from ${jobs} where ${condition}`, [installation])
        else {
          const within = `(data->'job'->'repository'->>'id')::bigint = any($2::bigint[])`
          await db.executeSql(`delete from ${jobs} where ${condition} and ${within}`, [installation, repositories])
        }
        return ledger.forget(db, installation, repositories)
      }
      case 'ignore':
        return
    }
  }

  async function forgetOthers(db: Db, served: readonly number[]): Promise<void> {
    const { rows } = await db.executeSql(
      `select distinct (data->'job'->>'installation')::bigint as id from ${jobs}
       where data->'job' ? 'installation' and created_on < now() - interval '${LATE_AFTER}'`,
    )
    const known = [...rows.map((row) => Number(row.id)), ...(await ledger.installations(db, LATE_AFTER))]
    for (const installation of new Set(known)) {
      if (!served.includes(installation)) await obey(db, { do: 'forget', installation, repositories: 'all' })
    }
  }

  async function accept(delivery: string, intake: Intake): Promise<boolean> {
    const isNew =
      (intake.do === 'review' ? await replace(delivery, intake.job) : null) ??
      (await database.transaction(async (db) => {
        if (!(await ledger.claim(db, delivery))) return false
        await obey(db, intake)
        return true
      }))
    wake()
    return isNew
  }

  async function runAgain(
    claim: JobWithMetadata<Row>,
    { job, afterMs }: Extract<Outcome, { then: 'again' }>,
    failures: number,
  ): Promise<void> {
    await database.transaction(async (db) => {
      const row: Row = { job, failures, receivedAt: claim.data.receivedAt }
      // Dropped by the queue's policy where a newer one waits.
      await boss.send(REVIEWS, row, {
        singletonKey: keyOf(job),
        group: { id: keyOf(job) },
        ...(afterMs > 0 ? { startAfter: afterMs / 1000 } : {}),
        priority: claim.priority,
        db,
      })
      assertTook(await boss.complete(REVIEWS, claim, undefined, { db }))
    })
  }

  async function runNext(claim: JobWithMetadata<Row>, jobs: readonly Job[]): Promise<void> {
    await database.transaction(async (db) => {
      for (const job of jobs) {
        const row: Row = { job, failures: 0, receivedAt: claim.data.receivedAt }
        const key = keyOf(job)
        await boss.send(REVIEWS, row, { singletonKey: key, group: { id: key }, priority: claim.priority, db })
      }
      assertTook(await boss.complete(REVIEWS, claim, undefined, { db }))
    })
  }

  async function run(runner: Runner, row: JobWithMetadata<Row>): Promise<void> {
    const { job, failures, receivedAt } = row.data
    const number = failures + row.retryCount + 1
    const outcome = await runner.run(job, {
      number,
      signal: row.signal,
      receivedAt: new Date(receivedAt),
      assertOurs: async () => {
        row.signal.throwIfAborted()
        assertTook(await boss.touch(REVIEWS, row))
      },
    })
    if (outcome.then === 'again') await runAgain(row, outcome, outcome.failed ? number : failures)
    if (outcome.then === 'next') await runNext(row, outcome.jobs)
  }

  async function abandon(runner: Runner, { job }: Row): Promise<void> {
    // The same pull request may be waiting already: that run will say all there is to say.
    const others = await database.query(
      `select 1 from ${jobs} where name = $1 and state <= 'active' and singleton_key = $2 limit 1`,
      [REVIEWS, keyOf(job)],
    )
    if (others.length === 0) await runner.abandon(job)
  }

  async function tidy(): Promise<void> {
    await ledger.tidy()
    await database.maintain()
  }

  // What runs in an embedded database runs in this process, which has only begun.
  if (isEmbedded) {
    for (const name of [REVIEWS, ABANDONED, UPKEEP]) {
      const running = await database.query(`select id from ${jobs} where name = $1 and state = 'active'`, [name])
      const ids = running.map((row) => row['id'] as string)
      if (ids.length > 0) await boss.fail(name, ids, { message: 'the process ended' })
    }
  }

  const timers = [
    setInterval(() => void tidy().catch((err: unknown) => log.warn({ err }, 'database not tidied')), TIDY_EVERY_MS),
  ]

  return {
    ledger,

    accept: (delivery, intake) => within(ANSWER_WITHIN_MS, accept(delivery, intake)),

    forgetOthers: (served) => database.transaction((db) => forgetOthers(db, served)),

    enqueueMissing: async (job) => {
      const isQueued = await database.transaction((db) => enqueueMissing(db, job))
      wake()
      return isQueued
    },

    work: async (runner, concurrency) => {
      async function addWorker(): Promise<void> {
        const worker = { id: '', isBusy: false }
        // Who is woken need not look so often; somebody has to see the jobs whose time comes.
        const pollingIntervalSeconds = isEmbedded && workers.length > 0 ? 30 : 2
        workers.push(worker)
        const intervals = { pollingIntervalSeconds, notifyPollingIntervalSeconds: Math.max(pollingIntervalSeconds, 5) }
        const options = { groupConcurrency: 1, includeMetadata: true, ...intervals }
        worker.id = await boss.work<Row>(REVIEWS, options, async ([row]) => {
          worker.isBusy = true
          if (workers.length < concurrency) await addOthers()
          wake()
          try {
            await run(runner, row as JobWithMetadata<Row>)
          } finally {
            worker.isBusy = false
            // Else this worker would sleep for the rest of its interval, with jobs waiting.
            boss.notifyWorker(worker.id)
          }
        })
      }
      // What ran when the process went down runs by itself: whatever took it down does not take the others along again,
      // until they are all given up.
      async function addOthers(): Promise<void> {
        const isSuspect = `state = 'retry' or (state = 'active' and retry_count > 0)`
        const sql = `select 1 from ${jobs} where name = $1 and (${isSuspect}) limit 1`
        if (isEmbedded && (await database.query(sql, [REVIEWS])).length > 0) return
        while (workers.length < concurrency) await addWorker()
      }
      await addWorker()
      await addOthers()
      await boss.work<Row>(ABANDONED, { pollingIntervalSeconds: 2 }, async ([row]) => abandon(runner, row!.data))
    },

    repeat: async (task, everySeconds) => {
      const key = { singletonKey: UPKEEP }
      await boss.send(UPKEEP, {}, key)
      await boss.work(UPKEEP, { pollingIntervalSeconds: 30 }, () =>
        task().catch((err: unknown) => log.warn({ err }, 'upkeep failed')),
      )
      // Whichever replica is the first to ask in a span of time; so the chain can not break.
      const ask = () => boss.send(UPKEEP, {}, { ...key, singletonSeconds: everySeconds })
      const timer = setInterval(
        () => void ask().catch((err: unknown) => log.warn({ err }, 'upkeep not planned')),
        (everySeconds * 1000) / 10,
      )
      timers.push(timer)
    },

    backlog: async () => {
      const [row] = await database.query(
        `select count(*) filter (where state < 'active')::int as waiting,
                count(*) filter (where state = 'active')::int as running,
                coalesce(extract(epoch from now() - min(start_after) filter (where state < 'active' and start_after <= now())), 0)::float as oldest
         from ${jobs} where name = $1 and state <= 'active'`,
        [REVIEWS],
      )
      return {
        waiting: row!['waiting'] as number,
        running: row!['running'] as number,
        oldestSeconds: row!['oldest'] as number,
      }
    },

    check: async () => {
      await database.query('select 1')
    },

    drain: async (graceMs) => {
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise((resolve) => (timer = setTimeout(resolve, graceMs)))
      const queues = [REVIEWS, ABANDONED, UPKEEP]
      await Promise.race([Promise.all(queues.map((name) => boss.offWork(name))), patience])
      clearTimeout(timer)
    },

    close: async () => {
      timers.forEach((timer) => clearInterval(timer))
      await boss.stop({ graceful: false })
    },
  }
}

/**
 * Jobs of one key are one piece of work: the newest replaces what waits, and only one runs. Jobs of different keys may
 * run side by side, on PostgreSQL whatever their group, so whatever must not has to share a key.
 */
export function keyOf(job: Job): string {
  switch (job.kind) {
    case 'pull':
      return `pull/${job.repository.id}/${job.number}`
    case 'group':
      return `group/${job.repository.id}/${job.head}`
    case 'command':
      return `command/${job.repository.id}/${job.number}`
    case 'commit':
      return `commit/${job.repository.id}/${job.head}`
    case 'reconcile':
      return `reconcile/${job.installation}`
  }
}

/**
 * One call at a time, for all that was asked for while the last one ran. What the database refuses together is tried
 * one by one, so that nobody suffers for another's.
 */
function together<T, R>(work: (items: readonly T[]) => Promise<R[]>): (item: T) => Promise<R> {
  const waiting: { item: T; resolve: (result: R) => void; reject: (error: unknown) => void }[] = []
  let isWorking = false

  async function workOff(): Promise<void> {
    isWorking = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MOST_TOGETHER)
      try {
        const results = await work(batch.map(({ item }) => item))
        batch.forEach(({ resolve }, index) => resolve(results[index]!))
      } catch (error) {
        // Without a database, each would wait for as long again.
        if (batch.length === 1 || !isRefusal(error)) batch.forEach(({ reject }) => reject(error))
        else
          for (const { item, resolve, reject } of batch) await work([item]).then(([result]) => resolve(result!), reject)
      }
    }
    isWorking = false
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (!isWorking) void workOff()
    })
}

/** Whether the database read the statement and did not take it: bad data (SQLSTATE 2...), or a conflict with another (4...). */
function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^[24][0-9A-Z]{4}$/.test(code)
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`The database did not react within ${ms} ms.`)), ms)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Claims are fenced by pg-boss to the attempt that holds them: where that is over, nothing is changed. */
function assertTook(response: object): void {
  if ((response as { affected: number }).affected === 0) throw new LostClaimError('Another replica has the job by now.')
}

function createBoss(schema: string, { kind, boss: options }: Database, log: Logger): PgBoss {
  const boss = new PgBoss({
    ...options,
    schema,
    schedule: false,
    useListenNotify: kind === 'postgres',
    superviseIntervalSeconds: SUPERVISE_SECONDS[kind],
    monitorIntervalSeconds: SUPERVISE_SECONDS[kind],
  })
  boss.on('error', (err) => log.error({ err }, 'queue error'))
  boss.on('warning', ({ message, data }) => log.warn({ data }, message))
  return boss
}
