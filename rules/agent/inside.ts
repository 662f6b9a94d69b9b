// What runs inside an agent: the function that it is given, without what that starts elsewhere. It knows no rule.
import { ancestors, detaches, type Expression } from '#engine'

/** Whether code below a function given to an agent runs in another process again: in a task that it starts. */
export function runsElsewhere(expression: Expression, fun: Expression): boolean {
  for (const up of ancestors(expression)) {
    if (up === fun) return false
    if (up.kind === 'call' && detaches(up)) return true
  }
  return false
}
