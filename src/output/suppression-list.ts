// Every comment that silences a finding, for a person and for programs. Knows nothing of how it was found.
import { printable } from './printable.ts'

export interface ListedSuppression {
  path: string
  line: number
  /** Null for a comment of Credo, which can stand for several rules. */
  rule: string | null
  reason: string | null
  author: { name: string; date: string } | null
  /** `unknown`: the rule did not run, so nothing can be said. */
  needed: 'yes' | 'no' | 'unknown'
}

/** What `suppressions` prints. */
export function suppressionList(suppressions: readonly ListedSuppression[], shown: (path: string) => string): string {
  if (suppressions.length === 0) return 'No suppressions.\n'
  const entries = suppressions.map(({ path, line, rule, reason, author, needed }) => {
    const state = { yes: 'needed', no: 'not needed', unknown: 'its rule did not run' }[needed]
    const by = author === null ? 'not committed' : `${printable(author.name)}, ${author.date}`
    const what = rule === null ? 'credo' : printable(rule)
    return `${printable(shown(path))}:${line}  ${what}  ${state}  (${by})\n  ${printable(reason ?? 'no reason')}`
  })
  const idle = suppressions.filter(({ needed }) => needed === 'no').length
  return `${entries.join('\n\n')}\n\n${suppressions.length} in all, ${idle} not needed.\n`
}

/** What `suppressions --format json` prints. */
export function suppressionListJson(suppressions: readonly ListedSuppression[]): string {
  return `${JSON.stringify({ version: 1, suppressions }, null, 2)}\n`
}
