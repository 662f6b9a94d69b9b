import { expect, test } from 'vitest'
import { startsLoop } from '#elixir'
import { clausesOf } from './read-source.ts'

function starts(spawn: string, functions: string): boolean {
  const [clause] = clausesOf(`defmodule A do\ndef f(x) do\n${spawn}\nend\n${functions}\nend\n`, 'f/1')
  return startsLoop(
    clause!.calls.find(({ name }) => name === 'spawn')!,
    clause!,
  )
}

const LOOP = 'def loop(x) do\nProcess.sleep(1)\nloop(x + 1)\nend'

test.each([
  ['a closure', 'spawn(fn -> loop(x) end)', LOOP],
  ['more before it', 'spawn(fn ->\nx = g(x)\nloop(x)\nend)', LOOP],
  ['a module, function and arguments', 'spawn(__MODULE__, :loop, [x])', LOOP],
  ['a capture', 'spawn(&loop/0)', 'def loop, do: loop()'],
  ['two that call each other', 'spawn(fn -> a(x) end)', 'defp a(x), do: b(x)\ndefp b(x), do: a(x)'],
  [
    'an exit in one branch',
    'spawn(fn -> loop(x) end)',
    'defp loop(x) do\ncase g(x) do\n:ok -> loop(x)\n_ -> exit(:bad)\nend\nend',
  ],
  ['a receive', 'spawn(fn -> loop(x) end)', 'defp loop(x) do\nreceive do\n{:put, y} -> loop(y)\nend\nend'],
])('a loop: %s', (_, spawn, functions) => {
  expect(starts(spawn, functions)).toBe(true)
})

test.each([
  ['a clause that ends', 'spawn(fn -> loop(x) end)', 'def loop([]), do: :ok\ndef loop([_ | rest]), do: loop(rest)'],
  ['an if without else', 'spawn(fn -> loop(x) end)', 'def loop(x) do\nif g(x), do: loop(x)\nend'],
  ['recursion that is not last', 'spawn(fn -> loop(x) end)', 'def loop(x) do\nloop(x)\n:ok\nend'],
  ['a with that may not match', 'spawn(fn -> loop(x) end)', 'def loop(x) do\nwith :ok <- g(x), do: loop(x)\nend'],
  ['a function of another module', 'spawn(fn -> B.loop(x) end)', LOOP],
  ['a closure that is not known', 'spawn(x)', LOOP],
])('not known to be one: %s', (_, spawn, functions) => {
  expect(starts(spawn, functions)).toBe(false)
})
