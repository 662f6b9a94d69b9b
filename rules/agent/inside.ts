// What runs inside an agent, and how long an agent lives. It knows no rule.
import { ancestors, argumentFor, type Clause, closureRuns, detaches, type Expression, isSame, startedBy } from '#engine'

/** Whether code below a function given to an agent does not run in it: in a task that it starts, or for later. */
export function runsElsewhere(expression: Expression, fun: Expression, clause: Clause): boolean {
  for (const up of ancestors(expression)) {
    if (up === fun) return false
    if (up.kind === 'call' && detaches(up)) return true
    if ((up.kind === 'fn' || up.kind === 'capture') && closureRuns(up, clause).at === 'kept') return true
  }
  return false
}

/** Functions whose caller keeps what they start. */
const STARTS = /^(start|init|child_spec|new|open|setup)/
const STOPS: ReadonlySet<string> = new Set(['Agent.stop', 'GenServer.stop'])

/** An agent without a name that a function of this module starts for its own work, and the module stops again. */
export function isScratchPad(agent: Expression, clause: Clause): boolean {
  if (agent.kind !== 'variable' || clause.module.is('Agent')) return false
  const start = startedBy(agent, clause)
  return (
    start !== null &&
    /^Agent\.start(_link)?$/.test(start.call.callee) &&
    start.call.args.length === 1 &&
    !STARTS.test(start.clause.function.name) &&
    clause.module.callsOf(STOPS).length > 0
  )
}

/** Which agent a call in a function means to the one who calls that function with `by`: a parameter is what it is given. */
function agentFor(target: Expression, helper: Clause, by: Expression): Expression {
  if (target.kind !== 'variable') return target
  const position = helper.params.findIndex((param) => param.kind === 'variable' && param.name === target.name)
  const given = argumentFor(helper, position, by)
  return (given === 'default' ? helper.function.defaults[position] : given) ?? target
}

/** Whether a function that is called with `by` means the agent of the caller: by what it is given, `via(id)` included. */
export function meansAgent(target: Expression, agent: Expression, helper: Clause, by: Expression): boolean {
  if (target.kind === 'variable') {
    const given = agentFor(target, helper, by)
    return given !== target && isSame(given, agent, helper.module)
  }
  return (
    target.kind === 'call' &&
    agent.kind === 'call' &&
    target.callee === agent.callee &&
    target.args.length === agent.args.length &&
    target.args.some(({ kind }) => kind === 'variable') &&
    target.args.every((arg, index) => {
      const wanted = agent.args[index]!
      return arg.kind === 'variable' ? meansAgent(arg, wanted, helper, by) : isSame(arg, wanted, helper.module)
    })
  )
}
