// The code that a call makes another process run: which functions it calls there. It knows no rule.
import { type Call, type Capture, type Expression, type Fn, walk } from './expression.ts'
import type { Clause, FunctionFact } from './module.ts'
import { closureRuns, detachedFunction } from './processes.ts'
import { boundValue } from './values.ts'

/** A function that runs: it is called, captured, or named by module, function and arguments. */
export interface RunFunction {
  /** Null for a function of the enclosing module. */
  module: string | null
  name: string
  arity: number
  /** `Mailer.deliver`, `deliver` for one of the enclosing module, '' where it is computed. */
  callee: string
  /** The call, the capture, or the call that starts the process. */
  at: Expression
  /** The clause in which that is written. */
  clause: Clause
}

/** The closures given to a call that starts a process, written in place or bound to a name just before. */
export function detachedClosures(starter: Call, clause: Clause): (Fn | Capture)[] {
  const given = starter.args.flatMap((arg) =>
    arg.kind === 'tuple' || arg.kind === 'list' ? [arg, ...arg.children()] : [arg],
  )
  return given.flatMap((arg) => {
    const term = arg.kind === 'variable' ? (boundValue(arg, clause) ?? arg) : arg
    return term.kind === 'fn' || term.kind === 'capture' ? [term] : []
  })
}

/**
 * What runs in the process that a call starts: the functions of the closure or MFA it is given, then, as many hops
 * away as asked for, those of the local functions among them. Functions are named in source order at each distance.
 */
export function functionsRunBy(starter: Call, clause: Clause, hops = 1): RunFunction[] {
  const found: RunFunction[] = []
  const named = detachedFunction(starter)
  if (named !== null) {
    const module = named.module === clause.module.name ? null : named.module
    found.push(runFunction(module, named.name, named.arity, starter, clause))
  }
  for (const closure of detachedClosures(starter, clause)) found.push(...functionsIn(walk(closure), closure, clause))

  const seen = new Set<FunctionFact>()
  let step: readonly RunFunction[] = found
  for (let hop = 0; hop < hops && step.length > 0; hop++) {
    const next: RunFunction[] = []
    for (const { module, name, arity } of step) {
      const fun = module === null ? clause.module.function(name, arity) : undefined
      if (fun === undefined || seen.has(fun)) continue
      seen.add(fun)
      for (const each of fun.clauses) next.push(...functionsIn(each.expressions, each.body, each))
    }
    found.push(...next)
    step = next
  }
  return found
}

function functionsIn(expressions: Iterable<Expression>, root: Expression | null, clause: Clause): RunFunction[] {
  const found: RunFunction[] = []
  for (const at of expressions) {
    if (at.kind === 'call') found.push(runFunction(at.module, at.name, at.arity, at, clause, at.callee))
    else if (at.kind === 'variable' && !clause.isBound(at.name) && clause.module.has(at.name, 0))
      found.push(runFunction(null, at.name, 0, at, clause))
    else if (at.kind === 'capture' && at.function !== null && (at === root || closureRuns(at, clause).at !== 'kept'))
      found.push(runFunction(at.function.module, at.function.name, at.function.arity, at, clause))
  }
  return found
}

function runFunction(
  module: string | null,
  name: string,
  arity: number,
  at: Expression,
  clause: Clause,
  callee = module === null ? name : `${module}.${name}`,
): RunFunction {
  return { module, name, arity, callee, at, clause }
}
