import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Files, PullHandle, StandIn } from '../support/github/index.ts'
import { asksItsState, callsItself, callsItselfAs, mix, plain } from './shop.ts'
import { start } from './start.ts'
import type { Running } from './start.ts'
import { checkedAgain, textOf, told } from './told.ts'

let running: Running
let github: StandIn
beforeAll(async () => {
  running = await start()
  github = running.github
}, 60_000)
afterAll(() => running[Symbol.asyncDispose]())

const stock = 'lib/shop/stock.ex'
const cart = 'lib/shop/cart.ex'
const config = '.github/otp-review.yml'
const accept = '/otp-review accept genserver-self-call -- moves to Oban next week'

let count = 0
async function opened(base: Files = {}, files: Files = { [stock]: callsItself }) {
  const repository = await github.repository(`acme/asked${(count += 1)}`, { files: { ...mix, ...base } })
  const pull = await repository.open({ branch: 'stock', files })
  repository.allow('maria', 'write')
  await pull.concluded()
  return { repository, pull }
}

/** Says it, and waits until it has a reaction of ours, which it gives. */
async function say(pull: PullHandle, text: string, as = 'maria'): Promise<string> {
  const { id } = await pull.comment(text, { as })
  return github.until('a reaction', () => pull.conversation().find((one) => one.id === id)?.reactions[0])
}

/** The same where another check run follows. */
async function sayAndCheck(pull: PullHandle, text: string, as = 'maria') {
  let reaction = ''
  const run = await checkedAgain(github, pull, async () => (reaction = await say(pull, text, as)))
  return { reaction, run }
}

const ourAnswers = (pull: PullHandle) => pull.conversation().filter(({ author }) => author === 'otp-review[bot]')

test('recheck: the pull request is read anew, and only a reaction says so', async () => {
  const { pull } = await opened()

  const { reaction, run } = await sayAndCheck(pull, 'Flaky? \n\n/otp-review recheck')

  expect(reaction).toBe('+1')
  expect(run).toMatchObject({ conclusion: 'failure' })
  expect(pull.checkRuns()).toHaveLength(2)
  expect(pull.reviews()).toHaveLength(1)
  expect(ourAnswers(pull)).toEqual([])
})

test('recheck is for the author too, who may not write here; not for anybody', async () => {
  const repository = await github.repository(`acme/asked${(count += 1)}`, { files: mix, private: false })
  const fork = await repository.fork('zoe')
  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself }, from: fork })
  await pull.concluded()

  expect((await sayAndCheck(pull, '/otp-review recheck', 'zoe')).reaction).toBe('+1')
  expect(await say(pull, '/otp-review recheck', 'stranger')).toBe('-1')
  expect(await say(pull, accept, 'zoe')).toBe('-1')
  expect(await say(pull, '/otp-review explain genserver-self-call', 'zoe')).toBe('-1')

  expect(pull.checkRuns()).toHaveLength(2)
  expect(ourAnswers(pull)).toEqual([])
})

test('accept: the findings pass the check, and stay listed with name and reason', async () => {
  const { pull } = await opened()

  const { reaction, run } = await sayAndCheck(pull, accept)

  expect(reaction).toBe('+1')
  expect(run).toMatchObject({ conclusion: 'success', title: '1 accepted', annotations: [] })
  expect(run.text).toContain('### Accepted')
  expect(run.text).toContain('| `maria` | moves to Oban next week |')
  const [answer, ...more] = ourAnswers(pull)
  expect(more).toEqual([])
  expect(answer!.body).toMatch(/\| 1 finding \| `maria` \| moves to Oban next week \|/)
  expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: withdrawn folded`])
  expect((await pull.comments())[0]!.body).toMatch(/because `maria` accepted it: moves to Oban next week\.\n/)
})

test('a new finding of an accepted rule needs a new accept; the accepted ones stay so, wherever they move', async () => {
  const { pull } = await opened()
  await sayAndCheck(pull, accept)

  await pull.push({ [stock]: `# Counts.\n${callsItself}` })
  expect((await pull.concluded()).conclusion).toBe('success')
  await pull.push({ [cart]: callsItselfAs('Cart') })
  const run = await pull.concluded()

  expect(run).toMatchObject({ conclusion: 'failure', title: '1 error, 1 accepted' })
  expect(await told(pull)).toContain(`${cart}:12 genserver-self-call: open`)

  const second = await sayAndCheck(pull, '/otp-review accept genserver-self-call -- the same plan')
  expect(second.run).toMatchObject({ conclusion: 'success', title: '2 accepted' })
  expect(ourAnswers(pull)).toHaveLength(1)
  expect(ourAnswers(pull)[0]!.body.match(/\| 1 finding \|/g)).toHaveLength(2)
})

test('deleting the comment withdraws what it accepted', async () => {
  const { pull } = await opened()
  await sayAndCheck(pull, accept)
  const said = pull.conversation().find(({ body }) => body === accept)!

  const run = await checkedAgain(github, pull, () => pull.remove(said, { as: 'maria' }))

  expect(run).toMatchObject({ conclusion: 'failure', title: '1 error' })
  expect(ourAnswers(pull)[0]!.body).toMatch(/^Nothing is accepted in this pull request any more\.\n/)
  expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: withdrawn folded, open`])
})

test('so does editing it until it says something else; nobody accepts by editing somebody else’s comment', async () => {
  const { pull } = await opened()
  const harmless = await pull.comment('I will look at it.', { as: 'maria' })
  await pull.edit(harmless, accept, { as: 'mallory' })
  await sayAndCheck(pull, '/otp-review recheck')
  expect(pull.conversation().find(({ id }) => id === harmless.id)?.reactions).toEqual([])
  await sayAndCheck(pull, accept)
  const said = pull.conversation().findLast(({ body }) => body === accept)!

  const run = await checkedAgain(github, pull, () => pull.edit(said, 'On second thoughts: no.', { as: 'maria' }))

  expect(run).toMatchObject({ conclusion: 'failure', title: '1 error' })
})

test('explain: one answer below, which later commands edit', async () => {
  const { pull } = await opened()

  expect(await say(pull, '/otp-review explain genserver-self-call')).toBe('+1')
  expect(await say(pull, '/otp-review explain genserver-blocking-init')).toBe('+1')
  expect(await say(pull, '/otp-review explain genserver-blocking-innit')).toBe('confused')

  const [answer, ...more] = ourAnswers(pull)
  expect(more).toEqual([])
  expect(answer!.body).toMatch(/^\*\*A server calls itself\*\* · \[`genserver-self-call`\]/)
  expect(answer!.body).toContain('[`genserver-blocking-init`]')
  expect(answer!.body).toContain(
    '- `maria`: `genserver-blocking-innit` is not a rule of this version. Did you mean `genserver-blocking-init`?',
  )
  expect(pull.checkRuns()).toHaveLength(1)
})

test.each([
  ['/otp-review accept genserver-self-call', 'Accepting needs a reason: `/otp-review accept RULE -- reason`.'],
  ['/otp-review accept task-unsupervised -- so be it', 'No finding of `task-unsupervised` stands here'],
  ['/otp-review aprove', '`aprove` is no command.'],
])('%s is answered with what is wrong', async (text, problem) => {
  const { pull } = await opened()

  expect(await say(pull, text)).toBe('confused')

  expect(ourAnswers(pull)).toMatchObject([{ body: expect.stringContaining(problem) }])
  expect(pull.checkRuns()).toHaveLength(1)
})

test('what bots say, and what is quoted or code, is left alone', async () => {
  const { pull } = await opened()
  github.requests.length = 0

  await pull.comment('/otp-review recheck', { as: 'chatterbox[bot]' })
  await pull.comment(`> ${accept}\n\nWhat does that do?`, { as: 'maria' })
  await pull.comment(`Write this:\n\n\`\`\`\n${accept}\n\`\`\``, { as: 'maria' })
  await pull.comment(`    ${accept}`, { as: 'maria' })
  await pull.review(stock, 3, `See /otp-review explain genserver-self-call\n\n${accept}`, { as: 'chatterbox[bot]' })
  await github.webhooks.settled()

  expect(github.requests).toEqual([])
  await sayAndCheck(pull, '/otp-review recheck')
  expect(pull.conversation().map(({ reactions }) => reactions)).toEqual([[], [], [], [], ['+1']])
})

test('a command in a thread on a line counts too', async () => {
  const { pull } = await opened()
  const [comment] = await pull.comments()

  const run = await checkedAgain(github, pull, () => pull.reply(comment!, accept, { as: 'maria' }))

  expect(run).toMatchObject({ conclusion: 'success', title: '1 accepted' })
  // The thread has a person's answer now, and so is not ours to edit.
  expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: open, maria`])
})

test('several commands of one comment, and several comments at once, all count', async () => {
  const { pull } = await opened({}, { [stock]: callsItself, 'lib/shop/boot.ex': blocks })
  const blocking = '/otp-review accept genserver-blocking-init -- boots a legacy device'

  await Promise.all([
    pull.comment(`${accept}\n/otp-review explain genserver-self-call`, { as: 'maria' }),
    pull.comment(blocking, { as: 'maria' }),
  ])

  const run = await github.until('both to count', () => {
    const newest = pull.checkRuns().at(-1)
    return newest?.title === '2 accepted' && newest.status === 'completed' ? newest : null
  })
  expect(run.conclusion).toBe('success')
  expect(ourAnswers(pull)).toHaveLength(1)
  expect(await told(pull)).toHaveLength(2)
})

test.each<[string, string, Record<string, string>]>([
  ['accept: admin', 'admins only', { maria: '-1', paula: '-1', root: '+1' }],
  ['accept: maintain', 'maintainers', { maria: '-1', paula: '+1' }],
  ['accept: nobody', 'nobody', { root: '-1' }],
  ['accept_own: false', 'others than the author', { alice: '-1', maria: '+1' }],
])('with `%s` %s may accept', async (text, _, reactions) => {
  const { repository, pull } = await opened({ [config]: `${text}\n` })
  repository.allow('paula', 'maintain')
  repository.allow('root', 'admin')

  for (const [login, reaction] of Object.entries(reactions)) expect(await say(pull, accept, login)).toBe(reaction)
})

test('nobody accepts what came after the comment', async () => {
  const { pull } = await opened({}, { [cart]: plain('Cart') })
  const held = github.faults.hold(({ body }) => JSON.stringify(body ?? '').includes('query PullContext'))
  await pull.comment(accept, { as: 'maria' })
  await held.reached
  // GitHub's clock has whole seconds.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await pull.push({ [stock]: callsItself })
  await pull.concluded()
  held.release()

  await github.until('a reaction', () => pull.conversation()[0]?.reactions[0])

  expect(pull.conversation()[0]?.reactions).toEqual(['confused'])
  expect(ourAnswers(pull)[0]!.body).toContain('newer than the comment that accepts `genserver-self-call`')
  expect((await pull.concluded()).conclusion).toBe('failure')
})

test('an accept holds in the merge queue, where the same findings stand', async () => {
  const { repository, pull } = await opened()
  await sayAndCheck(pull, accept)

  const group = await repository.enqueue(pull)

  const run = await repository.concludedOn(group.headSha)
  expect(run).toMatchObject({ conclusion: 'success', title: '1 accepted' })
  expect(textOf(run)).toContain('moves to Oban next week')
})

test('a group of several pull requests is read as one change: what one accepted holds for its own findings only', async () => {
  const { repository, pull } = await opened()
  await sayAndCheck(pull, accept)
  const other = await repository.open({ branch: 'cart', files: { [cart]: callsItselfAs('Cart') } })
  await other.concluded()

  const group = await repository.enqueue(pull, other)

  const run = await repository.concludedOn(group.headSha)
  expect(run).toMatchObject({ conclusion: 'failure', title: '1 error, 1 accepted' })
  expect(
    JSON.parse(run.externalId)
      .pulls.map((each: { number: number }) => each.number)
      .toSorted(),
  ).toEqual([1, 2])
  expect(run.annotations).toMatchObject([{ path: cart, startLine: 12 }])
})

test('a lost answer, or a crash before the reaction, does nothing twice', async () => {
  const { pull } = await opened()
  const comments = 'POST /repos/{owner}/{repo}/issues/{issue_number}/comments'
  github.faults.next(comments, { connection: 'drop', when: 'after' })
  github.faults.next(/reactions$/, { status: 502, when: 'before' }, 1)

  const { run } = await sayAndCheck(pull, accept)

  expect(run).toMatchObject({ conclusion: 'success', title: '1 accepted' })
  expect(ourAnswers(pull)).toHaveLength(1)
  expect(ourAnswers(pull)[0]!.body.match(/\| 1 finding \|/g)).toHaveLength(1)
})

test('a copy of our answer by somebody else accepts nothing', async () => {
  const { pull } = await opened()
  await sayAndCheck(pull, accept)
  const answer = ourAnswers(pull)[0]!.body
  const { pull: other } = await opened()
  await other.comment(answer, { as: 'mallory' })
  await other.comment(accept, { as: 'mallory' })

  const { run } = await sayAndCheck(other, '/otp-review recheck')

  expect(run).toMatchObject({ conclusion: 'failure', title: '1 error' })
})

test('reason and name are shown as they are, and do nothing', async () => {
  const { pull } = await opened()

  const { run } = await sayAndCheck(pull, '/otp-review accept genserver-self-call -- @acme/core | <!-- x --> [a](b) `c')

  expect(run.conclusion).toBe('success')
  for (const text of [run.text!, ourAnswers(pull)[0]!.body.split('\n\n<!-- ')[0]!]) {
    expect(text).not.toContain('@acme')
    expect(text).not.toContain('<!--')
    expect(text).toContain('\\[a\\](b)')
  }
})

const blocks = `defmodule Shop.Boot do
  @moduledoc "Waits for the device."

  use GenServer

  def start_link(url), do: GenServer.start_link(__MODULE__, url, name: __MODULE__)

  @impl true
  def init(url), do: {:ok, Req.get!(url).body}
end
`

test('what was accepted and is gone needs no accept; what comes back is accepted still', async () => {
  const { pull } = await opened()
  await sayAndCheck(pull, accept)

  await pull.push({ [stock]: asksItsState })
  expect(await pull.concluded()).toMatchObject({ conclusion: 'success', title: 'Nothing to report in 1 Elixir file' })
  await pull.push({ [stock]: callsItself })

  expect(await pull.concluded()).toMatchObject({ conclusion: 'success', title: '1 accepted' })
})
