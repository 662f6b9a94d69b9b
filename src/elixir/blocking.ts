// Code that waits for the outside world, by kind. What a call waits for is known from its resolved name and arguments.
import { isForDevelopment } from './conditions.ts'
import { ancestors, type Call, type Expression, type Fn, type Receive, walk } from './expression.ts'
import type { Clause } from './module.ts'
import { closureRuns, whereRuns } from './processes.ts'
import type { Range } from './range.ts'
import { isConsumed } from './streams.ts'
import { resolve } from './values.ts'

/**
 * What is waited for. `await` is one task or some, `stream` a stream of tasks that is run to its end, `database` any call
 * of an Ecto repository that reads or writes.
 */
export type Wait = 'http' | 'socket' | 'command' | 'rpc' | 'sleep' | 'await' | 'stream' | 'receive' | 'database'

const VERBS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options', 'request']
const named = (module: string, names: readonly string[]): string[] => names.map((name) => `${module}.${name}`)
const both = (module: string, names: readonly string[]): string[] =>
  named(
    module,
    names.flatMap((name) => [name, `${name}!`]),
  )

const HTTP = [
  ...both('Req', [...VERBS, 'run']),
  ...both('HTTPoison', VERBS),
  ...both('HTTPotion', VERBS),
  ...both('Tesla', [...VERBS, 'trace', 'execute']),
  ...both('Finch', ['request', 'stream', 'stream_while']),
  ...both('ExAws', ['request', 'stream']),
  ...named('Mojito', VERBS),
  ...named(':hackney', VERBS),
  ':httpc.request',
  ':ibrowse.send_req',
]
const SOCKET = [
  ...named('Mint.HTTP', ['connect']),
  'Mint.HTTP1.connect',
  'Mint.HTTP2.connect',
  ':gen_tcp.connect',
  ':ssl.connect',
  ':ssh.connect',
  ':eldap.open',
  'AMQP.Connection.open',
  'GRPC.Stub.connect',
]
const COMMAND = [
  'System.cmd',
  'System.shell',
  ':os.cmd',
  'MuonTrap.cmd',
  'Rambo.run',
  'Porcelain.exec',
  'Porcelain.shell',
]
const RPC = [
  ':rpc.call',
  ':rpc.multicall',
  ':rpc.block_call',
  ':rpc.yield',
  ':erpc.call',
  ':erpc.multicall',
  ':erpc.receive_response',
]

const WAITS: ReadonlyMap<string, Wait> = new Map([
  ...HTTP.map((callee): [string, Wait] => [callee, 'http']),
  ...SOCKET.map((callee): [string, Wait] => [callee, 'socket']),
  ...COMMAND.map((callee): [string, Wait] => [callee, 'command']),
  ...RPC.map((callee): [string, Wait] => [callee, 'rpc']),
  ...named('Task', ['await', 'await_many', 'yield', 'yield_many']).map((callee): [string, Wait] => [callee, 'await']),
  ['Process.sleep', 'sleep'],
  [':timer.sleep', 'sleep'],
])

const REPOSITORY = new Set(
  both('', [
    'aggregate',
    'all',
    'all_by',
    'checkout',
    'delete',
    'delete_all',
    'exists?',
    'get',
    'get_by',
    'insert',
    'insert_all',
    'insert_or_update',
    'one',
    'preload',
    'query',
    'query_many',
    'reload',
    'transact',
    'transaction',
    'update',
    'update_all',
  ]).map((name) => name.slice(1)),
)

const TASK_STREAMS = new Set([
  'Task.async_stream',
  'Task.Supervisor.async_stream',
  'Task.Supervisor.async_stream_nolink',
])

/** Commands that send a signal and do not wait for what it does, or tell or set something of this machine at once. */
const QUICK = new Set(
  ['kill', 'pkill', 'killall']
    .concat(['chmod', 'date', 'epmd', 'hostname', 'id', 'ln', 'mkdir', 'nproc', 'stty', 'sysctl', 'touch', 'tput'])
    .concat(['tty', 'uname', 'which', 'whoami', 'halt', 'poweroff', 'reboot', 'shutdown']),
)

/** Functions that leave a message with another process and go on. */
const POSTS = new Set([
  'GenServer.cast',
  'GenServer.reply',
  ':gen_server.cast',
  'Kernel.send',
  ':erlang.send',
  'Process.send',
])

/**
 * What a call waits for; null for calls that do not wait as far as their name tells. Builders (`Req.new`) do not. With
 * the clause it stands in, options that are written out elsewhere are known too.
 */
export function waitsFor(call: Call, clause: Clause | null = null): Wait | null {
  const wait = waitOf(call.module, call.name)
  const [first, second] = call.args
  switch (wait) {
    case 'sleep':
      return isZero(first) || (first?.kind === 'atom' && first.value === 'infinity') ? null : wait
    case 'await':
      return isZero(second) || (second?.kind === 'list' && isZero(second.get('timeout'))) ? null : wait
    case 'http':
      return isAsynchronous(call, clause) ? null : wait
    case 'socket':
      // `{:local, path}`: a socket file of this machine answers at once or not at all.
      return first?.kind === 'tuple' && first.elements[0]?.kind === 'atom' && first.elements[0].value === 'local'
        ? null
        : wait
    case 'command':
      return isQuick(first) ? null : wait
    case 'rpc':
      return first?.kind === 'call' && (first.callee === 'Kernel.node' || first.callee === 'Node.self') ? null : wait
    default:
      return wait
  }
}

/** `"date"`, and for a shell `"epmd -daemon"`. */
function isQuick(command: Expression | undefined): boolean {
  if (command?.kind !== 'text') return false
  const [, name, rest] = /^([\w.-]+)([^;&|]*)$/.exec(command.value ?? '') ?? []
  return name !== undefined && rest !== undefined && QUICK.has(name)
}

function waitOf(module: string | null, name: string): Wait | null {
  if (module === null) return null
  const wait = WAITS.get(`${module}.${name}`)
  if (wait !== undefined) return wait
  return (module === 'Repo' || module.endsWith('.Repo')) && REPOSITORY.has(name) ? 'database' : null
}

/** Requests whose answer comes as a message: `stream_to: self()`, `sync: false`, `:async`. */
function isAsynchronous({ args }: Call, clause: Clause | null): boolean {
  return args.some((arg) => {
    const options = clause === null ? arg : writtenOut(arg, clause)
    if (options.kind !== 'list') return false
    const sync = options.get('sync')
    return (
      options.get('stream_to') !== undefined ||
      options.get('async') !== undefined ||
      options.has('async') ||
      (sync?.kind === 'atom' && sync.value === 'false')
    )
  })
}

/** What an argument stands for: in an attribute, a variable, or as all that a local function returns. */
function writtenOut(arg: Expression, clause: Clause): Expression {
  const term = resolve(arg, clause.module, clause)
  if (term.kind !== 'call' || !term.isLocal) return term
  const [only, ...others] = clause.module.clauses(term.name, term.arity)
  return others.length === 0 ? (only?.body ?? term) : term
}

/**
 * What an expression of any kind waits for: calls as `waitsFor`, a captured function that waits (`&Req.get!/1`), and
 * `receive` that does not merely take what is there.
 */
export function expressionWaitsFor(expression: Expression, clause: Clause | null = null): Wait | null {
  if (expression.kind === 'call') return waitsFor(expression, clause)
  if (expression.kind === 'capture')
    return expression.function && waitOf(expression.function.module, expression.function.name)
  if (expression.kind !== 'receive') return null
  if (expression.after !== null && isZero(expression.after.patterns[0])) return null
  if (expression.after !== null && expression.branches.length === 0) return 'sleep'
  return takesLateMessage(expression) ? null : 'receive'
}

/** What a port tells its owner in `{port, ...}`: the answer is that of another program. */
const FROM_PORTS = new Set(['data', 'exit_status', 'connected', 'closed', 'eof'])

/**
 * Whether a `receive` is a call made by hand: it waits for `{^ref, answer}` of the request that was just made, and gives
 * up after a while. It waits for another process as `GenServer.call` does, no more and no less.
 */
export function isCallByHand({ branches, after }: Receive): boolean {
  const [limit] = after?.patterns ?? []
  if (limit === undefined || (limit.kind === 'atom' && limit.value === 'infinity')) return false
  return branches.some(({ patterns: [pattern] }) => {
    if (pattern?.kind !== 'tuple') return false
    const [ref, answer] = pattern.elements
    return ref?.kind === 'operator' && ref.operator === '^' && answer !== undefined && !isFromPort(answer)
  })
}

function isFromPort(answer: Expression): boolean {
  const tag = answer.kind === 'tuple' ? answer.elements[0] : answer
  return tag?.kind === 'atom' && FROM_PORTS.has(tag.value)
}

/** Calls that tell by their answer that a message is already in the mailbox. */
const CANCELLATIONS = new Set([
  'Process.cancel_timer',
  ':erlang.cancel_timer',
  'Process.demonitor',
  ':erlang.demonitor',
  'Process.read_timer',
])

/** `if Process.cancel_timer(ref) == false, do: receive ...`: the timer has fired, so its message is there. */
function takesLateMessage(receive: Expression): boolean {
  return [...ancestors(receive)].some((up) =>
    conditionsOf(up).some((condition) =>
      walk(condition).some((each) => each.kind === 'call' && CANCELLATIONS.has(each.callee)),
    ),
  )
}

/** What is asked before the code inside an expression runs. */
function conditionsOf(up: Expression): readonly Expression[] {
  if (up.kind === 'if') return [up.condition]
  if (up.kind === 'case') return [up.subject]
  if (up.kind === 'with') return up.steps
  return up.kind === 'operator' ? up.operands.slice(0, 1) : []
}

/** A place of a clause at which its process waits. */
export interface Waiting {
  readonly expression: Expression
  /** The call without the steps piped into it, the first line of a `receive`. */
  readonly at: Range
  readonly wait: Wait
  /** `Req.get!`, `receive`. */
  readonly name: string
}

const waitingCache = new WeakMap<Clause, readonly Waiting[]>()

/**
 * Where a clause waits in its own process, in source order; streams of tasks where something here runs them. What waits in
 * development or in tests alone is left out.
 */
export function waitingIn(clause: Clause): readonly Waiting[] {
  let waiting = waitingCache.get(clause)
  if (waiting === undefined) {
    waiting = clause.expressions.flatMap((expression) => {
      const wait =
        expressionWaitsFor(expression, clause) ?? (isConsumedTaskStream(expression, clause) ? 'stream' : null)
      if (wait === null || !runsHere(expression, clause) || isForDevelopment(expression)) return []
      return [{ expression, wait, ...placeOf(expression) }]
    })
    waitingCache.set(clause, waiting)
  }
  return waiting
}

function runsHere(expression: Expression, clause: Clause): boolean {
  if (expression.kind === 'capture' && closureRuns(expression, clause).at !== 'here') return false
  return whereRuns(expression, clause).at === 'here'
}

function placeOf(expression: Expression): { at: Range; name: string } {
  if (expression.kind === 'call') return { at: expression.at, name: expression.callee }
  const { range } = expression
  if (expression.kind === 'capture' && expression.function !== null)
    return { at: range, name: `${expression.function.module}.${expression.function.name}` }
  return {
    at: { ...range, endLine: range.startLine, endColumn: range.startColumn + 'receive'.length },
    name: 'receive',
  }
}

function isConsumedTaskStream(expression: Expression, clause: Clause): boolean {
  if (expression.kind !== 'call' || !TASK_STREAMS.has(expression.callee)) return false
  return isConsumed(expression, clause) && !expression.args.some((arg) => arg.kind === 'fn' && onlyPosts(arg))
}

/** `fn pid -> GenServer.cast(pid, message) end`: there is nothing to wait for. */
function onlyPosts({ branches }: Fn): boolean {
  return branches.every(({ body }) => body.kind === 'call' && POSTS.has(body.callee))
}

function isZero(expression: Expression | undefined): boolean {
  return expression?.kind === 'number' && expression.value === 0
}
