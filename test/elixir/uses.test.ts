import { describe, expect, test } from 'vitest'
import { useOptions } from '#elixir'
import { moduleOf } from './read-source.ts'

const withLines = (...lines: string[]) => moduleOf(`defmodule Shop.A do\n${lines.join('\n')}\nend\n`)

describe('`use`', () => {
  test('resolves its module and keeps its options', () => {
    const module = withLines('alias Oban.Worker', 'use Worker, queue: :mail, max_attempts: 3')
    const [use] = module.uses

    expect(use).toMatchObject({ module: 'Oban.Worker', range: { startLine: 3, endLine: 3 } })
    expect(useOptions(use!)?.get('max_attempts')).toMatchObject({ value: 3 })
    expect(withLines('use ShopWeb, :live_view').uses[0]).toMatchObject({
      options: { kind: 'atom', value: 'live_view' },
    })
  })

  test('with braces uses each', () => {
    expect(withLines('use Shop.{Clock, Repo}').uses.map((use) => use.module)).toEqual(['Shop.Clock', 'Shop.Repo'])
  })

  test('inside a module-level `if` counts, inside `quote` does not', () => {
    expect(withLines('if @x do', '  use GenServer', 'end').is('GenServer')).toBe(true)
    expect(withLines('defmacro __using__(_) do', '  quote do', '    use GenServer', '  end', 'end').uses).toEqual([])
  })
})

describe('a module is transparent, so that claims about what it lacks are allowed,', () => {
  test.each([
    [['use GenServer']],
    [['use GenServer', 'use TypedStruct']],
    [['use Supervisor']],
    [['use Oban.Worker, queue: :a']],
    [['alias GenServer, as: G', 'use G']],
    [['use GenServer', 'require Logger', 'import Ecto.Query', '@behaviour Shop.Clock']],
    [['use GenServer', 'defstruct [:a]', '@derive Jason.Encoder', 'Module.register_attribute(__MODULE__, :x, [])']],
    [['use GenServer', 'if @x, do: def(f(), do: 1)']],
  ])('with %j', (lines) => {
    expect(withLines(...lines).isTransparent).toBe(true)
  })

  test.each([
    ['an unknown use', ['use GenServer', 'use Shop.Worker']],
    ['a computed use', ['use GenServer', 'use unquote(x)']],
    ['only the behaviour', ['@behaviour GenServer']],
    ['only the Erlang behaviour', ['@behaviour :gen_server']],
    ['a hook that defines functions', ['use GenServer', '@before_compile Shop.Hooks']],
    ['a computed name', ['use GenServer', 'for n <- [:a] do', '  def unquote(n)(), do: 1', 'end']],
    ['a computed call', ['use GenServer', 'Enum.each([:a], fn n -> def unquote(n)(), do: 1 end)']],
    ['a piped computed call', ['use GenServer', '[:a] |> Enum.each(fn n -> def unquote(n)(), do: 1 end)']],
    ['a macro that sounds like one', ['use GenServer', 'defhandler :a, do: 1']],
    ['a macro of a module', ['use GenServer', 'Shop.Macros.defhandler :a']],
    ['a definition of definitions', ['use GenServer', 'within do', '  def handle_info(a, b), do: {a, b}', 'end']],
    ['a macro that is given a function', ['use GenServer', 'on_message :tick, fn state -> state end']],
    ['a macro that is given a block', ['use GenServer', 'on_start do', '  Shop.warm()', 'end']],
    ['evaluated code', ['use GenServer', 'Module.eval_quoted(__MODULE__, x)']],
    ['a function that does not parse', ['use GenServer', 'def f(x) do', '  g(x,, y)', 'end']],
  ])('not with %s', (_, lines) => {
    expect(withLines(...lines).isTransparent).toBe(false)
  })
})

describe('roles', () => {
  test.each([
    ['use GenServer', 'GenServer'],
    ['@behaviour GenServer', 'GenServer'],
    ['@behaviour :gen_server', 'GenServer'],
    ['use GenStage', 'GenStage'],
    ['use GenStateMachine', 'GenStateMachine'],
    ['@behaviour :gen_statem', 'gen_statem'],
    ['use Supervisor', 'Supervisor'],
    ['use DynamicSupervisor', 'DynamicSupervisor'],
    ['use Agent', 'Agent'],
    ['use Phoenix.LiveView', 'LiveView'],
    ['use ShopWeb, :live_view', 'LiveView'],
    ['use ShopWeb, :channel', 'Channel'],
    ['use Phoenix.Channel', 'Channel'],
  ] as const)('%s is a process: %s', (line, role) => {
    const module = withLines(line)

    expect([...module.roles]).toEqual([role])
    expect(module.isProcess).toBe(true)
  })

  test.each([
    ['use Task', 'Task'],
    ['use Application', 'Application'],
    ['use Broadway', 'Broadway'],
    ['use Oban.Worker', 'Oban.Worker'],
    ['use Oban.Pro.Worker', 'Oban.Worker'],
    ['use ShopWeb, :live_component', 'LiveComponent'],
    ['use ShopWeb, :controller', 'Controller'],
    ['@behaviour Plug', 'Plug'],
    ['use Mix.Task', 'Mix.Task'],
  ] as const)('%s is none of its own: %s', (line, role) => {
    const module = withLines(line)

    expect([...module.roles]).toEqual([role])
    expect(module.isProcess).toBe(false)
  })

  test('a name can tell: controllers and resolvers', () => {
    expect(moduleOf('defmodule ShopWeb.CartController do\n  use ShopWeb\nend\n').is('Controller')).toBe(true)
    expect(moduleOf('defmodule Shop.FlightController do\nend\n').is('Controller')).toBe(false)
    expect(moduleOf('defmodule Shop.MotorController do\n  use GenServer\nend\n').is('Controller')).toBe(false)
    expect(moduleOf('defmodule ShopWeb.Resolvers do\nend\n').is('Resolver')).toBe(true)
    expect(moduleOf('defmodule ShopWeb.Resolvers.Cart do\nend\n').is('Resolver')).toBe(true)
  })

  test('a module that enters the loop of a server is one', () => {
    const module = withLines(
      'def init(ref) do',
      '  :gen_server.enter_loop(__MODULE__, [], ref)',
      'end',
      'def handle_info(m, s), do: {m, s}',
    )

    expect(module.is('GenServer')).toBe(true)
    expect(module.isTransparent).toBe(false)
  })

  test('a struct, a nested module or a local module of that name is no role', () => {
    expect(withLines('alias Shop.GenServer', 'use GenServer').roles.size).toBe(0)
    expect(moduleOf('defmodule A do\n defmodule B do\n  use GenServer\n end\nend\n').roles.size).toBe(0)
  })
})

test('attributes and options of a role are found by their words', () => {
  const module = withLines('@behaviour Shop.Clock', '@behaviour Plug')

  expect(module.behaviours).toEqual(['Shop.Clock', 'Plug'])
})
