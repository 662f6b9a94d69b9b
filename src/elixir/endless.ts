// Whether code visibly never comes back: every way through it ends in itself, or by leaving. It knows no rule.
import type { Call, Expression } from './expression.ts'
import { detachedClosures } from './detached.ts'
import type { Clause, FunctionFact } from './module.ts'
import { detachedFunction } from './processes.ts'
import { tails } from './tails.ts'

const LEAVING = new Set(['Kernel.exit', 'Kernel.raise', 'Kernel.reraise', 'Kernel.throw', ':erlang.exit'])

/** Whether the process that a call starts runs a loop of this module: it ends by an exit alone, and has no result. */
export function startsLoop(starter: Call, clause: Clause): boolean {
  const named = detachedFunction(starter)
  if (named !== null) {
    const fun = named.module === clause.module.name ? clause.module.function(named.name, named.arity) : undefined
    return fun !== undefined && isLoop(fun, new Set())
  }
  const closures = detachedClosures(starter, clause)
  return (
    closures.length > 0 &&
    closures.every((closure) => {
      if (closure.kind === 'fn') return closure.branches.every((branch) => neverReturns(branch.body, clause, new Set()))
      const { function: called, body } = closure
      if (called === null) return neverReturns(body, clause, new Set())
      const fun = called.module === null ? clause.module.function(called.name, called.arity) : undefined
      return fun !== undefined && isLoop(fun, new Set())
    })
  )
}

function isLoop(fun: FunctionFact, above: ReadonlySet<FunctionFact>): boolean {
  if (above.has(fun)) return true
  const inner = new Set(above).add(fun)
  return fun.clauses.length > 0 && fun.clauses.every(({ body }, at) => neverReturns(body, fun.clauses[at]!, inner))
}

function neverReturns(body: Expression | null, clause: Clause, above: ReadonlySet<FunctionFact>): boolean {
  const all = tails(body)
  return all.length > 0 && all.every(({ expression }) => expression !== null && goesOn(expression, clause, above))
}

function goesOn(last: Expression, clause: Clause, above: ReadonlySet<FunctionFact>): boolean {
  const { module } = clause
  if (last.kind === 'variable') {
    const fun = clause.isBound(last.name) ? undefined : module.function(last.name, 0)
    return fun !== undefined && isLoop(fun, above)
  }
  if (last.kind !== 'call') return false
  if (LEAVING.has(last.callee)) return true
  const fun = last.isLocal ? module.function(last.name, last.arity) : undefined
  return fun !== undefined && isLoop(fun, above)
}
