import { describe, expect, test } from 'vitest'
import { isImmediate, reach } from '#elixir'
import { moduleOf } from './read-source.ts'

/** Whether the second argument of `put` is known to be one word, in all that `f/1` reaches. */
function isWord(functions: string): boolean {
  const module = moduleOf(`defmodule A do\n${functions}\nend`)
  for (const reached of reach(module.clauses('f', 1))) {
    const put = reached.clause.calls.find(({ name }) => name === 'put')
    if (put !== undefined) return isImmediate(put.args[1], reached)
  }
  throw new Error('Nothing puts.')
}

describe('values of one word', () => {
  test.each([
    'def f(_), do: put(:k, :up)',
    'def f(_), do: put(:k, nil)',
    'def f(_), do: put(:k, 12)',
    'def f(_), do: put(:k, App.Backend)',
    'def f(x), do: put(:k, x > 3)',
    'def f(x), do: put(:k, length(x))',
    'def f(x), do: put(:k, is_nil(x))',
    'def f(x), do: put(:k, App.ready?(x))',
    'def f(_), do: put(:k, :counters.new(1, []))',
    'def f(x) do\n  status = if x, do: :up, else: :down\n  put(:k, status)\nend',
    'def f(_), do: put(:k, today())\ndefp today, do: div(System.system_time(:second), 86_400)',
    'def f(x), do: store(if(x, do: :up, else: :down))\ndefp store(status), do: put(:k, status)',
  ])('%s', (functions) => {
    expect(isWord(functions)).toBe(true)
  })

  test.each([
    'def f(x), do: put(:k, x)',
    'def f(x), do: put(:k, %{a: x})',
    'def f(x), do: put(:k, "text")',
    'def f(x), do: put(:k, App.load(x))',
    'def f(x) do\n  value = if x, do: :none, else: load()\n  put(:k, value)\nend',
    'def f(x), do: put(:k, x || [])',
    'def f(x), do: store([x])\ndefp store(list), do: put(:k, list)',
  ])('not: %s', (functions) => {
    expect(isWord(functions)).toBe(false)
  })
})
