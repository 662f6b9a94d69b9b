import { describe, expect, test } from 'vitest'
import { expressionOf } from './read-source.ts'

describe('if and unless', () => {
  test.each([
    ['a block', 'if c do\n  f()\nelse\n  g()\nend'],
    ['keywords', 'if c, do: f(), else: g()'],
    ['keywords in parentheses', 'if(c, do: f(), else: g())'],
    ['keywords on lines', 'if c,\n  do: f(),\n  else: g()'],
  ])('as %s', (_, source) => {
    expect(expressionOf(source)).toMatchObject({
      kind: 'if',
      isUnless: false,
      condition: { name: 'c' },
      then: { callee: 'f' },
      otherwise: { callee: 'g' },
    })
  })

  test('without `else`, as `unless`, and with an empty branch', () => {
    expect(expressionOf('if c, do: f()')).toMatchObject({ then: { callee: 'f' }, otherwise: null })
    expect(expressionOf('unless c, do: f()')).toMatchObject({ isUnless: true })
    expect(expressionOf('if c do\nelse\n  g()\nend')).toMatchObject({
      then: { kind: 'block', statements: [] },
      otherwise: { callee: 'g' },
    })
  })

  test('several statements in a branch, also in parentheses', () => {
    expect(expressionOf('if c, do: (f(); g())')).toMatchObject({
      then: { kind: 'block', statements: [{ callee: 'f' }, { callee: 'g' }] },
    })
  })

  test('a block begins with its first and ends with its last statement', () => {
    const expression = expressionOf('if c do\n  f()\n  g()\nelse\n  h()\nend')

    expect(expression.kind === 'if' && expression.then?.text).toBe('f()\n  g()')
  })
})

describe('case, cond and fn', () => {
  test('branches with patterns, guards and bodies', () => {
    expect(expressionOf('case x do\n  {:ok, v} when v > 1 -> f(v)\n  _ ->\n    g()\n    h()\nend')).toMatchObject({
      kind: 'case',
      subject: { name: 'x' },
      branches: [
        { patterns: [{ kind: 'tuple' }], guard: { operator: '>' }, body: { callee: 'f' } },
        { patterns: [{ name: '_' }], guard: null, body: { kind: 'block', statements: [{}, {}] } },
      ],
    })
  })

  test('case with keywords', () => {
    expect(expressionOf('case x, do: (1 -> f(); 2 -> g())')).toMatchObject({ kind: 'case', branches: [{}, {}] })
  })

  test('cond has one condition to a branch', () => {
    expect(expressionOf('cond do\n  a > 1 -> f()\n  true -> g()\nend')).toMatchObject({
      kind: 'cond',
      branches: [{ patterns: [{ operator: '>' }] }, { patterns: [{ value: 'true' }] }],
    })
  })

  test.each([
    ['fn -> f() end', 0],
    ['fn () -> f() end', 0],
    ['fn x -> f() end', 1],
    ['fn x, y -> f() end', 2],
    ['fn (x, y) -> f() end', 2],
    ['fn x, y when x > y -> f() end', 2],
    ['fn (x, y) when x > y -> f() end', 2],
    ['fn %{a: b}, {c, d} -> f() end', 2],
  ])('%s', (source, count) => {
    const fn = expressionOf(source)

    expect(fn).toMatchObject({ kind: 'fn', branches: [{ body: { callee: 'f' } }] })
    expect(fn.kind === 'fn' && fn.branches[0]!.patterns.length).toBe(count)
  })

  test('several branches, and branches without a body', () => {
    expect(expressionOf('fn 1 -> :a; _ -> :b end')).toMatchObject({
      branches: [{ body: { value: 'a' } }, { body: { value: 'b' } }],
    })
    expect(expressionOf('fn -> end')).toMatchObject({
      branches: [{ patterns: [], body: { kind: 'block', statements: [] } }],
    })
  })
})

describe('with', () => {
  test.each([
    ['a block', 'with {:ok, a} <- f(), b = g(a), true <- h(b) do\n  k()\nelse\n  e -> e\nend'],
    ['keywords', 'with {:ok, a} <- f(), b = g(a), true <- h(b), do: k(), else: (e -> e)'],
    ['parentheses', 'with({:ok, a} <- f(), b = g(a), true <- h(b), do: k(), else: (e -> e))'],
  ])('as %s', (_, source) => {
    expect(expressionOf(source)).toMatchObject({
      kind: 'with',
      steps: [{ kind: 'draw', value: { callee: 'f' } }, { kind: 'match' }, { kind: 'draw', value: { callee: 'h' } }],
      body: { callee: 'k' },
      elseBranches: [{ patterns: [{ name: 'e' }] }],
    })
  })

  test('a guard on a step', () => {
    expect(expressionOf('with {:ok, a} when a > 1 <- f(), do: a')).toMatchObject({
      steps: [{ kind: 'draw', pattern: { kind: 'tuple' }, guard: { operator: '>' }, value: { callee: 'f' } }],
      elseBranches: [],
    })
  })
})

describe('for', () => {
  test('draws, filters and options', () => {
    expect(expressionOf('for {k, v} <- m, v > 1, into: %{}, uniq: true do\n  {k, f(v)}\nend')).toMatchObject({
      kind: 'for',
      steps: [{ kind: 'draw', value: { name: 'm' } }, { operator: '>' }],
      options: { elements: [{ key: { value: 'into' } }, { key: { value: 'uniq' } }] },
      body: { kind: 'tuple' },
    })
    expect(expressionOf('for x <- xs, into: [], do: f(x)')).toMatchObject({
      options: { elements: [{ key: { value: 'into' } }] },
      body: { callee: 'f' },
    })
    expect(expressionOf('for x <- xs, do: f(x)')).toMatchObject({ options: null, body: { callee: 'f' } })
  })

  test('`reduce:` has a function as its body', () => {
    expect(expressionOf('for x <- xs, reduce: %{} do\n  acc -> f(acc, x)\nend')).toMatchObject({
      options: { elements: [{ key: { value: 'reduce' } }] },
      body: { kind: 'fn', branches: [{ patterns: [{ name: 'acc' }], body: { callee: 'f' } }] },
    })
  })

  test('a bitstring generator', () => {
    expect(expressionOf('for <<c <- text>>, do: f(c)')).toMatchObject({
      kind: 'for',
      steps: [{ kind: 'binary' }],
      body: { callee: 'f' },
    })
  })
})

describe('try', () => {
  test('all sections', () => {
    const source = `try do
      f()
    rescue
      e in [RuntimeError] -> g(e)
      ArgumentError -> :a
    catch
      :exit, reason -> h(reason)
      thrown -> thrown
    else
      v -> k(v)
    after
      l()
    end`

    expect(expressionOf(source)).toMatchObject({
      kind: 'try',
      body: { callee: 'f' },
      rescues: [{ patterns: [{ operator: 'in' }] }, { patterns: [{ kind: 'module' }] }],
      catches: [{ patterns: [{ value: 'exit' }, { name: 'reason' }] }, { patterns: [{ name: 'thrown' }] }],
      elses: [{ body: { callee: 'k' } }],
      after: { callee: 'l' },
    })
  })
})

describe('receive', () => {
  test('with and without `after`', () => {
    expect(expressionOf('receive do\n  {:ok, v} -> f(v)\nafter\n  500 -> g()\nend')).toMatchObject({
      kind: 'receive',
      branches: [{ body: { callee: 'f' } }],
      after: { patterns: [{ value: 500 }], body: { callee: 'g' } },
    })
    expect(expressionOf('receive do\n  :a -> f()\n  :b -> g()\nend')).toMatchObject({ branches: [{}, {}], after: null })
  })
})
