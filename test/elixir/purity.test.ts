import { expect, test } from 'vitest'
import { isPure } from '#elixir'
import { clausesOf, clauseWith } from './read-source.ts'

test.each([
  'x = 1 + 2\n{:ok, x}',
  'list |> Enum.map(&(&1 * 2)) |> Enum.sum()',
  'String.upcase("a") <> inspect(:b)',
  'for x <- [1, 2], rem(x, 2) == 0, into: %{}, do: {x, to_string(x)}',
  'with {:ok, n} <- Map.fetch(%{}, :a), do: n * 2',
  'case Jason.decode("{}") do\n  {:ok, map} when is_map(map) -> map\n  _ -> raise "no"\nend',
  'Enum.map([1], &Integer.to_string/1)',
])('%s', (body) => {
  expect(isPure(clauseWith(body))).toBe(true)
})

test.each([
  'send(self(), :a)',
  'GenServer.call(M, :a)',
  'File.read!("a")',
  ':ets.lookup(:t, 1)',
  'Shop.Pricing.total(cart)',
  'fun.()',
  'mod.run(1)',
  'unknown(1)',
  'Enum.each([1], &IO.puts/1)',
  'receive do\n  :a -> :ok\nend',
  'Enum.map([1], fn x -> Process.put(:x, x) end)',
])('%s is not', (body) => {
  expect(isPure(clauseWith(body))).toBe(false)
})

const module = (helper: string): string => `
  defmodule A do
    def f(x), do: x |> g() |> Enum.map(&h/1)
    defp g(0), do: []
    defp g(n), do: [n | g(n - 1)]
    defp h(n), do: ${helper}
  end
`

test('local functions are followed, calls and captures, also in circles', () => {
  expect(isPure(clausesOf(module('n * 2'), 'f/1')[0]!)).toBe(true)
  expect(isPure(clausesOf(module('IO.inspect(n)'), 'f/1')[0]!)).toBe(false)
})

test('exempt calls may do what they like, wherever they stand', () => {
  const [clause] = clausesOf(module(':ets.lookup(:t, n)'), 'f/1')

  expect(isPure(clause!, (call) => call.module === ':ets')).toBe(true)
  expect(isPure(clause!, (call) => call.module === ':dets')).toBe(false)
})
