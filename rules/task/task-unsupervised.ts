import {
  ancestors,
  type Call,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  functionsRunBy,
  isForDevelopment,
  isServerCode,
  type Module,
  type Problem,
  type ProjectFacts,
  type Range,
  reach,
  type Severity,
  startsLoop,
  mayTrapExits,
  type Variable,
  whereRuns,
} from '#engine'
import { isMeasuring } from '../intent.ts'
import { superviseEveryProcess, taskSupervisor } from '../principles.ts'
import { taskSupervisorOf } from '../task-supervisor.ts'
import { isAwaited, isKept } from './pid-keepers.ts'
import {
  isEnding,
  isLink,
  isNoLoss,
  isSending,
  isSendingAlone,
  isTimer,
  isToolWork,
  reportsBack,
  tellsOfFailure,
} from './started-work.ts'

/** Starters with the arities that start on this node. */
const STARTERS: Readonly<Record<string, readonly number[]>> = {
  'Task.start': [1, 3],
  'Task.start_link': [1, 3],
  'Kernel.spawn': [1, 3],
  'Kernel.spawn_link': [1, 3],
  'Process.spawn': [2, 4],
  ':erlang.spawn': [1, 3],
  ':erlang.spawn_link': [1, 3],
  ':erlang.spawn_opt': [2, 4],
  ':proc_lib.spawn': [1, 3],
  ':proc_lib.spawn_link': [1, 3],
  ':proc_lib.spawn_opt': [2, 4],
}

/** What an OTP process of its own making calls. */
const PROCESS_BUILDERS = new Set([
  ':proc_lib.init_ack',
  ':proc_lib.init_fail',
  ':gen_server.enter_loop',
  ':gen_statem.enter_loop',
  ':sys.handle_system_msg',
])

export default defineRule({
  id: 'task-unsupervised',
  title: 'Process started outside a supervisor',
  principles: [taskSupervisor, superviseEveryProcess],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',
  scripts: 'off',

  why: `
    A process that no supervisor started has no parent that waits for it at shutdown: a deploy cuts its work off
    halfway. Nobody counts such processes or limits them, they do not show in the supervision tree, and a crash
    leaves a log line that nobody acts on. With a link, its crash takes the starting process down as well, and the
    other way round. A Task.Supervisor shows and limits its tasks, and ends them before what stands above it in the
    tree. It waits for one, five seconds unless told otherwise, only where the task traps exits: any other ends at
    once.
  `,
  instead:
    'Start it with `Task.Supervisor.start_child(MyApp.TaskSupervisor, fun)`, with `{Task.Supervisor, name: MyApp.TaskSupervisor}` in the supervision tree. Where the work must be finished, let it begin with `Process.flag(:trap_exit, true)` and give it a `shutdown:` long enough.',
  ignoreWhen: 'In a library that implements supervision itself, or where the process must outlive the application.',
  limits:
    'A process whose pid is kept, sent messages, monitored or ended by the code that started it is taken to be looked after, and so is a loop that is linked to its server. Public functions named `start...` or `spawn...` that run what they are given are left to their callers, and code under `if Mix.env() == :dev` or in functions named `profile_...` or `benchmark_...` is not looked at. What only logs, or broadcasts to open pages, is reported by the strict profile, and so is what sends its starter a failure as well as a result. What only sends a message, at once, is not reported, nor is what links itself to another process. Calls made through apply/3 with computed arguments are not followed. `spawn_monitor` and spawns on other nodes are not reported.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Orders do
          def create(conn, params) do
            Task.start(fn -> Shop.Audit.log(params) end) # finding
            json(conn, %{ok: true})
          end
        end
      `,
      good: elixir`
        defmodule Shop.Orders do
          def create(conn, params) do
            Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Audit.log(params) end)
            json(conn, %{ok: true})
          end
        end
      `,
    },
  ],

  on: 'call',
  callees: [...Object.keys(STARTERS), 'Enum.each'],
  words: ['start', 'start_link', 'spawn', 'spawn_link', 'spawn_opt'],
  *check({ call, clause, project }) {
    if (call.callee === 'Enum.each') {
      yield* startedByName(call, clause)
      return
    }
    if (!isStart(call) || hasUnknownOptions(call) || hasOption(call, 'monitor')) return
    // What runs in such a process has its finding with it.
    if (ancestors(call).some((up) => up.kind === 'call' && isStart(up))) return
    const linked = isLinking(call.name) || hasOption(call, 'link')
    if (isLookedAfter(clause, linked) || isKept(call, clause)) return
    if (linked && (!runsHere(call, clause) || mayTrapExits(clause))) return
    const run = functionsRunBy(call, clause, 2)
    if (run.some((each) => PROCESS_BUILDERS.has(each.callee)) || isEnding(call, clause) || isToolWork(run)) return
    if (run.some(isSending) && (linked || isAwaited(call, clause))) return
    if (run.some(isLink) || isSendingAlone(run) || isInsteadOfSupervised(call, clause)) return
    if (isForDevelopment(call) || isMeasuring(clause)) return

    const starter = { at: call.at, name: `${call.callee}/${call.arity}`, linked }
    const isOwnLoop = linked && isInServer(clause) && !isTree(clause)
    if (startsLoop(call, clause)) {
      // Linked to a server it lives and dies with it, and a supervisor starts both again.
      if (!isOwnLoop) yield unownedLoop(starter, clause)
    } else if (isTimer(run)) yield timer(starter, clause)
    else if (reportsBack(call, clause, run)) {
      const isGuarded = tellsOfFailure(call, clause, run)
      yield isGuarded ? { ...unowned(starter, clause), set: 'strict' } : unwatched(starter, clause, project)
    } else yield { ...unowned(starter, clause), set: isNoLoss(run) ? 'strict' : 'recommended' }
  },
})

function isStart({ callee, arity }: Call): boolean {
  return STARTERS[callee]?.includes(arity) === true
}

interface Starter {
  at: Range
  name: string
  linked: boolean
}

/** `Enum.each(funs, &Task.start/1)` */
function* startedByName({ args: [, named] }: Call, clause: Clause): Iterable<Problem> {
  if (named?.kind !== 'capture' || named.function === null) return
  const { module, name, arity } = named.function
  const linked = isLinking(name)
  if (!STARTERS[`${module}.${name}`]?.includes(arity) || isLookedAfter(clause, linked) || isForDevelopment(named))
    return
  if (!linked || !mayTrapExits(clause))
    yield unowned({ at: named.range, name: `${module}.${name}/${arity}`, linked }, clause)
}

function unowned(starter: Starter, clause: Clause): Problem {
  const consequence =
    starter.linked && isTree(clause)
      ? 'a supervisor traps exits, so a crash in it is a line in the log and nothing more'
      : starter.linked
        ? `a crash in it takes down the process that runs \`${clause.function.name}\`, and a deploy cuts it off halfway`
        : 'nothing waits for it at shutdown, so a deploy cuts it off halfway'
  return {
    at: starter.at,
    severity: severityOf(starter, clause),
    message: `${opening(starter, clause)} starts a process that no supervisor owns: ${consequence}. ${ownerFor(clause)}`,
  }
}

/** Of a process whose starter waits for what it sends. */
function unwatched(starter: Starter, clause: Clause, project: ProjectFacts): Problem {
  const { module } = clause
  const supervisor = taskSupervisorOf(module)
  const advice =
    module.is('LiveView') && isInServer(clause) && knowsStartAsync(project)
      ? '`start_async/3` gives `handle_async/3` its result or its crash, and ends it with the LiveView.'
      : `\`Task.Supervisor.async_nolink(${supervisor}, ...)\`, with \`{Task.Supervisor, name: ${supervisor}}\` in the tree, sends its result or a \`:DOWN\`.`
  return {
    at: starter.at,
    severity: severityOf(starter, clause),
    message: `${opening(starter, clause)} starts a process that nobody watches. When it crashes, the message that it was to send never comes. ${advice}`,
  }
}

/** It came with Phoenix LiveView 0.20; a version that is not locked is taken to be newer. */
function knowsStartAsync({ deps }: ProjectFacts): boolean {
  const [, minor] = /^0\.(\d+)\./.exec(deps['phoenix_live_view'] ?? '') ?? []
  return minor === undefined || Number(minor) >= 20
}

/** Of a process that sleeps and sends. */
function timer(starter: Starter, clause: Clause): Problem {
  return {
    at: starter.at,
    severity: severityOf(starter, clause),
    message: `${opening(starter, clause)} starts a process only to wait. \`Process.send_after/3\` sends the message later without one. \`Process.cancel_timer/1\` can take it back.`,
  }
}

function unownedLoop(starter: Starter, clause: Clause): Problem {
  const consequence =
    starter.linked && !isTree(clause)
      ? `A crash in it takes down the process that runs \`${clause.function.name}\`, and the loop is gone.`
      : 'A crash in it is a line in the log, and the loop is gone.'
  return {
    at: starter.at,
    severity: severityOf(starter, clause),
    message: `${opening(starter, clause)} starts a loop that no supervisor owns. ${consequence} ${loopOwnerFor(clause)}`,
  }
}

function loopOwnerFor(clause: Clause): string {
  const { module } = clause
  const canLink = isInServer(clause) && !module.is('LiveView') && !module.is('Channel') && !mayTrapExits(clause)
  return canLink && !isTree(clause)
    ? 'Linked, as `Task.start_link/1` does it, the loop and its server end together, and a supervisor starts both again.'
    : 'As `Supervisor.child_spec({Task, fun}, restart: :permanent)` among the children of a supervisor it is started again.'
}

function opening({ name }: Starter, clause: Clause): string {
  return `\`${name.replace('Kernel.', '')}\` in \`${clause.function.id}\``
}

function severityOf({ linked }: Starter, clause: Clause): Severity {
  return linked && isInServer(clause) ? 'info' : 'warning'
}

function isLinking(name: string): boolean {
  return name.endsWith('_link')
}

/** What to write: a child of the tree where the tree is made, else a child of a Task.Supervisor. */
function ownerFor(clause: Clause): string {
  const { module } = clause
  if (isTree(clause) || (module.is('Application') && bootCode(module).has(clause.function.name))) {
    const place = module.is('DynamicSupervisor')
      ? `right after \`${module.name}\` among the children of its supervisor`
      : 'at the end of the list of children'
    return `As \`{Task, fun}\` ${place} it has an owner. There it runs as soon as those before it are up.`
  }
  const supervisor = taskSupervisorOf(module)
  return `\`Task.Supervisor.start_child(${supervisor}, ...)\` gives it an owner, with \`{Task.Supervisor, name: ${supervisor}}\` in the tree, which waits for it at shutdown if it traps exits.`
}

/** The names of the functions that `start/2` of an application runs. */
function bootCode(module: Module): ReadonlySet<string> {
  return new Set(reach(module.clauses('start', 2)).map(({ clause }) => clause.function.name))
}

/** `init/1` of a supervisor, which runs in the supervisor itself. */
function isTree({ function: { name }, module }: Clause): boolean {
  return name === 'init' && (module.is('Supervisor') || module.is('DynamicSupervisor'))
}

/** The same closure is given to a `Task.Supervisor`, where there is one. */
function isInsteadOfSupervised({ args: [given] }: Call, { calls }: Clause): boolean {
  const isGiven = (each: Expression): boolean => each.kind === 'variable' && each.name === (given as Variable).name
  return (
    given?.kind === 'variable' && calls.some((each) => each.module === 'Task.Supervisor' && each.args.some(isGiven))
  )
}

/** `spawn_opt` and `Process.spawn` end with options, and so have an even number of arguments. */
function hasUnknownOptions({ args }: Call): boolean {
  return args.length % 2 === 0 && args.at(-1)?.kind !== 'list'
}

/** `:link`, `:monitor` or `{:monitor, _}` among the options. */
function hasOption({ args }: Call, option: string): boolean {
  const options = args.at(-1)
  if (args.length % 2 !== 0 || options?.kind !== 'list') return false
  return options.has(option) || options.get(option) !== undefined
}

/** A function that a supervisor calls to start a child or to end one, or that starts a process for its caller to link with. */
function isLookedAfter({ function: { name }, module }: Clause, linked: boolean): boolean {
  if (name === 'terminate' || name.startsWith('start_link') || (linked && name.startsWith('start'))) return true
  if (module.is('Task') && (name === 'start' || name === 'child_spec' || name === 'init')) return true
  return startFunctionsOfSpecs(module).has(name)
}

const specCache = new WeakMap<Module, ReadonlySet<string>>()

/** Functions named by `start: {__MODULE__, :start_poller, [arg]}` in a child spec of the same module. */
function startFunctionsOfSpecs(module: Module): ReadonlySet<string> {
  const known = specCache.get(module)
  if (known !== undefined) return known
  const names = new Set<string>()
  for (const fun of module.functions) {
    for (const { expressions } of fun.clauses) {
      for (const each of expressions) {
        if (each.kind !== 'pair' || each.key.kind !== 'atom' || each.key.value !== 'start') continue
        const [started, by] = each.value.kind === 'tuple' ? each.value.elements : []
        if (started?.kind === 'module' && started.name === module.name && by?.kind === 'atom') names.add(by.value)
      }
    }
  }
  specCache.set(module, names)
  return names
}

function isInServer(clause: Clause): boolean {
  return clause.module.isProcess && isServerCode(clause)
}

/** Also in a step of a transaction: whoever put it together mostly runs it. */
function runsHere(call: Call, clause: Clause): boolean {
  const { at } = whereRuns(call, clause)
  return at === 'here' || (at === 'kept' && [...ancestors(call)].some((up) => up.kind === 'call' && isStep(up)))
}

function isStep({ module }: Call): boolean {
  return module === 'Ecto.Multi'
}
