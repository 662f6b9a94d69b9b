import { expect, test } from 'vitest'
import { conditionsAbove, isForDevelopment, originsOf, partsOf } from '#elixir'
import { clauseWith, clausesOf } from './read-source.ts'

/** What decides whether the call of `go` in the body runs. */
function conditions(body: string): string[] {
  const go = clauseWith(body).calls.find(({ name }) => name === 'go')
  return conditionsAbove(go!).map(({ text }) => text)
}

test.each([
  ['if a() do\ngo()\nend', ['a()']],
  ['unless a(), do: go()', ['a()']],
  ['case a() do\n:b -> go()\nend', ['a()']],
  ['cond do\na() -> 1\nb() -> go()\nend', ['a()', 'b()']],
  ['with {:ok, x} <- a(), do: go(x)', ['{:ok, x} <- a()']],
  ['a() || go()', ['a()', 'go()']],
  ['if a() do\nif b(), do: go()\nend', ['b()', 'a()']],
  ['a()\ngo()', []],
  ['1 + go()', []],
])('%s', (body, expected) => {
  expect(conditions(body)).toEqual(expected)
})

test('a condition is made of what its names stand for', () => {
  const source = `defmodule A do
    @known Code.ensure_loaded?(B)
    def f(x) do
      pid = Process.whereis(x)
      if pid && @known && ready?(), do: :ok
    end
    defp ready?, do: Node.alive?()
  end`
  const [clause] = clausesOf(source, 'f/1')
  const condition = clause!.expressions.find((each) => each.kind === 'if')!.condition
  const callees = [...partsOf(condition, clause!)].flatMap((each) => (each.kind === 'call' ? [each.callee] : []))

  expect(new Set(callees)).toEqual(new Set(['Process.whereis', 'Code.ensure_loaded?', 'ready?', 'Node.alive?']))
})

test('a name comes from what it is computed from, and from the parameter it is taken out of', () => {
  const [clause] = clausesOf(
    'defmodule A do\ndef f(%{"id" => id} = config, b) do\nname = id <> b\nname\nend\nend',
    'f/2',
  )

  expect(originsOf('name', clause!)).toEqual(['name', 'id', 'b', 'config'])
})

test.each([
  ['if Mix.env() == :dev, do: go()', true],
  ['if ready?() and Mix.env() in [:dev, :test] do\ngo()\nend', true],
  ['if @env == :test do\n:ok\nelse\ngo()\nend', false],
  ['unless Mix.env() == :test, do: go()', false],
  ['unless Mix.env() == :dev do\n:ok\nelse\ngo()\nend', true],
  ['if Mix.env() != :dev, do: go()', false],
  ['if Mix.env() in [:dev, :prod], do: go()', false],
  ['if Mix.env() == :dev or forced?(), do: go()', false],
  ['if Mix.env() == :dev or @env == :test, do: go()', true],
  ['go()', false],
])('runs in development alone: %s', (body, expected) => {
  const [clause] = clausesOf(`defmodule A do\ndef f do\n${body}\nend\nend`, 'f/0')

  expect(isForDevelopment(clause!.calls.find(({ name }) => name === 'go')!)).toBe(expected)
})
