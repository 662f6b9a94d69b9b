// Which call started the process that an expression stands for. It judges none of them.
import { sourceOf } from './bindings.ts'
import { type Call, type Expression, walk } from './expression.ts'
import type { Clause } from './module.ts'
import { tails } from './tails.ts'

/** A call that gives a process, and the clause in which it stands. */
export interface StartedBy {
  call: Call
  clause: Clause
  /** Whether the value comes from the start along the code of the clause, not by its name elsewhere in the module alone. */
  isTraced: boolean
}

const STARTING = /^(?:start(?:_link|_monitor|_child)?|async(?:_nolink)?|spawn(?:_link|_monitor|_opt)?)$/

/**
 * The call that started the process in a variable or a field: where the variable is bound in the clause, else where the
 * same name is given a process anywhere in the module, as a variable or a key. One local function is followed.
 */
export function startedBy(process: Expression, clause: Clause): StartedBy | null {
  if (process.kind === 'variable') {
    const source = sourceOf(process, clause)
    const found = source?.value ? startIn(given(source.pattern, source.value, process.name), clause) : null
    if (found !== null) return { ...found, isTraced: true }
  }
  const name = process.kind === 'variable' ? process.name : process.kind === 'field' ? process.field : null
  if (name === null) return null
  for (const each of clause.module.functions.flatMap((fun) => fun.clauses)) {
    if (!each.mentions(STARTS)) continue
    const found = startUnder(name, each)
    if (found !== null) return { ...found, isTraced: false }
  }
  return null
}

/** A clause without any of these gives no name to a process. */
const STARTS = /\b(?:start|async|spawn)|[:=]/

type Start = Omit<StartedBy, 'isTraced'>

/** A start whose process the clause calls by the name: `name = ...`, `{:ok, name} <- ...`, `%{state | name: ...}`. */
function startUnder(name: string, clause: Clause): Start | null {
  for (const each of clause.expressions) {
    let value: Expression | null = null
    if (each.kind === 'match' || each.kind === 'draw') value = given(each.pattern, each.value, name)
    else if (each.kind === 'case') {
      const branch = each.branches.find(({ patterns: [pattern] }) => pattern && given(pattern, each.subject, name))
      value = branch === undefined ? null : each.subject
    } else if (each.kind === 'pair' && each.key.kind === 'atom' && each.key.value === name) value = each.value
    const found = startIn(value, clause)
    if (found !== null) return found
  }
  return null
}

/** What a pattern gives to a variable: all of the value, what stands in `{:ok, name}`, or in the same place of a tuple. */
function given(pattern: Expression, value: Expression, name: string): Expression | null {
  if (pattern.kind === 'variable') return pattern.name === name ? value : null
  if (pattern.kind === 'match') return given(pattern.pattern, value, name) ?? given(pattern.value, value, name)
  if (pattern.kind !== 'tuple') return null
  const index = pattern.elements.findIndex((each) =>
    walk(each).some((at) => at.kind === 'variable' && at.name === name),
  )
  const element = pattern.elements[index]
  if (element === undefined) return null
  if (value.kind === 'tuple' && value.elements.length === pattern.elements.length)
    return given(element, value.elements[index]!, name)
  const [tag] = pattern.elements
  return index === 1 && tag?.kind === 'atom' && tag.value === 'ok' && element.kind === 'variable' ? value : null
}

function startIn(value: Expression | null, clause: Clause, steps = 2): Start | null {
  if (value === null) return null
  for (const { expression } of tails(value)) {
    if (expression === null) continue
    const found = startOf(expression, clause, steps)
    if (found !== null) return found
  }
  return null
}

function startOf(expression: Expression, clause: Clause, steps: number): Start | null {
  if (expression.kind === 'variable') {
    const source = steps === 0 ? null : sourceOf(expression, clause)
    return source?.value ? startIn(given(source.pattern, source.value, expression.name), clause, steps - 1) : null
  }
  // `{:ok, pid}`
  if (expression.kind === 'tuple' && expression.elements.length === 2)
    return steps === 0 ? null : startOf(expression.elements[1]!, clause, steps - 1)
  if (expression.kind !== 'call') return null
  if (STARTING.test(expression.name) && expression.module !== null) return { call: expression, clause }
  if (!expression.isLocal || steps === 0) return null
  for (const helper of clause.module.clauses(expression.name, expression.arity)) {
    const found = startIn(helper.body, helper, steps - 1)
    if (found !== null) return found
  }
  return null
}
