import {
  callbacks,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  foldNumber,
  messageShape,
  type Problem,
  reach,
  type Reached,
  tails,
  type Wait,
  type Waiting,
  waitingIn,
} from '#engine'
import { clientCalls, isAskedPatiently, isPooled, isSingleLane, isTestSupport } from '../callers.ts'
import { isOnPurpose, remarks, saysWhyItBlocks } from '../intent.ts'
import { bottleneck, fastCallbacks } from '../principles.ts'
import { ignoresState } from '../replies.ts'
import { nameClause, spotOf } from '../wording.ts'

const OUTSIDE: ReadonlySet<Wait> = new Set(['http', 'socket', 'command', 'rpc'])
const TASKS: ReadonlySet<Wait> = new Set(['await', 'stream'])
/** Queries that a caller could make itself. */
const READS = /\.(?:all|all_by|aggregate|exists|get|get_by|one|reload)[?!]?$/

/** A wait with a bound below this is no reason for a caller to give up. */
const SHORT_MS = 500

/** Callbacks in which nobody is waited for yet, or any more. */
const AT_THE_EDGES = new Set(['init', 'terminate', 'code_change', 'format_status'])

export default defineRule({
  id: 'genserver-blocking-callback',
  title: 'A callback waits for the outside world',
  principles: [fastCallbacks, bottleneck],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    A server handles one message at a time. While a callback waits for a network answer, a command or a task, every
    other caller waits in the mailbox behind it, and after five seconds their calls exit with a timeout. The
    messages stay, so the server goes on to answer callers that have given up.
  `,
  instead:
    'Start the work with `Task.Supervisor.async_nolink`, keep `ref => from` in the state, return `:noreply`, and call `GenServer.reply` when `{ref, result}` arrives; answer an error on `:DOWN`.',
  ignoreWhen: 'When only one such operation must run at a time and callers wait with a timeout that allows for it.',
  limits:
    'Only servers with a `handle_call/3` are looked at. Calls of an Ecto repository there, and requests made in casts and messages, are reported by the strict profile only, as info; so is waiting less than half a second for a task, and all waiting in a server whose client functions all wait fifteen seconds or longer, and waiting for tasks where no call is served but one that stops the server.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Quotes do
          use GenServer

          def init(opts), do: {:ok, opts}

          def handle_call({:quote, symbol}, _from, state) do
            {:reply, Req.get!(state.url <> symbol).body, state} # finding
          end

          def handle_call(:source, _from, state), do: {:reply, state.url, state}
        end
      `,
      good: elixir`
        defmodule Shop.Quotes do
          use GenServer

          def init(opts), do: {:ok, Map.put(opts, :waiting, %{})}

          def handle_call({:quote, symbol}, from, state) do
            task = Task.Supervisor.async_nolink(Shop.Tasks, fn -> Req.get!(state.url <> symbol).body end)
            {:noreply, put_in(state.waiting[task.ref], from)}
          end

          def handle_call(:source, _from, state), do: {:reply, state.url, state}

          def handle_info({ref, body}, state) when is_reference(ref) do
            Process.demonitor(ref, [:flush])
            {from, waiting} = Map.pop(state.waiting, ref)
            GenServer.reply(from, {:ok, body})
            {:noreply, %{state | waiting: waiting}}
          end

          def handle_info({:DOWN, ref, :process, _pid, reason}, state) do
            {from, waiting} = Map.pop(state.waiting, ref)
            GenServer.reply(from, {:error, reason})
            {:noreply, %{state | waiting: waiting}}
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  *check({ module }) {
    const calls = module.clauses('handle_call', 3)
    if (calls.length === 0 || isSingleLane(module) || isPooled(module) || isTestSupport(module)) return
    const others = callbacks(module).filter(({ name }) => !AT_THE_EDGES.has(name) && name !== 'handle_call')
    const inCalls = reach(calls)
    const inOthers = reach(others.flatMap((fun) => fun.clauses))
    const seen = new Set<number>()
    const severity = isAskedPatiently(module) ? 'info' : 'warning'
    yield* waits(inCalls, seen, (wait) => TASKS.has(wait) || OUTSIDE.has(wait), severity)
    yield* waits(inOthers, seen, (wait) => TASKS.has(wait), calls.every(isOffSwitch) ? 'info' : severity)
    const asking = inCalls.filter(({ from }) => ignoresState(from))
    const writing = new Set(asking.filter(({ clause }) => waitingIn(clause).some(isWrite)).map(({ from }) => from))
    const reading = asking.filter(({ from }) => !writing.has(from))
    yield* waits(reading, seen, (wait) => wait === 'database', 'info')
    yield* waits(inOthers, seen, (wait) => OUTSIDE.has(wait), 'info')
  },
})

function* waits(
  code: readonly Reached[],
  seen: Set<number>,
  isWanted: (wait: Wait) => boolean,
  severity: 'warning' | 'info',
): Iterable<Problem> {
  for (const { clause, hops, from } of code) {
    const answers = from.function.name === 'handle_call'
    for (const { expression, at, wait, name } of waitingIn(clause)) {
      if (!isWanted(wait) || seen.has(expression.start)) continue
      if (isMeant(clause) || isMeant(from) || (TASKS.has(wait) && isForMemory(clause))) continue
      seen.add(expression.start)
      const given = severity === 'warning' && isShort(expression, wait, clause) ? 'info' : severity
      const calls = clause.module.clauses('handle_call', 3)
      const whom = answers
        ? 'every other caller of the server waits in line'
        : `nobody answers \`${nameClause(calls[0]!)}\``
      yield {
        at,
        evidence: [at, from.head, ...hops.map(spotOf), ...(answers ? [] : calls.map((each) => each.head))],
        severity: given,
        ...(given === 'info' ? { set: 'strict' as const } : {}),
        message:
          `\`${nameClause(from)}\` of \`${clause.module.name}\` waits here for \`${name}\`. ` +
          `Until it returns, ${whom}: a call without a timeout of its own exits after five seconds.${answers ? '' : UNASKED}`,
      }
    }
  }
}

/** `handle_call(:error, ...)` that stops the server, and that no function here asks for: hardly anybody waits for its answer. */
function isOffSwitch(clause: Clause): boolean {
  const all = tails(clause.body)
  if (all.length === 0 || !all.every(({ expression: tail }) => isStop(tail))) return false
  const [message] = clause.params
  const shape = message === undefined ? null : messageShape(message)
  return shape !== null && clientCalls(clause.module, shape).length === 0
}

function isStop(tail: Expression | null): boolean {
  const tag = tail?.kind === 'tuple' ? tail.elements[0] : undefined
  return tag?.kind === 'atom' && tag.value === 'stop'
}

/** Outside of a call there is no `from` to keep. */
const UNASKED =
  ' Start the work with `Task.Supervisor.async_nolink`, and take its result and its `:DOWN` in `handle_info/2`.'

function isMeant(clause: Clause): boolean {
  return isOnPurpose(clause) || saysWhyItBlocks(clause)
}

/** `Task.yield(task, 100)`: whoever waits behind it hardly notices. */
function isShort(expression: Expression, wait: Wait, { module }: Clause): boolean {
  if (wait !== 'await' || expression.kind !== 'call') return false
  const [, given] = expression.args
  const limit = given?.kind === 'list' ? given.get('timeout') : given
  return limit !== undefined && (foldNumber(limit, module) ?? SHORT_MS) < SHORT_MS
}

function isWrite({ wait, name }: Waiting): boolean {
  return wait === 'database' && !READS.test(name)
}

/** A task that is awaited at once so that its garbage goes with it, as a comment beside it says. */
function isForMemory(clause: Clause): boolean {
  return remarks(clause).some((text) => /garbage|\bGC\b|heap|memory/i.test(text))
}
