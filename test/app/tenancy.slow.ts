import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Database } from '../../src/database.ts'
import { renameAccount, takeAway, transfer } from '../support/accounts.ts'
import { databaseKinds, freshDirectory, freshSchema, openTestDatabase, postgresUrl } from '../support/databases.ts'
import { startGitHub } from '../support/github/index.ts'
import type { RepositoryHandle, StandIn } from '../support/github/index.ts'
import { asksItsState, callsItself, callsItselfAs, mix } from './shop.ts'
import { start } from './start.ts'
import type { Running } from './start.ts'
import { told } from './told.ts'

// Whole processes and databases: on a busy machine they take their time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const stock = 'lib/shop/stock.ex'
const cart = 'lib/shop/cart.ex'
const basket = 'lib/shop/basket.ex'
const FILES = 'GET /repos/{owner}/{repo}/pulls/{pull_number}/files'
const REVIEWS = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'
const ERROR = 50

/** A service on a database that outlives it. */
interface Place extends AsyncDisposable {
  env: Record<string, string>
  /** All that is stored, a text for each row; the service must have ended. */
  rows(): Promise<string[]>
  query(sql: string): Promise<unknown>
}

async function makePlace(kind: Database['kind']): Promise<Place> {
  const isEmbedded = kind === 'embedded'
  const directory = isEmbedded ? await freshDirectory() : ''
  const schema = isEmbedded ? 'otp_review' : freshSchema()
  const within = async <T>(work: (database: Database) => Promise<T>): Promise<T> => {
    const database = await openTestDatabase(kind, isEmbedded ? directory : undefined)
    try {
      await database.query(`set search_path to ${schema}`)
      return await work(database)
    } finally {
      await database.close()
    }
  }
  return {
    env: isEmbedded ? { DATA_DIR: directory } : { DATABASE_URL: postgresUrl!, DATABASE_SCHEMA: schema },
    rows: () =>
      within(async (database) => {
        const tables = await database.query(
          `select table_name as name from information_schema.tables where table_schema = '${schema}' and table_type = 'BASE TABLE'`,
        )
        const texts: string[] = []
        for (const { name } of tables) {
          const rows = await database.query(
            `select '${name as string} ' || one::text as text from ${schema}.${name} one`,
          )
          texts.push(...rows.map(({ text }) => text as string))
        }
        return texts
      }),
    query: (sql) => within((database) => database.query(sql.replaceAll('{schema}', schema))),
    [Symbol.asyncDispose]: async () => {
      if (isEmbedded) rmSync(directory, { recursive: true, force: true })
      else await within((database) => database.query(`drop schema if exists ${schema} cascade`))
    },
  }
}

function about(rows: readonly string[], ...names: string[]): string[] {
  return rows.filter((row) => names.some((name) => row.includes(name)))
}

describe.each(databaseKinds)('on %s', (kind) => {
  let place: Place
  let running: Running
  let github: StandIn
  beforeAll(async () => {
    place = await makePlace(kind)
    github = await startGitHub()
    running = await start(place.env, github)
    github.webhooks.deliverTo(running.service.webhookUrl)
  })
  afterAll(async () => {
    await running[Symbol.asyncDispose]()
    await github.close()
    await place[Symbol.asyncDispose]()
  })

  const repositoryOf = (account: string, name = 'shop') => github.repository(`${account}/${name}`, { files: mix })
  const open = (repository: RepositoryHandle) => repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  const errors = () => running.logged.filter(({ level }) => Number(level) >= ERROR)

  test('an account that stays is remembered, for as long as it stays', async () => {
    const pull = await open(await repositoryOf('stays'))

    expect(await pull.concluded()).toMatchObject({ conclusion: 'failure' })
  })

  test('the app is uninstalled while a review runs and a push waits behind it', async () => {
    const pull = await open(await repositoryOf('gone-for-good'))
    await pull.concluded()
    const held = github.faults.hold(FILES)
    await pull.push({ [cart]: callsItselfAs('Cart') })
    await held.reached
    await pull.push({ [cart]: callsItselfAs('Basket') })

    await github.uninstall('gone-for-good')
    github.requests.length = 0
    held.release()
    await running.line({ level: 40, repo: 'gone-for-good/shop' })

    expect(pull.reviews()).toHaveLength(1)
    expect(github.requests.filter(({ method, by }) => method !== 'GET' && by === 'installation')).toEqual([])
    expect(errors()).toEqual([])
  })

  test('one repository is taken away while its review runs; the others go on', async () => {
    const lost = await repositoryOf('partly', 'gone-alone')
    const kept = await repositoryOf('partly', 'kept')
    const held = github.faults.hold(REVIEWS)
    const pull = await open(lost)
    await held.reached

    await takeAway(github, lost)
    held.release()
    await running.line({ msg: 'what the job is about is gone', repo: 'partly/gone-alone' })

    expect(await (await open(kept)).concluded()).toMatchObject({ conclusion: 'failure' })
    expect(pull.reviews()).toEqual([])
    expect(errors()).toEqual([])
  })

  test('nothing is stored of those that left, not even when they did while nobody listened', async () => {
    const pull = await open(await repositoryOf('gone-unheard'))
    await pull.concluded()
    const id = github.installation('gone-unheard').id
    await running.service.close()
    github.webhooks.deliverTo(null)
    await github.uninstall('gone-unheard')

    const before = await place.rows()
    await place.query(`update {schema}.job set created_on = created_on - interval '2 hours'`)
    await using again = await start(place.env, github)
    await again.line({ msg: 'reconciled', account: 'stays' })
    await again.service.close()
    const after = await place.rows()

    expect(about(before, 'gone-for-good', 'gone-alone')).toEqual([])
    expect(about(before, 'gone-unheard', `pulls/${id}`)).not.toEqual([])
    expect(about(after, 'gone-unheard', `pulls/${id}`)).toEqual([])
    expect([about(before, 'stays'), about(after, 'stays')]).not.toContainEqual([])
  })
})

describe('away, and under other names', () => {
  let running: Running
  let github: StandIn
  beforeAll(async () => {
    running = await start()
    github = running.github
  })
  afterAll(() => running[Symbol.asyncDispose]())

  const repositoryOf = (account: string, name = 'shop') => github.repository(`${account}/${name}`, { files: mix })
  const open = (repository: RepositoryHandle) => repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  const errors = () => running.logged.filter(({ level }) => Number(level) >= ERROR)

  test('it is suspended right before it speaks, and when it is back it does what was missed', async () => {
    const pull = await open(await repositoryOf('paused'))
    await pull.concluded()
    const held = github.faults.hold(REVIEWS)
    await pull.push({ [cart]: callsItselfAs('Cart') })
    await held.reached

    await github.suspend('paused')
    held.release()
    await running.line({ msg: 'what the job is about is gone', repo: 'paused/shop' })
    await running.line({ msg: 'check run not concluded', repo: 'paused/shop', level: 40 })
    await pull.push({ [basket]: callsItselfAs('Basket') })
    expect(pull.checkRuns()).toEqual([])
    await github.unsuspend('paused')

    expect(await pull.concluded()).toMatchObject({ conclusion: 'failure' })
    expect(await told(pull)).toEqual([basket, cart, stock].map((path) => `${path}:12 genserver-self-call: open`))
    expect(errors()).toEqual([])
  })

  test('a repository gets another name, and another repository the old one', async () => {
    const repository = await repositoryOf('renaming', 'before')
    const pull = await open(repository)
    await pull.concluded()
    const opened = github.webhooks.deliveries.findLast(({ event }) => event === 'pull_request')!.request

    repository.rename('renaming/after')
    await pull.push({ [cart]: callsItselfAs('Cart') })
    await pull.concluded()
    const other = await open(await repositoryOf('renaming', 'before'))
    await other.concluded()
    const late = await fetch(running.service.webhookUrl, {
      method: 'POST',
      headers: { ...opened.headers, 'x-github-delivery': 'late' },
      body: JSON.stringify(opened.payload),
    })
    await running.line({ msg: 'what the job is about is gone', delivery: 'late' })

    expect(late.status).toBe(202)
    expect(pull.reviews()).toHaveLength(2)
    expect(await told(pull)).toEqual([`${cart}:12 genserver-self-call: open`, `${stock}:12 genserver-self-call: open`])
    expect([other.reviews(), other.checkRuns()]).toMatchObject([[{}], [{}]])
    expect(errors()).toEqual([])
  })

  test('a repository moves to another account while its review runs', async () => {
    await repositoryOf('new-home', 'own')
    const repository = await repositoryOf('old-home')
    const pull = await open(repository)
    await pull.concluded()
    const held = github.faults.hold(FILES)
    await pull.push({ [cart]: callsItselfAs('Cart') })
    await held.reached

    await transfer(github, repository, 'new-home')
    held.release()
    await running.line({ msg: 'what the job is about is gone', repo: 'old-home/shop' })
    await pull.push({ [basket]: callsItselfAs('Basket') })

    expect(await pull.concluded()).toMatchObject({ conclusion: 'failure' })
    expect(await told(pull)).toEqual([basket, cart, stock].map((path) => `${path}:12 genserver-self-call: open`))
    expect(errors()).toEqual([])
  })

  test('an account gets another name', async () => {
    const pull = await open(await repositoryOf('old-name'))
    await pull.concluded()
    const held = github.faults.hold(FILES)
    await pull.push({ [cart]: callsItselfAs('Cart') })
    await held.reached

    await renameAccount(github, 'old-name', 'new-name')
    held.release()
    await pull.concluded()
    await pull.push({ [stock]: asksItsState })

    expect(await pull.concluded()).toMatchObject({ conclusion: 'failure' })
    expect(pull.reviews()).toHaveLength(2)
    expect(errors()).toEqual([])
  })
})

test('only accounts that are allowed are served, however they are written, and the log says what to do', async () => {
  await using running = await start({ ALLOWED_ACCOUNTS: 'ACME, Umbrella' })
  const { github } = running
  const advice = 'account not served: add it to ALLOWED_ACCOUNTS, or have it uninstall the app'
  const open = async (account: string) => {
    const repository = await github.repository(`${account}/shop`, { files: mix })
    return repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  }

  const strange = await open('Stranger')
  const served = await open('Acme')

  expect(await served.concluded()).toMatchObject({ conclusion: 'failure' })
  await running.line({ msg: advice, account: 'Stranger' })
  await renameAccount(github, 'Acme', 'umbrella')
  await served.push({ [cart]: callsItselfAs('Cart') })
  expect(await served.concluded()).toMatchObject({ conclusion: 'failure' })
  await renameAccount(github, 'umbrella', 'Unlisted')
  await running.line({ msg: advice, account: 'Unlisted' })
  await served.push({ [stock]: asksItsState })

  expect([strange.checkRuns(), strange.reviews(), served.checkRuns()]).toEqual([[], [], []])
  expect(github.webhooks.deliveries.every(({ statusCode }) => statusCode === 202)).toBe(true)
  expect(github.requests.filter(({ path }) => path.includes('Stranger'))).toEqual([])
  expect(running.logged.filter(({ level }) => Number(level) >= ERROR)).toEqual([])
})
