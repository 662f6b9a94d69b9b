import { type Clause, defineRule, elixir, isPure, type Module, type Range, tails } from '#engine'
import { isTestSupport } from '../callers.ts'
import { modulesOrganiseCode } from '../principles.ts'
import { ignoresState, uses } from '../replies.ts'

/** Any of these shows a purpose beyond answering calls. */
const OTHER_CALLBACKS = [
  ['handle_cast', 2],
  ['handle_info', 2],
  ['handle_continue', 2],
  ['terminate', 2],
] as const

export default defineRule({
  id: 'genserver-stateless',
  title: 'The server keeps no state',
  principles: [modulesOrganiseCode],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    Every handle_call of this module only computes: it neither reads nor changes the state and touches nothing
    outside. Plain functions would give the same answers in the process of each caller, in parallel. As a server,
    one process computes for everybody, one request at a time, arguments and results are copied both ways, and a
    slow request makes the others time out.
  `,
  instead: 'Turn the callbacks into plain functions of the module and delete the process.',
  ignoreWhen: 'When the process is there to let only one of these computations run at a time.',
  limits:
    'Only provably pure callbacks count: a call of any module outside the standard data modules makes the rule silent.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Slug do
          use GenServer # finding

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
          def make(title), do: GenServer.call(__MODULE__, {:make, title})

          @impl true
          def init(opts), do: {:ok, opts}

          @impl true
          def handle_call({:make, title}, _from, state) do
            slug = title |> String.downcase() |> String.replace(" ", "-")
            {:reply, slug, state}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Slug do
          def make(title), do: title |> String.downcase() |> String.replace(" ", "-")
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  words: ['handle_call'],
  *check({ module }) {
    const use = module.use('GenServer')
    if (use === undefined || !module.isTransparent || isTestSupport(module)) return
    if (OTHER_CALLBACKS.some(([name, arity]) => module.has(name, arity))) return
    const handlers = module.clauses('handle_call', 3)
    if (handlers.length === 0 || !handlers.every(answersWithoutState)) return
    if (!module.clauses('init', 1).every(isPlainInit)) return

    yield {
      at: use.range,
      evidence: [use.range, ...handlers.map((clause) => clause.head), ...wrappers(module)],
      message:
        `\`${module.name}\` is a process that keeps nothing: ${describeHandlers(handlers)} only computes and returns the ` +
        'state untouched, so every caller queues behind one process for what plain functions would do in parallel.',
    }
  },
})

/** Replies without a look at the state or the caller, and the rest is pure. */
function answersWithoutState(clause: Clause): boolean {
  const [, from] = clause.params
  return ignoresState(clause) && from?.kind === 'variable' && uses(clause, from.name) === 0 && isPure(clause)
}

/** `init/1` that returns a literal or its argument and does nothing. */
function isPlainInit(clause: Clause): boolean {
  if (!isPure(clause)) return false
  return tails(clause.body).every(({ expression: tail }) => {
    const first = tail?.kind === 'tuple' ? tail.elements[0] : undefined
    return tail?.kind === 'tuple' && tail.elements.length === 2 && first?.kind === 'atom' && first.value === 'ok'
  })
}

function wrappers(module: Module): Range[] {
  return module.functions.flatMap((fun) =>
    fun.clauses.flatMap((clause) =>
      clause.calls.filter((call) => call.callee === 'GenServer.call').map((call) => call.at),
    ),
  )
}

function describeHandlers(handlers: readonly Clause[]): string {
  return handlers.length === 1 ? 'its `handle_call/3`' : `each of its ${handlers.length} \`handle_call/3\` clauses`
}
