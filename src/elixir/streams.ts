// Lazy streams: whether something in the clause that makes one also runs it. It knows no stream of tasks in particular.
import { ancestors, type Expression } from './expression.ts'
import type { Clause } from './module.ts'

/** What runs a lazy stream that it is given first. */
const CONSUMERS = new Set(['Stream.run', 'Map.new', 'MapSet.new', 'List.first', 'Keyword.new'])

/** What has been asked, and false for what is being asked: each of a chain of streams would ask for all after it. */
const known = new WeakMap<Expression, boolean>()

/** Whether a lazy stream is run in this clause: given to `Enum`, `Stream.run`, `for` or the like. */
export function isConsumed(stream: Expression, clause: Clause): boolean {
  const asked = known.get(stream)
  if (asked !== undefined) return asked
  known.set(stream, false)
  const answer = findConsumer(stream, clause)
  known.set(stream, answer)
  return answer
}

function findConsumer(stream: Expression, clause: Clause): boolean {
  let value = stream
  for (const up of ancestors(stream)) {
    if (up.kind === 'call' && up.args[0] === value) {
      if (up.module === 'Enum' || CONSUMERS.has(up.callee)) return true
      if (up.module !== 'Stream') return false
      value = up
    } else if (up.kind === 'draw') {
      return up.value === value && up.parent?.kind === 'for'
    } else if (up.kind === 'match' && up.pattern.kind === 'variable' && up.value === value) {
      const after = clause.variables(up.pattern.name).filter((each) => each.start >= up.end)
      return after.some((each) => isConsumed(each, clause))
    } else {
      return false
    }
  }
  return false
}
