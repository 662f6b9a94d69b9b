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
  start(env?: Record<string, string>, options?: LaunchOptions): Promise<StartedService>
}

export interface StartedService extends ServiceProcess {
  webhookUrl: string
  /** One of its pages, `/readyz`. */
  get(path: string): Promise<{ status: number; text: string }>
  /** Settles when no job waits or runs, of this service or another on its database. */
  idle(withinMs?: number): Promise<void>
}

/** Times are shortened: a second of waiting for GitHub is a millisecond. Else the service itself. */
export const quick: LaunchOptions = { program: 'test/support/quick-service.ts' }

export const nameOf = { embedded: 'PGlite', postgres: 'PostgreSQL' } as const

const NO_JOBS = ['waiting', 'running'].map((state) => `\notp_review_jobs{state="${state}"} 0\n`)
const ASK_EVERY_MS = 50

/** Settles when `check` gives true, for what announces itself to nobody. */
export async function eventually(what: string, check: () => Promise<boolean>, withinMs = 30_000): Promise<void> {
  const isLate = AbortSignal.timeout(withinMs)
  while (!(await check())) {
    if (isLate.aborted) throw new Error(`Waited ${withinMs} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS))
  }
}

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
      const url = await service.url()
      const webhookUrl = `${url}/api/github/webhooks`
      github.webhooks.deliverTo(webhookUrl)
      const get = async (path: string) => {
        const response = await fetch(`${url}${path}`)
        return { status: response.status, text: await response.text() }
      }
      const isIdle = async () => {
        const { text } = await get('/metrics')
        return NO_JOBS.every((line) => text.includes(line))
      }
      return { ...service, webhookUrl, get, idle: (withinMs) => eventually('an empty queue', isIdle, withinMs) }
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
