import { expect, test } from 'vitest'
import { endsItsProcess, givesStateAsTimeout, results } from '#elixir'
import { clausesOf } from './read-source.ts'

function returned(source: string): string[] {
  const [clause] = clausesOf(`defmodule A do\n${source}\nend`, 'f/1')
  return results(clause!).map(
    ({ tail, clause: at, hops }) => `${at.function.id} ${tail.expression?.text ?? 'nil'} ${hops.length}`,
  )
}

test('the tails of a clause that calls nothing are its results', () => {
  expect(returned('def f(x), do: if(x, do: {:ok, x})')).toEqual(['f/1 {:ok, x} 0', 'f/1 nil 0'])
})

test('a local function in the last place stands for the results of all its clauses', () => {
  const source =
    'def f(x), do: x |> g()\ndefp g(:a), do: {:reply, 1}\ndefp g(x), do: h(x)\ndefp h(x), do: {:noreply, x}'

  expect(returned(source)).toEqual(['g/1 {:reply, 1} 1', 'h/1 {:noreply, x} 2'])
})

test('what is called on the way is no result', () => {
  expect(returned('def f(x) do\ng(x)\n:done\nend\ndefp g(_), do: :never')).toEqual(['f/1 :done 0'])
})

test('calls of other modules, variables and other arities stay unknown', () => {
  expect(
    returned('def f(x) do\ncase x do\n1 -> B.g(x)\n2 -> x\n3 -> g(x, 1)\nend\nend\ndefp g(_), do: :never'),
  ).toEqual(['f/1 B.g(x) 0', 'f/1 x 0', 'f/1 g(x, 1) 0'])
})

test('functions that call each other end', () => {
  expect(returned('def f(x), do: g(x)\ndefp g(x), do: if(x, do: f(x), else: {:noreply, x})')).toEqual([
    'g/1 {:noreply, x} 1',
  ])
})

test('a delegate is not followed', () => {
  expect(returned('def f(x), do: g(x)\ndefdelegate g(x), to: B')).toEqual(['f/1 g(x) 0'])
})

test.each([
  ['def f(s), do: if(s, do: {:stop, :normal, s}, else: stop(s))\ndefp stop(s), do: {:stop, :shutdown, s}', true],
  ['def f(_), do: :ignore', true],
  ['def f(s), do: if(s, do: {:stop, :normal, s}, else: {:noreply, s})', false],
  ['def f(s), do: go(s)', false],
])('%s: ends its process is %s', (source, expected) => {
  const [clause] = clausesOf(`defmodule A do\n${source}\nend`, 'f/1')
  expect(endsItsProcess(clause!)).toBe(expected)
})

test.each([
  ['{:noreply, :ok, state}', true],
  ['{:reply, 1, :ok, state}', true],
  ['{:noreply, state * 2, state}', false],
  ['{:noreply, state}', false],
  ['{:noreply, %{}, timeout}', false],
  ['{:noreply, state, state}', false],
  ['{:stop, :normal, state}', false],
])('%s gives the state as a timeout: %s', (result, expected) => {
  for (const param of ['state', '%{n: 1} = state', 'state = {_, _}']) {
    const [clause] = clausesOf(`defmodule A do\ndef f(x, ${param}), do: ${result}\nend`, 'f/2')
    expect(givesStateAsTimeout(clause!.body, clause!)).toBe(expected)
  }
})
