import {
  asksWhoItIs,
  boundValue,
  type Call,
  type CallFact,
  type Clause,
  defineRule,
  detachedClosures,
  elixir,
  type Expression,
  type FieldAccess,
  functionsRunBy,
  isSelf,
  type Module,
  nameOf,
  resolve,
  isServerCode,
  type StartedBy,
  startedBy,
  trapsExits,
  walk,
} from '#engine'
import { strategiesEncodeDependencies } from '../principles.ts'
import { applicationOf } from '../wording.ts'

/** What links a process that runs a function to the one that starts it. */
const LINKED = /^(Task\.start_link|.*spawn_link)$/

const SPAWNING = /^(Kernel|:erlang|:proc_lib|Process)\.spawn/
const STARTS_TASK = /^Task(\.Supervisor)?\.(async|async_nolink)$/

export default defineRule({
  id: 'process-exit-normal-ignored',
  title: '`Process.exit(pid, :normal)` does nothing',
  principles: [strategiesEncodeDependencies],
  set: 'recommended',
  precision: 'P1',
  severity: 'warning',
  since: '0.1.0',

  why: `
    An exit signal with the reason :normal, sent to another process, is dropped by the runtime. Only a process that traps
    exits gets to see it, as a message. So the process that is meant to stop goes on running, with its timers, its
    memory and its name, and the next start under that name fails.
  `,
  instead:
    'Use `GenServer.stop(pid)`, `Task.shutdown(task)` or `DynamicSupervisor.terminate_child(supervisor, pid)`; for a bare process `Process.unlink(pid)`, then `Process.exit(pid, :shutdown)`.',
  ignoreWhen: 'When the target traps exits and stops itself on `{:EXIT, _, :normal}`.',
  limits:
    'Whether a process of another module traps exits is not known: its parent can stop it so if it does. One that the same function started with `start_link` is therefore only reported if its module stands in the file and does not; nor is a server of a package that the same module starts, or a process that came in a message and is monitored.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Watch do
          def with_watcher(order, fun) do
            watcher = spawn_link(fn -> Shop.Events.follow(order) end)
            result = fun.()
            Process.exit(watcher, :normal) # finding
            result
          end
        end
      `,
      good: elixir`
        defmodule Shop.Watch do
          def with_watcher(order, fun) do
            watcher = spawn_link(fn -> Shop.Events.follow(order) end)
            result = fun.()
            Process.unlink(watcher)
            Process.exit(watcher, :shutdown)
            result
          end
        end
      `,
    },
  ],

  on: 'call',
  callees: ['Process.exit', ':erlang.exit'],
  *check({ call, clause, module }: CallFact) {
    const [target, reason] = call.args
    if (target === undefined || reason === undefined) return
    const given = resolve(reason, module, clause)
    if (given.kind !== 'atom' || given.value !== 'normal') return
    if (isSelf(target, clause) || asksWhoItIs(call, clause) || isPort(target, clause) || isTrapping(target, clause))
      return
    const started = startedBy(target, clause)
    if (isOwnServer(target, started, clause) || (started === null && isVisitor(target, module))) return
    const shown = target.text.length <= 40 && !/[\n`]/.test(target.text) ? target.text : 'pid'
    yield {
      at: call.at,
      message: `This does not stop \`${shown}\`. An exit signal with \`:normal\` from another process is dropped${started === null ? ', unless that process traps exits' : ''}. ${cure(target, shown, started)}`,
    }
  },
})

const WATCHES = new Set(['Process.monitor', 'Process.link', ':erlang.monitor'])

/** A process that has come in a message, is watched and kept, a socket for instance: what it does with exits it knows itself. */
function isVisitor(target: Expression, module: Module): boolean {
  if (target.kind !== 'field') return false
  return module.callsOf(WATCHES).some(({ call, clause }) => {
    const pid = call.args.at(-1)
    if (pid?.kind !== 'variable') return false
    const isPid = (each: Expression): boolean => each.kind === 'variable' && each.name === pid.name
    return (
      clause.params.some((param) => walk(param).some(isPid)) &&
      clause.expressions.some(
        (each) =>
          each.kind === 'pair' && each.key.kind === 'atom' && each.key.value === target.field && isPid(each.value),
      )
    )
  })
}

/** Ports take exits in their own way. */
function isPort(target: Expression, { guard }: Clause): boolean {
  if (target.kind !== 'variable') return target.kind === 'field' && target.field === 'port'
  const isGuarded =
    guard !== null &&
    walk(guard).some((each) => each.kind === 'call' && each.name === 'is_port' && each.args[0]?.text === target.name)
  return isGuarded || target.name === 'port'
}

/** What would stop it, as far as is known what it is. */
function cure(target: Expression, shown: string, started: StartedBy | null): string {
  if (isPidOfTask(target, started)) return `\`Task.shutdown(${target.subject.text})\` ends a task.`
  if (started === null)
    return `\`GenServer.stop(${shown})\` ends a server; for another process \`Process.unlink(${shown})\`, then \`Process.exit(${shown}, :shutdown)\`.`
  const { callee } = started.call
  if (STARTS_TASK.test(callee)) return `\`Task.shutdown(${shown})\` ends a task.`
  if (LINKED.test(callee))
    return `\`Process.unlink(${shown})\`, then \`Process.exit(${shown}, :shutdown)\`, ends it alone.`
  if (isBare(started.call)) return `\`Process.exit(${shown}, :shutdown)\` ends it.`
  return `\`GenServer.stop(${shown})\` ends a server, and waits until it has.`
}

/** A spawned process, or a task that nobody awaits: it knows nothing of `GenServer.stop/1`. */
function isBare({ callee }: Call): boolean {
  return SPAWNING.test(callee) || /^Task(\.Supervisor)?\.start/.test(callee)
}

/** `task.pid`, `state.refresh_task.pid`. */
function isPidOfTask(target: Expression, started: StartedBy | null): target is FieldAccess {
  if (target.kind !== 'field' || target.field !== 'pid') return false
  const { subject } = target
  const name = subject.kind === 'variable' ? subject.name : subject.kind === 'field' ? subject.field : ''
  return /(?:^|_)task$/.test(name) || (started !== null && STARTS_TASK.test(started.call.callee))
}

/** The parent's exit stops a supervisor, and any other server that traps exits, whatever the reason. */
function isOwnServer(target: Expression, started: StartedBy | null, { module }: Clause): boolean {
  const name = target.kind === 'variable' ? target.name : target.kind === 'field' ? target.field : ''
  if (/(?:^|_)(?:sup|supervisor)(?:_pid)?$/.test(name)) return true
  if (started === null || !isStartOfServer(started.call) || startsWithoutTrap(started)) return false
  // What a package does with exits nobody knows here; of the project's own servers hardly any traps them.
  return started.isTraced || !isOfProject(started.call, module)
}

/** `Finch.start_link` starts a supervisor; agents and tasks do not trap exits unless they are made to. */
function isStartOfServer({ module, name }: Call): boolean {
  if (module?.endsWith('Supervisor') === true) return /^start(_link)?$/.test(name)
  return name === 'start_link' && module !== 'Agent' && module !== 'Task'
}

function isOfProject({ module: started }: Call, module: Module): boolean {
  return (
    started === null ||
    /^Gen(Server|Stage|StateMachine)$/.test(started) ||
    applicationOf({ name: started }) === applicationOf(module)
  )
}

/** A server of this file, of which can be seen that it does not trap exits. */
function startsWithoutTrap({ call, clause }: StartedBy): boolean {
  const { module } = clause
  const [given] = call.args
  const named = call.module === 'GenServer' ? (given ? nameOf(given, module, clause) : null) : call.module
  const started = module.file.modules.find(({ name }) => name === named)
  return started !== undefined && started.is('GenServer') && started.isTransparent && !trapsExits(started)
}

/** A process that this clause spawned and that traps exits, or one of this very module. */
function isTrapping(target: Expression, clause: Clause): boolean {
  const started = target.kind === 'variable' ? boundValue(target, clause) : undefined
  if (started?.kind === 'call') {
    if (trapsInside(started, clause)) return true
    if (SPAWNING.test(started.callee) || STARTS_TASK.test(started.callee)) return false
  }
  // In a callback the target is another process, and what this one does with exits does not matter.
  if (isServerCode(clause)) return false
  return trapsExits(clause.module) && takesExit(clause.module)
}

/** In the closure that is spawned, or in a function of the module that it runs. */
function trapsInside(starter: Call, clause: Clause): boolean {
  return (
    detachedClosures(starter, clause).some((closure) => walk(closure).some(isTrap)) ||
    functionsRunBy(starter, clause).some(
      ({ module, name, arity }) =>
        module === null && clause.module.clauses(name, arity).some(({ expressions }) => expressions.some(isTrap)),
    )
  )
}

function isTrap(expression: Expression): boolean {
  if (expression.kind !== 'call' || expression.callee !== 'Process.flag') return false
  const [flag] = expression.args
  return flag?.kind === 'atom' && flag.value === 'trap_exit'
}

function takesExit(module: Module): boolean {
  return [...module.clauses('handle_info', 2), ...module.clauses('handle_event', 4)].some(({ params }) =>
    params.some((param) => [...walk(param)].some((each) => each.kind === 'atom' && each.value === 'EXIT')),
  )
}
