import {
  type Call,
  callbacks,
  canMatch,
  type Capture,
  type Clause,
  defineRule,
  elixir,
  messageShape,
  type MessageShape,
  type Module,
  nameOf,
  type Problem,
  reach,
  results,
  runsSurelyHere,
  type Tail,
  takesByReceive,
  unmatched,
} from '#engine'
import { everyMessageNeedsAClause } from '../principles.ts'
import { nameCall, spotOf, wholeHeadOf } from '../wording.ts'

const DOWN: MessageShape = { kind: 'tuple', tag: 'DOWN', size: 5 }
const EXIT: MessageShape = { kind: 'tuple', tag: 'EXIT', size: 3 }

const LINKING = new Set([
  'Kernel.spawn_link',
  ':erlang.spawn_link',
  ':proc_lib.spawn_link',
  'Node.spawn_link',
  'Process.link',
  ':erlang.link',
  'Port.open',
  ':erlang.open_port',
  'Task.async',
  'Task.Supervisor.async',
])

const ENTERS = new Set([':gen_server.enter_loop', ':gen_statem.enter_loop'])

const PORTS = new Set(['Port.open', ':erlang.open_port'])

const SPAWN_MONITORS = new Set(['Kernel.spawn_monitor', ':erlang.spawn_monitor', 'Node.spawn_monitor'])

/** Callbacks after which, or in which, no further message is read. */
const LAST = new Set(['terminate', 'code_change', 'format_status'])

export default defineRule({
  id: 'genserver-down-or-exit-unhandled',
  title: 'Monitors or linked exits arrive, no clause takes them',
  principles: [everyMessageNeedsAClause],
  set: 'recommended',
  precision: 'P2',
  severity: 'error',
  since: '0.1.0',

  why: `
    A monitor ends in a message {:DOWN, ref, :process, pid, reason}, and a process that traps exits gets a message
    {:EXIT, pid, reason} from each linked process, also when that ends normally. As soon as a module has handle_info
    clauses of its own, a message that none of them matches raises a FunctionClauseError: the server dies because
    something else did, which is what the monitor or the trap was there to prevent.
  `,
  instead:
    'Add a clause for it: `def handle_info({:DOWN, ref, :process, _pid, reason}, state)` after a monitor, `def handle_info({:EXIT, pid, reason}, state)` after a link.',
  ignoreWhen: 'When another module takes these messages on behalf of this process.',
  limits:
    'Monitors and links that another module sets up for this process are not seen. Any clause that could match makes the rule silent; so does a server that stops at the exit status of its port, which comes before the `:EXIT`. A link to a supervisor alone is for the strict profile.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Checkouts do
          use GenServer

          def init(_), do: {:ok, %{}}

          def handle_call({:join, pid}, _from, state) do
            ref = Process.monitor(pid) # finding
            {:reply, :ok, Map.put(state, ref, pid)}
          end

          def handle_info(:sweep, state), do: {:noreply, state}
        end
      `,
      good: elixir`
        defmodule Shop.Checkouts do
          use GenServer

          def init(_), do: {:ok, %{}}

          def handle_call({:join, pid}, _from, state) do
            ref = Process.monitor(pid)
            {:reply, :ok, Map.put(state, ref, pid)}
          end

          def handle_info(:sweep, state), do: {:noreply, state}
          def handle_info({:DOWN, ref, :process, _pid, _reason}, state), do: {:noreply, Map.delete(state, ref)}
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer', 'GenStage'],
  words: ['monitor', 'spawn_monitor', 'trap_exit'],
  *check({ module }) {
    if (!module.isTransparent || module.function('handle_info', 2)?.delegate) return
    const starts = callbacks(module).filter(({ name }) => !LAST.has(name))
    const reached = reach(
      starts.flatMap((fun) => fun.clauses),
      Infinity,
      runsSurelyHere,
    )
    const server = reached.map(({ clause }) => clause)
    if (server.some(entersAnotherLoop)) return
    if (!isTaken(DOWN, module, server)) yield* monitors(module, server)
    if (!isTaken(EXIT, module, server)) yield* trappedExits(module, server)
  },
})

/** `:gen_server.enter_loop(Other, ...)`: from then on the clauses of another module take the messages. */
function entersAnotherLoop(clause: Clause): boolean {
  const { module } = clause
  return clause
    .callsOf(ENTERS)
    .some(({ args: [taker] }) => taker !== undefined && nameOf(taker, module, clause) !== module.name)
}

function isTaken(shape: MessageShape, module: Module, server: readonly Clause[]): boolean {
  const handlers = module.clauses('handle_info', 2)
  return (
    handlers.some(({ params: [param] }) => param === undefined || canMatch(param, shape)) ||
    server.some((clause) => takesByReceive(clause, shape))
  )
}

function* monitors(module: Module, server: readonly Clause[]): Iterable<Problem> {
  const handlers = module.clauses('handle_info', 2)
  for (const clause of server) {
    const here = surelyHere(clause)
    if (here.some(({ callee }) => callee === 'Process.demonitor' || callee === ':erlang.demonitor')) continue
    for (const each of [...here.filter(isMonitor), ...capturedMonitors(clause)]) {
      const what = `\`${module.name}\` monitors a process here`
      const at = spotOf(each)
      yield {
        at,
        evidence: [at, ...handlers.map(wholeHeadOf)],
        severity: handlers.length > 0 ? 'error' : 'warning',
        message:
          handlers.length > 0
            ? `${what}, and no \`handle_info/2\` clause matches \`{:DOWN, ref, :process, pid, reason}\`: when that process ends, this server dies with a \`FunctionClauseError\`.`
            : `${what}, but has no \`handle_info/2\`: when that process ends, its \`:DOWN\` is logged and dropped, so the monitor has no effect.`,
      }
    }
  }
}

/** A `tag:` gives the message another name. */
function isMonitor({ callee, args }: Call): boolean {
  if (SPAWN_MONITORS.has(callee)) return true
  if (callee === ':erlang.monitor') return args.length === 2 && args[0]?.kind === 'atom' && args[0].value === 'process'
  if (callee !== 'Process.monitor') return false
  const [, options] = args
  return options === undefined || (options.kind === 'list' && options.tail === null && options.get('tag') === undefined)
}

/** `Enum.each(pids, &Process.monitor/1)`. */
function capturedMonitors(clause: Clause): Capture[] {
  return clause.expressions.filter(
    (each): each is Capture =>
      each.kind === 'capture' &&
      each.function?.module === 'Process' &&
      each.function.name === 'monitor' &&
      each.function.arity === 1 &&
      runsSurelyHere(each, clause),
  )
}

function surelyHere(clause: Clause): Call[] {
  return clause.calls.filter((call) => runsSurelyHere(call, clause))
}

function* trappedExits(module: Module, server: readonly Clause[]): Iterable<Problem> {
  const handlers = module.clauses('handle_info', 2)
  const flags = server.flatMap(surelyHere).filter(isTrapFlag)
  const links = server
    .filter((clause) => !unlinks(clause))
    .flatMap(surelyHere)
    .filter((call) => isLink(call) && !(PORTS.has(call.callee) && stopsBeforePort(module)))
  // A supervisor never ends well: many want to go down with theirs, in whichever way.
  const [link] = [...links.filter((call) => !startsSupervisor(call)), ...links]
  // A trap that is taken back later is there for a moment only.
  if (handlers.length === 0 || link === undefined || !flags.every(isOn)) return
  const end = PORTS.has(link.callee) ? 'the port closes' : 'the linked process ends'
  for (const flag of flags) {
    yield {
      at: flag.at,
      evidence: [flag.at, link.at, ...handlers.map(wholeHeadOf)],
      related: [{ range: link.at, message: 'the link' }],
      ...(startsSupervisor(link) ? { set: 'strict' as const } : {}),
      message:
        `\`${module.name}\` traps exits and links with \`${nameCall(link)}\`, and no \`handle_info/2\` clause matches ` +
        `\`{:EXIT, pid, reason}\`: when ${end}, this server dies with a \`FunctionClauseError\`.`,
    }
  }
}

/** A port tells the exit status of its program before it closes: a server that stops at that never sees the `:EXIT`. */
function stopsBeforePort(module: Module): boolean {
  const takers = module.clauses('handle_info', 2).filter(({ params: [message] }) => {
    const told = message === undefined ? undefined : unmatched(message)
    const what = told?.kind === 'tuple' && told.elements.length === 2 ? messageShape(told.elements[1]!) : null
    return what?.tag === 'exit_status'
  })
  return takers.length > 0 && takers.every((clause) => results(clause).every(({ tail }) => !goesOn(tail)))
}

function goesOn({ expression }: Tail): boolean {
  const shape = expression === null ? null : messageShape(expression)
  return shape?.tag === 'noreply'
}

/** A process that is let go of in the same function. */
function unlinks({ calls }: Clause): boolean {
  return calls.some(({ callee }) => callee === 'Process.unlink' || callee === ':erlang.unlink')
}

function isTrapFlag({ callee, args: [flag] }: Call): boolean {
  return (
    (callee === 'Process.flag' || callee === ':erlang.process_flag') &&
    flag?.kind === 'atom' &&
    flag.value === 'trap_exit'
  )
}

function isOn({ args: [, value] }: Call): boolean {
  return value?.kind === 'atom' && value.value === 'true'
}

function startsSupervisor({ callee }: Call): boolean {
  return callee.endsWith('Supervisor.start_link')
}

function isLink(call: Call): boolean {
  if (LINKING.has(call.callee)) return true
  return call.name === 'start_link' && !call.isLocal
}
