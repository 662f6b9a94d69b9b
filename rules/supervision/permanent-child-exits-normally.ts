import {
  type Call,
  childLists,
  type Clause,
  type Code,
  defineRule,
  type Edit,
  elixir,
  endsByItself,
  type Expression,
  type MapTerm,
  type Module,
  nameOf,
  type Problem,
  type Range,
  resolve,
  results,
  useOptions,
  walk,
} from '#engine'
import { replaceIn } from '../edits.ts'
import { strategiesEncodeDependencies } from '../principles.ts'

const TASK = /\bTask\b/

export default defineRule({
  id: 'permanent-child-exits-normally',
  title: 'A child that finishes is restarted for ever',
  principles: [strategiesEncodeDependencies],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    A permanent child is restarted whenever it ends, also when it has done its work and ends normally. A task that
    finishes is then started again at once, and again; a session that was idle, or whose user has left, comes back with
    nobody to use it. Each start counts as a restart, so the fourth one within five seconds brings down the supervisor,
    with all its other children.
  `,
  instead: 'Use `restart: :transient`, which restarts after crashes alone, or `restart: :temporary`, which never does.',
  ignoreWhen:
    'When the task loops in a way that is not written here, or when the server stops normally in order to be started anew.',
  limits:
    'Only tasks whose whole work can be seen to end are reported; a function of another file counts by its name. A GenServer is reported where the same file gives it to `start_child`, and not where it stops because a connection was closed.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Warmup do
          use Task, restart: :permanent # finding

          def start_link(arg), do: Task.start_link(__MODULE__, :run, [arg])

          def run(_arg) do
            Enum.each(Shop.Catalogue.list(), &Shop.Cache.put/1)
          end
        end
      `,
      good: elixir`
        defmodule Shop.Warmup do
          use Task, restart: :transient

          def start_link(arg), do: Task.start_link(__MODULE__, :run, [arg])

          def run(_arg) do
            Enum.each(Shop.Catalogue.list(), &Shop.Cache.put/1)
          end
        end
      `,
    },
    {
      bad: elixir`
        defmodule Shop.Visit do
          use GenServer

          def begin(id), do: DynamicSupervisor.start_child(Shop.Visits, {__MODULE__, id})
          def start_link(id), do: GenServer.start_link(__MODULE__, id)

          @impl true
          def init(id), do: {:ok, id, :timer.minutes(10)}

          @impl true
          def handle_info(:timeout, id), do: {:stop, :normal, id} # finding
        end
      `,
      good: elixir`
        defmodule Shop.Visit do
          use GenServer, restart: :transient

          def begin(id), do: DynamicSupervisor.start_child(Shop.Visits, {__MODULE__, id})
          def start_link(id), do: GenServer.start_link(__MODULE__, id)

          @impl true
          def init(id), do: {:ok, id, :timer.minutes(10)}

          @impl true
          def handle_info(:timeout, id), do: {:stop, :normal, id}
        end
      `,
    },
  ],

  on: 'module',
  words: ['Task', 'GenServer'],
  *check({ module }) {
    yield* taskModule(module)
    yield* session(module)
    const clauses = module.functions.flatMap((fun) => fun.clauses).filter((clause) => clause.mentions(TASK))
    if (clauses.length === 0) return
    const listed = new Set(childLists(module).flatMap(({ segments }) => segments.flatMap(({ list }) => list.elements)))
    for (const clause of clauses) {
      for (const each of clause.expressions) {
        const found =
          each.kind === 'map' ? specMap(each, clause, listed) : each.kind === 'call' ? override(each, clause) : null
        if (found !== null) yield found
      }
    }
  },
})

/** `use Task, restart: :permanent` in a module whose `start_link` runs something that ends. */
function* taskModule(module: Module): Iterable<Problem> {
  const use = module.use('Task')
  const restart = use === undefined ? undefined : useOptions(use)?.get('restart')
  if (use === undefined || restart === undefined || !isPermanent(restart) || module.has('child_spec', 1)) return
  const starters = module.functions.filter(({ name }) => name === 'start_link').flatMap(({ clauses }) => clauses)
  const work = starters.flatMap((clause) =>
    clause.calls.filter(({ callee }) => callee === 'Task.start_link').map((call) => workOf(call.args, clause)),
  )
  if (work.length === 0 || !work.every((code) => code !== null && code.every(endsByItself))) return
  const runs = work.flatMap((code) => code ?? []).map(({ clause }) => clause.head)
  yield {
    at: restart.range,
    evidence: [use.range, restart.range, ...runs],
    message: `\`${module.name}\` ends when its work is done, and \`restart: :permanent\` starts it again each time: where the work is short, the supervisor soon gives up and takes its other children along.`,
    edit: replaceIn(module.file, restart.range, ':transient'),
  }
}

const CALLBACKS = ['handle_call/3', 'handle_cast/2', 'handle_info/2', 'handle_continue/2'] as const

/** Messages after which a server that is started anew connects again: there the restart may be meant. */
const CLOSED = /^(?:(?:tcp|ssl|udp|gun|socket|ws|websocket)_(?:closed|down|error)|disconnected)$/

/** A server that is started for one thing, stops when that is done, and is permanent because nothing says otherwise. */
function* session(module: Module): Iterable<Problem> {
  const use = module.use('GenServer')
  if (use === undefined || !module.file.source.includes('start_child')) return
  if (!module.isTransparent || module.has('child_spec', 1)) return
  const options = useOptions(use)
  if (use.options !== null && (options === null || options.get('restart') !== undefined)) return
  const [stop] = CALLBACKS.flatMap((id) => module.table.get(id)?.clauses ?? []).flatMap(normalStops)
  const start = stop === undefined ? undefined : startOf(module)
  if (stop === undefined || start === undefined) return
  yield {
    at: stop.range,
    evidence: [stop.range, start.at, use.range],
    related: [{ range: start.at, message: 'It becomes a child here' }],
    message: `\`${module.name}\` ends here because it is done. \`use GenServer\` makes it a permanent child, so the supervisor starts it again at once. \`use GenServer, restart: :transient\` restarts it after crashes alone, \`:temporary\` never.`,
  }
}

/** `{:stop, :normal, state}` and the like. */
function normalStops(clause: Clause): Expression[] {
  const [message] = clause.params
  if (message !== undefined && walk(message).some((each) => each.kind === 'atom' && CLOSED.test(each.value))) return []
  return results(clause).flatMap(({ tail: { expression } }) => {
    const [tag, given] = expression?.kind === 'tuple' ? expression.elements : []
    const reason = given?.kind === 'tuple' ? given.elements[0] : given
    const isNormal =
      reason?.kind === 'atom' && (reason.value === 'shutdown' || (reason === given && reason.value === 'normal'))
    return expression !== null && tag?.kind === 'atom' && tag.value === 'stop' && isNormal ? [expression] : []
  })
}

const START_CHILD = new Set(['DynamicSupervisor.start_child', 'Supervisor.start_child'])

/** `DynamicSupervisor.start_child(supervisor, {Module, argument})` in the file. */
function startOf({ file, name }: Module): Call | undefined {
  return file.modules
    .flatMap((module) => module.callsOf(START_CHILD))
    .find(({ call: { args }, clause }) => {
      const spec = args[1] === undefined ? undefined : resolve(args[1], clause.module, clause)
      const started = spec?.kind === 'tuple' && spec.elements.length === 2 ? spec.elements[0]! : spec
      return started !== undefined && nameOf(started, clause.module, clause) === name
    })?.call
}

/** `Supervisor.child_spec({Task, fun}, restart: :permanent)`. */
function override(call: Call, clause: Clause): Problem | null {
  const [child, options] = call.args
  if (call.callee !== 'Supervisor.child_spec' || child?.kind !== 'tuple' || options?.kind !== 'list') return null
  const [started, work] = child.elements
  const restart = options.get('restart')
  if (started?.kind !== 'module' || started.name !== 'Task' || work === undefined || restart === undefined) return null
  if (!isPermanent(restart) || !ends([work], clause)) return null
  return finishing(restart, [call.at, restart.range], replaceIn(clause.file, restart.range, ':transient'))
}

/** `%{id: id, start: {Task, :start_link, [fun]}}`: permanent unless it says otherwise. */
function specMap(map: MapTerm, clause: Clause, listed: ReadonlySet<Expression>): Problem | null {
  const start = map.get('start')
  const [started, name, args] = start?.kind === 'tuple' ? start.elements : []
  if (started?.kind !== 'module' || started.name !== 'Task' || name?.kind !== 'atom' || name.value !== 'start_link')
    return null
  if (args?.kind !== 'list' || start === undefined || !ends(args.elements, clause)) return null
  const restart = map.get('restart')
  if (restart !== undefined) {
    const edit = replaceIn(clause.file, restart.range, ':transient')
    return isPermanent(restart) ? finishing(restart, [start.range, restart.range], edit) : null
  }
  const { parent } = map
  const isChild =
    listed.has(map) || (parent?.kind === 'call' && /^(Dynamic)?Supervisor\.start_child$/.test(parent.callee))
  return isChild ? finishing(start, [map.range], null) : null
}

function finishing(at: Expression, evidence: Range[], edit: Edit | null): Problem {
  const why =
    edit === null
      ? 'a child is `:permanent` unless its spec says otherwise'
      : '`restart: :permanent` starts it again each time'
  return {
    at: at.range,
    evidence,
    message: `This task ends when its work is done, and ${why}: it is restarted without end, and where the work is short, the supervisor soon gives up and takes its other children along.`,
    edit,
  }
}

function ends(args: readonly Expression[], clause: Clause): boolean {
  const work = workOf(args, clause)
  return work !== null && work.length > 0 && work.every(endsByItself)
}

/** The code that a task runs which is started with these arguments; null where that is not known. */
function workOf(args: readonly Expression[], clause: Clause): Code[] | null {
  const [first, name, list] = args
  if (first === undefined) return null
  if (first.kind === 'module' && name?.kind === 'atom' && list?.kind === 'list') {
    const owner = clause.file.modules.find((other) => other.name === first.name)
    return bodies(owner?.clauses(name.value, list.elements.length) ?? [])
  }
  const work = resolve(first, clause.module, clause)
  if (work.kind === 'fn') return work.branches.map(({ body }) => ({ body, clause }))
  if (work.kind !== 'capture') return null
  if (work.function === null) return work.body === null ? null : [{ body: work.body, clause }]
  const { module, name: called, arity } = work.function
  const owner = module === null ? clause.module : clause.file.modules.find((other) => other.name === module)
  return bodies(owner?.clauses(called, arity) ?? [])
}

function bodies(clauses: readonly Clause[]): Code[] | null {
  const code = clauses.flatMap((clause) => (clause.body === null ? [] : [{ body: clause.body, clause }]))
  return code.length === 0 ? null : code
}

function isPermanent(expression: Expression): boolean {
  return expression.kind === 'atom' && expression.value === 'permanent'
}
