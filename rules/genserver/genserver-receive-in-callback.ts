import {
  type Branch,
  callbacks,
  canMatch,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  foldNumber,
  isSelf,
  messageShape,
  reach,
  type Reached,
  type Receive,
  resolve,
  sentMessage,
  waitingIn,
} from '#engine'
import { isPooled, isTestSupport } from '../callers.ts'
import { isOnPurpose, saysWhyItBlocks } from '../intent.ts'
import { everyMessageNeedsAClause } from '../principles.ts'
import { isOnTheWayOut } from '../way-out.ts'
import { nameClause, spotOf } from '../wording.ts'

/** What waits for its start or its end keeps nobody else waiting that could know of it; `init/1` has a rule of its own. */
const BEFORE_AND_AFTER = new Set(['init', 'handle_continue', 'terminate'])

const NOTICED_MS = 1_000

/** How long a call waits by itself. */
const CALL_MS = 5_000

export default defineRule({
  id: 'genserver-receive-in-callback',
  title: '`receive` inside a callback',
  principles: [everyMessageNeedsAClause],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    The mailbox of a server belongs to its loop, which hands every message to a callback. A receive inside a callback
    stops that loop: nothing else is read until the one message comes, and without an after clause that may be never.
    It also searches the whole mailbox for its patterns, past everything that has queued up meanwhile.
  `,
  instead:
    'Keep what the answer is for in the state (for a call: `from`), return `{:noreply, state}`, and go on in the `handle_info/2` clause that takes the message; bound the wait with `Process.send_after`.',
  ignoreWhen: 'When the message is certain to be in the mailbox already; write `after 0` to say so.',
  limits:
    'A `receive` in `handle_continue/2`, in functions of other modules, or one that also takes the `:DOWN` or `:EXIT` of the process it waits for, is not reported, nor one with an `after` right before the server stops. Others with an `after`, or ended by a timer that was set on the way there, are reported by the strict profile only, unless the `after` is a second or longer in `handle_call/3`, or longer than the five seconds of a call elsewhere.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Scale do
          use GenServer

          def init(port), do: {:ok, port}

          def handle_call(:weigh, _from, port) do
            send(port, {self(), {:command, "W"}})

            receive do # finding
              {^port, {:data, grams}} -> {:reply, grams, port}
            end
          end
        end
      `,
      good: elixir`
        defmodule Shop.Scale do
          use GenServer

          def init(port), do: {:ok, %{port: port, waiting: []}}

          def handle_call(:weigh, from, state) do
            send(state.port, {self(), {:command, "W"}})
            {:noreply, %{state | waiting: [from | state.waiting]}}
          end

          def handle_info({port, {:data, grams}}, %{port: port} = state) do
            Enum.each(state.waiting, &GenServer.reply(&1, grams))
            {:noreply, %{state | waiting: []}}
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['receive'],
  *check({ module }) {
    if (!module.isProcess || isTestSupport(module)) return
    const clausesOf = (isWanted: (name: string) => boolean): Clause[] =>
      callbacks(module).flatMap((fun) => (isWanted(fun.name) ? fun.clauses : []))
    const running = reach(clausesOf((name) => !BEFORE_AND_AFTER.has(name)))
    const ending = reach(clausesOf((name) => name === 'terminate'))
    const seen = new Set<number>()
    for (const { clause, hops, from } of [...running, ...ending]) {
      for (const { expression, at, wait } of waitingIn(clause)) {
        if (wait !== 'receive' || expression.kind !== 'receive' || seen.has(expression.start)) continue
        seen.add(expression.start)
        const onTheWay = running.filter((each) => each.clause === clause || hops.some((hop) => isIn(hop, each.clause)))
        const bound = endsByTimer(expression, onTheWay) ? null : boundOf(expression, clause)
        const isBounded = bound !== Number.POSITIVE_INFINITY
        const isEnding = from.function.name === 'terminate' || [expression, ...hops].some(isOnTheWayOut)
        if ((isEnding && isBounded) || expression.branches.some(seesTheEnd)) continue
        if (isOnPurpose(clause) || isOnPurpose(from) || (isBounded && (isPooled(module) || saysWhyItBlocks(clause))))
          continue
        yield {
          at,
          evidence: [at, from.head, ...hops.map(spotOf)],
          ...(isLong(bound, from) ? {} : { set: 'strict' as const, severity: 'info' as const }),
          message:
            `\`${nameClause(from)}\` of \`${module.name}\` stops the server's own loop with this \`receive\`: ` +
            `no other message is handled until it returns${isBounded ? '' : ', and without an `after` that may be never'}.`,
        }
      }
    }
  },
})

/** Milliseconds until the `after` clause, as far as they can be read; null where they are computed. */
function boundOf({ after }: Receive, clause: Clause): number | null {
  const [given] = after?.patterns ?? []
  if (given === undefined) return Number.POSITIVE_INFINITY
  const limit = resolve(given, clause.module, clause)
  if (limit.kind === 'atom' && limit.value === 'infinity') return Number.POSITIVE_INFINITY
  return foldNumber(limit, clause.module)
}

function isIn({ start, end }: Expression, clause: Clause): boolean {
  return clause.start <= start && end <= clause.end
}

const TIMERS = new Set(['Process.send_after', ':erlang.send_after', ':timer.send_after'])

/** `Process.send_after(self(), :enough, time)` on the way there, and a branch for `:enough`: an `after` made by hand. */
function endsByTimer({ branches }: Receive, onTheWay: readonly Reached[]): boolean {
  return onTheWay.some(({ clause }) =>
    clause.calls.some((call) => {
      const sent = TIMERS.has(call.callee) ? sentMessage(call) : null
      const shape = sent === null ? null : messageShape(sent.message)
      if (sent === null || shape === null || !(sent.to === null || isSelf(sent.to, clause))) return false
      return branches.some(({ patterns: [pattern] }) => pattern !== undefined && canMatch(pattern, shape))
    }),
  )
}

/** Whether a wait is noticed: by the caller and those behind it after a second, by others once it is longer than any call. */
function isLong(bound: number | null, { function: fun }: Clause): boolean {
  return bound !== null && (fun.name === 'handle_call' ? bound >= NOTICED_MS : bound > CALL_MS)
}

/**
 * `{:DOWN, ...}` or `{:EXIT, ...}`: the other process is watched. That is a call made by hand, or the wait for the end of
 * a process that was told to stop; one of its messages always comes. So does a port's `{port, :closed}`.
 */
function seesTheEnd({ patterns: [pattern] }: Branch): boolean {
  const shape = pattern === undefined ? null : messageShape(pattern)
  return shape?.tag === 'DOWN' || shape?.tag === 'EXIT' || (pattern !== undefined && isPortControl(pattern))
}

/** What the runtime itself answers to `{self(), :close}` and `{self(), {:connect, pid}}`, at once. */
function isPortControl(pattern: Expression): boolean {
  if (pattern.kind !== 'tuple' || pattern.elements.length !== 2) return false
  const [, answer] = pattern.elements
  return answer?.kind === 'atom' && (answer.value === 'closed' || answer.value === 'connected')
}
