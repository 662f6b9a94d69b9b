import {
  type Clause,
  defineRule,
  elixir,
  type Expression,
  foldNumber,
  isCallByHand,
  isSelf,
  type Module,
  nameOf,
  reach,
  useOptions,
  waitingIn,
} from '#engine'
import { isTestSupport } from '../callers.ts'
import { isOnPurpose, saysWhyItBlocks } from '../intent.ts'
import { fastInit } from '../principles.ts'
import { isOnTheWayOut } from '../way-out.ts'
import { spotOf, WAITS_FOR } from '../wording.ts'

const NOTICED_MS = 1_000

/** Local hops that are followed from `init/1`. */
const DEPTH = 3

/** After these whoever starts the process goes on, as in the `init/1` of a ranch protocol. */
const LETS_GO = new Set([':proc_lib.init_ack', ':gen_server.enter_loop'])

/** `sync_start(state)`: that the start waits is what the function is for. */
const SYNCHRONOUS = /(?:^|_)sync(?:hronous)?_(?:init|start|warm)/

export default defineRule({
  id: 'genserver-blocking-init',
  title: '`init/1` does slow work',
  principles: [fastInit],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    start_link returns only when init/1 has returned. Until then the supervisor starts no further child and answers
    no call, so a slow network stops the boot of everything behind this child. On each restart it happens again:
    one unreachable host can hold up, or with a timeout take down, the whole tree.
  `,
  instead:
    'Return `{:ok, state, {:continue, :load}}` and do the work in `handle_continue/2`, which runs before any other message.',
  ignoreWhen: `
    When the children after this one must not start before the data is there. Keep it, and say so in the ignore comment.
  `,
  limits:
    'Work inside functions of other modules is not seen. Calls of an Ecto repository are reported as info. Where a comment says why the start blocks (a reason to sleep does not count), or a function is called `sync_start` or the like, it is taken to be meant. Only the strict profile reports a `receive` with an `after` that is shorter than a second or waits for the answer to one reference, as a call made by hand does, and questions to the Mnesia of another node. A server that no `start_link` starts, but a function that opens it for its caller, is left alone, and so is a step of the boot: `restart: :temporary`, and no callback but `init/1`.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Rates do
          use GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

          @impl true
          def init(opts) do
            {:ok, %{rates: Req.get!(opts[:url]).body}} # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.Rates do
          use GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

          @impl true
          def init(opts), do: {:ok, %{url: opts[:url], rates: %{}}, {:continue, :load}}

          @impl true
          def handle_continue(:load, state) do
            {:noreply, %{state | rates: Req.get!(state.url).body}}
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  *check({ module }) {
    if (isTestSupport(module) || isStartedByItsUser(module) || isStartedByHand(module) || isBootStep(module)) return
    const seen = new Set<number>()
    const starting = module.clauses('init', 1).filter((clause) => clause.callsOf(LETS_GO).length === 0)
    for (const { clause, hops, from } of reach(starting, DEPTH)) {
      for (const { expression, at, wait, name } of waitingIn(clause)) {
        // A stream of tasks is how init/1 does work of its own on all cores: it is work, not waiting.
        if (wait === 'stream' || seen.has(expression.start)) continue
        // A step of the boot that blocks it and then returns `:ignore`, or what is cleaned up on the way to `{:stop, reason}`.
        if ([expression, ...hops].some(isOnTheWayOut)) continue
        // Why it sleeps is no reason to sleep.
        if ([clause, from].some((each) => isOnPurpose(each) || (wait !== 'sleep' && saysWhyItBlocks(each)))) continue
        if (SYNCHRONOUS.test(clause.function.name)) continue
        seen.add(expression.start)
        const helper = clause === from ? '' : ` in \`${clause.function.id}\``
        const isCall = expression.kind === 'receive' && (isCallByHand(expression) || isShort(expression, module))
        const isMild = isCall || (wait === 'rpc' && asksMnesia(expression))
        yield {
          at,
          evidence: [at, from.head, ...hops.map(spotOf)],
          severity: wait === 'database' || isMild ? 'info' : 'warning',
          ...(isMild ? { set: 'strict' as const } : {}),
          message:
            `\`init/1\` of \`${module.name}\` waits for ${WAITS_FOR[wait]} (\`${name}\`${helper}): ` +
            'its supervisor starts no further child until this returns, at boot and at every restart.',
        }
      }
    }
  },
})

/** An answer, and `after 500 -> ...`: the start is over before anybody notices. */
function isShort({ branches, after }: Expression & { kind: 'receive' }, module: Module): boolean {
  const [limit] = after?.patterns ?? []
  return branches.length > 0 && limit !== undefined && (foldNumber(limit, module) ?? NOTICED_MS) < NOTICED_MS
}

/** `:rpc.call(node, :mnesia, ...)`: who joins a cluster of tables has to, before anybody reads them. */
function asksMnesia(expression: Expression): boolean {
  return expression.kind === 'call' && expression.args.some((arg) => arg.kind === 'atom' && arg.value === 'mnesia')
}

const STARTS = new Set(['GenServer.start', 'GenServer.start_link'])

/**
 * `def connect(url), do: GenServer.start(__MODULE__, url)`, and no start_link for a supervisor: whoever opens the
 * connection waits for it.
 */
function isStartedByHand(module: Module): boolean {
  const use = module.use('GenServer')
  if (use !== undefined && useOptions(use)?.get('start') !== undefined) return false
  if (module.functions.some(({ name }) => name === 'start_link' || name === 'child_spec')) return false
  const starts = module
    .callsOf(STARTS)
    .filter(({ call: { args }, clause }) => args[0] && nameOf(args[0], module, clause) === module.name)
  return (
    starts.length > 0 &&
    starts.every(({ call, clause }) => call.callee === 'GenServer.start' || !clause.function.name.startsWith('start'))
  )
}

/** A step of the boot that is never started again, and takes no message: the children after it count on what it did. */
function isBootStep(module: Module): boolean {
  const use = module.use('GenServer')
  const restart = use === undefined ? undefined : useOptions(use)?.get('restart')
  if (restart?.kind !== 'atom' || restart.value !== 'temporary') return false
  return !module.functions.some(({ name }) => name.startsWith('handle_'))
}

/**
 * `start_link(host, port, opts)` gives the server the pid of whoever calls it. A supervisor starts children by
 * `start_link/1`; this is called by a user who opens a connection and waits for it.
 */
function isStartedByItsUser(module: Module): boolean {
  if (module.has('start_link', 1)) return false
  return module.functions.some(
    ({ name, clauses }) => name === 'start_link' && clauses.length > 0 && clauses.every(handsOverSelf),
  )
}

function handsOverSelf(start: Clause): boolean {
  return start.calls.some((call) => isSelf(call, start) && call.parent?.kind !== 'block')
}
