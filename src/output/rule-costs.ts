// What each rule cost -> a table, the dearest first.
import type { RuleCost } from '#engine'

/** Rules that were never asked are left out. */
export function ruleCosts(costs: readonly RuleCost[]): string {
  const asked = costs.filter(({ checks }) => checks > 0).toSorted((a, b) => b.ms - a.ms)
  const total = asked.reduce((sum, { ms }) => sum + ms, 0)
  const lines = asked.map(({ rule, ms, checks, findings }) =>
    row(
      rule,
      ms.toFixed(1),
      `${((100 * ms) / total).toFixed(1)} %`,
      checks,
      ((1000 * ms) / checks).toFixed(1),
      findings,
    ),
  )
  return [
    row('rule', 'ms', 'share', 'checks', 'µs / check', 'findings'),
    ...lines,
    row('all', total.toFixed(1)),
    '',
  ].join('\n')
}

function row(name: string, ...cells: (string | number)[]): string {
  return name.padEnd(34) + cells.map((cell) => String(cell).padStart(11)).join('')
}
