import { describe, expect, test } from 'vitest'
import { startedBy } from '#elixir'
import { moduleOf } from './read-source.ts'

/** What started the argument of `stop(...)`: the callee, with `~` before it where only the name says so. */
function startOf(source: string): string | null {
  for (const clause of moduleOf(`defmodule A do\n${source}\nend\n`).functions.flatMap(({ clauses }) => clauses)) {
    const stop = clause.calls.find(({ callee }) => callee === 'Stopper.stop')
    if (stop === undefined) continue
    const found = startedBy(stop.args[0]!, clause)
    return found === null ? null : `${found.isTraced ? '' : '~'}${found.call.callee}`
  }
  return null
}

describe('the start that a variable comes from', () => {
  test.each([
    ['pid = spawn(fn -> 1 end)\nStopper.stop(pid)', 'Kernel.spawn'],
    ['{:ok, pid} = Task.start_link(fn -> 1 end)\nStopper.stop(pid)', 'Task.start_link'],
    ['case Pool.start_link([]) do\n  {:ok, pid} -> Stopper.stop(pid)\n  _ -> :ok\nend', 'Pool.start_link'],
    ['with {:ok, pid} <- Pool.start_link([]) do\n  Stopper.stop(pid)\nend', 'Pool.start_link'],
    ['with {:pool, {:ok, pid}} <- {:pool, Pool.start_link([])} do\n  Stopper.stop(pid)\nend', 'Pool.start_link'],
    ['pid = if x?(), do: spawn_link(fn -> 1 end)\nStopper.stop(pid)', 'Kernel.spawn_link'],
  ])('%s', (body, expected) => {
    expect(startOf(`def f do\n${body}\nend`)).toBe(expected)
  })

  test('by way of a local function', () => {
    expect(
      startOf('def f do\n  pid = if x?(), do: run()\n  Stopper.stop(pid)\nend\ndefp run, do: spawn(fn -> 1 end)'),
    ).toBe('Kernel.spawn')
  })

  test('not from another branch', () => {
    const source = `def f(x) do
      case x do
        1 ->
          with {:ok, pid} <- Pool.start_link([]), do: pid
        2 ->
          [{other, _}] = find(x)
          Stopper.stop(other)
      end
    end`
    expect(startOf(source)).toBeNull()
  })
})

describe('the start under the same name elsewhere', () => {
  test.each([
    ['def f(s), do: Stopper.stop(s.pid)\ndef g do\n  {:ok, pid} = Pool.start_link([])\n  pid\nend', '~Pool.start_link'],
    [
      'def f(s), do: Stopper.stop(s.stream_pid)\ndef g(s) do\n  pid = spawn_link(fn -> 1 end)\n  %{s | stream_pid: pid}\nend',
      '~Kernel.spawn_link',
    ],
    [
      'def f(s), do: Stopper.stop(s.pool)\ndef g(s) do\n  case Pool.start_link([]) do\n    {:ok, pool} -> %{s | pool: pool}\n  end\nend',
      '~Pool.start_link',
    ],
  ])('%s', (source, expected) => {
    expect(startOf(source)).toBe(expected)
  })

  test('nothing of that name', () => {
    expect(startOf('def f(s), do: Stopper.stop(s.pid)\ndef g, do: spawn(fn -> 1 end)')).toBeNull()
  })
})
