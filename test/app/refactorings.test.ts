import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Files, StandIn } from '../support/github/index.ts'
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

const demo = join(import.meta.dirname, '../../demo')
/** A shop of ten modules, with nine kinds of findings in them. */
const shop = { ...filesIn('shop'), ...filesIn('pull-request') }
const paths = Object.keys(shop).filter((path) => path.startsWith('lib/') && path.endsWith('.ex'))

function filesIn(folder: string): Record<string, string> {
  const entries = readdirSync(join(demo, folder), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Object.fromEntries(
    files.map((file) => [file.slice(demo.length + folder.length + 2), readFileSync(file, 'utf8')]),
  )
}

/** Every module of the shop as `change` leaves it; the paths go to where `change` says. */
function everywhere(change: (text: string, path: string) => Record<string, string>): Files {
  const gone = Object.fromEntries(paths.map((path) => [path, null]))
  return { ...gone, ...Object.assign({}, ...paths.map((path) => change(shop[path]!, path))) }
}

let count = 0
async function review(base: Record<string, string>, files: Files) {
  const repository = await github.repository(`acme/refactored${(count += 1)}`, { files: base })
  const pull = await repository.open({ branch: 'change', files })
  const run = await pull.concluded()
  return { run, pull, said: await told(pull) }
}

test('written anew, the shop is told of its sins', async () => {
  const { run, said } = await review(filesIn('shop'), filesIn('pull-request'))

  expect(run).toMatchObject({ conclusion: 'failure' })
  expect(said).toHaveLength(10)
})

test.each<[string, () => Files]>([
  ['moved to other folders', () => everywhere((text, path) => ({ [path.replace('lib/', 'apps/shop/lib/')]: text }))],
  [
    'moved, and renamed after their folders',
    () =>
      everywhere((text, path) => ({
        [path.replace('lib/shop', 'lib/store')]: text.replaceAll(/\bShop(Web)?\b/g, 'Store$1'),
      })),
  ],
  ['given another namespace', () => everywhere((text, path) => ({ [path]: text.replaceAll('Shop.', 'Acme.Shop.') }))],
  ['indented anew', () => everywhere((text, path) => ({ [path]: text.replaceAll(/^( +)/gm, '$1$1') }))],
  [
    'put on shorter lines',
    () =>
      everywhere((text, path) => ({
        [path]: text.replaceAll(/^( *)(defp? .*), do: (.*)$/gm, '$1$2,\n$1  do:\n$1    $3'),
      })),
  ],
  [
    'given docs',
    () =>
      everywhere((text, path) => ({
        [path]: text
          .replaceAll(/^( *)(?=def )/gm, '$1@doc "See the handbook: `Task.start(fn -> :ok end)`."\n$1')
          .replaceAll(/^( *)(?=@impl)/gm, '$1# As the behaviour asks.\n$1'),
      })),
  ],
  [
    'put into one file',
    () => ({
      ...Object.fromEntries(paths.map((path) => [path, null])),
      'lib/all.ex': paths.map((path) => shop[path]!).join('\n'),
    }),
  ],
  [
    'turned upside down: every function at another place',
    () =>
      everywhere((text, path) => {
        const parts = text.split(/\n\n(?=  (?:@impl|def |defp ))/)
        const [head, ...functions] = parts
        const last = functions.pop() ?? ''
        const body = [...functions, last.replace(/\nend\n$/, '')].filter((part) => part !== '')
        return { [path]: body.length < 2 ? text : `${[head, ...body.toReversed()].join('\n\n')}\nend\n` }
      }),
  ],
])('nothing is said of modules that are %s', async (_, change) => {
  const files = change()
  expect(Object.entries(files).filter(([path, text]) => text !== null && text !== shop[path]).length).toBeGreaterThan(0)

  const { run, said, pull } = await review(shop, files)

  expect(said).toEqual([])
  expect([run.conclusion, run.annotations, pull.reviews()]).toEqual(['success', [], []])
  expect(textOf(run)).toContain('This change introduces no problem that the rules know.')
})

test('nothing is said where a file is split in two, and half of it renamed', async () => {
  const path = 'lib/shop/orders.ex'
  const orders = shop[path]!
  const announces = /\n  defp announce[^]*?\n  end\n/.exec(orders)![0]
  const rest = orders.replace(announces, '').replace('announce(order)', 'Shop.Orders.News.announce(order)')
  const news = `defmodule Shop.Orders.News do\n  @moduledoc "Tells the others."\n  alias Shop.Stock\n${announces.replace('defp', 'def')}end\n`

  const { run, said } = await review(shop, { [path]: rest, 'lib/shop/orders/news.ex': news })

  expect([run.conclusion, run.annotations, said]).toEqual(['success', [], []])
})
