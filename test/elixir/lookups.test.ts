import { describe, expect, test } from 'vitest'
import { missesBefore } from '#elixir'
import { moduleOf } from './read-source.ts'

const HELPERS = `
  defp running?(name), do: Process.whereis(name) != nil
  defp alive?(name) do
    case GenServer.whereis(name) do
      pid when is_pid(pid) -> Process.alive?(pid)
      _ -> false
    end
  end
  defp find(id), do: Registry.lookup(Rooms, id)
  defp pid, do: Process.whereis(Cache)
  defp check do
    if Process.whereis(Cache), do: :ok, else: {:error, :down}
  end
`

/** What was looked for in vain where \`go\` runs, \`?\` behind what is not sure. */
function misses(body: string): string[] {
  const [clause] = moduleOf(`defmodule A do\ndef f(id) do\n${body}\nend\n${HELPERS}\nend\n`).clauses('f', 1)
  const go = clause!.calls.find(({ name }) => name === 'go')
  return missesBefore(go!, clause!).map(({ asked, isSure }) => `${asked?.text ?? '-'}${isSure ? '' : '?'}`)
}

describe('runs because there is no process', () => {
  test.each([
    ['if is_nil(Process.whereis(Cache)), do: go()', 'Cache'],
    ['unless Process.whereis(Cache), do: go()', 'Cache'],
    ['if Process.whereis(Cache), do: :ok, else: go()', 'Cache'],
    ['Process.whereis(Cache) || go()', 'Cache'],
    ['pid = Process.whereis(Cache)\nif pid == nil, do: go()', 'Cache'],
    ['if !Process.whereis(Cache) and id > 1, do: go()', 'Cache'],
    ['case Process.whereis(Cache) do\n  nil -> go()\n  pid -> pid\nend', 'Cache'],
    ['case Process.whereis(Cache) do\n  pid when is_pid(pid) -> pid\n  _ -> go()\nend', 'Cache'],
    ['case Registry.lookup(Rooms, id) do\n  [{pid, _}] -> pid\n  [] -> go()\nend', '-'],
    ['case :global.whereis_name(:x) do\n  :undefined -> go()\n  pid -> pid\nend', ':x'],
    ['cond do\n  Process.whereis(Cache) -> :ok\n  true -> go()\nend', 'Cache'],
    ['with nil <- GenServer.whereis(Cache), {:ok, pid} <- go(), do: pid', 'Cache'],
    ['with pid when is_pid(pid) <- Process.whereis(Cache) do\n  pid\nelse\n  nil -> go()\nend', 'Cache'],
    ['unless running?(Cache), do: go()', 'Cache'],
    ['if not alive?(Cache), do: go()', 'Cache'],
    ['case running?(Cache) do\n  false -> go()\n  true -> :ok\nend', 'Cache'],
    ['if find(id) == [], do: go()', '-'],
    ['unless pid(), do: go()', 'Cache'],
    ['try do\n  GenServer.call(Cache, :all)\ncatch\n  :exit, {:noproc, _} -> go()\nend', 'Cache'],
    ['case check() do\n  {:error, _} -> go()\n  :ok -> :ok\nend', 'Cache?'],
  ])('%s', (body, expected) => {
    expect(misses(body)).toContain(expected)
  })
})

describe('runs because there is one, or for another reason', () => {
  test.each([
    'if Process.whereis(Cache), do: go()',
    'unless is_nil(Process.whereis(Cache)), do: go()',
    'case Process.whereis(Cache) do\n  nil -> :ok\n  _pid -> go()\nend',
    'case Process.whereis(Cache) do\n  pid when is_pid(pid) -> go()\n  _ -> :ok\nend',
    'with :ok <- check(), do: go()',
    'with pid when is_pid(pid) <- Process.whereis(Cache), do: go()',
    'if running?(Cache), do: go()',
    'try do\n  GenServer.call(Cache, :all)\ncatch\n  :exit, {:timeout, _} -> go()\nend',
    'if id > 1, do: go()',
    'Process.whereis(Cache)\ngo()',
  ])('%s', (body) => {
    expect(misses(body)).toEqual([])
  })
})
