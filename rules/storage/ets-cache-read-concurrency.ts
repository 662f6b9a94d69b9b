import {
  callbacks,
  type Clause,
  defineRule,
  type Edit,
  elixir,
  etsAccess,
  type FunctionFact,
  localCalls,
  type Module,
  serverCode,
  type Table,
  tableOf,
  tables,
} from '#engine'
import { readsGoStraightToEts, storageByNeed } from '../principles.ts'

export default defineRule({
  id: 'ets-cache-read-concurrency',
  title: 'Read-mostly table without `read_concurrency`',
  principles: [readsGoStraightToEts, storageByNeed],
  set: 'recommended',
  precision: 'P2',
  severity: 'info',
  since: '0.1.0',

  why: `
    Every process may read this table, and only one writes it. Without read_concurrency the readers share one lock
    word of the table, which bounces between the cores; with it each scheduler has its own and readers do not get
    into each other's way. Switching between reading and writing costs a little more then, so it suits tables that
    are mostly read.
  `,
  instead: 'Add `read_concurrency: true` to the options.',
  ignoreWhen: 'When writes are as frequent as reads.',
  limits: 'Only tables whose reads and writes stand in one module are judged.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Settings do
          use GenServer

          def get(key), do: :ets.lookup(:settings, key)

          @impl true
          def init(settings) do
            :ets.new(:settings, [:set, :named_table]) # finding
            :ets.insert(:settings, settings)
            {:ok, nil}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Settings do
          use GenServer

          def get(key), do: :ets.lookup(:settings, key)

          @impl true
          def init(settings) do
            :ets.new(:settings, [:set, :named_table, read_concurrency: true])
            :ets.insert(:settings, settings)
            {:ok, nil}
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['ets'],
  *check({ module }) {
    const server = ownerCode(module)
    // What else the server calls of its public functions, others may call too.
    const isOwners = (clause: Clause): boolean => server.has(clause) && !isForOthers(clause.function, module)
    const made = tables(module)
    for (const table of made) {
      const { options, name, access } = table
      if (
        !table.isNamed ||
        access === 'private' ||
        access === null ||
        options === null ||
        name === null ||
        !server.has(table.clause)
      )
        continue
      if (options.pair('read_concurrency') !== undefined) continue
      // One list for several tables: what suits one may not suit the others.
      if (made.some((other) => other !== table && other.options === options)) continue
      const uses = usesOf(module, name)
      const readers = uses.filter(({ kind, clause }) => kind === 'read' && !server.has(clause))
      const reader = readers.find(({ clause }) => clause.function.isPublic) ?? readers[0]
      const writes = uses.filter(({ kind }) => kind !== 'read')
      if (reader === undefined || writes.some(({ kind, clause }) => kind === 'count' || !isOwners(clause))) continue
      if (access === 'public' && writes.length === 0) continue
      yield {
        at: options.range,
        evidence: [table.call.at, options.range],
        message:
          `Every caller of \`${entryOf(reader.clause.function, module).id}\` reads the table \`${name}\` in its own process, and \`${module.name}\` writes it ` +
          'in one process only. Without `read_concurrency: true` the readers share one lock.',
        edit: withReadConcurrency(table, module),
      }
    }
  },
})

/** Server code, and the boot code of an application or supervisor. */
function ownerCode(module: Module): Set<Clause> {
  const clauses = serverCode(module).map((reached) => reached.clause)
  if (module.is('Application')) clauses.push(...module.clauses('start', 2))
  clauses.push(...module.functions.filter((fun) => fun.name === 'start_link').flatMap((fun) => fun.clauses))
  return new Set(clauses)
}

function isForOthers(fun: FunctionFact, module: Module): boolean {
  return fun.isPublic && !/^start(?:_link)?$/.test(fun.name) && !callbacks(module).includes(fun)
}

/** The public function through which others read. */
function entryOf(fun: FunctionFact, module: Module): FunctionFact {
  if (fun.isPublic) return fun
  const isCaller = (other: FunctionFact): boolean =>
    other.isPublic && other.clauses.some((clause) => localCalls(clause).some((called) => called.fun === fun))
  return module.functions.find(isCaller) ?? fun
}

interface Use {
  /** `count`: an `update_counter`, which comes with every event that is counted. */
  kind: 'read' | 'write' | 'count'
  clause: Clause
}

function usesOf(module: Module, name: string): Use[] {
  return module.functions.flatMap((fun) =>
    fun.clauses.flatMap((clause) =>
      clause.calls.flatMap((call): Use[] => {
        const kind = call.name === 'update_counter' ? 'count' : etsAccess(call)
        // `info` tells how large a table is; its rows are not read.
        if (kind === null || call.name === 'info' || tableOf(call, clause) !== name) return []
        return [{ kind, clause }]
      }),
    ),
  )
}

function withReadConcurrency({ options }: Table, module: Module): Edit | null {
  if (options === null || options.elements.length === 0) return null
  const { startLine, endLine, endColumn } = options.range
  if (startLine !== endLine) return null
  const line = module.file.line(startLine)
  if (
    line[endColumn - 2] !== ']' ||
    line
      .slice(0, endColumn - 2)
      .trimEnd()
      .endsWith(',')
  )
    return null
  return {
    startLine,
    endLine,
    text: `${line.slice(0, endColumn - 2)}, read_concurrency: true${line.slice(endColumn - 2)}`,
  }
}
