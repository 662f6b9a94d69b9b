import { describe, expect, test } from 'vitest'
import { clausesFor } from '#elixir'
import { moduleOf } from './read-source.ts'

/** The heads of `g` that the call in `f` can run. */
function taken(call: string, heads: readonly string[], head = 'f(x)'): string[] {
  const source = `defmodule A do\n  def ${head}, do: ${call}\n${heads.map((each) => `  defp g${each}, do: 1\n`).join('')}end\n`
  const module = moduleOf(source)
  const [clause] = module.functions.find(({ name }) => name === 'f')!.clauses
  const by = clause!.calls.find(({ name }) => name === 'g')!
  const fun = module.function('g', by.arity)!
  return clausesFor(by, fun, clause!).map((each) => heads[fun.clauses.indexOf(each)]!)
}

describe('the clauses that a call can run', () => {
  test.each<[string, string[], string[]]>([
    ['g(:a)', ['(:a)', '(:b)'], ['(:a)']],
    ['g(:c)', ['(:a)', '(other)'], ['(other)']],
    ['g(:a)', ['(:a)', '(other)'], ['(:a)']],
    ['g(nil)', ['(%{})', '("")', '(1)', '([])', '(other)'], ['(other)']],
    ['g({:a, x})', ['({:a, 1})', '({:b, _})', '({:a, _, _})', '({:a, y})', '(_)'], ['({:a, 1})', '({:a, y})']],
    ['g([])', ['([])', '([head | tail])'], ['([])']],
    ['g([x])', ['([])', '([head | tail])'], ['([head | tail])']],
    ['g("a")', ['("a" <> rest)', '("b")', '(:a)'], ['("a" <> rest)']],
    ['g(x, 0)', ['(a, 0)', '(a, n)'], ['(a, 0)']],
    ['x |> g(3)', ['(a, 0)', '(a, n)'], ['(a, n)']],
    ['g(3)', ['(n) when n > 3', '(n) when n >= 3 and is_integer(n)', '(n)'], ['(n) when n >= 3 and is_integer(n)']],
    ['g(nil)', ['(u) when is_binary(u) or is_map(u)', '(u) when is_nil(u)', '(u)'], ['(u) when is_nil(u)']],
    ['g(%S{})', ['(%T{})', '(%S{} = s)', '(map)'], ['(%S{} = s)', '(map)']],
    ['g(:a, :b)', ['(x, x)', '(x, y)'], ['(x, x)', '(x, y)']],
  ])('%s of %j: %j', (call, heads, expected) => {
    expect(taken(call, heads)).toEqual(expected)
  })

  test.each([
    ['g(x)', ['(:a)', '(:b)']],
    ['g(:a)', ['(a) when a in [:b]', '(b)']],
    ['g(h(x))', ['(:a)', '({:b, _})']],
    ['g(:c)', ['(:a)', '(:b)']],
  ])('%s of %j: all, where in doubt', (call, heads) => {
    expect(taken(call, heads)).toEqual(heads)
  })

  test('a variable is what the head took it by, unless it is bound again', () => {
    const heads = ['(%S{} = s)', '(:server)', '({:a, _})']

    expect(taken('g(s)', heads, 'f(%S{} = s)')).toEqual(['(%S{} = s)'])
    expect(taken('(s = h(s); g(s))', heads, 'f(%S{} = s)')).toEqual(heads)
  })
})
