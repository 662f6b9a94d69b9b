// Whether code is on its way out of a server: all that follows stops it, refuses its start or raises. It knows no rule.
import { ancestors, endsByRaising, type Expression, tails } from '#engine'

/** What ends the node, or the process that says it. */
export const ENDS: ReadonlySet<string> = new Set(
  ['System.halt', 'System.stop', 'System.restart', ':erlang.halt', ':init.stop', ':init.restart', ':init.reboot']
    .concat(['Kernel.exit', 'Process.exit'])
    .concat(['Nerves.Runtime.halt', 'Nerves.Runtime.poweroff', 'Nerves.Runtime.reboot']),
)

/** Whether whatever follows an expression in its clause ends in `:ignore`, in `{:stop, ...}` or by raising. */
export function isOnTheWayOut(expression: Expression): boolean {
  return [...ancestors(expression)].some((up) => {
    const all = tails(up)
    return all.length > 0 && all.every((tail) => isTheEnd(tail.expression))
  })
}

function isTheEnd(tail: Expression | null): boolean {
  if (tail === null) return false
  if (tail.kind === 'atom') return tail.value === 'ignore'
  if (tail.kind === 'call' && ENDS.has(tail.callee) && tail.module !== 'Process') return true
  const first = tail.kind === 'tuple' ? tail.elements[0] : undefined
  return (first?.kind === 'atom' && first.value === 'stop') || endsByRaising(tail)
}
