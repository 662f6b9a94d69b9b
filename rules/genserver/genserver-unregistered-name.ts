import {
  type Call,
  callbacks,
  type Clause,
  defineRule,
  type Edit,
  elixir,
  type Module,
  nameOf,
  ownNames,
  resolve,
  type SourceFile,
  startCalls,
} from '#engine'
import { nameThroughRegistry } from '../principles.ts'
import { nameCall } from '../wording.ts'

/** What a name that nobody has makes of each. */
const API: Readonly<Record<string, string>> = {
  'GenServer.call': 'it exits with `:noproc`',
  ':gen_server.call': 'it exits with `:noproc`',
  'GenServer.stop': 'it exits with `:noproc`',
  'GenServer.cast': 'the message is lost',
  ':gen_server.cast': 'the message is lost',
  'Kernel.send': 'it raises an `ArgumentError`',
  ':erlang.send': 'it raises an `ArgumentError`',
}
const STARTS = new Set(['GenServer.start_link', 'GenServer.start'])
/** Registries of their own: a name in there is not one that a call by the bare name finds. */
const ELSEWHERE = new Set(['Registry.register', ':global.register_name'])

export default defineRule({
  id: 'genserver-unregistered-name',
  title: 'The API calls `__MODULE__`, nobody registers it',
  principles: [nameThroughRegistry],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    A call to __MODULE__ looks the module's name up among the registered processes. start_link starts the server
    without a name, or under another, so the look-up finds nothing: every call exits with :noproc, a send raises, and
    every cast is dropped without a word.
  `,
  instead:
    'Register it: `GenServer.start_link(__MODULE__, arg, name: __MODULE__)`. For several instances, let the API take the pid.',
  limits: 'A name that may come in through options, or a child spec elsewhere, makes the rule silent.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Prices do
          use GenServer

          def start_link(_opts), do: GenServer.start_link(__MODULE__, %{}) # finding
          def get(sku), do: GenServer.call(__MODULE__, {:get, sku})

          def init(prices), do: {:ok, prices}
          def handle_call({:get, sku}, _from, prices), do: {:reply, prices[sku], prices}
        end
      `,
      good: elixir`
        defmodule Shop.Prices do
          use GenServer

          def start_link(_opts), do: GenServer.start_link(__MODULE__, %{}, name: __MODULE__)
          def get(sku), do: GenServer.call(__MODULE__, {:get, sku})

          def init(prices), do: {:ok, prices}
          def handle_call({:get, sku}, _from, prices), do: {:reply, prices[sku], prices}
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  words: ['start_link', 'start'],
  *check({ module, file }) {
    if (!module.isTransparent || registersItself(module)) return
    const all = startCalls(module)
    const starts = all.filter(({ call, clause }) => startsThisModule(call, clause))
    // A start of something computed could be one of this module too.
    const isClear = all.every(
      ({ call, clause }) => call.module !== ':gen_server' && (!STARTS.has(call.callee) || isKnown(call, clause)),
    )
    const names = starts.map(nameGiven)
    if (starts.length === 0 || !isClear || names.includes(undefined) || isNamedNearby(module, file)) return
    // A name that comes in on another way than through these options could be the module's.
    if (names.includes(module.name) || ownNames(module).size > new Set(names.filter((name) => name !== null)).size)
      return
    const api = apiCalls(module)
    const [first] = api
    if (first === undefined) return
    for (const [index, { call, clause }] of starts.entries()) {
      yield {
        at: call.at,
        evidence: [call.at, ...api.map((each) => each.call.at)],
        related: [{ range: first.call.at, message: 'sends to the name' }],
        message:
          `\`${call.callee}\` here ${given(call, names[index] ?? null)} \`${first.clause.function.id}\` sends to ` +
          `\`${module.name}\` by that name: \`${nameCall(first.call)}\` finds no process, so ${API[first.call.callee]}.`,
        edit: withName(call, clause),
      }
    }
  },
})

function given(call: Call, name: string | null): string {
  if (name !== null) return `registers \`${name}\`, but`
  return isGivenToInit(call) ? 'hands its `name:` to `init/1`, and' : 'gives no `name:`, and'
}

function startsThisModule(call: Call, clause: Clause): boolean {
  return STARTS.has(call.callee) && started(call, clause) === clause.module.name
}

function isKnown(call: Call, clause: Clause): boolean {
  return started(call, clause) !== null
}

function started({ args: [module] }: Call, clause: Clause): string | null {
  return module === undefined ? null : nameOf(module, clause.module, clause)
}

function isGivenToInit({ args: [, given] }: Call): boolean {
  return given?.kind === 'list' && given.get('name') !== undefined
}

/** The literal `name:` of a start; null where it has none, undefined where it cannot be told. */
function nameGiven({ call: { args }, clause }: { call: Call; clause: Clause }): string | null | undefined {
  const [, , given] = args
  if (given === undefined) return null
  const options = resolve(given, clause.module, clause)
  if (options.kind !== 'list' || options.tail !== null || options.elements.some(({ kind }) => kind !== 'pair'))
    return undefined
  const name = options.get('name')
  return name === undefined ? null : (nameOf(name, clause.module, clause) ?? undefined)
}

function registersItself(module: Module): boolean {
  return module.functions.some((fun) =>
    fun.clauses.some(({ calls }) =>
      calls.some(({ name, callee }) => name.startsWith('register') && !ELSEWHERE.has(callee)),
    ),
  )
}

/** Whether another module of the file starts something under this module's name. */
function isNamedNearby(module: Module, file: SourceFile): boolean {
  return file.modules.some(
    (other) =>
      other !== module &&
      other.functions.some((fun) =>
        fun.clauses.some((clause) =>
          clause.expressions.some((each) => {
            const name = each.kind === 'list' ? each.get('name') : undefined
            return name !== undefined && nameOf(name, other, clause) === module.name
          }),
        ),
      ),
  )
}

/** Calls outside of callbacks whose target is the module itself, also as the default of a parameter. */
function apiCalls(module: Module): { call: Call; clause: Clause }[] {
  const inCallbacks = new Set(callbacks(module))
  return module.functions
    .filter((fun) => !inCallbacks.has(fun))
    .flatMap((fun) => fun.clauses)
    .flatMap((clause) =>
      clause.calls
        .filter((call) => Object.hasOwn(API, call.callee) && targetsModule(call, clause))
        .map((call) => ({ call, clause })),
    )
}

function targetsModule({ args: [target] }: Call, clause: Clause): boolean {
  if (target === undefined) return false
  const { module, params, function: fun } = clause
  const position =
    target.kind === 'variable'
      ? params.findIndex((param) => param.kind === 'variable' && param.name === target.name)
      : -1
  const term = position < 0 ? resolve(target, module, clause) : (fun.defaults[position] ?? null)
  return term !== null && nameOf(term, module) === module.name
}

/** The name goes before the closing parenthesis; without a pipe, and not into a keyword list without brackets. */
function withName(call: Call, clause: Clause): Edit | null {
  const { at, args } = call
  const [, given] = args
  if (args.length !== 2 || call.isPiped || at.startLine !== at.endLine || given === undefined) return null
  if (given.kind === 'list' && !given.text.startsWith('[')) return null
  const line = clause.file.line(at.startLine)
  if (line[at.endColumn - 2] !== ')') return null
  const text = `${line.slice(0, at.endColumn - 2)}, name: __MODULE__${line.slice(at.endColumn - 2)}`
  return { startLine: at.startLine, endLine: at.startLine, text }
}
