import {
  type Clause,
  defineRule,
  type Edit,
  elixir,
  type Expression,
  givesStateAsTimeout,
  messageShape,
  type ModuleRole,
  type ProjectFacts,
  type Range,
  type Tail,
  tails,
} from '#engine'
import { callWhenInDoubt } from '../principles.ts'
import { nameClause } from '../wording.ts'

/** Kinds of modules whose callbacks have the same names and other results. */
const OTHERS: readonly ModuleRole[] = [
  'Plug',
  'LiveView',
  'LiveComponent',
  'Channel',
  'GenStage',
  'Supervisor',
  'DynamicSupervisor',
]

/** Allowed results: the tag, the sizes of the tuple, and how they are written. */
interface Shape {
  tag: string
  sizes: readonly number[]
  show: string
}

const REPLY: Shape = { tag: 'reply', sizes: [3, 4], show: '{:reply, reply, state}' }
const NOREPLY: Shape = { tag: 'noreply', sizes: [2, 3], show: '{:noreply, state}' }
const STOP: Shape = { tag: 'stop', sizes: [3], show: '{:stop, reason, state}' }
const LATER: readonly Shape[] = [NOREPLY, STOP]

const ALLOWED: Readonly<Record<string, readonly Shape[]>> = {
  'init/1': [
    { tag: 'ok', sizes: [2, 3], show: '{:ok, state}' },
    { tag: 'stop', sizes: [2], show: '{:stop, reason}' },
    { tag: 'error', sizes: [2], show: '{:error, reason}' },
  ],
  'handle_call/3': [REPLY, NOREPLY, { ...STOP, sizes: [3, 4] }],
  'handle_cast/2': LATER,
  'handle_info/2': LATER,
  'handle_continue/2': LATER,
}

/** Callbacks that a module shares with gen_event, which accepts other results, where it is an event handler too. */
const SHARED_WITH_EVENTS = new Set(['init/1', 'handle_info/2'])

/** What functions return that do their work on the side, and so often stand last by mistake. */
const RETURNS: ReadonlyMap<string, string> = new Map([
  ...['debug', 'info', 'notice', 'warning', 'warn', 'error', 'critical', 'alert', 'emergency', 'log'].map(
    (level): [string, string] => [`Logger.${level}`, ':ok'],
  ),
  ['Enum.each', ':ok'],
  ['GenServer.cast', ':ok'],
  ['GenServer.reply', ':ok'],
  ['IO.puts', ':ok'],
  ['Process.monitor', 'a reference'],
  ['Process.send_after', 'a reference'],
  [':ets.insert', 'true'],
])

export default defineRule({
  id: 'genserver-invalid-callback-return',
  title: 'A callback returns a shape OTP rejects',
  principles: [callWhenInDoubt],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    gen_server matches what a callback returns against a short list of tuples. Anything else ends the process with
    :bad_return_value the first time this path is taken, the state is lost, and callers that wait exit with it.
    In init/1 it means that the server does not start at all.
  `,
  instead:
    'Return one of the allowed tuples: `{:reply, value, state}` from calls, `{:noreply, state}` from the other callbacks, `{:stop, reason, state}` to end; `{:ok, state}` from `init/1`.',
  limits: 'Only results that are written out are judged; what a helper returns is not.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Basket do
          use GenServer

          def init(_opts), do: %{items: []} # finding

          def handle_cast({:add, item}, state) do
            {:reply, :ok, [item | state]} # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.Basket do
          use GenServer

          def init(_opts), do: {:ok, []}

          def handle_cast({:add, item}, state) do
            {:noreply, [item | state]}
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  *check({ module, project }) {
    if (OTHERS.some((role) => module.is(role))) return
    for (const [id, all] of Object.entries(ALLOWED)) {
      const shapes = all.filter((shape) => !isTooNew(shape, project))
      const [name, arity] = id.split('/') as [string, string]
      // A process that enters the loop by hand has an `init/1` of its own making.
      if (id === 'init/1' && module.behaviours.length + module.uses.length === 0) continue
      if (SHARED_WITH_EVENTS.has(id) && module.has('handle_event', 2)) continue
      for (const clause of module.clauses(name, Number(arity))) {
        if (clause.params.length !== Number(arity)) continue
        for (const tail of tails(clause.body)) {
          const isTimed = givesStateAsTimeout(tail.expression, clause)
          if (!isTimed && (tail.isUnknown ? sideEffect(tail) === null : isAllowed(tail, shapes, id))) continue
          yield {
            at: placeOf(tail, clause),
            message: isTimed ? stateAsTimeout(tail, clause) : message(tail, clause, shapes, project),
            edit: tail.expression === null ? null : asNoreply(tail.expression, id, clause),
          }
        }
      }
    }
  },
})

/** The nearest thing that is written where a value is only implied. */
function placeOf({ expression, impliedBy }: Tail, clause: Clause): Range {
  if (expression !== null) return expression.range
  if (impliedBy === null || impliedBy.start === impliedBy.end) return clause.head
  const { range } = impliedBy
  return range.startLine === range.endLine
    ? range
    : { ...range, endLine: range.startLine, endColumn: clause.file.lineEndColumn(range.startLine) }
}

/** OTP 26 added `{:error, reason}`; older ones are only known from the project's own files. */
function isTooNew({ tag }: Shape, { otp }: ProjectFacts): boolean {
  return tag === 'error' && otp !== null && otp < 26
}

function isAllowed({ expression }: Tail, shapes: readonly Shape[], id: string): boolean {
  if (expression === null) return false
  if (expression.kind === 'atom' && id === 'init/1') return expression.value === 'ignore'
  if (expression.kind !== 'tuple') return false
  const [first] = expression.elements
  // `{tag, state}` with a computed tag is not known.
  if (first?.kind !== 'atom')
    return first !== undefined && first.kind !== 'module' && first.kind !== 'number' && first.kind !== 'text'
  const size = expression.elements.length
  return shapes.some((shape) => shape.tag === first.value && shape.sizes.includes(size))
}

function message(tail: Tail, clause: Clause, shapes: readonly Shape[], { otp }: ProjectFacts): string {
  const allowed = shapes.map((shape) => `\`${shape.show}\``).join(', ')
  const isInit = clause.function.name === 'init'
  const isEarly = isInit && tail.expression !== null && messageShape(tail.expression)?.tag === 'error' && otp !== null
  const end = isEarly
    ? 'The start fails with `:bad_return_value` and a crash report'
    : isInit
      ? 'The server does not start'
      : 'The server stops with `:bad_return_value` and its state is gone'
  return (
    `\`${nameClause(clause)}\` of \`${clause.module.name}\` returns ${returned(tail)}, which OTP ${isEarly ? `${otp} ` : ''}does not accept. ` +
    `${end}. Accepted: ${allowed}${isInit ? ', `:ignore`' : ''}.`
  )
}

function stateAsTimeout(tail: Tail, clause: Clause): string {
  return (
    `\`${nameClause(clause)}\` of \`${clause.module.name}\` returns ${returned(tail)}. OTP takes the last element for a timeout ` +
    'and crashes on it, so the state is gone. Put the state last, or right before a timeout.'
  )
}

function returned(tail: Tail): string {
  const { expression, impliedBy } = tail
  const effect = sideEffect(tail)
  if (effect !== null) {
    const value = effect.value.startsWith('a ') ? effect.value : `\`${effect.value}\``
    return `what \`${effect.callee}\` returns (${value})`
  }
  if (expression !== null) return `\`${shorten(expression.text)}\``
  if (impliedBy?.kind !== 'if' || impliedBy.otherwise !== null) return '`nil`'
  return `\`nil\` where this \`${impliedBy.isUnless ? 'unless' : 'if'}\` has no \`else\``
}

/** The value of a call that only does something on the side. */
function sideEffect({ expression }: Tail): { callee: string; value: string } | null {
  const value = expression?.kind === 'call' ? RETURNS.get(expression.callee) : undefined
  return expression?.kind === 'call' && value !== undefined ? { callee: expression.callee, value } : null
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > 60 ? `${line.slice(0, 57)}...` : line
}

/** `{:reply, value, state}` where nobody waits for a reply. */
function asNoreply(tail: Expression, id: string, clause: Clause): Edit | null {
  if (tail.kind !== 'tuple' || tail.elements.length !== 3 || id === 'init/1' || id === 'handle_call/3') return null
  const [tag, , state] = tail.elements
  const { range } = tail
  if (tag?.kind !== 'atom' || tag.value !== 'reply' || range.startLine !== range.endLine) return null
  const line = clause.file.line(range.startLine)
  const text = `${line.slice(0, range.startColumn - 1)}{:noreply, ${state!.text}}${line.slice(range.endColumn - 1)}`
  return { startLine: range.startLine, endLine: range.startLine, text }
}
