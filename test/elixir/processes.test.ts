import { describe, expect, test } from 'vitest'
import { callbacks, callsHere, reach, requestCode, serverCode } from '#elixir'
import { elixir } from '#engine'
import { moduleOf } from './read-source.ts'

const ids = (reached: readonly { clause: { function: { id: string } } }[]): string[] => [
  ...new Set(reached.map(({ clause }) => clause.function.id)),
]

describe('server code', () => {
  const source = elixir`
    defmodule Shop.Stock do
      use GenServer

      def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
      def count(pid), do: GenServer.call(pid, :count)
      def refresh(pid), do: GenServer.cast(pid, :refresh)
      def helper(x), do: x

      def init(opts), do: {:ok, load(opts)}
      def handle_call(:count, _from, state), do: {:reply, size(state), state}
      def handle_cast(:refresh, state) do
        Task.start(fn -> report(state) end)
        {:noreply, __MODULE__.reload(state)}
      end
      def handle_info(:tick, state), do: {:noreply, Enum.map(state, &touch/1)}

      defp load(opts), do: opts
      defp size(state), do: map_size(state)
      def reload(state), do: load(state)
      defp report(state), do: state
      defp touch(x), do: stamp(x)
      defp stamp(x), do: x
    end
  `

  test('is the callbacks and what they reach by local, qualified and captured calls', () => {
    expect(ids(serverCode(moduleOf(source)))).toEqual([
      'init/1',
      'handle_call/3',
      'handle_cast/2',
      'handle_info/2',
      'load/1',
      'size/1',
      'reload/1',
      'touch/1',
      'stamp/1',
    ])
  })

  test('a client function called from a callback is both', () => {
    const module = moduleOf(elixir`
      defmodule A do
        use GenServer
        def get(pid), do: GenServer.call(pid, :get)
        def handle_info(:tick, state), do: {:noreply, get(state.pid)}
      end
    `)

    expect(ids(serverCode(module))).toEqual(['handle_info/2', 'get/1'])
  })

  test('is found by name and arity', () => {
    const module = moduleOf(elixir`
      defmodule A do
        use GenServer
        def reset(pid), do: GenServer.call(pid, :reset)
        def handle_call(:reset, _, s), do: {:reply, :ok, reset(s, 1)}
        defp reset(s, _), do: s
      end
    `)

    expect(ids(serverCode(module))).toEqual(['handle_call/3', 'reset/2'])
  })

  test('knows the calls on the way and where it began', () => {
    const module = moduleOf(source)
    const stamp = serverCode(module).find(({ clause }) => clause.function.id === 'stamp/1')!

    expect(stamp.hops.map((hop) => hop.text)).toEqual(['&touch/1', 'stamp(x)'])
    expect(stamp.from).toBe(module.clauses('handle_info', 2)[0])
  })

  test('stops after a number of calls where that is asked for', () => {
    const module = moduleOf(source)

    expect(ids(reach(module.clauses('handle_info', 2), 0))).toEqual(['handle_info/2'])
    expect(ids(reach(module.clauses('handle_info', 2), 1))).toEqual(['handle_info/2', 'touch/1'])
  })

  test('functions that call each other are read once', () => {
    const module = moduleOf(
      'defmodule A do\nuse GenServer\ndef init(x), do: f(x)\ndefp f(x), do: g(x)\ndefp g(x), do: f(x)\nend\n',
    )

    expect(serverCode(module).map(({ clause }) => clause.function.id)).toEqual(['init/1', 'f/1', 'g/1'])
  })

  test('a name without parentheses is a call only where it is no variable', () => {
    const module = moduleOf(elixir`
      defmodule A do
        use GenServer
        def init(now), do: {:ok, {now, table}}
        defp now, do: 1
        defp table, do: 2
      end
    `)

    expect(ids(serverCode(module))).toEqual(['init/1', 'table/0'])
  })

  test('a function of arity 2 with a default is no callback of arity 1', () => {
    const module = moduleOf('defmodule A do\nuse GenServer\ndef init(a, b \\\\ 1), do: {a, b}\nend\n')

    expect(callbacks(module)).toEqual([])
  })

  test.each([
    ['use GenStage', 'handle_demand(d, s)', 'handle_demand/2'],
    ['use GenStateMachine', 'handle_event(t, e, s, d)', 'handle_event/4'],
    ['use Phoenix.LiveView', 'mount(p, s, c)', 'mount/3'],
    ['use Phoenix.LiveView', 'handle_event(e, p, c)', 'handle_event/3'],
    ['use Phoenix.Channel', 'handle_in(e, p, c)', 'handle_in/3'],
    ['use Supervisor', 'init(x)', 'init/1'],
    ['@behaviour :gen_server', 'handle_call(a, b, c)', 'handle_call/3'],
  ])('%s has the callback %s', (line, head, id) => {
    const module = moduleOf(`defmodule A do\n${line}\ndef ${head}, do: 1\ndef other(x), do: x\nend\n`)

    expect(callbacks(module).map((fun) => fun.id)).toEqual([id])
  })

  test('a module that is no process has none', () => {
    expect(
      serverCode(moduleOf('defmodule A do\ndef init(x), do: x\ndef handle_info(a, b), do: {a, b}\nend\n')),
    ).toEqual([])
  })
})

test('a long chain of functions is followed to its end', () => {
  const functions = Array.from({ length: 3000 }, (_, index) => `defp f${index}(x), do: f${index + 1}(x)`).join('\n')
  const reached = serverCode(moduleOf(`defmodule A do\nuse GenServer\ndef init(x), do: f0(x)\n${functions}\nend\n`))

  expect(reached.length).toBe(3001)
  expect(reached.at(-1)!.hops.length).toBe(3000)
})

test('calls that run in the own process', () => {
  const module = moduleOf(
    'defmodule A do\ndef f do\n a()\n Task.async(fn -> b() end)\n Enum.each(x, fn y -> c(y) end)\nend\nend\n',
  )
  const [clause] = module.clauses('f', 0)

  expect(callsHere(clause!).map((call) => call.callee)).toEqual(['a', 'Task.async', 'Enum.each', 'c'])
})

describe('request code', () => {
  test.each([
    ['ShopWeb.CartController', 'use ShopWeb, :controller', 'show(conn, params)', 'show/2'],
    ['Shop.Auth', '@behaviour Plug', 'call(conn, opts)', 'call/2'],
    ['ShopWeb.CartLive', 'use ShopWeb, :live_view', 'handle_event(a, b, c)', 'handle_event/3'],
    ['ShopWeb.CartResolver', '', 'list(a, b, resolution)', 'list/3'],
    ['ShopWeb.Resolvers.Cart', '', 'add(_, b, %{context: c})', 'add/3'],
    ['Shop.Mailer', 'use Oban.Worker', 'perform(job)', 'perform/1'],
    ['Shop.Pipeline', 'use Broadway', 'handle_message(a, b, c)', 'handle_message/3'],
  ])('%s, %s', (name, line, head, id) => {
    const module = moduleOf(
      `defmodule ${name} do\n${line}\ndef ${head}, do: near()\ndefp near, do: far()\ndefp far, do: 1\nend\n`,
    )

    expect(ids(requestCode(module))).toEqual([id, 'near/0'])
  })

  test('a resolver of names has none', () => {
    expect(
      requestCode(moduleOf('defmodule Shop.Resolver.DNS do\ndef resolve(host, opts), do: {host, opts}\nend\n')),
    ).toEqual([])
  })

  test('a context has none', () => {
    expect(requestCode(moduleOf('defmodule Shop.Cart do\ndef show(a, b), do: {a, b}\nend\n'))).toEqual([])
  })
})
