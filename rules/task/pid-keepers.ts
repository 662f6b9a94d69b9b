// Who has the pid of a started process, and what for. It knows no rule.
import {
  ancestors,
  type Call,
  type Clause,
  detachedClosures,
  type Expression,
  fateOf,
  type FunctionFact,
  functionsRunBy,
  takersOf,
  type Variable,
  variablesIn,
  walk,
  whereRuns,
} from '#engine'

/** Whether somebody has the pid and does more with it than print it or give it a name. */
export function isKept(call: Call, clause: Clause): boolean {
  const fate = fateOf(call, clause)
  if (fate.kind === 'given') return !isMention(fate.to)
  if (fate.kind === 'returned') return isStarter(call, clause) || takesMessages(call, clause) || isTaken(call, clause)
  return fate.kind === 'bound' && fate.uses.some(isUse)
}

/** More than a mention, and not of the reason of an error that a starter does not give. */
function isUse(variable: Variable): boolean {
  const { name, parent } = variable
  if (parent !== null && isMention(parent)) return false
  return !ancestors(variable).some((up) => up.kind === 'branch' && up.patterns.some((each) => isErrorWith(each, name)))
}

function isErrorWith(pattern: Expression, name: string): boolean {
  if (pattern.kind !== 'tuple' || !variablesIn(pattern).includes(name)) return false
  const [tag] = pattern.elements
  return tag?.kind === 'atom' && tag.value === 'error'
}

/** `def start(fun), do: Task.start(fun)`: whoever calls it wants the pid. */
function isStarter(call: Call, clause: Clause): boolean {
  const { name, isPublic } = clause.function
  return isPublic && (STARTER_NAMES.has(name) || (/^(?:start|spawn)/.test(name) && runsWhatIsGiven(call, clause)))
}

const STARTER_NAMES = new Set(['start', 'spawn', 'spawn_link', 'spawn_monitor', 'spawn_opt'])

/** `spawn(fun)`, `spawn(fn -> fun.() end)`, or a module, name and arguments, with parameters of the function. */
function runsWhatIsGiven(call: Call, clause: Clause): boolean {
  const given = new Set(clause.params.flatMap(variablesIn))
  const isGiven = (each: Expression | undefined): boolean => each?.kind === 'variable' && given.has(each.name)
  if (isGiven(call.args[0])) return true
  const [, , list] = call.args
  const handed = list?.kind === 'list' ? list.elements : []
  if (handed.some((each) => each.kind === 'tuple' && each.elements.length === 3 && each.elements.every(isGiven)))
    return true
  return detachedClosures(call, clause).some((closure) =>
    walk(closure).some((each) => each.kind === 'call' && each.receiver !== null && isGiven(each.receiver)),
  )
}

/** A private function that returns the pid to somebody who keeps it. */
function isTaken(call: Call, clause: Clause): boolean {
  return takersOf(call, clause).some((taker) => {
    const fate = fateOf(taker.call, taker.clause)
    if (fate.kind === 'given') return !isMention(fate.to)
    return fate.kind === 'bound' && fate.uses.some(isUse)
  })
}

/** A process that waits for messages is of no use to a caller that does not keep the pid it gets. */
function takesMessages(call: Call, clause: Clause): boolean {
  const isReceive = ({ kind }: Expression): boolean => kind === 'receive'
  const run = functionsRunBy(call, clause)
  // It waits for the end of another process.
  if (run.some(({ callee }) => callee === 'Process.monitor')) return false
  if (detachedClosures(call, clause).some((closure) => [...walk(closure)].some(isReceive))) return true
  return run.some(
    ({ module, name, arity }) =>
      module === null && clause.module.clauses(name, arity).some(({ expressions }) => expressions.some(isReceive)),
  )
}

function isMention(expression: Expression): boolean {
  if (expression.kind === 'text') return true
  if (expression.kind !== 'call') return false
  return /^(Logger|IO)\./.test(expression.callee) || MENTIONS.has(expression.callee)
}

const MENTIONS = new Set(['Kernel.inspect', 'Process.register', ':erlang.register'])

/** A `receive` further down, or in the function that is given the pid, waits for what the process sends. */
export function isAwaited(call: Call, clause: Clause): boolean {
  const isHere = clause.expressions.some(
    (each) => each.kind === 'receive' && each.start > call.end && whereRuns(each, clause).at !== 'elsewhere',
  )
  return isHere || (fateOf(call, clause).kind === 'returned' && clause.module.functions.some(isReceiver))
}

/** `def result(pid)` with a `receive` that looks for its parameter: `{^pid, result}`. */
function isReceiver({ clauses }: FunctionFact): boolean {
  return clauses.some(({ params, expressions }) => {
    const given = params.flatMap(variablesIn)
    return expressions.some(
      (each) =>
        each.kind === 'receive' &&
        each.branches.some(({ patterns }) =>
          patterns
            .flatMap((pattern) => [...walk(pattern)])
            .some((part) => part.kind === 'operator' && part.operator === '^' && given.includes(part.text.slice(1))),
        ),
    )
  })
}
