import { describe, expect, test } from 'vitest'
import { fateOf, lostThrough, takersOf } from '#elixir'
import { clauseWith, moduleOf } from './read-source.ts'

/** What becomes of the value of `made()` in a body: `bound 3` where a name that holds it is read at three places. */
function fate(body: string): string {
  const clause = clauseWith(body)
  const call = clause.calls.find(({ name }) => name === 'made')!
  const found = fateOf(call, clause)
  if (found.kind === 'bound') return `bound ${found.uses.length}`
  return found.kind === 'given' ? `given ${found.to.kind}` : found.kind
}

describe('what becomes of a value', () => {
  test.each([
    ['a statement', 'made()\n:ok', 'discarded'],
    ['the last statement', ':ok\nmade()', 'returned'],
    ['a branch that is returned', 'if x, do: made(), else: nil', 'returned'],
    ['a branch that is not', 'if x, do: made()\n:ok', 'discarded'],
    ['a condition', 'if made(), do: 1', 'discarded'],
    ['a name that is read', 'a = made()\n{a, a}', 'bound 2'],
    ['a name that is never read', 'a = made()\n:ok', 'discarded'],
    ['a name that is returned with the match', ':ok\na = made()', 'returned'],
    ['a name that is not meant to be read', '{:ok, _pid} = made()\n:ok', 'discarded'],
    ['a part of it', '{:ok, pid} = made()\nlink(pid)', 'bound 1'],
    ['a branch that is matched', '{:ok, pid} = if x, do: made(), else: other()\nlink(pid)', 'bound 1'],
    ['a case that takes something out', 'case made() do\n {:ok, pid} -> pid\n _ -> nil\nend', 'bound 1'],
    ['a case that only looks', 'case made() do\n {:ok, _} -> 1\n :error -> 2\nend', 'discarded'],
    ['a with that takes something out', 'with {:ok, pid} <- made(), do: link(pid)', 'bound 1'],
    ['a with that only looks', 'with {:ok, _} <- made(), do: :ok', 'discarded'],
    ['an argument', 'put(made())', 'given call'],
    ['the start of a pipe', 'made() |> put()\n:ok', 'given call'],
    ['an element', '{:ok, made()}', 'given tuple'],
    ['a generator', 'for x <- made(), do: x', 'given for'],
    ['the last thing of a closure', 'Repo.transaction(fn -> made() end)', 'returned'],
    ['one of many that are dropped', 'Enum.map(list, fn x -> made(x) end)\n:ok', 'discarded'],
    ['one of many that are kept', 'all = Enum.map(list, &made(&1))\nuse(all)', 'bound 1'],
    ['for its effect', 'Enum.each(list, fn x -> made(x) end)', 'discarded'],
  ])('%s', (_name, body, expected) => {
    expect(fate(body)).toBe(expected)
  })
})

/** Who throws away what `f/1` returns, by their text; null where somebody can have it. */
function losers(callers: string, definition = 'defp'): string[] | null {
  const module = moduleOf(`defmodule Shop.Cart do\n${callers}\n${definition} f(x), do: made(x)\nend`)
  const [clause] = module.clauses('f', 1)
  return lostThrough(clause!.calls[0]!, clause!)?.map(({ text }) => text) ?? null
}

test.each([
  ['all callers drop it', 'def a(x) do\nf(x)\nEnum.each(x, &f/1)\n:ok\nend', ['f(x)', '&f/1']],
  ['one keeps it', 'def a(x) do\nf(x)\n:ok\nend\ndef b(x), do: f(x)', null],
  ['one collects it', 'def a(x), do: Enum.map(x, &f/1)', null],
  ['nobody calls it', 'def a(x), do: x', null],
])('a value that a private function returns, where %s', (_name, callers, expected) => {
  expect(losers(callers)).toEqual(expected)
})

test('a value that a public function returns is for its callers', () => {
  expect(losers('def a(x) do\nf(x)\n:ok\nend', 'def')).toBeNull()
})

test('what a private function returns is taken by its calls', () => {
  const takers = (definition: string): string[] => {
    const module = moduleOf(
      `defmodule Shop.Cart do\ndef a(x), do: [f(x), f(x, 1)]\ndef b(x), do: f(x)\n${definition} f(x) do\nseen(x)\nmade(x)\nend\nend`,
    )
    const [clause] = module.clauses('f', 1)
    return clause!.calls.flatMap((call) => takersOf(call, clause!).map((taker) => taker.clause.function.name))
  }

  expect(takers('defp')).toEqual(['a', 'b'])
  expect(takers('def')).toEqual([])
})
