import { describe, expect, test } from 'vitest'
import { elixir } from '#engine'
import { calleesIn, calleesOf, clauseWith, expressionOf, fileOf } from './read-source.ts'

describe('aliases', () => {
  test('a name without alias stands for itself', () => {
    expect(calleesIn('Task.async(f)')).toEqual(['Task.async/1'])
  })

  test('`alias X.Y` shortens to the last segment, and nothing but the first segment is looked up', () => {
    const above = 'alias MyApp.Sup'

    expect(calleesIn('Sup.run()', above)).toEqual(['MyApp.Sup.run/0'])
    expect(calleesIn('Sup.Worker.run()', above)).toEqual(['MyApp.Sup.Worker.run/0'])
    expect(calleesIn('Other.Sup.run()', above)).toEqual(['Other.Sup.run/0'])
  })

  test('the standard module behind an aliased name is reached as `Elixir.Task` alone', () => {
    const above = 'alias MyApp.Task'

    expect(calleesIn('Task.async(f)', above)).toEqual(['MyApp.Task.async/1'])
    expect(calleesIn('Elixir.Task.async(f)', above)).toEqual(['Task.async/1'])
    expect(calleesIn(':"Elixir.Task".async(f)', above)).toEqual(['/1'])
  })

  test('`as:` renames', () => {
    expect(calleesIn('TS.async(s, f)', 'alias Task.Supervisor, as: TS')).toEqual(['Task.Supervisor.async/2'])
    expect(calleesIn('Supervisor.init(c, o)', 'alias Task.Supervisor, as: TS')).toEqual(['Supervisor.init/2'])
    expect(calleesIn('E.insert(t, r)', 'alias :ets, as: E')).toEqual([':ets.insert/2'])
    expect(calleesIn('L.info("a")', 'require Logger, as: L')).toEqual(['Logger.info/1'])
  })

  test('`require` alone renames nothing', () => {
    expect(calleesIn('Case.run()', 'require MyApp.Case')).toEqual(['Case.run/0'])
  })

  test('braces alias each name in them', () => {
    const above = 'alias MyApp.{Repo, Sup.Worker,\n  # the names of tasks\n  Task}'

    expect(calleesIn('Repo.all(q)\nWorker.run()\nTask.async(f)', above)).toEqual([
      'MyApp.Repo.all/1',
      'MyApp.Sup.Worker.run/0',
      'MyApp.Task.async/1',
    ])
  })

  test('`__MODULE__` can be aliased, alone, extended and with braces', () => {
    expect(calleesIn('A.run()', 'alias __MODULE__')).toEqual(['run/0'])
    expect(calleesIn('Me.run()', 'alias __MODULE__, as: Me')).toEqual(['run/0'])
    expect(calleesIn('Inner.run()', 'alias __MODULE__.Inner')).toEqual(['A.Inner.run/0'])
    expect(calleesIn('B.run()\nD.run()', 'alias __MODULE__.{B, C.D}')).toEqual(['A.B.run/0', 'A.C.D.run/0'])
  })

  test('an alias is resolved through an earlier one', () => {
    expect(calleesIn('Worker.run()', 'alias MyApp.Sup\nalias Sup.Worker')).toEqual(['MyApp.Sup.Worker.run/0'])
  })

  test('an alias holds from its line to the end of its block', () => {
    const body = `
      Task.async(a)
      if x do
        alias MyApp.Task
        Task.async(b)
      end
      Task.async(c)
    `

    expect(calleesIn(body)).toEqual(['Task.async/1', 'MyApp.Task.async/1', 'Task.async/1'])
  })

  test('an alias inside a function is unknown to the next function', () => {
    const source = elixir`
      defmodule A do
        def f do
          alias MyApp.Task
          Task.async(1)
        end
        def g, do: Task.async(1)
      end
    `

    expect(calleesOf(source)).toEqual(['MyApp.Task.async/1', 'Task.async/1'])
  })

  test('an alias above the module holds inside', () => {
    expect(calleesOf('alias MyApp.Task\ndefmodule A do\n  def f, do: Task.async(1)\nend\n')).toEqual([
      'MyApp.Task.async/1',
    ])
  })

  test('an alias inside a module-level `if` holds there alone', () => {
    const source = elixir`
      defmodule A do
        if Code.ensure_loaded?(X) do
          alias MyApp.Task
          def f, do: Task.async(1)
        end
        def g, do: Task.async(1)
      end
    `

    expect(calleesOf(source)).toEqual(['MyApp.Task.async/1', 'Task.async/1'])
  })

  test('many aliases are all known, a later one of the same name wins', () => {
    const above = Array.from({ length: 100 }, (_, index) => `alias B${index}.C${index}`).join('\n')

    expect(calleesIn('C0.f()\nC31.f()\nC32.f()\nC99.f()\nC100.f()', above)).toEqual([
      'B0.C0.f/0',
      'B31.C31.f/0',
      'B32.C32.f/0',
      'B99.C99.f/0',
      'C100.f/0',
    ])
    expect(calleesIn('C0.f()\nC99.f()', `${above}\nalias D.C0`)).toEqual(['D.C0.f/0', 'B99.C99.f/0'])
  })

  test('a computed alias changes nothing', () => {
    expect(calleesIn('Task.async(f)', 'alias unquote(x)')).toEqual(['Task.async/1'])
  })

  test('a dot at the end or the start of a line joins the name', () => {
    expect(calleesIn('Task.\n  async(f)\nTask\n.await(t)')).toEqual(['Task.async/1', 'Task.await/1'])
  })
})

describe('nested modules', () => {
  test('a nested module has the full name, and its short name is an alias from there on', () => {
    const source = elixir`
      defmodule Outer do
        def before, do: Task.run()
        defmodule Task do
          def run, do: :ok
        end
        def later, do: Task.run()
      end
    `

    expect(fileOf(source).modules.map((module) => module.name)).toEqual(['Outer', 'Outer.Task'])
    expect(calleesOf(source)).toEqual(['Task.run/0', 'Outer.Task.run/0'])
  })

  test('`defmodule A.B` inside a module aliases its first segment', () => {
    const source = elixir`
      defmodule Outer do
        defmodule A.B do
          def f, do: 1
        end
        def g, do: A.B.f()
        def h, do: B.f()
      end
    `

    expect(fileOf(source).modules.map((module) => module.name)).toEqual(['Outer', 'Outer.A.B'])
    expect(calleesOf(source)).toEqual(['Outer.A.B.f/0', 'B.f/0'])
  })

  test('`defmodule Elixir.A` and `defmodule __MODULE__.A` inside a module', () => {
    const source =
      'defmodule O do\ndefmodule Elixir.A do\nend\ndefmodule __MODULE__.B do\nend\ndefmodule :c do\nend\nend\n'

    expect(fileOf(source).modules.map((module) => module.name)).toEqual(['O', 'A', 'O.B', ':c'])
  })

  test('a module at the top is named through the aliases above it', () => {
    expect(fileOf('alias MyApp.Web\ndefmodule Web.Page do\nend\n').modules.map((module) => module.name)).toEqual([
      'MyApp.Web.Page',
    ])
  })

  test('aliases and imports of the outer module hold inside, its functions do not', () => {
    const source = elixir`
      defmodule Outer do
        alias MyApp.Task
        import GenServer, only: [call: 2]
        def send(a, b), do: {a, b}
        defmodule Inner do
          def f, do: [Task.run(), call(1, 2), send(1, 2)]
        end
      end
    `

    expect(calleesOf(source)).toEqual(['MyApp.Task.run/0', 'GenServer.call/2', 'Kernel.send/2'])
  })

  test('a module in a module-level `if` is read', () => {
    const source = 'if Code.ensure_loaded?(Ecto) do\n  defmodule A do\n    def f, do: Task.async(1)\n  end\nend\n'

    expect(calleesOf(source)).toEqual(['Task.async/1'])
  })

  test('a module with a computed name has no facts', () => {
    expect(fileOf('defmodule unquote(name) do\n  def f, do: 1\nend\n').modules).toEqual([])
  })

  test('the bodies of protocols and implementations are scopes of their own', () => {
    const source = elixir`
      defmodule Shop.Cart do
        defprotocol Sum do
          def sum(x)
        end
        defimpl Sum, for: Shop.Order do
          def sum(x), do: x
        end
        defimpl Inspect do
          def inspect(c, _), do: c
        end
        def total(x), do: Sum.sum(x)
      end
    `
    const { modules } = fileOf(source)

    expect(modules.map(({ name, isProtocol }) => [name, isProtocol])).toEqual([
      ['Shop.Cart', false],
      ['Shop.Cart.Sum', true],
      ['Shop.Cart.Sum.Shop.Order', true],
      ['Inspect.Shop.Cart', true],
    ])
    expect(modules[0]!.functions.map((fun) => fun.id)).toEqual(['total/1'])
    expect(modules[0]!.clauses('total', 1)[0]!.calls[0]!.callee).toBe('Shop.Cart.Sum.sum')
  })
})

describe('imports', () => {
  test('`only:` brings the listed functions by name and arity', () => {
    const above = 'import Task, only: [async: 1]'

    expect(calleesIn('async(f)\nasync(a, b)\nawait(t)', above)).toEqual(['Task.async/1', 'async/2', 'await/1'])
  })

  test('`except:` brings all but the listed ones', () => {
    expect(calleesIn('call(a, b)\ncast(a, b)', 'import GenServer, except: [cast: 2]')).toEqual([
      'GenServer.call/2',
      'cast/2',
    ])
  })

  test('a whole import brings the functions of modules that are known', () => {
    expect(calleesIn('async(f)\nhelp(f)', 'import Task')).toEqual(['Task.async/1', 'help/1'])
    expect(calleesIn('call(a, b)', 'import GenServer, only: :functions')).toEqual(['GenServer.call/2'])
    expect(calleesIn('help(f)', 'import MyApp.Help')).toEqual(['help/1'])
  })

  test('a listed function of any module is brought', () => {
    expect(calleesIn('from(x)\nx |> where(y)', 'import Ecto.Query, only: [from: 1, where: 2]')).toEqual([
      'Ecto.Query.from/1',
      'Ecto.Query.where/2',
    ])
  })

  test('a second import of the same module takes the place of the first', () => {
    expect(calleesIn('async(f)\nawait(t)', 'import Task, only: [async: 1]\nimport Task, only: [await: 1]')).toEqual([
      'async/1',
      'Task.await/1',
    ])
  })

  test('a computed list brings nothing', () => {
    expect(calleesIn('async(f)', 'import Task, only: @functions')).toEqual(['async/1'])
  })

  test('an import inside a block holds to its end', () => {
    expect(calleesIn('if x do\nimport Task\nasync(f)\nend\nasync(g)')).toEqual(['Task.async/1', 'async/1'])
  })

  test('a local function of the same name and arity wins over an import, a macro too', () => {
    const above = 'import Task\ndefp async(f), do: f\ndefmacro await(t), do: t'

    expect(calleesIn('async(f)\nasync(m, f, a)\nawait(t)', above)).toEqual(['async/1', 'Task.async/3', 'await/1'])
  })
})

describe('Kernel', () => {
  test('functions about processes and control have their module, others the bare name', () => {
    expect(calleesIn('self()\nspawn(f)\nsend(p, m)\nexit(:x)\nfoo(1)\nspawn(n, m, f, a)')).toEqual([
      'Kernel.self/0',
      'Kernel.spawn/1',
      'Kernel.send/2',
      'Kernel.exit/1',
      'foo/1',
      'spawn/4',
    ])
  })

  test('a qualified call says the same; the Erlang function is another one', () => {
    expect(calleesIn('Kernel.send(p, m)\n:erlang.send(p, m)')).toEqual(['Kernel.send/2', ':erlang.send/2'])
  })

  test('a local function of the same name and arity wins, with its defaults', () => {
    const above = 'def send(a, b), do: {a, b}\ndef spawn(a, b \\\\ 1, c \\\\ 2), do: {a, b, c}'

    expect(calleesIn('send(p, m)\nspawn(f)\nspawn(m, f, a)', above)).toEqual(['send/2', 'spawn/1', 'spawn/3'])
  })

  test('`import Kernel, except:` takes a function away', () => {
    expect(calleesIn('send(p, m)\nself()', 'import Kernel, except: [send: 2]')).toEqual(['send/2', 'Kernel.self/0'])
  })
})

describe('`__MODULE__`', () => {
  test('is the full name of the innermost module', () => {
    const source = elixir`
      defmodule A do
        defmodule B do
          def f, do: GenServer.call(__MODULE__, :x)
        end
      end
    `
    const call = fileOf(source).modules[1]!.clauses('f', 0)[0]!.calls[0]!

    expect(call.args[0]).toMatchObject({ kind: 'module', name: 'A.B' })
  })

  test('`__MODULE__.f()` and the written name of the module are local calls', () => {
    expect(calleesIn('__MODULE__.g(1)\nA.g(2)\nA.B.g(3)')).toEqual(['g/1', 'g/1', 'A.B.g/1'])
  })

  test('`__MODULE__.Supervisor` is a module below it, also in a tuple', () => {
    expect(expressionOf('__MODULE__.Supervisor')).toMatchObject({ kind: 'module', name: 'A.Supervisor' })
    expect(expressionOf('{:via, Registry, {__MODULE__.Registry, k}}')).toMatchObject({
      elements: [
        { value: 'via' },
        { name: 'Registry' },
        { elements: [{ kind: 'module', name: 'A.Registry' }, { kind: 'variable' }] },
      ],
    })
    expect(calleesIn('__MODULE__.Sup.Worker.run()')).toEqual(['A.Sup.Worker.run/0'])
  })

  test('in a struct', () => {
    expect(expressionOf('%__MODULE__{a: 1}')).toMatchObject({ kind: 'map', isStruct: true, struct: 'A' })
    expect(expressionOf('%State{a: 1}', 'alias A.State')).toMatchObject({ struct: 'A.State' })
    expect(expressionOf('%name{}')).toMatchObject({ isStruct: true, struct: null })
  })
})

test('an Erlang module keeps its colon', () => {
  expect(calleesIn(':ets.insert(t, r)\n:timer.sleep(1)\n:erlang.node')).toEqual([
    ':ets.insert/2',
    ':timer.sleep/1',
    ':erlang.node/0',
  ])
})

test('a quoted function name is read', () => {
  expect(calleesIn('Foo."bar baz"(1)\n:m."Run"()')).toEqual(['Foo.bar baz/1', ':m.Run/0'])
})

test('a call of a computed module or function has no callee', () => {
  expect(calleesIn('mod.run(1)')).toEqual(['/1'])
  expect(calleesIn('@mod.run(1)')).toEqual(['/1'])
  expect(calleesIn('fun.(1)')).toEqual(['/1'])
  expect(calleesIn('get().run()')).toEqual(['/0', 'get/0'])
  expect(calleesIn('fun.(1).(2, 3)')).toEqual(['/2', '/1'])
})

test('`state.pid` reads a field; with parentheses, a pipe or a module it is a call', () => {
  expect(clauseWith('state.pid\nconn.assigns.user').expressions.map((each) => each.kind)).toEqual([
    'block',
    'field',
    'variable',
    'field',
    'field',
    'variable',
  ])
  expect(calleesIn('state.pid()')).toEqual(['/0'])
  expect(calleesIn('x |> state.pid')).toEqual(['/1'])
  expect(calleesIn('Node.self')).toEqual(['Node.self/0'])
})
