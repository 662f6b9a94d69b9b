// What a clause returns once the local functions in its last place have run too. It knows no callback.
import type { Expression } from './expression.ts'
import type { Clause, FunctionFact } from './module.ts'
import { type Tail, tails } from './tails.ts'

/** A tail of the clause itself, or of a local function whose value it returns as it is. */
export interface Result {
  tail: Tail
  /** The clause in which the tail is written. */
  clause: Clause
  /** The calls on the way to it, outermost first. */
  hops: readonly Expression[]
}

/**
 * Every value that a clause can return, those of the clause itself first. A call of a local function in the last place (`state |> noreply()`) stands for
 * the results of all its clauses; what is computed in any other way stays the unknown tail that it is.
 */
export function results(clause: Clause): Result[] {
  const found: Result[] = []
  const seen = new Set([clause])
  const open: { clause: Clause; hops: readonly Expression[] }[] = [{ clause, hops: [] }]
  for (const { clause: at, hops } of open) {
    for (const tail of tails(at.body)) {
      const fun = tail.isUnknown && tail.expression !== null ? calledFunction(tail.expression, at) : undefined
      if (fun === undefined || fun.clauses.length === 0) {
        found.push({ tail, clause: at, hops })
        continue
      }
      for (const callee of fun.clauses) {
        if (seen.has(callee)) continue
        seen.add(callee)
        open.push({ clause: callee, hops: [...hops, tail.expression!] })
      }
    }
  }
  return found
}

/** Whether a callback ends its process, whatever happens in it: all its results are `{:stop, ...}` or `:ignore`. */
export function endsItsProcess(callback: Clause): boolean {
  const all = results(callback)
  return (
    all.length > 0 &&
    all.every(({ tail: { expression } }) => {
      const answer = expression?.kind === 'tuple' ? expression.elements[0] : expression
      return answer?.kind === 'atom' && (answer.value === 'stop' || answer.value === 'ignore')
    })
  )
}

/** How many elements a result has whose last one is a timeout, by its tag. */
const TIMED_SIZES: Readonly<Record<string, number>> = { noreply: 3, reply: 4 }

/** `{:noreply, :ok, state}`: the callback gives its state where a timeout is expected. */
export function givesStateAsTimeout(result: Expression | null, callback: Clause): boolean {
  const tag = result?.kind === 'tuple' ? result.elements[0] : undefined
  if (result?.kind !== 'tuple' || tag?.kind !== 'atom' || TIMED_SIZES[tag.value] !== result.elements.length)
    return false
  const last = result.elements.at(-1)!
  const state = callback.params.at(-1)
  // A state that is a number may well be the timeout; one that turns into an atom is none.
  if (last.kind !== 'variable' || state === undefined || result.elements.at(-2)!.kind !== 'atom') return false
  const names = state.kind === 'match' ? [state.pattern, state.value] : [state]
  return names.some((name) => name.kind === 'variable' && name.name === last.name)
}

/** The local function that a call, or a name without parentheses, runs. */
function calledFunction(expression: Expression, clause: Clause): FunctionFact | undefined {
  if (expression.kind === 'call' && expression.isLocal) return clause.module.function(expression.name, expression.arity)
  if (expression.kind === 'variable' && !clause.isBound(expression.name))
    return clause.module.function(expression.name, 0)
  return undefined
}
