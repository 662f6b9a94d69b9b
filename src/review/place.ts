// Where each finding is shown, and how many are shown at all. Decides by lines and ranks; says nothing.
import { PRECISIONS, SEVERITIES } from '#engine'
import type { Finding } from '#engine'
import type { FileDiff } from '../diff/index.ts'
import type { Change } from './bases.ts'
import { firstAddedLine } from './introduced.ts'
import { placeInCode } from './match.ts'
import type { Placement } from './plan.ts'

const MOST_PER_RULE = 3
const MOST_LINES_REPLACED = 6

export interface Place {
  placement: Placement
  /** The text that a suggestion block replaces the placement's lines by; null where none is safe. */
  suggestion: string | null
}

export const IN_SUMMARY: Place = { placement: { at: 'summary' }, suggestion: null }

/**
 * The first line of the finding where it was added, else its first added line. A comment with a suggestion takes the
 * suggestion's lines: GitHub replaces what the comment spans. It never spans two hunks: GitHub refuses that.
 */
export function place(finding: Finding, { diff, commentable }: Change): Place {
  const line = anchorOf(finding, diff)
  if (!commentable || line === null) return IN_SUMMARY

  const { edit } = finding
  if (edit === null || !canSuggest(edit, line, diff)) {
    return { placement: { at: 'line', startLine: line, endLine: line }, suggestion: null }
  }
  return { placement: { at: 'line', startLine: edit.startLine, endLine: edit.endLine }, suggestion: edit.text }
}

function anchorOf({ range, evidence }: Finding, diff: FileDiff): number | null {
  if (diff.added.has(range.startLine)) return range.startLine
  return evidence.map((range) => firstAddedLine(range, diff)).find((line) => line !== null) ?? null
}

function canSuggest(edit: { startLine: number; endLine: number }, line: number, diff: FileDiff): boolean {
  if (line < edit.startLine || line > edit.endLine) return false
  if (edit.endLine - edit.startLine >= MOST_LINES_REPLACED) return false
  // A hunk shows all lines between two that it shows.
  const hunk = diff.hunkAt(edit.startLine)
  return hunk !== null && hunk === diff.hunkAt(edit.endLine)
}

/**
 * The candidates that get a comment, most severe and most certain first: one per rule and function, three per rule,
 * `most` in all. Comments that already stand in the pull request take their places first.
 */
export function selectForComments(
  candidates: readonly Finding[],
  standing: readonly Finding[],
  most: number,
): ReadonlySet<Finding> {
  const functions = new Set(standing.map((finding) => placeInCode(finding, finding.path)))
  const perRule = new Map<string, number>()
  const count = ({ rule }: Finding) => perRule.get(rule) ?? 0
  for (const finding of standing) perRule.set(finding.rule, count(finding) + 1)

  const chosen = new Set<Finding>()
  for (const finding of candidates.toSorted(byWeight)) {
    const where = placeInCode(finding, finding.path)
    if (standing.length + chosen.size >= most || count(finding) >= MOST_PER_RULE || functions.has(where)) continue
    chosen.add(finding)
    functions.add(where)
    perRule.set(finding.rule, count(finding) + 1)
  }
  return chosen
}

/** Severity, then precision, then where it stands. */
export function byWeight(a: Finding, b: Finding): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    PRECISIONS.indexOf(a.precision) - PRECISIONS.indexOf(b.precision) ||
    (a.path < b.path ? -1 : a.path > b.path ? 1 : a.range.startLine - b.range.startLine)
  )
}
