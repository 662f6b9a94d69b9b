// What the check run concludes. Knows severities, what failed and what is configured; says nothing.
import type { FileReport, Severity } from '#engine'
import { failOnFor } from './config.ts'
import type { FailOn, ResolvedConfig } from './config.ts'
import type { Conclusion, Introduced } from './plan.ts'
import type { Snapshot } from './snapshot.ts'

const FROM_MILD_TO_STRICT = ['success', 'neutral', 'failure'] as const satisfies Conclusion[]

/** What concludes a check. Severities are those that count: `severityOf`. */
export interface Outcome {
  introduced: readonly Introduced[]
  /** Of the head. */
  reports: readonly FileReport[]
  snapshot: Pick<Snapshot, 'notRead' | 'listCutAt'>
  /** Ignore comments on added lines that are wrong themselves; they never fail a check. */
  suppressionProblems: number
  configuration: ResolvedConfig
}

/**
 * `failure` for a finding from `fail_on` on; `neutral` for milder ones and wherever something stayed unread; `success`
 * only where everything was read and at most infos, accepted or suppressed findings are left. Our own failure is
 * `neutral` unless `on_error` says block. An observing repository never sees `failure`.
 */
export function conclude({ introduced, reports, snapshot, suppressionProblems, configuration }: Outcome): Conclusion {
  const standing = introduced.filter(isStanding)
  const failed = reports.some(hasFailed)

  const { mode, on_error } = configuration.config
  if (isRed(standing, configuration) || (failed && on_error === 'block'))
    return mode === 'observe' ? 'neutral' : 'failure'

  const isClean = standing.every(({ finding }) => finding.severity === 'info') && suppressionProblems === 0
  const isListed = snapshot.notRead.length === 0 && snapshot.listCutAt === undefined
  const isWhole = isListed && !failed && reports.every(({ outcome }) => outcome !== 'failed')
  return isClean && isWhole ? 'success' : 'neutral'
}

/** The conclusion for several pull requests that share a commit, and so a check run. */
export function strictest(conclusions: readonly Conclusion[]): Conclusion {
  return FROM_MILD_TO_STRICT.findLast((conclusion) => conclusions.includes(conclusion)) ?? 'success'
}

/** Whether a finding still counts: nobody gave a reason to leave it. */
export function isStanding({ finding, accepted }: Introduced): boolean {
  return finding.suppressed === null && accepted === null
}

/** Whether findings alone fail the check, for a repository that enforces. */
export function isRed(standing: readonly Introduced[], configuration: ResolvedConfig): boolean {
  return standing.some(({ finding }) => reaches(finding.severity, failOnFor(configuration, finding.path)))
}

/** Whether we failed on this file, in whole or in one rule. Files that nobody could read are not our failure. */
export function hasFailed({ outcome, reason, failedRules }: FileReport): boolean {
  if (failedRules.length > 0) return true
  return outcome === 'failed' && (reason === 'time limit' || reason === 'crashed' || reason === 'too deep')
}

/** Whether a finding of that severity fails a check that fails on `failOn`. */
export function reaches(severity: Severity, failOn: FailOn): boolean {
  if (failOn === 'never') return false
  return severity === 'error' || severity === failOn
}
