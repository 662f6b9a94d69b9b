import {
  type Call,
  callsHere,
  canMatch,
  type Clause,
  defineRule,
  type Edit,
  elixir,
  endsItsProcess,
  type Expression,
  givesStateAsTimeout,
  isSelf,
  messageShape,
  type Module,
  sentMessage,
  tails,
  walk,
} from '#engine'
import { callWhenInDoubt } from '../principles.ts'
import { nameClause, wholeHeadOf } from '../wording.ts'

const HALTS = new Set(['System.halt', 'System.stop', ':init.stop', ':erlang.halt'])

export default defineRule({
  id: 'genserver-reply-never-sent',
  title: '`handle_call` neither replies nor keeps `from`',
  principles: [callWhenInDoubt],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    GenServer.call waits until somebody answers the tag that arrives as the second argument of handle_call. Returning
    :noreply says that the answer comes later, through GenServer.reply. When the tag is thrown away nobody can ever
    answer, so each caller waits for its whole timeout and then exits.
  `,
  instead:
    'Return `{:reply, value, state}`; or keep `from` and call `GenServer.reply/2` later; or make it a cast when nobody needs the answer.',
  ignoreWhen: 'When callers are meant to hang, as in a stand-in for tests of timeouts.',
  limits: 'Any use of the second argument counts as keeping it. A `:noreply` that a helper returns is not followed.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Basket do
          use GenServer

          def init(_), do: {:ok, %{}}

          def handle_call({:put, item, count}, _from, state) do
            {:noreply, Map.put(state, item, count)} # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.Basket do
          use GenServer

          def init(_), do: {:ok, %{}}

          def handle_call({:put, item, count}, _from, state) do
            {:reply, :ok, Map.put(state, item, count)}
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  words: ['handle_call'],
  *check({ module }) {
    for (const clause of module.clauses('handle_call', 3)) {
      if (clause.hasError || keepsFrom(clause) || endsTheProcess(clause)) continue
      const all = tails(clause.body)
      for (const { expression: tail } of all) {
        if (tail?.kind !== 'tuple' || !isNoreply(tail) || continuesToStop(tail, module)) continue
        // That ends the process, which is what to say of it.
        if (givesStateAsTimeout(tail, clause)) continue
        yield {
          at: tail.range,
          evidence: [tail.range, wholeHeadOf(clause)],
          message:
            `\`${nameClause(clause)}\` of \`${module.name}\` returns \`:noreply\` and drops the caller's tag, so nobody can ` +
            'answer: each caller waits for its whole timeout and then exits.',
          edit: all.length === 1 && !isCatchAll(clause) ? replyOk(tail, clause) : null,
        }
      }
    }
  },
})

/** Whether the second parameter stands anywhere else in the clause. A pattern takes the tag apart: that is a use. */
function keepsFrom(clause: Clause): boolean {
  const [, from] = clause.params
  if (from?.kind !== 'variable') return true
  if (from.name === '_') return false
  const inHead = [...clause.params, ...(clause.guard === null ? [] : [clause.guard])].flatMap((part) => [...walk(part)])
  return [...inHead, ...clause.expressions].some(
    (each) => each !== from && each.kind === 'variable' && each.name === from.name,
  )
}

/** `:ok` would tell whoever asks for what nobody knows that it was done. */
function isCatchAll({ params: [message] }: Clause): boolean {
  return message?.kind === 'variable'
}

function isNoreply(tuple: Expression & { kind: 'tuple' }): boolean {
  const [tag] = tuple.elements
  return tag?.kind === 'atom' && tag.value === 'noreply' && (tuple.elements.length === 2 || tuple.elements.length === 3)
}

/** A caller of a process that ends is told so at once. */
function endsTheProcess(clause: Clause): boolean {
  return callsHere(clause).some(
    (call) =>
      HALTS.has(call.callee) ||
      (call.callee === 'Process.exit' && isSelf(call.args[0], clause)) ||
      postsItsEnd(call, clause),
  )
}

/** `send(self(), :stop)` where each clause that takes the message ends the process. */
function postsItsEnd(call: Call, clause: Clause): boolean {
  const sent = sentMessage(call)
  const shape = sent === null || sent.as === 'handle_call' ? null : messageShape(sent.message)
  if (sent === null || shape === null || (sent.to !== null && !isSelf(sent.to, clause))) return false
  const takers = clause.module
    .clauses(sent.as, 2)
    .filter(({ params: [message] }) => message && canMatch(message, shape))
  return takers.length > 0 && takers.every(endsItsProcess)
}

/** `{:noreply, state, {:continue, :stop}}` where that clause of `handle_continue/2` can only stop. */
function continuesToStop(tuple: Expression & { kind: 'tuple' }, module: Module): boolean {
  const next = tuple.elements[2]
  const shape = next?.kind === 'tuple' && next.elements[1] !== undefined ? messageShape(next.elements[1]) : null
  if (shape === null) return false
  const taken = module.clauses('handle_continue', 2).filter(({ params: [param] }) => param && canMatch(param, shape))
  return (
    taken.length > 0 &&
    taken.every((clause) =>
      tails(clause.body).every(({ expression: tail }) => {
        const tag = tail?.kind === 'tuple' ? tail.elements[0] : undefined
        return tag?.kind === 'atom' && tag.value === 'stop'
      }),
    )
  )
}

function replyOk(tail: Expression & { kind: 'tuple' }, clause: Clause): Edit | null {
  const { range } = tail
  if (range.startLine !== range.endLine) return null
  const [tag] = tail.elements
  const line = clause.file.line(range.startLine)
  const column = tag!.range.startColumn - 1
  const text = `${line.slice(0, column)}:reply, :ok${line.slice(column + ':noreply'.length)}`
  return { startLine: range.startLine, endLine: range.startLine, text }
}
