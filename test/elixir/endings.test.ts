import { expect, test } from 'vitest'
import { endsByItself } from '#elixir'
import { clauseWith, clausesOf } from './read-source.ts'

function ends(body: string): boolean {
  const clause = clauseWith(body)
  return endsByItself({ body: clause.body!, clause })
}

test.each([
  [':ok'],
  ['Enum.each([1, 2], &IO.puts/1)'],
  ['Shop.Cache.warm()'],
  ['Shop.Repo.insert_all(Shop.Product, [])'],
  ['if x(), do: Shop.Search.rebuild_index() && :ok'],
  ['for a <- [1], do: a'],
  ['result = Shop.Cache.warm()\nresult'],
  ['Req.get("https://shop.example/ping")'],
])('it ends: %s', (body) => {
  expect(ends(body)).toBe(true)
})

test.each([
  ['receive do\n:stop -> :ok\nend'],
  ['f()'],
  ['Process.sleep(:infinity)'],
  ['Shop.Cache.warm()\nProcess.sleep(60_000)'],
  ['Shop.Cache.warm()\nSystem.stop()'],
  ['exit(:retry)'],
  ['Stream.repeatedly(fn -> 1 end) |> Enum.each(&IO.puts/1)'],
  ['Enum.each(stream, &IO.puts/1)'],
  ['KVServer.accept(4040)'],
  ['Shop.Feed.go()'],
  ['fun.()'],
  ['with {:ok, a} <- b(), do: a'],
])('it may not: %s', (body) => {
  expect(ends(body)).toBe(false)
})

test('two functions that call each other do not end; one that is called twice does', () => {
  const source = `defmodule A do
    def loop, do: again()
    defp again, do: loop()
    def twice do
      once()
      once()
    end
    defp once, do: :ok
  end`
  const endsFrom = (id: string): boolean[] =>
    clausesOf(source, id).map((clause) => endsByItself({ body: clause.body!, clause }))

  expect(endsFrom('loop/0')).toEqual([false])
  expect(endsFrom('twice/0')).toEqual([true])
})
