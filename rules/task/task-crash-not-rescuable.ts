import {
  ancestors,
  type Await,
  awaitsIn,
  type Branch,
  type Call,
  type Clause,
  defineRule,
  detachedClosures,
  elixir,
  endsByRaising,
  type Expression,
  isPure,
  nameOf,
  type Module,
  type Problem,
  protections,
  startersOf,
  startsLinked,
  mayTrapExits,
  type Try,
  walk,
  whereRuns,
} from '#engine'
import { taskSupervisor } from '../principles.ts'
import { taskSupervisorOf } from '../task-supervisor.ts'
import { spotOf } from '../wording.ts'

const AWAITS = new Set(['await', 'await_many'])

/** Calls that fail by an exit, not by an exception. */
const EXITING = new Set(['GenServer.call', 'GenServer.stop', 'Agent.get', 'Agent.update', 'Agent.get_and_update'])

/** Calls that may stand beside them: for them alone nobody writes a `rescue`. */
const HARMLESS = new Set(['GenServer.whereis', 'Kernel.inspect', 'Kernel.self', 'Process.alive?', 'Process.whereis'])

export default defineRule({
  id: 'task-crash-not-rescuable',
  title: '`rescue` cannot catch this',
  principles: [taskSupervisor],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',
  scripts: 'off',

  why: `
    A task of Task.async is linked to the process that awaits it. When it crashes, the exit signal kills that process
    where it stands: no rescue and no catch sees it, and the error branch never runs. A call to another process that
    fails is no exception either but an exit, which rescue does not take.
  `,
  instead:
    'For a task that may crash: `Task.Supervisor.async_nolink(MyApp.TaskSupervisor, fun)` with `Task.yield(task, timeout) || Task.shutdown(task)`, which gives `{:exit, reason}`. For a call to a server: `catch :exit, reason`.',
  ignoreWhen: 'When the rescue is meant for other code of the same body, and the task may take the process down.',
  limits: 'Callers that trap exits, and a try in the caller of the function, are not seen.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Documents do
          def load(id) do
            task = Task.async(fn -> Shop.Repo.get!(Shop.Document, id) end)
            {:ok, Task.await(task)} # finding
          rescue
            error -> {:error, error}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Documents do
          def load(id) do
            task = Task.Supervisor.async_nolink(Shop.TaskSupervisor, fn -> Shop.Repo.get!(Shop.Document, id) end)

            case Task.yield(task, 5_000) || Task.shutdown(task) do
              {:ok, document} -> {:ok, document}
              {:exit, reason} -> {:error, reason}
              nil -> {:error, :timeout}
            end
          end
        end
      `,
    },
  ],

  on: 'clause',
  words: ['await', 'await_many', 'rescue'],
  *check({ clause, module }) {
    const said = new Set<Branch>()
    for (const wait of awaitsIn(clause, AWAITS)) {
      const starters = startersOf(wait, clause)
      if (starters.length === 0) continue
      if (starters.some(startsLinked)) yield* linked(wait, starters.filter(startsLinked), clause, module, said)
      else yield* exiting(wait, starters, clause)
    }
    yield* exits(clause)
  },
})

/** (a) The crash of a linked task passes every `rescue` and `catch`. One problem for each of them: the first await. */
function* linked(
  wait: Await,
  starters: readonly Call[],
  clause: Clause,
  module: Module,
  said: Set<Branch>,
): Iterable<Problem> {
  const first = protections(wait.at).flatMap((around) => crashHandlers(around, clause))[0]
  if (first === undefined || said.has(first) || mayTrapExits(clause)) return
  if (starters.every((starter) => isGuardedInside(starter, clause))) return
  said.add(first)
  const word = isRescue(first) ? 'rescue' : 'catch'
  yield {
    at: spotOf(wait.at),
    evidence: [spotOf(wait.at), first.range, ...starters.map(({ at }) => at)],
    related: [
      {
        range: { ...first.range, endLine: first.range.startLine, endColumn: first.range.startColumn },
        message: 'sees no crash of the task',
      },
    ],
    message:
      `The \`${word}\` on line ${first.line} never sees a crash of this task: \`${starters[0]!.callee}\` links it to the process that runs \`${clause.function.id}\`, which dies with it. ` +
      `\`Task.Supervisor.async_nolink(${taskSupervisorOf(module)}, ...)\` with \`Task.yield/2 || Task.shutdown/1\` gives \`{:exit, reason}\`.`,
  }
}

/** (c) Without a link the crash arrives at the await, as an exit that nothing here catches. */
function* exiting(wait: Await, starters: readonly Call[], clause: Clause): Iterable<Problem> {
  const around = protections(wait.at)
  if (around.some(({ catches }) => catches.length > 0) || isInReceive(wait.at)) return
  const rescue = around.flatMap(({ rescues }) => rescues)[0]
  if (rescue === undefined && wait.name !== 'await') return
  // Without a rescue the exit may be what is wanted, where the supervisor may be on another node.
  const passes = rescue === undefined ? '' : `, and the \`rescue\` on line ${rescue.line} does not take exits`
  yield {
    at: spotOf(wait.at),
    set: rescue === undefined && !starters.every((starter) => isOnThisNode(starter, clause)) ? 'strict' : 'recommended',
    evidence: [spotOf(wait.at), ...(rescue === undefined ? [] : [rescue.range]), ...starters.map(({ at }) => at)],
    message:
      `\`Task.${wait.name}\` exits when the task of \`${starters[0]!.callee}\` crashes${passes}. \`${clause.function.id}\` fails as if the task were linked. ` +
      '`Task.yield(task, timeout) || Task.shutdown(task)` gives `{:exit, reason}` instead.',
  }
}

/** Under a supervisor that is called by its name. */
function isOnThisNode({ args: [supervisor] }: Call, clause: Clause): boolean {
  return supervisor !== undefined && nameOf(supervisor, clause.module, clause) !== null
}

/** (b) A body in which nothing can fail but calls to other processes, and those by exits. */
function* exits(clause: Clause): Iterable<Problem> {
  for (const each of clause.expressions) {
    if (each.kind !== 'try' || each.catches.length > 0 || each.body === null) continue
    if (protections(each).some(({ catches }) => catches.length > 0)) continue
    const rescue = each.rescues.find(takesAnything)
    if (rescue === undefined) continue
    // What the function given to an agent raises is raised there, and arrives as an exit.
    const calls = [...walk(each.body)].filter(
      (inner) => inner.kind === 'call' && whereRuns(inner, clause).at === 'here',
    ) as Call[]
    const failing = calls.filter(({ callee }) => EXITING.has(callee))
    if (failing.length === 0 || !calls.every((call) => EXITING.has(call.callee) || isHarmless(call, clause))) continue
    const call = failing[0]!
    yield {
      at: call.at,
      evidence: [call.at, rescue.range],
      message:
        `When \`${call.callee}\` fails it exits. The \`rescue\` on line ${rescue.line} takes only exceptions, so the exit passes it by. ` +
        '`catch :exit, reason` takes a time-out and a server that is not there.',
    }
  }
}

/** The branches that seem to be there for a crash of a task awaited in the body. */
function crashHandlers({ body, rescues, catches }: Try, clause: Clause): Branch[] {
  const own = body !== null && raisesItself(body, clause) ? [] : rescues
  const others = catches.some((branch) => isAboutTime(branch, clause)) ? [] : catches.filter(takesExits)
  return [...own, ...others].filter((branch) => !endsByRaising(branch.body))
}

function isRescue(branch: Branch): boolean {
  return branch.parent?.kind === 'try' && branch.parent.rescues.includes(branch)
}

/** `catch :exit, reason` and `catch kind, reason`; `catch value` takes what is thrown. */
function takesExits({ patterns: [kind, value] }: Branch): boolean {
  return (
    kind !== undefined &&
    value !== undefined &&
    (kind.kind === 'variable' || (kind.kind === 'atom' && kind.value === 'exit'))
  )
}

/** A `catch` for the time-out of an await does what it says, in its code or in a comment beside it. */
function isAboutTime(branch: Branch, { file }: Clause): boolean {
  const named = [...walk(branch)].some(
    (each) => (each.kind === 'atom' || each.kind === 'text') && each.value !== null && TIME.test(each.value),
  )
  const { startLine, endLine } = branch.range
  return named || file.comments.some(({ line, text }) => line >= startLine - 2 && line <= endLine && TIME.test(text))
}

const TIME = /time[ _-]?out|timed[ _-]?out|too (?:long|slow)/i

/** Code beside the await for which a `rescue` may be there: `raise`, and functions with a `!`. */
function raisesItself(body: Expression, clause: Clause): boolean {
  return [...walk(body)].some(
    (each) =>
      each.kind === 'call' &&
      (each.name.endsWith('!') || each.callee === 'Kernel.raise' || each.callee === 'Kernel.reraise') &&
      whereRuns(each, clause).at === 'here',
  )
}

function takesAnything({ patterns: [pattern] }: Branch): boolean {
  return pattern?.kind === 'variable'
}

/** `Task.async(fn -> try do ... end end)`, also one local function further: nothing is left that could crash. */
function isGuardedInside(starter: Call, clause: Clause): boolean {
  return detachedClosures(starter, clause).some((closure) => {
    const body =
      closure.kind === 'fn' ? (closure.branches.length === 1 ? closure.branches[0]!.body : null) : closure.body
    if (body === null) return false
    return isGuarded(body) || (body.kind === 'call' && body.isLocal && isGuardedFunction(body, clause))
  })
}

function isGuardedFunction({ name, arity }: Call, { module }: Clause): boolean {
  const clauses = module.function(name, arity)?.clauses ?? []
  return clauses.length > 0 && clauses.every(({ body }) => body !== null && isGuarded(body))
}

function isGuarded(body: Expression): boolean {
  return body.kind === 'try' && body.rescues.length + body.catches.length > 0
}

/** A `receive` that has already taken something of the task awaits what is as good as there. */
function isInReceive(expression: Expression): boolean {
  return [...ancestors(expression)].some(({ kind }) => kind === 'receive')
}

function isHarmless(call: Call, clause: Clause): boolean {
  if (call.module === 'Logger' || HARMLESS.has(call.callee)) return true
  if (!call.isLocal) return false
  const clauses = clause.module.function(call.name, call.arity)?.clauses ?? []
  return clauses.length > 0 && clauses.every((each) => isPure(each))
}
