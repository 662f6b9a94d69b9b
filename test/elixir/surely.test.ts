import { expect, test } from 'vitest'
import { runsSurelyHere } from '#elixir'
import { clausesOf } from './read-source.ts'

/** Whether `probe()` surely runs where the body does. */
function isHere(body: string, helpers = ''): boolean {
  const [clause] = clausesOf(`defmodule A do\ndef f(x) do\n${body}\nend\ndef probe, do: :ok\n${helpers}\nend`, 'f/1')
  return runsSurelyHere(
    clause!.calls.find(({ name }) => name === 'probe')!,
    clause!,
  )
}

test('what stands in no closure runs here', () => {
  expect(isHere('probe()')).toBe(true)
  expect(isHere('if x, do: probe()')).toBe(true)
})

test('closures for the standard library run here, those of other modules may not', () => {
  expect(isHere('Enum.each(x, fn _ -> probe() end)')).toBe(true)
  expect(isHere('x |> then(fn _ -> probe() end)')).toBe(true)
  expect(isHere('A.Repo.transaction(fn -> probe() end)')).toBe(true)
  expect(isHere('for(y <- x, do: Map.new(y, fn _ -> probe() end))')).toBe(true)
  expect(isHere('B.run(fn -> probe() end)')).toBe(false)
  expect(isHere('Enum.each(x, fn y -> B.run(y, fn -> probe() end) end)')).toBe(false)
  expect(isHere('Task.start(fn -> probe() end)')).toBe(false)
})

test('a closure under a name runs where the name is used', () => {
  expect(isHere('g = fn -> probe() end\ng.()')).toBe(true)
  expect(isHere('g = fn -> probe() end\nB.run(g)')).toBe(false)
  expect(isHere('g = fn -> probe() end\ng.()\nB.run(g)')).toBe(false)
})

test('a local function is read for what it does with a closure', () => {
  expect(isHere('g(fn -> probe() end)', 'defp g(fun), do: fun.()')).toBe(true)
  expect(isHere('g(1, fn -> probe() end)', 'defp g(n, fun), do: h(fun, n)\ndefp h(fun, _), do: fun.()')).toBe(true)
  expect(isHere('g(fn -> probe() end)', 'defp g(fun), do: Task.start(fun)')).toBe(false)
  expect(isHere('g(fn -> probe() end)', 'defp g(fun), do: Task.start(fn -> fun.() end)')).toBe(false)
  expect(isHere('g(fn -> probe() end)', 'defp g(fun), do: {:later, fun}')).toBe(false)
})

test('functions that hand a closure to each other for ever end', () => {
  expect(isHere('g(fn -> probe() end)', 'defp g(fun), do: g(fun)')).toBe(false)
  expect(isHere('g(fn -> probe() end)', 'defp g(fun), do: g(fn -> fun.() end)')).toBe(false)
  expect(isHere('g = fn -> probe() end\nh = fn -> g.() end\ng = fn -> h.() end\ng.()')).toBe(false)
})
