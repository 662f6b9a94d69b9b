// What a `handle_call/3` clause does with its state, told by its parameter and its tails. It knows no rule.
import { type Clause, type Expression, tails, walk } from '#engine'

/** Whether the clause always replies and leaves the state as it was: `{:reply, _, state}` with what it was given. */
export function keepsState({ params, body }: Clause): boolean {
  const state = params[2] === undefined ? null : wholeOf(params[2])
  const all = tails(body)
  return state !== null && all.length > 0 && all.every(({ expression }) => repliesWith(expression, state))
}

/** Whether the clause does as `keepsState` says and never looks into the state either. */
export function ignoresState(clause: Clause): boolean {
  const [, , param] = clause.params
  if (param === undefined || !keepsState(clause)) return false
  const state = wholeOf(param)
  // `%{max: max} = state` has a look, `%State{} = state` has none.
  if (param.kind === 'match' && [param.pattern, param.value].some((side) => side !== state && !isEmpty(side)))
    return false
  return state?.kind !== 'variable' || uses(clause, state.name) === tails(clause.body).length
}

/** How often a variable stands in the body and the guard. */
export function uses(clause: Clause, name: string): number {
  const guard = clause.guard === null ? [] : [...walk(clause.guard)]
  return [...clause.expressions, ...guard].filter((each) => each.kind === 'variable' && each.name === name).length
}

/** The variable for the whole state, also beside a pattern, or the atom that the state always is (`nil`). */
function wholeOf(param: Expression): Expression | null {
  if (param.kind === 'variable' || param.kind === 'atom') return param
  if (param.kind !== 'match') return null
  return [param.pattern, param.value].find((side) => side.kind === 'variable') ?? null
}

function isEmpty(pattern: Expression): boolean {
  return pattern.kind === 'map' && pattern.entries.length === 0
}

function repliesWith(tail: Expression | null, state: Expression): boolean {
  if (tail?.kind !== 'tuple' || tail.elements.length !== 3) return false
  const [tag, , last] = tail.elements
  if (tag?.kind !== 'atom' || tag.value !== 'reply') return false
  if (state.kind === 'variable') return last?.kind === 'variable' && last.name === state.name
  return state.kind === 'atom' && last?.kind === 'atom' && last.value === state.value
}
