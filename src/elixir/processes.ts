// In which process code runs: callbacks and what they reach, closures that run elsewhere, closures that are only kept.
import { clausesFor } from './dispatch.ts'
import { ancestors, type Call, type Capture, type Expression, type Fn } from './expression.ts'
import type { Clause, FunctionFact, Module } from './module.ts'
import type { ModuleRole } from './roles.ts'
import { isConsumed } from './streams.ts'

/** Functions whose function argument, MFA or child spec runs in another process. */
const DETACHING = new Set([
  'Task.async',
  'Task.start',
  'Task.start_link',
  'Task.async_stream',
  'Task.child_spec',
  'Task.Supervisor.async',
  'Task.Supervisor.async_nolink',
  'Task.Supervisor.async_stream',
  'Task.Supervisor.async_stream_nolink',
  'Task.Supervisor.start_child',
  'Kernel.spawn',
  'Kernel.spawn_link',
  'Kernel.spawn_monitor',
  'Process.spawn',
  ':erlang.spawn',
  ':erlang.spawn_link',
  ':erlang.spawn_monitor',
  ':erlang.spawn_opt',
  ':proc_lib.spawn',
  ':proc_lib.spawn_link',
  ':proc_lib.spawn_opt',
  ':proc_lib.start',
  ':proc_lib.start_link',
  ':proc_lib.start_monitor',
  ':timer.apply_after',
  ':timer.apply_interval',
  ':timer.apply_repeatedly',
  'Agent.start',
  'Agent.start_link',
  'Agent.get',
  'Agent.update',
  'Agent.get_and_update',
  'Agent.cast',
  'Agent.child_spec',
  ':rpc.call',
  ':rpc.cast',
  ':rpc.multicall',
  ':rpc.async_call',
  ':rpc.block_call',
  ':erpc.call',
  ':erpc.cast',
  ':erpc.multicall',
  ':erpc.multicast',
  ':erpc.send_request',
  'Node.spawn',
  'Node.spawn_link',
  'Node.spawn_monitor',
  'Phoenix.LiveView.start_async',
  'Phoenix.LiveView.assign_async',
  'start_async',
  'assign_async',
  'DynamicSupervisor.start_child',
  'Supervisor.start_child',
  'Supervisor.start_link',
  'Supervisor.init',
  'Supervisor.child_spec',
  'System.at_exit',
])

/** Functions that keep the function they are given: it runs later, when a stream is read or an event happens, if at all. */
const KEEPING = new Set([
  'Application.get_env',
  'Application.put_env',
  'Keyword.get',
  'Keyword.pop',
  'Keyword.put',
  'Keyword.put_new',
  'Keyword.replace',
  'Map.get',
  'Map.pop',
  'Map.put',
  'Map.put_new',
  'Map.replace',
  'MapSet.put',
  'Process.put',
  ':ets.insert',
  ':ets.insert_new',
  ':persistent_term.put',
  ':telemetry.attach',
  ':telemetry.attach_many',
  'Phoenix.LiveView.attach_hook',
  'attach_hook',
  'GenServer.start',
  'GenServer.start_link',
  'GenServer.call',
  'GenServer.cast',
  'GenServer.reply',
  'Kernel.send',
  'Process.send_after',
  'Stream.chunk_while',
  'Stream.each',
  'Stream.filter',
  'Stream.flat_map',
  'Stream.iterate',
  'Stream.map',
  'Stream.reject',
  'Stream.repeatedly',
  'Stream.resource',
  'Stream.scan',
  'Stream.take_while',
  'Stream.drop_while',
  'Stream.transform',
  'Stream.unfold',
])

/** Whether a function, MFA or child spec given to this call runs in another process. */
export function detaches(call: Call): boolean {
  return DETACHING.has(call.callee)
}

/** What a detaching call runs in MFA form: `Task.start(M, :run, [x])`. A function of the own module has its name too. */
export function detachedFunction(call: Call): { module: string; name: string; arity: number } | null {
  if (!detaches(call)) return null
  for (let index = 0; index + 2 < call.args.length; index++) {
    const [module, name, list] = call.args.slice(index, index + 3)
    if (module?.kind !== 'module' || name?.kind !== 'atom' || list?.kind !== 'list' || list.tail !== null) continue
    // `Task.async_stream(xs, M, :run, [x])` puts each element before the arguments, an agent its state.
    const given =
      call.name.startsWith('async_stream') || (call.module === 'Agent' && !call.name.startsWith('start')) ? 1 : 0
    return { module: module.name, name: name.value, arity: list.elements.length + given }
  }
  return null
}

/** Where code in a closure runs: here, in another process (which call took it there), or not in this function at all. */
export type Where = { at: 'here' } | { at: 'elsewhere'; by: Call } | { at: 'kept' }

const HERE: Where = { at: 'here' }
const KEPT: Where = { at: 'kept' }

/** Where an expression of a clause runs, seen from the process that runs the clause. */
export function whereRuns(expression: Expression, clause: Clause): Where {
  placeClosures(clause)
  return placeOf(expression, clause)
}

/** Where a closure or captured function runs. */
export function closureRuns(closure: Fn | Capture, clause: Clause): Where {
  placeClosures(clause)
  return placeOfClosure(closure, clause)
}

const placed = new WeakMap<Expression, Where>()
const arePlaced = new WeakSet<Clause>()

/**
 * From the last to the first: where a closure runs that is bound to a name depends on the closures after it that use
 * the name, and a long chain of such closures would exhaust the call stack otherwise.
 */
function placeClosures(clause: Clause): void {
  if (arePlaced.has(clause)) return
  arePlaced.add(clause)
  for (const each of clause.expressions.toReversed()) {
    if (each.kind === 'fn' || each.kind === 'capture') placeOfClosure(each, clause)
  }
}

function placeOf(expression: Expression, clause: Clause): Where {
  for (const up of ancestors(expression)) {
    if (up.kind !== 'fn' && !(up.kind === 'capture' && up.body !== null)) continue
    const where = placeOfClosure(up, clause)
    if (where.at !== 'here') return where
  }
  return HERE
}

function placeOfClosure(closure: Fn | Capture, clause: Clause): Where {
  const known = placed.get(closure)
  if (known !== undefined) return known
  const where = findPlace(closure, clause)
  placed.set(closure, where)
  return where
}

function findPlace(closure: Fn | Capture, clause: Clause): Where {
  const holder = closure.parent
  if (holder === null) return KEPT
  switch (holder.kind) {
    case 'call':
      if (holder.receiver === closure || holder.block === closure) return HERE
      return placeOfArgument(holder, closure, clause)
    case 'for':
      return HERE
    case 'match':
      return holder.value === closure && holder.pattern.kind === 'variable'
        ? placeOfVariable(holder.pattern.name, closure, clause)
        : KEPT
    default:
      break
  }
  // `{Task, fn -> ... end}` in a child list, a closure in options, in a map, or returned.
  for (const up of ancestors(closure)) {
    if (up.kind === 'call' && detaches(up)) return { at: 'elsewhere', by: up }
    if (up.kind === 'fn' || up.kind === 'block') break
  }
  return KEPT
}

function placeOfArgument(call: Call, given: Expression, clause: Clause): Where {
  if (detaches(call)) return { at: 'elsewhere', by: call }
  if (KEEPING.has(call.callee)) return call.module === 'Stream' && isConsumed(call, clause) ? HERE : KEPT
  if (call.module === 'Ecto.Multi' && !clause.mentions(TRANSACTION)) return KEPT
  if (!call.isLocal) return call.module !== null && isForLater(call.module, call.name) ? KEPT : HERE
  return isHandedOver(call, given, clause) ? { at: 'elsewhere', by: call } : HERE
}

/** Runs the steps of an `Ecto.Multi` that has been put together. */
const TRANSACTION = /\btransact(?:ion)?\b/

/** `Debouncer.apply(key, fun, ms)`, `Shop.Poller.start_link(fun)`: by its name the function does not run here and now. */
function isForLater(module: string, name: string): boolean {
  return LATER_MODULE.test(module) || LATER.test(name)
}

const LATER_MODULE = /(?:^|\.)(?:Debounc|Deferr|Delay|On[A-Z]|Schedul|Background)\w*$/
const LATER =
  /(?:^|_)(?:async|background|debounce|defer|delay|delayed|enqueue|later|offload|schedule|attach|child_spec|register|start_child|start_link|subscribe)[!?]?(?:_|$)|^on_/

/** What starts a process and goes on, without waiting for it. */
const STARTS =
  /^(?:Task(?:\.Supervisor)?\.start\w*|:(?:erlang|proc_lib)\.spawn\w*|(?:Kernel|Node|Process)\.spawn\w*|:timer\.apply_\w+)$/

/** Whether a local function gives this argument to another process, for which it does not wait, wherever it uses it. */
function isHandedOver(call: Call, given: Expression, { module }: Clause): boolean {
  const position = call.args.indexOf(given)
  const uses = module.clauses(call.name, call.arity).flatMap((clause) => {
    const param = clause.params.length === call.arity ? clause.params[position] : undefined
    return param?.kind === 'variable' ? clause.variables(param.name) : []
  })
  return (
    uses.length > 0 &&
    uses.every((use) => [...ancestors(use)].some((up) => up.kind === 'call' && STARTS.test(up.callee)))
  )
}

/** A closure bound to a name runs where the name is called or given to a function; here, if it does both. */
function placeOfVariable(name: string, closure: Expression, clause: Clause): Where {
  let where: Where = KEPT
  for (const each of clause.variables(name)) {
    const { parent } = each
    if (each.start < closure.end || parent?.kind !== 'call') continue
    const used = placeOf(parent, clause)
    const place = used.at !== 'here' ? used : parent.receiver === each ? HERE : placeOfArgument(parent, each, clause)
    if (place.at === 'here') return HERE
    if (place.at === 'elsewhere') where = place
  }
  return where
}

/** The callbacks of a GenServer, as `name/arity`. */
export const GEN_SERVER_CALLBACKS: readonly string[] = [
  'init/1',
  'handle_call/3',
  'handle_cast/2',
  'handle_info/2',
  'handle_continue/2',
  'terminate/2',
  'code_change/3',
  'format_status/1',
  'format_status/2',
]

/** Callbacks that run in the process of each kind of module, as `name/arity`. */
const CALLBACKS: Partial<Record<ModuleRole, readonly string[]>> = {
  GenServer: GEN_SERVER_CALLBACKS,
  GenStage: [
    'init/1',
    'handle_call/3',
    'handle_cast/2',
    'handle_info/2',
    'handle_demand/2',
    'handle_events/3',
    'handle_subscribe/4',
    'handle_cancel/3',
    'terminate/2',
  ],
  GenStateMachine: ['init/1', 'handle_event/4', 'handle_event/3', 'terminate/3', 'callback_mode/0'],
  gen_statem: ['init/1', 'handle_event/4', 'terminate/3', 'callback_mode/0'],
  LiveView: [
    'mount/3',
    'mount/1',
    'handle_params/3',
    'handle_event/3',
    'handle_info/2',
    'handle_call/3',
    'handle_cast/2',
    'handle_async/3',
    'render/1',
    'terminate/2',
  ],
  LiveComponent: ['mount/1', 'update/2', 'update_many/1', 'handle_event/3', 'handle_async/3', 'render/1'],
  Channel: ['join/3', 'handle_in/3', 'handle_info/2', 'handle_out/3', 'handle_call/3', 'handle_cast/2', 'terminate/2'],
  Supervisor: ['init/1'],
  DynamicSupervisor: ['init/1'],
}

/** The callbacks of a module, with all their clauses. */
export function callbacks(module: Module): FunctionFact[] {
  const found = new Set<FunctionFact>()
  for (const role of module.roles) {
    for (const id of CALLBACKS[role] ?? []) {
      const fun = module.table.get(id)
      if (fun !== undefined && `${fun.name}/${fun.arity}` === id) found.add(fun)
    }
  }
  return [...found]
}

/** A clause that a start clause reaches in the same process. */
export interface Reached {
  readonly clause: Clause
  /** The calls on the way, outermost first. */
  readonly hops: readonly Expression[]
  /** The clause at which it began. */
  readonly from: Clause
}

/** The calls on the way, innermost first. A list in each step would cost the square of the longest way. */
interface Way {
  by: Expression
  before: Way | null
}

class Step implements Reached {
  readonly clause: Clause
  readonly from: Clause
  private readonly way: Way | null

  constructor(clause: Clause, from: Clause, way: Way | null) {
    this.clause = clause
    this.from = from
    this.way = way
  }
  get hops(): readonly Expression[] {
    const hops: Expression[] = []
    for (let { way } = this; way !== null; way = way.before) hops.push(way.by)
    return hops.reverse()
  }
  next(clause: Clause, by: Expression): Step {
    return new Step(clause, this.from, { by, before: this.way })
  }
}

/**
 * Every clause of the module that runs in the same process when the start clauses run: the start clauses themselves,
 * then local functions they call or pass to a function that runs here, at most `depth` hops away. Each clause once,
 * by the shortest way; none that a call cannot run with what it is given. `follows` may leave out calls on the way.
 */
export function reach(
  starts: readonly Clause[],
  depth = Number.POSITIVE_INFINITY,
  follows: (by: Expression, clause: Clause) => boolean = () => true,
): Reached[] {
  const reached = [...new Set(starts)].map((clause) => new Step(clause, clause, null))
  const seen = new Set(starts)
  let from = 0
  for (let distance = 0; distance < depth && from < reached.length; distance++) {
    const to = reached.length
    for (; from < to; from++) {
      const step = reached[from]!
      for (const { fun, by } of localCalls(step.clause)) {
        if (!follows(by, step.clause)) continue
        for (const clause of clausesFor(by, fun, step.clause)) {
          if (seen.has(clause)) continue
          seen.add(clause)
          reached.push(step.next(clause, by))
        }
      }
    }
  }
  return reached
}

const callCache = new WeakMap<Clause, { fun: FunctionFact; by: Expression }[]>()

/** Functions of the same module that a clause runs in its own process, with the call or capture that does. */
export function localCalls(clause: Clause): { fun: FunctionFact; by: Expression }[] {
  const cached = callCache.get(clause)
  if (cached !== undefined) return cached
  const found: { fun: FunctionFact; by: Expression }[] = []
  const { module } = clause
  for (const each of clause.expressions) {
    let fun: FunctionFact | undefined
    if (each.kind === 'call' && each.isLocal) fun = module.function(each.name, each.arity)
    else if (each.kind === 'variable' && !clause.isBound(each.name)) fun = module.function(each.name, 0)
    else if (each.kind === 'capture' && each.function !== null && each.function.module === null) {
      fun = module.function(each.function.name, each.function.arity)
      if (fun !== undefined && closureRuns(each, clause).at !== 'here') continue
    }
    if (fun === undefined || whereRuns(each, clause).at !== 'here') continue
    found.push({ fun, by: each })
  }
  callCache.set(clause, found)
  return found
}

const serverCache = new WeakMap<Module, Reached[]>()

/** Server code of a process module: its callbacks and all they reach. */
export function serverCode(module: Module): Reached[] {
  let reached = serverCache.get(module)
  if (reached === undefined) {
    reached = reach(callbacks(module).flatMap((fun) => fun.clauses))
    serverCache.set(module, reached)
  }
  return reached
}

export function isServerCode(clause: Clause): boolean {
  return serverCode(clause.module).some((reached) => reached.clause === clause)
}

/** Calls of a clause that run in its own process. */
export function callsHere(clause: Clause): Call[] {
  return clause.calls.filter((call) => whereRuns(call, clause).at === 'here')
}

/** A resolver of GraphQL is given the resolution last; those of names and dependencies are not. */
function takesResolution({ params }: Clause): boolean {
  const last = params.at(-1)
  if (last?.kind === 'variable') return /^(?:_\w*|\w*resolution|res|info|context|ctx)$/.test(last.name)
  const patterns = last?.kind === 'match' ? [last.pattern, last.value] : [last]
  return patterns.some((each) => each?.kind === 'map' && (each.struct === 'Absinthe.Resolution' || each.get('context')))
}

/** Functions that run while somebody waits for an answer (requests, jobs, messages), and the private helpers they call. */
export function requestCode(module: Module): Reached[] {
  const entries: Clause[] = []
  const add = (name: string, arity: number): void => void entries.push(...module.clauses(name, arity))
  if (module.is('Controller')) {
    for (const fun of module.functions) if (fun.isPublic && fun.arity === 2) entries.push(...fun.clauses)
  }
  if (module.is('Plug') || (module.has('call', 2) && module.has('init', 1) && module.behaviours.includes('Plug')))
    add('call', 2)
  if (module.is('Resolver')) {
    for (const fun of module.functions)
      if (fun.isPublic && (fun.arity === 2 || fun.arity === 3)) entries.push(...fun.clauses.filter(takesResolution))
  }
  for (const role of ['LiveView', 'LiveComponent', 'Channel'] as const) {
    if (!module.is(role)) continue
    for (const id of CALLBACKS[role] ?? []) entries.push(...(module.table.get(id)?.clauses ?? []))
  }
  if (module.is('Oban.Worker')) add('perform', 1)
  if (module.is('Broadway')) {
    add('handle_message', 3)
    add('handle_batch', 4)
  }
  return reach(entries, 1)
}
