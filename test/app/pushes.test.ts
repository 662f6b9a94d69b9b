import { afterAll, beforeAll, expect, test } from 'vitest'
import { readMarker } from '../../src/review/marker.ts'
import type { Files, PullHandle, StandIn } from '../support/github/index.ts'
import { asksItsState, callsItself, callsItselfAs, mix, plain } from './shop.ts'
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

const stock = 'lib/shop/stock.ex'
const cart = 'lib/shop/cart.ex'
const price = 'lib/shop/price.ex'
const saidOnce = [`${stock}:12 genserver-self-call: open`]

let count = 0
/** A pull request that was told of one finding, in line 12 of the stock, and touches two more files. */
async function opened(base: Files = {}) {
  const repository = await github.repository(`acme/pushed${(count += 1)}`, {
    files: { ...mix, [price]: plain('Price'), ...base },
  })
  const files: Record<string, string> = { [stock]: callsItself, [price]: plain('Price').replace('cents', 'euros') }
  const pull = await repository.open({ branch: 'stock', files })
  await pull.concluded()
  expect(await told(pull)).toEqual(saidOnce)
  return { repository, pull, files }
}

/** What was said and concluded after the head moved. */
async function after(pull: PullHandle) {
  const { conclusion } = await pull.concluded()
  const reviews = pull.reviews().filter(({ author }) => author === 'otp-review[bot]').length
  return { conclusion, reviews, said: await told(pull) }
}

const unchanged = { conclusion: 'failure', reviews: 1, said: saidOnce }

test('a new commit beside the finding repeats nothing', async () => {
  const { pull } = await opened()

  await pull.push({ 'lib/shop/cart.ex': plain('Cart') })

  expect(await after(pull)).toEqual(unchanged)
})

test('an amended commit repeats nothing, wherever the lines move', async () => {
  const { pull, files } = await opened()

  await pull.forcePush({ ...files, [stock]: `# Counts what is left.\n\n${callsItself}` })

  // GitHub calls the comment outdated: its line is not on that commit.
  const { said, ...rest } = await after(pull)
  expect(rest).toEqual({ conclusion: 'failure', reviews: 1 })
  expect(said).toHaveLength(1)
  expect(said[0]).toMatch(/genserver-self-call: open$/)
})

test('a head that GitHub announces before it shows it is waited for: the old one’s success is none of it', async () => {
  const repository = await github.repository(`acme/pushed${(count += 1)}`, { files: mix })
  const pull = await repository.open({ branch: 'stock', files: { [price]: plain('Price') } })
  expect(await pull.concluded()).toMatchObject({ conclusion: 'success' })
  const old = pull.head
  pull.lag()
  let asked = 0
  const third = github.faults.hold(({ body }) => /query PullContext/.test(JSON.stringify(body ?? '')) && ++asked === 3)

  await pull.push({ [stock]: callsItself })
  await third.reached
  expect(pull.checkRuns()).toEqual([])
  pull.catchUp()
  third.release()

  expect(await after(pull)).toEqual(unchanged)
  expect(pull.reviews()).toMatchObject([{ commit: pull.head }])
  expect(pull.checkRuns(old)).toHaveLength(1)
})

test('a list of changed files that lags behind their number is read again: no file of a push is missed', async () => {
  const { pull } = await opened()
  github.faults.next('GET /repos/{owner}/{repo}/pulls/{pull_number}/files', { status: 200, body: [] })

  await pull.push({ [cart]: callsItselfAs('Cart') })

  const { conclusion, reviews } = await after(pull)
  expect({ conclusion, reviews }).toEqual({ conclusion: 'failure', reviews: 2 })
  expect(pull.checkRuns()).toMatchObject([{ title: '2 errors' }])
})

test('commits that are squashed to one repeat nothing', async () => {
  const { pull, files } = await opened()
  await pull.push({ [cart]: callsItselfAs('Cart') })
  await pull.concluded()
  await pull.push({ [cart]: plain('Cart') })
  await pull.concluded()

  await pull.forcePush({ ...files, [cart]: plain('Cart') })

  const { reviews, said } = await after(pull)
  expect(reviews).toBe(2)
  expect(said).toEqual([`${cart}:? genserver-self-call: fixed folded`, ...saidOnce])
})

test('a rebase onto a base that moved repeats nothing', async () => {
  const { repository, pull } = await opened()
  await repository.push('main', { [cart]: plain('Cart'), 'README.md': '# The shop\n' })

  await pull.rebase()

  expect(await after(pull)).toEqual(unchanged)
})

test('a merge of the base branch repeats nothing, and what came with it is not this pull request’s', async () => {
  const { repository, pull } = await opened()
  await repository.push('main', { [cart]: callsItselfAs('Cart') })

  await pull.mergeBase()

  expect(await after(pull)).toEqual(unchanged)
})

test('a finding that the base branch has by now is withdrawn', async () => {
  const { repository, pull, files } = await opened()
  await repository.push('main', { [stock]: callsItself })

  await pull.forcePush({ [price]: files[price]! }, { onto: 'main' })

  const { conclusion, said } = await after(pull)
  expect(conclusion).toBe('success')
  expect(said).toEqual([`${stock}:? genserver-self-call: withdrawn folded`])
  expect((await pull.comments())[0]!.body).toMatch(/^Not reported any more as of \w+, because the base branch has it/)
})

test('a revert of the commit that brought it closes the thread, and says in which commit', async () => {
  const { pull } = await opened()

  await pull.push({ [stock]: null })

  expect(await after(pull)).toEqual({
    conclusion: 'success',
    reviews: 1,
    said: [`${stock}:? genserver-self-call: fixed folded`],
  })
  expect((await pull.comments())[0]!.body).toContain(`Fixed in ${pull.head.slice(0, 8)}.`)
})

test('a revert to what the base has closes the thread too', async () => {
  const { pull } = await opened({ [cart]: plain('Cart') })
  await pull.push({ [cart]: callsItselfAs('Cart') })
  await pull.concluded()

  await pull.push({ [cart]: plain('Cart') })

  const { said } = await after(pull)
  expect(said).toEqual([`${cart}:? genserver-self-call: fixed folded`, ...saidOnce])
})

test('a force-push back to an older commit says what is there again in its own thread', async () => {
  const { pull } = await opened()
  const first = pull.head
  await pull.push({ [stock]: asksItsState })
  await pull.concluded()
  const clean = pull.head

  await pull.forcePush({ [stock]: callsItself })
  const back = await after(pull)

  expect(clean).not.toBe(first)
  expect(back).toMatchObject({ conclusion: 'failure' })
  expect(back.said).toEqual([expect.stringMatching(/genserver-self-call: fixed folded, open$/)])
  const [reply] = (await pull.comments())[0]!.replies
  expect(reply!.body).toMatch(new RegExp(`^This is back as of ${pull.head.slice(0, 8)}, on line 12\\.`))
})

test('what comes back, goes and comes again stays one thread', async () => {
  const { pull } = await opened()
  for (const text of [asksItsState, callsItself, asksItsState, callsItself]) {
    await pull.push({ [stock]: text })
    await pull.concluded()
  }

  const said = await told(pull)
  expect(said).toEqual([expect.stringMatching(/genserver-self-call: fixed folded, fixed, open$/)])
})

test('a finding that moves to another file is the one that was said', async () => {
  const { pull } = await opened()

  await pull.push({ [stock]: null, 'lib/shop/warehouse/stock.ex': callsItself })

  const { conclusion, reviews, said } = await after(pull)
  expect({ conclusion, reviews }).toEqual({ conclusion: 'failure', reviews: 1 })
  expect(said).toEqual([`${stock}:? genserver-self-call: open`])
  // GitHub shows the old comment as outdated, so the check run points at the line.
  expect(pull.checkRuns().at(-1)!.annotations).toMatchObject([{ path: 'lib/shop/warehouse/stock.ex', startLine: 12 }])
})

test('a finding whose module and function get other names is the one that was said', async () => {
  const { pull } = await opened()

  await pull.push({ [stock]: callsItself.replace('Shop.Stock', 'Shop.Shelf') })

  expect(await after(pull)).toEqual(unchanged)
})

test('an edit of the offending line is no other finding', async () => {
  const { pull } = await opened()

  await pull.push({ [stock]: callsItself.replace('count(item) - 1', 'max(count(item) - 1, 0)') })

  const { reviews, said } = await after(pull)
  expect(reviews).toBe(1)
  expect(said).toEqual([expect.stringMatching(/genserver-self-call: open$/)])
})

test('a second finding of the kind is said for itself', async () => {
  const { pull } = await opened()

  await pull.push({ [cart]: callsItselfAs('Cart') })

  expect(await after(pull)).toEqual({
    conclusion: 'failure',
    reviews: 2,
    said: [`${cart}:12 genserver-self-call: open`, ...saidOnce],
  })
})

test('a thread that people answered is never touched: not when it is fixed, not when it is back', async () => {
  const { pull } = await opened()
  const [comment] = await pull.comments()
  await pull.reply(comment!, 'We know; it is behind a flag.', { as: 'bob' })

  await pull.push({ [stock]: asksItsState })
  const fixed = await after(pull)
  await pull.push({ [stock]: callsItself })
  const back = await after(pull)

  const untouched = [expect.stringMatching(/genserver-self-call: open, bob$/)]
  expect(fixed).toEqual({ conclusion: 'success', reviews: 1, said: untouched })
  expect(back).toEqual({ conclusion: 'failure', reviews: 1, said: untouched })
  expect((await pull.comments())[0]!.body).toBe(comment!.body)
})

test('another bot’s answer is nobody’s: the thread stays ours', async () => {
  const { pull } = await opened()
  const [comment] = await pull.comments()
  await pull.reply(comment!, 'Thanks for the detailed review!', { as: 'chatterbox[bot]' })

  await pull.push({ [stock]: asksItsState })

  expect((await after(pull)).said).toEqual([expect.stringMatching(/: fixed folded, chatterbox\[bot\]$/)])
})

test('a copy of our comment by someone else is no comment of ours', async () => {
  const { pull } = await opened()
  const [comment] = await pull.comments()
  await pull.review(price, 2, comment!.body, { as: 'mallory' })

  await pull.push({ [stock]: asksItsState })
  await pull.concluded()

  const copy = (await pull.comments()).find(({ author }) => author === 'mallory')
  expect(readMarker(copy!.body)?.state).toBe('open')
  expect(copy).toMatchObject({ minimized: null, replies: [] })
})

test('where GitHub lets nobody fold comments away, they are edited, and it is asked once', async () => {
  github.world.allows.minimizingReviewComments = false
  try {
    const { pull } = await opened()
    await pull.push({ [cart]: callsItselfAs('Cart') })
    await pull.concluded()
    await pull.push({ [stock]: asksItsState })
    await pull.concluded()
    github.requests.length = 0
    await pull.push({ [cart]: plain('Cart') })
    await pull.concluded()

    expect(await told(pull)).toEqual([
      `${cart}:? genserver-self-call: fixed`,
      expect.stringMatching(/stock.ex:.* genserver-self-call: fixed$/),
    ])
    const asked = github.requests.filter(({ body }) => JSON.stringify(body ?? '').includes('minimizeComment'))
    expect(asked).toEqual([])
  } finally {
    github.world.allows.minimizingReviewComments = true
  }
})
