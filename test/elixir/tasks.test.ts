import { describe, expect, test } from 'vitest'
import {
  awaitsIn,
  canTakeResult,
  endsByRaising,
  infoHandlers,
  isForOtherPairs,
  showsInfoHandlers,
  startersOf,
  survivesNil,
  takesEverything,
  mayTrapExits,
  receivesResult,
  trapsExits,
} from '#elixir'
import { clauseWith, moduleOf } from './read-source.ts'

const moduleWith = (body: string) => moduleOf(`defmodule A do\n${body}\nend\n`)

describe('clauses for the result of a task', () => {
  const handler = (head: string) =>
    infoHandlers(moduleWith(`use GenServer\ndef handle_info${head}, do: {:noreply, s}`))![0]!

  test.each([
    ['({ref, result}, s)', true],
    ['({ref, result}, s) when is_reference(ref)', true],
    ['({ref, :ok}, %{ref: ref} = s)', true],
    ['({^ref, result}, s)', true],
    ['(message, s)', true],
    ['({:tick, at}, s)', false],
    ['({port, {:data, line}}, s) when is_port(port)', false],
    ['({tag, value}, s) when tag in [:a, :b]', false],
    ['({%Event{}, value}, s)', false],
    ['({:DOWN, ref, :process, pid, reason}, s)', false],
    ['(%{topic: topic}, s)', false],
    ['(:tick, s)', false],
  ])('%s', (head, expected) => {
    expect(canTakeResult(handler(head))).toBe(expected)
  })

  test.each([
    ['({closed, socket}, s)', true],
    ['({event, payload}, s)', true],
    ['({ref, result}, s)', false],
    ['({key, result}, %{key: key} = s)', false],
    ['({_, result}, s)', false],
    ['({event, payload}, s) when is_reference(event)', false],
  ])('%s is for other pairs: %s', (head, expected) => {
    expect(isForOtherPairs(handler(head))).toBe(expected)
  })

  test('what is looked up in the state is a reference', () => {
    const module = moduleWith(
      'use GenServer\ndef handle_info({key, v}, s), do: {:noreply, Map.put(s, :v, Map.pop(s.all, key))}',
    )

    expect(isForOtherPairs(infoHandlers(module)![0]!)).toBe(false)
  })

  test('a clause for everything needs every state', () => {
    expect(takesEverything(handler('(_other, s)'))).toBe(true)
    expect(takesEverything(handler('(_other, %{up: true} = s)'))).toBe(false)
    expect(takesEverything(handler('(other, s) when is_atom(other)'))).toBe(false)
  })

  test('a state machine has them among its events, unless functions stand for states', () => {
    const events = moduleWith(
      'use GenStateMachine\ndef handle_event(:info, {ref, v}, s, d), do: d\ndef handle_event(:cast, {a, b}, s, d), do: d',
    )

    expect(infoHandlers(events)!.map(({ pattern }) => pattern.text)).toEqual(['{ref, v}'])
    expect(infoHandlers(moduleWith('use GenStateMachine\ndef idle(:info, {ref, v}, d), do: d'))).toBeNull()
  })

  test('the uses of Phoenix add none, others might, and so may hooks', () => {
    expect(showsInfoHandlers(moduleWith('use ShopWeb, :live_view'))).toBe(true)
    expect(showsInfoHandlers(moduleWith('use Phoenix.Channel'))).toBe(true)
    expect(showsInfoHandlers(moduleWith('use GenServer\nuse Shop.Server'))).toBe(false)
    expect(
      showsInfoHandlers(moduleWith('use ShopWeb, :live_view\ndef a(s), do: attach_hook(s, :a, :handle_info, &b/2)')),
    ).toBe(false)
  })
})

describe('tasks and their awaits', () => {
  const awaited = (body: string): string[] => {
    const clause = clauseWith(body)
    return awaitsIn(clause, new Set(['await', 'await_many'])).map((wait) =>
      startersOf(wait, clause)
        .map(({ callee, line }) => `${callee} ${line}`)
        .join(),
    )
  }
  const first = clauseWith('first()').calls[0]!.line

  test.each([
    ['a pipe', 'Task.async(f) |> Task.await()', `Task.async ${first}`],
    ['a name', 't = Task.async(f)\nTask.await(t)', `Task.async ${first}`],
    [
      'a list of names',
      'a = Task.async(f)\nb = Task.async(g)\nTask.await_many([a, b])',
      `Task.async ${first},Task.async ${first + 1}`,
    ],
    [
      'a captured await',
      'ts = Enum.map(xs, fn x -> Task.async(x) end)\nEnum.map(ts, &Task.await/1)',
      `Task.async ${first}`,
    ],
    [
      'each of a list',
      'ts = Enum.map(xs, fn x -> Task.async(x) end)\nfor t <- ts, do: Task.await(t)',
      `Task.async ${first}`,
    ],
    [
      'the one of two kinds',
      'a = Task.async(f)\nb = Task.Supervisor.async_nolink(S, f)\nTask.await(b)',
      `Task.Supervisor.async_nolink ${first + 1}`,
    ],
    ['nothing that is known', 'Task.await(task)', ''],
  ])('%s', (_name, body, expected) => {
    expect(awaited(body)).toEqual([expected])
  })

  test('an await in another process is none of this one', () => {
    expect(awaited('Task.start(fn -> Task.await(t) end)')).toEqual([])
  })
})

describe('failing', () => {
  test('by raising at the end', () => {
    expect(endsByRaising(clauseWith('Logger.error("no")\nraise "no"').body!)).toBe(true)
    expect(endsByRaising(clauseWith('exit(:normal)').body!)).toBe(true)
    expect(endsByRaising(clauseWith('raise "no"\n:ok').body!)).toBe(false)
  })

  const helpers =
    'defp sure({_t, {:ok, a}}, _), do: a\ndefp sure({_t, nil}, _), do: raise("late")\ndefp maybe({_t, a}), do: a'

  test.each([
    ['{:ok, a} = answer()', false],
    ['a = answer()', true],
    ['case answer() do\n {:ok, a} -> a\nend', false],
    ['case answer() do\n {:ok, a} -> a\n nil -> 0\nend', true],
    ['case answer() do\n {:ok, a} -> a\n nil -> raise "late"\nend', false],
    ['with {:ok, a} <- answer(), do: a', true],
    ['with {:ok, a} <- answer() do\n a\nelse\n {:exit, r} -> r\nend', false],
    ['answer() |> Enum.map(fn\n {_t, {:ok, a}} -> a\n {_t, nil} -> exit(:late)\nend)', false],
    ['answer() |> Enum.map(fn {_t, a} -> a end)', true],
    ['answer() |> Enum.map(fn {_t, {:ok, a}} -> a end)', false],
    ['answer() |> Enum.zip(xs) |> Enum.map(fn {{_t, a}, x} -> a || x end)', true],
    ['answer() |> Enum.map(&sure(&1, 1))', false],
    ['answer() |> Enum.map(&maybe/1)', true],
  ])('%s goes on with nil: %s', (body, expected) => {
    const clause = clauseWith(body, helpers)
    const call = clause.calls.find(({ name }) => name === 'answer')!

    expect(survivesNil(call, clause)).toBe(expected)
  })

  test.each([
    ['it says so itself', 'def f(a) do\nProcess.flag(:trap_exit, true)\na\nend', true],
    ['what it calls says so', 'def f(a) do\ntrap()\na\nend\ndefp trap, do: Process.flag(:trap_exit, true)', true],
    ['its caller says so', 'def g(a) do\nProcess.flag(:trap_exit, true)\nf(a)\nend\ndef f(a), do: a', true],
    [
      'its caller has it said',
      'def g(a) do\nt()\nf(a)\nend\ndef t, do: Process.flag(:trap_exit, true)\ndef f(a), do: a',
      true,
    ],
    ['somebody else says so', 'def g(a) do\nProcess.flag(:trap_exit, true)\na\nend\ndef f(a), do: a', false],
    [
      'its server says so',
      'use GenServer\ndef init(a) do\nProcess.flag(:trap_exit, true)\n{:ok, a}\nend\ndef f(a), do: a',
      true,
    ],
  ])('exits are trapped in a function where %s', (_name, source, expected) => {
    expect(mayTrapExits(moduleWith(source).clauses('f', 1)[0]!)).toBe(expected)
  })

  test('exits are trapped where the flag is set', () => {
    expect(trapsExits(moduleWith('def init(a) do\n Process.flag(:trap_exit, true)\n {:ok, a}\nend'))).toBe(true)
    expect(trapsExits(moduleWith('def init(a) do\n Process.flag(:trap_exit, false)\n {:ok, a}\nend'))).toBe(false)
  })
})

test.each([
  ['in the clause', 'def f(a) do\nmade(a)\nreceive do\n{ref, x} -> {ref, x}\nend\nend', true],
  [
    'in what it runs',
    'def f(a) do\nmade(a)\ng()\nend\ndefp g do\nreceive do\n{ref, x} when is_reference(ref) -> x\nend\nend',
    true,
  ],
  ['in what runs it', 'def g(a) do\nf(a)\nreceive do\n{ref, x} -> {ref, x}\nend\nend\ndef f(a), do: made(a)', true],
  ['elsewhere', 'def g do\nreceive do\n{ref, x} -> {ref, x}\nend\nend\ndef f(a), do: made(a)', false],
  ['for another task', 'def f(a, ref) do\nmade(a)\nreceive do\n{^ref, x} -> x\nend\nend\ndef f(a), do: made(a)', false],
  ['for something else', 'def f(a) do\nmade(a)\nreceive do\n{:done, x} -> x\nend\nend', false],
])('a receive %s takes the result of a task', (_name, source, expected) => {
  const module = moduleWith(source)
  expect(receivesResult((module.clauses('f', 2)[0] ?? module.clauses('f', 1)[0])!)).toBe(expected)
})
