import {
  ancestors,
  type Call,
  callsHere,
  canMatch,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  isFromRuntime,
  isSelf,
  messageShape,
  type MessageShape,
  type Module,
  nameOf,
  namesOwnProcess,
  reach,
  resolve,
  sameShape,
  sentMessage,
  showShape,
  tails,
} from '#engine'
import { isTestSupport } from '../callers.ts'
import { fastInit } from '../principles.ts'
import { quote } from '../wording.ts'

export default defineRule({
  id: 'genserver-init-self-message',
  title: '`init/1` posts itself a message instead of continuing',
  principles: [fastInit],
  set: 'recommended',
  precision: 'P2',
  severity: 'info',
  since: '0.1.0',

  why: `
    A message that init/1 sends to itself waits its turn in the mailbox. A named server can be sent messages before
    init/1 gets that far, so a call may be handled first and see a state that is not ready. A continue runs before any
    message, with no gap in between.
  `,
  instead: 'Return `{:ok, state, {:continue, message}}` and rename the clause that takes it to `handle_continue/2`.',
  ignoreWhen: 'When other processes send the same message too, or other messages are meant to come first.',
  limits:
    'Only messages that nothing else in the file sends are reported, so the first tick of a loop is not; nor is what the runtime sends too, such as `:timeout` or `{:nodeup, node}`.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Catalogue do
          use GenServer

          def init(path) do
            send(self(), :load) # finding
            {:ok, %{path: path, items: []}}
          end

          def handle_info(:load, state), do: {:noreply, %{state | items: File.read!(state.path)}}
        end
      `,
      good: elixir`
        defmodule Shop.Catalogue do
          use GenServer

          def init(path), do: {:ok, %{path: path, items: []}, {:continue, :load}}

          def handle_continue(:load, state), do: {:noreply, %{state | items: File.read!(state.path)}}
        end
      `,
    },
  ],

  on: 'clause',
  roles: ['GenServer'],
  words: ['send', 'send_after', 'cast'],
  *check({ clause, module }) {
    if (clause.function.id !== 'init/1' || !module.isTransparent || alreadyContinues(module)) return
    if (isTestSupport(module)) return
    const own = callsHere(clause).flatMap((call) => {
      const sent = sentToItself(call, clause)
      return sent === null ? [] : [{ call, ...sent }]
    })
    // Of several messages only one could be the continue.
    const [only, ...others] = own
    if (only === undefined || others.length > 0) return
    const { call, message, shape, callback } = only
    // Once for each of many: they cannot all be the continue.
    if ([...ancestors(call)].some(({ kind }) => kind === 'fn' || kind === 'capture' || kind === 'for')) return
    const takers = module.clauses(callback, 2).filter(({ params: [taken] }) => taken && canMatch(taken, shape))
    if (takers.length === 0 || isFromRuntime(shape) || standsElsewhere(shape, message, module)) return
    if (takers.some(sendsUnknown) || isSentNearby(shape, module)) return
    // `{:config, value}` may be what it subscribes to, which it gives itself the first of.
    if (shape.kind === 'tuple' && clause.calls.some(({ name }) => name === 'subscribe')) return
    const continued = shape.kind === 'atom' ? showShape(shape) : quote(message)

    yield {
      at: call.at,
      evidence: [call.at],
      message:
        `\`init/1\` of \`${module.name}\` posts itself \`${showShape(shape)}\`, which nothing else here sends: it waits its turn in the ` +
        `mailbox, while \`{:ok, state, {:continue, ${continued}}}\` runs before any message.`,
    }
  },
})

/** A message from `init/1` to the server itself that is not delayed. */
function sentToItself(call: Call, clause: Clause) {
  const sent = sentMessage(call)
  if (sent === null || sent.as === 'handle_call') return null
  if (/send_(?:after|interval)/.test(call.name) && !call.args.some((arg) => isZero(arg, clause))) return null
  if (
    call.name === 'send_interval' ||
    !(sent.to === null || isSelf(sent.to, clause) || namesOwnProcess(sent.to, clause))
  )
    return null
  const shape = messageShape(sent.message)
  return shape === null ? null : { message: sent.message, shape, callback: sent.as }
}

function isZero(expression: Expression, clause: Clause): boolean {
  const term = resolve(expression, clause.module, clause)
  return term.kind === 'number' && term.value === 0
}

/** An `init/1` that returns a third element continues, or counts on a timeout, already. */
function alreadyContinues(module: Module): boolean {
  return module
    .clauses('init', 1)
    .flatMap((clause) => tails(clause.body))
    .some(({ expression: tail }) => tail?.kind === 'tuple' && tail.elements.length > 2)
}

/** Whether the message is written anywhere else in the module but where it is taken: then it may be sent again. */
function standsElsewhere(shape: MessageShape, message: Expression, module: Module): boolean {
  return module.functions.some((fun) =>
    fun.clauses.some((clause) =>
      clause.expressions.some((each) => {
        if (each === message || (each.kind !== 'atom' && each.kind !== 'tuple' && each.kind !== 'module')) return false
        const other = messageShape(each)
        return other !== null && each.parent !== message && sameShape(shape, other)
      }),
    ),
  )
}

/** Whether another module of the file sends it to this one, or to a process that could be of this one. */
function isSentNearby(shape: MessageShape, { file, name }: Module): boolean {
  const isSent = (call: Call, clause: Clause): boolean => {
    const sent = sentMessage(call)
    if (sent === null || sent.to === null || isSelf(sent.to, clause)) return false
    const other = messageShape(sent.message)
    if (other === null || !sameShape(shape, other)) return false
    const to = nameOf(sent.to, clause.module, clause)
    return to === null || to === name
  }
  return file.modules.some(
    (other) =>
      other.name !== name &&
      other.functions.some((fun) => fun.clauses.some((clause) => clause.calls.some((call) => isSent(call, clause)))),
  )
}

/** `handle_info(msg, state)` that sends `msg` again. */
function sendsUnknown(taker: Clause): boolean {
  return reach([taker]).some(({ clause }) =>
    clause.calls.some((call) => {
      const sent = sentMessage(call)
      return sent !== null && sent.as !== 'handle_call' && messageShape(sent.message) === null
    }),
  )
}
