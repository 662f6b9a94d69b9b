// Where names are given to processes and tables, and where they are called by them. It judges no name.
import type { Call, Expression, List, Pair } from './expression.ts'
import type { Clause, Module } from './module.ts'
import { boundValue } from './values.ts'

/** A place at which something is named, or reached under its name. */
export interface Naming {
  /** What stands as the name: of `{:global, name}` and `{:via, Registry, {registry, name}}` the innermost part. */
  name: Expression
  /** The pair or the call that takes it. */
  use: Expression
  clause: Clause
  as: 'process' | 'target' | 'table'
}

/** Modules that register a process under the `name:` they are given. */
const OTP = new Set([
  'Agent',
  'Broadway',
  'DynamicSupervisor',
  'GenServer',
  'GenStage',
  'GenStateMachine',
  'PartitionSupervisor',
  'Registry',
  'Supervisor',
  'Task.Supervisor',
])

const ERLANG = new Set([':gen_server', ':gen_statem', ':gen_event', ':supervisor'])

/** Functions of OTP's modules that are given the name of a process first. */
const TARGETING = new Set([
  'async',
  'async_nolink',
  'async_stream',
  'async_stream_nolink',
  'call',
  'cast',
  'count_children',
  'get',
  'get_and_update',
  'start_child',
  'stop',
  'terminate_child',
  'update',
  'whereis',
  'which_children',
])

const STARTING = new Set(['start', 'start_link', 'child_spec'])

/** A clause without any of these names nothing. */
const WORDS = new RegExp(
  `\\b(?:name|register|whereis|send|new|put|put_new|start_monitor|${[...TARGETING, ...STARTING].join('|')})\\b`,
)

/** Every such place of a module, in source order. */
export function namings(module: Module): Naming[] {
  return module.functions.flatMap(({ clauses }) =>
    clauses.flatMap((clause) =>
      (clause.mentions(WORDS) ? clause.expressions : []).flatMap((each): Naming[] => {
        if (each.kind === 'pair') {
          return isKey(each, 'name') && isOptionOfStart(each, clause)
            ? [{ name: innermost(each.value), use: each, clause, as: 'process' }]
            : []
        }
        return each.kind === 'call' ? namingsOf(each, clause) : []
      }),
    ),
  )
}

function namingsOf(call: Call, clause: Clause): Naming[] {
  const [first, second] = call.args
  const given = (name: Expression | undefined, as: Naming['as']): Naming[] =>
    name === undefined ? [] : [{ name: innermost(name), use: call, clause, as }]
  switch (call.callee) {
    case 'Process.register':
    case ':erlang.register':
      return given(call.callee === 'Process.register' ? second : first, 'process')
    case 'Process.whereis':
    case ':erlang.whereis':
    case 'Kernel.send':
    case 'Process.send':
      return given(first, 'target')
    case ':ets.new':
      return second?.kind === 'list' && second.has('named_table') ? given(first, 'table') : []
    case 'Keyword.put':
    case 'Keyword.put_new':
      return isAtom(second, 'name') ? given(call.args[2], 'process') : []
    default:
      break
  }
  if (call.module === null) return []
  if (ERLANG.has(call.module)) {
    // `:gen_server.start_link({:local, name}, module, arg, options)`.
    if (/^start(_link|_monitor)?$/.test(call.name)) return first?.kind === 'tuple' ? given(first, 'process') : []
    return TARGETING.has(call.name) ? given(first, 'target') : []
  }
  return OTP.has(call.module) && TARGETING.has(call.name) ? given(first, 'target') : []
}

/** Below `{:global, name}`, `{:local, name}`, `{:via, Registry, {registry, name}}` and `{name, node}`. */
function innermost(name: Expression): Expression {
  if (name.kind !== 'tuple') return name
  const [tag, second, third] = name.elements
  if (isAtom(tag, 'via') && third !== undefined)
    return third.kind === 'tuple' ? (innermostKey(third.elements[1]) ?? third) : third
  if ((isAtom(tag, 'global') || isAtom(tag, 'local')) && second !== undefined) return second
  return name.elements.length === 2 && tag !== undefined ? tag : name
}

function innermostKey(key: Expression | undefined): Expression | undefined {
  return key?.kind === 'tuple' ? key.elements.at(-1) : key
}

/** Among the options of a start function of OTP or of the project, or in a child spec `{M, options}`. */
function isOptionOfStart(pair: Pair, clause: Clause): boolean {
  const list = pair.parent
  if (list?.kind !== 'list') return false
  return isGivenToStart(list, clause)
}

function isGivenToStart(list: List, clause: Clause): boolean {
  const holder = list.parent
  switch (holder?.kind) {
    case 'call':
      return holder.module === null
        ? holder.isLocal && STARTING.has(holder.name)
        : STARTING.has(holder.name) && isOwn(holder.module, clause)
    case 'tuple': {
      const [started] = holder.elements
      return (
        holder.elements.length === 2 &&
        started?.kind === 'module' &&
        (isOwn(started.name, clause) || isStartedChild(holder, clause))
      )
    }
    // `start: {M, :start_link, [[name: name]]}`
    case 'list': {
      const mfa = holder.parent
      const [started] = mfa?.kind === 'tuple' ? mfa.elements : []
      return started?.kind === 'module' && isOwn(started.name, clause) && holder.elements.at(-1) === list
    }
    case 'match': {
      const { pattern, value } = holder
      if (pattern.kind !== 'variable' || value !== list) return false
      return clause.variables(pattern.name).some((use) => {
        const taker = use.parent
        if (use.start < holder.end || boundValue(use, clause) !== list) return false
        if (taker?.kind === 'call') {
          return taker.module === null
            ? taker.isLocal && STARTING.has(taker.name)
            : STARTING.has(taker.name) && isOwn(taker.module, clause)
        }
        const started = taker?.kind === 'tuple' && taker.elements.length === 2 ? taker.elements[0] : undefined
        return started?.kind === 'module' && isOwn(started.name, clause)
      })
    }
    default:
      return false
  }
}

/** `DynamicSupervisor.start_child(MyApp.Rooms, {Room, name: name})`, also by way of a variable: a process in any case. */
function isStartedChild(spec: Expression, clause: Clause): boolean {
  const { parent } = spec
  if (parent?.kind === 'call') return parent.name === 'start_child'
  if (parent?.kind !== 'match' || parent.value !== spec || parent.pattern.kind !== 'variable') return false
  return clause
    .variables(parent.pattern.name)
    .some((use) => use.parent?.kind === 'call' && use.parent.name === 'start_child' && boundValue(use, clause) === spec)
}

/** A module of OTP, or one whose name begins like that of the project: what `name:` means to others is theirs. */
function isOwn(started: string, { module }: Clause): boolean {
  if (OTP.has(started)) return true
  const root = (name: string): string => name.split('.')[0]!.replace(/Web$/, '')
  return root(started) === root(module.name)
}

function isKey({ key }: Pair, name: string): boolean {
  return isAtom(key, name)
}

function isAtom(expression: Expression | undefined, value: string): boolean {
  return expression?.kind === 'atom' && expression.value === value
}
