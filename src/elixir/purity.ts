// Which code only computes: it needs no process and touches nothing outside but the clock.
import type { Call, Expression } from './expression.ts'
import type { Clause } from './module.ts'

const PURE_MODULES = new Set([
  'Enum',
  'Stream',
  'Map',
  'MapSet',
  'List',
  'Keyword',
  'Tuple',
  'String',
  'Integer',
  'Float',
  'Range',
  'Regex',
  'URI',
  'Base',
  'Bitwise',
  'Date',
  'Time',
  'DateTime',
  'NaiveDateTime',
  'Calendar',
  'Decimal',
  'Jason',
  'JSON',
  'Access',
  'Atom',
  'Kernel',
  ':math',
  ':lists',
  ':maps',
  ':binary',
])

/** Functions of Kernel that reach other processes, the node, or code unknown here. */
const IMPURE_KERNEL = new Set([
  'send',
  'spawn',
  'spawn_link',
  'spawn_monitor',
  'self',
  'node',
  'apply',
  'make_ref',
  'exit',
  'throw',
  'function_exported?',
  'dbg',
])

/** Operators and functions of Kernel that keep their bare name in a call. */
const PURE_LOCAL =
  /^(is_\w+|abs|binary_part|bit_size|byte_size|ceil|div|elem|floor|get_and_update_in|hd|length|map_size|max|min|rem|round|tl|trunc|tuple_size|to_string|to_charlist|inspect|not|put_elem|get_in|put_in|update_in|pop_in|match\?|struct!?|raise|then|tap|binding)$/

/** Calls that do not count against purity. */
type Exempt = (call: Call, clause: Clause) => boolean

/**
 * Whether a clause, and every local function it runs, only computes. What cannot be followed counts as impure. Calls
 * that `exempt` takes may do what they like.
 */
export function isPure(clause: Clause, exempt: Exempt = () => false): boolean {
  return isPureClause(clause, exempt, new Set())
}

function isPureClause(clause: Clause, exempt: Exempt, seen: Set<Clause>): boolean {
  if (seen.has(clause)) return true
  seen.add(clause)
  if (clause.hasError || clause.body === null) return false
  return clause.expressions.every((expression) => isPureExpression(expression, clause, exempt, seen))
}

function isPureExpression(expression: Expression, clause: Clause, exempt: Exempt, seen: Set<Clause>): boolean {
  const runs = (module: string | null, name: string, arity: number): boolean =>
    isPureFunction(module, name, arity, clause) && runsPure(module, name, arity, clause, exempt, seen)
  switch (expression.kind) {
    case 'receive':
    case 'opaque':
      return false
    case 'capture': {
      const fun = expression.function
      return fun === null || runs(fun.module, fun.name, fun.arity)
    }
    case 'variable':
      return clause.isBound(expression.name) || runsPure(null, expression.name, 0, clause, exempt, seen)
    case 'call':
      if (exempt(expression, clause)) return true
      // A function value that is called can be anything.
      return expression.receiver === null && runs(expression.module, expression.name, expression.arity)
    default:
      return true
  }
}

/** By its name alone; functions of the module itself are for `runsPure`. */
function isPureFunction(module: string | null, name: string, arity: number, clause: Clause): boolean {
  if (module === 'Kernel') return !IMPURE_KERNEL.has(name)
  if (module !== null) return PURE_MODULES.has(module)
  return clause.module.has(name, arity) || PURE_LOCAL.test(name)
}

/** Whether the function of that name in the clause's module is pure, where there is one. */
function runsPure(
  module: string | null,
  name: string,
  arity: number,
  clause: Clause,
  exempt: Exempt,
  seen: Set<Clause>,
): boolean {
  const fun = module === null ? clause.module.function(name, arity) : undefined
  return fun === undefined || (fun.clauses.length > 0 && fun.clauses.every((each) => isPureClause(each, exempt, seen)))
}
