import { describe, expect, test } from 'vitest'
import { elixir } from '#engine'
import { fileOf, moduleOf } from './read-source.ts'

/** A module `A` around a function with this body, another module behind it; broken parts are marked with `!`. */
function shapeWith(body: string): string {
  const source = elixir`
    defmodule A do
      def before(x), do: x

      def f(x) do
        BODY
      end

      def later(x) do
        x
      end
    end

    defmodule B do
      def g, do: 1
    end
  `
  return shapeOf(source.replace('BODY', () => body))
}

function shapeOf(source: string): string {
  return fileOf(source)
    .modules.map((module) => {
      const clauses = module.functions.flatMap((fun) =>
        fun.clauses.map((clause) => fun.name + (clause.hasError ? '!' : '')),
      )
      return `${module.name}${module.isBroken ? '!' : ''}(${clauses.join(' ')})`
    })
    .join(' ')
}

describe('an error inside a function', () => {
  test.each(['g(x,, y)', 'g(x]', 'x = 1 +* 2', '%{a: }', '[1, 2', '1 2 3', '<<<<<<< HEAD', ')', '|> x'])(
    '%s',
    (body) => {
      expect(shapeWith(body)).toBe('A(before f! later) B(g)')
    },
  )

  test('leaves name and arity known, and nothing else', () => {
    const module = moduleOf('defmodule A do\n  def f(x) do\n    Task.async(g(x,, y))\n  end\nend\n')
    const [clause] = module.clauses('f', 1)

    expect(clause).toMatchObject({ hasError: true, params: [], guard: null, body: { kind: 'opaque', reason: 'error' } })
    expect(clause!.calls).toEqual([])
  })

  test('in its head', () => {
    expect(shapeOf('defmodule A do\n  def f(x, ), do: x\n  def g(%{a: }), do: 1\n  def h(x), do: x\nend\n')).toBe(
      'A(f! g! h)',
    )
  })
})

describe('an `end` too few', () => {
  test.each(['if x do\n 1', 'fn x ->', 'x =', 'x |>', '&'])('%s: what follows is no longer where it was', (body) => {
    expect(shapeWith(body)).toBe('A!(before f) A.B!(g)')
  })

  test('in the first of two modules', () => {
    expect(
      shapeOf('defmodule A do\n  def f do\n    1\n\n  def g, do: 1\nend\ndefmodule B do\n  def h, do: 1\nend\n'),
    ).toBe('A!(f) A.B!(h)')
  })
})

test('an `end` too many closes the module early: nothing in the file can be trusted', () => {
  expect(shapeWith('end')).toBe('A!(before f) B!(g)')
})

test.each(['"abc', '"""\n  abc', 'g(x', "'", 'g.(', ':"'])(
  '%s without an end leaves no module, or none to trust',
  (body) => {
    expect(shapeWith(body)).toMatch(/^(?:$|A!)/)
  },
)

describe('an error at module level', () => {
  test.each([
    ['conflict markers', '<<<<<<< HEAD\n  use GenServer\n=======\n  use Agent\n>>>>>>> main'],
    ['a broken attribute', '@timeout 5 5'],
    ['a broken use', 'use GenServer,, restart: :x'],
    ['a stray bracket', ']'],
    ['a broken form', 'plug :auth,, []'],
    ['a broken definition of an unknown name', 'def (,) do\n  end'],
    ['a broken delegate', 'defdelegate f(x,, y), to: B'],
  ])('%s: no rule runs in the module', (_, lines) => {
    expect(shapeOf(`defmodule A do\n  ${lines}\n  def f, do: 1\nend\n`)).toMatch(/^(?:$|A!)/)
  })

  test('does not touch the modules beside it', () => {
    expect(shapeOf('defmodule A do\n  plug :auth,, []\nend\ndefmodule B do\n  def f, do: 1\nend\n')).toBe('A!() B(f)')
  })

  test('of the outer module makes the inner one untrusted, not the other way round', () => {
    expect(shapeOf('defmodule A do\n  plug :a,, b\n  defmodule B do\n    def f, do: 1\n  end\nend\n')).toBe(
      'A!() A.B!(f)',
    )
    expect(shapeOf('defmodule A do\n  defmodule B do\n    plug :a,, b\n  end\n  def f, do: 1\nend\n')).toBe(
      'A(f) A.B!()',
    )
  })

  test('inside a module-level `if`', () => {
    expect(shapeOf('defmodule A do\n  if @x do\n    plug :a,, b\n    def f, do: 1\n  end\nend\n')).toBe('A!(f)')
    expect(shapeOf('defmodule A do\n  if @x do\n    def f, do: g(,)\n  end\n  def h, do: 1\nend\n')).toBe('A(f! h)')
  })
})

test('the lines at which something does not parse are known, each once', () => {
  expect(fileOf('defmodule A do\n  def f, do: g(,)\n  def h, do: [1 2 3 4]\nend\n').errorLines).toEqual([2, 3])
  expect(fileOf('defmodule A do\nend\n').errorLines).toEqual([])
})

test('an `end` that the parser takes for a name is no variable', () => {
  const module = moduleOf('defmodule A do\n  def f do\n    x = \n  end\n  end\nend\n')
  const [clause] = module.clauses('f', 0)

  expect(clause!.body).toMatchObject({ kind: 'match', value: { kind: 'opaque', reason: 'error' } })
})

test('a module whose name is too long for an atom does not compile, nor do those inside it', () => {
  const long = `A${'b'.repeat(40_000)}`

  expect(shapeOf(`defmodule ${long} do\n  def f, do: 1\nend\ndefmodule C do\n  def g, do: 1\nend\n`)).toBe(
    `${long}!(f) C(g)`,
  )
  expect(shapeOf(`defmodule A do\n  defmodule ${'B'.repeat(200)}.${'C'.repeat(100)} do\n  end\nend\n`)).toMatch(
    /^A\(\) A\.B+\.C+!\(\)$/,
  )
})
