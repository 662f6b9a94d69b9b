import { expect, test } from 'vitest'
import { drawnFrom, namings } from '#elixir'
import { clauseWith, moduleOf } from './read-source.ts'

/** `as name` of each naming in the body of a function of `Shop.Cart`. */
function named(body: string): string[] {
  return namings(moduleOf(`defmodule Shop.Cart do\ndef f(n, opts) do\n${body}\nend\nend`)).map(
    ({ as, name }) => `${as} ${name.text}`,
  )
}

test.each([
  ['GenServer.start_link(__MODULE__, 1, name: n)', 'process n'],
  ['GenServer.start_link(__MODULE__, 1, [{:name, n}])', null],
  ['Shop.Room.start_link(name: n)', 'process n'],
  ['ShopWeb.Room.child_spec(name: n)', 'process n'],
  ['start_link(name: n)', 'process n'],
  ['{Registry, keys: :unique, name: n}', 'process n'],
  ['{Shop.Room, [id: 1, name: n]}', 'process n'],
  ['%{start: {Shop.Room, :start_link, [[name: n]]}}', 'process n'],
  ['options = [name: n]\nAgent.start_link(fn -> 1 end, options)', 'process n'],
  ['GenServer.start_link(__MODULE__, 1, Keyword.put(opts, :name, n))', 'process n'],
  ['GenServer.start_link(__MODULE__, 1, name: {:global, n})', 'process n'],
  ['GenServer.start_link(__MODULE__, 1, name: {:via, Registry, {Shop.Names, {__MODULE__, n}}})', 'process n'],
  [':gen_server.start_link({:local, n}, __MODULE__, 1, [])', 'process n'],
  ['Process.register(self(), n)', 'process n'],
  ['GenServer.call(n, :get)', 'target n'],
  ['GenServer.cast({n, node()}, :get)', 'target n'],
  ['n |> GenServer.call(:get)', 'target n'],
  ['DynamicSupervisor.start_child(n, opts)', 'target n'],
  ['Process.whereis(n)', 'target n'],
  [':ets.new(n, [:set, :named_table])', 'table n'],
  [':ets.new(n, [:set])', null],
  ['WebSockex.start_link(name: n)', null],
  ['Broadway.start_link(__MODULE__, name: n, producer: [])', 'process n'],
  ['{Finch, name: n}', null],
  ['DynamicSupervisor.start_child(Shop.Rooms, {Room, id: 1, name: n})', 'target Shop.Rooms, process n'],
  ['child = {Room, name: n}\nHorde.DynamicSupervisor.start_child(opts, child)', 'process n'],
  ['child = {Room, name: n}\nShop.Room.rename(child)', null],
  ['[name: n]', null],
  ['Shop.Room.rename(name: n)', null],
  ['options = [name: n]\nShop.Room.rename(options)', null],
])('%s', (body, expected) => {
  expect(named(body)).toEqual(expected?.split(', ') ?? [])
})

test.each([
  ['for id <- ids, do: id', ['ids']],
  ['for {id, _} <- ids, do: id', ['ids']],
  ['Enum.map(ids, fn id -> id end)', ['ids']],
  ['ids |> Enum.each(fn %{id: id} -> id end)', ['ids']],
  ['with id <- ids, do: id', []],
  ['Shop.visit(ids, fn id -> id end)', []],
  ['id = ids', []],
])('elements: %s', (body, expected) => {
  expect(drawnFrom('id', clauseWith(body)).map(({ text }) => text)).toEqual(expected)
})
