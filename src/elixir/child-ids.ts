// The ids by which a supervisor tells its children apart, where they are written out. It knows no rule.
import type { Child } from './children.ts'
import { canonical, type Expression } from './expression.ts'
import { type Clause, type Module, useOptions } from './module.ts'
import { resolve } from './values.ts'

/** Uses whose `child_spec/1` has the module's name for an id. */
const NAMED_AFTER_MODULE = new Set([
  'Agent',
  'Broadway',
  'DynamicSupervisor',
  'GenServer',
  'GenStage',
  'Supervisor',
  'Task',
])

/** Children whose id is the `name:` they are given, else their module. */
const NAMED_BY_OPTION = new Set(['DynamicSupervisor', 'PartitionSupervisor', 'Registry', 'Task.Supervisor'])

/**
 * The id of a child as Elixir writes it, the same text for the same id: of a literal `id:`, of `{Task, fun}` and its like,
 * of a module of this file that has its child spec from a `use`. Null for any other: modules can make ids of their own.
 */
export function childId(child: Child, clause: Clause): string | null {
  // The list may stand in another function, whose variables are not those of the clause.
  if (child.id !== null) return constantText(resolve(child.id, clause.module))
  const { form, module: name } = child
  if (name === null || form === 'map' || form === 'call' || form === 'unknown') return null
  if ((name === 'Task' || name === 'Agent') && child.argument !== null) return name
  if (NAMED_BY_OPTION.has(name)) return isBare(child) ? name : idByOption(name, child.argument, clause)
  const defined = clause.file.modules.find((each) => each.name === name)
  return defined !== undefined && isNamedAfterModule(defined) ? name : null
}

/** `Task.Supervisor`, which is given no options then. */
function isBare({ argument, expression }: Child): boolean {
  return argument === null && (expression.kind === 'module' || expression.kind === 'call')
}

function idByOption(module: string, options: Expression | null, clause: Clause): string | null {
  if (options?.kind !== 'list' || options.tail !== null || !options.elements.every(isOption)) return null
  const name = options.get('name')
  return name === undefined ? module : constantText(resolve(name, clause.module))
}

/** `key: value` or `{:key, value}`. */
function isOption(element: Expression): boolean {
  if (element.kind === 'pair') return element.key.kind === 'atom'
  return element.kind === 'tuple' && element.elements.length === 2 && element.elements[0]?.kind === 'atom'
}

function constantText(term: Expression): string | null {
  return isConstant(term) ? canonical(term) : null
}

function isConstant(term: Expression): boolean {
  if (term.kind === 'tuple') return term.elements.every(isConstant)
  return ['atom', 'module', 'number'].includes(term.kind) || (term.kind === 'text' && term.value !== null)
}

/** Whether nothing gives the module's `child_spec/1` another id. */
function isNamedAfterModule(module: Module): boolean {
  const use = module.uses.find(({ module: used }) => NAMED_AFTER_MODULE.has(used))
  if (use === undefined || !module.isTransparent || module.has('child_spec', 1)) return false
  const options = useOptions(use)
  return use.options === null || (options !== null && options.pair('id') === undefined)
}
