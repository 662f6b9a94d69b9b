import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '../src/database.ts'
import { openLedger } from '../src/ledger.ts'
import type { CheckedJob, Ledger } from '../src/ledger.ts'
import { keyOf } from '../src/queue.ts'
import { databaseKinds, freshSchema, openTestDatabase } from './support/databases.ts'

function pull(number: number, { installation = 1, repository = 10 } = {}): CheckedJob {
  return {
    kind: 'pull',
    delivery: `d${number}`,
    installation,
    repository: { id: repository, owner: 'acme', name: 'shop' },
    number,
    head: 'a',
    reason: 'opened',
  }
}

describe.each(databaseKinds)('on the %s database', (kind) => {
  const schema = freshSchema()
  let database: Database
  let ledger: Ledger
  const open = (appId: number) => openLedger({ database, schema, appId, keyOf })
  beforeAll(async () => {
    database = await openTestDatabase(kind)
    await database.query(`create schema ${schema}`)
    ledger = await open(1)
  })
  beforeEach(async () => {
    for (const table of ['delivery', 'open_run', 'plan']) await database.query(`delete from ${schema}.${table}`)
  })
  afterAll(async () => {
    await database.query(`drop schema ${schema} cascade`)
    await database.close()
  })

  const plansOf = (...jobs: CheckedJob[]) => Promise.all(jobs.map((job) => ledger.plans.find(job)))
  const age = (table: string, column: string, days: number) =>
    database.query(`update ${schema}.${table} set ${column} = now() - interval '${days} days 1 minute'`)

  test('a delivery is claimed once for each app: GitHub gives an event one id, whoever hears of it', async () => {
    const other = await open(2)
    const claim = (of: Ledger) => database.transaction((db) => of.claim(db, 'd-1'))

    expect([await claim(ledger), await claim(ledger), await claim(other)]).toEqual([true, false, true])
  })

  test('a plan is kept for its pull request until it is dropped, whatever characters it holds', async () => {
    const text = JSON.stringify({ body: 'a\u0000b \uD800 “quoted” \\u0000' })
    await ledger.plans.keep(pull(1), 'an older one')
    await ledger.plans.keep(pull(1), text)
    await ledger.plans.keep(pull(2), 'another')

    expect(await plansOf(pull(1), pull(2), pull(3))).toEqual([text, 'another', null])
    await ledger.plans.drop(pull(1))
    expect(await plansOf(pull(1), pull(2))).toEqual([null, 'another'])
  })

  test('a plan that nobody published is deleted after three days, a claim only after eight', async () => {
    await ledger.plans.keep(pull(1), 'a plan')
    await ledger.openRuns.begin(pull(1), 'a')
    await database.transaction((db) => ledger.claim(db, 'd-1'))

    await ledger.tidy()
    expect(await plansOf(pull(1))).toEqual(['a plan'])
    for (const [table, column] of Object.entries({ plan: 'kept_at', open_run: 'began_at', delivery: 'claimed_at' })) {
      await age(table, column, 3)
    }
    await ledger.tidy()

    expect([await plansOf(pull(1)), await ledger.openRuns.heads(pull(1))]).toEqual([[null], []])
    expect([...(await ledger.claimed(['d-1']))]).toEqual(['d-1'])
    await age('delivery', 'claimed_at', 8)
    await ledger.tidy()
    expect([...(await ledger.claimed(['d-1']))]).toEqual([])
  })

  test('an account that leaves takes its plans and open runs along, or those of the repositories it removed', async () => {
    const jobs = [
      pull(1),
      pull(2, { repository: 11 }),
      pull(3, { repository: 12 }),
      pull(4, { installation: 2, repository: 20 }),
    ]
    for (const job of jobs) {
      await ledger.plans.keep(job, `of ${job.repository.id}`)
      await ledger.openRuns.begin(job, 'a')
    }
    const open = async () => (await Promise.all(jobs.map((job) => ledger.openRuns.heads(job)))).map((one) => one.length)

    await database.transaction((db) => ledger.forget(db, 1, [11]))
    expect(await plansOf(...jobs)).toEqual(['of 10', null, 'of 12', 'of 20'])
    expect(await open()).toEqual([1, 0, 1, 1])
    await database.transaction((db) => ledger.forget(db, 1, 'all'))
    expect(await plansOf(...jobs)).toEqual([null, null, null, 'of 20'])
    expect(await open()).toEqual([0, 0, 0, 1])
  })
})
