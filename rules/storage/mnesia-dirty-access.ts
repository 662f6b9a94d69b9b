import { ancestors, type Call, canonical, type Clause, defineRule, elixir, type Module, nameOf } from '#engine'
import { storageByNeed } from '../principles.ts'

const DIRTY_WRITES = new Set(['dirty_write', 'dirty_delete', 'dirty_delete_object', 'dirty_update_counter'])
const WRITES = new Set(['write', 's_write', 'delete', 's_delete', 'delete_object', 's_delete_object'])
const READS = new Set([
  'read',
  'wread',
  'match_object',
  'index_read',
  'select',
  'foldl',
  'foldr',
  'all_keys',
  'first',
  'next',
])
const TRANSACTIONS = new Set(['transaction', 'sync_transaction'])
const DIRTY_CONTEXTS = new Set(['async_dirty', 'sync_dirty'])

export default defineRule({
  id: 'mnesia-dirty-access',
  title: 'Dirty Mnesia operations',
  principles: [storageByNeed],
  set: 'strict',
  precision: 'P1',
  severity: 'info',
  since: '0.1.0',

  why: `
    A dirty write takes no lock. Where the same table is also changed in transactions, the write can slip between the
    read and the write of one of them, and that transaction commits values that are already out of date.
  `,
  instead: 'Do it in a transaction: `:mnesia.activity(:transaction, fn -> ... end)`.',
  ignoreWhen: 'When the table is only ever written by one process.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Stock do
          def reset(id), do: :mnesia.dirty_write({:stock, id, 0}) # finding

          def take(id) do
            :mnesia.transaction(fn ->
              [{:stock, ^id, count}] = :mnesia.read(:stock, id)
              :mnesia.write({:stock, id, count - 1})
            end)
          end
        end
      `,
      good: elixir`
        defmodule Shop.Stock do
          def reset(id) do
            :mnesia.transaction(fn -> :mnesia.write({:stock, id, 0}) end)
          end

          def take(id) do
            :mnesia.transaction(fn ->
              [{:stock, ^id, count}] = :mnesia.read(:stock, id)
              :mnesia.write({:stock, id, count - 1})
            end)
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['mnesia'],
  *check({ module }) {
    const all = mnesiaCalls(module)
    for (const { call, clause } of all) {
      if (!isDirtyWrite(call)) continue
      const target = rowOf(call, clause)
      if (target.table === null) continue
      const transaction = all.find(
        (other) => isTransactional(other.call, all) && rowOf(other.call, other.clause).table === target.table,
      )
      const read = all.find(
        (other) =>
          other.clause === clause &&
          other.call.name === 'dirty_read' &&
          other.call.start < call.start &&
          sameRow(rowOf(other.call, clause), target),
      )
      const other = transaction ?? read
      if (other === undefined) continue
      yield {
        at: call.at,
        evidence: [call.at, other.call.at],
        message:
          transaction === undefined
            ? `This row of \`${target.table}\` was read on line ${other.call.line}; another process can change it before this dirty write overwrites it.`
            : `\`${module.name}\` uses \`${target.table}\` in a transaction on line ${other.call.line} as well, and this dirty write takes no lock: it can slip in between.`,
      }
    }
  },
})

function mnesiaCalls(module: Module): { call: Call; clause: Clause }[] {
  return module.functions.flatMap((fun) =>
    fun.clauses.flatMap((clause) =>
      clause.calls.filter((call) => call.module === ':mnesia').map((call) => ({ call, clause })),
    ),
  )
}

function isDirtyWrite(call: Call): boolean {
  return DIRTY_WRITES.has(call.name) || (WRITES.has(call.name) && contextOf(call) === 'dirty')
}

/** Reads and writes inside a transaction, and those of helpers in a module that has one: elsewhere they would abort. */
function isTransactional(call: Call, all: readonly { call: Call }[]): boolean {
  if (!WRITES.has(call.name) && !READS.has(call.name)) return false
  const context = contextOf(call)
  return (
    context === 'transaction' ||
    (context === null &&
      all.every((other) => startedBy(other.call) !== 'dirty') &&
      all.some((other) => startedBy(other.call) === 'transaction'))
  )
}

function contextOf(call: Call): 'transaction' | 'dirty' | 'other' | null {
  for (const up of ancestors(call)) {
    const context = up.kind === 'call' ? startedBy(up) : null
    if (context !== null) return context
  }
  return null
}

/** What kind of activity a call starts; null for calls that start none. */
function startedBy(call: Call): 'transaction' | 'dirty' | 'other' | null {
  if (call.module !== ':mnesia') return null
  if (TRANSACTIONS.has(call.name)) return 'transaction'
  if (DIRTY_CONTEXTS.has(call.name)) return 'dirty'
  if (call.name === 'ets') return 'other'
  if (call.name !== 'activity') return null
  const [kind] = call.args
  const name = kind?.kind === 'tuple' ? kind.elements[0] : kind
  if (name?.kind !== 'atom') return 'other'
  return TRANSACTIONS.has(name.value) ? 'transaction' : DIRTY_CONTEXTS.has(name.value) ? 'dirty' : 'other'
}

interface Row {
  table: string | null
  key: string | null
}

/** `write({table, key, ...})`, `dirty_write(table, record)`, `read(table, key)`, `read({table, key})`. */
function rowOf(call: Call, clause: Clause): Row {
  // `foldl(fun, acc, table)`.
  const [first, second] = /^fold[lr]$/.test(call.name) ? call.args.slice(2, 3) : call.args
  if (first === undefined) return { table: null, key: null }
  const record = first.kind === 'tuple' ? first : second?.kind === 'tuple' ? second : null
  if (first.kind === 'tuple') {
    const [table, key] = first.elements
    return {
      table: table === undefined ? null : nameOf(table, clause.module, clause),
      key: key === undefined ? null : canonical(key),
    }
  }
  const key = record === null ? second : record.elements[1]
  return { table: nameOf(first, clause.module, clause), key: key === undefined ? null : canonical(key) }
}

function sameRow(a: Row, b: Row): boolean {
  return a.table === b.table && a.key !== null && a.key === b.key
}
