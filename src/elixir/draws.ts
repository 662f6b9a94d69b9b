// Where the value of a variable comes from: what it is computed from, and of which elements it is one. It knows no rule.
import type { Expression } from './expression.ts'
import type { Clause } from './module.ts'
import { variablesIn } from './patterns.ts'

/**
 * The expressions whose elements the variable of that name takes in turn: the right side of `id <- ids` in `for`, the
 * first argument of the `Enum` function that is given `fn id -> ... end`. Empty where it is bound in other ways.
 */
export function drawnFrom(name: string, clause: Clause): Expression[] {
  return clause.expressions.flatMap((each) => {
    if (each.kind === 'draw' && each.parent?.kind === 'for')
      return variablesIn(each.pattern).includes(name) ? [each.value] : []
    if (each.kind !== 'branch' || each.parent?.kind !== 'fn') return []
    const call = each.parent.parent
    const isElement = call?.kind === 'call' && /^(Enum|Stream|Task|Task\.Supervisor)$/.test(call.module ?? '')
    const [source] = isElement ? call.args : []
    return source !== undefined && each.patterns.some((pattern) => variablesIn(pattern).includes(name)) ? [source] : []
  })
}

/** The variable, those it is computed from, and those that stand for a parameter it is taken out of. */
export function originsOf(name: string, clause: Clause): string[] {
  const names = new Set([name])
  for (const each of names) {
    const value = clause.bindings.get(each)?.value
    for (const found of value ? variablesIn(value) : []) if (clause.isBound(found)) names.add(found)
    for (const param of clause.params) {
      const bound = variablesIn(param)
      if (param.kind === 'match' && bound.includes(each)) for (const other of bound) names.add(other)
    }
  }
  return [...names]
}
