// Code of which it is certain that it runs in the process that runs the clause. A function of another module may run
// the closure that it is given anywhere.
import { ancestors, type Call, type Capture, type Expression, type Fn } from './expression.ts'
import type { Clause } from './module.ts'
import { closureRuns, whereRuns } from './processes.ts'

/** Modules whose functions run what they are given at once, in the calling process. */
const RUNNING_HERE = new Set([
  'Access',
  'Code',
  'Enum',
  'File',
  'IO',
  'Kernel',
  'Keyword',
  'List',
  'Logger',
  'Macro',
  'Map',
  'MapSet',
  'Range',
  'Regex',
  'String',
  'Tuple',
  ':ets',
  ':lists',
  ':maps',
])
const RUNS_HERE = new Set([
  'Registry.dispatch',
  'Registry.update_value',
  ':global.trans',
  ':mnesia.transaction',
  ':mnesia.activity',
  ':telemetry.span',
  ':timer.tc',
])
const OF_A_REPOSITORY = new Set(['transaction', 'transact', 'checkout', 'in_transaction'])

/** Local functions that hand a closure on are followed this far. */
const DEPTH = 3

/** Whether an expression, or a function captured there, surely runs in the process that runs the clause. */
export function runsSurelyHere(expression: Expression, clause: Clause): boolean {
  return isSurelyHere(expression, clause, DEPTH)
}

function isSurelyHere(expression: Expression, clause: Clause, depth: number): boolean {
  if (whereRuns(expression, clause).at !== 'here') return false
  return [expression, ...ancestors(expression)].every((up) => !isClosure(up) || isSurelyRun(up, clause, depth))
}

function isClosure(expression: Expression): expression is Fn | Capture {
  return expression.kind === 'fn' || expression.kind === 'capture'
}

function isSurelyRun(closure: Fn | Capture, clause: Clause, depth: number): boolean {
  if (closureRuns(closure, clause).at !== 'here') return false
  const { parent } = closure
  if (parent?.kind === 'for') return true
  if (parent?.kind === 'call') return isRunBy(parent, closure, clause, depth)
  return (
    parent?.kind === 'match' &&
    parent.pattern.kind === 'variable' &&
    areSureUses(parent.pattern.name, closure.end, clause, depth)
  )
}

/** Whether a call surely runs here the function that it calls or is given. */
function isRunBy(call: Call, given: Expression, clause: Clause, depth: number): boolean {
  if (call.receiver === given) return true
  if (call.module !== null) {
    const isRepository = /(^|\.)Repo$/.test(call.module) && OF_A_REPOSITORY.has(call.name)
    return isRepository || RUNNING_HERE.has(call.module) || RUNS_HERE.has(call.callee)
  }
  const fun = call.isLocal ? clause.module.function(call.name, call.arity) : undefined
  if (fun === undefined || fun.arity !== call.arity || fun.clauses.length === 0 || depth === 0) return false
  const position = call.args.indexOf(given)
  return fun.clauses.every((callee) => {
    const param = callee.params[position]
    return param?.kind === 'variable' && areSureUses(param.name, callee.start, callee, depth - 1)
  })
}

/** Whether a function under a name is used from there on, and only to be run here. */
function areSureUses(name: string, from: number, clause: Clause, depth: number): boolean {
  const uses = clause.variables(name).filter(({ start }) => start >= from)
  return (
    uses.length > 0 &&
    uses.every(
      (use) =>
        use.parent?.kind === 'call' &&
        isSurelyHere(use.parent, clause, depth) &&
        isRunBy(use.parent, use, clause, depth),
    )
  )
}
