import { type Call, type Clause, defineRule, elixir, isPure, messageShape, type Module, nameOf, resolve } from '#engine'
import { clientCalls, isCalledFromAfar } from '../callers.ts'
import { bottleneck, readsGoStraightToEts } from '../principles.ts'
import { ignoresState } from '../replies.ts'
import { listNames, nameClause } from '../wording.ts'

const READS = new Set(
  ['lookup', 'lookup_element', 'member', 'select', 'select_count', 'match', 'match_object', 'tab2list', 'info']
    .concat(['first', 'next', 'last', 'prev', 'foldl', 'foldr'])
    .map((name) => `:ets.${name}`),
)

/** Messages of people who look into a server, not of the application. */
const DEBUGGING = /^(?:dump|values|state|debug\w*|inspect\w*)$/

export default defineRule({
  id: 'genserver-read-through-call',
  title: 'Reads of an ETS table go through the owner',
  principles: [readsGoStraightToEts, bottleneck],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    The table is named, and every process of the node may read it, at the same time as all others. Through a call the
    readers queue in the mailbox of one process instead, behind its writes, and each answer is copied twice. The point
    of the table is lost: it is a map in a GenServer with extra steps.
  `,
  instead: 'Read the table in the client function and delete the clause; keep the writes in the owner.',
  ignoreWhen:
    'When a caller counts on reading what it has cast before: a call queues behind the cast, a direct read may overtake it.',
  limits:
    'Only tables that this module creates with `:named_table`, and clauses that do nothing but read. Asking for no more than the size of a table is left alone, and so is a server that other nodes call (`:global`, a registry of a cluster, `{name, node}`): they cannot read its table.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Rates do
          use GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
          def get(currency), do: GenServer.call(__MODULE__, {:get, currency})

          def init(_opts), do: {:ok, :ets.new(:rates, [:named_table])}

          def handle_call({:get, currency}, _from, state) do # finding
            {:reply, :ets.lookup(:rates, currency), state}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Rates do
          use GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
          def get(currency), do: :ets.lookup(:rates, currency)

          def init(_opts), do: {:ok, :ets.new(:rates, [:named_table, read_concurrency: true])}
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  words: ['ets'],
  *check({ module }) {
    const tables = readableTables(module)
    if (tables.size === 0 || isCalledFromAfar(module)) return
    for (const clause of module.clauses('handle_call', 3)) {
      const [message] = clause.params
      const shape = message === undefined ? null : messageShape(message)
      if (shape !== null && DEBUGGING.test(shape.tag)) continue
      if (!ignoresState(clause)) continue
      const reads: { call: Call; table: string }[] = []
      const isRead = (call: Call, where: Clause): boolean => {
        const table = READS.has(call.callee) && call.args[0] ? nameOf(call.args[0], module, where) : null
        if (table === null || !tables.has(table)) return false
        reads.push({ call, table })
        return true
      }
      if (!isPure(clause, isRead)) continue
      // How large a table is, people ask who watch the server, not those who use it.
      if (reads.every(({ call }) => call.callee === ':ets.info')) continue

      const names = [...new Set(reads.map(({ table }) => table))]
      yield {
        at: clause.head,
        evidence: [
          clause.head,
          ...[...reads.map(({ call }) => call), ...clientCalls(module, shape)].map(({ at }) => at),
        ],
        message:
          `\`${nameClause(clause)}\` of \`${module.name}\` only reads the table${names.length === 1 ? '' : 's'} ${listNames(names)}, ` +
          'which every process may read itself: through this call all readers queue behind one process.',
      }
    }
  },
})

/** Names of the tables that the module creates and others can read by name. */
function readableTables(module: Module): Set<string> {
  const names = new Set<string>()
  for (const fun of module.functions) {
    for (const clause of fun.clauses) {
      for (const call of clause.calls) {
        const [table, given] = call.args
        if (call.callee !== ':ets.new' || table === undefined || given === undefined) continue
        const options = resolve(given, module, clause)
        const name = nameOf(table, module, clause)
        if (name === null || options.kind !== 'list') continue
        if (options.has('named_table') && !options.has('private')) names.add(name)
      }
    }
  }
  return names
}
