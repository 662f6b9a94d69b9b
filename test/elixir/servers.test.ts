import { describe, expect, test } from 'vitest'
import { asksWhoItIs, isOwnName, ownNames } from '#elixir'
import { clausesOf, moduleOf } from './read-source.ts'

const server = (body: string): string => `defmodule A do\nuse GenServer\n${body}\nend`

describe('names that a server registers under', () => {
  const names = (body: string): string[] => [...ownNames(moduleOf(server(body)))]

  test('a literal, an attribute and a helper', () => {
    expect(names('def start_link(x), do: GenServer.start_link(__MODULE__, x, name: __MODULE__)')).toEqual(['A'])
    expect(names('@name :stock\ndef start_link(x), do: GenServer.start_link(A, x, name: @name)')).toEqual([':stock'])
    expect(names('def start_link(x), do: GenServer.start_link(A, x, name: n())\ndefp n, do: {:global, :b}')).toEqual([
      '(tuple :global :b)',
    ])
  })

  test('the fallback of an option, however it is taken', () => {
    const start = 'GenServer.start_link(A, [], name: name)'

    expect(names(`def start_link(o) do\nname = Keyword.get(o, :name, :b)\n${start}\nend`)).toEqual([':b'])
    expect(names(`def start_link(o) do\n{name, _} = Keyword.pop(o, :name, :b)\n${start}\nend`)).toEqual([':b'])
    expect(names(`def start_link(name \\\\ :b), do: ${start}`)).toEqual([':b'])
    expect(names('def start_link(o), do: GenServer.start_link(A, [], Keyword.put_new(o, :name, :b))')).toEqual([':b'])
  })

  test('a name in the argument of `init/1` registers nothing', () => {
    expect(names('def start_link(_), do: GenServer.start_link(__MODULE__, name: __MODULE__)')).toEqual([])
    expect(names('def start_link(_), do: GenServer.start_link(__MODULE__, [name: A], timeout: 5)')).toEqual([])
  })

  test('a fallback that is itself ends', () => {
    expect(
      names(
        'def start_link(o) do\n{name, _} = Keyword.pop(o, :name, name)\nGenServer.start_link(A, [], name: name)\nend',
      ),
    ).toEqual([])
  })

  test('names of processes that it starts for others are not its own', () => {
    const init = (start: string): string => `def init(x) do\n${start}\n{:ok, x}\nend`

    expect(names(init('GenServer.start_link(B, [], name: :b)'))).toEqual([])
    expect(names(init('Agent.start_link(fn -> 1 end, name: :b)'))).toEqual([])
    expect(names(init('Supervisor.start_link([], strategy: :one_for_one, name: :b)'))).toEqual([])
  })
})

test('a name is also given by the pid behind it and by a node', () => {
  const start = 'def start_link(x), do: GenServer.start_link(A, x, name: A)'
  const isOwn = (target: string): boolean => {
    const [clause] = clausesOf(server(`${start}\ndef f(node), do: GenServer.call(${target}, node)`), 'f/1')
    const call = clause!.calls.find(({ callee }) => callee === 'GenServer.call')!
    return isOwnName(call.args[0], clause!)
  }

  expect(isOwn('Process.whereis(A)')).toBe(true)
  expect(isOwn('GenServer.whereis(__MODULE__)')).toBe(true)
  expect(isOwn('{A, node()}')).toBe(true)
  expect(isOwn('{A, node}')).toBe(false)
  expect(isOwn('GenServer.whereis(B)')).toBe(false)
})

test('code that asks which process it runs in', () => {
  const asks = (body: string): boolean => {
    const [clause] = clausesOf(server(`def f(pid) do\n${body}\nend`), 'f/1')
    const call = clause!.calls.find(({ callee }) => callee === 'GenServer.call')!
    return asksWhoItIs(call, clause!)
  }

  expect(asks('if pid == self(), do: 1, else: GenServer.call(pid, :a)')).toBe(true)
  expect(asks('case pid do\np when p == self() -> 1\np -> GenServer.call(p, :a)\nend')).toBe(true)
  expect(asks('cond do\nself() == pid -> 1\ntrue -> GenServer.call(pid, :a)\nend')).toBe(true)
  expect(asks('if pid, do: GenServer.call(pid, self())')).toBe(false)
})
