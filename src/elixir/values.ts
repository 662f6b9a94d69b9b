// Values that are known without running anything: literals, attributes with a literal, variables bound once to one.
import { canonical, type Expression, type Variable } from './expression.ts'
import type { Clause, Module } from './module.ts'

/**
 * What an expression stands for, one step through an attribute or a variable at a time: the literal where it is known,
 * else the expression itself. A variable counts when it is bound exactly once in the clause, by `name = value`.
 */
export function resolve(expression: Expression, module: Module, clause: Clause | null = null): Expression {
  let term = expression
  for (let step = 0; step < 4; step++) {
    const next = advance(term, module, clause)
    if (next === undefined || next === term) return term
    term = next
  }
  return term
}

function advance(term: Expression, module: Module, clause: Clause | null): Expression | undefined {
  if (term.kind === 'attribute') return attributeValue(term.name, module)
  if (term.kind === 'variable')
    return clause === null ? undefined : (boundValue(term, clause) ?? zeroArity(term.name, module, clause))
  if (term.kind === 'call' && term.isLocal && term.args.length === 0) return zeroArity(term.name, module, clause)
  return undefined
}

function attributeValue(name: string, module: Module): Expression | undefined {
  const value = module.attribute(name)
  return value === undefined || value.kind === 'call' ? undefined : value
}

/** `defp server, do: App.Server`: what a function without parameters always returns, where that is written out. */
function zeroArity(name: string, module: Module, clause: Clause | null): Expression | undefined {
  if (clause?.isBound(name)) return undefined
  const [only, ...others] = module.clauses(name, 0)
  if (only === undefined || others.length > 0 || only.guard !== null) return undefined
  const { body } = only
  if (body === null) return undefined
  return body.kind === 'module' || body.kind === 'atom' || body.kind === 'attribute' || body.kind === 'tuple'
    ? body
    : undefined
}

/** The value of the only `name = value` in the clause; undefined where the name is bound otherwise or more than once. */
export function boundValue(variable: Variable, clause: Clause): Expression | undefined {
  return clause.bindings.get(variable.name)?.value ?? undefined
}

/** An atom or module name as one comparable text (`:jobs`, `App.Server`); null for anything else. */
export function nameOf(expression: Expression, module: Module, clause: Clause | null = null): string | null {
  const term = resolve(expression, module, clause)
  if (term.kind === 'module') return term.name
  if (term.kind === 'atom') return `:${term.value}`
  return null
}

/** Whether two expressions are written alike, whatever the white space, or name the same thing. */
export function isSame(a: Expression, b: Expression, module: Module): boolean {
  return canonical(resolve(a, module)) === canonical(resolve(b, module))
}

/** What has been folded, and null for what is being folded: attributes can be written in terms of each other. */
const folded = new WeakMap<Expression, number | null>()

/** Milliseconds, where the expression folds to a number: integers, `*`, `+`, `:timer.*`, `to_timeout`, attributes. */
export function foldNumber(expression: Expression, module: Module): number | null {
  const known = folded.get(expression)
  if (known !== undefined) return known
  folded.set(expression, null)
  const term = resolve(expression, module)
  // `@interval :timer.hours(6)`: no literal, but a call that folds is as constant as one.
  const value = fold((term.kind === 'attribute' ? module.attribute(term.name) : undefined) ?? term, module)
  folded.set(expression, value)
  return value
}

function fold(term: Expression, module: Module): number | null {
  const each = (some: readonly Expression[]): (number | null)[] => some.map((one) => foldNumber(one, module))
  if (term.kind === 'number') return Number.isNaN(term.value) ? null : term.value
  if (term.kind === 'operator' && term.operands.length === 2) {
    const [a = null, b = null] = each(term.operands)
    if (a === null || b === null) return null
    if (term.operator === '*') return a * b
    if (term.operator === '+') return a + b
    return term.operator === '-' ? a - b : null
  }
  if (term.kind !== 'call') return null
  const unit = UNITS[term.callee]
  if (unit !== undefined && term.args.length === 1) {
    const [count = null] = each(term.args)
    return count === null ? null : count * unit
  }
  if (term.callee === ':timer.hms' && term.args.length === 3) {
    return each(term.args).reduce(
      (sum, part, index) => (sum === null || part === null ? null : sum + part * HMS[index]!),
      0,
    )
  }
  if (term.callee === 'Kernel.to_timeout' && term.args[0]?.kind === 'list') {
    return term.args[0].elements.reduce((sum: number | null, pair) => {
      const per = pair.kind === 'pair' && pair.key.kind === 'atom' ? TIMEOUT_UNITS[pair.key.value] : undefined
      const count = pair.kind === 'pair' ? foldNumber(pair.value, module) : null
      return sum === null || per === undefined || count === null ? null : sum + per * count
    }, 0)
  }
  return null
}

const HMS = [3_600_000, 60_000, 1000] as const

const UNITS: Readonly<Record<string, number>> = {
  ':timer.seconds': 1000,
  ':timer.minutes': 60_000,
  ':timer.hours': 3_600_000,
}

const TIMEOUT_UNITS: Readonly<Record<string, number>> = {
  millisecond: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
}
