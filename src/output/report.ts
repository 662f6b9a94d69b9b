// What a run of the command line tool found: the one value that every format renders. Knows no format.
import type { Finding, RuleInfo, Severity } from '#engine'

export interface Report {
  /** Of otp-review. */
  version: string
  /** Folder of the rule pages, without a slash at its end. */
  ruleDocs: string
  /** Facts about every rule that a finding names, and about all the others. */
  rules: readonly RuleInfo[]
  /** The revision that this was compared with; null where every finding is shown. */
  comparedWith: string | null
  /** Sorted by path, line and rule, with the severity that the configuration gives them. */
  found: readonly Found[]
  suppressions: readonly SuppressionProblem[]
  files: {
    /** How many were analysed, those read in part included. */
    read: number
    partial: readonly { path: string; lines: readonly number[] }[]
    /** Files where no rule runs, and files that could not be read. */
    skipped: readonly { path: string; reason: string }[]
  }
  failedRules: readonly { rule: string; path: string; error: string }[]
  ms: number
}

export interface Found {
  finding: Finding
  /** The lines of the primary span, for people. */
  code: readonly string[]
  /** Of the first line, as GitHub counts it. */
  lineHash: string
  /** What to write instead, where neither the message nor an edit says it; else ''. */
  advice: string
}

/** A comment that meant to silence a finding, and does not do so. It fails no check. */
export interface SuppressionProblem {
  rule: 'suppression-unused' | 'suppression-without-reason' | 'suppression-unknown-rule'
  severity: Severity
  path: string
  line: number
  message: string
  lineHash: string
}
