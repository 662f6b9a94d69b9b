// The report as JSON: version 1 of a contract with programs. A change that could break one of them needs version 2.
import type { Finding, Range } from '#engine'
import type { Report, SuppressionProblem } from './report.ts'

/** One JSON value with a final line break. */
export function json(report: Report): string {
  const { found, suppressions, files, failedRules, ms } = report
  const value = {
    version: 1,
    findings: found.map(({ finding }) => findingJson(finding)),
    suppressions: suppressions.map(suppressionJson),
    files,
    failedRules,
    ms: Math.round(ms),
  }
  return `${JSON.stringify(value, null, 2)}\n`
}

/** One finding as the contract has it. */
export function findingJson(finding: Finding) {
  const { rule, severity, principles, path, range, message, evidence, fingerprint, suppressed, edit } = finding
  return {
    rule,
    severity,
    principles,
    path,
    ...lines(range),
    message,
    evidence: evidence.map((one) => ({ path, ...lines(one) })),
    fingerprint,
    suppressed,
    suggestion: edit,
  }
}

function suppressionJson({ rule, severity, path, line, message }: SuppressionProblem) {
  return { rule, severity, path, line, message }
}

function lines({ startLine, endLine }: Range) {
  return { line: startLine, endLine }
}
