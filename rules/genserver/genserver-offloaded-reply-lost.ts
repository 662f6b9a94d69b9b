import {
  ancestors,
  type Call,
  type Capture,
  type Clause,
  defineRule,
  detachedClosures,
  detachedFunction,
  elixir,
  type Expression,
  type Fn,
  functionsRunBy,
  localCalls,
  type Module,
  reach,
  type Reached,
  results,
  walk,
  whereRuns,
} from '#engine'
import { fastCallbacks, taskSupervisor } from '../principles.ts'
import { nameClause, spotOf, wholeHeadOf } from '../wording.ts'

/** Starters whose process nobody watches. A `spawn_link` is none: its crash ends the server, and so the call. */
const UNWATCHED = new Set(['Task.start', 'Kernel.spawn', ':erlang.spawn', ':proc_lib.spawn'])
const SUPERVISED = 'Task.Supervisor.start_child'

const REPLIES = new Set(['GenServer.reply', ':gen_server.reply'])
const WATCHES = new Set(['Process.monitor', ':erlang.monitor', 'Process.link', ':erlang.link'])
const HARMLESS = new Set([
  ...REPLIES,
  'Process.sleep',
  ':timer.sleep',
  'Kernel.self',
  'Kernel.send',
  ...['debug', 'info', 'notice', 'warning', 'error'].map((level) => `Logger.${level}`),
  ':ets.lookup',
  'Map.get',
  'Map.fetch',
  'Keyword.get',
])

export default defineRule({
  id: 'genserver-offloaded-reply-lost',
  title: 'The reply is left to an unwatched task',
  principles: [fastCallbacks, taskSupervisor],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    The callback returns :noreply and leaves the answer to a process that nobody watches. If the work raises, that
    process dies before it replies, and neither the server nor the caller hears of it: the caller waits for its whole
    timeout, for ever with :infinity, and then exits without the reason.
  `,
  instead:
    'Start the work with `Task.Supervisor.async_nolink`, keep `ref => from` in the state, reply when `{ref, result}` arrives, and reply `{:error, reason}` in the clause for `:DOWN`.',
  ignoreWhen: 'When callers have a short timeout and take the exit for a failure: the loss is bounded by it.',
  limits:
    'A reply more than one local function away from the closure is not followed. A `try` in the closure counts as one that always replies, and so does a function with a name like `safe_render`.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Reports do
          use GenServer

          def init(opts), do: {:ok, opts}

          def handle_call({:build, month}, from, state) do
            Task.start(fn -> GenServer.reply(from, Shop.Report.build(month)) end) # finding
            {:noreply, state}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Reports do
          use GenServer

          def init(_), do: {:ok, %{}}

          def handle_call({:build, month}, from, waiting) do
            task = Task.Supervisor.async_nolink(Shop.Tasks, Shop.Report, :build, [month])
            {:noreply, Map.put(waiting, task.ref, from)}
          end

          def handle_info({ref, report}, waiting) when is_reference(ref) do
            Process.demonitor(ref, [:flush])
            {from, waiting} = Map.pop(waiting, ref)
            GenServer.reply(from, {:ok, report})
            {:noreply, waiting}
          end

          def handle_info({:DOWN, ref, :process, _pid, reason}, waiting) do
            {from, waiting} = Map.pop(waiting, ref)
            GenServer.reply(from, {:error, reason})
            {:noreply, waiting}
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  words: ['reply'],
  *check({ module }) {
    const handlers = module.clauses('handle_call', 3)
    for (const reached of reach(handlers)) {
      for (const call of reached.clause.calls) {
        const isSupervised = call.callee === SUPERVISED
        if (!isSupervised && !UNWATCHED.has(call.callee)) continue
        if (whereRuns(call, reached.clause).at !== 'here' || !repliesLater(reached.from) || isWatched(reached)) continue
        const reply = lostReply(call, reached.clause)
        if (reply === null || isGuardedByName(call, reached.clause)) continue
        yield {
          at: call.at,
          evidence: [call.at, reply.at, wholeHeadOf(reached.from), ...reached.hops.map(spotOf)],
          ...(isSupervised ? { severity: 'info' as const, set: 'strict' as const } : {}),
          message:
            `\`${nameClause(reached.from)}\` leaves its answer to a process that \`${module.name}\` does not watch: ` +
            'if the work raises, nobody replies and the caller waits for its whole timeout.',
        }
      }
    }
  },
})

function repliesLater(clause: Clause): boolean {
  return results(clause).some(({ tail: { expression } }) => {
    const tag = expression?.kind === 'tuple' ? expression.elements[0] : undefined
    return tag?.kind === 'atom' && tag.value === 'noreply'
  })
}

/** A monitor or link on the started process, here or in a function that is given it, tells the server of its end. */
function isWatched({ clause }: Reached): boolean {
  const watches = ({ calls }: Clause): boolean => calls.some((call) => WATCHES.has(call.callee))
  return watches(clause) || localCalls(clause).some(({ fun }) => fun.clauses.some(watches))
}

/** The reply that what the call starts sends, unless a `try` makes sure of it or nothing in there can fail. */
function lostReply(call: Call, clause: Clause): Call | null {
  const { module } = clause
  const named = detachedFunction(call)
  if (named !== null) return named.module === module.name ? lostIn(named, module) : null
  for (const closure of detachedClosures(call, clause)) {
    const reply = lostInClosure(closure, module)
    if (reply !== null) return reply
  }
  return null
}

/** `safe_render(page)`, up to two functions away: taken at its word, as what it calls is out of sight. */
function isGuardedByName(call: Call, clause: Clause): boolean {
  return functionsRunBy(call, clause, 2).some(({ name }) => /^(?:safe|safely|try)_/.test(name))
}

function lostInClosure(closure: Fn | Capture, module: Module): Call | null {
  const fun = closure.kind === 'capture' ? closure.function : null
  if (fun !== null) return fun.module === null ? lostIn(fun, module) : null
  const inside = [...walk(closure)]
  const reply = replyThatCanFail(inside, [], module)
  if (reply !== null || inside.some(({ kind }) => kind === 'try')) return reply
  for (const each of inside) {
    if (each.kind !== 'call' || !each.isLocal) continue
    const others = inside.filter((other) => other !== each && other.start < each.end)
    for (const { expressions } of module.clauses(each.name, each.arity)) {
      const away = replyThatCanFail(expressions, others, module)
      if (away !== null) return away
    }
  }
  return null
}

function lostIn({ name, arity }: { name: string; arity: number }, module: Module): Call | null {
  for (const { expressions } of module.clauses(name, arity)) {
    const reply = replyThatCanFail(expressions, [], module)
    if (reply !== null) return reply
  }
  return null
}

/** A reply among some expressions, where what these or those before their call do until then can fail. */
function replyThatCanFail(
  expressions: readonly Expression[],
  before: readonly Expression[],
  module: Module,
): Call | null {
  if (expressions.some(({ kind }) => kind === 'try')) return null
  const isHarmless = (each: Expression): boolean =>
    each.kind !== 'call' ||
    HARMLESS.has(each.callee) ||
    [each, ...ancestors(each)].some((around) => around.kind === 'call' && catchesAll(around, module))
  const isLateAnyway = !before.every(isHarmless)
  const first = expressions.find((each) => !isHarmless(each))?.start ?? Infinity
  for (const each of expressions) {
    if (each.kind === 'call' && REPLIES.has(each.callee) && (isLateAnyway || first < each.end)) return each
  }
  return null
}

/** A function of this module that answers whatever goes wrong in it, and in what it is given to run. */
function catchesAll(call: Call, module: Module): boolean {
  const clauses = call.isLocal ? module.clauses(call.name, call.arity) : []
  return (
    clauses.length > 0 &&
    clauses.every(({ body }) => body?.kind === 'try' && body.rescues.length + body.catches.length > 0)
  )
}
