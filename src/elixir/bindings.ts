// Where the value of a variable comes from: the binding that a use means, by the scopes of Elixir. It judges no name.
import { ancestors, type Expression, type Variable, walk } from './expression.ts'
import type { Clause } from './module.ts'
import { isPinned } from './patterns.ts'

/** What gives a variable its value: the whole pattern it stands in, and what that is matched against. */
export interface Source {
  pattern: Expression
  /** Null for the parameters of closures, for `receive`, and for what an exception or a `cond` gives. */
  value: Expression | null
}

/** Steps from a variable to the one it is computed from that are followed. */
const STEPS = 3

/** Functions that give the function in the second place what stands in the first. */
const PASSING = new Set(['Kernel.then', 'Kernel.tap'])

const sourceCache = new WeakMap<Clause, ReadonlyMap<string, readonly { at: Variable; source: Source }[]>>()

/** The nearest binding before a use that is visible there; null where the name is a parameter or not bound. */
export function sourceOf(use: Variable, clause: Clause): Source | null {
  const candidates = sourcesIn(clause).get(use.name) ?? []
  // Where the name is bound it is no use.
  if (candidates.some(({ at }) => at === use)) return null
  return candidates.findLast(({ at, source }) => isVisible(at, source, use))?.source ?? null
}

/** Whether a value is, or is computed from, something that `isOrigin` takes, through variables bound on the way. */
export function comesFrom(
  expression: Expression,
  clause: Clause,
  isOrigin: (each: Expression) => boolean,
  steps = STEPS,
): boolean {
  for (const each of walk(expression)) {
    if (isOrigin(each)) return true
    if (each.kind !== 'variable' || steps === 0) continue
    const value = sourceOf(each, clause)?.value
    if (value && comesFrom(value, clause, isOrigin, steps - 1)) return true
  }
  return false
}

function sourcesIn(clause: Clause): ReadonlyMap<string, readonly { at: Variable; source: Source }[]> {
  const cached = sourceCache.get(clause)
  if (cached !== undefined) return cached
  const sources = new Map<string, { at: Variable; source: Source }[]>()
  const add = (pattern: Expression, value: Expression | null): void => {
    for (const each of walk(pattern)) {
      if (each.kind !== 'variable' || isPinned(each)) continue
      const known = sources.get(each.name)
      const found = { at: each, source: { pattern, value } }
      if (known === undefined) sources.set(each.name, [found])
      else known.push(found)
    }
  }
  for (const each of clause.expressions) {
    if (each.kind === 'match' || each.kind === 'draw') add(each.pattern, each.value)
    // Conditions of a `cond` bind by `=` only.
    if (each.kind !== 'branch' || each.parent?.kind === 'cond') continue
    const holder = each.parent
    for (const pattern of each.patterns) add(pattern, holder === null ? null : givenTo(holder))
  }
  for (const found of sources.values()) found.sort((a, b) => a.at.start - b.at.start)
  sourceCache.set(clause, sources)
  return sources
}

/** What the branches of a `case` are matched against, and what `value |> then(fn ... end)` passes on. */
function givenTo(holder: Expression): Expression | null {
  if (holder.kind === 'case') return holder.subject
  const call = holder.kind === 'fn' ? holder.parent : null
  return call?.kind === 'call' && PASSING.has(call.callee) && call.args[1] === holder ? call.args[0]! : null
}

/** `n = n + 1`: the name on the right is not yet the one on the left. What a branch, a closure or a body binds ends with it. */
function isVisible(at: Variable, { pattern, value }: Source, use: Variable): boolean {
  if (use.start <= at.start || contains(pattern, use) || (value !== null && isBoundBy(pattern) && contains(value, use)))
    return false
  let child: Expression = pattern
  for (const up of ancestors(pattern)) {
    if (isScope(up, child) && !contains(up.kind === 'if' || up.kind === 'try' ? child : up, use)) return false
    // The `else` of a `with` sees none of its steps.
    if (up.kind === 'with' && up.elseBranches.some((branch) => contains(branch, use) && branch !== child)) return false
    child = up
  }
  return true
}

function isBoundBy(pattern: Expression): boolean {
  return pattern.parent?.kind === 'match' || pattern.parent?.kind === 'draw'
}

function isScope(up: Expression, child: Expression): boolean {
  switch (up.kind) {
    case 'branch':
    case 'fn':
    case 'capture':
    case 'for':
    case 'with':
    case 'try':
      return true
    case 'if':
      return child !== up.condition
    default:
      return false
  }
}

function contains(outer: Expression, inner: Expression): boolean {
  return outer.start <= inner.start && inner.end <= outer.end
}
