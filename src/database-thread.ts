// A thread of its own that holds the embedded database, so that its work and the disk's hold up no answer. It knows no table and no transaction.
import { fsyncSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'

/** What travels to the thread. Without values `sql` may be several statements. */
export interface Statement {
  id: number
  sql: string
  values: readonly unknown[] | null
}

/** What comes back: an answer for each statement in its turn, before them one with the id 0 when the database is open. */
export type Answer =
  | { id: number; rows: Record<string, unknown>[] }
  | { id: number; error: { message: string; code: string | undefined } }

export interface ThreadData {
  /** Null keeps the database in memory. */
  files: string | null
}

// PGlite runs PostgreSQL with -F, which is fsync off. Its memory is mostly shared buffers, 128 MB unless told.
const PARAMETERS = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  '--fsync=on',
  '--wal_sync_method=fsync',
  '--shared_buffers=8MB',
]

/** Emscripten's view of the disk has no fsync of its own: PostgreSQL would be told that all is safe when nothing is. */
class DurableFiles extends NodeFS {
  override async init(...args: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(...args)
    const addFsync = (module: unknown) => {
      const { FS } = module as { FS: { filesystems: { NODEFS: { stream_ops: Record<string, unknown> } } } }
      FS.filesystems.NODEFS.stream_ops['fsync'] = (stream: { nfd: number }) => {
        fsyncSync(stream.nfd)
        return 0
      }
    }
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), addFsync] } }
  }
}

async function hold(port: NonNullable<typeof parentPort>, { files }: ThreadData): Promise<void> {
  const say = (answer: Answer) => port.postMessage(answer)
  const fail = (id: number, error: unknown) => {
    const { message, code } = error as { message: string; code?: string }
    say({ id, error: { message, code } })
  }

  let database: PGlite
  try {
    database = await PGlite.create({
      startParams: PARAMETERS,
      ...(files === null ? {} : { fs: new DurableFiles(files) }),
    })
  } catch (error) {
    return fail(0, error)
  }
  say({ id: 0, rows: [] })

  port.on('message', async ({ id, sql, values }: Statement) => {
    try {
      if (sql === '') await database.close()
      else if (values === null) return say({ id, rows: (await database.exec(sql)).flatMap(({ rows }) => rows) })
      else return say({ id, rows: (await database.query<Record<string, unknown>>(sql, [...values])).rows })
      say({ id, rows: [] })
      port.close()
    } catch (error) {
      fail(id, error)
    }
  })
}

if (parentPort) await hold(parentPort, workerData as ThreadData)
