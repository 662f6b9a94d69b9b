import {
  type Branch,
  type Call,
  type Clause,
  defineRule,
  type Edit,
  elixir,
  type Expression,
  type Problem,
  type Result,
  results,
  type Tail,
  tails,
  walk,
} from '#engine'
import { broadwayProcessors } from '../principles.ts'
import { quote, spotOf } from '../wording.ts'

export default defineRule({
  id: 'broadway-handle-message-return',
  title: 'Callback does not return the message',
  principles: [broadwayProcessors],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    Broadway acknowledges what handle_message/3 returns, so it must be the message. Any other value raises inside
    Broadway, and the message counts as failed although the work was done. Depending on the producer it is then dropped
    as a failure, or delivered again: the same work, once more.
  `,
  instead:
    'Return the message; mark a failure with `Broadway.Message.failed(message, reason)`. The batch callbacks return the list of messages.',
  limits:
    'Only values that are written out, or of calls that always give `:ok`, in the callback or in a local function it ends in, are judged.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.EventPipeline do
          use Broadway

          @impl Broadway
          def handle_message(_processor, message, _context) do
            Shop.Events.store(message.data)
            :ok # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.EventPipeline do
          use Broadway

          @impl Broadway
          def handle_message(_processor, message, _context) do
            Shop.Events.store(message.data)
            message
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['Broadway'],
  *check({ module }) {
    const seen = new Set<Expression>()
    for (const [name, callback] of Object.entries(CALLBACKS)) {
      for (const clause of module.clauses(name, callback.arity)) {
        for (const result of results(clause)) {
          const at = result.tail.expression ?? result.tail.impliedBy
          if (at === null || seen.has(at) || !isWrong(result.tail, callback.mayBe)) continue
          seen.add(at)
          yield wrong(result, at, clause, callback)
        }
      }
    }
    for (const clause of module.clauses('handle_message', 3)) yield* unfailed(clause)
  },
})

interface Callback {
  arity: number
  /** Kinds of written values that can be right. */
  mayBe: 'map' | 'list'
  expected: string
  consequence: string
  /** The same where the value says itself that the work failed. */
  afterError: string
  advice: string
}

const LIST_ADVICE = 'Return the messages, and mark those that failed with `Broadway.Message.failed/2`.'

const CALLBACKS: Readonly<Record<string, Callback>> = {
  handle_message: {
    arity: 3,
    mayBe: 'map',
    expected: 'the message',
    consequence: 'It raises, and the message counts as failed although it was handled.',
    afterError: 'It raises, and the message fails with that exception instead of this error.',
    advice: 'Return the message; mark a failure with `Broadway.Message.failed/2`.',
  },
  handle_batch: {
    arity: 4,
    mayBe: 'list',
    expected: 'the list of messages',
    consequence: 'It raises, and the whole batch counts as failed although it was handled.',
    afterError: 'It raises, and the whole batch fails with that exception instead of this error.',
    advice: LIST_ADVICE,
  },
  prepare_messages: {
    arity: 2,
    mayBe: 'list',
    expected: 'the list of messages',
    consequence: 'It raises, and all of them fail before they are handled.',
    afterError: 'It raises, and all of them fail with that exception instead of this error.',
    advice: LIST_ADVICE,
  },
  handle_failed: {
    arity: 2,
    mayBe: 'list',
    expected: 'the list of messages',
    consequence: 'It raises, and the failed messages are acknowledged as they were.',
    afterError: 'It raises, and the failed messages are acknowledged as they were.',
    advice: 'Return the list that came in, or the same messages with `Broadway.Message.configure_ack/2`.',
  },
}

const WRITTEN = new Set(['atom', 'tuple', 'list', 'map', 'number', 'text'])

function isWrong({ expression, impliedBy, isUnknown }: Tail, mayBe: Callback['mayBe']): boolean {
  if (expression?.kind === 'call') return isOk(expression)
  if (isUnknown) return false
  if (expression === null) return impliedBy !== null
  return expression.kind !== mayBe && WRITTEN.has(expression.kind)
}

function isError(expression: Expression | null): boolean {
  const tag = expression?.kind === 'tuple' ? expression.elements[0] : expression
  return tag?.kind === 'atom' && tag.value === 'error'
}

/** Calls that always give `:ok`. */
function isOk({ callee }: Call): boolean {
  return callee === 'Enum.each' || /^Logger\.(?:debug|info|notice|warning|warn|error|critical)$/.test(callee)
}

function wrong({ tail, hops }: Result, at: Expression, clause: Clause, callback: Callback): Problem {
  const consequence = isError(tail.expression) ? callback.afterError : callback.consequence
  const text = tail.expression === null ? 'nil' : quote(tail.expression)
  const shown =
    tail.expression?.kind === 'call' ? `\`:ok\`, the value of \`${tail.expression.callee}\`,` : `\`${text}\``
  return {
    at: spotOf(at),
    evidence: [spotOf(at), clause.head, ...hops.map((hop) => hop.range)],
    message:
      `\`${clause.function.id}\` of \`${clause.module.name}\` returns ${shown} where Broadway expects ` +
      `${callback.expected}. ${consequence} ${callback.advice}`,
    edit: callback.mayBe === 'map' && hops.length === 0 ? messageFor(tail, clause) : null,
  }
}

/** `:ok` alone on its line becomes the message parameter. */
function messageFor({ expression }: Tail, clause: Clause): Edit | null {
  const message = clause.params[1]
  if (
    expression?.kind !== 'atom' ||
    expression.value !== 'ok' ||
    message?.kind !== 'variable' ||
    message.name.startsWith('_')
  )
    return null
  const { startLine, startColumn, endColumn } = expression.range
  const line = clause.file.line(startLine)
  const isAlone = line.slice(0, startColumn - 1).trim() === '' && /^\s*(#.*)?$/.test(line.slice(endColumn - 1))
  if (!isAlone) return null
  return {
    startLine,
    endLine: startLine,
    text: line.slice(0, startColumn - 1) + message.name + line.slice(endColumn - 1),
  }
}

/** A `rescue` that logs and returns the message as it came: the error would have failed it. */
function* unfailed(clause: Clause): Iterable<Problem> {
  const message = clause.params[1] === undefined ? [] : namesOf(clause.params[1])
  for (const { expression: tail } of tails(clause.body)) {
    if (tail?.kind !== 'variable' || !message.includes(tail.name)) continue
    const branch = branchOf(tail)
    if (branch?.parent?.kind !== 'try' || !branch.parent.rescues.includes(branch) || !onlyLogs(branch)) continue
    yield {
      at: tail.range,
      evidence: [tail.range, branch.range],
      severity: 'info',
      message:
        `This \`rescue\` in \`${clause.module.name}\` returns \`${tail.name}\` unfailed, so it is acknowledged as if it had been ` +
        'handled. Without the `rescue` Broadway logs the error and marks the message as failed.',
    }
  }
}

/** The names that a parameter gives to its whole value. */
function namesOf(param: Expression): string[] {
  if (param.kind === 'match') return [...namesOf(param.pattern), ...namesOf(param.value)]
  return param.kind === 'variable' ? [param.name] : []
}

/** The branch whose value an expression is. */
function branchOf({ parent }: Expression): Branch | null {
  const holder = parent?.kind === 'block' ? parent.parent : parent
  return holder?.kind === 'branch' ? holder : null
}

/** An error that is stored or sent somewhere is taken care of; a log line takes care of nothing. */
function onlyLogs(branch: Branch): boolean {
  const calls = [...walk(branch.body)].filter((each) => each.kind === 'call')
  return (
    calls.some(({ module }) => module === 'Logger') &&
    calls.every(({ module }) => module !== null && /^(Logger|Kernel|Exception|Sentry)$/.test(module))
  )
}
