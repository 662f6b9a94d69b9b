import {
  type Call,
  callbacks,
  canTakeResult,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  functionsRunBy,
  infoHandlers,
  lostThrough,
  type Module,
  reach,
  receivesResult,
  isServerCode,
  serverCode,
  showsInfoHandlers,
  whereRuns,
} from '#engine'
import { taskSupervisor } from '../principles.ts'
import { startChildEdit, taskSupervisorOf } from '../task-supervisor.ts'
import { spotOf } from '../wording.ts'

/** Starters of tasks that are to be awaited, with their arities. */
const ASYNC: Readonly<Record<string, readonly number[]>> = {
  'Task.async': [1, 3],
  'Task.Supervisor.async': [2, 3, 4, 5],
  'Task.Supervisor.async_nolink': [2, 3, 4, 5],
}

export default defineRule({
  id: 'task-async-discarded',
  title: 'An async task whose result nobody takes',
  principles: [taskSupervisor],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',
  scripts: 'off',

  why: `
    Task.async promises an answer: the task sends its result to the process that started it, whether or not anybody
    awaits it, and is linked to it, so that each takes the other down. Dropping the struct drops neither: the result
    stays in the mailbox, a crash in the task kills the caller, and a crash of the caller kills the task halfway.
  `,
  instead: 'For work whose result does not matter use `Task.Supervisor.start_child(MyApp.TaskSupervisor, fun)`.',
  ignoreWhen: 'When another part of the program provably receives `{ref, result}`.',
  limits:
    'A task returned as the last value of a function is taken to be awaited by the caller, but for a private function whose callers all drop it. A module with a public clause for `{ref, result}` that calls `Process.demonitor/2` is taken to be given the messages of a server.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Accounts do
          def sign_in(user) do
            Task.async(fn -> Shop.Metrics.push(user) end) # finding
            {:ok, user}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Accounts do
          def sign_in(user) do
            Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Metrics.push(user) end)
            {:ok, user}
          end
        end
      `,
    },
  ],

  on: 'call',
  callees: Object.keys(ASYNC),
  *check({ call, clause, module }) {
    if (!ASYNC[call.callee]?.includes(call.arity) || isExample(module)) return
    const lost = lostThrough(call, clause)
    if (lost === null) return
    if (whereRuns(call, clause).at === 'here' && takesTheMessage(clause, module)) return
    if (answersItself(call, clause) || receivesResult(clause) || isHandedResults(module)) return
    const isComponent = module.is('LiveComponent')
    // What only a LiveView calls runs in the LiveView.
    if (
      isComponent &&
      !reach(callbacks(module).flatMap(({ clauses }) => clauses)).some((each) => each.clause === clause)
    )
      return
    yield {
      at: call.at,
      evidence: [call.at, ...lost.map(spotOf)],
      severity: isComponent ? 'info' : 'warning',
      message: isComponent ? forComponent(call, clause) : forAll(call, clause, module),
      edit: startChildEdit(call, clause),
    }
  },
})

function forAll(call: Call, { function: { id } }: Clause, module: Module): string {
  const linked = call.name !== 'async_nolink'
  const what = `Nobody takes the result of this \`${call.callee}\` in \`${id}\`, and it is sent to the caller's mailbox all the same`
  const link = linked ? '; caller and task are linked, so a crash of one kills the other' : ''
  const without = linked ? 'without result and link' : 'without a result'
  return `${what}${link}. \`Task.Supervisor.start_child(${taskSupervisorOf(module)}, ...)\` runs it ${without}.`
}

function forComponent(call: Call, { function: { id } }: Clause): string {
  return (
    `The result of \`${call.callee}\` in \`${id}\` is sent to the parent LiveView, not to this component. ` +
    '`start_async/3` keeps it here.'
  )
}

/** Code that shows or tries something: it ends right after, and its tasks with it. */
function isExample({ name }: Module): boolean {
  return /(?:^|\.)Examples?(?:\.|$)/.test(name)
}

/** The task sends messages of its own, and a `receive` of the module waits for them. */
function answersItself(call: Call, clause: Clause): boolean {
  return (
    functionsRunBy(call, clause).some(({ callee }) => callee === 'Kernel.send') &&
    clause.module.functions.some((fun) =>
      fun.clauses.some((each) => each.expressions.some(({ kind }) => kind === 'receive')),
    )
  )
}

/** Whether the process that runs the clause has a clause for `{ref, result}`, or could have one out of sight. */
function takesTheMessage(clause: Clause, module: Module): boolean {
  if (module.is('LiveComponent')) return isFedByParent(module)
  if (!module.isProcess) return false
  if (!isServerCode(clause) && !isStateMachine(module) && !isNamedInServer(clause, module)) return false
  const handlers = infoHandlers(module)
  return handlers === null || handlers.some(canTakeResult) || !showsInfoHandlers(module)
}

/** A gen_statem names callbacks after its states. */
function isStateMachine(module: Module): boolean {
  return module.is('gen_statem') || module.is('GenStateMachine')
}

/** `{__MODULE__, :on_change}` in a callback: it is applied there. */
function isNamedInServer({ function: { name: wanted } }: Clause, module: Module): boolean {
  return serverCode(module).some(({ clause }) =>
    clause.expressions.some((each) => {
      if (each.kind !== 'tuple') return false
      const [owner, name] = each.elements
      return owner?.kind === 'module' && owner.name === module.name && name?.kind === 'atom' && name.value === wanted
    }),
  )
}

/** `def handle_event({ref, result}, state)` with `Process.demonitor(ref)`: a server hands on the messages it gets. */
function isHandedResults(module: Module): boolean {
  if (module.isProcess) return false
  return module.functions.some(
    ({ isPublic, clauses }) =>
      isPublic &&
      clauses.some((clause) => clause.mentions(DEMONITOR) && clause.params.some((param) => demonitors(param, clause))),
  )
}

const DEMONITOR = /\bdemonitor\b/

function demonitors(param: Expression, { calls }: Clause): boolean {
  const [ref, , ...others] = param.kind === 'tuple' ? param.elements : []
  return (
    ref?.kind === 'variable' &&
    others.length === 0 &&
    calls.some(
      ({ callee, args: [given] }) =>
        callee === 'Process.demonitor' && given?.kind === 'variable' && given.name === ref.name,
    )
  )
}

/** A component with several `update/2` clauses takes what its parent sends with `send_update`. */
function isFedByParent(module: Module): boolean {
  return module.clauses('update', 2).length > 1
}
