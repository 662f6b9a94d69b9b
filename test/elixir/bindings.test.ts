import { describe, expect, test } from 'vitest'
import { comesFrom, sourceOf } from '#elixir'
import { clauseWith, clausesOf } from './read-source.ts'

/** What the last use of `n` in a body is matched against; null where nothing known gives it. */
function source(body: string): string | null {
  const clause = clauseWith(body)
  return sourceOf(clause.variables('n').at(-1)!, clause)?.value?.text ?? null
}

describe('the binding that a variable means', () => {
  test.each([
    ['the nearest one before it', 'n = a()\nn = b()\nuse(n)', 'b()'],
    ['not the one on whose right side it stands', 'n = a()\nn = n + 1', 'a()'],
    ['that of its own branch', 'case a() do\n  {:ok, n} -> use(n)\n  n -> n\nend', 'a()'],
    [
      'that of an inner case',
      'case a() do\n  [n] -> n\n  [] ->\n    case b() do\n      {:ok, n} -> use(n)\n    end\nend',
      'b()',
    ],
    ['a step of a with', 'with {:ok, n} <- a(), true <- ok?(n) do\n  use(n)\nend', 'a()'],
    ['a generator', 'for n <- a(), do: use(n)', 'a()'],
    ['what a condition binds, also after the if', 'if n = a(), do: :yes\nuse(n)', 'a()'],
    ['what then and tap pass on', 'a() |> then(fn n -> use(n) end)', 'a()'],
    ['one from around a closure', 'n = a()\nEnum.map(xs, fn x -> x + n end)', 'a()'],
  ])('%s', (_, body, expected) => {
    expect(source(body)).toBe(expected)
  })

  test.each([
    ['the parameter of a closure', 'n = a()\nEnum.map(xs, fn n -> n + 1 end)'],
    ['what a branch bound before', 'case a() do\n  [n] -> n\n  [] -> nil\nend\nuse(n)'],
    ['what only one side of an if binds', 'if ok? do\n  n = a()\nelse\n  use(n)\nend'],
    ['the else of a with', 'with {:ok, n} <- a() do\n  :ok\nelse\n  _ -> use(n)\nend'],
    ['a message', 'receive do\n  {:n, n} -> use(n)\nend'],
    ['the place at which it is bound', 'n = a()\nEnum.map(xs, fn n -> :ok end)'],
    ['nothing', 'use(n)'],
  ])('%s is no known source', (_, body) => {
    expect(source(body)).toBeNull()
  })

  test('a parameter of the function', () => {
    const [clause] = clausesOf('defmodule A do\ndef f(n), do: use(n)\nend', 'f/1')

    expect(sourceOf(clause!.variables('n')[0]!, clause!)).toBeNull()
  })
})

describe('what a value is computed from', () => {
  /** Whether the argument of `use(...)` comes from `read()`. */
  function isRead(body: string): boolean {
    const clause = clauseWith(body)
    const call = clause.calls.find(({ name }) => name === 'use')!
    return comesFrom(call.args[0]!, clause, (each) => each.kind === 'call' && each.name === 'read')
  }

  test.each([
    'use(read())',
    'n = read()\nuse(n + 1)',
    'n = read()\nm = n + 1\nuse({:key, m})',
    'case read() do\n  [{_, n}] -> use(n)\nend',
    'n = case read() do\n  [{_, n}] -> n\n  [] -> 0\nend\nuse(n)',
    'with {:ok, n} <- read(), do: use(n)',
  ])('%s', (body) => {
    expect(isRead(body)).toBe(true)
  })

  test.each([
    'read()\nuse(n)',
    'case read() do\n  [n] -> n\n  [] ->\n    n = load()\n    use(n)\nend',
    'n = read()\nn = 1\nuse(n)',
    'a = read()\nb = a\nc = b\nd = c\ne = d\nuse(e)',
  ])('not: %s', (body) => {
    expect(isRead(body)).toBe(false)
  })
})
