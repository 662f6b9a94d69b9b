import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { rules } from '#rules'
import { readMarker } from '../../src/review/marker.ts'
import { examplesOf } from '../support/cases.ts'
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
beforeEach(() => {
  github.requests.length = 0
})

const stock = 'lib/shop/stock.ex'
const LIMIT = 65_535
const sent = (line: string) => github.requests.filter(({ method, route }) => `${method} ${route}`.endsWith(line))
const bytes = (text: string | null) => Buffer.byteLength(text ?? '')

/** The bad example of each rule that is on by default, a file each. */
const mistakes = Object.fromEntries(
  rules
    .filter(({ set }) => set === 'recommended')
    .flatMap((rule) => examplesOf(rule).filter(({ name }) => name === 'example 1, bad'))
    .map(({ sources: [source] }, index) => [`lib/shop/example${index}.ex`, source!.text]),
)

test('dozens of findings: one review with ten comments, three of a rule at most, and all others in batches of annotations', async () => {
  const repository = await github.repository('acme/mistakes', { files: mix })
  const names = Array.from({ length: 40 }, (_, index) => `Server${index}`)
  const many = Object.fromEntries(names.map((name) => [`lib/${name}.ex`, callsItselfAs(name)]))

  const pull = await repository.open({ branch: 'all', files: { ...mistakes, ...many } })
  const run = await pull.concluded()

  const comments = await pull.comments()
  const ofRule = Map.groupBy(comments, ({ body }) => readMarker(body)!.rule)
  expect(comments).toHaveLength(10)
  expect(Math.max(...[...ofRule.values()].map((each) => each.length))).toBe(3)
  expect(sent('/reviews')).toHaveLength(1)
  expect(sent('/comments')).toEqual([])
  expect(run.annotations.length).toBeGreaterThan(50)
  const batches = sent('/check-runs/{check_run_id}').map(
    ({ body }) => (body as { output: { annotations?: unknown[] } }).output.annotations?.length ?? 0,
  )
  expect(Math.max(...batches)).toBe(50)
  expect(batches.reduce((total, each) => total + each, 0)).toBe(run.annotations.length)
  const counts = [...run.title!.matchAll(/(\d+) (?:errors?|warnings?|infos?)/g)].map(([, each]) => Number(each))
  expect(counts.reduce((total, each) => total + each, 0)).toBe(comments.length + run.annotations.length)
  expect(run.summary).toMatch(/\d+ findings stand only here: a pull request gets at most 10 comments, 3 of one rule/)
  for (const text of [run.summary, run.text]) expect(bytes(text)).toBeLessThanOrEqual(LIMIT)
})

test('names of thousands of characters make no body too long, and the finding is known again', async () => {
  const repository = await github.repository('acme/long', { files: mix })
  // No longer module compiles: its name is an atom.
  const named = (text: string) =>
    text.replaceAll('count', `c${'o'.repeat(5_000)}unt`).replaceAll('Shop.Stock', `Shop.S${'t'.repeat(230)}ock`)
  const pull = await repository.open({ branch: 'long', files: { [stock]: named(callsItself) } })
  const run = await pull.concluded()
  const [comment] = await pull.comments()
  for (const text of [comment!.body, run.summary, run.text, ...run.annotations.map(({ message }) => message)]) {
    expect(bytes(text)).toBeLessThanOrEqual(LIMIT)
  }
  expect(readMarker(comment!.body)).toMatchObject({ rule: 'genserver-self-call', state: 'open' })

  await pull.push({ [stock]: named(asksItsState) })
  await pull.concluded()
  expect(await told(pull)).toEqual([expect.stringMatching(/genserver-self-call: fixed folded$/)])
})

test('suggestions and code blocks in comments are of six lines at most', async () => {
  const repository = await github.repository('acme/blocks', {
    files: { ...mix, '.github/otp-review.yml': 'comments:\n  max: 50\n' },
  })
  const children = Array.from({ length: 9 }, (_, index) => `      Shop.Worker${index},`).join('\n')
  const application = `defmodule Shop.Application do
  use Application

  def start(_type, _args) do
    children = [
      ShopWeb.Endpoint,
${children}
      {Phoenix.PubSub, name: Shop.PubSub}
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end
end
`

  const pull = await repository.open({ branch: 'all', files: { ...mistakes, 'lib/shop/application.ex': application } })
  await pull.concluded()

  const blocks = (await pull.comments()).flatMap(({ body }) => [...body.matchAll(/^(`{3,})(\w+)\n([^]*?)\n\1$/gm)])
  expect(blocks.length).toBeGreaterThan(5)
  for (const [, , , code] of blocks) expect(code!.split('\n').length).toBeLessThanOrEqual(6)
})
