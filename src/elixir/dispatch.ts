// Which clauses of a function a call can run, as far as what is written among its arguments tells. It knows no rule.
import type { Expression } from './expression.ts'
import type { Clause, FunctionFact } from './module.ts'
import { variablesIn } from './patterns.ts'
import { resolve } from './values.ts'

type Kind = 'atom' | 'number' | 'string' | 'tuple' | 'list' | 'map' | 'function'

const TESTS: Readonly<Record<string, readonly Kind[]>> = {
  'Kernel.is_atom': ['atom'],
  'Kernel.is_binary': ['string'],
  'Kernel.is_bitstring': ['string'],
  'Kernel.is_function': ['function'],
  'Kernel.is_integer': ['number'],
  'Kernel.is_list': ['list'],
  'Kernel.is_map': ['map'],
  'Kernel.is_number': ['number'],
  'Kernel.is_pid': [],
  'Kernel.is_reference': [],
  'Kernel.is_tuple': ['tuple'],
}

/**
 * The clauses that a call in a clause can run: `load(:local)` runs no `load(:remote)`, and nothing after a clause that
 * surely takes what is given. All of them where nothing is known of the arguments.
 */
export function clausesFor(by: Expression, fun: FunctionFact, clause: Clause): readonly Clause[] {
  const { clauses } = fun
  if (clauses.length < 2 || by.kind !== 'call' || by.args.length !== fun.arity) return clauses
  const given = by.args.map((arg) => known(arg, clause))
  if (given.every((each) => kindOf(each) === null)) return clauses
  const taking: Clause[] = []
  for (const each of clauses) {
    const { params } = each
    if (params.length !== given.length || each.isConditional) {
      taking.push(each)
      continue
    }
    if (!params.every((param, index) => mayMatch(param, given[index]!))) continue
    const holds = each.guard === null ? true : evaluate(each.guard, params, given)
    if (holds === false) continue
    taking.push(each)
    if (holds === true && areDistinct(params) && params.every((param, index) => mustMatch(param, given[index]!))) break
  }
  return taking.length === 0 ? clauses : taking
}

/** The literal that an argument stands for, or the pattern by which the head of the clause took it. */
function known(arg: Expression, clause: Clause): Expression {
  const term = resolve(arg, clause.module, clause)
  if (term.kind !== 'variable' || clause.bindings.get(term.name)?.count !== 1) return term
  for (const param of clause.params) {
    if (param.kind !== 'match') continue
    const sides = [param.pattern, param.value]
    const other = sides.findIndex((side) => side.kind === 'variable' && side.name === term.name)
    if (other >= 0) return sides[1 - other]!
  }
  return term
}

function kindOf(term: Expression): Kind | null {
  switch (term.kind) {
    case 'atom':
    case 'module':
    case 'dynamic-atom':
      return 'atom'
    case 'number':
    case 'tuple':
    case 'list':
    case 'map':
      return term.kind
    case 'text':
      return term.form === 'string' ? 'string' : null
    case 'binary':
      return 'string'
    case 'operator':
      return term.operator === '<>' ? 'string' : null
    case 'fn':
    case 'capture':
      return 'function'
    default:
      return null
  }
}

/** Whether a pattern can match a value, of which a part or all may be unknown. */
function mayMatch(pattern: Expression, value: Expression): boolean {
  if (pattern.kind === 'match') return mayMatch(pattern.pattern, value) && mayMatch(pattern.value, value)
  const kind = kindOf(pattern)
  const other = kindOf(value)
  if (kind === null || other === null) return true
  if (kind !== other) return false
  if (pattern.kind === 'tuple' && value.kind === 'tuple') {
    const { elements } = value
    return (
      pattern.elements.length === elements.length &&
      pattern.elements.every((each, index) => mayMatch(each, elements[index]!))
    )
  }
  if (kind === 'list') return isEmpty(pattern) === isEmpty(value)
  if (pattern.kind === 'map' && value.kind === 'map')
    return pattern.struct === null || value.struct === null || pattern.struct === value.struct
  return isEqual(pattern, value) !== false
}

/** Whether a pattern matches whatever the value turns out to be. */
function mustMatch(pattern: Expression, value: Expression): boolean {
  if (pattern.kind === 'match') return mustMatch(pattern.pattern, value) && mustMatch(pattern.value, value)
  if (pattern.kind === 'variable') return true
  if (pattern.kind === 'tuple' && value.kind === 'tuple') {
    const { elements } = value
    return (
      pattern.elements.length === elements.length &&
      pattern.elements.every((each, index) => mustMatch(each, elements[index]!))
    )
  }
  return isEqual(pattern, value) === true
}

/** Whether two literals are equal; null where one of them is none. */
function isEqual(a: Expression, b: Expression): boolean | null {
  const [left, right] = [literalOf(a), literalOf(b)]
  return left === null || right === null ? null : left === right
}

function literalOf(term: Expression): string | number | null {
  if (term.kind === 'number') return Number.isNaN(term.value) ? null : term.value
  if (term.kind === 'atom') return `:${term.value}`
  if (term.kind === 'module') return term.name
  return term.kind === 'text' && term.form === 'string' && term.value !== null ? `"${term.value}` : null
}

function isEmpty(list: Expression): boolean {
  return list.kind === 'list' && list.elements.length === 0
}

/** No name twice: two parameters of one name must be equal. */
function areDistinct(params: readonly Expression[]): boolean {
  const names = params.flatMap(variablesIn)
  return new Set(names).size === names.length
}

/** What a guard gives for these arguments; null where that is not known. */
function evaluate(guard: Expression, params: readonly Expression[], given: readonly Expression[]): boolean | null {
  const valueOf = (term: Expression): Expression => {
    const index = term.kind === 'variable' ? params.findIndex((param) => names(param, term.name)) : -1
    return index < 0 ? term : given[index]!
  }
  if (guard.kind === 'call') {
    const kinds = Object.hasOwn(TESTS, guard.callee) ? TESTS[guard.callee] : undefined
    const kind = guard.args[0] === undefined ? null : kindOf(valueOf(guard.args[0]))
    if (guard.callee === 'Kernel.is_nil') return kind === null ? null : isNil(valueOf(guard.args[0]!))
    return kinds === undefined || kind === null ? null : kinds.includes(kind)
  }
  if (guard.kind !== 'operator' || guard.operands.length !== 2) return null
  const [a, b] = guard.operands as [Expression, Expression]
  if (guard.operator === 'and') {
    const both = [evaluate(a, params, given), evaluate(b, params, given)]
    return both.includes(false) ? false : both.includes(null) ? null : true
  }
  if (guard.operator === 'or') {
    const both = [evaluate(a, params, given), evaluate(b, params, given)]
    return both.includes(true) ? true : both.includes(null) ? null : false
  }
  return compare(guard.operator, valueOf(a), valueOf(b))
}

function names(param: Expression, name: string): boolean {
  if (param.kind === 'match') return names(param.pattern, name) || names(param.value, name)
  return param.kind === 'variable' && param.name === name
}

function isNil(term: Expression): boolean | null {
  if (term.kind === 'atom') return term.value === 'nil'
  return term.kind === 'dynamic-atom' ? null : false
}

function compare(operator: string, a: Expression, b: Expression): boolean | null {
  const same = isEqual(a, b)
  if (operator === '==' || operator === '===') return same
  if (operator === '!=' || operator === '!==') return same === null ? null : !same
  if (a.kind !== 'number' || b.kind !== 'number' || same === null) return null
  if (operator === '>') return a.value > b.value
  if (operator === '<') return a.value < b.value
  if (operator === '>=') return a.value >= b.value
  return operator === '<=' ? a.value <= b.value : null
}
