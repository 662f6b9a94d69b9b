// Where a case plays: the stand-in GitHub in this process, a database, and service processes that can be killed.
import { rmSync } from 'node:fs'
import { describe } from 'vitest'
import type { Database } from '../../src/database.ts'
import { databaseKinds, freshDirectory, freshSchema, openTestDatabase, postgresUrl } from '../support/databases.ts'
import { startGitHub } from '../support/github/index.ts'
import type { StandIn, StandInOptions } from '../support/github/index.ts'
import { environmentFor, launch } from '../support/service-process.ts'
import type { LaunchOptions, ServiceProcess } from '../support/service-process.ts'

export type Kind = Database['kind']

export interface Stage extends AsyncDisposable {
  github: StandIn
  /** Environment that leads to this stage's GitHub and database. */
  env: Record<string, string>
  /** Starts a service and waits until it listens; GitHub delivers to it from now on. */
  start(env?: Record<string, string>, options?: LaunchOptions): Promise<ServiceProcess & { webhookUrl: string }>
}

/** Times are shortened: a second of waiting for GitHub is a millisecond. Else the service itself. */
export const quick: LaunchOptions = { program: 'test/support/quick-service.ts' }

export const nameOf = { embedded: 'PGlite', postgres: 'PostgreSQL' } as const

/** Once for each database. */
export function onEachDatabase(cases: (kind: Kind) => void): void {
  describe.each(databaseKinds)('on %s', (kind) => {
    cases(kind)
  })
}

export async function openStage(kind: Kind, options: StandInOptions = {}, url = postgresUrl): Promise<Stage> {
  const github = await startGitHub(options)
  const schema = freshSchema()
  const directory = kind === 'embedded' ? await freshDirectory() : null
  const place: Record<string, string> =
    directory === null ? { DATABASE_URL: url!, DATABASE_SCHEMA: schema } : { DATA_DIR: directory }
  const env = { ...environmentFor(github), ...place }
  const started: ServiceProcess[] = []

  return {
    github,
    env,
    start: async (more = {}, launchOptions = {}) => {
      const service = launch({ ...env, ...more }, launchOptions)
      started.push(service)
      const webhookUrl = `${await service.url()}/api/github/webhooks`
      github.webhooks.deliverTo(webhookUrl)
      return { ...service, webhookUrl }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(started.map((one) => one.kill()))
      await github.close()
      if (directory !== null) rmSync(directory, { recursive: true, force: true })
      else if (url === postgresUrl) {
        const database = await openTestDatabase('postgres')
        await database.query(`drop schema if exists ${schema} cascade`)
        await database.close()
      }
    },
  }
}
