// What runs inside an agent: the function that it is given, without what that starts elsewhere or keeps. It knows no rule.
import { ancestors, type Clause, closureRuns, detaches, type Expression } from '#engine'

/** Whether code below a function given to an agent does not run in it: in a task that it starts, or for later. */
export function runsElsewhere(expression: Expression, fun: Expression, clause: Clause): boolean {
  for (const up of ancestors(expression)) {
    if (up === fun) return false
    if (up.kind === 'call' && detaches(up)) return true
    if ((up.kind === 'fn' || up.kind === 'capture') && closureRuns(up, clause).at === 'kept') return true
  }
  return false
}
