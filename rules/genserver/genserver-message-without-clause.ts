import {
  type Arrival,
  type Call,
  callbacks,
  type Clause,
  continuationOf,
  defineRule,
  elixir,
  type Expression,
  isSelf,
  type MessageShape,
  messageShape,
  type Module,
  namesOwnProcess,
  type Problem,
  reach,
  resolve,
  results,
  runsSurelyHere,
  sameShape,
  type SentMessage,
  sentMessage,
  showShape,
  takesByReceive,
} from '#engine'
import { everyMessageNeedsAClause } from '../principles.ts'
import { nameCall, nameClause, spotOf, wholeHeadOf } from '../wording.ts'

type Taker = Arrival | 'handle_continue'

const ARITIES: Readonly<Record<Taker, number>> = { handle_call: 3, handle_cast: 2, handle_info: 2, handle_continue: 2 }

/** What stands wherever something is sent: most functions need not be read for it. */
const SENDS = /\b(?:call|cast|send\w*)\b/

/** The clauses that surely run in the server's own process, found out when somebody asks. */
type Server = () => ReadonlySet<Clause>

export default defineRule({
  id: 'genserver-message-without-clause',
  title: 'A server sends itself, or its own API sends it, something no clause matches',
  principles: [everyMessageNeedsAClause],
  set: 'recommended',
  precision: 'P2',
  severity: 'error',
  since: '0.1.0',

  why: `
    A message that none of the server's own clauses matches raises a FunctionClauseError in the server: it dies, the
    state is lost, and with a call the caller exits too. So does a {:continue, term}. It happens the first time the
    message is sent, often long after one side of a renamed message was forgotten. A module without any clause for
    the kind of message has the default of use GenServer, which raises for calls and casts, and logs and drops
    everything else.
  `,
  instead: 'Add the clause, or send the message that a clause takes.',
  limits:
    'Only messages with a literal tag are compared, and only where every clause of the callback has one too. Silent where a macro of another module could define clauses.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Basket do
          use GenServer

          def start_link(_), do: GenServer.start_link(__MODULE__, %{}, name: __MODULE__)
          def drop(item), do: GenServer.cast(__MODULE__, {:drop, item}) # finding

          def init(items), do: {:ok, items}
          def handle_cast({:delete, item}, items), do: {:noreply, Map.delete(items, item)}
        end
      `,
      good: elixir`
        defmodule Shop.Basket do
          use GenServer

          def start_link(_), do: GenServer.start_link(__MODULE__, %{}, name: __MODULE__)
          def drop(item), do: GenServer.cast(__MODULE__, {:drop, item})

          def init(items), do: {:ok, items}
          def handle_cast({:drop, item}, items), do: {:noreply, Map.delete(items, item)}
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  *check({ module }) {
    if (!module.isTransparent) return
    yield* continues(module)
    let known: ReadonlySet<Clause> | undefined
    const server = (): ReadonlySet<Clause> => (known ??= new Set(serverClauses(module)))
    for (const { at, send, shape, as, clauses } of sendings(module, server)) {
      if (isTaken(shape, as, module)) continue
      const around = as === 'handle_info' ? [...clauses, ...server()] : clauses
      if (around.some((clause) => takesByReceive(clause, shape))) continue
      const handlers = module.clauses(as, ARITIES[as])
      yield {
        at: at.at,
        evidence: [at.at, send.at, ...handlers.map(wholeHeadOf)],
        severity: handlers.length === 0 && as === 'handle_info' ? 'warning' : 'error',
        message: message(send, shape, as, handlers.length, module),
      }
    }
  },
})

/** A message of known shape that goes to the process of this module. */
interface Sending {
  /** Where the message is written: the send, or the call of the local function that sends it. */
  at: Call
  send: Call
  shape: MessageShape
  as: Arrival
  /** The clauses on the way. */
  clauses: readonly Clause[]
}

/** `{:continue, term}` that a callback returns, for which no clause of `handle_continue/2` is there. */
function* continues(module: Module): Iterable<Problem> {
  const takers = module.clauses('handle_continue', 2)
  if (takers.length === 0) return
  const seen = new Set<Expression>()
  for (const clause of callbacks(module).flatMap((fun) => fun.clauses)) {
    for (const { tail, clause: at, hops } of results(clause)) {
      const next = continuationOf(tail.expression)
      const shape = next === null ? null : shapeOf(next.elements[1]!, at)
      if (next === null || seen.has(next) || shape === null || isTaken(shape, 'handle_continue', module)) continue
      seen.add(next)
      yield {
        at: next.range,
        evidence: [next.range, ...hops.map(spotOf), ...takers.map(wholeHeadOf)],
        message:
          `\`${nameClause(clause)}\` of \`${module.name}\` continues with \`${showShape(shape)}\`, and ` +
          `${noneOf('handle_continue', takers.length)}: the server dies with a \`FunctionClauseError\`.`,
      }
    }
  }
}

function* sendings(module: Module, server: Server): Iterable<Sending> {
  const all = module.functions.flatMap((fun) => fun.clauses)
  for (const clause of all) {
    if (!clause.mentions(SENDS)) continue
    for (const send of clause.calls) {
      const sent = sentMessage(send)
      if (sent === null || !arrivesHere(sent, send, clause, server)) continue
      const { as } = sent
      const shape = shapeOf(sent.message, clause)
      if (shape !== null) yield { at: send, send, shape, as, clauses: [clause] }
      else yield* throughParameter(sent, send, clause, all, server)
    }
  }
}

/** `defp later(message), do: Process.send_after(self(), message, 1_000)`, told where `later(:tick)` stands. */
function* throughParameter(
  { to, message: given, as }: SentMessage,
  send: Call,
  clause: Clause,
  all: readonly Clause[],
  server: Server,
): Iterable<Sending> {
  const { function: fun, params, module } = clause
  const position = params.findIndex(
    (param) => param.kind === 'variable' && given.kind === 'variable' && param.name === given.name,
  )
  if (position < 0 || fun.clauses.length > 1) return
  const isToSelf = to === null || isSelf(to, clause)
  for (const caller of all) {
    for (const at of caller.calls) {
      if (!at.isLocal || at.arity !== fun.arity || module.function(at.name, at.arity) !== fun) continue
      const shape = shapeOf(at.args[position]!, caller)
      if (shape === null || (isToSelf && !(server().has(caller) && runsSurelyHere(at, caller)))) continue
      yield { at, send, shape, as, clauses: [caller, clause] }
    }
  }
}

/** Whether it goes to the process of this module: by its name from anywhere, to `self()` from its own process. */
function arrivesHere({ to }: SentMessage, call: Call, clause: Clause, server: Server): boolean {
  if (to !== null && !isSelf(to, clause)) return namesOwnProcess(to, clause)
  return server().has(clause) && runsSurelyHere(call, clause)
}

function serverClauses(module: Module): Clause[] {
  const starts = callbacks(module).flatMap((fun) => fun.clauses)
  return reach(starts, Infinity, runsSurelyHere).map(({ clause }) => clause)
}

function shapeOf(message: Expression, clause: Clause): MessageShape | null {
  return messageShape(resolve(message, clause.module, clause))
}

/** Whether a clause matches, or cannot be told not to. */
function isTaken(shape: MessageShape, callback: Taker, module: Module): boolean {
  const fun = module.function(callback, ARITIES[callback])
  if (fun === undefined) return false
  if (fun.clauses.length === 0) return true
  return fun.clauses.some(({ params: [param] }) => {
    const taken = param === undefined ? null : messageShape(resolve(param, module))
    return taken === null || sameShape(taken, shape)
  })
}

function message(call: Call, shape: MessageShape, callback: Arrival, handlers: number, module: Module): string {
  const id = `${callback}/${ARITIES[callback]}`
  const sent = `\`${nameCall(call)}\` sends \`${showShape(shape)}\` to \`${module.name}\``
  if (handlers > 0) return `${sent}, and ${noneOf(callback, handlers)}: the server dies with a \`FunctionClauseError\`.`
  const effect = callback === 'handle_info' ? 'it is logged and dropped' : 'the default raises, and the server dies'
  return `${sent}, which has no \`${id}\`: ${effect}.`
}

function noneOf(callback: Taker, count: number): string {
  const id = `${callback}/${ARITIES[callback]}`
  return count === 1
    ? `its only \`${id}\` clause does not match it`
    : `none of its ${count} \`${id}\` clauses matches it`
}
