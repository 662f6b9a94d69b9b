import { describe, expect, test } from 'vitest'
import { boundValue, foldNumber, isSame, nameOf, resolve } from '#elixir'
import { clauseWith } from './read-source.ts'

/** The argument of `use(...)` in a body, below some attributes, with the clause it stands in. */
function argument(body: string, above = '') {
  const clause = clauseWith(body, above)
  const call = clause.calls.find((each) => each.name === 'look')
  return { expression: call!.args[0]!, clause, module: clause.module }
}

function nameBehind(body: string, above = ''): string | null {
  const { expression, clause, module } = argument(body, above)
  return nameOf(expression, module, clause)
}

describe('attributes', () => {
  test('with a literal or an alias are constants', () => {
    expect(nameBehind('look(@server)', '@server __MODULE__')).toBe('A')
    expect(nameBehind('look(@server)', 'alias Shop.Stock\n@server Stock')).toBe('Shop.Stock')
    expect(nameBehind('look(@table)', '@table :items')).toBe(':items')
  })

  test('with a call or nothing are unknown', () => {
    expect(nameBehind('look(@server)', '@server Application.compile_env(:shop, :server)')).toBe(null)
    expect(nameBehind('look(@server)', '@server')).toBe(null)
    expect(nameBehind('look(@server)')).toBe(null)
  })

  test('are followed through each other', () => {
    expect(nameBehind('look(@b)', '@a :items\n@b @a')).toBe(':items')
    expect(nameBehind('look(@a)', '@a @a')).toBe(null)
  })

  test('set twice are unknown, unless to the same', () => {
    expect(nameBehind('look(@a)', '@a :one\n@a :two')).toBe(null)
    expect(nameBehind('look(@a)', '@a [:one]\n@a [:one]')).toBe(null)
    expect(nameBehind('look(@a)', '@a :one\n@a   :one')).toBe(':one')
    expect(nameBehind('look(@a)', 'if x do\n@a :one\nelse\n@a :two\nend')).toBe(null)
  })

  test('of a nested module are its own', () => {
    expect(nameBehind('look(@a)', 'defmodule B do\n@a :one\nend')).toBe(null)
  })
})

describe('variables', () => {
  test('bound once by `=` stand for their value', () => {
    expect(nameBehind('name = :items\nlook(name)')).toBe(':items')
    expect(nameBehind('name = @table\nlook(name)', '@table :items')).toBe(':items')
  })

  test('bound twice, by a pattern or a parameter are unknown', () => {
    expect(nameBehind('name = :items\nname = :others\nlook(name)')).toBe(null)
    expect(nameBehind('{name, _} = :items\nlook(name)')).toBe(null)
    expect(nameBehind('f = fn name -> look(name) end\nname = :items')).toBe(null)
    expect(nameBehind('for name <- names, do: look(name)')).toBe(null)
  })

  test('a pinned variable is not bound again', () => {
    expect(nameBehind('name = :items\n^name = g()\nlook(name)')).toBe(':items')
  })

  test('give the value itself', () => {
    const { expression, clause } = argument('options = [name: :a]\nlook(options)')

    expect(expression.kind === 'variable' && boundValue(expression, clause)).toMatchObject({ kind: 'list' })
  })
})

describe('functions without parameters', () => {
  test('stand for the literal they return', () => {
    expect(nameBehind('look(server())', 'defp server, do: Shop.Server')).toBe('Shop.Server')
    expect(nameBehind('look(server)', 'defp server, do: Shop.Server')).toBe('Shop.Server')
    expect(nameBehind('look(server())', '@s :a\ndefp server, do: @s')).toBe(':a')
  })

  test('but not where they decide something', () => {
    expect(nameBehind('look(server())', 'defp server, do: Application.get_env(:a, :b)')).toBe(null)
    expect(nameBehind('look(server())', 'defp server do\n if x, do: A, else: B\nend')).toBe(null)
  })
})

test('what is not known stays itself', () => {
  const { expression, clause, module } = argument('look(g(1))')

  expect(resolve(expression, module, clause)).toBe(expression)
})

describe('numbers', () => {
  const milliseconds = (text: string, above = ''): number | null => {
    const { expression, module } = argument(`look(${text})`, above)
    return foldNumber(expression, module)
  }

  test.each([
    ['5_000', 5000],
    ['60 * 1000', 60_000],
    ['24 * 60 * 60 * 1000 + 1', 86_400_001],
    ['1000 - 1', 999],
    [':timer.seconds(5)', 5000],
    [':timer.minutes(2)', 120_000],
    [':timer.hours(24)', 86_400_000],
    [':timer.hms(1, 2, 3)', 3_723_000],
    ['to_timeout(hour: 1, minute: 30)', 5_400_000],
    ['2 * :timer.seconds(3)', 6000],
    ['@day', 86_400_000],
    ['@day * 2', 172_800_000],
  ])('%s is %d', (text, expected) => {
    expect(milliseconds(text, '@hour 60 * 60 * 1000\n@day 24 * @hour')).toBe(expected)
  })

  test.each([
    ':infinity',
    'x',
    'g(1)',
    '10 / 3',
    '@unknown',
    'to_timeout(x)',
    'to_timeout(fortnight: 1)',
    ':timer.hms(1, x, 3)',
  ])('%s is unknown', (text) => {
    expect(milliseconds(text)).toBe(null)
  })

  test('an attribute set from a call that folds is constant too', () => {
    expect(milliseconds('@interval', '@interval :timer.hours(6)')).toBe(21_600_000)
    expect(milliseconds('@b * 2', '@a :timer.hours(6)\n@b @a')).toBe(43_200_000)
    expect(milliseconds('@interval', '@interval Application.compile_env(:shop, :interval)')).toBe(null)
    expect(milliseconds('@a', '@a :timer.hours(@a)')).toBe(null)
  })

  test('attributes that are written in terms of each other are unknown, at once', () => {
    const chain = Array.from({ length: 60 }, (_, index) => `@a${index + 1} @a${index} + @a${index}`).join('\n')

    expect(milliseconds('@b', '@a @b + 1\n@b @a + 1')).toBe(null)
    expect(milliseconds('@a60', `@a0 1\n${chain}`)).toBe(2 ** 60)
  })
})

test('two expressions are the same when they are written alike or name the same thing', () => {
  const { clause, module } = argument(
    'look(1)\n{@a, :items, {:via, Registry, k}, {:via,   Registry, k}, :other}',
    '@a :items',
  )
  const tuple = clause.expressions.find((each) => each.kind === 'tuple')!
  const [attribute, atom, via, sameVia, other] = tuple.children()

  expect(isSame(attribute!, atom!, module)).toBe(true)
  expect(isSame(via!, sameVia!, module)).toBe(true)
  expect(isSame(atom!, other!, module)).toBe(false)
})
