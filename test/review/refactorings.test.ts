import { describe, expect, test } from 'vitest'
import type { CataloguedRule } from '#engine'
import { rules } from '#rules'
import { casesOf, examplesOf } from '../support/cases.ts'
import { introducedBy } from '../support/change.ts'
import type { FileChange } from '../support/change.ts'

/** A module that has findings, as the cases of the rules write it, and the rule it is about. */
interface Sin {
  rule: CataloguedRule
  path: string
  text: string
  projectFiles: { path: string; text: string }[]
}

const MOST_OF_ONE_RULE = 8

const sins: Sin[] = rules.flatMap((rule) =>
  [...examplesOf(rule), ...casesOf(rule)]
    .flatMap(({ sources, projectFiles }) =>
      sources
        .filter(({ expected, outcome }) => expected.length > 0 && outcome === 'read')
        .map(({ path, text }) => ({ rule, path, text, projectFiles })),
    )
    .slice(0, MOST_OF_ONE_RULE),
)

/** What people do to files without changing what the code does. */
const refactorings: Record<string, (sin: Sin) => Record<string, FileChange>> = {
  'moved to another folder': ({ path, text }) => ({ [moved(path)]: { base: text, head: text, previousPath: path } }),

  'moved, as git sees it where it does not recognise the file': ({ path, text }) => ({
    [path]: { base: text, head: null },
    [moved(path)]: { base: null, head: text },
  }),

  'moved, with the module renamed after it': ({ path, text }) => ({
    [moved(path)]: { base: text, head: renamed(text), previousPath: path },
  }),

  'its module renamed': ({ path, text }) => ({ [path]: { base: text, head: renamed(text) } }),

  'indented by four': ({ path, text }) => ({
    [path]: { base: text, head: text.replaceAll(/^(?=.)/gm, '    ') },
  }),

  'with other line ends': ({ path, text }) => ({ [path]: { base: text, head: text.replaceAll('\n', '\r\n') } }),

  'with a comment over every function': ({ path, text }) => ({
    [path]: { base: text, head: text.replaceAll(/^( *)(?=defp? )/gm, '$1# Said twice.\n$1') },
  }),

  'written again from a file beside it that goes away': ({ path, text }) => ({
    [`${path}.bak.ex`]: { base: text, head: null },
    [path]: { base: 'defmodule Placeholder do\nend\n', head: text },
  }),

  'put into one file with another module': ({ path, text }) => ({
    [path]: { base: text, head: null },
    'lib/all.ex': { base: harmless, head: `${harmless}\n${text}` },
  }),

  'taken out of a file with another module': ({ path, text }) => ({
    'lib/all.ex': { base: `${harmless}\n${text}`, head: harmless },
    [path]: { base: null, head: text },
  }),
}

const harmless = `defmodule Elsewhere.Price do
  def total(items), do: Enum.sum_by(items, & &1.price)
end
`

function moved(path: string): string {
  const at = path.lastIndexOf('/') + 1
  return `${path.slice(0, at)}moved/${path.slice(at)}`
}

/** Every module of the file under another name, and every mention of it. */
function renamed(text: string): string {
  const names = [...text.matchAll(/^ *defmodule +([A-Z][\w.]*)/gm)].map(([, name]) => name!)
  return names.reduce(
    (result, name) =>
      result.replaceAll(new RegExp(`(?<![\\w.])${name.replaceAll('.', '\\.')}(?!\\w)`, 'g'), `New.${name}`),
    text,
  )
}

describe.each(Object.entries(refactorings))('silence when a file is %s', (_, refactor) => {
  test.each(rules.map((rule) => ({ id: rule.id, rule })))('$id', ({ rule }) => {
    const noise = sins
      .filter((sin) => sin.rule === rule)
      .flatMap((sin) => {
        const options = { rules: [rule], set: 'strict', projectFiles: sin.projectFiles } as const
        return introducedBy(refactor(sin), options).map((each) => `${each}\n${sin.text}`)
      })

    expect(noise).toEqual([])
  })
})

const shop = `defmodule Shop.Stock do
  @moduledoc "How many of each product are left."

  use GenServer

  alias Shop.Catalog

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  def reserve(items), do: GenServer.call(__MODULE__, {:reserve, items})
  def left(sku), do: GenServer.call(__MODULE__, {:left, sku})
  def low, do: GenServer.call(__MODULE__, :low)

  @impl true
  def init(_opts), do: {:ok, %{}, {:continue, :load}}

  @impl true
  def handle_continue(:load, _counts) do
    {:noreply, Map.new(Catalog.list_products(), &{&1.sku, &1.stock})}
  end

  @impl true
  def handle_call({:reserve, items}, _from, counts) do
    if Enum.all?(items, &(Map.get(counts, &1.sku, 0) >= &1.count)) do
      {:reply, :ok, Enum.reduce(items, counts, &take/2)}
    else
      {:reply, {:error, :sold_out}, counts}
    end
  end

  def handle_call({:left, sku}, _from, counts) do
    {:reply, Map.get(counts, sku, 0), counts}
  end

  def handle_call(:low, _from, counts) do
    {:reply, for({sku, _count} <- counts, left(sku) < 5, do: sku), counts}
  end

  defp take(item, counts), do: Map.update!(counts, item.sku, &(&1 - item.count))
end
`
const path = 'lib/shop/stock.ex'
const selfCall = (file: string) => introducedBy({ [file]: { base: null, head: shop } })

describe('silence, on a module of a shop, when', () => {
  const replaced = (...pairs: [string | RegExp, string][]) =>
    pairs.reduce((text, [from, to]) => {
      const result = text.replace(from, to)
      expect(result).not.toBe(text)
      return result
    }, shop)

  test('nothing at all is done, there would be something to say', () => {
    expect(selfCall(path)).toEqual([`${path}:36 genserver-self-call`])
  })

  test.each<[string, () => Record<string, FileChange>]>([
    [
      'the formatter breaks its lines',
      () => ({
        [path]: {
          base: shop,
          head: replaced([
            '    {:reply, for({sku, _count} <- counts, left(sku) < 5, do: sku), counts}',
            '    {\n      :reply,\n      for(\n        {sku, _count} <- counts,\n        left(sku) < 5,\n        do: sku\n      ),\n      counts\n    }',
          ]),
        },
      }),
    ],
    [
      'its functions change places',
      () => {
        const [reads = ''] = /  def handle_call\({:left[^]*?\n  end\n\n/.exec(shop) ?? []
        const low = /  def handle_call\(:low[^]*?\n  end\n\n/.exec(shop)?.[0] ?? ''
        return { [path]: { base: shop, head: replaced([reads + low, low + reads]) } }
      },
    ],
    [
      'the work of its clause is extracted to a function',
      () => ({
        [path]: {
          base: shop,
          head: replaced(
            [
              '{:reply, for({sku, _count} <- counts, left(sku) < 5, do: sku), counts}',
              '{:reply, scarce(counts), counts}',
            ],
            [
              '  defp take',
              '  defp scarce(counts), do: for({sku, _count} <- counts, left(sku) < 5, do: sku)\n\n  defp take',
            ],
          ),
        },
      }),
    ],
    ['a variable gets another name', () => ({ [path]: { base: shop, head: shop.replaceAll('counts', 'levels') } })],
    [
      'the file is split, and the offender goes to the new file under a new name',
      () => {
        const low = replaced(
          [/  def reserve.*\n/, ''],
          [/  def handle_call\({:reserve[^]*?\n  end\n\n/, ''],
          [/\n  defp take.*\n/, ''],
          ['defmodule Shop.Stock', 'defmodule Shop.Stock.Levels'],
        )
        const rest = replaced([/  def low.*\n/, ''], [/  def handle_call\(:low[^]*?\n  end\n\n/, ''])
        return { [path]: { base: shop, head: rest }, 'lib/shop/stock/levels.ex': { base: null, head: low } }
      },
    ],
    ['the whole namespace is renamed', () => ({ [path]: { base: shop, head: shop.replaceAll('Shop.', 'Store.') } })],
    [
      'a clause is added beside the offender',
      () => ({
        [path]: {
          base: shop,
          head: replaced([
            '  def handle_call(:low',
            '  def handle_call(:all, _from, counts), do: {:reply, counts, counts}\n\n  def handle_call(:low',
          ]),
        },
      }),
    ],
    [
      'docs and specs are written',
      () => ({
        [path]: {
          base: shop,
          head: replaced(
            ['  def low,', '  @doc "What runs out."\n  @spec low() :: [String.t()]\n  def low,'],
            [
              '  def left(',
              '  @doc """\n  How many are left: `GenServer.call(__MODULE__, {:left, sku})`.\n  """\n  def left(',
            ],
          ),
        },
      }),
    ],
  ])('%s', (_, change) => {
    expect(introducedBy(change())).toEqual([])
  })
})
