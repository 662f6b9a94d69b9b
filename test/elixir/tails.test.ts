import { describe, expect, test } from 'vitest'
import { isDiscarded, tails } from '#elixir'
import { clauseWith, clausesOf } from './read-source.ts'

/** The tails of a body: the text of each, `?` for unknown ones, `nil` in brackets for implied ones. */
function tailsIn(body: string): string[] {
  return tails(clauseWith(body).body).map(({ expression, impliedBy, isUnknown }) =>
    isUnknown ? '?' : impliedBy === null ? expression!.text : '(nil)',
  )
}

describe('tails', () => {
  test.each([
    ['a literal', ':ok', [':ok']],
    ['the last of a block', 'f()\n{:ok, 1}', ['{:ok, 1}']],
    ['both branches of if', 'if c, do: :a, else: :b', [':a', ':b']],
    ['if without else', 'if c, do: :a', [':a', '(nil)']],
    ['unless without else', 'unless c do\n :a\nend', [':a', '(nil)']],
    ['an empty branch', 'if c do\nelse\n :b\nend', ['(nil)', ':b']],
    ['case', 'case x do\n 1 -> :a\n 2 -> f()\n 3 -> %{}\nend', [':a', '?', '%{}']],
    ['cond', 'cond do\n a -> :a\n true -> [1]\nend', [':a', '[1]']],
    ['with and else', 'with {:ok, a} <- f() do\n :a\nelse\n _ -> :b\nend', [':a', ':b']],
    ['with without else', 'with {:ok, a} <- f(), do: :a', [':a', '?']],
    ['with that only matches', 'with a = f(), do: :a', [':a']],
    ['receive', 'receive do\n :a -> 1\nafter\n 5 -> 2\nend', ['1', '2']],
    ['try', 'try do\n :a\nrescue\n _ -> :b\ncatch\n _ -> :c\nafter\n :d\nend', [':a', ':b', ':c']],
    ['try with else', 'try do\n :a\nrescue\n _ -> :b\nelse\n _ -> :c\nend', [':b', ':c']],
    ['a match', 'x = {:ok, 1}', ['{:ok, 1}']],
    ['nested', 'case x do\n 1 -> if c, do: :a\n _ -> with(a <- f(), do: :b)\nend', [':a', '(nil)', ':b', '?']],
    ['parentheses', '(f(); :a)', [':a']],
    ['functions', 'fn x -> x end', ['fn x -> x end']],
    ['texts and numbers', 'if c, do: "a", else: 1', ['"a"', '1']],
  ])('%s', (_, body, expected) => {
    expect(tailsIn(body)).toEqual(expected)
  })

  test.each([
    'f()',
    'x',
    'raise "a"',
    'exit(:a)',
    'throw(:a)',
    'reraise(e, s)',
    'a || b',
    'x.y',
    'for x <- xs, do: x',
    '@a',
  ])('%s is unknown', (body) => {
    expect(tailsIn(body)).toEqual(['?'])
  })

  test('of a body with a rescue of its own', () => {
    const [clause] = clausesOf('defmodule A do\ndef f do\n :a\nrescue\n _ -> :b\nafter\n :c\nend\nend\n', 'f/0')

    expect(tails(clause!.body).map((tail) => tail.expression?.text)).toEqual([':a', ':b'])
  })

  test('of an empty body, and of none', () => {
    expect(tails(clauseWith('').body)).toMatchObject([{ expression: null, isUnknown: false }])
    expect(tails(null)).toEqual([])
  })

  test('a missing else is told with its `if`', () => {
    const clause = clauseWith('f()\nif c, do: :a')

    expect(tails(clause.body)[1]!.impliedBy?.text).toBe('if c, do: :a')
  })
})

describe('a value is thrown away', () => {
  const discards = (body: string): boolean => isDiscarded(clauseWith(body).calls.find((call) => call.name === 'here')!)

  test.each([
    ['as a statement', 'here()\n:ok'],
    ['behind `_ =`', '_ = here()\n:ok'],
    ['behind a name that says so', '_task = here()\n:ok'],
    ['as the tail of a discarded if', 'if c do\n here()\nend\n:ok'],
    ['as the tail of a discarded else', 'if c, do: 1, else: here()\n:ok'],
    ['as the tail of a discarded case', 'case x do\n 1 -> here()\nend\n:ok'],
    ['as the tail of a discarded cond', 'cond do\n c -> here()\nend\n:ok'],
    ['as the tail of a discarded with', 'with a <- b do\n here()\nend\n:ok'],
    ['as the tail of a discarded try', 'try do\n here()\nrescue\n _ -> 1\nend\n:ok'],
    ['as the tail of a discarded for', 'for x <- xs, do: here()\n:ok'],
    ['in `after`', 'try do\n 1\nafter\n here()\nend'],
    ['behind a condition', 'c && here()\n:ok'],
    ['in Enum.each', 'Enum.each(xs, fn x -> here() end)'],
    ['in Enum.each, piped', 'xs |> Enum.each(&here(&1))'],
    ['in Enum.each, deeper', 'Enum.each(xs, fn x ->\n if c, do: here()\nend)'],
    ['in tap, piped', 'x |> tap(fn y -> here(y) end)'],
    ['in the middle of a closure', 'Enum.map(xs, fn x ->\n here()\n 1\nend)'],
  ])('%s', (_, body) => {
    expect(discards(body)).toBe(true)
  })

  test.each([
    ['as the last expression', 'x = 1\nhere()'],
    ['behind `_ =` at the end', 'x = 1\n_ = here()'],
    ['bound', 'task = here()\n:ok'],
    ['as the tail of a returned if', 'if c, do: here()'],
    ['as the condition', 'if here(), do: 1\n:ok'],
    ['as the subject of case', 'case here() do\n 1 -> 1\nend\n:ok'],
    ['as an argument', 'f(here())\n:ok'],
    ['piped on', 'here() |> f()\n:ok'],
    ['in a list', '[here()]\n:ok'],
    ['in Enum.map', 'Enum.map(xs, fn x -> here() end)\n:ok'],
    ['collected by for', 'for x <- xs, into: [], do: here()\n:ok'],
    ['reduced by for', 'for x <- xs, reduce: 0 do\n a -> here()\nend\n:ok'],
    ['as a step of with', 'with :ok <- here(), do: 1\n:ok'],
    ['matched by else', 'try do\n here()\nelse\n _ -> 1\nend\n:ok'],
    ['left of a condition', 'here() && c\n:ok'],
    ['returned by a closure', 'f = fn -> here() end\n:ok'],
  ])('but not %s', (_, body) => {
    expect(discards(body)).toBe(false)
  })
})
