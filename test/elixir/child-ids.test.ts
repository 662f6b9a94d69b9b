import { expect, test } from 'vitest'
import { childId, childLists } from '#elixir'
import { fileOf } from './read-source.ts'

/** The ids of the children that the last module of the source lists. */
function ids(children: string, above = ''): (string | null)[] {
  const source = `${above}
defmodule Shop.Supervisor do
  @id :attribute
  def init(arg), do: Supervisor.init([${children}], strategy: :one_for_one)
end`
  return fileOf(source)
    .modules.flatMap(childLists)
    .flatMap(({ clause, segments }) =>
      segments.flatMap((segment) => segment.children.map((child) => childId(child, clause))),
    )
}

test('tasks and agents are called so, whatever they run', () => {
  expect(ids('{Task, fn -> 1 end}, {Agent, fn -> 1 end}')).toEqual(['Task', 'Agent'])
})

test('registries and supervisors have their names', () => {
  const children =
    '{Registry, keys: :unique, name: A}, {Task.Supervisor, name: :b}, {DynamicSupervisor, strategy: :one_for_one}'

  expect(ids(children)).toEqual(['A', ':b', 'DynamicSupervisor'])
  expect(ids('Task.Supervisor, {Task.Supervisor, []}')).toEqual(['Task.Supervisor', 'Task.Supervisor'])
})

test('literal ids, also through an attribute and an override', () => {
  const children = [
    '%{id: :map, start: {A, :start_link, []}}',
    'Supervisor.child_spec({Task, fn -> 1 end}, id: {A, 1})',
    'Supervisor.child_spec(A, id: @id)',
    'Supervisor.child_spec({Task, fn -> 1 end}, restart: :transient)',
  ]

  expect(ids(children.join(', '))).toEqual([':map', '(tuple A 1)', ':attribute', 'Task'])
})

test.each([
  ['a plain use', 'use GenServer', 'Shop.Poller'],
  ['options without an id', 'use GenServer, restart: :transient', 'Shop.Poller'],
  ['options with an id', 'use GenServer, id: :poller', null],
  ['options that are computed', 'use GenServer, options()', null],
  ['a child spec of its own', 'use GenServer\ndef child_spec(arg), do: %{id: arg, start: {A, :b, []}}', null],
  ['another use that may define one', 'use GenServer\nuse Shop.Child', null],
  ['no use that makes one', '', null],
])('a module of the file: %s', (_name, body, expected) => {
  expect(ids('{Shop.Poller, 1}', `defmodule Shop.Poller do\n${body}\nend`)).toEqual([expected])
})

test('ids that are not written here are not known', () => {
  expect(ids('Other.Module, {Other.Module, 1}, %{id: arg, start: {A, :b, []}}, {Registry, arg}, child(arg)')).toEqual([
    null,
    null,
    null,
    null,
    null,
  ])
})
