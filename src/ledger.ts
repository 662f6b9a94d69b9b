// Owns our own tables, beside pg-boss's jobs: claims of deliveries, check runs that were begun, plans that wait to be
// published, how far recovery looked. It repairs nothing itself.
import type { Db } from 'pg-boss'
import type { Database } from './database.ts'
import type { Job } from './job.ts'

/** Work that has a check run. */
export type CheckedJob = Extract<Job, { kind: 'pull' | 'group' }>

/** Check runs that somebody has to see to their end, whatever happens to the process that began them. */
export interface OpenRuns {
  /** The heads on which a run of this job's key may stand unfinished. */
  heads(job: CheckedJob): Promise<string[]>
  /** To be called before the run is begun on GitHub. */
  begin(job: CheckedJob, head: string): Promise<void>
  /** To be called when it has its conclusion, or there is none to be had. */
  end(job: CheckedJob, head: string): Promise<void>
}

/** Plans that wait to be published, one for each key of a job. */
export interface Plans {
  find(job: CheckedJob): Promise<string | null>
  /** In place of the one before. */
  keep(job: CheckedJob, plan: string): Promise<void>
  drop(job: CheckedJob): Promise<void>
}

export interface Ledger {
  openRuns: OpenRuns
  plans: Plans
  /** Claims a delivery inside a transaction; false: it was claimed before. */
  claim(db: Db, delivery: string): Promise<boolean>
  /** The same as a part of a larger statement, for the ids that this query gives: gives those that are new. */
  claimFrom(appId: string, ids: string): string
  /** Those of these deliveries that were claimed. */
  claimed(deliveries: readonly string[]): Promise<Set<string>>
  /** One job for each run of this installation that stands open for a while: whoever runs the job finishes the run. */
  leftOpen(installation: number): Promise<CheckedJob[]>
  /** How often each of these deliveries was asked for again. */
  redelivered(deliveries: readonly string[]): Promise<Map<string, number>>
  countRedelivery(delivery: string): Promise<void>
  /** Up to when all is known to be done; null: nobody looked yet. */
  watermark(name: string): Promise<Date | null>
  setWatermark(name: string, at: Date): Promise<void>
  /** Deletes what is remembered of an account that left, or of some of its repositories. */
  forget(db: Db, installation: number, repositories: readonly number[] | 'all'): Promise<void>
  /** Of which something is remembered that is older than this, an interval of PostgreSQL. */
  installations(db: Db, age: string): Promise<number[]>
  /** Deletes what is of no use any more. */
  tidy(): Promise<void>
}

export interface LedgerOptions {
  database: Database
  /** Must exist. */
  schema: string
  appId: number
  keyOf: (job: Job) => string
}

// GitHub delivers again for 3 days, an Enterprise Server for 7.
const CLAIMS_KEPT = '8 days'
// GitHub lets a run that nobody finishes go stale after 14 days; who could not finish it in 3 will not.
const RUNS_KEPT = '3 days'
// They quote code, if only a few lines of it.
const PLANS_KEPT = '3 days'
// A worker that has just died: its job comes back by itself first.
const LEFT_OPEN_AFTER = '2 minutes'
// Of watermarks.
const PULLS = 'pulls/'

/** Opens the tables, creating what is missing. */
export async function openLedger({ database, schema, appId, keyOf }: LedgerOptions): Promise<Ledger> {
  await createTables(database, schema)
  const delivery = `${schema}.delivery`
  const redelivery = `${schema}.redelivery`
  const openRun = `${schema}.open_run`
  const plan = `${schema}.plan`
  const watermark = `${schema}.watermark`

  const claimFrom = (app: string, ids: string) =>
    `insert into ${delivery} (app_id, id) select ${app}::bigint, ids.id from (${ids}) as ids (id)
     on conflict do nothing returning id`

  return {
    openRuns: {
      heads: async (job) => {
        const rows = await database.query(`select head from ${openRun} where key = $1`, [keyOf(job)])
        return rows.map((row) => row['head'] as string)
      },
      begin: async (job, head) => {
        await database.query(
          `insert into ${openRun} (key, head, installation, repository, job) values ($1, $2, $3, $4, $5)
           on conflict (key, head) do update set job = excluded.job, began_at = now()`,
          [keyOf(job), head, job.installation, job.repository.id, JSON.stringify(job)],
        )
      },
      end: async (job, head) => {
        await database.query(`delete from ${openRun} where key = $1 and head = $2`, [keyOf(job), head])
      },
    },

    plans: {
      find: async (job) => {
        const [row] = await database.query(`select plan from ${plan} where key = $1`, [keyOf(job)])
        return row === undefined ? null : (row['plan'] as string)
      },
      keep: async (job, text) => {
        await database.query(
          `insert into ${plan} (key, installation, repository, plan) values ($1, $2, $3, $4)
           on conflict (key) do update set plan = excluded.plan, kept_at = now()`,
          [keyOf(job), job.installation, job.repository.id, text],
        )
      },
      drop: async (job) => {
        await database.query(`delete from ${plan} where key = $1`, [keyOf(job)])
      },
    },

    claim: async (db, id) => {
      const { rows } = await db.executeSql(claimFrom('$1', 'values ($2::text)'), [appId, id])
      return rows.length > 0
    },
    claimFrom,

    claimed: async (deliveries) => {
      const sql = `select id from ${delivery} where app_id = $1 and id = any($2::text[])`
      return new Set((await database.query(sql, [appId, deliveries])).map((row) => row['id'] as string))
    },

    leftOpen: async (installation) => {
      const rows = await database.query(
        `select job, head from ${openRun} where installation = $1 and began_at < now() - interval '${LEFT_OPEN_AFTER}'`,
        [installation],
      )
      return rows.map(({ job, head }) => ({ ...(job as CheckedJob), head: head as string }))
    },

    redelivered: async (deliveries) => {
      const sql = `select id, times from ${redelivery} where app_id = $1 and id = any($2::text[])`
      const rows = await database.query(sql, [appId, deliveries])
      return new Map(rows.map(({ id, times }) => [id as string, times as number]))
    },

    countRedelivery: async (id) => {
      await database.query(
        `insert into ${redelivery} as known (app_id, id) values ($1, $2)
         on conflict (app_id, id) do update set times = known.times + 1, last_at = now()`,
        [appId, id],
      )
    },

    watermark: async (name) => {
      const [row] = await database.query(`select at from ${watermark} where app_id = $1 and name = $2`, [appId, name])
      return row === undefined ? null : (row['at'] as Date)
    },

    setWatermark: async (name, at) => {
      await database.query(
        `insert into ${watermark} (app_id, name, at) values ($1, $2, $3)
         on conflict (app_id, name) do update set at = excluded.at`,
        [appId, name, at],
      )
    },

    forget: async (db, installation, repositories) => {
      for (const table of [openRun, plan]) {
        const sql = `delete from ${table} where installation = $1`
        if (repositories === 'all') await db.executeSql(sql, [installation])
        else await db.executeSql(`${sql} and repository = any($2::bigint[])`, [installation, repositories])
      }
      if (repositories === 'all')
        await db.executeSql(`delete from ${watermark} where app_id = $1 and name = $2`, [appId, pullsOf(installation)])
    },

    installations: async (db, age) => {
      const { rows } = await db.executeSql(
        `select installation from ${openRun} where began_at < now() - $2::interval
         union select installation from ${plan} where kept_at < now() - $2::interval
         union select split_part(name, '/', 2)::bigint from ${watermark} where app_id = $1 and name like '${PULLS}%'`,
        [appId, age],
      )
      return rows.map((row) => Number(row.installation))
    },

    tidy: async () => {
      await database.query(`delete from ${delivery} where claimed_at < now() - interval '${CLAIMS_KEPT}'`)
      await database.query(`delete from ${redelivery} where last_at < now() - interval '${CLAIMS_KEPT}'`)
      await database.query(`delete from ${openRun} where began_at < now() - interval '${RUNS_KEPT}'`)
      await database.query(`delete from ${plan} where kept_at < now() - interval '${PLANS_KEPT}'`)
    },
  }
}

/** The watermark of an installation's pull requests. */
export function pullsOf(installation: number): string {
  return `${PULLS}${installation}`
}

async function createTables(database: Database, schema: string): Promise<void> {
  await database.transaction(async (db) => {
    // Replicas that start together would both see that a table is missing.
    await db.executeSql('select pg_advisory_xact_lock(hashtext($1))', [`${schema}.delivery`])
    await db.executeSql(`create table if not exists ${schema}.delivery (
      app_id bigint not null,
      id text not null,
      claimed_at timestamptz not null default now(),
      primary key (app_id, id)
    )`)
    await db.executeSql(`create table if not exists ${schema}.redelivery (
      app_id bigint not null,
      id text not null,
      times int not null default 1,
      last_at timestamptz not null default now(),
      primary key (app_id, id)
    )`)
    await db.executeSql(`create table if not exists ${schema}.open_run (
      key text not null,
      head text not null,
      installation bigint not null,
      repository bigint not null,
      job jsonb not null,
      began_at timestamptz not null default now(),
      primary key (key, head)
    )`)
    // Text, not jsonb: that takes no NUL, and code may hold one.
    await db.executeSql(`create table if not exists ${schema}.plan (
      key text primary key,
      installation bigint not null,
      repository bigint not null,
      plan text not null,
      kept_at timestamptz not null default now()
    )`)
    await db.executeSql(`create table if not exists ${schema}.watermark (
      app_id bigint not null,
      name text not null,
      at timestamptz not null,
      primary key (app_id, name)
    )`)
  })
}
