// How a Broadway pipeline is set up: its options, wherever they are written out. It knows no rule.
import { type Call, type Clause, type Expression, type List, resolve, tails } from '#engine'

/** The value of an option of `Broadway.start_link/2`, also below another one; undefined where it is computed. */
export function pipelineOption(start: Call, clause: Clause, ...path: readonly string[]): Expression | undefined {
  let value = start.args[1]
  let at = clause
  for (const key of path) {
    const list = value === undefined ? undefined : listBehind(value, at)
    if (list === undefined) return undefined
    at = list.clause
    value = list.list.get(key)
  }
  return value === undefined ? undefined : (listBehind(value, at)?.list ?? resolve(value, at.module, at))
}

/** A list that is written out here, in an attribute, under a name, or as the value of a local function. */
function listBehind(expression: Expression, clause: Clause): { list: List; clause: Clause } | undefined {
  const value = resolve(expression, clause.module, clause)
  if (value.kind === 'list') return value.tail === null ? { list: value, clause } : undefined
  if (value.kind !== 'call' || !value.isLocal) return undefined
  const [only, ...others] = clause.module.function(value.name, value.arity)?.clauses ?? []
  if (only === undefined || others.length > 0) return undefined
  const [tail, ...more] = tails(only.body)
  return more.length === 0 && tail?.expression?.kind === 'list' && tail.expression.tail === null
    ? { list: tail.expression, clause: only }
    : undefined
}
