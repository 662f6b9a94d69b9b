import { describe, expect, test } from 'vitest'
import { etsAccess, tableOf, tables } from '#elixir'
import { clauseWith, moduleOf } from './read-source.ts'

const made = (body: string, above = '') => tables(clauseWith(body, above).module)

describe('tables', () => {
  test.each([
    [':ets.new(:rates, [:named_table])', { name: ':rates', isNamed: true, access: 'protected' }],
    [':ets.new(:rates, [:set, :public, :named_table])', { name: ':rates', isNamed: true, access: 'public' }],
    [':ets.new(__MODULE__, [:private, :named_table])', { name: 'A', isNamed: true, access: 'private' }],
    [':ets.new(:rates, [])', { name: ':rates', isNamed: false, access: 'protected' }],
    [':rates |> :ets.new([:named_table, :public])', { name: ':rates', isNamed: true, access: 'public' }],
  ])('%s', (body, expected) => {
    expect(made(body)).toMatchObject([expected])
  })

  test('names and options out of attributes and variables', () => {
    const [table] = made('opts = @opts\n:ets.new(@table, opts)', '@table :rates\n@opts [:named_table, :public]')

    expect(table).toMatchObject({ name: ':rates', isNamed: true, access: 'public' })
  })

  test('access out of an attribute, and access that is computed', () => {
    expect(made(':ets.new(:rates, [:named_table, @access])', '@access :public')).toMatchObject([{ access: 'public' }])
    expect(
      made(':ets.new(:rates, [:named_table, @access])', '@access Application.compile_env(:shop, :access)'),
    ).toMatchObject([{ isNamed: true, access: null }])
    expect(made(':ets.new(:rates, [:named_table, access])')).toMatchObject([{ access: null }])
    expect(made(':ets.new(:rates, [:named_table, {:keypos, 2}, write_concurrency: true])')).toMatchObject([
      { access: 'protected' },
    ])
  })

  test('what is computed is not known', () => {
    expect(made(':ets.new(name, opts)')).toMatchObject([{ name: null, options: null, isNamed: false }])
    expect(made(':ets.new(:rates, [:named_table | opts])')).toMatchObject([{ options: null, isNamed: false }])
  })

  test('every clause of every function, in source order', () => {
    const module = moduleOf(
      'defmodule A do\ndef a, do: :ets.new(:one, [])\ndefp b(1), do: :ets.new(:two, [])\ndefp b(_), do: :ets.new(:three, [])\nend',
    )

    expect(tables(module).map(({ name }) => name)).toEqual([':one', ':two', ':three'])
  })
})

describe('what a call does to a table', () => {
  test.each([
    [':ets.lookup(:rates, :eur)', 'read', ':rates'],
    [':ets.foldl(fun, 0, :rates)', 'read', ':rates'],
    [':ets.insert(@table, {:eur, 1})', 'write', ':rates'],
    [':ets.delete(:rates)', 'write', ':rates'],
    [':ets.update_counter(:rates, :eur, 1)', 'write', ':rates'],
    [':ets.whereis(:rates)', null, ':rates'],
    [':ets.insert(table, row)', 'write', null],
  ])('%s', (body, access, name) => {
    const clause = clauseWith(body, '@table :rates')
    const [call] = clause.calls

    expect(etsAccess(call!)).toBe(access)
    expect(tableOf(call!, clause)).toBe(name)
  })

  test('other modules have functions of the same names', () => {
    const [call] = clauseWith('Shop.Cache.insert(:rates, row)').calls

    expect(etsAccess(call!)).toBeNull()
  })
})

describe('a table that a local function gives', () => {
  const lookup = (above: string) => {
    const clause = clauseWith('table = store()\n:ets.lookup(table, 1)', above)
    return tableOf(
      clause.calls.find(({ callee }) => callee === ':ets.lookup')!,
      clause,
    )
  }

  test.each([
    ['the one it makes', 'defp store, do: :ets.new(:rates, [:named_table])', ':rates'],
    [
      'the one it finds or makes',
      `defp store do
        case :ets.whereis(:rates) do
          :undefined -> :ets.new(:rates, [:named_table])
          table -> table
        end
      end`,
      ':rates',
    ],
    [
      'by a name in a variable',
      `defp store do
        name = :rates
        if :ets.whereis(name) == :undefined, do: :ets.new(name, [:named_table]), else: name
      end`,
      ':rates',
    ],
    ['one of two', 'defp store, do: if(odd?(), do: :rates, else: :quotes)', null],
    ['what is computed', 'defp store, do: :ets.new(name(), [:named_table])', null],
  ])('%s', (_name, above, expected) => {
    expect(lookup(above)).toBe(expected)
  })
})
