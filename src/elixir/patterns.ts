// Patterns and messages: what a pattern can match, and what shape a message has.
import { type Expression, type Variable, walk } from './expression.ts'

/** What is known of a message: a bare atom, or a tuple with a literal first atom and its size. */
export type MessageShape = { kind: 'atom'; tag: string } | { kind: 'tuple'; tag: string; size: number }

/** The shape of a message expression or pattern; null where it cannot be reduced to one. */
export function messageShape(expression: Expression): MessageShape | null {
  const term = unmatched(expression)
  if (term.kind === 'atom') return { kind: 'atom', tag: term.value }
  if (term.kind === 'module') return { kind: 'atom', tag: term.name }
  if (term.kind !== 'tuple') return null
  const first = term.elements[0]
  if (first?.kind !== 'atom') return null
  return { kind: 'tuple', tag: first.value, size: term.elements.length }
}

export function sameShape(a: MessageShape, b: MessageShape): boolean {
  return a.kind === b.kind && a.tag === b.tag && (a.kind === 'atom' || (b.kind === 'tuple' && a.size === b.size))
}

/** As people write it: `:tick`, `nil`, `{:put, _, _}`. */
export function showShape(shape: MessageShape): string {
  // A module name is an atom whose name has dots.
  const tag = /^(?:nil|true|false|[A-Z]\w*\..*)$/.test(shape.tag) ? shape.tag : `:${shape.tag}`
  return shape.kind === 'atom' ? tag : `{${tag}${', _'.repeat(shape.size - 1)}}`
}

/** Whether the pattern could match a message of that shape. Where in doubt: yes. */
export function canMatch(pattern: Expression, shape: MessageShape): boolean {
  const term = unmatched(pattern)
  switch (term.kind) {
    case 'atom':
      return shape.kind === 'atom' && shape.tag === term.value
    case 'module':
      return shape.kind === 'atom' && shape.tag === term.name
    case 'tuple': {
      if (shape.kind !== 'tuple' || term.elements.length !== shape.size) return false
      const first = term.elements[0]
      return first?.kind !== 'atom' || first.value === shape.tag
    }
    case 'number':
    case 'text':
    case 'list':
    case 'map':
    case 'binary':
      return false
    default:
      return true
  }
}

/** Whether the pattern matches a tuple of that size whose first element may be any value (a reference, a variable tag). */
export function matchesTupleWithVariableHead(pattern: Expression, size: number): boolean {
  const term = unmatched(pattern)
  if (term.kind === 'variable') return true
  if (term.kind !== 'tuple' || term.elements.length !== size) return false
  const first = term.elements[0]
  return first !== undefined && (first.kind === 'variable' || (first.kind === 'operator' && first.operator === '^'))
}

/**
 * Whether every value that can stand in this place matches: a variable, or the struct of the state of `module`
 * (`%__MODULE__{} = state`, `%State{}`). A map pattern on the state is refutable. Null: no struct counts.
 */
export function isIrrefutable(pattern: Expression, module: string | null): boolean {
  switch (pattern.kind) {
    case 'variable':
      return true
    case 'match':
      return isIrrefutable(pattern.pattern, module) && isIrrefutable(pattern.value, module)
    case 'map':
      return (
        module !== null &&
        pattern.struct !== null &&
        (pattern.struct === module || /(?:^|\.)State$/.test(pattern.struct)) &&
        pattern.entries.every((entry) => entry.kind === 'pair' && isIrrefutable(entry.value, null))
      )
    default:
      return false
  }
}

/** `p = pattern` is as specific as the pattern: the specific side. */
export function unmatched(pattern: Expression): Expression {
  let term = pattern
  while (term.kind === 'match') term = term.value.kind === 'variable' ? term.pattern : term.value
  return term
}

/** All names that a pattern binds or compares, in order, without `_`. */
export function variablesIn(pattern: Expression): string[] {
  const names: string[] = []
  for (const each of walk(pattern)) if (each.kind === 'variable' && each.name !== '_') names.push(each.name)
  return names
}

/** Whether some code has patterns with a variable of that name, so that below them the name means something else. */
export function rebinds(code: Expression, name: string): boolean {
  return walk(code).some((each) => patternsOf(each).some((pattern) => variablesIn(pattern).includes(name)))
}

function patternsOf(each: Expression): readonly Expression[] {
  if (each.kind === 'branch') return each.patterns
  return each.kind === 'match' || each.kind === 'draw' ? [each.pattern] : []
}

/** `^id`: compared, not bound. */
export function isPinned(variable: Variable): boolean {
  return variable.parent?.kind === 'operator' && variable.parent.operator === '^'
}
