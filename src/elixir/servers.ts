// The names a server module registers under, and whether a call goes to the server itself.
import { ancestors, type Call, canonical, type Expression, type List, type Variable, walk } from './expression.ts'
import type { Clause, Module } from './module.ts'
import type { Reached } from './processes.ts'
import { boundValue, resolve } from './values.ts'

const STARTS = new Set([
  'GenServer.start_link',
  'GenServer.start',
  'GenStage.start_link',
  'GenStage.start',
  'GenStateMachine.start_link',
  'GenStateMachine.start',
  'Agent.start_link',
  'Agent.start',
  ':gen_server.start_link',
  ':gen_server.start',
  'Supervisor.start_link',
  'DynamicSupervisor.start_link',
])

/** Calls in the module that start a process of this module's kind. */
export function startCalls(module: Module): { call: Call; clause: Clause }[] {
  return module.callsOf(STARTS)
}

const NAMED = /\b(?:name|register)\b/
const nameCache = new WeakMap<Module, ReadonlySet<string>>()

/**
 * Names under which the module's own process is registered, in canonical text: literal `name:` options of the calls that
 * start it (also through `Keyword.put_new(opts, :name, N)`, `Keyword.get(opts, :name, N)`, an attribute or a helper), and
 * its own module name wherever it stands as a `name:`.
 */
export function ownNames(module: Module): ReadonlySet<string> {
  const cached = nameCache.get(module)
  if (cached !== undefined) return cached
  const names = new Set<string>()
  const seen = new Set<Expression>()
  const add = (expression: Expression | undefined, clause: Clause): void => {
    if (expression === undefined || seen.has(expression)) return
    seen.add(expression)
    const term = resolve(expression, module, clause)
    if (term.kind === 'module' || term.kind === 'atom' || term.kind === 'tuple') names.add(canonical(term))
    else if (isKeywordGet(term, 'name')) add(term.args[2], clause)
    else if (term.kind === 'operator' && term.operator === '||') add(term.operands[1], clause)
    else if (term.kind === 'variable') add(fallbackOf(term, clause), clause)
  }
  for (const { call, clause } of startCalls(module)) {
    const options = optionsOf(call)
    if (options === undefined || !startsOwnModule(call, clause)) continue
    const term = options.kind === 'variable' ? (boundValue(options, clause) ?? options) : options
    for (const each of walk(term)) {
      if (each.kind === 'list') add(each.get('name'), clause)
      if (each.kind === 'call' && KEYWORD_PUTS.has(each.callee) && isAtom(each.args[1], 'name'))
        add(each.args[2], clause)
    }
    if (call.module === ':gen_server') {
      const first = call.args[0]
      if (first?.kind === 'tuple' && isAtom(first.elements[0], 'local')) add(first.elements[1], clause)
    }
  }
  for (const fun of module.functions) {
    for (const clause of fun.clauses) {
      if (!clause.mentions(NAMED)) continue
      for (const each of clause.expressions) {
        if (each.kind === 'list' && each.get('name')?.kind === 'module' && !isInitArgument(each)) {
          const name = each.get('name')!
          if (name.kind === 'module' && name.name === module.name) names.add(name.name)
        }
        if (each.kind === 'call' && KEYWORD_PUTS.has(each.callee) && isAtom(each.args[1], 'name')) {
          const name = each.args[2]
          if (name?.kind === 'module' && name.name === module.name) names.add(name.name)
        }
        if (each.kind === 'call' && each.callee === 'Process.register' && isSelf(each.args[0], clause))
          add(each.args[1], clause)
      }
    }
  }
  nameCache.set(module, names)
  return names
}

/** Where the options of a start stand: after the argument of `init/1`, the function or the children. */
function optionsOf(call: Call): Expression | undefined {
  if (call.module === 'Agent') return call.args[1]
  if (call.module === 'Supervisor' || call.module === 'DynamicSupervisor') return call.args.at(-1)
  return call.module === ':gen_server' ? call.args.at(-1) : call.args[2]
}

/** `GenServer.start_link(__MODULE__, name: __MODULE__)` gives the list to `init/1` and registers nothing. */
function isInitArgument(list: List): boolean {
  const { parent } = list
  return (
    parent?.kind === 'call' && STARTS.has(parent.callee) && parent.module === 'GenServer' && parent.args[1] === list
  )
}

/** Whether the started process runs this module: a server may start others under names of theirs. */
function startsOwnModule(call: Call, clause: Clause): boolean {
  const { module } = clause
  const given = call.module === ':gen_server' && call.arity === 4 ? call.args[1] : call.args[0]
  const started = given === undefined ? undefined : resolve(given, module, clause)
  if (started?.kind === 'module') return started.name === module.name
  // An agent and a supervisor are started with a function or a list.
  return (
    (call.module === 'Agent' || call.module === 'Supervisor' || call.module === 'DynamicSupervisor') &&
    module.is(call.module)
  )
}

/** Whether the module also starts its process without a name: then one that calls the name may be another one. */
export function startsWithoutName(module: Module): boolean {
  return startCalls(module).some(({ call, clause }) => {
    if (call.module !== 'GenServer' || !startsOwnModule(call, clause)) return false
    const options = optionsOf(call)
    return (
      options === undefined || (options.kind === 'list' && options.tail === null && options.get('name') === undefined)
    )
  })
}

/** What a variable is unless a caller says otherwise: its `\\` default, or that of `{name, rest} = Keyword.pop(opts, :name, default)`. */
function fallbackOf(variable: Variable, clause: Clause): Expression | undefined {
  const isIt = (each: Expression | undefined): boolean => each?.kind === 'variable' && each.name === variable.name
  const fallback = clause.function.defaults[clause.params.findIndex(isIt)] ?? undefined
  if (fallback !== undefined) return fallback
  for (const each of clause.expressions) {
    if (each.kind !== 'match' || each.pattern.kind !== 'tuple' || !isIt(each.pattern.elements[0])) continue
    if (isKeywordGet(each.value, 'name')) return each.value.args[2]
  }
  return undefined
}

const KEYWORD_PUTS = new Set(['Keyword.put', 'Keyword.put_new', 'Keyword.put_new_lazy', 'Map.put', 'Map.put_new'])

function isKeywordGet(term: Expression, key: string): term is Call {
  return term.kind === 'call' && /^(Keyword|Map)\.(get|pop)$/.test(term.callee) && isAtom(term.args[1], key)
}

function isAtom(expression: Expression | undefined, value: string): boolean {
  return expression?.kind === 'atom' && expression.value === value
}

const LOOKUPS = new Set(['Process.whereis', 'GenServer.whereis', ':erlang.whereis'])

function isThisNode(expression: Expression | undefined): boolean {
  return expression?.kind === 'call' && /^(Kernel|:erlang)\.node$/.test(expression.callee) && expression.arity === 0
}

/** `self()`, or a variable bound to it. */
export function isSelf(expression: Expression | undefined, clause: Clause): boolean {
  if (expression === undefined) return false
  const term = expression.kind === 'variable' ? (boundValue(expression, clause) ?? expression) : expression
  return term.kind === 'call' && (term.callee === 'Kernel.self' || term.callee === ':erlang.self')
}

/** Whether an expression of a clause names the module's own registered process, also by its pid or on its own node. */
export function isOwnName(expression: Expression | undefined, clause: Clause): boolean {
  if (expression === undefined) return false
  const { module } = clause
  const term = resolve(expression, module, clause)
  if (term.kind === 'call') return LOOKUPS.has(term.callee) && isOwnName(term.args[0], clause)
  if (term.kind === 'tuple' && isThisNode(term.elements[1])) return isOwnName(term.elements[0], clause)
  if (term.kind !== 'module' && term.kind !== 'atom' && term.kind !== 'tuple') return false
  return ownNames(module).has(canonical(term))
}

/**
 * Whether the target of a call in reached code is the server itself. A target that is a parameter is followed one call
 * back: to the argument there, or to the `\\` default where the argument was left out.
 */
export function targetsItself(target: Expression | undefined, reached: Reached): boolean {
  if (target === undefined) return false
  const { clause, hops } = reached
  if (isSelf(target, clause) || isOwnName(target, clause)) return true
  if (target.kind !== 'variable') return false
  const position = clause.params.findIndex((param) => param.kind === 'variable' && param.name === target.name)
  const given = argumentFor(clause, position, hops.at(-1))
  if (given === 'default') {
    const fallback = clause.function.defaults[position]
    return fallback ? isSelf(fallback, clause) || isOwnName(fallback, clause) : false
  }
  if (given === null) return false
  return given.kind !== 'variable' && (isSelf(given, clause) || isOwnName(given, clause))
}

/** What the parameter at a position is given by a call, a capture or a bare name; null where that is not written there. */
export function argumentFor(
  clause: Clause,
  position: number,
  by: Expression | undefined,
): Expression | 'default' | null {
  if (position < 0 || by === undefined) return null
  const args = by.kind === 'call' ? by.args : []
  const arity = by.kind === 'capture' ? (by.function?.arity ?? 0) : args.length
  const { function: fun } = clause
  const missing = fun.arity - arity
  if (missing <= 0) return args[position] ?? null
  // Arguments fill the parameters from the left; the last defaults are those that are left out.
  const optional = fun.defaults.flatMap((value, index) => (value === null ? [] : [index]))
  const omitted = new Set(optional.slice(optional.length - missing))
  if (omitted.has(position)) return 'default'
  const before = [...omitted].filter((index) => index < position).length
  return args[position - before] ?? null
}

/** `Process.get(:in_server)` is set by nobody but the server. */
const WHO_AM_I = new Set(['Kernel.self', ':erlang.self', 'Process.get'])

/**
 * Whether the code around a call asks which process it runs in, as in
 * `if self() == Process.whereis(__MODULE__), do: ..., else: GenServer.call(__MODULE__, ...)`: then it knows what it does.
 */
export function asksWhoItIs(call: Call, clause: Clause): boolean {
  if (clause.function.clauses.some(({ guard }) => mentionsSelf(guard))) return true
  return [...ancestors(call)].some((up) => {
    if (up.kind === 'if') return mentionsSelf(up.condition)
    if (up.kind === 'cond') return up.branches.some(({ patterns }) => patterns.some(mentionsSelf))
    if (up.kind === 'case') return mentionsSelf(up.subject) || up.branches.some(({ guard }) => mentionsSelf(guard))
    return false
  })
}

function mentionsSelf(expression: Expression | null): boolean {
  return expression !== null && walk(expression).some((each) => each.kind === 'call' && WHO_AM_I.has(each.callee))
}
