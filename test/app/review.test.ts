import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { unavailable } from '../support/github/index.ts'
import type { StandIn } from '../support/github/index.ts'
import { asksItsState, callsItself, callsItselfAs, mix, plain } from './shop.ts'
import { start } from './start.ts'
import type { Running } from './start.ts'

let running: Running
let github: StandIn
beforeAll(async () => {
  running = await start()
  github = running.github
}, 60_000)
afterAll(() => running[Symbol.asyncDispose]())
beforeEach(() => {
  github.requests.length = 0
})

const stock = 'lib/shop/stock.ex'

test('a pull request with a finding gets one review with a comment on its line, and a red check', async () => {
  const repository = await github.repository('acme/opened', { files: mix })

  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  const check = await pull.concluded()

  expect(check).toMatchObject({ name: 'OTP review', conclusion: 'failure' })
  expect(pull.reviews()).toMatchObject([{ state: 'COMMENTED', commit: pull.head, comments: 1 }])
  expect(await pull.comments()).toMatchObject([{ path: stock, line: 12 }])
  expect((await pull.comments())[0]!.body).toContain('genserver-self-call')
  expect(pull.conversation()).toEqual([])
})

test('a push repeats nothing; what it fixed is edited and folded away', async () => {
  const repository = await github.repository('acme/pushed', { files: mix })
  const cart = 'lib/shop/cart.ex'
  const pull = await repository.open({
    branch: 'stock',
    files: { [stock]: callsItself, [cart]: callsItselfAs('Cart') },
  })
  await pull.concluded()
  expect(pull.reviews()).toMatchObject([{ comments: 2 }])

  await pull.push({ [stock]: asksItsState, [cart]: `# Moved down by a line.\n${callsItselfAs('Cart')}` })
  const check = await pull.concluded()

  expect(check.conclusion).toBe('failure')
  expect(pull.reviews()).toHaveLength(1)
  const [ofCart, ofStock] = (await pull.comments()).toSorted((a, b) => a.path.localeCompare(b.path))
  expect(ofStock).toMatchObject({ path: stock, minimized: 'RESOLVED', replies: [] })
  expect(ofStock!.body).toContain(pull.head.slice(0, 7))
  expect(ofCart).toMatchObject({ path: cart, line: 13, minimized: null, replies: [] })

  await pull.push({ [cart]: asksItsState.replace('Shop.Stock', 'Shop.Cart') })
  expect((await pull.concluded()).conclusion).toBe('success')
  expect((await pull.comments()).map(({ minimized }) => minimized)).toEqual(['RESOLVED', 'RESOLVED'])
})

test('a redelivery says nothing new, nor does the same event under another id', async () => {
  const repository = await github.repository('acme/redelivered', { files: mix })
  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  await pull.concluded()
  const opened = github.webhooks.deliveries.findLast(({ event }) => event === 'pull_request')!
  const headers = opened.request.headers

  const again = await post(opened.request.payload, headers)
  const underAnotherId = await post(opened.request.payload, { ...headers, 'x-github-delivery': 'another' })

  expect([again, underAnotherId]).toEqual(['Known already.\n', 'Accepted.\n'])
  expect(await running.line({ msg: 'job done', delivery: 'another' })).toMatchObject({ conclusion: null, requests: 1 })
  expect(pull.reviews()).toHaveLength(1)
  expect(await pull.comments()).toHaveLength(1)
  expect(pull.checkRuns()).toHaveLength(1)
})

test('finished work outlives an outage of GitHub: when it is over, the comments are posted as they were planned', async () => {
  const repository = await github.repository('acme/outage', { files: mix })
  github.faults.next('POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews', unavailable(), 2)

  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  const check = await pull.concluded()

  expect(check).toMatchObject({ conclusion: 'failure' })
  expect([pull.reviews().length, pull.checkRuns().length]).toEqual([1, 1])
  expect(github.requests.filter(({ route }) => route.endsWith('/files'))).toHaveLength(1)
  const done = await running.line({ msg: 'job done', repo: repository.fullName })
  expect(done).toMatchObject({ files: 1, posted: 1, findings: 1 })
  expect(done['attempt']).toBeGreaterThan(1)
})

test('a thumbs-down on a comment is counted for its rule, once', async () => {
  const repository = await github.repository('acme/disliked', { files: mix })
  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  await pull.concluded()
  pull.react((await pull.comments())[0]!, '-1', { as: 'bob' })

  for (const name of ['Price', 'Tax']) {
    await pull.push({ [`lib/shop/${name.toLowerCase()}.ex`]: plain(name) })
    await pull.concluded()
  }
  await running.line({ msg: 'job done', sha: pull.head })

  const metrics = await (await fetch(`${running.service.url}/metrics`)).text()
  expect(metrics).toContain('otp_review_thumbs_down_total{rule="genserver-self-call"} 1\n')
})

test('a clean pull request gets a green check that says what was read, and no word beside it', async () => {
  const repository = await github.repository('acme/clean', { files: mix })

  const pull = await repository.open({ branch: 'price', files: { 'lib/shop/price.ex': plain('Price') } })
  const check = await pull.concluded()

  expect(check.conclusion).toBe('success')
  expect(check.summary).toContain('read 1 Elixir file')
  expect(pull.reviews()).toEqual([])
  expect(pull.conversation()).toEqual([])
})

test('a pull request without Elixir gets a green check too, or a required one would never come', async () => {
  const repository = await github.repository('acme/docs', { files: mix })

  const pull = await repository.open({ branch: 'docs', files: { 'README.md': '# Shop\n' } })

  expect(await pull.concluded()).toMatchObject({ conclusion: 'success' })
  expect(pull.reviews()).toEqual([])
})

test('a merge group is read on its own head, and gets a check run only', async () => {
  const repository = await github.repository('acme/queued', { files: mix })
  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  await pull.concluded()

  const group = await repository.enqueue(pull)
  const check = await repository.concludedOn(group.headSha)

  expect(check).toMatchObject({ name: 'OTP review', conclusion: 'failure' })
  expect(pull.reviews()).toHaveLength(1)
})

test.each([1, 20, 100])('a review of %i changed files takes at most nine requests', async (count) => {
  const names = Array.from({ length: count - 1 }, (_, index) => `Part${index}`)
  const repository = await github.repository(`acme/size${count}`, { files: mix })
  const files = Object.fromEntries(names.map((name) => [`lib/shop/${name.toLowerCase()}.ex`, plain(name)]))
  github.requests.length = 0

  const pull = await repository.open({ branch: 'all', files: { ...files, [stock]: callsItself } })
  await pull.concluded()

  const done = await running.line({ msg: 'job done', repo: repository.fullName })
  expect(done).toMatchObject({ pr: pull.number, sha: pull.head, files: count, posted: 1, conclusion: 'failure' })
  expect(done['requests']).toBe(github.countApiRequests())
  console.info(`${count} changed files: ${github.countApiRequests()} requests, ${done['ms']} ms`)
  expect(github.countApiRequests()).toBeLessThanOrEqual(9)
})

async function post(payload: unknown, headers: Record<string, string>): Promise<string> {
  const response = await fetch(running.service.webhookUrl, { method: 'POST', headers, body: JSON.stringify(payload) })
  return response.text()
}
