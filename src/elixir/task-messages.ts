// The messages that an unawaited task sends to the process that started it, and which clauses take them. It knows no rule.
import { type Expression, walk } from './expression.ts'
import { isWithin } from './fates.ts'
import type { Clause, Module, Use } from './module.ts'
import { isIrrefutable, unmatched, variablesIn } from './patterns.ts'
import { reach } from './processes.ts'

/** A clause that takes plain messages, with the pattern of the message. */
export interface InfoHandler {
  clause: Clause
  pattern: Expression
}

/** The clauses of a process module that take plain messages; null where the module does not say which they are. */
export function infoHandlers(module: Module): InfoHandler[] | null {
  if (module.is('GenStateMachine') || module.is('gen_statem')) return eventHandlers(module)
  const fun = module.function('handle_info', 2)
  if (fun === undefined) return []
  if (fun.delegate !== null || fun.head?.hasError === true) return null
  return fun.clauses.flatMap((clause) => ({ clause, pattern: clause.params[0]! }))
}

/** `handle_event(:info, message, state, data)`. With functions named after states nothing is known. */
function eventHandlers(module: Module): InfoHandler[] | null {
  const fun = module.function('handle_event', 4)
  if (fun === undefined || fun.delegate !== null) return null
  return fun.clauses.flatMap((clause) => {
    const [type, pattern] = clause.params
    const isInfo = type?.kind === 'variable' || (type?.kind === 'atom' && type.value === 'info')
    return pattern !== undefined && isInfo ? [{ clause, pattern }] : []
  })
}

/** Modules that a framework's `use` makes: it defines no clause for messages. */
const WEB_KINDS = new Set(['live_view', 'live_component', 'channel'])

/** Whether every clause that takes plain messages is in sight: no unseen code defines or hooks one. */
export function showsInfoHandlers(module: Module): boolean {
  return module.isTransparentBut(isWebUse) && !module.functions.some((fun) => fun.clauses.some(hooksMessages))
}

function isWebUse({ module, options }: Use): boolean {
  if (module.startsWith('Phoenix.')) return true
  return options?.kind === 'atom' && WEB_KINDS.has(options.value)
}

function hooksMessages({ calls }: Clause): boolean {
  return calls.some(({ name }) => name === 'attach_hook')
}

/** Whether it takes every message, whatever the state. */
export function takesEverything({ clause, pattern }: InfoHandler): boolean {
  return clause.guard === null && isIrrefutable(pattern, null) && (clause.isCatchAll || clause.params.length > 2)
}

const NOT_A_REFERENCE =
  /^is_(?:atom|binary|bitstring|boolean|float|integer|list|map|number|pid|port|struct|tuple|function|nil)$/
const NOT_A_TUPLE =
  /^is_(?:atom|binary|bitstring|boolean|float|integer|list|map|number|pid|port|reference|struct|function|nil)$/

/** Whether it can take `{ref, result}`. Where in doubt: yes. */
export function canTakeResult({ clause, pattern }: InfoHandler): boolean {
  return canMatchResult(pattern, clause.guard)
}

/** Whether a `receive` can take `{ref, result}` of any task: in a clause, in what it runs, or in what runs it. */
export function receivesResult(clause: Clause): boolean {
  const receivers = clause.module.functions.flatMap(({ clauses }) => clauses.filter(hasReceiveForResult))
  return (
    receivers.length > 0 &&
    (reach([clause]).some((reached) => receivers.includes(reached.clause)) ||
      receivers.some((each) => reach([each]).some((reached) => reached.clause === clause)))
  )
}

function hasReceiveForResult(clause: Clause): boolean {
  if (!clause.mentions(/\breceive\b/)) return false
  return clause.expressions.some(
    (each) =>
      each.kind === 'receive' &&
      each.branches.some(
        ({ patterns: [pattern], guard }) =>
          pattern !== undefined && !isPinned(pattern) && canMatchResult(pattern, guard),
      ),
  )
}

/** `{^ref, result}` is the result of one task, which a name holds. */
function isPinned(pattern: Expression): boolean {
  const [first] = pattern.kind === 'tuple' ? pattern.elements : []
  return first?.kind === 'operator' && first.operator === '^'
}

function canMatchResult(pattern: Expression, guard: Expression | null): boolean {
  const term = unmatched(pattern)
  if (term.kind === 'variable') return !isGuardedAgainst(term.name, guard, NOT_A_TUPLE)
  if (term.kind !== 'tuple') return !LITERALS.has(term.kind)
  const first = term.elements[0] === undefined ? undefined : unmatched(term.elements[0])
  if (term.elements.length !== 2 || first === undefined || LITERALS.has(first.kind)) return false
  return first.kind !== 'variable' || !isGuardedAgainst(first.name, guard, NOT_A_REFERENCE)
}

const LITERALS: ReadonlySet<Expression['kind']> = new Set([
  'atom',
  'module',
  'number',
  'text',
  'list',
  'tuple',
  'map',
  'binary',
  'dynamic-atom',
])

/** `when is_port(port)` lets no reference through. */
function isGuardedAgainst(name: string, guard: Expression | null, tests: RegExp): boolean {
  if (guard === null) return false
  if (guard.kind === 'operator' && guard.operator === 'and')
    return guard.operands.some((operand) => isGuardedAgainst(name, operand, tests))
  if (guard.kind === 'operator' && (guard.operator === '==' || guard.operator === '===' || guard.operator === 'in')) {
    const [left, right] = guard.operands
    const literal = guard.operator === 'in' ? 'list' : 'atom'
    return left?.kind === 'variable' && left.name === name && right?.kind === literal
  }
  const [given] = guard.kind === 'call' ? guard.args : []
  return guard.kind === 'call' && tests.test(guard.name) && given?.kind === 'variable' && given.name === name
}

/** Functions that look a reference up in the state. */
const LOOKUPS = new Set([
  'Map',
  'Keyword',
  'MapSet',
  'Enum',
  'List',
  'Access',
  ':maps',
  ':lists',
  ':ets',
  ':queue',
  ':gb_trees',
])

/**
 * Whether a clause that takes any two-tuple was written for something else than the result of a task: nothing in it
 * treats the first element as a reference, by its name, a guard, a comparison with the state, or a look-up.
 */
export function isForOtherPairs({ clause, pattern }: InfoHandler): boolean {
  const term = unmatched(pattern)
  const first = term.kind === 'tuple' && term.elements.length === 2 ? unmatched(term.elements[0]!) : undefined
  if (first?.kind !== 'variable') return false
  const { name } = first
  if (/^_$|ref|task|monitor|async|job|pid/.test(name)) return false
  const elsewhere = clause.params.filter((param) => !isWithin(first, param)).flatMap(variablesIn)
  if (elsewhere.includes(name)) return false
  if (clause.guard !== null && walk(clause.guard).some((each) => each.kind === 'variable' && each.name === name))
    return false
  return !clause.variables(name).some(({ parent }) => {
    if (parent?.kind === 'operator' || parent?.kind === 'access') return true
    return parent?.kind === 'call' && (parent.callee === 'Process.demonitor' || LOOKUPS.has(parent.module ?? ''))
  })
}
