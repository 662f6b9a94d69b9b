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
  isSelf,
  type Module,
  nameOf,
  resolve,
  serverCode,
  trapsExits,
  walk,
} from '#engine'
import { strategiesEncodeDependencies } from '../principles.ts'

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
    'Whether a process of another module traps exits is not known. One that the same function started with `start_link` is not reported unless its module stands in the file and does not: its parent can stop it so if it does.',

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
    if (
      isSelf(target, clause) ||
      asksWhoItIs(call, clause) ||
      isOwnServer(target, clause) ||
      isTrapping(target, clause)
    )
      return
    const shown = target.text.length <= 40 && !/[\n`]/.test(target.text) ? target.text : 'pid'
    yield {
      at: call.at,
      message: `This does not stop \`${shown}\`: an exit signal with \`:normal\` from another process is dropped. ${cure(target, shown, clause)}`,
    }
  },
})

/** What would stop it, as far as is known what it is. */
function cure(target: Expression, shown: string, clause: Clause): string {
  const started = target.kind === 'variable' ? boundValue(target, clause) : undefined
  const callee = started?.kind === 'call' ? started.callee : (spawnedAs(target, clause.module) ?? '')
  if (target.kind === 'field' && target.field === 'pid') return `\`Task.shutdown(${target.subject.text})\` ends a task.`
  if (STARTS_TASK.test(callee)) return `\`Task.shutdown(${shown})\` ends a task.`
  if (SPAWNING.test(callee))
    return `\`Process.unlink(${shown})\`, then \`Process.exit(${shown}, :shutdown)\`, ends it alone.`
  return `\`GenServer.stop(${shown})\` ends a server, and waits until it has.`
}

/** The spawn that binds the same name elsewhere in the module: `%{state | watcher: watcher}` keeps it under that name. */
function spawnedAs(target: Expression, module: Module): string | undefined {
  const name = target.kind === 'variable' ? target.name : target.kind === 'field' ? target.field : null
  for (const fun of module.functions) {
    for (const { expressions } of fun.clauses) {
      for (const each of expressions) {
        if (each.kind !== 'match' || each.pattern.kind !== 'variable' || each.pattern.name !== name) continue
        if (each.value.kind === 'call' && SPAWNING.test(each.value.callee)) return each.value.callee
      }
    }
  }
  return undefined
}

/** The parent's exit stops a supervisor, and any other server that traps exits, whatever the reason. */
function isOwnServer(target: Expression, clause: Clause): boolean {
  const name = target.kind === 'variable' ? target.name : target.kind === 'field' ? target.field : ''
  if (/(?:^|_)(?:sup|supervisor)(?:_pid)?$/.test(name)) return true
  return clause.expressions.some(
    (each) =>
      each.kind === 'match' &&
      each.value.kind === 'call' &&
      isStartOfServer(each.value) &&
      !startsWithoutTrap(each.value, clause) &&
      [...walk(each.pattern)].some((part) => part.kind === 'variable' && part.name === name),
  )
}

/** `Finch.start_link` starts a supervisor; agents and tasks do not trap exits unless they are made to. */
function isStartOfServer({ module, name }: Call): boolean {
  if (module?.endsWith('Supervisor') === true) return /^start(_link)?$/.test(name)
  return name === 'start_link' && module !== 'Agent' && module !== 'Task'
}

/** A server of this file, of which can be seen that it does not trap exits. */
function startsWithoutTrap(call: Call, clause: Clause): boolean {
  const { module } = clause
  const [given] = call.args
  const named = call.module === 'GenServer' ? (given ? nameOf(given, module, clause) : null) : call.module
  const started = call.isLocal ? module : module.file.modules.find(({ name }) => name === named)
  return started !== undefined && started.is('GenServer') && started.isTransparent && !trapsExits(started)
}

/** A process that this clause spawned and that traps exits, or one of this very module. */
function isTrapping(target: Expression, clause: Clause): boolean {
  const started = target.kind === 'variable' ? boundValue(target, clause) : undefined
  if (started?.kind === 'call') {
    if (detachedClosures(started, clause).some((closure) => [...walk(closure)].some(isTrap))) return true
    if (SPAWNING.test(started.callee) || STARTS_TASK.test(started.callee)) return false
  }
  // In a callback the target is another process, and what this one does with exits does not matter.
  if (serverCode(clause.module).some((reached) => reached.clause === clause)) return false
  return trapsExits(clause.module) && takesExit(clause.module)
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
