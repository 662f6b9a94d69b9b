// Owns the connection to the database: PGlite in a thread of this process, or PostgreSQL. One interface for both; it knows no table.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import pg from 'pg'
import type { ConstructorOptions, Db } from 'pg-boss'
import type { Logger } from 'pino'
import type { Answer, Statement, ThreadData } from './database-thread.ts'

export interface Database {
  kind: 'embedded' | 'postgres'
  /** What pg-boss needs to use this database. */
  boss: ConstructorOptions
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /**
   * One transaction; a throw rolls it back. Whatever is called inside, pg-boss included, must be given this `db`:
   * the embedded database has one connection, and a call beside the transaction would wait for ever.
   */
  transaction<T>(work: (db: Db) => Promise<T>): Promise<T>
  /** What a server's background processes do, where there is no server: space is used again, the log stays short. */
  maintain(): Promise<void>
  close(): Promise<void>
}

/** The embedded database serves one process: a second one would corrupt it. */
export class DirectoryInUseError extends Error {
  override name = 'DirectoryInUseError'
}

/** The database does not answer, or not now. What was asked of it is as good as before. */
export class DatabaseUnavailableError extends Error {
  override name = 'DatabaseUnavailableError'

  constructor(options: ErrorOptions) {
    super('The database does not answer.', options)
  }
}

export interface DatabaseOptions {
  url: string | null
  /** Of the embedded database; null keeps it in memory. */
  directory: string | null
  log: Logger
}

/** Opens PostgreSQL where there is an address, else the embedded database, which it creates on first use. */
export async function openDatabase({ url, directory, log }: DatabaseOptions): Promise<Database> {
  if (url !== null) return openPostgres(url, log)
  return directory === null ? openEmbedded(null) : openDirectory(resolve(directory))
}

// A server that hangs must hold up nobody for long.
const QUERY_WITHIN_MS = 8_000
// pg-boss tidies up, too.
const UPKEEP_WITHIN_MS = 60_000

function openPostgres(connectionString: string, log: Logger): Database {
  const shared = { connectionString, application_name: 'otp-review', keepAlive: true }
  const timeouts = { connectionTimeoutMillis: QUERY_WITHIN_MS, query_timeout: QUERY_WITHIN_MS }
  const bossTimeouts = { ...timeouts, query_timeout: UPKEEP_WITHIN_MS }
  const pool = new pg.Pool({ ...shared, ...timeouts, max: 10 })
  // A connection that breaks is replaced by the pool; without a listener it would end the process. The pool listens to
  // idle ones only.
  pool.on('error', (err) => log.warn({ err }, 'idle database connection lost'))
  pool.on('connect', (client) => client.on('error', (err) => log.debug({ err }, 'database connection lost')))
  return {
    kind: 'postgres',
    boss: { ...shared, ...bossTimeouts, max: 5, backend: 'postgres' },
    query: async (sql, values) => {
      try {
        return (await pool.query(sql, values as unknown[])).rows
      } catch (error) {
        throw isOutage(error) ? new DatabaseUnavailableError({ cause: error }) : error
      }
    },
    transaction: async (work) => {
      const client = await pool.connect()
      let isDone = false
      try {
        await client.query('begin')
        const result = await work({ executeSql: (text, values) => client.query(text, values) })
        await client.query('commit')
        isDone = true
        return result
      } finally {
        // The server rolls back when the connection ends. To ask it could take as long as what failed did.
        client.release(!isDone)
      }
    },
    // The server has its own processes for that.
    maintain: async () => {},
    close: () => pool.end(),
  }
}

// Classes of SQLSTATE (PostgreSQL, appendix A): connection, rollback, resources, operator, system. 25006: a standby.
const OUTAGE = /^(?:08|40|53|57|58)|^25006$/

/** What is no answer of the server is about the way to it. */
function isOutage(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || OUTAGE.test(error.code ?? '')
}

async function openDirectory(directory: string): Promise<Database> {
  mkdirSync(directory, { recursive: true })
  const unlock = lock(directory)
  try {
    const files = join(directory, 'postgres')
    if (!existsSync(files)) await createFiles(files)
    const database = await openEmbedded(files).catch((cause: unknown) => {
      throw unusable(directory, cause)
    })
    return {
      ...database,
      close: async () => {
        await database.close()
        unlock()
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/**
 * Takes the directory for this process. The lock is SQLite's, which is the kernel's: it ends with the process however
 * that ends, and holds between containers that share a volume, where process ids mean nothing.
 */
function lock(directory: string): () => void {
  try {
    const holder = new DatabaseSync(join(directory, 'lock'))
    holder.exec('pragma locking_mode = exclusive; begin exclusive')
    return () => holder.close()
  } catch (cause) {
    if (!(cause instanceof Error && cause.message.includes('locked'))) throw unusable(directory, cause)
    throw new DirectoryInUseError(
      `${directory} is in use by another process. Stop that one, give this one its own DATA_DIR, or set DATABASE_URL to share a PostgreSQL.`,
      { cause },
    )
  }
}

function unusable(directory: string, cause: unknown): Error {
  return new Error(
    `The embedded database in ${directory} does not open. Check that this user may write to all of it; if a part of it is lost, give DATA_DIR a new folder: GitHub has what was said.`,
    { cause },
  )
}

/** Creating the files takes half a gigabyte that a process never gives back, so another process does it. */
async function createFiles(files: string): Promise<void> {
  const unfinished = `${files}.new`
  rmSync(unfinished, { recursive: true, force: true })
  const script = fileURLToPath(new URL('./create-database.ts', import.meta.url))
  await promisify(execFile)(process.execPath, [...UNOPTIMISED, script, unfinished])
  renameSync(unfinished, files)
}

// V8 optimises WebAssembly in the background, and for PostgreSQL's largest functions that takes half a gigabyte for a
// while. Measured over a thousand deliveries, the code it starts with costs no more processor time.
const UNOPTIMISED = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']

async function openEmbedded(files: string | null): Promise<Database> {
  UNOPTIMISED.forEach((flag) => setFlagsFromString(flag))
  const { ask, close } = await startThread(files)
  // One connection: whoever has it keeps it for a whole transaction.
  let last: Promise<unknown> = Promise.resolve()
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }
  const run: Db['executeSql'] = async (text, values) => ({ rows: await ask(text, values?.length ? values : null) })

  return {
    kind: 'embedded',
    boss: {
      db: {
        executeSql: (text, values) =>
          inTurn(async () => {
            try {
              return await run(text, values)
            } catch (error) {
              // pg-boss sends whole transactions as one text: what fails in the middle must not stay open.
              await run('rollback')
              throw error
            }
          }),
      },
      backend: 'pglite',
      reindex: false,
      monitorVacuum: false,
    },
    query: (sql, values) => inTurn(async () => (await run(sql, values as unknown[])).rows),
    transaction: (work) =>
      inTurn(async () => {
        await run('begin')
        try {
          const result = await work({ executeSql: run })
          await run('commit')
          return result
        } catch (error) {
          await run('rollback')
          throw error
        }
      }),
    maintain: () =>
      inTurn(async () => {
        await run('vacuum analyze')
        await run('checkpoint')
      }),
    close: () => inTurn(close),
  }
}

async function startThread(files: string | null) {
  const thread = new Worker(new URL('./database-thread.ts', import.meta.url), {
    workerData: { files } satisfies ThreadData,
  })
  const waiting = new Map<
    number,
    { resolve: (rows: Record<string, unknown>[]) => void; reject: (error: Error) => void }
  >()
  let asked = 0
  const answered = (id: number) =>
    new Promise<Record<string, unknown>[]>((resolve, reject) => waiting.set(id, { resolve, reject }))
  thread.on('message', (answer: Answer) => {
    const one = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('rows' in answer) one?.resolve(answer.rows)
    else one?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }))
  })
  const ask = (sql: string, values: readonly unknown[] | null) => {
    const id = ++asked
    const rows = answered(id)
    thread.postMessage({ id, sql, values } satisfies Statement)
    return rows
  }
  await answered(0)
  return {
    ask,
    close: async () => {
      const ended = once(thread, 'exit')
      await ask('', null)
      await ended
    },
  }
}
