// What decides whether code runs: the conditions it stands under. It knows no rule.
import { ancestors, type Expression, walk } from './expression.ts'
import type { Clause } from './module.ts'

/**
 * The expressions that decide whether this one runs, innermost first: conditions of `if`, subjects of `case`, all
 * conditions of a `cond`, steps of a `with`, operands of `&&` and its like.
 */
export function conditionsAbove(expression: Expression): Expression[] {
  return [...ancestors(expression)].flatMap(conditionsOf)
}

function conditionsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'if':
      return [expression.condition]
    case 'case':
      return [expression.subject]
    case 'cond':
      return expression.branches.flatMap((branch) => branch.patterns)
    case 'with':
      return expression.steps
    case 'operator':
      return /^(&&|\|\||and|or)$/.test(expression.operator) ? expression.operands : []
    default:
      return []
  }
}

/** Whether code runs in development or in tests alone: under `if Mix.env() == :dev`, whatever else must hold as well. */
export function isForDevelopment(expression: Expression): boolean {
  let inner = expression
  for (const up of ancestors(expression)) {
    if (up.kind === 'if' && inner === (up.isUnless ? up.otherwise : up.then) && namesDevelopment(up.condition))
      return true
    inner = up
  }
  return false
}

function namesDevelopment(condition: Expression): boolean {
  if (condition.kind !== 'operator') return false
  const { operator, operands } = condition
  if (operator === '&&' || operator === 'and') return operands.some(namesDevelopment)
  if (operator === '||' || operator === 'or') return operands.every(namesDevelopment)
  if (operator === '==' || operator === '===') return operands.some(isDevelopment)
  const [, list] = operands
  return operator === 'in' && list?.kind === 'list' && list.elements.length > 0 && list.elements.every(isDevelopment)
}

function isDevelopment(expression: Expression): boolean {
  return expression.kind === 'atom' && (expression.value === 'dev' || expression.value === 'test')
}

/**
 * A condition and all that it is made of: with what a variable in it was bound to, what an attribute holds, and the bodies
 * of local functions it calls, each one step away.
 */
export function* partsOf(condition: Expression, clause: Clause): Iterable<Expression> {
  for (const each of walk(condition)) {
    yield each
    for (const inner of meant(each, clause)) if (inner) yield* walk(inner)
  }
}

function meant(each: Expression, { module, bindings }: Clause): (Expression | null | undefined)[] {
  if (each.kind === 'attribute') return [module.attribute(each.name)]
  if (each.kind === 'variable' && bindings.has(each.name)) return [bindings.get(each.name)?.value]
  const isLocal = each.kind === 'variable' || (each.kind === 'call' && each.isLocal)
  if (!isLocal) return []
  return module.clauses(each.name, each.kind === 'call' ? each.arity : 0).map(({ body }) => body)
}
