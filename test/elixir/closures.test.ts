import { describe, expect, test } from 'vitest'
import { whereRuns } from '#elixir'
import { clauseWith, moduleOf } from './read-source.ts'

test('a closure bound to a name inside of another closure runs where that one does', () => {
  const place = (body: string): string => {
    const clause = clauseWith(body)
    return whereRuns(
      clause.calls.find(({ name }) => name === 'probe')!,
      clause,
    ).at
  }

  expect(place('Enum.each(x, fn _ ->\nfun = fn -> probe() end\nB.run(fun)\nend)')).toBe('here')
  expect(place('Task.start(fn ->\nfun = fn -> probe() end\nB.run(fun)\nend)')).toBe('elsewhere')
  expect(place('outer = fn ->\nfun = fn -> probe() end\nfun.()\nend\nTask.start(outer)')).toBe('elsewhere')
})

describe('a closure that is given to a function', () => {
  const place = (call: string, helpers = ''): string => {
    const module = moduleOf(`defmodule A do\ndef run(x), do: ${call}\n${helpers}\nend\n`)
    const [clause] = module.clauses('run', 1)
    return whereRuns(
      clause!.calls.find(({ name }) => name === 'probe')!,
      clause!,
    ).at
  }

  test.each([
    ['work(fn -> probe() end)', 'defp work(f), do: Task.start(f)'],
    ['work(x, fn -> probe() end)', 'defp work(_, f) when is_function(f), do: spawn(fn -> f.() end)'],
    ['x |> work(fn -> probe() end)', 'defp work(_, f), do: Task.Supervisor.start_child(T, f)'],
    ['(f = fn -> probe() end; work(f))', 'defp work(f), do: Task.start_link(f)'],
  ])('%s runs in the process that the local function starts', (call, helpers) => {
    expect(place(call, helpers)).toBe('elsewhere')
  })

  test.each([
    ['work(fn -> probe() end)', 'defp work(f), do: f.()'],
    ['work(fn -> probe() end)', 'defp work(f) do\nTask.start(fn -> :ok end)\nf.()\nend'],
    ['work(fn -> probe() end)', 'defp work(f), do: work(f)'],
    ['work(fn -> probe() end)', ''],
    ['work(fn -> probe() end)', 'defp work(f), do: f |> Task.async() |> Task.await()'],
    ['work(fn -> probe() end)', 'defp work(f), do: Task.async_stream(1..2, fn _ -> f.() end) |> Enum.to_list()'],
    ['B.measure(fn -> probe() end)', ''],
    ['B.synchronously(fn -> probe() end)', ''],
  ])('%s runs here with %j', (call, helpers) => {
    expect(place(call, helpers)).toBe('here')
  })

  test.each([
    'Debouncer.apply(:key, fn -> probe() end, 1_000)',
    'MyApp.Scheduler.add(fn -> probe() end)',
    'MyApp.Jobs.run_async(fn -> probe() end)',
    'MyApp.Jobs.in_background(fn -> probe() end)',
    'Map.put(x, :callback, fn -> probe() end)',
    ':ets.insert(:callbacks, {x, fn -> probe() end})',
  ])('%s does not run it here and now', (call) => {
    expect(place(call)).toBe('kept')
  })
})
