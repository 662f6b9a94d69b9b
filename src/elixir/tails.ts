// What an expression returns, and whether anybody takes it.
import type { Expression } from './expression.ts'

/** A value that a body can return. `expression` is null for the implied `nil` of an `if` without `else`. */
export interface Tail {
  expression: Expression | null
  /** The `if` whose missing `else` returns `nil`; null for written tails. */
  impliedBy: Expression | null
  /** Calls, variables, raising forms, non-matching `with` values: nothing is known of it. */
  isUnknown: boolean
}

/** Every value that the expression can return, in source order. */
export function tails(expression: Expression | null): Tail[] {
  if (expression === null) return []
  switch (expression.kind) {
    case 'block': {
      const last = expression.statements.at(-1)
      return last === undefined ? [implied(expression)] : tails(last)
    }
    case 'if': {
      const result: Tail[] = []
      result.push(...(expression.then === null ? [implied(expression)] : tails(expression.then)))
      result.push(...(expression.otherwise === null ? [implied(expression)] : tails(expression.otherwise)))
      return result
    }
    case 'case':
    case 'cond':
      return expression.branches.flatMap((branch) => tails(branch.body))
    case 'receive':
      return [...expression.branches, ...(expression.after === null ? [] : [expression.after])].flatMap((branch) =>
        tails(branch.body),
      )
    case 'with': {
      const result = tails(expression.body)
      if (expression.elseBranches.length > 0)
        result.push(...expression.elseBranches.flatMap((branch) => tails(branch.body)))
      // Without `else` a value that does not match is returned as it is.
      else if (expression.steps.some((step) => step.kind === 'draw')) result.push(unknown(expression))
      return result
    }
    case 'try': {
      const branches = [...expression.rescues, ...expression.catches, ...expression.elses]
      const result = expression.elses.length === 0 ? tails(expression.body) : []
      return [...result, ...branches.flatMap((branch) => tails(branch.body))]
    }
    case 'match':
      return tails(expression.value)
    case 'atom':
    case 'module':
    case 'number':
    case 'text':
    case 'list':
    case 'tuple':
    case 'map':
    case 'binary':
    case 'fn':
    case 'capture':
      return [{ expression, impliedBy: null, isUnknown: false }]
    default:
      return [unknown(expression)]
  }
}

function unknown(expression: Expression): Tail {
  return { expression, impliedBy: null, isUnknown: true }
}

function implied(by: Expression): Tail {
  return { expression: null, impliedBy: by, isUnknown: false }
}

/** Functions that run a function for each element and throw the results away. */
const DISCARDING = new Set(['Enum.each', 'Stream.each', 'Kernel.tap'])

/** Operators whose value can be that of their last operand. */
const PASSING_OPERATORS = new Set(['&&', '||', 'and', 'or'])

/**
 * Whether the value is thrown away: a statement that is not the last of its block, also behind `_ =` or `_name =`, the
 * tail of a discarded `if`, `case`, `cond` or `for`, the last expression of the function given to `Enum.each` or `tap`.
 * A variable that is never read again is for the caller to judge.
 */
export function isDiscarded(expression: Expression): boolean {
  const { parent } = expression
  if (parent === null) return false
  switch (parent.kind) {
    case 'block':
      return parent.statements.at(-1) !== expression || isDiscarded(parent)
    case 'match': {
      const { pattern, value } = parent
      return value === expression && pattern.kind === 'variable' && pattern.name.startsWith('_') && isDiscarded(parent)
    }
    case 'if':
      return parent.condition !== expression && isDiscarded(parent)
    case 'branch': {
      const holder = parent.parent
      if (parent.body !== expression || holder === null) return false
      return holder.kind === 'fn' ? isDiscardingFunction(holder) : isDiscarded(holder)
    }
    case 'with':
      return parent.body === expression && isDiscarded(parent)
    case 'try':
      // With an `else` the value of the body is matched against its branches.
      return (
        parent.after === expression || (parent.body === expression && parent.elses.length === 0 && isDiscarded(parent))
      )
    case 'for': {
      const collects = parent.options?.get('reduce') !== undefined || parent.options?.get('into') !== undefined
      return parent.body === expression && !collects && isDiscarded(parent)
    }
    case 'operator':
      return PASSING_OPERATORS.has(parent.operator) && parent.operands[1] === expression && isDiscarded(parent)
    case 'capture':
      return isDiscardingFunction(parent)
    default:
      return false
  }
}

function isDiscardingFunction(fun: Expression): boolean {
  const call = fun.parent
  return call?.kind === 'call' && DISCARDING.has(call.callee) && call.args[1] === fun
}
