import {
  ancestors,
  type Call,
  callbacks,
  type Clause,
  defineRule,
  elixir,
  isSelf,
  reach,
  sentMessage,
  walk,
} from '#engine'
import { everyMessageNeedsAClause, fastInit } from '../principles.ts'
import { nameCall, spotOf } from '../wording.ts'

/** What each of these does, for whoever calls it. */
const EFFECTS: Readonly<Record<string, string>> = {
  'Process.monitor': 'makes the supervisor the one that is told when the process ends',
  ':erlang.monitor': 'makes the supervisor the one that is told when the process ends',
  'Registry.register': 'registers the supervisor',
  'Phoenix.PubSub.subscribe': 'subscribes the supervisor',
  ':net_kernel.monitor_nodes': 'makes the supervisor the one that is told about nodes',
}

export default defineRule({
  id: 'genserver-setup-in-start-link',
  title: "Server set-up runs in the supervisor's process",
  principles: [fastInit, everyMessageNeedsAClause],
  set: 'recommended',
  precision: 'P2',
  severity: 'error',
  since: '0.1.0',

  why: `
    start_link runs in the process that starts the server, which is its supervisor; only init/1 runs in the server.
    Timers, subscriptions, registrations and flags belong to the process that asks for them. The server never gets
    these messages, and the supervisor, which knows nothing of them, logs each as unexpected.
  `,
  instead: 'Move the line into `init/1`.',
  limits: 'Functions of other modules that `start_link` calls are not read.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Prices do
          use GenServer

          def start_link(opts) do
            Phoenix.PubSub.subscribe(Shop.PubSub, "prices") # finding
            GenServer.start_link(__MODULE__, opts)
          end

          def init(opts), do: {:ok, opts}
          def handle_info({:price, sku, price}, prices), do: {:noreply, Map.put(prices, sku, price)}
        end
      `,
      good: elixir`
        defmodule Shop.Prices do
          use GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

          def init(opts) do
            Phoenix.PubSub.subscribe(Shop.PubSub, "prices")
            {:ok, opts}
          end

          def handle_info({:price, sku, price}, prices), do: {:noreply, Map.put(prices, sku, price)}
        end
      `,
    },
  ],

  on: 'clause',
  words: ['start_link'],
  *check({ clause: start, module }) {
    if (start.function.name !== 'start_link' || !module.isProcess || waitsItself(start)) return
    const inCallbacks = new Set(callbacks(module))
    for (const { clause, hops } of reach([start])) {
      if (inCallbacks.has(clause.function) || (clause !== start && clause.function.name === 'start_link')) continue
      for (const call of clause.calls) {
        const effect = effectOf(call, clause)
        if (effect === null || isInClosure(call) || runsElsewhere(call) || isKeptByCaller(call, clause)) continue
        const at = spotOf(hops[0] ?? call)
        yield {
          at,
          evidence: [at, ...hops.map(spotOf), call.at],
          message:
            `\`start_link\` of \`${module.name}\` runs in the process that starts the server: \`${nameCall(call)}\` ` +
            `${clause === start ? 'here' : `in \`${clause.function.id}\``} ${effect}, and the server knows nothing of it.`,
        }
      }
    }
  },
})

/** A start by hand that talks with the new process before it returns. */
function waitsItself(clause: Clause): boolean {
  return clause.expressions.some(
    (each) => each.kind === 'receive' || (each.kind === 'call' && each.callee === 'Process.demonitor'),
  )
}

/** `ref = Process.monitor(pid)`, and the reference is used again: whoever starts the server watches it, and wants to. */
function isKeptByCaller({ name, parent }: Call, clause: Clause): boolean {
  if (name !== 'monitor') return false
  if (parent?.kind === 'pair' || parent?.kind === 'tuple' || parent?.kind === 'map') return true
  if (parent?.kind !== 'match' || parent.pattern.kind !== 'variable') return false
  return clause.variables(parent.pattern.name).some(({ start }) => start > parent.end)
}

function isInClosure(call: Call): boolean {
  return [...ancestors(call)].some(({ kind }) => kind === 'fn' || kind === 'capture')
}

/** `{:error, {:already_started, pid}}`: the server runs already, on another node or under another supervisor. */
function runsElsewhere(call: Call): boolean {
  return [...ancestors(call)].some(
    (up) =>
      up.kind === 'branch' &&
      up.patterns.some((pattern) =>
        [...walk(pattern)].some((each) => each.kind === 'atom' && each.value === 'already_started'),
      ),
  )
}

/** What the call does to the supervisor; null for calls that are fine here. */
function effectOf(call: Call, clause: Clause): string | null {
  const { callee, args, module } = call
  const sent = sentMessage(call)
  if (sent?.as === 'handle_info')
    return sent.to === null || isSelf(sent.to, clause) ? 'sends the message to the supervisor' : null
  if (callee === 'Process.flag') {
    const [flag] = args
    return flag?.kind === 'atom' && flag.value === 'trap_exit' ? 'sets the flag of the supervisor' : null
  }
  if (callee === ':erlang.register' || callee === ':global.register_name') {
    return isSelf(args[1], clause) ? 'gives the name to the supervisor' : null
  }
  if (callee === 'Process.register') return isSelf(args[0], clause) ? 'gives the name to the supervisor' : null
  if (callee === ':pg.join') return isSelf(args.at(-1), clause) ? 'puts the supervisor into the group' : null
  if (call.name === 'subscribe' && call.arity === 1 && module !== null && /(^|\.)Endpoint$/.test(module))
    return 'subscribes the supervisor'
  return Object.hasOwn(EFFECTS, callee) ? EFFECTS[callee]! : null
}
