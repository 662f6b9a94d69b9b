import {
  callbacks,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  messageShape,
  type Module,
  showShape,
} from '#engine'
import { everyMessageNeedsAClause } from '../principles.ts'
import { wholeHeadOf } from '../wording.ts'

export default defineRule({
  id: 'genserver-no-info-catch-all',
  title: 'Own `handle_info` clauses without a catch-all',
  principles: [everyMessageNeedsAClause],
  set: 'strict',
  precision: 'P1',
  severity: 'info',
  since: '0.1.0',

  why: `
    use GenServer defines a handle_info/2 that logs any message and goes on. The first clause that a module writes
    replaces it: from then on a message that no clause matches raises a FunctionClauseError and ends the server. A
    late reply of a library, a :DOWN of a monitor or a message to a reused name is enough.
  `,
  instead: 'End with `def handle_info(message, state)` that logs the message and returns `{:noreply, state}`.',
  ignoreWhen: 'When a message that nobody expects is reason enough to crash: let it crash.',
  limits: 'Silent where a macro of another module could define a clause.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Prices do
          use GenServer

          def init(prices), do: {:ok, prices}

          def handle_info(:refresh, _prices), do: {:noreply, Shop.Feed.prices()} # finding
        end
      `,
      good: elixir`
        defmodule Shop.Prices do
          use GenServer
          require Logger

          def init(prices), do: {:ok, prices}

          def handle_info(:refresh, _prices), do: {:noreply, Shop.Feed.prices()}

          def handle_info(message, prices) do
            Logger.warning("unexpected message: #{inspect(message)}")
            {:noreply, prices}
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer', 'GenStage'],
  words: ['handle_info'],
  *check({ module }) {
    const clauses = module.clauses('handle_info', 2)
    const last = clauses.at(-1)
    if (last === undefined || !module.isTransparent || clauses.some(takesAny)) return
    const shape = last.params[0] === undefined ? null : messageShape(last.params[0])
    const taken =
      clauses.length === 1 && shape !== null
        ? `takes \`${showShape(shape)}\` alone`
        : 'takes only what its clauses match'
    yield {
      at: last.head,
      evidence: clauses.map(wholeHeadOf),
      message: `\`handle_info/2\` of \`${module.name}\` ${taken}: any other message ends the server with a \`FunctionClauseError\`.`,
    }
  },
})

/** A catch-all, also one that takes fields out of the state and asks nothing of their values. */
function takesAny(clause: Clause): boolean {
  if (clause.isCatchAll) return true
  const [message, state] = clause.params
  return (
    message?.kind === 'variable' &&
    clause.guard === null &&
    state !== undefined &&
    state.kind !== 'variable' &&
    (onlyTakesFields(state) || isAlways(state, clause.module))
  )
}

/** A state that is the same atom in each callback that names it: nothing else can stand there. */
function isAlways(state: Expression, module: Module): boolean {
  if (state.kind !== 'atom') return false
  const others = callbacks(module).flatMap((fun) => (fun.name.startsWith('handle_') ? fun.clauses : []))
  return others.every(({ params }) => {
    const other = params.at(-1)
    return other?.kind === 'variable' || (other?.kind === 'atom' && other.value === state.value)
  })
}

function onlyTakesFields(state: Expression): boolean {
  if (state.kind === 'match') return [state.pattern, state.value].every(onlyTakesFields)
  if (state.kind === 'variable') return true
  if (state.kind === 'tuple') return state.elements.every(onlyTakesFields)
  return state.kind === 'map' && state.entries.every((entry) => entry.kind === 'pair' && onlyTakesFields(entry.value))
}
