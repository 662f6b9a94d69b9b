// What the engine says about one file. Plain data: it crosses threads, is saved as JSON, and knows nothing of diffs.
import type { Range } from '#elixir'

export const SEVERITIES = ['error', 'warning', 'info'] as const
export type Severity = (typeof SEVERITIES)[number]

export const RULE_SETS = ['recommended', 'strict'] as const
export type RuleSet = (typeof RULE_SETS)[number]

export const PRECISIONS = ['P1', 'P2', 'P3'] as const
export type Precision = (typeof PRECISIONS)[number]

export const CATEGORIES = [
  'genserver',
  'task',
  'supervision',
  'naming-and-registry',
  'distribution',
  'storage',
  'agent',
  'jobs-and-pipelines',
  'telemetry-and-debugging',
] as const
export type Category = (typeof CATEGORIES)[number]

/** Replaces the whole lines `startLine..endLine` (1-based, inclusive) by `text`, which has no final newline. */
export interface Edit {
  startLine: number
  endLine: number
  text: string
}

/** Another place in the same file that the message speaks of ("the clause that would have to match"). */
export interface Related {
  range: Range
  message: string
}

/** A rule's problem, stamped with all that the review needs to place, match and speak about it. */
export interface Finding {
  rule: string
  category: Category
  principles: string[]
  severity: Severity
  set: RuleSet
  precision: Precision
  path: string
  /** The primary span: where the comment goes if the line was added. */
  range: Range
  message: string
  /** The lines that make the finding true; the primary is one of them unless the catalogue says otherwise. */
  evidence: Range[]
  related: Related[]
  edit: Edit | null
  /** Full name of the enclosing module, '' at the top level of a file. */
  module: string
  /** `name/arity` of the enclosing function, null for module-level findings. */
  function: string | null
  /** Lines inside which a deletion can have made the finding true: the module, or the child or config list. */
  scope: Range
  /** Rule, module, function and normalised tokens of the offending code, hashed: survives moves and reformatting. */
  fingerprint: string
  /** Rule and tokens of the whole enclosing clause (of the module for module-level findings), hashed: survives renamed modules. */
  clauseFingerprint: string
  suppressed: { line: number; reason: string } | null
}

/** One `# otp-review:ignore RULE -- reason` comment (or an equivalent Credo one). */
export interface Suppression {
  line: number
  /** The rule named by the comment; null when none could be read. */
  rule: string | null
  reason: string | null
  /** `ours` needs rule and reason; `credo` is respected where section 8 of the catalogue lists the check as equivalent. */
  syntax: 'ours' | 'credo'
  /** How many findings it silenced. A rule that did not run leaves this null: then it is not unused either. */
  silenced: number | null
  /** What is wrong with the comment itself: a warning on its line that can't fail a check. Credo's are never wrong. */
  problem: 'suppression-unused' | 'suppression-without-reason' | 'suppression-unknown-rule' | null
}

/** Why a file gave no findings, or fewer than it could have. */
export type NotReadReason =
  | 'test'
  | 'script'
  | 'generated'
  | 'vendored'
  | 'template'
  | 'too large'
  | 'binary'
  | 'not UTF-8'
  | 'time limit'
  | 'syntax error'
  | 'too deep'
  | 'crashed'
  | 'ignored by configuration'

/** All that is known about one file after the rules ran. */
export interface FileReport {
  path: string
  /** `partial`: read, but parts with syntax errors were left out. `skipped`: no rule runs here, on purpose. `failed`: it could not be read. */
  outcome: 'read' | 'partial' | 'skipped' | 'failed'
  reason: NotReadReason | null
  /** Lines (1-based) at which parts were left out because they do not parse. */
  errorLines: number[]
  /** Suppressed ones are included, with `suppressed` set; sorted by line, then rule. */
  findings: Finding[]
  suppressions: Suppression[]
  failedRules: { rule: string; error: string }[]
  ms: number
}
