// `history`: what would have been said on the last merges, with the rules and the configuration of today.
import { mainLine, readCommit } from '../git/index.ts'
import type { PastMerge } from '../output/history.ts'
import { findRule } from './catalogue.ts'
import { analyseChange } from './change.ts'
import { withSeverity } from './configuration.ts'
import { configurationOf } from './files.ts'
import type { Request } from './files.ts'
import { locate } from './place.ts'
import { UsageError } from './usage-error.ts'

/** The last merges of the main line, newest first: merge commits and squashed ones alike, suppressed findings left out. */
export async function reviewHistory(request: Request, last: number): Promise<PastMerge[]> {
  const place = await locate(request.paths, request.cwd)
  if (!place.isClone) throw new UsageError(`history reads commits, and ${place.root} is not in a git clone.`)
  // Else a rule that does not exist would be noticed only where there is a merge to look at.
  request.rule.forEach(findRule)
  const configuration = await configurationOf(place, request)
  const commits = await mainLine(place.root, last)

  const merges: PastMerge[] = []
  for (const merge of commits) {
    const snapshot = await readCommit(place.root, merge)
    const { analysed } = await analyseChange(place.root, snapshot, configuration, { ...request, onProgress: () => {} })
    const findings = analysed.flatMap(({ report }) => report.findings).filter(({ suppressed }) => suppressed === null)
    const { commit, subject, date } = merge
    merges.push({ commit, subject, date, findings: findings.map((finding) => withSeverity(finding, configuration)) })
    request.onProgress(merges.length, commits.length)
  }
  return merges
}
