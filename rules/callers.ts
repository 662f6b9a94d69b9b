// Who calls a server, as far as its own module tells: how patiently, and how many at a time. It knows no rule.
import {
  type Call,
  type Clause,
  type Expression,
  foldNumber,
  messageShape,
  type MessageShape,
  type Module,
  resolve,
  sameShape,
  serverCode,
  showShape,
} from '#engine'

const CALLS = new Set(['GenServer.call', ':gen_server.call'])

/** A client timeout from which on the caller is taken to know that it waits for slow work. */
const PATIENT_MS = 15_000

/** The `GenServer.call`s of a module that send a message of that shape; all of them where it has none. */
export function clientCalls(module: Module, shape: MessageShape | null): Call[] {
  const calls = module.functions.flatMap((fun) => fun.clauses.flatMap((clause) => clause.calls))
  return calls.filter(({ callee, args: [, message] }) => {
    if (!CALLS.has(callee) || message === undefined) return false
    const sent = messageShape(message)
    return shape === null || (sent !== null && sameShape(sent, shape))
  })
}

const AFAR = /:global\b|:via\b|\bmulti_call\b|\{|@/
const MULTI_CALLS = new Set(['GenServer.multi_call', ':gen_server.multi_call', ':global.register_name'])

/**
 * Whether other nodes call the server as well, as far as the module tells: it is registered with `:global` or a registry
 * of a cluster, or called as `{name, node}` or on all nodes at once.
 */
export function isCalledFromAfar(module: Module): boolean {
  return module.functions.some((fun) =>
    fun.clauses.some(
      (clause) => clause.mentions(AFAR) && clause.expressions.some((each) => speaksOfAfar(each, clause)),
    ),
  )
}

function speaksOfAfar(each: Expression, clause: Clause): boolean {
  if (each.kind === 'call' && MULTI_CALLS.has(each.callee)) return true
  if (each.kind === 'call' && CALLS.has(each.callee) && each.args[0]?.kind === 'tuple') {
    const { elements } = each.args[0]
    return elements.length === 2 && elements[1]!.kind !== 'call'
  }
  const term = each.kind === 'attribute' ? resolve(each, clause.module) : each
  if (term.kind !== 'tuple') return false
  const [how, registry] = term.elements
  if (how?.kind !== 'atom' || registry === undefined) return false
  if (how.value === 'global') return term.elements.length === 2
  return how.value === 'via' && !(registry.kind === 'module' && registry.name === 'Registry')
}

/** A guard that lets one slow operation run at a time: one message only, and a client that waits patiently for it. */
export function isSingleLane(module: Module): boolean {
  const handlers = module.clauses('handle_call', 3)
  const messages = handlers.flatMap(({ params: [message] }) => message ?? [])
  const shapes = messages.filter((message) => message.kind !== 'variable').map(messageShape)
  const names = new Set(shapes.map((shape, index) => (shape === null ? `unknown ${index}` : showShape(shape))))
  if (handlers.length === 0 || names.size > 1) return false
  // How long the server itself waits for others says nothing of those who wait for it.
  const server = new Set(serverCode(module).map(({ clause }) => clause))
  return module.functions.some((fun) => fun.clauses.some((clause) => !server.has(clause) && hasPatientCall(clause)))
}

function hasPatientCall(clause: Clause): boolean {
  return clause.calls.some((call) => CALLS.has(call.callee) && isPatient(call, clause))
}

function isPatient({ args: [, , timeout] }: Call, clause: Clause): boolean {
  if (timeout === undefined) return false
  const value = defaultOf(timeout, clause) ?? resolve(timeout, clause.module, clause)
  // A timeout that is computed was thought of.
  return (foldNumber(value, clause.module) ?? PATIENT_MS) >= PATIENT_MS
}

/** Whether all client functions that the module has wait patiently for whatever they ask. */
export function isAskedPatiently(module: Module): boolean {
  return isAskedOnly(module, isPatient)
}

/** A gate: nothing but calls arrives, and whoever makes one waits for it without end. */
export function isGate(module: Module): boolean {
  return !module.has('handle_cast', 2) && !module.has('handle_info', 2) && isAskedOnly(module, isEndless)
}

function isEndless({ args: [, , timeout] }: Call): boolean {
  return timeout?.kind === 'atom' && timeout.value === 'infinity'
}

function isAskedOnly(module: Module, how: (call: Call, clause: Clause) => boolean): boolean {
  const server = new Set(serverCode(module).map(({ clause }) => clause))
  const clients = module.functions.flatMap((fun) => fun.clauses.filter((clause) => !server.has(clause)))
  const taken = module.clauses('handle_call', 3).map(({ params: [message] }) => message && messageShape(message))
  const isAsking = ({ callee, args: [, message] }: Call): boolean => {
    const sent = CALLS.has(callee) && message !== undefined ? messageShape(message) : undefined
    return sent !== undefined && (sent === null || taken.some((shape) => !shape || sameShape(sent, shape)))
  }
  const asked = clients.flatMap((clause) => clause.calls.filter(isAsking).map((call) => ({ call, clause })))
  return asked.length > 0 && asked.every(({ call, clause }) => how(call, clause))
}

/** `timeout \\ 30_000`: what a parameter is where the caller leaves it out. */
function defaultOf(expression: Expression, { params, function: fun }: Clause): Expression | null {
  if (expression.kind !== 'variable') return null
  const position = params.findIndex((param) => param.kind === 'variable' && param.name === expression.name)
  return fun.defaults[position] ?? null
}

/** Workers of a pool serve one client at a time; the pool has others. */
export function isPooled(module: Module): boolean {
  if (module.behaviours.includes(':poolboy_worker')) return true
  if (!POOL.test(module.file.source)) return false
  return module.functions.some((fun) => fun.clauses.some((clause) => clause.calls.some(isPoolCall)))
}

const POOL = /\b(?:poolboy|worker_pool|NimblePool)\b/

function isPoolCall({ module, callee }: Call): boolean {
  return module === ':poolboy' || module === ':worker_pool' || callee === 'NimblePool.checkout!'
}

/**
 * Helpers that a package ships for the tests of others, `Phoenix.LiveViewTest` and the like, and clients that put a load
 * on a server: they wait on purpose.
 */
export function isTestSupport({ name, file }: Module): boolean {
  return TEST_NAME.test(name) || LOAD_NAME.test(name) || TEST_FOLDER.test(file.path)
}

const TEST_NAME =
  /(?:Test|Testing|[Tt]est_?[Ff]ramework)(?:\.|$)|(?:^|\.)(?:Mock|Dummy)(?:[A-Z]|\.|$)|[a-z]Mock(?:\.|$)|(?:^|\.)Test(?:Adapter|Client|Cluster|Double|Harness|Helpers?|Node|Server|Support|Utils?|Validator)(?:\.|$)/
const LOAD_NAME = /(?:^|\.)(?:Benchmark|LoadTest)s?(?:\.|$)/
const TEST_FOLDER = /(?:^|\/)(?:test|tests|testing|test_helpers?|test_support)\/|testframework\//
