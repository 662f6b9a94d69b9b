// The catalogue in a terminal, one line a rule, and as JSON for programs.
import type { RuleInfo } from '#engine'

/** What `rules` prints. */
export function ruleList(rules: readonly RuleInfo[]): string {
  const longest = Math.max(0, ...rules.map(({ id }) => id.length))
  const lines = rules.map(({ id, severity, set, title }) => {
    return `${id.padEnd(longest)}  ${severity.padEnd(7)}  ${set.padEnd(11)}  ${title}`
  })
  return lines.map((line) => `${line}\n`).join('')
}

/** What `rules --format json` prints: the catalogue without its prose. */
export function ruleListJson(rules: readonly RuleInfo[]): string {
  const entries = rules.map(({ id, category, title, severity, set, precision, since, principles }) => {
    return { id, category, title, severity, set, precision, since, principles: principles.map((one) => one.id) }
  })
  return `${JSON.stringify({ version: 1, rules: entries }, null, 2)}\n`
}
