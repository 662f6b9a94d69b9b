// What runs in the agents of a module: closures given to `Agent`, and the local functions that those run. It knows no rule.
import { functionsRunBy } from './detached.ts'
import type { Expression } from './expression.ts'
import type { Clause, Module } from './module.ts'
import { localCalls, whereRuns } from './processes.ts'

const STARTS: ReadonlySet<string> = new Set(['Agent.start', 'Agent.start_link'])
const RUNS_INSIDE: ReadonlySet<string> = new Set([
  ...STARTS,
  'Agent.get',
  'Agent.update',
  'Agent.get_and_update',
  'Agent.cast',
])

/** Whether an expression stands in a closure that an agent runs. */
export function runsInAgent(expression: Expression, clause: Clause): boolean {
  const where = whereRuns(expression, clause)
  return where.at === 'elsewhere' && RUNS_INSIDE.has(where.by.callee)
}

const cache = new WeakMap<Module, ReadonlySet<Clause>>()

/** Clauses of the local functions that agents run, two calls deep. Callers may run them as well. */
export function agentCode(module: Module): ReadonlySet<Clause> {
  const known = cache.get(module)
  if (known !== undefined) return known
  const found = runBy(module, RUNS_INSIDE)
  cache.set(module, found)
  return found
}

/** Whether an agent runs this when it starts, and nothing else does: what is made there belongs to the agent. */
export function startsInAgent(expression: Expression, clause: Clause): boolean {
  const { module } = clause
  const where = whereRuns(expression, clause)
  if (where.at === 'elsewhere') return STARTS.has(where.by.callee)
  if (where.at === 'kept' || !runBy(module, STARTS).has(clause)) return false
  const isRunHere = (other: Clause): boolean => localCalls(other).some(({ fun }) => fun === clause.function)
  return !clause.function.isPublic && !module.functions.some((fun) => fun.clauses.some(isRunHere))
}

function runBy(module: Module, callees: ReadonlySet<string>): Set<Clause> {
  const found = new Set<Clause>()
  for (const { call, clause } of module.callsOf(callees)) {
    for (const { module: owner, name, arity } of functionsRunBy(call, clause, 2)) {
      if (owner === null) for (const each of module.function(name, arity)?.clauses ?? []) found.add(each)
    }
  }
  return found
}
