// Child lists of supervisors: which children, in which order, under which options.
import { type Call, type Expression, type List, walk } from './expression.ts'
import type { Clause, Module } from './module.ts'
import type { Range } from './range.ts'
import { boundValue, resolve } from './values.ts'

/** One entry of a child list. */
export interface Child {
  expression: Expression
  range: Range
  /** The module started: `M`, `{M, arg}`, `%{start: {M, f, args}}`, `Supervisor.child_spec(M, ...)`; null where unknown. */
  module: string | null
  /** `arg` of `{M, arg}`; null where none is written. */
  argument: Expression | null
  /** A literal `id:` of a child spec map or of `Supervisor.child_spec/2`. */
  id: Expression | null
  /** A literal `restart:` beside it. */
  restart: Expression | null
  form: 'module' | 'tuple' | 'map' | 'override' | 'call' | 'unknown'
}

/** The children given to one supervisor. A list built with `++` has one segment for each literal part. */
export interface ChildList {
  module: Module
  clause: Clause
  /** `Supervisor.start_link(children, options)` or `Supervisor.init(children, options)`. */
  owner: Call
  segments: { list: List; children: Child[] }[]
  /** The literal options; null where they are computed. */
  options: List | null
}

/** The functions that are given child lists. */
export const CHILD_LIST_OWNERS: ReadonlySet<string> = new Set(['Supervisor.start_link', 'Supervisor.init'])

/** Every child list of a module, in source order. */
export function childLists(module: Module): ChildList[] {
  return module.callsOf(CHILD_LIST_OWNERS).flatMap(({ call, clause }) => readList(call, module, clause) ?? [])
}

/** Null for `Supervisor.start_link(Module, argument, options)`, whose children the module's own `init/1` gives. */
function readList(owner: Call, module: Module, clause: Clause): ChildList | null {
  const [given, options] = owner.args
  if (given === undefined || options === undefined || owner.args.length > 2) return null
  if (resolve(given, module, clause).kind === 'module') return null
  const known = resolve(options, module, clause)
  return {
    module,
    clause,
    owner,
    segments: literalLists(given, clause, new Set()).map((list) => ({
      list,
      children: list.elements.map((element) => readChild(element, module, clause)),
    })),
    options: known.kind === 'list' ? known : null,
  }
}

/** Functions that leave the order of a list as it is. */
const ORDER_KEEPING = new Set(['Enum.reject', 'Enum.filter', 'List.flatten'])

/**
 * The literal lists that an expression is made of, in order: through `++`, variables, attributes, branches, and local
 * functions. What has been seen on the way is not looked at again.
 */
function literalLists(expression: Expression, clause: Clause, seen: Set<Expression>): List[] {
  if (seen.has(expression)) return []
  seen.add(expression)
  const listsIn = (some: readonly (Expression | null | undefined)[]): List[] =>
    some.flatMap((each) => (each ? literalLists(each, clause, seen) : []))
  switch (expression.kind) {
    case 'list':
      return [expression]
    case 'operator':
      return expression.operator === '++' ? listsIn(expression.operands) : []
    case 'attribute':
      return listsIn([clause.module.attribute(expression.name)])
    case 'variable': {
      const { name } = expression
      if (!clause.isBound(name)) return listsInFunction(name, 0, clause, seen)
      const values = clause.expressions.flatMap((each) =>
        each.kind === 'match' &&
        each.pattern.kind === 'variable' &&
        each.pattern.name === name &&
        each.start < expression.start
          ? [each.value]
          : [],
      )
      return listsIn(values)
    }
    case 'if':
      return listsIn([expression.then, expression.otherwise])
    case 'case':
    case 'cond':
      return listsIn(expression.branches.map((branch) => branch.body))
    case 'block':
      return listsIn([expression.statements.at(-1)])
    case 'call':
      if (ORDER_KEEPING.has(expression.callee)) return listsIn([expression.args[0]])
      return expression.isLocal ? listsInFunction(expression.name, expression.arity, clause, seen) : []
    default:
      return []
  }
}

function listsInFunction(name: string, arity: number, clause: Clause, seen: Set<Expression>): List[] {
  return clause.module
    .clauses(name, arity)
    .flatMap((each) => (each.body && !each.params.some(isTest) ? literalLists(each.body, each, seen) : []))
}

/** `defp children(:test)`: what runs in tests alone is not looked at. */
function isTest(param: Expression): boolean {
  return param.kind === 'atom' && param.value === 'test'
}

/** What an entry of a child list starts. */
export function readChild(expression: Expression, module: Module, clause: Clause): Child {
  const child: Child = {
    expression,
    range: expression.range,
    module: null,
    argument: null,
    id: null,
    restart: null,
    form: 'unknown',
  }
  const term = expression.kind === 'variable' ? (boundValue(expression, clause) ?? expression) : expression
  if (term.kind === 'module') return { ...child, module: term.name, form: 'module' }
  if (term.kind === 'tuple' && term.elements.length === 2) {
    const [started, argument] = term.elements as [Expression, Expression]
    const resolved = resolve(started, module, clause)
    if (resolved.kind === 'module') return { ...child, module: resolved.name, argument, form: 'tuple' }
    return child
  }
  if (term.kind === 'map') {
    const start = term.get('start')
    const started = start?.kind === 'tuple' ? start.elements[0] : undefined
    const named = started?.kind === 'module' ? started.name : started?.kind === 'atom' ? `:${started.value}` : null
    const args = start?.kind === 'tuple' ? start.elements[2] : undefined
    return {
      ...child,
      module: named,
      argument: args?.kind === 'list' ? (args.elements[0] ?? null) : null,
      id: term.get('id') ?? null,
      restart: term.get('restart') ?? null,
      form: 'map',
    }
  }
  if (term.kind === 'call') {
    if (term.callee === 'Supervisor.child_spec' && term.args[0] !== undefined) {
      const inner = readChild(term.args[0], module, clause)
      const overrides = term.args[1]
      const list = overrides?.kind === 'list' ? overrides : null
      return {
        ...inner,
        expression,
        range: expression.range,
        id: list?.get('id') ?? inner.id,
        restart: list?.get('restart') ?? inner.restart,
        form: 'override',
      }
    }
    if (term.name === 'child_spec' && term.module !== null) {
      return { ...child, module: term.module, argument: term.args[0] ?? null, form: 'call' }
    }
    // Supervisor.Spec, before Elixir 1.5: worker(M, args), supervisor(M, args).
    if ((term.name === 'worker' || term.name === 'supervisor') && term.args[0]?.kind === 'module') {
      return { ...child, module: term.args[0].name, form: 'call' }
    }
  }
  return child
}

/** The literal `name:` that a child is started with, also through `Supervisor.child_spec({M, name: N}, ...)`. */
export function childName(child: Child): Expression | null {
  const { argument } = child
  if (argument === null) return null
  if (argument.kind === 'list') return argument.get('name') ?? null
  for (const each of walk(argument)) if (each.kind === 'list') return each.get('name') ?? null
  return null
}
