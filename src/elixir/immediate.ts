// Values of one machine word, which processes share and replace for nothing. Names of functions tell where no body does.
import type { Expression } from './expression.ts'
import type { Reached } from './processes.ts'
import { tails } from './tails.ts'
import { boundValue } from './values.ts'

/** Makers of small references that are stored once and then changed elsewhere. */
const HANDLES = new Set([':atomics.new', ':counters.new', ':ets.new'])

/** Calls that give a small integer, a boolean or an atom. */
const IMMEDIATE =
  /^(Kernel\.(abs|byte_size|ceil|div|floor|is_\w+|length|map_size|max|min|node|not|rem|round|trunc|tuple_size)|div|rem|length|map_size|byte_size|not|System\.\w*time|System\.unique_integer|Enum\.count|:erlang\.(phash2?|monotonic_time|system_time|unique_integer|crc32)|DateTime\.to_unix|String\.length|.*(count|size|hash|version|generation|seq)(_for_\w+)?|.*\?)$/
/** Names of variables that hold a small integer, a boolean or an atom. */
const IMMEDIATE_NAME =
  /(^|_)(count|enabled|epoch|generation|height|index|level|mode|num|number|seq|size|timestamp|version)$/
/** Steps through variables, branches and local functions that are followed. */
const STEPS = 6

const IMMEDIATE_OPERATORS = /^(\+|-|\*|==|!=|===|!==|<|>|<=|>=|not|!|and|or|in|not in)$/

/**
 * Whether a value is known to take no more than a machine word: atoms, booleans, small integers. References to counters
 * and tables count, which are made once and then changed elsewhere. Parameters are followed one call back.
 */
export function isImmediate(value: Expression | undefined, reached: Reached, steps = STEPS): boolean {
  if (value === undefined || steps === 0) return false
  const { clause } = reached
  const again = (each: Expression): boolean => isImmediate(each, reached, steps - 1)
  switch (value.kind) {
    case 'atom':
    case 'module':
    case 'number':
      return true
    case 'operator':
      if (value.operator === '||' || value.operator === '&&') return value.operands.every(again)
      return IMMEDIATE_OPERATORS.test(value.operator)
    case 'variable': {
      const bound = boundValue(value, clause)
      if (bound !== undefined) return again(bound)
      const { given, caller } = argumentOf(value.name, reached)
      if (given !== undefined && caller !== undefined) return isImmediate(given, caller, steps - 1)
      return IMMEDIATE_NAME.test(value.name)
    }
    case 'call': {
      if (HANDLES.has(value.callee) || IMMEDIATE.test(value.callee)) return true
      const fun = value.isLocal ? clause.module.function(value.name, value.arity) : undefined
      return (
        fun !== undefined &&
        fun.clauses.length > 0 &&
        fun.clauses.every((each) => areImmediate(each.body, { clause: each, hops: [], from: each }, steps - 1))
      )
    }
    case 'if':
    case 'case':
    case 'cond':
      return areImmediate(value, reached, steps - 1)
    default:
      return false
  }
}

function areImmediate(body: Expression | null, reached: Reached, steps: number): boolean {
  const all = tails(body)
  return (
    all.length > 0 &&
    all.every(
      ({ expression }) =>
        expression === null || (expression.kind !== 'with' && isImmediate(expression, reached, steps)),
    )
  )
}

/** What a parameter is given by the call that leads here, with the clause in which that stands. */
function argumentOf(name: string, { clause, hops, from }: Reached): { given?: Expression; caller?: Reached } {
  const by = hops.at(-1)
  const position = clause.params.findIndex((param) => param.kind === 'variable' && param.name === name)
  const given = by?.kind === 'call' ? by.args[position] : undefined
  const caller = clause.module.functions
    .flatMap((fun) => fun.clauses)
    .find((each) => by !== undefined && each.start <= by.start && by.end <= each.end)
  return given === undefined || caller === undefined
    ? {}
    : { given, caller: { clause: caller, hops: hops.slice(0, -1), from } }
}
