// Which tasks an await waits for, and what protects it: the starters that feed it, the `try` around it. It knows no rule.
import { ancestors, type Call, type Capture, type Expression, type Try, type Variable, walk } from './expression.ts'
import type { Clause } from './module.ts'
import { closureRuns, whereRuns } from './processes.ts'
import { boundValue } from './values.ts'

const LINKED = new Set(['Task.async', 'Task.Supervisor.async'])
const NOLINK = 'Task.Supervisor.async_nolink'

/** Whether a call starts a task that is to be awaited. */
export function startsAwaitable(call: Call): boolean {
  return LINKED.has(call.callee) || call.callee === NOLINK
}

/** Whether the task that a call starts is linked to the process that started it. */
export function startsLinked(call: Call): boolean {
  return LINKED.has(call.callee)
}

/** A place at which a clause waits for tasks in its own process: a call, or a captured `&Task.await/1`. */
export interface Await {
  at: Call | Capture
  /** `await`, `await_many`, `yield`, `yield_many`. */
  name: string
  /** The tasks as written: the first argument, or the collection that a captured function is given. Null where unknown. */
  tasks: Expression | null
}

/** Where a clause calls one of these functions of `Task`, in source order. */
export function awaitsIn(clause: Clause, names: ReadonlySet<string>): Await[] {
  return clause.expressions.flatMap((at): Await[] => {
    if (at.kind === 'call') {
      if (at.module !== 'Task' || !names.has(at.name) || whereRuns(at, clause).at !== 'here') return []
      return [{ at, name: at.name, tasks: at.args[0] ?? null }]
    }
    if (at.kind !== 'capture' || at.function?.module !== 'Task' || !names.has(at.function.name)) return []
    if (closureRuns(at, clause).at !== 'here' || whereRuns(at, clause).at !== 'here') return []
    return [{ at, name: at.function.name, tasks: at.parent?.kind === 'call' ? (at.parent.args[0] ?? null) : null }]
  })
}

/**
 * The calls of the clause that start the awaited tasks. Where a name cannot be followed (a parameter, a destructured
 * list), all that the clause starts, if they are all of one kind.
 */
export function startersOf({ tasks }: Await, clause: Clause): Call[] {
  const traced = tasks === null ? [] : trace(tasks, clause, new Set())
  if (traced.length > 0) return traced
  const all = clause.calls.filter((call) => startsAwaitable(call) && whereRuns(call, clause).at === 'here')
  return new Set(all.map(startsLinked)).size === 1 ? all : []
}

/** What has been seen on the way is not looked at again. */
function trace(expression: Expression, clause: Clause, seen: Set<Expression>): Call[] {
  if (seen.has(expression)) return []
  seen.add(expression)
  const found: Call[] = []
  const names: Variable[] = []
  for (const each of walk(expression)) {
    if (each.kind === 'variable') names.push(each)
    else if (each.kind === 'call' && startsAwaitable(each) && whereRuns(each, clause).at === 'here') found.push(each)
  }
  if (found.length > 0) return found
  for (const name of names) {
    const value = boundValue(name, clause) ?? elementsOf(name)
    if (value !== undefined) found.push(...trace(value, clause, seen))
  }
  return found
}

/** What a name of a closure stands for one element of: the collection in `Enum.map(tasks, fn task -> ... end)`. */
export function elementsOf(variable: Variable): Expression | undefined {
  for (const up of ancestors(variable)) {
    if (
      up.kind === 'branch' &&
      up.parent?.kind === 'fn' &&
      up.patterns.some((pattern) => binds(pattern, variable.name))
    ) {
      const call = up.parent.parent
      return call?.kind === 'call' && call.args[0] !== up.parent ? call.args[0] : undefined
    }
    if (up.kind === 'for') {
      for (const step of up.steps) if (step.kind === 'draw' && binds(step.pattern, variable.name)) return step.value
    }
  }
  return undefined
}

function binds(pattern: Expression, name: string): boolean {
  return walk(pattern).some((each) => each.kind === 'variable' && each.name === name)
}

/** The `try` expressions, also of the definition itself, in whose protected body an expression stands. Innermost first. */
export function protections(expression: Expression): Try[] {
  const found: Try[] = []
  let inner = expression
  for (const up of ancestors(expression)) {
    if (up.kind === 'try' && up.body === inner) found.push(up)
    inner = up
  }
  return found
}
