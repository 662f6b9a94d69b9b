// Messages between processes: which call sends what to whom, and what takes it. It knows no supervision tree.
import type { Call, Expression, Tuple } from './expression.ts'
import type { Clause, Module } from './module.ts'
import { canMatch, type MessageShape } from './patterns.ts'
import { isOwnName, startCalls } from './servers.ts'
import { nameOf, resolve } from './values.ts'

/** How a message arrives, told by the callback that takes it. */
export type Arrival = 'handle_call' | 'handle_cast' | 'handle_info'

export interface SentMessage {
  as: Arrival
  /** The receiver as written; null where it is the calling process itself, as in `:timer.send_interval(1000, :tick)`. */
  to: Expression | null
  message: Expression
}

/** Positions of receiver and message among the arguments. */
interface Sender {
  as: Arrival
  to: number
  message: number
}

const info = (to: number, message: number): Sender => ({ as: 'handle_info', to, message })

const SENDERS: Readonly<Record<string, Sender>> = {
  'GenServer.call': { as: 'handle_call', to: 0, message: 1 },
  ':gen_server.call': { as: 'handle_call', to: 0, message: 1 },
  'GenServer.cast': { as: 'handle_cast', to: 0, message: 1 },
  ':gen_server.cast': { as: 'handle_cast', to: 0, message: 1 },
  'Kernel.send': info(0, 1),
  ':erlang.send': info(0, 1),
  'Process.send': info(0, 1),
  'Process.send_after': info(0, 1),
  ':erlang.send_after': info(1, 2),
  ':timer.send_after': info(1, 2),
  ':timer.send_interval': info(1, 2),
}

/** What a call sends to a process; null for calls that send nothing known. */
export function sentMessage(call: Call): SentMessage | null {
  const sender = Object.hasOwn(SENDERS, call.callee) ? SENDERS[call.callee]! : null
  if (sender === null) return null
  // Without a receiver the timer server sends to whoever asked.
  if (call.module === ':timer' && call.arity === 2) return { ...unwrapped(sender.as, call.args[1]!), to: null }
  const to = call.args[sender.to]
  const message = call.args[sender.message]
  return to === undefined || message === undefined ? null : { ...unwrapped(sender.as, message), to }
}

/** `{:"$gen_cast", message}` is a cast, however it is sent: the way to one that arrives later. */
function unwrapped(as: Arrival, message: Expression): Pick<SentMessage, 'as' | 'message'> {
  const [tag, second, third] = as === 'handle_info' && message.kind === 'tuple' ? message.elements : []
  if (tag?.kind !== 'atom') return { as, message }
  if (tag.value === '$gen_cast' && second !== undefined) return { as: 'handle_cast', message: second }
  return tag.value === '$gen_call' && third !== undefined ? { as: 'handle_call', message: third } : { as, message }
}

/** Where `{:continue, term}` stands in what a callback returns, by the tag of the tuple. */
const CONTINUE_POSITIONS: Readonly<Record<string, number>> = { ok: 2, noreply: 2, reply: 3 }

/** The `{:continue, term}` in what a callback returns; null where it does not continue. */
export function continuationOf(result: Expression | null): Tuple | null {
  const tag = result?.kind === 'tuple' ? result.elements[0] : undefined
  if (result?.kind !== 'tuple' || tag?.kind !== 'atom') return null
  const next = result.elements[CONTINUE_POSITIONS[tag.value] ?? result.elements.length]
  const word = next?.kind === 'tuple' && next.elements.length === 2 ? next.elements[0] : undefined
  return next?.kind === 'tuple' && word?.kind === 'atom' && word.value === 'continue' ? next : null
}

/** Tags of messages that the runtime and its libraries send to any process that asks for it, or is to hear of it. */
const RUNTIME_TAGS = new Set([
  'DOWN',
  'EXIT',
  'gen_event_EXIT',
  'io_request',
  'nodedown',
  'nodeup',
  'ssl',
  'ssl_closed',
  'ssl_error',
  'tcp',
  'tcp_closed',
  'tcp_error',
  'timeout',
  'udp',
  'udp_error',
])

/** Whether the runtime sends messages of that name too: who takes them does not know the sender. */
export function isFromRuntime({ tag }: MessageShape): boolean {
  return RUNTIME_TAGS.has(tag)
}

/** Whether a `receive` of the clause can take a message of that shape. */
export function takesByReceive(clause: Clause, shape: MessageShape): boolean {
  return clause.expressions.some(
    (each) =>
      each.kind === 'receive' &&
      each.branches.some(({ patterns: [pattern] }) => pattern !== undefined && canMatch(pattern, shape)),
  )
}

/**
 * Whether an expression of a clause names a process of this very module: the module's name, a name it registers under,
 * the name function that its `start_link` uses (`via(id)`, whichever the id), or a parameter that is one by default.
 */
export function namesOwnProcess(target: Expression, clause: Clause): boolean {
  const { module } = clause
  if (namesAnotherStart(module)) return false
  const written = resolve(target, module, clause)
  if (written.kind === 'module' && written.name === module.name) return true
  if (isOwnName(target, clause)) return true
  if (written.kind === 'call' && written.isLocal) return nameFunctions(module).has(`${written.name}/${written.arity}`)
  if (target.kind !== 'variable') return false
  const position = clause.params.findIndex((param) => param.kind === 'variable' && param.name === target.name)
  const fallback = position < 0 ? null : (clause.function.defaults[position] ?? null)
  return fallback !== null && fallback.kind !== 'variable' && namesOwnProcess(fallback, clause)
}

/** Local functions that compute the `name:` under which the module starts itself. */
function nameFunctions(module: Module): Set<string> {
  const names = new Set<string>()
  for (const { call, clause } of startCalls(module)) {
    const options = call.args.at(-1)
    const list = options === undefined ? undefined : resolve(options, module, clause)
    const given = list?.kind === 'list' ? list.get('name') : undefined
    const name = given === undefined ? undefined : resolve(given, module, clause)
    if (name?.kind === 'call' && name.isLocal) names.add(`${name.name}/${name.arity}`)
  }
  return names
}

/** `GenServer.start_link(Other, arg, name: __MODULE__)`: under the module's name runs another one's code. */
function namesAnotherStart(module: Module): boolean {
  return startCalls(module).some(({ call, clause }) => {
    const [given, , options] = call.args
    if (call.module !== 'GenServer' || given === undefined || options?.kind !== 'list') return false
    const started = resolve(given, module, clause)
    const name = options.get('name')
    const isOther = started.kind === 'module' && started.name !== module.name
    return isOther && name !== undefined && nameOf(name, module, clause) === module.name
  })
}
