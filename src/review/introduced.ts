// Which findings a change introduced. Old sins that it moved, reformatted or stood beside are not among them.
import type { FileReport, Finding, Range } from '#engine'
import type { FileDiff } from '../diff/index.ts'
import type { Change } from './bases.ts'
import { matchBase } from './match.ts'
import type { ChangedFile } from './snapshot.ts'

/**
 * `introduced`: not there before, and made true by the change, which added one of its evidence lines or deleted lines
 * inside its scope. `known`: it was there before. `unjudged`: neither can be said.
 */
export type Verdict = 'introduced' | 'known' | 'unjudged'

/** The findings of the head that the change introduced, suppressed ones included. The paths in `base` are those of the base. */
export function findIntroduced(
  head: readonly FileReport[],
  base: readonly FileReport[],
  files: readonly ChangedFile[],
  changeOf: (path: string) => Change | null,
): Finding[] {
  return [...judge(head, base, files, changeOf)].flatMap(([finding, verdict]) =>
    verdict === 'introduced' ? [finding] : [],
  )
}

/** What the change has to do with each finding of the head. */
export function judge(
  head: readonly FileReport[],
  base: readonly FileReport[],
  files: readonly ChangedFile[],
  changeOf: (path: string) => Change | null,
): Map<Finding, Verdict> {
  const findings = head.flatMap((report) => report.findings)
  const before = base.flatMap((report) => report.findings)
  const failed = new Set(base.filter((report) => report.outcome === 'failed').map((report) => report.path))
  const partners = matchBase(findings, before, files, changeOf)

  const verdictOn = (finding: Finding): Verdict => {
    if (partners.has(finding)) return 'known'
    const change = changeOf(finding.path)
    if (change === null) return 'unjudged'
    const { path, previousPath, status, baseSource } = change.file
    if (status !== 'added' && baseSource === undefined) {
      throw new Error('findings can only be judged in a snapshot from withBases')
    }
    // Without the findings of before, nothing can be called new.
    if (failed.has(previousPath ?? path)) return 'unjudged'
    return madeTrue(finding, change.diff) ? 'introduced' : 'unjudged'
  }
  return new Map(findings.map((finding) => [finding, verdictOn(finding)]))
}

function madeTrue({ evidence, scope }: Finding, diff: FileDiff): boolean {
  if (evidence.some((range) => firstAddedLine(range, diff) !== null)) return true
  return diff.deletions.some(({ after, until }) =>
    until === after
      ? scope.startLine <= after && after < scope.endLine
      : after < scope.endLine && until >= scope.startLine,
  )
}

/** The first line of the range that the change added; null where it added none of it. */
export function firstAddedLine({ startLine, endLine }: Range, diff: FileDiff): number | null {
  for (let line = startLine; line <= endLine; line += 1) {
    if (diff.added.has(line)) return line
  }
  return null
}
