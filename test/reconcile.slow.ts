import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Database } from '../src/database.ts'
import { createClients } from '../src/github/index.ts'
import type { Job } from '../src/job.ts'
import type { CheckedJob } from '../src/ledger.ts'
import { describeError } from '../src/log.ts'
import { openQueue } from '../src/queue.ts'
import type { Intake } from '../src/app.ts'
import { createReconciler } from '../src/reconcile.ts'
import type { ReconcilerOptions } from '../src/reconcile.ts'
import { mix, plain } from './app/shop.ts'
import { freshSchema, openTestDatabase } from './support/databases.ts'
import { operation, primaryLimit, startGitHub, unavailable } from './support/github/index.ts'
import type { PullHandle, RepositoryHandle, StandIn } from './support/github/index.ts'

const DELIVERIES = 'GET /app/hook/deliveries'
const INSTALLATIONS = 'GET /app/installations'
const INSTALLATION = 'GET /app/installations/{installation_id}'
const ASK = 'POST /app/hook/deliveries/{delivery_id}/attempts'
const files = { 'lib/shop/price.ex': plain('Price') }

// GitHub and we go by one clock; it stands still unless a test moves it, and never goes back.
vi.useFakeTimers({ toFake: ['Date'] })
vi.setConfig({ testTimeout: 60_000 })
afterAll(() => void vi.useRealTimers())
const pass = (minutes: number) => vi.setSystemTime(Date.now() + minutes * 60_000)

let database: Database
beforeAll(async () => {
  database = await openTestDatabase('embedded')
})
afterAll(() => database.close())

/** A GitHub, a queue that nobody works off, and somebody who takes deliveries or not. */
async function open(options: Partial<ReconcilerOptions> = {}) {
  const github = await startGitHub()
  const { appId, privateKey } = github.app
  const schema = freshSchema()
  const logged: Record<string, unknown>[] = []
  const write = (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>)
  const log = pino({ level: 'info', serializers: { err: describeError } }, { write })
  const queue = await openQueue({ database, schema, appId, log })
  const found: string[] = []
  const swept: boolean[] = []
  const reconciler = createReconciler({
    clients: createClients({ appId, privateKey, baseUrl: github.url, userAgent: 'test', log, secondMs: 1 }),
    queue,
    allowedAccounts: [],
    log,
    onFound: (what) => found.push(what),
    onSweep: (ok) => swept.push(ok),
    ...options,
  })
  const receiver = await receive()

  return {
    github,
    queue,
    reconciler,
    logged,
    found,
    swept,
    receiver,
    /** Jobs that wait, in no order. */
    waiting: async (): Promise<Job[]> => {
      const sql = `select data->'job' as job from ${schema}.job where name = 'review' and state < 'active'`
      return (await database.query(sql)).map((row) => row['job'] as Job)
    },
    /** As if the process that began them had died some minutes ago. */
    ageOpenRuns: async (minutes: number) => {
      await database.query(`update ${schema}.open_run set began_at = began_at - $1 * interval '1 minute'`, [minutes])
    },
    look: (login: string) =>
      reconciler.run({ kind: 'reconcile', delivery: 'sweep', installation: github.installation(login).id }),
    async [Symbol.asyncDispose]() {
      await github.webhooks.settled()
      await receiver.close()
      await queue.close()
      await database.query(`drop schema ${schema} cascade`)
      await github.close()
    },
  }
}

/** Where deliveries arrive, answered as the test says. */
async function receive() {
  const arrived: string[] = []
  const receiver = { status: 202, arrived, url: '', close: async () => {} }
  const server = createServer((request, response) => {
    arrived.push(request.headers['x-github-delivery'] as string)
    request.resume().once('end', () => response.writeHead(receiver.status).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  receiver.close = () => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(() => resolve()))
  }
  return receiver
}

type Place = Awaited<ReturnType<typeof open>>

const sentFor = ({ github }: Place, event: string) => github.webhooks.deliveries.filter((one) => one.event === event)

/** Sweeps, and waits for what it asked GitHub to send. */
async function sweep({ reconciler, github }: Place): Promise<void> {
  await reconciler.sweep()
  await github.webhooks.settled()
}

function jobFor(github: StandIn, { home, fullName }: RepositoryHandle, pull: PullHandle): CheckedJob {
  const [owner = '', name = ''] = fullName.split('/')
  return {
    kind: 'pull',
    delivery: 'd-1',
    installation: github.installation(owner).id,
    repository: { id: home.id, owner, name },
    number: pull.number,
    head: pull.head,
    reason: 'opened',
  }
}

describe('deliveries', () => {
  test('that failed are asked for again, once they are not on their way any more; the others are left alone', async () => {
    await using place = await open()
    const { github, receiver, found } = place
    github.webhooks.deliverTo(receiver.url)
    const shop = await github.repository('acme/shop', { files: mix })
    await shop.open({ branch: 'arrives', files })
    github.webhooks.deliverTo(null)
    await shop.open({ branch: 'fails', files })
    const [, failed] = sentFor(place, 'pull_request')
    github.webhooks.deliverTo(receiver.url)
    receiver.arrived.length = 0

    await sweep(place)
    expect(receiver.arrived).toEqual([])
    pass(2)
    await sweep(place)
    expect(receiver.arrived).toEqual([failed!.guid])
    pass(2)
    await sweep(place)

    expect(receiver.arrived).toEqual([failed!.guid])
    expect(found).toEqual(['delivery'])
    // What follows each push by itself is not worth asking for.
    expect(sentFor(place, 'check_suite').filter(({ statusCode }) => statusCode >= 400)).toHaveLength(1)
  })

  test('that were claimed, with only the answer lost, are not asked for', async () => {
    await using place = await open()
    const { github, queue, receiver } = place
    const shop = await github.repository('acme/shop', { files: mix })
    const pull = await shop.open({ branch: 'a', files })
    const [delivery] = sentFor(place, 'pull_request')
    const intake: Intake = { do: 'review', job: jobFor(github, shop, pull) }
    await queue.accept(delivery!.guid, intake)
    github.webhooks.deliverTo(receiver.url)
    pass(2)

    await sweep(place)

    expect(receiver.arrived).not.toContain(delivery!.guid)
  })

  test('that fail each time are given up after three more attempts, and the log says so once', async () => {
    await using place = await open()
    const { github, receiver, logged } = place
    receiver.status = 503
    github.webhooks.deliverTo(receiver.url)
    const shop = await github.repository('acme/shop', { files: mix })
    await shop.open({ branch: 'poison', files })
    const [{ guid } = { guid: '' }] = sentFor(place, 'pull_request')

    for (let sweeps = 0; sweeps < 7; sweeps++) {
      pass(10)
      await sweep(place)
    }

    expect(receiver.arrived.filter((one) => one === guid)).toHaveLength(4)
    const lines = logged.filter(({ delivery }) => delivery === guid)
    expect(lines.map(({ level, msg, attempt }) => [level, msg, attempt])).toEqual([
      [30, 'failed delivery asked for again', 2],
      [30, 'failed delivery asked for again', 3],
      [30, 'failed delivery asked for again', 4],
      [50, 'delivery given up: it failed each time', undefined],
    ])
  })

  test.each([404, 422])('that GitHub can not send again (%i) do not hold up the others', async (status) => {
    await using place = await open()
    const { github, receiver, swept } = place
    const shop = await github.repository('acme/shop', { files: mix })
    await shop.open({ branch: 'forgotten', files })
    await shop.open({ branch: 'kept', files })
    const [forgotten, kept] = sentFor(place, 'pull_request')
    const isForgotten = ({ path }: { path: string }) => path.endsWith(`/${forgotten!.id}/attempts`)
    github.faults.always(isForgotten, { status, body: { message: 'No longer available' } })
    github.webhooks.deliverTo(receiver.url)
    pass(2)

    await sweep(place)

    expect(receiver.arrived).toContain(kept!.guid)
    expect(receiver.arrived).not.toContain(forgotten!.guid)
    expect(swept).toEqual([true])
  })

  test('by the hundreds are asked for in parts, from the oldest on; none is forgotten, none asked for twice', async () => {
    await using place = await open()
    const { github, receiver } = place
    const shop = await github.repository('acme/shop', { files: mix })
    await shop.open({ branch: 'a', files })
    const [{ ...one } = {} as never] = sentFor(place, 'pull_request')
    github.webhooks.deliveries.length = 0
    const guids: string[] = []
    for (let index = 0; index < 250; index++) {
      pass(0.1)
      const guid = randomUUID()
      guids.push(guid)
      github.webhooks.deliveries.push({ ...one, id: github.world.nextId(), guid, deliveredAt: new Date() })
    }
    github.webhooks.deliverTo(receiver.url)
    pass(2)

    await sweep(place)
    expect(receiver.arrived.toSorted()).toEqual(guids.slice(0, 200).toSorted())
    pass(2)
    await sweep(place)
    pass(2)
    await sweep(place)

    expect(receiver.arrived.toSorted()).toEqual(guids.toSorted())
  })

  test('are asked for no longer when the process stops', async () => {
    const stopping = new AbortController()
    await using place = await open({ signal: stopping.signal })
    const { github, receiver } = place
    const shop = await github.repository('acme/shop', { files: mix })
    await shop.open({ branch: 'a', files })
    await shop.open({ branch: 'b', files })
    github.webhooks.deliverTo(receiver.url)
    const held = github.faults.hold(ASK)
    pass(2)

    const sweeping = sweep(place)
    await held.reached
    stopping.abort()
    held.release()
    await sweeping
    await github.webhooks.settled()

    expect(receiver.arrived).toHaveLength(1)
  })
})

describe('a sweep', () => {
  test('has every installation looked through, but those that are suspended or not served', async () => {
    await using place = await open({ allowedAccounts: ['acme', 'away'] })
    const { github, waiting } = place
    for (const owner of ['Acme', 'away', 'stranger']) await github.repository(`${owner}/shop`, { files: mix })
    await github.suspend('away')

    await sweep(place)

    const { id } = github.installation('Acme')
    expect(await waiting()).toMatchObject([{ kind: 'reconcile', installation: id }])
    await sweep(place)
    expect(await waiting()).toHaveLength(1)
  })

  test('that can not list deliveries looks for pull requests all the same, and makes up for it later', async () => {
    await using place = await open()
    const { github, receiver, swept, waiting, logged } = place
    const shop = await github.repository('acme/shop', { files: mix })
    await shop.open({ branch: 'a', files })
    const [failed] = sentFor(place, 'pull_request')
    github.webhooks.deliverTo(receiver.url)
    pass(2)
    github.faults.next(DELIVERIES, unavailable(), 3)

    await sweep(place)
    expect(await waiting()).toMatchObject([{ kind: 'reconcile' }])
    expect(receiver.arrived).toEqual([])
    expect(logged.filter(({ msg }) => msg === 'sweep not finished')).toHaveLength(1)
    pass(10)
    await sweep(place)

    expect(receiver.arrived).toContain(failed!.guid)
    expect(swept).toEqual([false, true])
  })

  test('that can not list installations asks for deliveries all the same', async () => {
    await using place = await open()
    const { github, receiver, swept } = place
    const shop = await github.repository('acme/shop', { files: mix })
    await shop.open({ branch: 'a', files })
    const [failed] = sentFor(place, 'pull_request')
    github.webhooks.deliverTo(receiver.url)
    pass(2)
    github.faults.next(INSTALLATIONS, unavailable(), 3)

    await sweep(place)

    expect(receiver.arrived).toContain(failed!.guid)
    expect(swept).toEqual([false])
  })
})

describe('an installation', () => {
  /** What a job leaves on GitHub when it has reviewed. */
  async function conclude({ github }: Place, { home }: RepositoryHandle, pull: PullHandle): Promise<void> {
    const { appId, privateKey } = github.app
    const silent = pino({ level: 'silent' })
    const clients = createClients({
      appId,
      privateKey,
      baseUrl: github.url,
      userAgent: 'test',
      log: silent,
      secondMs: 1,
    })
    const { rest } = clients.forInstallation(github.installation(home.owner.login).id)
    await rest.rest.checks.create({
      owner: home.owner.login,
      repo: home.name,
      name: 'OTP review',
      head_sha: pull.head,
      conclusion: 'success',
      external_id: JSON.stringify({ pulls: [{ number: pull.number, base: 'main' }], config: '', accepted: '' }),
    })
  }

  const numbers = (jobs: Job[]) => jobs.map((job) => (job.kind === 'pull' ? job.number : 0)).toSorted((a, b) => a - b)

  test('has its open pull requests without a result reviewed, each once', async () => {
    await using place = await open()
    const { github, look, waiting, found } = place
    const shop = await github.repository('acme/shop', { files: mix })
    const done = await shop.open({ branch: 'done', files })
    const missed = await shop.open({ branch: 'missed', files })
    const closed = await shop.open({ branch: 'closed', files })
    const moved = await shop.open({ branch: 'moved', files })
    await conclude(place, shop, done)
    await conclude(place, shop, moved)
    await closed.close()
    await moved.push({ 'lib/shop/cart.ex': plain('Cart') })

    expect(await look('acme')).toEqual({ then: 'done' })
    await look('acme')

    const jobs = await waiting()
    expect(numbers(jobs)).toEqual([missed.number, moved.number])
    expect(jobs).toContainEqual({ ...jobFor(github, shop, missed), delivery: 'sweep', reason: 'missed' })
    expect(found).toEqual(['pull request', 'pull request'])
  })

  test('is looked through only from where the last look ended, an hour back', async () => {
    await using place = await open()
    const { github, look } = place
    const shop = await github.repository('acme/shop', { files: mix })
    await shop.open({ branch: 'a', files })
    await look('acme')
    pass(90)
    const seen = github.requests.length
    await look('acme')

    const [query] = github.requests.slice(seen).filter((request) => request.path === '/graphql')
    const { search } = (query!.body as { variables: { search: string } }).variables
    const since = /updated:>=(\S+)/.exec(search)![1]!
    expect(Date.now() - Date.parse(since)).toBeGreaterThanOrEqual(150 * 60_000)
    expect(Date.now() - Date.parse(since)).toBeLessThan(151 * 60_000)
  })

  test('has check runs finished that a dead process left open, unless a job for them waits', async () => {
    await using place = await open()
    const { github, queue, look, waiting, ageOpenRuns, found } = place
    const shop = await github.repository('acme/shop', { files: mix })
    const checked = async (branch: string) => {
      const pull = await shop.open({ branch, files })
      await conclude(place, shop, pull)
      return jobFor(github, shop, pull)
    }
    const left = await checked('left')
    const waits = await checked('waits')
    const fresh = await checked('fresh')
    for (const job of [left, waits]) await queue.ledger.openRuns.begin(job, 'f'.repeat(40))
    await ageOpenRuns(5)
    await queue.ledger.openRuns.begin(fresh, 'f'.repeat(40))
    await queue.accept('waits', { do: 'review', job: waits })

    await look('acme')

    const jobs = await waiting()
    expect(jobs).toHaveLength(2)
    expect(jobs).toContainEqual(waits)
    expect(jobs).toContainEqual({ ...left, head: 'f'.repeat(40), reason: 'missed' })
    expect(found).toEqual(['open run'])
  })

  test.each([
    ['is down', operation('OpenPulls'), unavailable(), 3],
    ['does not say who it is', INSTALLATION, unavailable(), 3],
    ['asks to wait', operation('OpenPulls'), primaryLimit(new Date(Date.now() + 1800_000)), 1],
  ])('of which GitHub tells nothing, since it %s, is looked at again later', async (_, matcher, fault, times) => {
    await using place = await open()
    const { github, look, waiting, logged } = place
    const shop = await github.repository('acme/shop', { files: mix })
    const pull = await shop.open({ branch: 'a', files })
    github.faults.next(matcher, fault, times)

    expect(await look('acme')).toEqual({ then: 'done' })
    expect(await waiting()).toEqual([])
    expect(logged).toMatchObject([{ level: 40, msg: 'installation not reconciled' }])
    pass(40)
    await look('acme')

    expect(numbers(await waiting())).toEqual([pull.number])
  })

  test('that is suspended, gone or not served is left alone', async () => {
    await using place = await open({ allowedAccounts: ['away', 'gone'] })
    const { github, look, waiting, reconciler } = place
    for (const owner of ['away', 'gone', 'stranger']) {
      const shop = await github.repository(`${owner}/shop`, { files: mix })
      await shop.open({ branch: 'a', files })
    }
    const { id } = github.installation('gone')
    await github.suspend('away')
    await github.uninstall('gone')

    for (const login of ['away', 'stranger']) expect(await look(login)).toEqual({ then: 'done' })
    expect(await reconciler.run({ kind: 'reconcile', delivery: 'sweep', installation: id })).toEqual({ then: 'done' })

    expect(await waiting()).toEqual([])
    expect(github.requests.filter(({ path }) => path === '/graphql')).toEqual([])
  })

  test('that does not let us write checks has no result to be looked for', async () => {
    await using place = await open()
    const { github, look, waiting } = place
    const shop = await github.repository('acme/shop', {
      files: mix,
      permissions: { metadata: 'read', contents: 'read' },
    })
    await shop.open({ branch: 'a', files })

    await look('acme')

    expect(await waiting()).toEqual([])
  })
})
