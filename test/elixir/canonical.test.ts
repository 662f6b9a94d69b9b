import { describe, expect, test } from 'vitest'
import {
  canonical,
  messageShape,
  sameShape,
  canMatch,
  matchesTupleWithVariableHead,
  showShape,
  unmatched,
  variablesIn,
} from '#elixir'
import { clauseWith, expressionOf } from './read-source.ts'

describe('the canonical text is the same for', () => {
  test.each([
    ['white space', 'f( a,b )', 'f(a,\n  b)'],
    ['comments', 'f(a) # why', 'f(a)'],
    ['parentheses', 'f a, b', 'f(a, b)'],
    ['parentheses around an operand', '(a + b)', 'a + b'],
    ['a pipe', 'a |> f(b)', 'f(a, b)'],
    ['keywords', 'if c, do: a, else: b', 'if c do\n a\nelse\n b\nend'],
    ['brackets around keywords', 'f([a: 1])', 'f(a: 1)'],
    ['digits', '1_000', '1000'],
    ['the own module', '__MODULE__.f(1)', 'A.f(1)'],
    ['apply', 'apply(Task, :async, [f])', 'Task.async(f)'],
    ['the form of a capture', '&A.f/1', '&f/1'],
  ])('%s', (_, a, b) => {
    expect(canonical(expressionOf(a))).toBe(canonical(expressionOf(b)))
  })

  test('an alias and the full name', () => {
    expect(canonical(expressionOf('S.f(1)', 'alias Shop.Stock, as: S'))).toBe(
      canonical(expressionOf('Shop.Stock.f(1)')),
    )
  })
})

describe('the canonical text differs for', () => {
  test.each([
    ['another argument', 'f(a)', 'f(b)'],
    ['another module', 'M.f(a)', 'N.f(a)'],
    ['another field', 'a.b', 'a.c'],
    ['another function of a variable module', 'm.f(a)', 'm.g(a)'],
    ['a call and a field', 'm.f', 'm.f()'],
    ['unless', 'if c, do: a', 'unless c, do: a'],
    ['an else that became the then', 'if c, do: a, else: b', 'if c, do: b, else: a'],
    ['statements and arguments', 'f(a)\nb', 'f(a, b)'],
    ['a tuple and a list', '{a, b}', '[a, b]'],
    ['a tail', '[a, b]', '[a | b]'],
    ['an atom and a string', ':a', '"a"'],
    ['a variable and an atom', 'a', ':a'],
    ['a rescue and a catch', 'try do\n a\nrescue\n b -> c\nend', 'try do\n a\ncatch\n b -> c\nend'],
    ['a struct', '%A{a: 1}', '%B{a: 1}'],
    ['an update', '%{a | b: 1}', '%{b: 1}'],
    ['a sigil', '~w(a)', '~s(a)'],
    ['a guard', 'case a do\n b when c -> d\nend', 'case a do\n b -> d\nend'],
    ['an arity', '&f/1', '&f/2'],
    ['a block', 'f a do\n b\nend', 'f a, b'],
    ['interpolation', '"a #{b}"', '"a #{c}"'],
  ])('%s', (_, a, b) => {
    expect(canonical(expressionOf(a))).not.toBe(canonical(expressionOf(b)))
  })
})

describe('messages and patterns', () => {
  test.each([
    [':tick', ':tick'],
    ['{:put, a, b}', '{:put, _, _}'],
    ['{:put}', '{:put}'],
    ['message = {:put, a}', '{:put, _}'],
    ['{:put, a} = message', '{:put, _}'],
    ['nil', 'nil'],
    ['{:DOWN, a}', '{:DOWN, _}'],
    ['Shop.Tick', 'Shop.Tick'],
  ])('%s has the shape %s', (text, shape) => {
    expect(showShape(messageShape(expressionOf(text))!)).toBe(shape)
  })

  test.each(['x', '{a, b}', '[1]', '%{a: 1}', '"a"', 'f()'])('%s has none', (text) => {
    expect(messageShape(expressionOf(text))).toBe(null)
  })

  test('shapes are the same by tag and size', () => {
    const same = (a: string, b: string) => sameShape(messageShape(expressionOf(a))!, messageShape(expressionOf(b))!)

    expect(same('{:a, 1}', '{:a, x}')).toBe(true)
    expect(same('{:a, 1}', '{:a, 1, 2}')).toBe(false)
    expect(same(':a', '{:a}')).toBe(false)
    expect(same(':a', ':a')).toBe(true)
  })

  test.each([
    ['{:a, x}', '{:a, 1}', true],
    ['{tag, x}', '{:a, 1}', true],
    ['m', '{:a, 1}', true],
    ['m = {:a, _}', '{:a, 1}', true],
    ['^m', '{:a, 1}', true],
    ['{:b, x}', '{:a, 1}', false],
    ['{:a, x, y}', '{:a, 1}', false],
    [':a', '{:a, 1}', false],
    ['%{a: 1}', '{:a, 1}', false],
    [':a', ':a', true],
    ['{:a}', ':a', false],
  ])('%s can match %s: %s', (pattern, message, expected) => {
    expect(canMatch(expressionOf(pattern), messageShape(expressionOf(message))!)).toBe(expected)
  })

  test('a tuple with a variable head', () => {
    const matches = (pattern: string) => matchesTupleWithVariableHead(expressionOf(pattern), 2)

    expect(['{ref, x}', '{^ref, x}', 'm', '{_, _}', 'm = {ref, x}'].map(matches)).toEqual([
      true,
      true,
      true,
      true,
      true,
    ])
    expect(['{:a, x}', '{ref, x, y}', ':a', '[ref, x]'].map(matches)).toEqual([false, false, false, false])
  })

  test('a match is as specific as its specific side', () => {
    expect(unmatched(expressionOf('a = b = {:c, d}')).text).toBe('{:c, d}')
    expect(unmatched(expressionOf('{:c, d} = a')).text).toBe('{:c, d}')
  })

  test('the variables of a pattern, without the blank', () => {
    expect(variablesIn(clauseWith('%{a: {b, [c | d]}, e: _, f: ^g, h: _i}').body!)).toEqual(['b', 'c', 'd', 'g', '_i'])
  })
})
