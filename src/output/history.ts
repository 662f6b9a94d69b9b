// What would have been said on past merges, for a person and for programs. Knows nothing of how it was found.
import type { Finding } from '#engine'
import { findingJson } from './json.ts'
import { count, printable, wrap } from './printable.ts'

export interface PastMerge {
  commit: string
  subject: string
  date: string
  /** Introduced by it, and not suppressed. */
  findings: readonly Finding[]
}

/** What `history` prints: merges with findings, then the count. */
export function history(merges: readonly PastMerge[], width: number): string {
  const told = merges.filter(({ findings }) => findings.length > 0)
  const entries = told.map(({ commit, subject, date, findings }) => {
    const lines = findings.map(({ path, range, severity, rule, message }) => {
      return `  ${printable(path)}:${range.startLine}  ${severity}  ${rule}\n${wrap(printable(message), width, '    ')}`
    })
    return `${commit.slice(0, 10)}  ${date}  ${printable(subject)}\n${lines.join('\n')}`
  })
  return `${[...entries, closing(merges.length, told)].join('\n\n')}\n`
}

function closing(merges: number, told: readonly PastMerge[]): string {
  if (merges === 0) return 'No merges: the first commit has nothing to compare it with.'
  if (told.length === 0) return `No findings in the last ${count(merges, 'merge')}.`
  const total = count(told.flatMap(({ findings }) => findings).length, 'finding')
  return `${total} in ${told.length} of the last ${count(merges, 'merge')}.`
}

/** What `history --format json` prints. */
export function historyJson(merges: readonly PastMerge[]): string {
  const entries = merges.map(({ findings, ...merge }) => ({ ...merge, findings: findings.map(findingJson) }))
  return `${JSON.stringify({ version: 1, merges: entries }, null, 2)}\n`
}
