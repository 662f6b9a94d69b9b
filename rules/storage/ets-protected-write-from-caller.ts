import {
  agentCode,
  ancestors,
  asksWhoItIs,
  type Call,
  type Clause,
  closureRuns,
  defineRule,
  elixir,
  etsAccess,
  type Expression,
  type FunctionFact,
  type Module,
  runsInAgent,
  serverCode,
  startsInAgent,
  type Table,
  tableOf,
  tables,
  walk,
  whereRuns,
} from '#engine'
import { readsGoStraightToEts } from '../principles.ts'
import { applicationOf } from '../wording.ts'

/** Calls that start a process for a function: it is never the owner of the table. */
const STARTS = /^(Task|Task\.Supervisor|Kernel|:erlang|:proc_lib)\./

export default defineRule({
  id: 'ets-protected-write-from-caller',
  title: 'Client code writes a table it does not own',
  principles: [readsGoStraightToEts],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    The process that makes a table owns it, and unless the table is public only the owner may write. The functions of
    a server's API run in the process of whoever calls them, so a write there raises ArgumentError, every time, in
    the caller.
  `,
  instead:
    'Send the write to the owner, with `GenServer.call/2` or `Agent.update/2`, or make the table `:public` on purpose.',
  limits: 'A table that is passed around in a variable is not followed.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Rates do
          use GenServer

          def put(currency, rate), do: :ets.insert(:rates, {currency, rate}) # finding
          def get(currency), do: :ets.lookup(:rates, currency)

          @impl true
          def init(_opts) do
            :ets.new(:rates, [:named_table, read_concurrency: true])
            {:ok, nil}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Rates do
          use GenServer

          def put(currency, rate), do: GenServer.call(__MODULE__, {:put, currency, rate})
          def get(currency), do: :ets.lookup(:rates, currency)

          @impl true
          def init(_opts) do
            :ets.new(:rates, [:named_table, read_concurrency: true])
            {:ok, nil}
          end

          @impl true
          def handle_call({:put, currency, rate}, _from, state) do
            :ets.insert(:rates, {currency, rate})
            {:reply, :ok, state}
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer', 'GenStage', 'Supervisor', 'DynamicSupervisor', 'LiveView', 'Channel', 'Agent'],
  words: ['ets'],
  *check({ module }) {
    // Callbacks that a macro brings, or those of a state machine, would run in the owner.
    if (!module.isTransparent || module.is('GenStateMachine') || module.is('gen_statem')) return
    const isAgent = module.is('Agent')
    const server = isAgent ? agentCode(module) : new Set(serverCode(module).map((reached) => reached.clause))
    const made = tables(module)
    const clauses = module.functions.flatMap((fun) => fun.clauses)
    if (clauses.some((clause) => clause.calls.some((call) => call.callee === ':ets.give_away'))) return
    const mayCallBack = [...server].some((clause) => clause.calls.some((call) => mayRunApi(call, module)))
    const sent = functionsSent(clauses)
    for (const table of made) {
      if (!table.isNamed || table.name === null || !isClosed(table)) continue
      if (isAgent ? !startsInAgent(table.call, table.clause) : !server.has(table.clause)) continue
      // The same name made public elsewhere in the module: which one is meant is not known.
      if (made.some((other) => other.name === table.name && (other.options === null || !isClosed(other)))) continue
      for (const clause of clauses) {
        if (sent.has(clause.function)) continue
        for (const call of clause.calls) {
          if (etsAccess(call) !== 'write' || tableOf(call, clause) !== table.name || isExpected(call, clause)) continue
          const where = whereRuns(call, clause)
          // `@impl` outside of the server's own callbacks: who calls it, and from where, is not known.
          const isOwner =
            runsInAgent(call, clause) || (where.at === 'here' && (server.has(clause) || clause.isImpl || mayCallBack))
          if (isOwner || where.at === 'kept' || (where.at === 'elsewhere' && !STARTS.test(where.by.callee))) continue
          const runner =
            where.at === 'here'
              ? `\`${clause.function.id}\` runs in its caller's process`
              : `This runs in the process that \`${where.by.callee}\` starts`
          yield {
            at: call.at,
            evidence: [call.at, table.call.at, ...(where.at === 'here' ? [] : [where.by.at])],
            message:
              `${runner}, and \`${table.name}\` is \`:${table.access}\`: only ` +
              `${ownerOf(table, module)}, which makes it on line ${table.call.line}, may write. \`${call.callee}\` raises ArgumentError here.`,
          }
        }
      }
    }
  },
})

function isClosed({ access }: Table): boolean {
  return access === 'protected' || access === 'private'
}

/**
 * `Shop.Rates.Loader`, run by the server, may call back into the API, in the owner's process; so does the server itself
 * where it applies a function that it is told.
 */
function mayRunApi({ callee, module: called, args }: Call, module: Module): boolean {
  if (called?.startsWith(`${module.name}.`)) return true
  // `Shop.Importer.run(file, into: __MODULE__)`.
  if (called?.startsWith(`${applicationOf(module)}.`) && args.some((arg) => namesItself(arg, module))) return true
  if (callee !== 'Kernel.apply' && callee !== ':erlang.apply') return false
  return args[1]?.kind !== 'atom' && (args[0]?.kind !== 'module' || args[0].name === module.name)
}

function namesItself(arg: Expression, module: Module): boolean {
  return walk(arg).some((each) => each.kind === 'module' && each.name === module.name)
}

/** Functions that are captured to be kept or sent (`GenServer.call(server, {:run, &store/1})`): the owner may run them. */
function functionsSent(clauses: readonly Clause[]): ReadonlySet<FunctionFact> {
  const sent = new Set<FunctionFact>()
  for (const clause of clauses) {
    for (const each of clause.expressions) {
      if (each.kind !== 'capture' || each.function === null || closureRuns(each, clause).at !== 'kept') continue
      const { module: owner, name, arity } = each.function
      const fun = owner === null || owner === clause.module.name ? clause.module.function(name, arity) : undefined
      if (fun !== undefined) sent.add(fun)
    }
  }
  return sent
}

function ownerOf({ call, clause }: Table, module: Module): string {
  return startsInAgent(call, clause) ? 'the agent' : `\`${module.name}\``
}

/** The code asks which process it runs in, or takes the error. */
function isExpected(call: Call, clause: Clause): boolean {
  return (
    asksWhoItIs(call, clause) ||
    [...ancestors(call)].some((up) => up.kind === 'try' && up.rescues.length + up.catches.length > 0)
  )
}
