// What becomes of a value: thrown away, returned, bound to a name, or given to something else. It knows no rule.
import type { Call, Expression, Variable } from './expression.ts'
import type { Clause, FunctionFact } from './module.ts'
import { isDiscarded, tails } from './tails.ts'

/** The first thing that happens to a value. */
export type Fate =
  /** Nobody can have it. */
  | { kind: 'discarded' }
  /** It is the value of the clause, or of a closure whose caller gets it. */
  | { kind: 'returned' }
  /** A name holds it, which is read at these places: at least one. */
  | { kind: 'bound'; uses: readonly Variable[] }
  /** It is an argument, an element, an operand or the like of this expression. */
  | { kind: 'given'; to: Expression }

/**
 * Whether nobody can have a value, and who throws it away: nobody else (empty) where the clause itself does, or the calls
 * of the private function that returns it. Null where somebody can have it.
 */
export function lostThrough(expression: Expression, clause: Clause): readonly Expression[] | null {
  const { kind } = fateOf(expression, clause)
  if (kind === 'discarded') return []
  const fun = clause.function
  if (kind !== 'returned' || fun.isPublic || !tails(clause.body).some((tail) => tail.expression === expression))
    return null
  const uses = fun.module.functions.flatMap((each) => each.clauses.flatMap((other) => usesOfFunction(fun, other)))
  return uses.length > 0 && uses.every(({ isLost }) => isLost) ? uses.map(({ by }) => by) : null
}

/** The calls of the private function that returns this value, each with its clause: who can have it by its name. */
export function takersOf(expression: Expression, clause: Clause): { call: Call; clause: Clause }[] {
  const { function: fun, module } = clause
  if (fun.isPublic || !tails(clause.body).some((tail) => tail.expression === expression)) return []
  return module.functions
    .flatMap(({ clauses }) => clauses)
    .flatMap((each) => each.calls.map((call) => ({ call, clause: each })))
    .filter(({ call }) => call.isLocal && module.function(call.name, call.arity) === fun)
}

/** Functions that run a function for each element and give nothing of it. */
const VISITING = new Set(['Enum.each', 'Stream.each'])

function usesOfFunction(fun: FunctionFact, clause: Clause): { by: Expression; isLost: boolean }[] {
  const { module } = clause
  return clause.expressions.flatMap((by): { by: Expression; isLost: boolean }[] => {
    if (by.kind === 'call' && by.isLocal)
      return module.function(by.name, by.arity) === fun ? [{ by, isLost: fateOf(by, clause).kind === 'discarded' }] : []
    if (by.kind === 'variable')
      return by.name === fun.name && !clause.isBound(by.name) ? [{ by, isLost: isDiscarded(by) }] : []
    if (by.kind !== 'capture' || by.function?.module !== null || by.function.name !== fun.name) return []
    return [{ by, isLost: by.parent?.kind === 'call' && VISITING.has(by.parent.callee) }]
  })
}

/** Functions that collect what a function gives for each element. */
const COLLECTING = new Set(['Enum.map', 'Enum.flat_map', 'Enum.map_every', 'Enum.map_intersperse'])

/**
 * What becomes of the value of an expression. A name that is never read is no use, so such a value is discarded unless
 * the match is returned; a `case` or `with` that takes nothing out of it discards it too.
 */
export function fateOf(expression: Expression, clause: Clause): Fate {
  let value = expression
  for (;;) {
    if (isDiscarded(value)) return { kind: 'discarded' }
    const { parent } = value
    if (parent === null) return { kind: 'returned' }
    switch (parent.kind) {
      case 'block':
        break
      case 'match': {
        if (parent.value !== value) return { kind: 'given', to: parent }
        const uses = usesOf(parent.pattern, clause, parent.end)
        if (uses.length > 0) return { kind: 'bound', uses }
        break
      }
      case 'if':
        if (parent.condition === value) return { kind: 'discarded' }
        break
      case 'case': {
        const uses = parent.branches.flatMap(({ patterns, start, end }) =>
          patterns.flatMap((pattern) =>
            usesOf(pattern, clause, start).filter((use) => use.start < end && !isWithin(use, pattern)),
          ),
        )
        return uses.length > 0 ? { kind: 'bound', uses } : { kind: 'discarded' }
      }
      case 'draw': {
        if (parent.value !== value || parent.parent?.kind !== 'with')
          return { kind: 'given', to: parent.parent ?? parent }
        const uses = usesOf(parent.pattern, clause, parent.end)
        return uses.length > 0 ? { kind: 'bound', uses } : { kind: 'discarded' }
      }
      case 'branch': {
        const holder = parent.parent
        if (parent.body !== value || holder === null) return { kind: 'discarded' }
        if (holder.kind === 'fn') {
          const collector = collectorOf(holder)
          if (collector === null) return { kind: 'returned' }
          value = collector
          continue
        }
        value = holder
        continue
      }
      case 'capture': {
        const collector = collectorOf(parent)
        if (collector === null) return { kind: 'returned' }
        value = collector
        continue
      }
      case 'with':
        if (parent.body !== value) return { kind: 'discarded' }
        break
      case 'for':
        if (parent.body !== value) return { kind: 'given', to: parent }
        break
      case 'try':
        break
      case 'operator':
        if (!PASSING.has(parent.operator)) return { kind: 'given', to: parent }
        break
      case 'call':
        return parent.block === value ? { kind: 'returned' } : { kind: 'given', to: parent }
      default:
        return { kind: 'given', to: parent }
    }
    value = parent
  }
}

/** Operators whose value can be that of their last operand. */
const PASSING = new Set(['&&', '||', 'and', 'or'])

/** The call that collects what a closure gives; null where it does not. */
function collectorOf(closure: Expression): Call | null {
  const call = closure.parent
  return call?.kind === 'call' && COLLECTING.has(call.callee) && call.args.at(-1) === closure ? call : null
}

/** Where the names of a pattern are read from an offset on. A name with a leading `_` is not meant to be. */
function usesOf(pattern: Expression, clause: Clause, from: number): Variable[] {
  const names = new Set(boundNames(pattern))
  return [...names].flatMap((name) => clause.variables(name).filter((each) => each.start >= from))
}

/** The names that a pattern binds, without pinned ones and those that begin with `_`. */
function boundNames(pattern: Expression): string[] {
  if (pattern.kind === 'variable') return pattern.name.startsWith('_') ? [] : [pattern.name]
  if (pattern.kind === 'operator' && pattern.operator === '^') return []
  return pattern.children().flatMap(boundNames)
}

/** Whether an expression is written inside of another, or is that one. */
export function isWithin(inner: Expression, outer: Expression): boolean {
  return inner.start >= outer.start && inner.end <= outer.end
}
