import { describe, expect, test } from 'vitest'
import { continuationOf, isFromRuntime, messageShape, namesOwnProcess, sentMessage, takesByReceive } from '#elixir'
import { clausesOf, clauseWith } from './read-source.ts'

describe('what a call sends', () => {
  const sent = (body: string): string[] =>
    clauseWith(body).calls.flatMap((call) => {
      const found = sentMessage(call)
      return found === null ? [] : [`${found.as} ${found.to?.text ?? 'itself'} ${found.message.text}`]
    })

  test('calls, casts and messages, whatever the order of the arguments', () => {
    expect(
      sent('GenServer.call(server, :a)\nGenServer.cast(server, :b)\nsend(pid, :c)\nProcess.send(pid, :d, [])'),
    ).toEqual(['handle_call server :a', 'handle_cast server :b', 'handle_info pid :c', 'handle_info pid :d'])
    expect(
      sent('Process.send_after(pid, :e, 5)\n:erlang.send_after(5, pid, :f)\n:timer.send_interval(5, pid, :g)'),
    ).toEqual(['handle_info pid :e', 'handle_info pid :f', 'handle_info pid :g'])
  })

  test('a timer without a receiver sends to whoever asked', () => {
    expect(sent(':timer.send_interval(5, :tick)')).toEqual(['handle_info itself :tick'])
  })

  test('a call or a cast is one, however it is sent', () => {
    expect(sent('Process.send_after(pid, {:"$gen_cast", :a}, 5)\nsend(pid, {:"$gen_call", from, {:b, 1}})')).toEqual([
      'handle_cast pid :a',
      'handle_call pid {:b, 1}',
    ])
  })

  test('nothing is known of other calls, and of calls with too few arguments', () => {
    expect(sent('Shop.send(pid, :a)\nGenServer.call(server)\n:timer.apply_after(5, M, :f, [])')).toEqual([])
  })
})

test('a callback continues by the last element of what it returns', () => {
  const next = (result: string): string | undefined => continuationOf(clauseWith(result).body)?.text

  expect(next('{:ok, state, {:continue, :load}}')).toBe('{:continue, :load}')
  expect(next('{:reply, :ok, state, {:continue, {:load, 1}}}')).toBe('{:continue, {:load, 1}}')
  expect(next('{:reply, {:continue, :load}, state}')).toBeUndefined()
  expect(next('{:noreply, state, 5_000}')).toBeUndefined()
})

test('the runtime sends what it is asked for, or what others are to hear', () => {
  const isFrom = (message: string): boolean => isFromRuntime(messageShape(clauseWith(message).body!)!)

  expect(isFrom(':timeout')).toBe(true)
  expect(isFrom('{:nodeup, node}')).toBe(true)
  expect(isFrom('{:gen_event_EXIT, handler, :normal}')).toBe(true)
  expect(isFrom(':load')).toBe(false)
})

describe('whether a target is a process of the module itself', () => {
  const isOwn = (target: string, above = '', head = 'f()'): boolean => {
    const [clause] = clausesOf(
      `defmodule A.B do\nuse GenServer\n${above}\ndef ${head}, do: GenServer.call(${target}, :x)\nend`,
      head.replace(/\(.*/, `/${head.includes('server') ? 1 : 0}`),
    )
    return namesOwnProcess(clause!.calls[0]!.args[0]!, clause!)
  }

  test('its name is, in each way to write it', () => {
    expect(isOwn('__MODULE__')).toBe(true)
    expect(isOwn('A.B')).toBe(true)
    expect(isOwn('@me', '@me __MODULE__')).toBe(true)
    expect(isOwn('A.C')).toBe(false)
  })

  test('a name function is if `start_link` uses it', () => {
    const start =
      'def start_link(id), do: GenServer.start_link(__MODULE__, id, name: via(id))\ndefp via(id), do: {:via, Registry, {R, id}}'

    expect(isOwn('via(1)', start)).toBe(true)
    expect(isOwn('other(1)', `${start}\ndefp other(id), do: {:via, Registry, {S, id}}`)).toBe(false)
  })

  test('a parameter is if it is one by default', () => {
    expect(isOwn('server', '', 'f(server \\\\ __MODULE__)')).toBe(true)
    expect(isOwn('server', '', 'f(server \\\\ A.C)')).toBe(false)
    expect(isOwn('server', '', 'f(server)')).toBe(false)
  })

  test('none is where another module runs under its name', () => {
    expect(isOwn('__MODULE__', 'def start_link(x), do: GenServer.start_link(A.Server, x, name: __MODULE__)')).toBe(
      false,
    )
  })
})

test('a `receive` takes what one of its patterns can match', () => {
  const clause = clauseWith('receive do\n:done -> 1\n{:DOWN, ^ref, _, _, _} -> 2\nend')

  expect(takesByReceive(clause, { kind: 'atom', tag: 'done' })).toBe(true)
  expect(takesByReceive(clause, { kind: 'tuple', tag: 'DOWN', size: 5 })).toBe(true)
  expect(takesByReceive(clause, { kind: 'tuple', tag: 'EXIT', size: 3 })).toBe(false)
  expect(takesByReceive(clauseWith(':done'), { kind: 'atom', tag: 'done' })).toBe(false)
})
