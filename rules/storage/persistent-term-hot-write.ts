import {
  ancestors,
  attachments,
  boundValue,
  type Call,
  canonical,
  type Clause,
  conditionsAbove,
  defineRule,
  elixir,
  endsItsProcess,
  type Expression,
  foldNumber,
  isImmediate,
  messageShape,
  type Module,
  partsOf,
  reach,
  type Reached,
  requestCode,
  resolve,
  whereRuns,
} from '#engine'
import { storageByNeed } from '../principles.ts'
import { nameClause, spotOf } from '../wording.ts'

const WRITES: ReadonlySet<string> = new Set([
  ':persistent_term.put',
  ':persistent_term.put_new',
  ':persistent_term.erase',
])

/** Messages and functions that people or the life of the node cause, not its load. */
const RARE =
  /(^|_)(activate|boot|config|connect|connected|configure|configuration|deactivate|deploy|disable|disabled|disconnect|disconnected|down|DOWN|drain|enable|enabled|init|initialize|load|migrate|nodedown|nodeup|pause|reconnect|reconnected|register|reload|rescan|reset|restart|resume|save|setting|settings|setup|shutdown|start|started|stop|stopped|terminate|toggle|unregister|upgrade)(_|$)/

/** A refresh by timer that comes at most this often is what persistent terms are for. */
const RARE_MS = 60_000

export default defineRule({
  id: 'persistent-term-hot-write',
  title: '`persistent_term` written on a hot path',
  principles: [storageByNeed],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    Reading a persistent term is free, because readers share it. The price is paid on change: when a term is replaced
    or erased, every process of the node is scanned for references to the old one and may have to collect its garbage.
    Once at boot that is nothing; in a callback or a request it stops the whole node again and again.
  `,
  instead:
    'Use an ETS table with `read_concurrency: true` for data that changes; keep `:persistent_term` for what is set at boot.',
  ignoreWhen: 'When this runs rarely, for instance when somebody saves a setting.',
  limits:
    'A value that is one word (an atom or a small integer) is free to change, and is not reported where it is written out. What is named after a start, an end, a switch, a connection or a setting is taken to be rare. So is an erase under a condition, where nothing hot puts terms.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Rates do
          use GenServer

          @impl true
          def init(opts), do: {:ok, opts}

          @impl true
          def handle_cast({:rates, rates}, state) do
            :persistent_term.put(:rates, rates) # finding
            {:noreply, state}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Rates do
          use GenServer

          @impl true
          def init(opts) do
            :ets.new(:rates, [:named_table, read_concurrency: true])
            {:ok, opts}
          end

          @impl true
          def handle_cast({:rates, rates}, state) do
            :ets.insert(:rates, {:current, rates})
            {:noreply, state}
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['persistent_term'],
  *check({ module }) {
    const writes = hotWrites(module)
    const comesAndGoes = writes.some(({ call }) => call.name !== 'erase')
    for (const { call, reached } of writes) {
      const { hops, from } = reached
      // Where nothing hot puts terms, an erase under a condition is the end of one that was put rarely.
      if (!comesAndGoes && [call, ...hops].some((each) => conditionsAbove(each).length > 0)) continue
      yield {
        at: call.at,
        evidence: [call.at, from.head, ...hops.map(spotOf)],
        message: `\`${call.callee}\` runs each time \`${nameClause(from)}\` of \`${module.name}\` gets here. ${consequence(call)}`,
      }
    }
  },
})

function hotWrites(module: Module): { call: Call; reached: Reached }[] {
  const found = new Map<Call, Reached>()
  for (const reached of hotCode(module)) {
    const { clause } = reached
    if (isRare(reached)) continue
    for (const call of clause.callsOf(WRITES)) {
      if (found.has(call) || whereRuns(call, clause).at !== 'here') continue
      if (!isFree(call, reached) && !isOnChange(call, reached)) found.set(call, reached)
    }
  }
  return [...found].map(([call, reached]) => ({ call, reached }))
}

/** A value of one word, or the end of a term that never has another. */
function isFree(call: Call, reached: Reached): boolean {
  if (call.name !== 'erase') return isImmediate(call.args[1], reached)
  const { module } = reached.clause
  const key = keyOf(call, module)
  const puts = module
    .callsOf(WRITES)
    .filter((other) => other.call.name !== 'erase' && keyOf(other.call, module) === key)
  return (
    puts.length > 0 &&
    puts.every(({ call: put, clause }) => isImmediate(put.args[1], { clause, hops: [], from: clause }))
  )
}

function keyOf(call: Call, module: Module): string | null {
  const [key] = call.args
  return key === undefined ? null : canonical(resolve(key, module))
}

function consequence(call: Call): string {
  return call.name === 'erase'
    ? 'Erasing a persistent term makes the runtime scan every process of the node, so this must be rare.'
    : 'It copies the table of all persistent terms, and where it replaces one the runtime scans every process of the node.'
}

/** Callbacks that answer messages, requests, and telemetry handlers, with what they run; boot code is left out. */
function hotCode(module: Module): Reached[] {
  const starts: Clause[] = []
  if (module.isProcess) {
    for (const [name, arity] of [
      ['handle_call', 3],
      ['handle_cast', 2],
      ['handle_info', 2],
      ['handle_events', 3],
    ] as const)
      starts.push(...module.clauses(name, arity))
  }
  for (const { function: handler } of attachments(module)) starts.push(...(handler?.clauses ?? []))
  return [...reach(starts), ...requestCode(module)]
}

function isRare({ clause, from }: Reached): boolean {
  const shape = from.params[0] === undefined ? null : messageShape(from.params[0])
  const names = [clause.function.name, from.function.name, ...(shape === null ? [] : [shape.tag])]
  // LiveView and channel events are named by a string.
  const [first] = from.params
  if (first?.kind === 'text' && first.value !== null) names.push(first.value.replaceAll(/[-:. ]/g, '_'))
  return names.some((name) => RARE.test(name)) || isSlowTick(from) || endsItsProcess(from)
}

/** A `handle_info` that sets its own timer again, for a minute or more, or for a time that is not known here. */
function isSlowTick(from: Clause): boolean {
  if (from.function.name !== 'handle_info') return false
  return reach([from], 2).some(({ clause }) =>
    clause.calls.some((call) => {
      const delay = delayOf(call)
      return (
        delay !== undefined && (foldNumber(resolve(delay, clause.module, clause), clause.module) ?? RARE_MS) >= RARE_MS
      )
    }),
  )
}

function delayOf({ callee, args }: Call): Expression | undefined {
  if (callee === 'Process.send_after' || callee === ':erlang.send_after') return args[2] ?? args[0]
  return callee === ':timer.send_after' ? args[0] : undefined
}

/**
 * Under a condition that looks at what is stored or compares what is put, here or on the way here, or
 * `get(key, nil) || build()`: it is written once, or when it changes.
 */
function isOnChange(call: Call, { clause, hops }: Reached): boolean {
  const given = call.args[1]
  const value = given?.kind === 'variable' ? boundValue(given, clause) : given
  const looks = looksAbove(call)
  if (value?.kind === 'operator' && value.operator === '||') looks.push(value)
  const isChange = (each: Expression): boolean => isGet(each) || comparesWith(given, each)
  return (
    looks.some((look) => [...partsOf(look, clause)].some(isChange)) ||
    hops.some((hop) => {
      const around = looksAbove(hop)
      // `store(:persistent_term.get(key, nil))`, with a clause for what is not there.
      if (hop.kind === 'call') around.push(...hop.args)
      const caller = around.length === 0 ? undefined : clauseAround(hop, clause.module)
      return caller !== undefined && around.some((look) => [...partsOf(look, caller)].some(isGet))
    })
  )
}

/** What decides whether this runs, the body whose failure is rescued here included. */
function looksAbove(expression: Expression): Expression[] {
  const looks = conditionsAbove(expression)
  let inner = expression
  for (const up of ancestors(expression)) {
    if (up.kind === 'try' && up.body !== null && up.rescues.some((rescue) => rescue === inner)) looks.push(up.body)
    inner = up
  }
  return looks
}

function clauseAround(expression: Expression, module: Module): Clause | undefined {
  const isAround = (clause: Clause): boolean => clause.start <= expression.start && expression.end <= clause.end
  return module.functions.flatMap((fun) => fun.clauses).find(isAround)
}

function isGet(each: Expression): boolean {
  return each.kind === 'call' && each.callee === ':persistent_term.get'
}

/** `if rates != state.rates`, and `current -- known`, whose answer says what is new. */
function comparesWith(given: Expression | undefined, each: Expression): boolean {
  if (each.kind !== 'operator' || each.operands.length !== 2) return false
  if (each.operator === '--') return true
  return (
    /^[!=]==?$/.test(each.operator) &&
    given?.kind === 'variable' &&
    each.operands.some((operand) => operand.kind === 'variable' && operand.name === given.name)
  )
}
