import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { operation, secondaryLimit, unavailable } from '../support/github/index.ts'
import type { StandIn } from '../support/github/index.ts'
import { asksItsState, callsItself, callsItselfAs, mix } from './shop.ts'
import { start } from './start.ts'
import type { Running } from './start.ts'
import { told } from './told.ts'

let running: Running
let github: StandIn
beforeAll(async () => {
  running = await start()
  github = running.github
}, 60_000)
afterAll(() => running[Symbol.asyncDispose]())
afterEach(() => github.faults.clear())

const stock = 'lib/shop/stock.ex'
const cart = 'lib/shop/cart.ex'
const REVIEWS = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'
const RUNS = 'POST /repos/{owner}/{repo}/check-runs'
const RUN = 'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}'
const FILES = 'GET /repos/{owner}/{repo}/pulls/{pull_number}/files'

let count = 0
const newRepository = () => github.repository(`acme/faulty${(count += 1)}`, { files: mix })
const once = { reviews: 1, runs: 1, conclusion: 'failure' }

async function outcome(pull: Awaited<ReturnType<Awaited<ReturnType<typeof newRepository>>['open']>>) {
  const { conclusion } = await pull.concluded()
  return { reviews: pull.reviews().length, runs: pull.checkRuns().length, conclusion }
}

test.each<[string, () => void]>([
  ['the review arrives and its answer is lost', () => github.faults.next(REVIEWS, unavailable(502, 'after'))],
  ['the review does not arrive', () => github.faults.next(REVIEWS, unavailable(502, 'before'))],
  ['the connection breaks after the review', () => github.faults.next(REVIEWS, { connection: 'drop', when: 'after' })],
  ['the run is begun and its answer is lost', () => github.faults.next(RUNS, unavailable(504, 'after'))],
  [
    'the conclusion arrives and its answer is cut off',
    () => github.faults.next(RUN, { connection: 'cut', when: 'after' }),
  ],
  ['a page of files fails twice', () => github.faults.next(FILES, unavailable(), 2)],
  ['reading fails twice', () => github.faults.next(operation('PullContext'), unavailable(500), 2)],
  ['we write too much at once, as a header says', () => github.faults.next(REVIEWS, secondaryLimit(1))],
  ['we write too much at once, as the status says', () => github.faults.next(REVIEWS, secondaryLimit(1, 429))],
])('one review and one concluded run, when %s', async (_, plan) => {
  const repository = await newRepository()
  plan()

  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })

  expect(await outcome(pull)).toEqual(once)
})

test('a review that is refused for a line costs no finding: it stands in the check run', async () => {
  const repository = await newRepository()
  const refusal = {
    message: 'Unprocessable Entity',
    errors: ['Pull request review thread line must be part of the diff'],
  }
  github.faults.next(REVIEWS, { status: 422, body: refusal }, 4)

  const pull = await repository.open({
    branch: 'stock',
    files: { [stock]: callsItself, [cart]: callsItselfAs('Cart') },
  })
  const run = await pull.concluded()

  expect(run).toMatchObject({ conclusion: 'failure', annotations: [{ path: cart }, { path: stock }] })
  expect(run.summary).toContain('GitHub refused 2 comments: the findings are annotated here instead.')
  expect(pull.reviews()).toEqual([])
})

test('opened and pushed to at once: what stands is said once, on the last head', async () => {
  const repository = await newRepository()
  const held = github.faults.hold(FILES)

  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  await held.reached
  const old = pull.head
  await pull.push({ [cart]: callsItselfAs('Cart') })
  await pull.push({ [cart]: callsItselfAs('Basket') })
  held.release()
  await pull.concluded()

  expect(pull.reviews().map(({ commit }) => commit)).toEqual([pull.head])
  expect(await told(pull)).toEqual([`${cart}:12 genserver-self-call: open`, `${stock}:12 genserver-self-call: open`])
  expect(pull.checkRuns(old).every(({ status }) => status === 'completed')).toBe(true)
})

test('a head that moves right before the comments are posted gets none; its run is concluded', async () => {
  const repository = await newRepository()
  const held = github.faults.hold(operation('HeadNow'))

  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  await held.reached
  const old = pull.head
  await pull.push({ [stock]: asksItsState })
  held.release()

  expect(await pull.concluded()).toMatchObject({ conclusion: 'success' })
  expect(pull.reviews()).toEqual([])
  expect(pull.checkRuns(old)).toMatchObject([{ status: 'completed' }])
})

test('events that come in the wrong order, or late, change nothing', async () => {
  const repository = await newRepository()
  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  const opened = github.webhooks.deliveries.findLast(({ event }) => event === 'pull_request')!
  await pull.push({ [stock]: asksItsState })
  await pull.concluded()

  const { headers, payload } = opened.request
  await fetch(running.service.webhookUrl, {
    method: 'POST',
    headers: { ...headers, 'x-github-delivery': 'late' },
    body: JSON.stringify(payload),
  })
  await running.line({ msg: 'the pull request moved', delivery: 'late' })

  expect(pull.checkRuns()).toHaveLength(1)
  expect(pull.checkRuns()[0]).toMatchObject({ conclusion: 'success' })
})
