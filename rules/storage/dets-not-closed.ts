import { type Call, type Clause, defineRule, elixir, type Expression, type Module, resolve } from '#engine'
import { storageByNeed } from '../principles.ts'

/** Calls after which the file counts as properly closed. */
const CARED_FOR = new Set([':dets.close', ':dets.sync'])

export default defineRule({
  id: 'dets-not-closed',
  title: 'DETS table never closed',
  principles: [storageByNeed],
  set: 'recommended',
  precision: 'P2',
  severity: 'info',
  since: '0.1.0',

  why: `
    DETS closes a file when every process that opened it has closed it or has ended. A node that is halted or killed
    before that leaves the file marked as open, and the next open repairs it: it reads the whole file, which can take
    minutes for a large one. What was written since the last sync or automatic save is lost. A table holds at most 2 GB,
    and its file grows when rows are replaced by larger ones; open it with repair: :force to make it small again.
  `,
  instead:
    'Call `:dets.close/1` as soon as the table is done with, or `:dets.sync/1` after what must not get lost; a shorter `auto_save:` does it by time.',
  ignoreWhen: 'When the table can be made anew, and repairing it takes no time.',
  limits: 'A table that another module closes is not followed.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Journal do
          use GenServer

          @impl true
          def init(_opts) do
            {:ok, table} = :dets.open_file(:journal, file: ~c"journal.dets") # finding
            {:ok, table}
          end

          @impl true
          def handle_cast({:append, entry}, table) do
            :dets.insert(table, entry)
            {:noreply, table}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Journal do
          use GenServer

          @impl true
          def init(_opts) do
            {:ok, table} = :dets.open_file(:journal, file: ~c"journal.dets")
            {:ok, table}
          end

          @impl true
          def handle_cast({:append, entry}, table) do
            :dets.insert(table, entry)
            :dets.sync(table)
            {:noreply, table}
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['dets'],
  *check({ module }) {
    // What an unknown use brings may close the table.
    if (!module.isTransparentBut(() => false)) return
    const calls = detsCalls(module)
    if (calls.some(({ call }) => CARED_FOR.has(call.callee))) return
    for (const { call, clause } of calls) {
      if (call.callee !== ':dets.open_file' || isHarmless(call, clause)) continue
      yield {
        at: call.at,
        message:
          `Nothing in \`${module.name}\` closes or syncs this table. A node that is halted or killed soon after a write leaves it open, and ` +
          'the next `:dets.open_file` reads the whole file to repair it.',
      }
    }
  },
})

function detsCalls(module: Module): { call: Call; clause: Clause }[] {
  return module.functions.flatMap((fun) =>
    fun.clauses.flatMap((clause) =>
      clause.calls.filter((call) => call.module === ':dets').map((call) => ({ call, clause })),
    ),
  )
}

/** A table that is only read, is kept in memory or a temporary file, or for which somebody thought of when it is saved. */
function isHarmless(open: Call, clause: Clause): boolean {
  const given = open.args[1]
  const options = given === undefined ? undefined : resolve(given, clause.module, clause)
  if (options?.kind !== 'list') return false
  return (
    isAtom(options.get('access'), 'read') ||
    isAtom(options.get('ram_file'), 'true') ||
    isTemporary(options.get('file')) ||
    options.get('auto_save') !== undefined
  )
}

/** A file that nobody misses. */
function isTemporary(file: Expression | undefined): boolean {
  return file !== undefined && /["']\/tmp\/|\btmp_dir!?\b/.test(file.text)
}

function isAtom(expression: Expression | undefined, value: string): boolean {
  return expression?.kind === 'atom' && expression.value === value
}
