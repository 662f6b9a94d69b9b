import {
  type Call,
  canMatch,
  canTakeResult,
  defineRule,
  elixir,
  endsItsProcess,
  type Expression,
  type Fate,
  fateOf,
  type InfoHandler,
  infoHandlers,
  isForOtherPairs,
  type Module,
  type Range,
  serverCode,
  showsInfoHandlers,
  startsLoop,
  takesEverything,
  trapsExits,
  unmatched,
  whereRuns,
} from '#engine'
import { everyMessageNeedsAClause, taskSupervisor } from '../principles.ts'
import { startChildEdit, taskSupervisorOf } from '../task-supervisor.ts'

const ASYNC = new Set(['Task.async', 'Task.Supervisor.async', 'Task.Supervisor.async_nolink'])

/** What takes a task's messages out of the mailbox, or keeps them from coming. */
const CONSUMERS = new Set(['await', 'await_many', 'yield', 'yield_many', 'shutdown', 'ignore'])

const DOWN = { kind: 'tuple', tag: 'DOWN', size: 5 } as const

export default defineRule({
  id: 'task-message-unhandled',
  title: 'Task results arrive in a process that has no clause for them',
  principles: [taskSupervisor, everyMessageNeedsAClause],
  set: 'recommended',
  precision: 'P2',
  severity: 'error',
  since: '0.1.0',
  scripts: 'off',

  why: `
    A task that nobody awaits still reports to the process that started it: first {ref, result}, then, unless it was
    demonitored, {:DOWN, ref, :process, pid, reason}. A process with handle_info clauses of its own has lost the default
    that logs and drops unknown messages: the first one that no clause matches is a FunctionClauseError, and the server
    dies long after the task did its work.
  `,
  instead:
    'Where the result does not matter, use `Task.Supervisor.start_child/2`. Otherwise match `{ref, result}`, call `Process.demonitor(ref, [:flush])` there, and match `{:DOWN, ref, :process, _pid, reason}`; in a LiveView use `start_async/3`.',
  ignoreWhen: 'When another module awaits the task in the same process.',
  limits: 'A helper in another module that starts the task on behalf of its caller is not seen.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Sync do
          use GenServer

          def init(opts), do: {:ok, opts}

          def handle_info(:sync, state) do
            Task.Supervisor.async_nolink(Shop.TaskSupervisor, fn -> Shop.Feed.pull(state.url) end) # finding
            {:noreply, state}
          end

          def handle_info({:feed_changed, url}, state), do: {:noreply, %{state | url: url}}
        end
      `,
      good: elixir`
        defmodule Shop.Sync do
          use GenServer

          def init(opts), do: {:ok, opts}

          def handle_info(:sync, state) do
            task = Task.Supervisor.async_nolink(Shop.TaskSupervisor, fn -> Shop.Feed.pull(state.url) end)
            {:noreply, %{state | ref: task.ref}}
          end

          def handle_info({ref, items}, %{ref: ref} = state) do
            Process.demonitor(ref, [:flush])
            {:noreply, %{state | items: items, ref: nil}}
          end

          def handle_info({:DOWN, ref, :process, _pid, _reason}, %{ref: ref} = state), do: {:noreply, %{state | ref: nil}}
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer', 'GenStateMachine', 'gen_statem', 'GenStage', 'LiveView', 'Channel'],
  words: ['async', 'async_nolink'],
  *check({ module }) {
    const handlers = infoHandlers(module)
    if (handlers === null || !showsInfoHandlers(module) || handlers.some(takesEverything) || receives(module)) return
    if (handlers.length === 0 && (!module.use('GenServer') || module.is('LiveView'))) return
    const consumes = consumesTasks(module)
    for (const reached of serverCode(module)) {
      for (const call of reached.clause.calls) {
        if (!ASYNC.has(call.callee) || whereRuns(call, reached.clause).at !== 'here') continue
        // A loop has no result: it ends by an exit, which the link passes on.
        if (startsLoop(call, reached.clause)) continue
        const fate = fateOf(call, reached.clause)
        if ((fate.kind !== 'discarded' && (consumes || isHandedOn(fate))) || endsItsProcess(reached.from)) continue
        const said = whatHappens(call, handlers, module)
        if (said === null) continue
        const isUnread =
          fate.kind === 'discarded' && !handlers.some((handler) => canTakeResult(handler) && !isForOtherPairs(handler))
        yield {
          at: call.at,
          evidence: [call.at, ...heads(handlers)],
          severity: handlers.length === 0 ? 'warning' : 'error',
          message: `${said} ${whatToDo(isUnread, module)}`,
          edit: isUnread ? startChildEdit(call, reached.clause) : null,
        }
      }
    }
  },
})

function heads(handlers: readonly InfoHandler[]): Range[] {
  return handlers.map(({ clause }) => clause.head)
}

/** What the messages of the task do to the server; null where it takes them. */
function whatHappens(call: Call, handlers: readonly InfoHandler[], module: Module): string | null {
  const name = handlers[0]?.clause.function.id ?? 'handle_info/2'
  const starts = `This \`${call.callee}\` sends \`{ref, result}\` to \`${module.name}\``
  if (handlers.length === 0)
    return `${starts}, which has no \`handle_info/2\`: every task leaves an error in the log, and its result is dropped.`
  const takers = handlers.filter(canTakeResult)
  if (takers.length === 0)
    return `${starts}, and no clause of \`${name}\` matches it: the server dies with a \`FunctionClauseError\`.`
  const first = takers[0]!
  if (takers.every(isForOtherPairs))
    return `${starts}, where the clause of \`${name}\` on line ${first.pattern.line} takes it for \`${first.pattern.text.replaceAll(/\s+/g, ' ')}\`.`
  const ends = handlers.filter(({ pattern }) => canMatch(pattern, DOWN))
  const isUnlinked = call.name === 'async_nolink' || trapsExits(module)
  if (ends.length > 0 && !(isUnlinked && ends.every(isForNormalEnds))) return null
  if (ends.length > 0)
    return `\`${name}\` of \`${module.name}\` takes \`:DOWN\` with \`:normal\` alone: a crash in this task takes the server down.`
  if (isUnlinked)
    return `\`${module.name}\` has no clause of \`${name}\` for \`{:DOWN, ref, :process, pid, reason}\`: a crash in this task takes the server down.`
  if (demonitors(module)) return null
  return `\`${module.name}\` takes the result of this task, but has no clause of \`${name}\` for the \`{:DOWN, ref, :process, pid, :normal}\` that follows it: the server dies with a \`FunctionClauseError\`.`
}

/** `{:DOWN, ref, :process, pid, :normal}`: not the end of a task that crashes. */
function isForNormalEnds({ pattern }: InfoHandler): boolean {
  const term = unmatched(pattern)
  const reason = term.kind === 'tuple' ? term.elements[4] : undefined
  return reason?.kind === 'atom' && reason.value === 'normal'
}

function whatToDo(isUnread: boolean, module: Module): string {
  if (isUnread)
    return `Nothing here reads the result: \`Task.Supervisor.start_child(${taskSupervisorOf(module)}, ...)\` sends none.`
  if (module.is('LiveView')) return '`start_async/3` with `handle_async/3` takes both messages.'
  return 'Match the result with `Process.demonitor(ref, [:flush])` in its clause, and `:DOWN` in one of its own.'
}

function has(module: Module, isMeant: (expression: Expression) => boolean): boolean {
  return module.functions.some((fun) => fun.clauses.some(({ expressions }) => expressions.some(isMeant)))
}

/** Messages may be taken by a `receive`. */
function receives(module: Module): boolean {
  return has(module, ({ kind }) => kind === 'receive')
}

/** Whether something in the module awaits, ends or disowns tasks: which of them, is not followed. */
function consumesTasks(module: Module): boolean {
  return has(module, (each) => {
    const called = each.kind === 'call' ? each : each.kind === 'capture' ? each.function : null
    return called?.module === 'Task' && CONSUMERS.has(called.name)
  })
}

function demonitors(module: Module): boolean {
  return has(module, (each) => each.kind === 'call' && each.callee.endsWith('.demonitor'))
}

/** A task given to code that is named after what it does with tasks: `Tasks.await_all(task)`. */
function isHandedOn(fate: Fate): boolean {
  const holders =
    fate.kind === 'given' ? [fate.to] : fate.kind === 'bound' ? fate.uses.flatMap(({ parent }) => parent ?? []) : []
  return holders.some((holder) => holder.kind === 'call' && /await|yield|collect|wait|join/.test(holder.name))
}
