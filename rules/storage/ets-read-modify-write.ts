import {
  agentCode,
  ancestors,
  type Call,
  canonical,
  type Clause,
  comesFrom,
  defineRule,
  elixir,
  type Expression,
  type FunctionFact,
  isSelf,
  localCalls,
  type Module,
  partsOf,
  reach,
  resolve,
  runsInAgent,
  serverCode,
  sourceOf,
  type Table,
  tableOf,
  tables,
  walk,
  whereRuns,
} from '#engine'
import { isTestSupport } from '../callers.ts'
import { readsGoStraightToEts } from '../principles.ts'
import { isPerVisitor } from './visitors.ts'

const WRITES = new Set([':ets.insert', ':ets.update_element'])
const LOOKUPS = new Set([':ets.lookup', ':ets.lookup_element'])

/** Calls that let one process at a time through. */
const LOCKS = /mutex|lock(?!ed)|:global\.|synchroni[sz]e|serializ/i

export default defineRule({
  id: 'ets-read-modify-write',
  title: 'Lost update on a public table',
  principles: [readsGoStraightToEts],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    Each ETS operation is atomic for itself, the pair of a lookup and an insert is not. Two processes that run this
    at the same time read the same old value, and the second insert overwrites the first: one of the updates is lost.
  `,
  instead:
    'Use `:ets.update_counter(table, key, {2, 1}, {key, 0})` for counters, `:ets.insert_new/2` to claim a key, or let the owner of the table do both steps.',
  ignoreWhen: 'When only one process ever runs this function.',
  limits:
    'The table must be made `:public` in the same file. A callback of a server is taken for the only writer, one of a LiveView or channel is not.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Hits do
          use GenServer

          def hit(page) do
            [{_, count}] = :ets.lookup(:hits, page)
            :ets.insert(:hits, {page, count + 1}) # finding
          end

          @impl true
          def init(_opts) do
            :ets.new(:hits, [:named_table, :public])
            {:ok, nil}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Hits do
          use GenServer

          def hit(page), do: :ets.update_counter(:hits, page, {2, 1}, {page, 0})

          @impl true
          def init(_opts) do
            :ets.new(:hits, [:named_table, :public])
            {:ok, nil}
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['ets'],
  *check({ module }) {
    const shared = new Set(
      module.file.modules.flatMap(tables).flatMap((table) => (isShared(table) ? [table.name!] : [])),
    )
    if (shared.size === 0 || isTestSupport(module)) return
    const counts = module.functions.some((fun) =>
      fun.clauses.some((clause) => clause.calls.some((call) => call.callee === ':ets.update_counter')),
    )
    const owned = new Set([
      ...(module.isProcess && !isPerVisitor(module) ? serverCode(module) : []).map((each) => each.clause),
      ...agentCode(module),
      ...trackerCode(module),
    ])
    for (const fun of module.functions) {
      for (const clause of fun.clauses) {
        if (owned.has(clause) || clause.calls.some((call) => LOCKS.test(call.callee))) continue
        const found = [...updates(clause, shared, counts)]
        if (found.length > 0 && !isRunByOneServer(fun, module)) yield* found
      }
    }
  },
})

/** What `Phoenix.Presence` and `Phoenix.Tracker` call when somebody comes or goes: one process does. */
function trackerCode(module: Module): Clause[] {
  return reach([...module.clauses('handle_metas', 4), ...module.clauses('handle_diff', 2)]).map((each) => each.clause)
}

/** Rows of a bag stand side by side: an insert overwrites none. */
function isShared({ access, isNamed, name, options }: Table): boolean {
  const isBag = options?.has('bag') === true || options?.has('duplicate_bag') === true
  return access === 'public' && isNamed && name !== null && !isBag
}

/** A function that the other modules of the file call in the callbacks of one server alone. */
function isRunByOneServer(fun: FunctionFact, module: Module): boolean {
  const callee = new Set([`${module.name}.${fun.name}`])
  const servers = module.file.modules.filter((other) => other !== module && other.callsOf(callee).length > 0)
  const [server, ...others] = servers
  if (server === undefined || others.length > 0 || !server.isProcess) return false
  const callbacks = new Set(serverCode(server).map((reached) => reached.clause))
  return server
    .callsOf(callee)
    .every(({ call, clause }) => callbacks.has(clause) && whereRuns(call, clause).at === 'here')
}

function isSum(part: Expression): boolean {
  return part.kind === 'operator' && part.operands.length === 2 && /^[+-]$/.test(part.operator)
}

/** What a clause reads of a table: a lookup, or a call of a local function that is one. */
interface Read {
  by: Call
  lookup: Call
  table: string
  key: Expression
}

function* updates(clause: Clause, shared: ReadonlySet<string>, counts: boolean) {
  const reads = readsOf(clause, shared)
  if (reads.length === 0) return
  for (const insert of clause.calls) {
    if (!WRITES.has(insert.callee) || runsInAgent(insert, clause) || isClaimed(insert, clause)) continue
    const row = insert.name === 'insert' ? rowOf(insert, clause)?.elements : insert.args.slice(1)
    if (row === undefined) continue
    const [key, ...written] = row
    // A row under the pid of the process that runs this has one writer.
    if (walk(resolve(key!, clause.module, clause)).some((each) => isSelf(each, clause))) continue
    // Who counts by `update_counter` in this module knows it, and does otherwise where a row has one writer.
    if (counts && written.some(isSum)) continue
    const isOld = (each: Expression): boolean =>
      written.some((part) => comesFrom(part, clause, (from) => from === each) && !isCarriedOver(part, each, clause))
    const read = reads.findLast(
      (each) => each.table === tableOf(insert, clause) && isSameRow(key!, each, clause) && isOld(each.by),
    )
    if (read === undefined) continue
    yield {
      at: insert.at,
      evidence: [insert.at, read.by.at, read.lookup.at],
      message:
        `Between the read of the table \`${read.table}\` on line ${read.by.line} and this ${insert.name === 'insert' ? 'insert' : `\`${insert.callee}\``} another process can write the same row: ` +
        'what is written here is made from the old value, so that other update is lost.',
    }
  }
}

/** `if :ets.insert_new(:hits, {{:lock, page}, self()})`: only who put that row gets here. */
function isClaimed(insert: Call, clause: Clause): boolean {
  let inner: Expression = insert
  for (const up of ancestors(insert)) {
    const isWon = up.kind === 'if' && inner === (up.isUnless ? up.otherwise : up.then)
    if (isWon && [...partsOf(up.condition, clause)].some(isClaim)) return true
    inner = up
  }
  return false
}

function isClaim(each: Expression): boolean {
  return each.kind === 'call' && each.callee === ':ets.insert_new'
}

/** `%{status: :open, opened_at: now(), limit: limit(name)}`: a new value, which only keeps a field of the old one as it was. */
function isCarriedOver(part: Expression, read: Expression, clause: Clause): boolean {
  const value = resolve(part, clause.module, clause)
  if (value.kind !== 'map' || value.updated !== null) return false
  return value.entries.every((entry) => {
    if (entry.kind !== 'pair') return false
    const isOld = comesFrom(entry.value, clause, (from) => from === read)
    return !isOld || isAsItWas(entry.value, read, clause)
  })
}

/** The old value itself, under the name that a pattern gives it, or a field of it. */
function isAsItWas(value: Expression, read: Expression, clause: Clause): boolean {
  if (value === read) return true
  if (value.kind === 'field') return isAsItWas(value.subject, read, clause)
  return value.kind === 'variable' && sourceOf(value, clause)?.value === read
}

/** The key that was looked up, also as the row that was found names it: `[{key, count}] = :ets.lookup(:hits, page)`. */
function isSameRow(key: Expression, read: Read, clause: Clause): boolean {
  if (canonical(read.key) === canonical(key)) return true
  const source = key.kind === 'variable' ? sourceOf(key, clause) : null
  return (
    source?.value === read.by &&
    walk(source.pattern).some((each) => each.kind === 'tuple' && canonical(each.elements[0] ?? each) === canonical(key))
  )
}

function readsOf(clause: Clause, shared: ReadonlySet<string>): Read[] {
  return clause.calls.flatMap((by) => {
    const read = LOOKUPS.has(by.callee) ? readOf(by, clause, by) : readThrough(by, clause)
    return read !== null && shared.has(read.table) ? [read] : []
  })
}

function readOf(lookup: Call, clause: Clause, by: Call): Read | null {
  const table = tableOf(lookup, clause)
  const [, key] = lookup.args
  return table === null || key === undefined ? null : { by, lookup, table, key }
}

/** `count(page)`: a local function of one clause that looks the row up, with the key it is given, and writes nothing. */
function readThrough(by: Call, clause: Clause): Read | null {
  const fun = localCalls(clause).find((called) => called.by === by)?.fun
  if (fun === undefined || fun === clause.function || fun.clauses.length !== 1) return null
  const [callee] = fun.clauses as [Clause]
  const [lookup, ...others] = callee.calls.filter((call) => call.module === ':ets')
  if (lookup === undefined || others.length > 0 || !LOOKUPS.has(lookup.callee)) return null
  const read = readOf(lookup, callee, by)
  if (read?.key.kind !== 'variable') return read
  const { name } = read.key
  const key = by.args[callee.params.findIndex((param) => param.kind === 'variable' && param.name === name)]
  return key === undefined ? null : { ...read, key }
}

/** The tuple that is inserted, also out of a variable or a list of one. */
function rowOf(insert: Call, clause: Clause) {
  const given = insert.args[1]
  const object = given === undefined ? undefined : resolve(given, clause.module, clause)
  const row = object?.kind === 'list' && object.elements.length === 1 ? object.elements[0] : object
  return row?.kind === 'tuple' && row.elements.length > 1 ? row : null
}
