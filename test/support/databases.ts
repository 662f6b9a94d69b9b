// The databases that tests run on: the embedded one always, PostgreSQL where one answers.
import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { pino } from 'pino'
import packageJson from '../../package.json' with { type: 'json' }
import { openDatabase } from '../../src/database.ts'
import type { Database } from '../../src/database.ts'

const url = process.env['DATABASE_URL_TEST'] ?? 'postgres://postgres@127.0.0.1:5432/test'

/** Address of a PostgreSQL for tests, null where none answers. */
export const postgresUrl: string | null = await answers(url)

/** Names for `describe.each`; where PostgreSQL is missing, the run says so. */
export const databaseKinds: readonly Database['kind'][] = postgresUrl === null ? ['embedded'] : ['embedded', 'postgres']
if (postgresUrl === null)
  console.warn(`PostgreSQL does not answer at ${url}: its tests are skipped. Set DATABASE_URL_TEST.`)

const log = pino({ level: 'silent' })

/** Opens one of them; the embedded one in a fresh directory that goes when it is closed, unless one is given. */
export async function openTestDatabase(kind: Database['kind'], directory?: string): Promise<Database> {
  if (kind === 'postgres') return openDatabase({ url: postgresUrl, directory: null, log })
  if (directory !== undefined) return openDatabase({ url: null, directory, log })
  const fresh = await freshDirectory()
  const database = await openDatabase({ url: null, directory: fresh, log })
  return {
    ...database,
    close: async () => {
      await database.close()
      rmSync(fresh, { recursive: true, force: true })
    },
  }
}

/** A directory with an empty embedded database: a copy, since PostgreSQL takes seconds to make one. */
export async function freshDirectory(): Promise<string> {
  const template = join(tmpdir(), `otp-review-empty-database-${packageJson.dependencies['@electric-sql/pglite']}`)
  if (!existsSync(template)) {
    const made = mkdtempSync(join(tmpdir(), 'otp-review-'))
    await (await openDatabase({ url: null, directory: made, log })).close()
    try {
      renameSync(made, template)
    } catch {
      // Another test file was quicker.
      rmSync(made, { recursive: true, force: true })
    }
  }
  const directory = mkdtempSync(join(tmpdir(), 'otp-review-'))
  cpSync(template, directory, { recursive: true })
  return directory
}

/** A schema that no other test uses. */
export function freshSchema(): string {
  return `test_${randomBytes(6).toString('hex')}`
}

async function answers(connectionString: string): Promise<string | null> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2_000 })
  try {
    await client.connect()
    await client.end()
    return connectionString
  } catch {
    return null
  }
}
