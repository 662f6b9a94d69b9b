import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Files, StandIn } from '../support/github/index.ts'
import { callsItself, mix, plain } from './shop.ts'
import { start } from './start.ts'
import type { Running } from './start.ts'
import { textOf, told } from './told.ts'

let running: Running
let github: StandIn
beforeAll(async () => {
  running = await start()
  github = running.github
}, 60_000)
afterAll(() => running[Symbol.asyncDispose]())

const stock = 'lib/shop/stock.ex'
const LIMIT = 65_535

/** Reviews a pull request that adds these files, and tells what that cost. */
async function review(name: string, files: Files, base: Files = {}) {
  const repository = await github.repository(`acme/${name}`, { files: { ...mix, ...base } })
  github.requests.length = 0
  const pull = await repository.open({ branch: 'large', files })
  const run = await pull.concluded()
  const done = await running.line({ msg: 'job done', repo: repository.fullName })
  return { repository, pull, run, requests: github.countApiRequests(), ms: Number(done['ms']) }
}

test('files that are too large, binary, links or modules of other repositories are named, and do not pass as clean', async () => {
  const { run } = await review('odd', {
    'lib/large.ex': `# ${'x'.repeat(78)}\n`.repeat(6_500),
    'lib/big.ex': `# ${'x'.repeat(78)}\n`.repeat(5_200),
    'lib/binary.ex': Buffer.from([0x64, 0, 0xff, 0xfe]),
    'lib/link.ex': { mode: '120000', text: 'a.ex' },
    'lib/module.ex': { mode: '160000', oid: 'a'.repeat(40) },
    'lib/a.ex': plain('A'),
  })

  expect(run).toMatchObject({ conclusion: 'neutral' })
  for (const [path, reason] of Object.entries({
    'lib/large.ex': 'over 400 kB',
    'lib/big.ex': 'over 400 kB',
    'lib/binary.ex': 'binary',
    'lib/module.ex': 'not a file',
  })) {
    expect(run.text).toContain(`| \`${path}\` | ${reason} |`)
  }
})

test('5,000 findings: three comments, 300 annotations, and a run that says what is left out', async () => {
  const clauses = Array.from(
    { length: 1_000 },
    (_, index) => `  def handle_call({:n${index}, item}, _from, stock), do: {:reply, count(item), stock}\n`,
  )
  const module = (name: string) =>
    callsItself
      .replace('Shop.Stock', name)
      .replace(/  def handle_call\({:sell[^]*?\n  end\n\n/, `${clauses.join('')}\n`)
  const names = ['One', 'Two', 'Three', 'Four', 'Five']

  const { repository, pull, run, requests } = await review(
    'noisy',
    Object.fromEntries(names.map((name) => [`lib/${name.toLowerCase()}.ex`, module(name)])),
  )

  expect(run.title).toBe('5,000 errors')
  expect(run.annotations).toHaveLength(300)
  expect(run.summary).toContain('4,697 more findings without an annotation: too many for GitHub.')
  expect(run.summary).toMatch(/[\d,]+ more rows did not fit here\./)
  for (const text of [run.summary!, run.text!]) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LIMIT)
  expect(await told(pull)).toHaveLength(3)
  expect(requests).toBeLessThan(16)

  // More than one comment of ours could remember.
  repository.allow('maria', 'write')
  const { id } = await pull.comment('/otp-review accept genserver-self-call -- all of it', { as: 'maria' })
  const reactions = await github.until('a reaction', () => {
    const found = pull.conversation().find((one) => one.id === id)!.reactions
    return found.length > 0 && found
  })
  expect(reactions).toEqual(['confused'])
  expect(pull.conversation().at(-1)!.body).toContain(
    'There are more findings of `genserver-self-call` than can be accepted in comments.',
  )
}, 60_000)

test('a merge group of more files than a comparison lists says so', async () => {
  const parts = Array.from({ length: 301 }, (_, index) => [`lib/part${index}.ex`, `defmodule P${index} do\nend\n`])
  const { repository, pull, run } = await review('grouped', Object.fromEntries(parts))
  expect(run).toMatchObject({ conclusion: 'success', title: 'Nothing to report in 301 Elixir files' })

  const group = await repository.enqueue(pull)
  const checked = await repository.concludedOn(group.headSha)

  expect(checked).toMatchObject({ conclusion: 'neutral' })
  expect(checked.summary).toContain('GitHub lists only the first 300 changed files')
}, 60_000)

test('folders beyond measure cost a measured number of requests', async () => {
  const deep = Array.from({ length: 300 }, (_, index) => [
    `${Array.from({ length: 12 }, (__, depth) => `d${depth}x${index}`).join('/')}/a.ex`,
    plain(`D${index}`),
  ])

  const { run, requests } = await review('deep', Object.fromEntries(deep))

  expect(run).toMatchObject({ conclusion: 'neutral' })
  expect(textOf(run)).toContain('too many folders to look for it in all of them')
  expect(requests).toBeLessThan(45)
}, 60_000)

test('one line of ten megabytes is not read', async () => {
  const { run } = await review('long', { 'lib/long.ex': `x = "${'a'.repeat(10_000_000)}"\n`, [stock]: callsItself })

  expect(run).toMatchObject({ conclusion: 'failure' })
  expect(run.text).toContain('| `lib/long.ex` | over 400 kB |')
}, 60_000)
