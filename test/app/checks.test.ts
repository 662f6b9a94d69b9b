import { afterAll, beforeAll, expect, test } from 'vitest'
import { asInstallation } from '../github-stand-in/client.ts'
import type { Files, StandIn } from '../support/github/index.ts'
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

let count = 0
const newRepository = (files: Files = {}, owner = 'acme') =>
  github.repository(`${owner}/checked${(count += 1)}`, { files: { ...mix, ...files } })

async function opened(base: Files = {}, files: Files = { [stock]: callsItself }) {
  const repository = await newRepository(base)
  const pull = await repository.open({ branch: 'stock', files })
  await pull.concluded()
  return { repository, pull }
}

const conclusionsOn = (runs: { conclusion: string | null }[]) => runs.map(({ conclusion }) => conclusion)

test('the check run is there before anything is read', async () => {
  const repository = await newRepository()
  const held = github.faults.hold('GET /repos/{owner}/{repo}/pulls/{pull_number}/files')

  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  await held.reached

  expect(pull.checkRuns()).toMatchObject([{ name: 'OTP review', status: 'in_progress' }])
  held.release()
  expect(await pull.concluded()).toMatchObject({
    conclusion: 'failure',
    actions: [{ identifier: 'check-again', label: 'Check again' }],
  })
  expect(pull.checkRuns()).toHaveLength(1)
})

test('runs that a lost answer left unfinished are used or closed: none stays pending', async () => {
  const repository = await newRepository()
  const head = await repository.push('stock', { [stock]: callsItself })
  const [owner = '', repo = ''] = repository.fullName.split('/')
  for (const _ of [1, 2]) {
    await asInstallation(github).rest.checks.create({
      owner,
      repo,
      name: 'OTP review',
      head_sha: head,
      status: 'in_progress',
    })
  }

  const pull = await repository.openFrom('stock')
  await pull.concluded()

  await github.until('both to end', () => pull.checkRuns().every(({ status }) => status === 'completed'))
  expect(conclusionsOn(pull.checkRuns())).toEqual(['neutral', 'failure'])
})

test.each<[string, (made: Awaited<ReturnType<typeof opened>>) => Promise<void>]>([
  ['"Re-run"', ({ repository, pull }) => repository.rerequest(pull.checkRuns()[0]!)],
  ['"Re-run all checks"', ({ repository, pull }) => repository.rerequest(pull.checkRuns()[0]!, 'suite')],
  ['"Check again"', ({ repository, pull }) => repository.press(pull.checkRuns()[0]!, 'check-again')],
])('%s makes another run, and repeats no comment', async (_, ask) => {
  const made = await opened()

  const run = await checkedAgain(github, made.pull, () => ask(made))

  expect(run).toMatchObject({ name: 'OTP review', conclusion: 'failure' })
  expect(conclusionsOn(made.pull.checkRuns())).toEqual(['failure', 'failure'])
  expect(made.pull.reviews()).toHaveLength(1)
})

test.each(['run', 'suite'] as const)(
  'a re-run of a %s on a fork finds its pull request by our own note',
  async (what) => {
    const repository = await newRepository()
    const fork = await repository.fork(`zoe${count}`)
    const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself }, from: fork })
    const first = await pull.concluded()

    const run = await checkedAgain(github, pull, () => repository.rerequest(first, what))

    expect(run.conclusion).toBe('failure')
    expect(pull.reviews()).toHaveLength(1)
  },
)

test('all checks of a commit that has none of ours are asked for: its open pull request is found by its head', async () => {
  const repository = await newRepository()
  github.webhooks.lose()
  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  github.webhooks.deliverTo(running.service.webhookUrl)
  const suite = repository.home.suites.find(({ headSha }) => headSha === pull.head)!

  await repository.rerequest({ suite } as never, 'suite')

  expect(await pull.concluded()).toMatchObject({ conclusion: 'failure' })
})

test('a re-run on a commit that is no head any more says so there, and reviews the head', async () => {
  const { repository, pull } = await opened()
  const old = pull.head
  const first = pull.checkRuns()[0]!
  await pull.push({ [stock]: asksItsState })
  await pull.concluded()

  await checkedAgain(github, pull, () => repository.rerequest(first))

  expect(conclusionsOn(pull.checkRuns())).toEqual(['success', 'success'])
  const runs = pull.checkRuns(old)
  expect(runs).toMatchObject([{ conclusion: 'failure' }, { conclusion: 'neutral', title: 'Superseded' }])
  expect(runs[1]!.summary).toContain(pull.head.slice(0, 8))
})

test('a re-run on a merge group checks the group again', async () => {
  const { repository, pull } = await opened()
  const group = await repository.enqueue(pull)
  const first = await repository.concludedOn(group.headSha)
  await github.webhooks.settled()

  await repository.rerequest(first)

  await github.until('another run on the group', () => {
    const runs = repository.runsOn(group.headSha)
    return runs.length === 2 && runs.every(({ status }) => status === 'completed')
  })
  expect(conclusionsOn(repository.runsOn(group.headSha))).toEqual(['failure', 'failure'])
})

test('a merge group that is destroyed while it is read leaves no run open', async () => {
  const { repository, pull } = await opened()
  const held = github.faults.hold(({ body }) => JSON.stringify(body ?? '').includes('query GroupContext'))
  const group = await repository.enqueue(pull)
  await held.reached
  await repository.dequeue(group)
  held.release()
  await pull.push({ [cart]: plain('Cart') })
  await pull.concluded()

  const open = repository.runsOn(group.headSha).filter(({ status }) => status !== 'completed')
  expect(open).toEqual([])
})

test('two pull requests on one head share the stricter result, and each has its own comments', async () => {
  const repository = await newRepository()
  await repository.push('next', { [config]: 'fail_on: never\n' })
  const strict = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  await strict.concluded()

  const mild = await repository.openFrom('stock', { base: 'next' })
  const run = await github.until('both to be reviewed', () =>
    mild.reviews().length === 1 && mild.checkRuns().every(({ status }) => status === 'completed')
      ? mild.checkRuns().at(-1)
      : null,
  )

  expect(mild.head).toBe(strict.head)
  expect(run).toMatchObject({ conclusion: 'failure' })
  expect(run.summary).toContain(`Pull request #${strict.number} has the same commit, and its result counts for both`)
  expect([await told(strict), await told(mild)]).toEqual([
    [`${stock}:12 genserver-self-call: open`],
    [`${stock}:12 genserver-self-call: open`],
  ])

  await checkedAgain(github, mild, () => strict.close())
  expect(mild.checkRuns().at(-1)).toMatchObject({ conclusion: 'neutral' })
})

test('two pull requests from one branch of a fork share the stricter result too, whichever was there first', async () => {
  const repository = await newRepository()
  await repository.push('next', { [config]: 'fail_on: never\n' })
  const fork = await repository.fork(`zoe${count}`)
  const mild = await repository.open({ branch: 'stock', files: { [stock]: callsItself }, from: fork, base: 'next' })
  expect(await mild.concluded()).toMatchObject({ conclusion: 'neutral' })

  const strict = await repository.openFrom('stock', { from: fork })
  await checkedAgain(github, mild, () => mild.push({ [cart]: plain('Cart') }))
  const concluded = await github.until('a run of each', () => {
    const runs = mild.checkRuns()
    return runs.length === 2 && runs.every(({ status }) => status === 'completed') ? runs : null
  })

  expect(strict.head).toBe(mild.head)
  expect(conclusionsOn(concluded)).toEqual(['failure', 'failure'])
  await checkedAgain(github, mild, () => repository.rerequest(concluded.at(-1)!))
  expect(mild.checkRuns().at(-1)).toMatchObject({ conclusion: 'failure' })
})

test('with `check_name: base` each base branch has a check of its own', async () => {
  const repository = await newRepository({ [config]: 'check_name: base\n' })
  await repository.push('next', { [config]: 'check_name: base\nfail_on: never\n' })
  const strict = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  await strict.concluded('OTP review: main')

  const mild = await repository.openFrom('stock', { base: 'next' })

  expect(await mild.concluded('OTP review: next')).toMatchObject({ conclusion: 'neutral' })
  expect(await mild.concluded('OTP review: main')).toMatchObject({ conclusion: 'failure' })
})

test('another base branch is another change: what it has already is withdrawn, and a new run says so', async () => {
  const repository = await newRepository()
  await repository.push('next', { [stock]: callsItself })
  await repository.push('cart', { [cart]: plain('Cart') }, { from: 'next' })
  const pull = await repository.openFrom('cart')
  await pull.concluded()
  expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: open`])

  const held = github.faults.hold('GET /repos/{owner}/{repo}/pulls/{pull_number}/files')
  const run = await checkedAgain(github, pull, async () => {
    await pull.retarget('next')
    await held.reached
    // Until the other change is read, nothing lets it be merged.
    expect(pull.checkRuns().map(({ status }) => status)).toEqual(['completed', 'in_progress'])
    held.release()
  })

  expect(run).toMatchObject({ conclusion: 'success' })
  expect(JSON.parse(run.externalId)).toMatchObject({ pulls: [{ number: pull.number, base: 'next' }] })
  expect(await told(pull)).toEqual([expect.stringMatching(/genserver-self-call: withdrawn folded$/)])

  const back = await checkedAgain(github, pull, () => pull.retarget('main'))
  expect(back).toMatchObject({ conclusion: 'failure' })
  expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: withdrawn folded, open`])
})

test('a new title is no reason to look again', async () => {
  const { pull } = await opened()
  github.requests.length = 0

  await pull.retitle('Better')
  await github.webhooks.settled()

  expect(github.requests).toEqual([])
})

test('closed before it was read: a conclusion, no comments; reopened: the comments', async () => {
  const repository = await newRepository()
  const held = github.faults.hold(({ body }) => JSON.stringify(body ?? '').includes('query PullContext'))
  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  await held.reached
  await pull.close()
  held.release()
  expect(await pull.concluded()).toMatchObject({ conclusion: 'failure' })
  expect(pull.reviews()).toEqual([])

  await checkedAgain(github, pull, () => pull.reopen())

  expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: open`])
})

test('a merged pull request keeps what was said', async () => {
  const { pull } = await opened()
  const before = await pull.comments()

  await pull.merge()
  await github.webhooks.settled()
  await running.line({
    msg: 'job done',
    pr: pull.number,
    repo: pull.pull.repository.owner.login + '/' + pull.pull.repository.name,
    conclusion: null,
  })

  expect(await pull.comments()).toEqual(before.map((one) => ({ ...one, line: expect.anything() })))
  expect(pull.checkRuns()).toHaveLength(1)
})

test('a draft is checked like any other, and commented on when it is ready', async () => {
  const repository = await newRepository()
  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself }, draft: true })
  const draft = await pull.concluded()

  expect(draft).toMatchObject({ conclusion: 'failure', annotations: [{ path: stock, startLine: 12 }] })
  expect(draft.summary).toContain('Comments follow when the draft is ready for review.')
  expect(pull.reviews()).toEqual([])

  await checkedAgain(github, pull, () => pull.markReady())
  expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: open`])

  await pull.convertToDraft()
  await github.webhooks.settled()
  await running.line({ msg: 'job done', repo: repository.fullName, conclusion: null })
  expect(pull.checkRuns()).toHaveLength(2)
})

test('`drafts: true`: a draft gets its comments', async () => {
  const repository = await newRepository({ [config]: 'drafts: true\n' })

  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself }, draft: true })
  await pull.concluded()

  expect(pull.reviews()).toHaveLength(1)
})

test('a pull request whose fork is gone is still read, through the base repository', async () => {
  const repository = await newRepository()
  const fork = await repository.fork(`zoe${count}`)
  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself }, from: fork })
  const first = await pull.concluded()
  fork.remove()

  const run = await checkedAgain(github, pull, () => repository.rerequest(first))

  expect(run).toMatchObject({ conclusion: 'failure' })
  expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: open`])
})

test('installation day: older pull requests get a check run, and comments with their next push', async () => {
  const repository = await github.repository('newcomer/shop', { files: mix, installed: false })
  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  // GitHub's clock has whole seconds.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await repository.install()
  await pull.close()

  await pull.reopen()
  const run = await pull.concluded()

  expect(run).toMatchObject({ conclusion: 'failure', annotations: [{ path: stock }] })
  expect(run.summary).toContain('This pull request is older than the installation: comments begin with its next push.')
  expect(pull.reviews()).toEqual([])

  await pull.push({ [cart]: callsItselfAs('Cart') })
  await pull.concluded()
  expect(await told(pull)).toEqual([`${cart}:12 genserver-self-call: open`, `${stock}:12 genserver-self-call: open`])
})

test('a pull request by a bot is reviewed like anyone’s', async () => {
  const repository = await newRepository()

  const pull = await repository.open({ branch: 'deps', files: { [stock]: callsItself }, author: 'renovate[bot]' })

  expect(await pull.concluded()).toMatchObject({ conclusion: 'failure' })
  expect(pull.reviews()).toHaveLength(1)
})

test('a payload is a hint: what GitHub says when it is asked counts', async () => {
  const repository = await newRepository()
  github.webhooks.deliverTo(null)
  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })
  github.webhooks.deliverTo(running.service.webhookUrl)
  const delivery = github.webhooks.deliveries.findLast(({ event }) => event === 'pull_request')!
  const { pull_request: _, ...rest } = delivery.request.payload
  const payload = {
    ...rest,
    brand_new_field: { deeply: ['nested'] },
    pull_request: { head: { sha: pull.head, repo: null }, state: 'on fire', draft: 'maybe', changed_files: null },
  }

  await github.webhooks.redeliver({ ...delivery, request: { ...delivery.request, payload } })

  expect(await pull.concluded()).toMatchObject({ conclusion: 'failure' })
  expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: open`])
})

test('without the permission for merge queues, or for comments below, the check run says which to accept', async () => {
  const { metadata, contents, pull_requests, checks } = github.world.app.permissions as Record<string, 'read' | 'write'>
  const repository = await github.repository('frugal/shop', {
    files: mix,
    permissions: { metadata: metadata!, contents: contents!, pull_requests: pull_requests!, checks: checks! },
  })

  const pull = await repository.open({ branch: 'stock', files: { [cart]: plain('Cart') } })
  const run = await pull.concluded()

  expect(run).toMatchObject({ conclusion: 'success' })
  for (const permission of ['merge_queues:read', 'issues:read']) expect(textOf(run)).toContain(permission)
  expect(textOf(run)).toContain('An owner of this account can accept it')
})

test('without the permission for checks the review says which to accept', async () => {
  const repository = await github.repository('uncheckable/shop', {
    files: mix,
    permissions: { metadata: 'read', contents: 'read', pull_requests: 'write', issues: 'read', merge_queues: 'read' },
  })

  const pull = await repository.open({ branch: 'stock', files: { [stock]: callsItself } })

  const review = await github.until('a review', () => pull.reviews()[0])
  expect(review.body).toContain('There is no check run: the app lacks the permission `checks:write` here.')
  expect(pull.checkRuns()).toEqual([])
})

test('an installation that lets us write code lets us resolve the threads of what is fixed', async () => {
  const repository = await github.repository('trusting/shop', {
    files: mix,
    permissions: { ...github.world.app.permissions, contents: 'write' },
  })
  const pull = await repository.open({
    branch: 'stock',
    files: { [stock]: callsItself, [cart]: callsItselfAs('Cart') },
  })
  await pull.concluded()

  await pull.push({ [stock]: asksItsState })
  await pull.concluded()

  const resolved = Object.fromEntries((await pull.comments()).map((one) => [one.path, one.resolved]))
  expect(resolved).toEqual({ [stock]: true, [cart]: false })
})
