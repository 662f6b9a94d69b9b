import {
  ancestors,
  attachments,
  type Call,
  callsHere,
  type Clause,
  defineRule,
  detaches,
  elixir,
  type Expression,
  reach,
  resolve,
  type TelemetryEvent,
  type Waiting,
  waitingIn,
  waitsFor,
  walk,
} from '#engine'
import { telemetryHandlers } from '../principles.ts'
import { spotOf } from '../wording.ts'

const WRITES = new Set([
  'File.write',
  'File.write!',
  'GenServer.call',
  'Agent.get',
  'Agent.update',
  'Agent.get_and_update',
])

export default defineRule({
  id: 'telemetry-blocking-handler',
  title: 'Slow work in a telemetry handler',
  principles: [telemetryHandlers],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    A handler runs in the process that emits the event, between two lines of its work: the request that ends waits for
    it, the query that was measured too. A handler that queries the database on a query event emits the next one itself.
  `,
  instead: 'Count with `:counters` or `:ets.update_counter/3`, or `cast` to a process that does the slow part.',
  ignoreWhen: 'When the event is rare and nobody waits for the process that emits it.',
  limits: 'Two local calls are followed. Events of a start, an end or a connection are taken to be rare.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.QueryLog do
          def setup do
            :telemetry.attach("shop-query-log", [:shop, :repo, :query], &__MODULE__.on_query/4, nil)
          end

          def on_query(_event, measurements, _metadata, _config) do
            Shop.Repo.insert!(%Shop.Metric{time: measurements.total_time}) # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.QueryLog do
          def setup do
            :telemetry.attach("shop-query-log", [:shop, :repo, :query], &__MODULE__.on_query/4, nil)
          end

          def on_query(_event, measurements, _metadata, _config) do
            GenServer.cast(Shop.Metrics, {:query, measurements.total_time})
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['attach', 'attach_many'],
  *check({ module }) {
    const seen = new Set<Expression>()
    for (const { call: attach, clause: attaching, function: handler, handler: given, events } of attachments(module)) {
      if (events?.every(isRare) === true) continue
      // What a closure does is written where it is attached; local functions that it calls are one step away.
      const starts = handler === undefined ? [] : reach(handler.clauses.filter(isForLoad), 2)
      const found = starts.flatMap(({ clause, hops }) => slowIn(clause).map((slow) => ({ ...slow, hops })))
      if (handler === undefined && given !== undefined) found.push(...slowInClosure(given, attaching))
      for (const { expression, at, name, hops } of found) {
        if (seen.has(expression)) continue
        seen.add(expression)
        const what = handler === undefined ? 'This closure' : `\`${handler.id}\``
        yield {
          at,
          evidence: [at, attach.at, ...hops.map(spotOf)],
          message:
            `${what} is a telemetry handler, so \`${name}\` runs in the process that emits the event: ` +
            'whoever is measured waits for it.',
        }
      }
    }
  },
})

/** Events of the life of a process or a connection, which come once in a while: `[:ecto, :repo, :init]`, `[:redix, :connection]`. */
const RARE = /^(boot|connected|connection|disconnected|disconnection|init|shutdown|terminate)$/

function isRare(event: TelemetryEvent): boolean {
  const last = event.at(-1)
  return typeof last === 'string' && RARE.test(last)
}

/** Whether a clause of a handler takes more than such events. */
function isForLoad({ params, module }: Clause): boolean {
  const pattern = params[0] === undefined ? undefined : resolve(params[0], module)
  const last = pattern?.kind === 'list' && pattern.tail === null ? pattern.elements.at(-1) : undefined
  return last?.kind !== 'atom' || !RARE.test(last.value)
}

type Slow = Pick<Waiting, 'expression' | 'at' | 'name'>

function slowIn(clause: Clause): Slow[] {
  const writes = callsHere(clause).filter((call) => WRITES.has(call.callee))
  return [
    ...waitingIn(clause),
    ...writes.map((expression) => ({ expression, at: expression.at, name: expression.callee })),
  ]
}

function slowInClosure(closure: Expression, clause: Clause): (Slow & { hops: readonly Expression[] })[] {
  if (closure.kind !== 'fn' && !(closure.kind === 'capture' && closure.body !== null)) return []
  return [...walk(closure)].flatMap((each): (Slow & { hops: readonly Expression[] })[] => {
    if (each.kind !== 'call' || isDetachedBelow(each, closure)) return []
    if (waitsFor(each) !== null || WRITES.has(each.callee))
      return [{ expression: each, at: each.at, name: each.callee, hops: [] }]
    const helper = each.isLocal ? clause.module.function(each.name, each.arity) : undefined
    return (helper?.clauses ?? []).flatMap(slowIn).map((slow) => ({ ...slow, hops: [each] }))
  })
}

function isDetachedBelow(call: Call, closure: Expression): boolean {
  for (const up of ancestors(call)) {
    if (up === closure) return false
    if (up.kind === 'call' && detaches(up)) return true
  }
  return false
}
