import { defineRule, elixir, GEN_SERVER_CALLBACKS } from '#engine'
import { everyMessageNeedsAClause } from '../principles.ts'

/** The callbacks that come with each `use`. */
const CALLBACKS: Readonly<Record<string, readonly string[]>> = {
  GenServer: GEN_SERVER_CALLBACKS,
  Supervisor: ['init/1'],
  DynamicSupervisor: ['init/1'],
  Application: ['start/2', 'stop/1', 'prep_stop/1', 'config_change/3', 'start_phase/3'],
  'Oban.Worker': ['perform/1', 'backoff/1', 'timeout/1'],
  Broadway: ['handle_message/3', 'handle_batch/4', 'handle_failed/2', 'prepare_messages/2', 'process_name/2'],
}

export default defineRule({
  id: 'genserver-missing-impl',
  title: 'Callback without `@impl`',
  principles: [everyMessageNeedsAClause],
  set: 'strict',
  precision: 'P1',
  severity: 'info',
  since: '0.1.0',

  why: `
    With @impl true the compiler checks that a function really is a callback: a misspelt name or a missing argument
    becomes a warning instead of a function that nobody calls. It also tells the reader what is called from outside
    of the module. Once one callback of a module has it, the compiler asks for it on all of them.
  `,
  instead: 'Write `@impl true` before the first clause of each callback.',
  limits: 'Modules in which any function has an `@impl` are left to the compiler.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Prices do
          use GenServer

          def init(prices), do: {:ok, prices} # finding
        end
      `,
      good: elixir`
        defmodule Shop.Prices do
          use GenServer

          @impl true
          def init(prices), do: {:ok, prices}
        end
      `,
    },
  ],

  on: 'module',
  words: Object.keys(CALLBACKS).map((name) => name.slice(name.lastIndexOf('.') + 1)),
  *check({ module }) {
    if (module.functions.some((fun) => [fun.head, ...fun.clauses].some((clause) => clause?.isImpl))) return
    for (const used of Object.keys(CALLBACKS).filter((name) => module.use(name) !== undefined)) {
      for (const fun of module.functions) {
        const first = fun.head ?? fun.clauses[0]
        if (first === undefined || !fun.isPublic || !CALLBACKS[used]!.includes(fun.id)) continue
        yield {
          at: first.head,
          message: `\`${fun.id}\` of \`${module.name}\` is a callback of \`${used}\`, and no \`@impl\` says so: the compiler does not check its name and arguments, and a reader takes it for part of the API.`,
        }
      }
    }
  },
})
