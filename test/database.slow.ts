import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import { DatabaseUnavailableError, DirectoryInUseError, openDatabase } from '../src/database.ts'
import { openQueue } from '../src/queue.ts'
import { databaseKinds, freshDirectory, freshSchema, openTestDatabase } from './support/databases.ts'

const log = pino({ level: 'silent' })
const directories: string[] = []

afterEach(() => directories.splice(0).forEach((directory) => rmSync(directory, { recursive: true, force: true })))

function remember(directory: string): string {
  directories.push(directory)
  return directory
}

test('a database that is not there is told from a statement that is wrong', async () => {
  const absent = await openDatabase({ url: 'postgres://127.0.0.1:1/none', directory: null, log })
  await expect(absent.query('select 1')).rejects.toThrow(DatabaseUnavailableError)
  await absent.close()

  if (!databaseKinds.includes('postgres')) return
  const database = await openTestDatabase('postgres')
  await expect(database.query('select nothing from nowhere')).rejects.toThrow(/"nowhere" does not exist/)
  await expect(database.query('select pg_terminate_backend(pg_backend_pid())')).rejects.toThrow(
    DatabaseUnavailableError,
  )
  await database.close()
})

test('a directory serves one process at a time, and its data outlives the process', async () => {
  const directory = remember(mkdtempSync(join(tmpdir(), 'otp-review-')))
  const first = await openTestDatabase('embedded', directory)

  await expect(openTestDatabase('embedded', directory)).rejects.toThrow(DirectoryInUseError)

  await first.query('create table note (text text)')
  await first.transaction((db) => db.executeSql('insert into note values ($1)', ['kept']))
  await first.close()
  const second = await openTestDatabase('embedded', directory)
  expect(await second.query('select text from note')).toEqual([{ text: 'kept' }])
  await second.close()
}, 30_000)

test('the embedded database writes through to the disk, with small buffers', async () => {
  const database = await openTestDatabase('embedded')

  const rows = await database.query(
    `select name, current_setting(name) as value from unnest(array['fsync', 'synchronous_commit', 'shared_buffers']) as name`,
  )
  await database.close()

  expect(Object.fromEntries(rows.map(({ name, value }) => [name, value]))).toEqual({
    fsync: 'on',
    synchronous_commit: 'on',
    shared_buffers: '8MB',
  })
}, 30_000)

test.each(databaseKinds)(
  'a throw inside a transaction leaves nothing behind, and the next one works (%s)',
  async (kind) => {
    const database = await openTestDatabase(kind)
    const schema = freshSchema()
    await database.query(`create schema ${schema}`)
    await database.query(`create table ${schema}.note (text text)`)

    const failing = database.transaction(async (db) => {
      await db.executeSql(`insert into ${schema}.note values ($1)`, ['lost'])
      await db.executeSql('select no_such_column')
    })

    await expect(failing).rejects.toThrow('no_such_column')
    await database.transaction((db) => db.executeSql(`insert into ${schema}.note values ($1)`, ['kept']))
    expect(await database.query(`select text from ${schema}.note`)).toEqual([{ text: 'kept' }])
    await database.query(`drop schema ${schema} cascade`)
    await database.close()
  },
  30_000,
)

test('the embedded database takes back the space of what was deleted, and begins a new log', async () => {
  const database = await openTestDatabase('embedded')
  const state = async () => {
    const [row] = await database.query(
      `select pg_relation_size('note')::int as bytes, redo_lsn::text as begin from pg_control_checkpoint()`,
    )
    return row as { bytes: number; begin: string }
  }
  await database.query('create table note as select repeat($1, 100) from generate_series(1, 10000)', ['x'])
  await database.query('delete from note')
  const before = await state()

  await database.maintain()

  const after = await state()
  expect(before.bytes).toBeGreaterThan(1_000_000)
  expect(after.bytes).toBe(0)
  expect(after.begin).not.toBe(before.begin)
  await database.close()
}, 30_000)

test('a killed process keeps its claim and its job, which runs again at once', async () => {
  const directory = remember(await freshDirectory())
  const script = fileURLToPath(new URL('./support/queue-process.ts', import.meta.url))
  const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')

  await expect(openTestDatabase('embedded', directory)).rejects.toThrow(`${directory} is in use by another process.`)
  child.kill('SIGKILL')
  await once(child, 'exit')

  const database = await openTestDatabase('embedded', directory)
  const queue = await openQueue({ database, schema: 'otp_review', appId: 1, log })
  const { promise, resolve } = Promise.withResolvers<number>()
  const isNew = await queue.accept('guid', { do: 'ignore', why: '' })
  await queue.work(
    {
      run: async (_, attempt) => {
        resolve(attempt.number)
        return { then: 'done' }
      },
      abandon: async () => {},
    },
    1,
  )
  expect(await promise).toBe(2)
  expect(isNew).toBe(false)

  await queue.drain(5_000)
  await queue.close()
  await database.close()
}, 30_000)
