import {
  callbacks,
  type Call,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  foldNumber,
  type Module,
  reach,
  tails,
  waitingIn,
  walk,
} from '#engine'
import { isGate, isPooled, isSingleLane, isTestSupport } from '../callers.ts'
import { isOnPurpose } from '../intent.ts'
import { fastCallbacks } from '../principles.ts'
import { ENDS, isOnTheWayOut } from '../way-out.ts'
import { nameClause, spotOf } from '../wording.ts'

/** `init/1` has a rule of its own, after `terminate/2` nobody waits any more, and the others run while a release is changed. */
const AT_THE_EDGES = new Set(['init', 'terminate', 'code_change', 'format_status'])

/** Processes of one visitor each. Nobody else waits for them, so a short pause is a matter of taste. */
const VISITED = ['LiveView', 'LiveComponent', 'Channel'] as const
const NOTICED_MS = 1_000
const SLOWS_DOWN = /throttl|rate_?limit|slow_?down/

/** Displays and sensors need a moment between two commands, for which no message is worth the trouble. */
const HARDWARE_MS = 10

/** A moment between two attempts is over before anybody notices; many of them add up. */
const SHORT_MS = 50

/** So much longer it may be where a comment on the line above says what it is for. */
const BRIEF_MS = 300
const UNEASY = /\b(?:TODO|FIXME|HACK|XXX|temporary|workaround|hacky|bad|wrong|blocks?|blocking|should)\b/i

/** Five seconds is what a supervisor waits for a child by itself before it kills it. */
const SHUTDOWN_MS = 5_000

export default defineRule({
  id: 'genserver-sleep-in-callback',
  title: 'A callback sleeps',
  principles: [fastCallbacks],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    A process that sleeps inside a callback reads no messages. Calls to it wait and then exit with a timeout, casts and
    timers pile up in its mailbox, and a supervisor that wants to stop it waits, then kills it. A timer costs nothing
    while it runs: Process.send_after sends the message later, and the process stays free until then.
  `,
  instead:
    'Send yourself a message with `Process.send_after(self(), message, ms)`, return, and go on in `handle_info/2`.',
  ignoreWhen: 'When the process exists to be slow and nothing ever calls it or has to stop it in time.',
  limits:
    'Sleeping inside functions of other modules is not seen. Pauses of less than ten milliseconds, as hardware needs them, and those of less than five seconds right before the server stops or raises, are not reported; those of less than fifty milliseconds (300 where a comment on the line above says what they are for) are reported by the strict profile only, and so is sleeping for less than five seconds in a worker that takes no messages and stops when it is done, and in a server that takes nothing but calls that wait without end.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Courier do
          use GenServer

          def init(opts), do: {:ok, opts}

          def handle_cast({:ship, parcel}, state) do
            with {:error, :busy} <- Shop.Carrier.book(parcel) do
              Process.sleep(5_000) # finding
              Shop.Carrier.book(parcel)
            end

            {:noreply, state}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Courier do
          use GenServer

          def init(opts), do: {:ok, opts}

          def handle_cast({:ship, parcel}, state) do
            book(parcel)
            {:noreply, state}
          end

          def handle_info({:retry, parcel}, state) do
            book(parcel)
            {:noreply, state}
          end

          defp book(parcel) do
            with {:error, :busy} <- Shop.Carrier.book(parcel) do
              Process.send_after(self(), {:retry, parcel}, 5_000)
            end
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer', 'GenStage', 'GenStateMachine', 'gen_statem', ...VISITED],
  words: ['sleep', 'receive'],
  *check({ module }) {
    if (isSingleLane(module) || isPooled(module) || isTestSupport(module)) return
    const [gate, oneErrand] = [isGate(module), isOneErrand(module)]
    const running = callbacks(module).filter(({ name }) => !AT_THE_EDGES.has(name))
    const seen = new Set<number>()
    for (const { clause, hops, from } of reach(running.flatMap((fun) => fun.clauses))) {
      for (const { expression, at, wait } of waitingIn(clause)) {
        if (wait !== 'sleep' || seen.has(expression.start)) continue
        if (isOnPurpose(clause) || isOnPurpose(from) || isLastPause(expression)) continue
        seen.add(expression.start)
        const time = expression.kind === 'call' ? howLong(expression, module) : null
        if (time !== null && time < HARDWARE_MS) continue
        const isVisited = VISITED.some((role) => module.is(role))
        if (isVisited && ((time ?? 0) < NOTICED_MS || SLOWS_DOWN.test(clause.function.name))) continue
        if ((time ?? 0) < SHUTDOWN_MS && [expression, ...hops].some(isOnTheWayOut)) continue
        const isMild =
          gate ||
          isBelow(SHORT_MS, time) ||
          (oneErrand && isBelow(SHUTDOWN_MS, time)) ||
          (isBelow(BRIEF_MS, time) && isExplained(expression, clause))
        yield {
          at,
          evidence: [at, from.head, ...hops.map(spotOf)],
          ...(isMild ? { set: 'strict' as const, severity: 'info' as const } : {}),
          message:
            `\`${nameClause(from)}\` of \`${module.name}\` sleeps here${show(time)}. Until it wakes up the process reads no ` +
            `message: ${isVisited ? 'the page does not react' : 'whoever calls it or stops it waits as long'}.`,
        }
      }
    }
  },
})

function isBelow(limit: number, time: number | null): boolean {
  return time !== null && time < limit
}

/** A comment on the line above that does not itself wish the pause away. */
function isExplained({ range }: Expression, { file }: Clause): boolean {
  const above = file.comments.filter(({ line }) => line < range.startLine && line >= range.startLine - 3)
  if (!above.some(({ line }) => line === range.startLine - 1)) return false
  return !above.some(({ text }) => UNEASY.test(text) || text.includes('otp-review:ignore'))
}

/** A worker that takes no messages: it does one thing after its start, and stops. */
function isOneErrand(module: Module): boolean {
  if (module.has('handle_call', 3) || module.has('handle_cast', 2) || module.has('handle_info', 2)) return false
  return module
    .clauses('handle_continue', 2)
    .some(({ body }) => tails(body).some(({ expression: tail }) => isStopNormal(tail)))
}

function isStopNormal(tail: Expression | null): boolean {
  const [tag, reason] = tail?.kind === 'tuple' ? tail.elements : []
  return tag?.kind === 'atom' && tag.value === 'stop' && reason?.kind === 'atom' && reason.value === 'normal'
}

/** A pause so that the last words get out, before the node or the process ends. */
function isLastPause(sleep: Expression): boolean {
  const { parent } = sleep
  if (parent?.kind !== 'block') return false
  return parent.statements.some(
    (each) =>
      each.start > sleep.start &&
      (isEnd(each) || (each.kind === 'if' && walk(each).some((inner) => inner.parent !== null && isEnd(inner)))),
  )
}

function isEnd(each: Expression): boolean {
  return each.kind === 'call' && (ENDS.has(each.callee) || sleepsForEver(each))
}

function sleepsForEver({ callee, args: [time] }: Call): boolean {
  return callee === 'Process.sleep' && time?.kind === 'atom' && time.value === 'infinity'
}

function howLong({ args: [time] }: Call, module: Module): number | null {
  return time === undefined ? null : foldNumber(time, module)
}

function show(milliseconds: number | null): string {
  if (milliseconds === null) return ''
  return milliseconds % 1000 === 0 ? ` for ${milliseconds / 1000} s` : ` for ${milliseconds} ms`
}
