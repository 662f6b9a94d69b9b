import { PgBoss } from 'pg-boss'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Database } from '../src/database.ts'
import type { Job } from '../src/job.ts'
import { LostClaimError, openQueue } from '../src/queue.ts'
import type { Attempt, Outcome, Queue, Runner } from '../src/queue.ts'
import { databaseKinds, freshSchema, openTestDatabase } from './support/databases.ts'

const log = pino({ level: 'silent' })
const done: Outcome = { then: 'done' }

type PullJob = Extract<Job, { kind: 'pull' }>

function pull(number: number, more: Partial<PullJob> = {}): PullJob {
  return {
    kind: 'pull',
    delivery: `d${number}`,
    installation: 1,
    repository: { id: 10, owner: 'acme', name: 'shop' },
    number,
    head: 'a',
    reason: 'opened',
    ...more,
  }
}

function review(job: Job) {
  return { do: 'review', job } as const
}

/** A worker that is told from outside when and how each run ends. */
function byHand() {
  const runs: { job: Job; attempt: Attempt; end: (outcome: Outcome) => void }[] = []
  const abandoned: Job[] = []
  let wake = () => {}
  const worker: Runner = {
    run: (job, attempt) =>
      new Promise((resolve) => {
        runs.push({ job, attempt, end: resolve })
        wake()
      }),
    abandon: async (job) => {
      abandoned.push(job)
      wake()
    },
  }
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>((resolve) => (wake = resolve))
  }
  const run = async (index: number) => {
    await until(() => runs.length > index)
    return runs[index]!
  }
  return { worker, runs, abandoned, run, until }
}

describe.each(databaseKinds)('on the %s database', (kind) => {
  let database: Database
  const opened: { queue: Queue; schema: string }[] = []

  beforeAll(async () => {
    database = await openTestDatabase(kind)
  })
  afterEach(async () => {
    for (const { queue, schema } of opened.splice(0)) {
      await queue.drain(1_000)
      await queue.close()
      await database.query(`drop schema ${schema} cascade`)
    }
  })
  afterAll(() => database.close())

  async function open(schema = freshSchema()): Promise<Queue> {
    const queue = await openQueue({ database, schema, appId: 1, log })
    opened.push({ queue, schema })
    return queue
  }

  test('a delivery is claimed once, however often and however concurrently it comes', async () => {
    const queue = await open()

    const claims = await Promise.all(Array.from({ length: 10 }, () => queue.accept('guid', review(pull(5)))))

    expect(claims.filter(Boolean)).toHaveLength(1)
    expect(await queue.backlog()).toMatchObject({ waiting: 1, running: 0 })
  })

  test('first deliveries that come at once leave one job', async () => {
    const queue = await open()

    const heads = ['a', 'b', 'c']
    const answers = await Promise.all(heads.map((head) => queue.accept(`to ${head}`, review(pull(5, { head })))))

    expect(answers).toEqual([true, true, true])
    expect(await queue.backlog()).toMatchObject({ waiting: 1 })
  })

  test('what the database refuses of one delivery is nobody else’s loss', async () => {
    const queue = await open()
    for (const number of [5, 6]) await queue.accept(`opened ${number}`, review(pull(number)))

    // The first goes alone, the others together.
    const answers = await Promise.allSettled([
      queue.accept('first', review(pull(5, { head: 'b' }))),
      queue.accept('bad', review(pull(6, { head: '\u0000' }))),
      queue.accept('good', review(pull(5, { head: 'c' }))),
    ])

    expect(answers).toMatchObject([{ value: true }, { status: 'rejected' }, { value: true }])
    expect(await queue.accept('bad', review(pull(6, { head: 'b' })))).toBe(true)
  })

  test('a delivery whose job can not be stored is not claimed', async () => {
    const queue = await open()
    const unstorable = pull(5, { number: 5n as unknown as number })

    await expect(queue.accept('guid', review(unstorable))).rejects.toThrow()

    expect(await queue.accept('guid', review(pull(5)))).toBe(true)
  })

  test('a pull request waits once, and the newest job wins', async () => {
    const queue = await open()
    await queue.accept('one', review(pull(5, { head: 'a' })))
    await queue.accept('two', review(pull(5, { head: 'b' })))
    const { worker, runs, run } = byHand()

    await queue.work(worker, 2)
    const first = await run(0)
    await queue.accept('three', review(pull(5, { head: 'c' })))
    await queue.accept('four', review(pull(5, { head: 'd' })))
    // Another pull request overtakes, so the worker that is free did look.
    await queue.accept('five', review(pull(6)))
    await run(1)

    expect(first.job).toMatchObject({ number: 5, head: 'b' })
    expect(runs[1]!.job).toMatchObject({ number: 6 })
    expect(await queue.backlog()).toMatchObject({ waiting: 1, running: 2 })

    first.end(done)
    expect((await run(2)).job).toMatchObject({ number: 5, head: 'd' })
    runs.forEach(({ end }) => end(done))
  })

  test('a command waits beside a review of its pull request, and replaces nothing', async () => {
    const queue = await open()
    const { kind: _, head: __, reason: ___, ...rest } = pull(5)
    const command: Job = { ...rest, kind: 'command' }

    await queue.accept('one', review(pull(5)))
    await queue.accept('two', review(command))
    await queue.accept('three', review({ ...command, number: 6 }))

    expect(await queue.backlog()).toMatchObject({ waiting: 3 })
  })

  test('a failed job runs again and counts its attempts; a wait that is nobody’s failure does not count', async () => {
    const queue = await open()
    const { worker, run } = byHand()
    await queue.accept('one', review(pull(5)))
    await queue.work(worker, 1)

    const numbers: number[] = []
    for (const failed of [true, false, true]) {
      const { job, attempt, end } = await run(numbers.length)
      numbers.push(attempt.number)
      end({ then: 'again', job, afterMs: 0, failed })
    }
    const last = await run(3)
    last.end(done)

    expect([...numbers, last.attempt.number]).toEqual([1, 2, 2, 3])
  })

  test('a new delivery does not wait for the back-off of a failed job, and begins to count anew', async () => {
    const queue = await open()
    const { worker, run } = byHand()
    await queue.accept('one', review(pull(5, { head: 'a' })))
    await queue.work(worker, 1)
    const first = await run(0)
    first.end({ then: 'again', job: first.job, afterMs: 3_600_000, failed: true })
    while ((await queue.backlog()).running > 0) await new Promise(setImmediate)

    await queue.accept('two', review(pull(5, { head: 'b' })))
    const second = await run(1)
    second.end(done)

    expect(second.job).toMatchObject({ head: 'b' })
    expect(second.attempt.number).toBe(1)
  })

  test('a job that asks to run again gives way to a newer one that waits', async () => {
    const queue = await open()
    const { worker, run, runs } = byHand()
    await queue.accept('one', review(pull(5, { head: 'a' })))
    await queue.work(worker, 1)
    const first = await run(0)
    await queue.accept('two', review(pull(5, { head: 'b' })))

    first.end({ then: 'again', job: first.job, afterMs: 0, failed: true })
    const second = await run(1)
    second.end(done)
    while ((await queue.backlog()).running > 0) await new Promise(setImmediate)

    expect(second.job).toMatchObject({ head: 'b' })
    expect(runs).toHaveLength(2)
    expect(await queue.backlog()).toEqual({ waiting: 0, running: 0, oldestSeconds: 0 })
  })

  test('pull requests of one installation run side by side, however many jobs each has', async () => {
    const queue = await open()
    const { worker, run, runs } = byHand()
    for (const number of [1, 2, 3]) await queue.accept(`opened ${number}`, review(pull(number)))

    await queue.work(worker, 3)
    await run(2)
    const numbers = runs.map(({ job }) => (job as PullJob).number)
    for (const number of [1, 2, 3]) await queue.accept(`pushed ${number}`, review(pull(number, { head: 'b' })))

    expect(new Set(numbers)).toEqual(new Set([1, 2, 3]))
    expect(await queue.backlog()).toMatchObject({ waiting: 3, running: 3 })
    runs.splice(0).forEach(({ end }) => end(done))
    for (const index of [0, 1, 2]) {
      const { job, end } = await run(index)
      expect(job).toMatchObject({ head: 'b' })
      end(done)
    }
  })

  test('an installation with many jobs lets another one’s single job go before its second', async () => {
    const queue = await open()
    for (const number of [1, 2, 3, 4]) await queue.accept(`busy ${number}`, review(pull(number)))
    await queue.accept('other', review(pull(9, { installation: 2, repository: { id: 20, owner: 'octo', name: 'x' } })))
    const order: number[] = []
    const finished = Promise.withResolvers<void>()

    await queue.work(
      {
        run: async (job) => {
          order.push((job as PullJob).number)
          if (order.length === 5) finished.resolve()
          return done
        },
        abandon: async () => {},
      },
      1,
    )
    await finished.promise

    expect(order).toEqual([1, 9, 2, 3, 4])
  })

  test('jobs that fall like crashes run again at once, and are abandoned after the fourth', async () => {
    const queue = await open()
    const { worker, abandoned, until } = byHand()
    const attempts: number[] = []
    const isMissing: boolean[] = []
    await queue.accept('one', review(pull(5)))

    await queue.work(
      {
        run: async (_, attempt) => {
          attempts.push(attempt.number)
          throw new Error('as good as a crash')
        },
        abandon: async (job) => {
          // Recovery sees no result yet.
          isMissing.push(await queue.enqueueMissing(job))
          await worker.abandon(job)
        },
      },
      1,
    )
    await until(() => abandoned.length > 0)

    expect(attempts).toEqual([1, 2, 3, 4])
    expect(abandoned).toEqual([pull(5)])
    expect(isMissing).toEqual([false])
  }, 15_000)

  test('a job is not abandoned while a newer one of its key has yet to speak', async () => {
    const schema = freshSchema()
    const queue = await open(schema)
    const { worker, abandoned, run, runs } = byHand()
    await queue.accept('one', review(pull(5, { head: 'a' })))
    await queue.work(
      {
        ...worker,
        run: async (job, attempt) => {
          if ((job as PullJob).head === 'b') return worker.run(job, attempt)
          if (attempt.number === 1) await queue.accept('two', review(pull(5, { head: 'b' })))
          throw new Error('as good as a crash')
        },
      },
      1,
    )

    await run(0)
    const handled = () => database.query(`select 1 from ${schema}.job where name = 'abandoned' and state = 'completed'`)
    while ((await handled()).length === 0) await new Promise(setImmediate)

    expect(abandoned).toEqual([])
    runs.forEach(({ end }) => end(done))
  }, 15_000)

  test('a worker that the database lost sight of loses its job to another, and learns of it before it speaks', async () => {
    const schema = freshSchema()
    const queue = await open(schema)
    const { worker, run, until, runs } = byHand()
    await queue.accept('one', review(pull(5)))
    await queue.work(worker, 2)
    const first = await run(0)
    const sql = `select heartbeat_seconds as seconds from ${schema}.job where name = 'review'`
    expect(await database.query(sql)).toEqual([{ seconds: 20 }])
    await first.attempt.assertOurs()

    // Every replica looks after the others; this one does it often.
    const other = new PgBoss({ ...database.boss, schema, superviseIntervalSeconds: 1, monitorIntervalSeconds: 1 })
    other.on('error', () => {})
    await other.start()
    let asked = 0
    const silence = setInterval(() => {
      const past = `update ${schema}.job set heartbeat_on = now() - interval '1 minute' where state = 'active' and retry_count = 0`
      void database.query(past)
      // Where there is one process, its idle workers wait to be woken.
      void queue.accept(`ping ${++asked}`, { do: 'ignore', why: '' })
    }, 100)
    await until(() => runs.length > 1)
    clearInterval(silence)
    await other.stop({ graceful: false, close: false })
    const second = runs[1]!

    expect(second.job).toEqual(pull(5))
    expect(second.attempt.number).toBe(2)
    await expect(first.attempt.assertOurs()).rejects.toThrow(LostClaimError)
    await second.attempt.assertOurs()
    runs.forEach(({ end }) => end(done))
  }, 30_000)

  test('once an hour, what is of no use any more is deleted, and an embedded database takes its space back', async () => {
    const schema = freshSchema()
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    try {
      await open(schema)
      await database.query(
        `insert into ${schema}.delivery (app_id, id, claimed_at)
         select 1, 'old ' || number, now() - interval '9 days' from generate_series(1, 2000) as number`,
      )

      vi.advanceTimersByTime(3_600_000)

      const pages = async () => {
        const [row] = await database.query(
          `select count(*)::int as rows, pg_relation_size('${schema}.delivery')::int as bytes from ${schema}.delivery`,
        )
        return row as { rows: number; bytes: number }
      }
      await vi.waitFor(async () => expect(await pages()).toMatchObject({ rows: 0 }), 10_000)
      // PostgreSQL has its own processes for that.
      if (kind === 'embedded') await vi.waitFor(async () => expect(await pages()).toMatchObject({ bytes: 0 }), 10_000)
    } finally {
      vi.useRealTimers()
    }
  }, 30_000)

  test('a merge group that is destroyed takes its waiting job along', async () => {
    const queue = await open()
    const { kind: _, number: __, reason: ___, ...rest } = pull(5)
    const job: Job = { ...rest, kind: 'group', head: 'h', headRef: 'r', baseRef: 'main', reason: 'queued' }
    await queue.accept('one', review(job))

    await queue.accept('two', { do: 'cancel', job })

    expect(await queue.backlog()).toMatchObject({ waiting: 0 })
  })

  test('an account that leaves takes its waiting jobs along, or those of the repositories it removed', async () => {
    const queue = await open()
    const other = { id: 11, owner: 'acme', name: 'blog' }
    await queue.accept('1', review(pull(1)))
    await queue.accept('2', review(pull(2, { repository: other })))
    await queue.accept('3', review(pull(3, { installation: 2 })))
    await queue.accept('4', review({ kind: 'reconcile', delivery: 'd', installation: 1 }))

    await queue.accept('5', { do: 'forget', installation: 1, repositories: [11, 12] })
    expect(await queue.backlog()).toMatchObject({ waiting: 3 })

    await queue.accept('6', { do: 'forget', installation: 1, repositories: 'all' })
    expect(await queue.backlog()).toMatchObject({ waiting: 1 })
  })

  test('draining waits for what runs, starts nothing more, and still accepts deliveries', async () => {
    const queue = await open()
    const { worker, run, runs } = byHand()
    await queue.accept('one', review(pull(1)))
    await queue.accept('two', review(pull(2)))
    await queue.work(worker, 1)
    const first = await run(0)

    const drained = queue.drain(10_000)
    expect(await queue.accept('three', review(pull(3)))).toBe(true)
    first.end(done)
    await drained

    expect(runs).toHaveLength(1)
    expect(await queue.backlog()).toMatchObject({ waiting: 2, running: 0 })
  })

  test('what still runs when patience ends goes back, and runs first thing after a start', async () => {
    const schema = freshSchema()
    const before = await openQueue({ database, schema, appId: 1, log })
    const cut = byHand()
    await before.accept('one', review(pull(1)))
    await before.work(cut.worker, 1)
    const first = await cut.run(0)
    await before.drain(1)
    await before.close()
    expect(first.attempt.signal.aborted).toBe(true)

    const after = await open(schema)
    const again = byHand()
    await after.work(again.worker, 1)
    const second = await again.run(0)
    second.end(done)

    expect(second.job).toEqual(pull(1))
    expect(second.attempt.number).toBe(2)
    expect(await after.accept('one', review(pull(1)))).toBe(false)
  })
})

// Replicas do not know which of them went down.
test('what ran when a process with an embedded database went down runs by itself in the next', async () => {
  const database = await openTestDatabase('embedded')
  const schema = freshSchema()
  const before = await openQueue({ database, schema, appId: 1, log })
  const cut = byHand()
  for (const number of [1, 2, 3]) await before.accept(`opened ${number}`, review(pull(number)))
  await before.work(cut.worker, 3)
  await cut.run(2)
  await before.drain(1)
  await before.close()

  const after = await openQueue({ database, schema, appId: 1, log })
  const { worker, run, runs } = byHand()
  await after.work(worker, 3)
  const suspects: number[] = []
  for (const index of [0, 1, 2]) {
    const { job, attempt, end } = await run(index)
    suspects.push((job as PullJob).number)
    expect(attempt.number).toBe(2)
    await after.accept(`pushed ${index}`, { do: 'ignore', why: '' })
    expect(await after.backlog()).toMatchObject({ running: 1, waiting: 2 - index })
    end(done)
  }
  for (const number of [4, 5, 6]) await after.accept(`opened ${number}`, review(pull(number)))
  await run(5)

  expect(new Set(suspects)).toEqual(new Set([1, 2, 3]))
  expect(await after.backlog()).toMatchObject({ running: 3, waiting: 0 })
  runs.forEach(({ end }) => end(done))
  await after.drain(5_000)
  await after.close()
  await database.close()
}, 30_000)
