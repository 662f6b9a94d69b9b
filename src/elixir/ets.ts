// ETS tables of a module: where they are made, how they are named and opened, and which calls read or write them.
import { sourceOf } from './bindings.ts'
import type { Call, Expression, List } from './expression.ts'
import type { Clause, FunctionFact, Module } from './module.ts'
import { tails } from './tails.ts'
import { boundValue, nameOf, resolve } from './values.ts'

/** A call of `:ets.new/2`. */
export interface Table {
  call: Call
  clause: Clause
  /** `:rates`, `App.Cache`; null where it is computed. */
  name: string | null
  /** The literal options, also out of an attribute; null where they are computed. */
  options: List | null
  isNamed: boolean
  /** Null where one of the options is computed. */
  access: 'public' | 'protected' | 'private' | null
}

const READS = new Set([
  'lookup',
  'lookup_element',
  'member',
  'select',
  'select_count',
  'select_reverse',
  'match',
  'match_object',
  'tab2list',
  'tab2file',
  'first',
  'next',
  'last',
  'prev',
  'info',
  'foldl',
  'foldr',
])

const WRITES = new Set([
  'insert',
  'insert_new',
  'delete',
  'delete_object',
  'delete_all_objects',
  'update_counter',
  'update_element',
  'select_delete',
  'select_replace',
  'match_delete',
  'take',
])

const NEW: ReadonlySet<string> = new Set([':ets.new'])

/** Every table that a module makes, in source order. */
export function tables(module: Module): Table[] {
  return module.callsOf(NEW).map(({ call, clause }) => readTable(call, clause))
}

function readTable(call: Call, clause: Clause): Table {
  const [name, given] = call.args
  const resolved = given === undefined ? undefined : resolve(given, clause.module, clause)
  const options = resolved?.kind === 'list' && resolved.tail === null ? resolved : null
  return {
    call,
    clause,
    name: name === undefined ? null : nameOf(name, clause.module, clause),
    options,
    isNamed: options?.has('named_table') === true,
    access: accessOf(options, clause),
  }
}

function accessOf(options: List | null, clause: Clause): Table['access'] {
  if (options === null) return 'protected'
  const written = options.elements.map((option) => resolve(option, clause.module, clause))
  const has = (name: string): boolean => written.some((option) => option.kind === 'atom' && option.value === name)
  if (has('public')) return 'public'
  if (has('private')) return 'private'
  return has('protected') || written.every(({ kind }) => kind === 'atom' || kind === 'pair' || kind === 'tuple')
    ? 'protected'
    : null
}

/** Whether a call reads or writes a table; null for other calls. `:ets.delete/1` drops the whole table: a write. */
export function etsAccess(call: Call): 'read' | 'write' | null {
  if (call.module !== ':ets') return null
  return READS.has(call.name) ? 'read' : WRITES.has(call.name) ? 'write' : null
}

/** The name of the table that an ETS call uses; null where it is a variable or computed. */
export function tableOf(call: Call, clause: Clause): string | null {
  // `foldl(fun, acc, table)`.
  const table = call.name === 'foldl' || call.name === 'foldr' ? call.args[2] : call.args[0]
  return table === undefined ? null : (nameOf(table, clause.module, clause) ?? nameGiven(table, clause))
}

const given = new WeakMap<FunctionFact, string | null>()

/** `table()`, also in a variable: a local function that makes the table where it is not there yet, and gives its name. */
function nameGiven(table: Expression, clause: Clause): string | null {
  const term = table.kind === 'variable' ? boundValue(table, clause) : table
  const fun = term?.kind === 'call' && term.isLocal ? clause.module.function(term.name, term.arity) : undefined
  if (fun === undefined) return null
  const known = given.get(fun)
  if (known !== undefined) return known
  const [only, ...others] = fun.clauses
  const names = others.length === 0 && only ? tails(only.body).map(({ expression }) => nameIn(expression, only)) : []
  const name = names.length > 0 && names.every((each) => each === names[0]) ? names[0]! : null
  given.set(fun, name)
  return name
}

function nameIn(expression: Expression | null, clause: Clause): string | null {
  if (expression === null) return null
  const name = nameOf(expression, clause.module, clause)
  if (name !== null) return name
  const value = expression.kind === 'variable' ? sourceOf(expression, clause)?.value : expression
  const isTable = value?.kind === 'call' && (value.callee === ':ets.new' || value.callee === ':ets.whereis')
  return isTable ? nameIn(value.args[0] ?? null, clause) : null
}
