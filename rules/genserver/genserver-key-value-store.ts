import { type Clause, defineRule, elixir, type Expression, variablesIn, walk } from '#engine'
import { bottleneck, readsGoStraightToEts } from '../principles.ts'

/** Callbacks that show more than a map: timers, monitors, loading, cleaning up. */
const MORE = ['handle_info/2', 'handle_continue/2', 'terminate/2']

const READS = /^(?:Map|Keyword|Access)\.(?:get|fetch!?|has_key\?|take)$|^get_in$/
const WRITES = /^(?:Map|Keyword)\.(?:put|put_new|delete|update!?|replace!?|drop|merge)$|^(?:put_in|update_in|pop_in)$/
const EITHER = /^(?:Map|Keyword)\.(?:pop!?|get_and_update!?)$|^get_and_update_in$/
const NEUTRAL = /^(?:Map|Keyword|Access)\.\w+[?!]?$|^is_\w+$/

export default defineRule({
  id: 'genserver-key-value-store',
  title: 'A GenServer that is only a map',
  principles: [readsGoStraightToEts, bottleneck],
  set: 'strict',
  precision: 'P3',
  severity: 'info',
  since: '0.1.0',

  why: `
    A map behind a process can be read by one caller at a time: every read waits for the reads and writes before it, and
    the value is copied twice. An ETS table holds the same data, and every process reads it directly and in parallel,
    while one owner still does the writing.
  `,
  instead:
    'Let this process own a named ETS table: write in `handle_call/3`, read with `:ets.lookup/2` in the client function. Where traffic is small, an Agent says the same in fewer lines.',
  ignoreWhen: 'When traffic is small and stays small, or when reads must see every write that was cast before them.',
  limits:
    'A server with timers, monitors, continues or any call outside of Map, Keyword and Access is taken to do more.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Settings do
          use GenServer # finding

          def init(_opts), do: {:ok, %{}}

          def handle_call({:get, key}, _from, settings), do: {:reply, Map.get(settings, key), settings}
          def handle_call({:put, key, value}, _from, settings), do: {:reply, :ok, Map.put(settings, key, value)}
        end
      `,
      good: elixir`
        defmodule Shop.Settings do
          use GenServer

          def get(key) do
            case :ets.lookup(__MODULE__, key) do
              [{^key, value}] -> value
              [] -> nil
            end
          end

          def init(_opts), do: {:ok, :ets.new(__MODULE__, [:named_table, read_concurrency: true])}

          def handle_call({:put, key, value}, _from, table) do
            :ets.insert(table, {key, value})
            {:reply, :ok, table}
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  words: ['handle_call'],
  *check({ module }) {
    const use = module.use('GenServer')
    if (use === undefined || !module.isTransparent || MORE.some((id) => module.table.has(id))) return
    const reading = module.clauses('handle_call', 3)
    const clauses = [...reading, ...module.clauses('handle_cast', 2)]
    if (!clauses.every(onlyTouchesMaps) || !module.clauses('init', 1).every(onlyTouchesMaps)) return
    const writes = (clause: Clause): boolean => touches(clause, WRITES) || putsKey(clause)
    const reads = (clause: Clause): boolean => touches(clause, READS) || indexes(clause)
    // What looks up and then decides whether to store is one step, a lock or a counter: for it the callers have to queue.
    if (clauses.some((clause) => reads(clause) && writes(clause))) return
    const isWritten = clauses.some((clause) => writes(clause) || touches(clause, EITHER))
    const isRead = reading.some((clause) => reads(clause) || touches(clause, EITHER))
    if (!isRead || !isWritten) return

    yield {
      at: use.range,
      evidence: [use.range, ...clauses.map((clause) => clause.head)],
      message:
        `\`${module.name}\` is a process around a map: its callbacks only look up and store keys, so each reader waits ` +
        'for all others. In an ETS table that it owns, they read side by side.',
    }
  },
})

/** No call but of the modules for maps, nor of a function that could be anything. */
function onlyTouchesMaps(clause: Clause): boolean {
  return clause.expressions.every((each) => {
    if (each.kind === 'call') {
      return each.receiver === null && [READS, WRITES, EITHER, NEUTRAL].some((names) => names.test(bare(each.callee)))
    }
    if (each.kind === 'variable') return clause.isBound(each.name)
    return each.kind !== 'receive' && each.kind !== 'opaque'
  })
}

/** `Map.get(_, key)` and the like where the key comes with the message. */
function touches(clause: Clause, ...names: readonly RegExp[]): boolean {
  return clause.calls.some(
    (call) => names.some((each) => each.test(bare(call.callee))) && call.args.some((arg) => isFromMessage(arg, clause)),
  )
}

function bare(callee: string): string {
  return callee.replace(/^Kernel\./, '')
}

/** `state[key]`, `Map.fetch(state, key)`: the key is a variable of the message. */
function isFromMessage(expression: Expression, { params: [message] }: Clause): boolean {
  if (message === undefined) return false
  const names = new Set(variablesIn(message))
  return [...walk(expression)].some((each) => each.kind === 'variable' && names.has(each.name))
}

/** `state[key]`, but not the place in `put_in(state[key], value)`. */
function indexes(clause: Clause): boolean {
  return clause.expressions.some(
    (each) =>
      each.kind === 'access' &&
      isFromMessage(each.key, clause) &&
      !(each.parent?.kind === 'call' && WRITES.test(bare(each.parent.callee))),
  )
}

/** `%{state | ...}` does not take new keys; `%{key => value}` in it does. */
function putsKey(clause: Clause): boolean {
  return clause.expressions.some(
    (each) =>
      each.kind === 'map' &&
      each.entries.some(
        (entry) => entry.kind === 'pair' && entry.key.kind === 'variable' && isFromMessage(entry.key, clause),
      ),
  )
}
