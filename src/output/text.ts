// The report for a person at a terminal. Knows nothing of streams: whether colours are wanted is told.
import type { Finding, Severity } from '#engine'
import { count, printable, wrap } from './printable.ts'
import type { Found, Report, SuppressionProblem } from './report.ts'

export interface TextStyle {
  color: boolean
  width: number
  /** A path of the repository as it is named from where the person stands. */
  shown: (path: string) => string
}

const COLORS = { error: 31, warning: 33, info: 36, bold: 1, dim: 2 } as const
/** More of a long expression does not help to recognise it. */
const LINES_OF_CODE = 3
/** How many names stand in a list of files before the rest is counted. */
const LISTED_FILES = 5

/** Findings with their code and principle, then what was read and what was not. */
export function text(report: Report, style: TextStyle): string {
  const open = report.found.filter(({ finding }) => finding.suppressed === null)
  const findings = open.map((found) => showFinding(found, report, style))
  const problems = report.suppressions.map((problem) => showSuppression(problem, style))
  return `${[...findings, ...problems, closing(report, open, style)].join('\n\n')}\n`
}

function showFinding({ finding, code, advice }: Found, report: Report, style: TextStyle): string {
  const { path, range, severity, rule, message, related, edit } = finding
  const shownRelated = related.map(
    (one) => `  ${paint(`line ${one.range.startLine}:`, 'dim', style)} ${printable(one.message)}`,
  )
  return [
    heading(path, range.startLine, severity, rule, style),
    wrap(printable(message), style.width, '  '),
    listing(range.startLine, code.slice(0, LINES_OF_CODE), style),
    ...shownRelated,
    ...(edit ? ['  Write instead:', listing(edit.startLine, edit.text.split('\n'), style)] : []),
    ...(advice === '' ? [] : [wrap(advice, style.width, '  ')]),
    `  ${paint(principles(finding, report), 'dim', style)}`,
  ].join('\n')
}

function showSuppression({ path, line, severity, rule, message }: SuppressionProblem, style: TextStyle): string {
  return `${heading(path, line, severity, rule, style)}\n${wrap(printable(message), style.width, '  ')}`
}

function heading(path: string, line: number, severity: Severity, rule: string, style: TextStyle): string {
  const place = paint(`${printable(style.shown(path))}:${line}`, 'bold', style)
  return `${place}  ${paint(severity, severity, style)}  ${rule}`
}

function listing(startLine: number, lines: readonly string[], style: TextStyle): string {
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length)
  const common = Math.min(...indents, Infinity)
  const width = String(startLine + lines.length - 1).length
  return lines
    .map((line, position) => {
      const number = String(startLine + position).padStart(width)
      return `    ${paint(`${number} │`, 'dim', style)} ${printable(line.slice(common)).trimEnd()}`.trimEnd()
    })
    .join('\n')
}

function principles(finding: Finding, { rules }: Report): string {
  const rule = rules.find(({ id }) => id === finding.rule)
  if (!rule) return finding.principles.join(', ')
  return rule.principles.map(({ id, title }) => `${title} (${id})`).join('; ')
}

/** How many findings in how many files, and what was not read. */
export function closing(report: Report, open: readonly Found[], style: TextStyle): string {
  const { files, failedRules, comparedWith, found, ms } = report
  const since = comparedWith === null ? '' : ` that ${open.length === 1 ? 'was' : 'were'} not there at ${comparedWith}`
  const severities = (['error', 'warning', 'info'] as const).flatMap((severity) => {
    const number = open.filter(({ finding }) => finding.severity === severity).length
    return number === 0 ? [] : [severity === 'info' ? `${number} info` : count(number, severity)]
  })
  const nothing = comparedWith === null ? 'No Elixir files here' : `No Elixir files changed since ${comparedWith}`
  const result = open.length === 0 ? 'No findings' : `${count(open.length, 'finding')} (${severities.join(', ')})`
  const read = files.read + files.skipped.length === 0 ? nothing : `${result}${since} in ${count(files.read, 'file')}`
  const silenced = found.length - open.length
  const reasons = Map.groupBy(files.skipped, ({ reason }) => reason)
  const skipped = [...reasons].map(([reason, { length }]) => `${length} ${reason}`).join(', ')

  return [
    paint(`${read}, ${(ms / 1000).toFixed(1)} s.`, 'bold', style),
    ...(silenced === 0 ? [] : [`${count(silenced, 'finding')} suppressed in the code.`]),
    ...(skipped === '' ? [] : [`Skipped: ${count(files.skipped.length, 'file')} (${skipped}).`]),
    ...(files.partial.length === 0
      ? []
      : [`Read in part, because of syntax errors: ${partial(files.partial, style)}.`]),
    ...failedRules.map(({ rule, path, error }) => {
      return `The rule ${rule} failed on ${printable(style.shown(path))} and was left out there: ${printable(error)}`
    }),
  ].join('\n')
}

function partial(files: Report['files']['partial'], style: TextStyle): string {
  const names = files.slice(0, LISTED_FILES).map(({ path, lines }) => {
    const place = lines[0] === undefined ? '' : `:${lines[0]}`
    return `${printable(style.shown(path))}${place}`
  })
  const rest = files.length - names.length
  return rest === 0 ? names.join(', ') : `${names.join(', ')} and ${rest} more`
}

function paint(value: string, as: keyof typeof COLORS, { color }: TextStyle): string {
  return color ? `\u001b[${COLORS[as]}m${value}\u001b[0m` : value
}
