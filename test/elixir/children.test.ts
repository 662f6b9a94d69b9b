import { describe, expect, test } from 'vitest'
import { childLists, childName } from '#elixir'
import { elixir } from '#engine'
import { moduleOf } from './read-source.ts'

/** The child lists of a `start/2` with this body: the modules of each segment. */
function segmentsIn(body: string, below = ''): (string | null)[][][] {
  const module = moduleOf(
    `defmodule Shop.Application do\nuse Application\ndef start(_, _) do\n${body}\nend\n${below}\nend\n`,
  )
  return childLists(module).map(({ segments }) => segments.map(({ children }) => children.map((child) => child.module)))
}

const start = 'Supervisor.start_link(children, strategy: :one_for_one)'

describe('a child list', () => {
  test('is given in place, by a variable or an attribute', () => {
    expect(segmentsIn('Supervisor.start_link([A, B], strategy: :one_for_one)')).toEqual([[['A', 'B']]])
    expect(segmentsIn(`children = [A, B]\n${start}`)).toEqual([[['A', 'B']]])
    expect(segmentsIn('Supervisor.init(@children, strategy: :one_for_one)', '@children [A, B]')).toEqual([[['A', 'B']]])
    expect(segmentsIn('[A, B] |> Supervisor.start_link(strategy: :one_for_one)')).toEqual([[['A', 'B']]])
  })

  test('has a segment for each literal part', () => {
    expect(segmentsIn(`children = [A] ++ extra() ++ [B, C]\n${start}`, 'defp extra, do: [D]')).toEqual([
      [['A'], ['D'], ['B', 'C']],
    ])
    expect(segmentsIn(`children = [A]\nchildren = children ++ [B]\n${start}`)).toEqual([[['A'], ['B']]])
    expect(segmentsIn(`children = [A] ++ if(c, do: [B], else: [C])\n${start}`)).toEqual([[['A'], ['B'], ['C']]])
    expect(segmentsIn(`children = a ++ b ++ c ++ d ++ e ++ [A]\n${start}`)).toEqual([[['A']]])
    expect(segmentsIn(`children = Enum.reject([A, nil], &is_nil/1)\n${start}`)).toEqual([[['A', null]]])
  })

  test('is given by a function, and functions that name each other end', () => {
    expect(
      segmentsIn('Supervisor.init(children(), strategy: :one_for_one)', 'defp children do\n x = 1\n [A]\nend'),
    ).toEqual([[['A']]])
    expect(segmentsIn('Supervisor.init(children, strategy: :one_for_one)', 'defp children, do: [A]')).toEqual([[['A']]])
    expect(segmentsIn('Supervisor.init(a(), strategy: :one_for_one)', 'defp a, do: b()\ndefp b, do: a()')).toEqual([[]])
    expect(
      segmentsIn('Supervisor.init(a(), strategy: :one_for_one)', 'defp a, do: b() ++ b()\ndefp b, do: [A]'),
    ).toEqual([[['A']]])
  })

  test('is another one in each clause of a function, but for that of tests', () => {
    expect(
      segmentsIn(
        'Supervisor.init(a(mode()), strategy: :one_for_one)',
        'defp a(:test), do: [T]\ndefp a(:dev), do: [A]\ndefp a(_), do: [A, B]',
      ),
    ).toEqual([[['A'], ['A', 'B']]])
  })

  test('is not what a module-based supervisor is started with', () => {
    expect(segmentsIn('Supervisor.start_link(__MODULE__, [A], name: B)')).toEqual([])
    expect(segmentsIn('Supervisor.start_link(Shop.Sup, [])')).toEqual([])
  })

  test('that is computed has no segments', () => {
    expect(segmentsIn(`children = load()\n${start}`)).toEqual([[]])
  })

  test('knows its options', () => {
    const module = moduleOf(elixir`
      defmodule A do
        use Supervisor
        @options [strategy: :rest_for_one]
        def init(_), do: Supervisor.init([], @options)
        def start(x), do: Supervisor.start_link([], options(x))
      end
    `)
    const [written, computed] = childLists(module)

    expect(written!.options?.get('strategy')).toMatchObject({ value: 'rest_for_one' })
    expect(written!.clause.function.id).toBe('init/1')
    expect(computed!.options).toBe(null)
  })
})

describe('a child', () => {
  const childOf = (text: string, above = '') => {
    const module = moduleOf(
      `defmodule A do\n${above}\ndef start do\nsupervisor = 1\nSupervisor.init([${text}], strategy: :one_for_one)\nend\nend\n`,
    )
    return childLists(module)[0]!.segments[0]!.children[0]!
  }

  test.each([
    ['Shop.Repo', 'Shop.Repo', null, 'module'],
    ['{Shop.Repo, [a: 1]}', 'Shop.Repo', '[a: 1]', 'tuple'],
    ['{Shop.Repo, a: 1}', 'Shop.Repo', 'a: 1', 'tuple'],
    ['{Task, fn -> f() end}', 'Task', 'fn -> f() end', 'tuple'],
    ['{__MODULE__.Sup, 1}', 'A.Sup', '1', 'tuple'],
    ['{@repo, 1}', 'Shop.Repo', '1', 'tuple'],
    ['Supervisor.child_spec({Shop.Repo, 1}, id: :a, restart: :temporary)', 'Shop.Repo', '1', 'override'],
    ['%{id: :a, start: {Shop.Repo, :start_link, [1]}, restart: :temporary}', 'Shop.Repo', '1', 'map'],
    ['%{id: :a, start: {:pg, :start_link, [:scope]}}', ':pg', ':scope', 'map'],
    ['Shop.Repo.child_spec(1)', 'Shop.Repo', '1', 'call'],
    ['worker(Shop.Repo, [1])', 'Shop.Repo', null, 'call'],
    ['if(c, do: Shop.Repo)', null, null, 'unknown'],
    ['child', null, null, 'unknown'],
    ['{child, 1}', null, null, 'unknown'],
  ])('%s', (text, module, argument, form) => {
    const child = childOf(text, '@repo Shop.Repo')

    expect([child.module, child.argument?.text ?? null, child.form]).toEqual([module, argument, form])
    expect(child.expression.text).toBe(text)
  })

  test('knows a literal id and restart', () => {
    for (const text of [
      'Supervisor.child_spec(B, id: :a, restart: :temporary)',
      '%{id: :a, start: {B, :c, []}, restart: :temporary}',
    ]) {
      expect(childOf(text)).toMatchObject({ id: { value: 'a' }, restart: { value: 'temporary' } })
    }
  })

  test('knows the name it is started with', () => {
    const nameOf = (text: string) => childName(childOf(text))?.text ?? null

    expect(nameOf('{Registry, keys: :unique, name: Shop.Registry}')).toBe('Shop.Registry')
    expect(nameOf('Supervisor.child_spec({Phoenix.PubSub, name: Shop.PubSub}, id: :a)')).toBe('Shop.PubSub')
    expect(nameOf('{Finch, Keyword.merge([name: Shop.Finch], options)}')).toBe('Shop.Finch')
    expect(nameOf('{Registry, keys: :unique}')).toBe(null)
    expect(nameOf('Shop.Repo')).toBe(null)
  })
})
