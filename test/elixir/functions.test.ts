import { describe, expect, test } from 'vitest'
import { elixir } from '#engine'
import { clausesOf, moduleOf } from './read-source.ts'

describe('the table of functions', () => {
  test('holds functions by name and arity, never by name alone', () => {
    const module = moduleOf(elixir`
      defmodule Flows do
        def reset_flows(server), do: GenServer.call(server, :reset)
        defp reset_flows(state, now), do: {state, now}
        defp reset_flows(state, _), do: state
      end
    `)

    expect(module.functions.map((fun) => [fun.id, fun.isPublic, fun.clauses.length])).toEqual([
      ['reset_flows/1', true, 1],
      ['reset_flows/2', false, 2],
    ])
  })

  test('defaults add the smaller arities, of the same function', () => {
    const module = moduleOf(
      'defmodule A do\n  def put(server \\\\ __MODULE__, key, ttl \\\\ 5), do: {server, key, ttl}\nend\n',
    )
    const fun = module.function('put', 3)!

    expect([fun.arity, fun.minArity]).toEqual([3, 1])
    expect(module.function('put', 1)).toBe(fun)
    expect(module.function('put', 2)).toBe(fun)
    expect(module.has('put', 0)).toBe(false)
    expect(fun.clauses[0]!.params.map((param) => param.text)).toEqual(['server', 'key', 'ttl'])
    expect(fun.defaults.map((value) => value?.text ?? null)).toEqual(['__MODULE__', null, '5'])
  })

  test('a head without body is no clause; it gives the defaults', () => {
    const module = moduleOf(elixir`
      defmodule A do
        def handle(message, state \\ %{})
        def handle(:a, state), do: state
        def handle(:b, state), do: state
      end
    `)
    const fun = module.function('handle', 1)!

    expect(fun.clauses.map((clause) => clause.params[0]!.text)).toEqual([':a', ':b'])
    expect(fun.head?.body).toBe(null)
    expect(fun.defaults.map((value) => value?.text ?? null)).toEqual([null, '%{}'])
    expect(fun.head?.isCatchAll).toBe(false)
  })

  test.each([
    'if Code.ensure_loaded?(X) do',
    'unless @off do',
    'for name <- [:a] do',
    'case @x do\n 1 ->',
    'cond do\n true ->',
  ])('holds functions inside a module-level `%s`', (opening) => {
    const [clause] = clausesOf(
      `defmodule A do\n${opening}\n def handle_info(m, s), do: {m, s}\nend\nend\n`,
      'handle_info/2',
    )

    expect(clause?.isConditional).toBe(true)
  })

  test('holds functions of both branches, and `do:` forms', () => {
    const source = elixir`
      defmodule A do
        if @x do
          def f(1), do: 1
        else
          def f(2), do: 2
        end
        if @y, do: def(g(), do: 1)
        def h(), do: 1
      end
    `

    expect(moduleOf(source).functions.map((fun) => `${fun.id} ${fun.clauses.length}`)).toEqual([
      'f/1 2',
      'g/0 1',
      'h/0 1',
    ])
    expect(clausesOf(source, 'h/0')[0]!.isConditional).toBe(false)
  })

  test('holds operators, names with marks, and heads without parentheses', () => {
    const module = moduleOf(
      'defmodule A do\n def a ~> b, do: a\n def ok?(x), do: x\n def go!, do: 1\n def two x, y do\n x\n end\nend\n',
    )

    expect(module.functions.map((fun) => fun.id)).toEqual(['~>/2', 'ok?/1', 'go!/0', 'two/2'])
  })

  test('`defdelegate` defines the function and is a call edge to its module', () => {
    const module = moduleOf(elixir`
      defmodule A do
        alias Shop.Stock
        defdelegate reserve(item, count \\ 1), to: Stock
        defdelegate handle_info(m, s), to: __MODULE__.Impl, as: :info
        defdelegate now(), to: :os, as: :timestamp
        defdelegate computed(x), to: @impl_module
      end
    `)

    expect(module.functions.map((fun) => [fun.id, fun.delegate])).toEqual([
      ['reserve/2', 'Shop.Stock'],
      ['handle_info/2', 'A.Impl'],
      ['now/0', ':os'],
      ['computed/1', ''],
    ])
    expect(module.has('reserve', 1)).toBe(true)
  })

  test('functions of a nested module are its own', () => {
    const module = moduleOf(
      'defmodule A do\n defmodule State do\n  defstruct [:x]\n  def new, do: 1\n end\n def f, do: 1\nend\n',
    )

    expect(module.functions.map((fun) => fun.id)).toEqual(['f/0'])
    expect(module.hasStruct).toBe(false)
    expect(moduleOf('defmodule A do\n defstruct [:x]\nend\n').hasStruct).toBe(true)
  })
})

describe('clauses', () => {
  test('know guard, body and the sections of their own', () => {
    const [clause] = clausesOf(
      'defmodule A do\n def f(x) when x > 1 when is_nil(x) do\n  g(x)\n rescue\n  e -> h(e)\n after\n  k()\n end\nend\n',
      'f/1',
    )

    expect(clause!.guard?.text).toBe('x > 1 when is_nil(x)')
    expect(clause!.body).toMatchObject({
      kind: 'try',
      body: { callee: 'g' },
      rescues: [{}],
      catches: [],
      after: { callee: 'k' },
    })
  })

  test.each([
    ['def f(x), do: g(x)', 'g(x)'],
    ['def f(x), do: (g(x); h(x))', 'g(x); h(x)'],
    ['def(f(x), do: g(x))', 'g(x)'],
    ['def f(x) when x > 1, do: g(x)', 'g(x)'],
    ['def f(x),\n  do: g(x)', 'g(x)'],
    ['def f x do\n g(x)\nend', 'g(x)'],
  ])('%s', (source, body) => {
    expect(clausesOf(`defmodule A do\n${source}\nend\n`, 'f/1')[0]!.body?.text).toBe(body)
  })

  test('an empty body returns nil', () => {
    expect(clausesOf('defmodule A do\n def f do\n end\nend\n', 'f/0')[0]!.body).toMatchObject({
      kind: 'block',
      statements: [],
    })
  })

  test('`@impl` marks the definition below it, over docs and specs', () => {
    const module = moduleOf(elixir`
      defmodule A do
        @impl true
        @doc "starts"
        @spec init(term) :: term
        def init(x), do: {:ok, x}

        def other(x), do: x

        @doc "calls"
        @impl GenServer
        def handle_call(a, b, c), do: {a, b, c}
        def handle_call(a, b, _), do: {a, b}

        @impl false
        def terminate(a, b), do: {a, b}
      end
    `)
    const marked = module.functions.flatMap((fun) => fun.clauses).filter((clause) => clause.isImpl)

    expect(marked.map((clause) => clause.function.id)).toEqual(['init/1', 'handle_call/3'])
  })

  test.each([
    ['msg, state', true],
    ['_msg, _', true],
    ['msg = other, state', true],
    ['msg, %__MODULE__{} = state', true],
    ['msg, %A{count: count}', true],
    ['msg, %State{}', true],
    ['msg, %{up: true}', false],
    ['msg, %{}', false],
    ['msg, %__MODULE__{up: true}', false],
    ['%__MODULE__{}, state', false],
    ['{:a, x}, state', false],
    ['msg = {:a, x}, state', false],
    ['same, same', false],
    ['msg, state) when is_atom(msg', false],
  ])('(%s) takes everything: %s', (params, expected) => {
    expect(clausesOf(`defmodule A do\n def handle_info(${params}), do: 1\nend\n`, 'handle_info/2')[0]!.isCatchAll).toBe(
      expected,
    )
  })

  test('know which names they bind, and how', () => {
    const [clause] = clausesOf(
      `defmodule A do
        def f(a, %{b: b}, [c | d]) do
          e = g(a)
          {h, i} = e
          i = 2
          case e do
            ^j -> k
            {:ok, l} when m -> l
          end
          for n <- o, do: fn p -> q end
        end
      end`,
      'f/3',
    )
    const bound = 'abcdefghijklmnopq'.split('').filter((name) => clause!.isBound(name))

    expect(bound.join('')).toBe('abcdehilnp')
    expect(clause!.bindings.get('e')).toMatchObject({ count: 1, value: { callee: 'g' } })
    expect(clause!.bindings.get('i')).toEqual({ count: 2, value: null })
    expect(clause!.bindings.get('h')).toEqual({ count: 1, value: null })
  })
})
