import {
  ancestors,
  type Call,
  type Clause,
  defineRule,
  type Edit,
  elementsOf,
  elixir,
  type Expression,
  fateOf,
  foldNumber,
  functionsRunBy,
  isDiscarded,
  isWithin,
  type List,
  type Problem,
  reach,
  resolve,
  startersOf,
  survivesNil,
  startsAwaitable,
  startsLinked,
  type Variable,
  variablesIn,
  walk,
} from '#engine'
import { taskSupervisor } from '../principles.ts'

/** What ends a task, disowns it, or waits on. */
const ENDING = new Set([
  'Task.shutdown',
  'Task.ignore',
  'Task.await',
  'Task.await_many',
  'Process.exit',
  'Task.Supervisor.terminate_child',
])

export default defineRule({
  id: 'task-yield-without-shutdown',
  title: 'A timed-out task keeps running',
  principles: [taskSupervisor],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',
  scripts: 'off',

  why: `
    Task.yield gives nil when the time is up, and changes nothing for the task: it runs on with its connection and its
    memory, and sends its result later to a process that has stopped waiting. Under load the abandoned tasks pile up
    exactly when there is least room for them. Task.shutdown ends the task, and still gives the result if it arrived in
    the meantime.
  `,
  instead:
    'Write `Task.yield(task, timeout) || Task.shutdown(task)`; for many, `Task.yield_many(tasks, timeout: timeout, on_timeout: :kill_task)`.',
  ignoreWhen:
    'When the task must finish even though nobody waits: then `Task.ignore/1` or `Task.Supervisor.start_child/2` says so.',
  limits: 'A task that is returned, stored, or given to another function is taken to be looked after.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Rates do
          def fetch(currency) do
            task = Task.async(fn -> Shop.Bank.rate(currency) end)

            case Task.yield(task, 500) do # finding
              {:ok, rate} -> rate
              nil -> :timeout
            end
          end
        end
      `,
      good: elixir`
        defmodule Shop.Rates do
          def fetch(currency) do
            task = Task.async(fn -> Shop.Bank.rate(currency) end)

            case Task.yield(task, 500) || Task.shutdown(task) do
              {:ok, rate} -> rate
              nil -> :timeout
            end
          end
        end
      `,
    },
  ],

  on: 'call',
  callees: ['Task.yield', 'Task.yield_many'],
  *check({ call, clause }) {
    if (call.arity < 1 || call.arity > 2) return
    if (call.name === 'yield') yield* one(call, clause)
    else yield* many(call, clause)
  },
})

function* one(call: Call, clause: Clause): Iterable<Problem> {
  const [task, timeout] = call.args
  if (
    isInfinite(timeout, clause) ||
    isZero(timeout, clause) ||
    isFollowedByShutdown(call) ||
    !isAbandoned(task!, call, clause)
  )
    return
  if (diesWithTasks(call, clause) || reportsItself(call, clause)) return
  yield {
    at: call.at,
    message:
      `When \`Task.yield\` in \`${clause.function.id}\` gives \`nil\`, its task runs on, and its result arrives in a process that no longer waits. ` +
      `\`${yieldText(call)} || Task.shutdown(${task!.kind === 'variable' ? task!.name : 'task'})\` ends it.`,
    edit: shutdownEdit(call, clause),
  }
}

function* many(call: Call, clause: Clause): Iterable<Problem> {
  const [tasks, timeout] = call.args
  const given = timeout === undefined ? undefined : resolve(timeout, clause.module, clause)
  if (given?.kind === 'list' ? !leavesRunning(given, clause) : isInfinite(timeout, clause) || isUnknownOption(given))
    return
  if (fateOf(call, clause).kind === 'returned' || endsTasks(clause) || !isStartedHere(tasks!, clause)) return
  if (tasks!.kind === 'variable' && isReadAfter(tasks!, call, clause)) return
  if (diesWithTasks(call, clause)) return
  yield {
    at: call.at,
    message:
      `\`Task.yield_many\` in \`${clause.function.id}\` gives \`nil\` for tasks that are not done in time. Nothing ends them: they run on. ` +
      '`on_timeout: :kill_task` among its options does, or `Task.shutdown/1` for each of them.',
  }
}

/** Options with which tasks that are late go on: no `on_timeout:`, and a time that ends. */
function leavesRunning(options: List, clause: Clause): boolean {
  return options.tail === null && options.get('on_timeout') === undefined && !isInfinite(options.get('timeout'), clause)
}

/** A name that could stand for options as well as for a time. */
function isUnknownOption(given: Expression | undefined): boolean {
  return given?.kind === 'variable' && /opt/.test(given.name)
}

function isInfinite(timeout: Expression | undefined, clause: Clause): boolean {
  if (timeout === undefined) return false
  const value = resolve(timeout, clause.module, clause)
  return value.kind === 'atom' && value.value === 'infinity'
}

/** A poll: it takes what is there and comes back later. */
function isZero(timeout: Expression | undefined, clause: Clause): boolean {
  return timeout !== undefined && foldNumber(timeout, clause.module) === 0
}

/** `Task.yield(task) || Task.shutdown(task)`, and the same with `case` or `if` on the answer. */
function isFollowedByShutdown(call: Call): boolean {
  for (const up of ancestors(call)) {
    if (up.kind === 'fn' || up.kind === 'block') return false
    const others = up.kind === 'operator' ? up.operands.slice(1) : up.kind === 'case' ? up.branches : []
    if (others.some(ends)) return true
  }
  return false
}

function ends(expression: Expression): boolean {
  return [...walk(expression)].some(
    (each) =>
      (each.kind === 'call' && ENDING.has(each.callee)) ||
      (each.kind === 'capture' &&
        each.function !== null &&
        ENDING.has(`${each.function.module}.${each.function.name}`)),
  )
}

function endsTasks(clause: Clause): boolean {
  return reach([clause]).some((reached) => reached.clause.body !== null && ends(reached.clause.body))
}

/** Whether this function started the task, and nothing but this yield ever does anything with it. */
function isAbandoned(task: Expression, call: Call, clause: Clause): boolean {
  if (task.kind === 'call') return startsAwaitable(task)
  if (task.kind !== 'variable' || !isOnlyRead(task, clause) || isInLoop(task, call)) return false
  const elements = elementsOf(task)
  if (elements === undefined) return startsTasks(clause.bindings.get(task.name)?.value)
  return elements.kind === 'variable'
    ? isOnlyRead(elements, clause) && isStartedHere(elements, clause)
    : startsTasks(elements)
}

/** The yield is all that reads the name. */
function isOnlyRead(variable: Variable, clause: Clause): boolean {
  return clause.variables(variable.name).every((each) => each === variable || isPattern(each))
}

function isReadAfter({ name }: Variable, call: Call, clause: Clause): boolean {
  return clause.variables(name).some((each) => each.start > call.end && !isPattern(each))
}

function isPattern(variable: Variable): boolean {
  for (const up of ancestors(variable)) {
    if (up.kind === 'match' || up.kind === 'draw') return isWithin(variable, up.pattern)
    if (up.kind === 'branch') return up.patterns.some((pattern) => isWithin(variable, pattern))
  }
  return false
}

/** In a closure that does not bind the name it may be yielded more than once. */
function isInLoop(task: Variable, call: Call): boolean {
  for (const up of ancestors(call)) {
    if (up.kind !== 'fn') continue
    return !up.branches.some(({ patterns }) => patterns.some((pattern) => variablesIn(pattern).includes(task.name)))
  }
  return false
}

/** A list of tasks, or of names of tasks that nothing else reads. */
function isStartedHere(tasks: Expression, clause: Clause): boolean {
  const list = listOf(tasks, clause)
  if (list === null || list === undefined) return false
  if (list.kind === 'call' && /^Enum\.(?:filter|reject)$/.test(list.callee)) return isStartedHere(list.args[0]!, clause)
  if (list.kind !== 'list') return startsTasks(list)
  return list.elements.every((each) =>
    each.kind === 'variable'
      ? isOnlyRead(each, clause) && startsTasks(clause.bindings.get(each.name)?.value)
      : startsTasks(each),
  )
}

/** The task tells what it found by a message of its own: that it goes on is what is wanted. */
function reportsItself(call: Call, clause: Clause): boolean {
  const starters = startersOf({ at: call, name: call.name, tasks: call.args[0]! }, clause)
  return (
    starters.length > 0 &&
    starters.every((starter) => functionsRunBy(starter, clause).some(({ callee }) => TELLING.test(callee)))
  )
}

const TELLING = /^(?:Kernel\.send|Process\.send|GenServer\.cast)$|(?:^|\.)(?:send_update|broadcast\w*!?)$/

/** Linked tasks end with a caller that takes a missing answer for a failure of its own. */
function diesWithTasks(call: Call, clause: Clause): boolean {
  const starters = startersOf({ at: call, name: call.name, tasks: call.args[0]! }, clause)
  const areLinked = starters.length > 0 ? starters.every(startsLinked) : startsByName(listOf(call.args[0]!, clause))
  return areLinked && !survivesNil(call, clause)
}

function listOf(tasks: Expression, clause: Clause): Expression | null | undefined {
  return tasks.kind === 'variable' ? clause.bindings.get(tasks.name)?.value : tasks
}

/** `Enum.map(funs, &Task.async/1)` */
function startsByName(expression: Expression | null | undefined): boolean {
  return (
    expression !== null &&
    expression !== undefined &&
    walk(expression).some(
      (each) => each.kind === 'capture' && each.function?.module === 'Task' && each.function.name === 'async',
    )
  )
}

function startsTasks(expression: Expression | null | undefined): boolean {
  return (
    expression !== null &&
    expression !== undefined &&
    (walk(expression).some((each) => each.kind === 'call' && startsAwaitable(each)) || startsByName(expression))
  )
}

function yieldText(call: Call): string {
  return call.isPiped ? 'Task.yield(task)' : call.text.replaceAll(/\s+/g, ' ')
}

/** For a whole `case` subject or right-hand side on one line: its value stays of the same type. */
function shutdownEdit(call: Call, clause: Clause): Edit | null {
  const { parent } = call
  const [task] = call.args
  const isWhole =
    (parent?.kind === 'case' && parent.subject === call) || (parent?.kind === 'match' && parent.value === call)
  const { startLine, endLine, endColumn } = call.range
  if (!isWhole || isDiscarded(call) || call.isPiped || task?.kind !== 'variable' || startLine !== endLine) return null
  if (!/^(?:\w+\.)*Task\.yield\(/.test(call.text)) return null
  const line = clause.file.line(startLine)
  const module = /^((?:\w+\.)*Task)\./.exec(call.text)![1]!
  const text = `${line.slice(0, endColumn - 1)} || ${module}.shutdown(${task.name})${line.slice(endColumn - 1)}`
  return { startLine, endLine, text }
}
