// The report as workflow commands: GitHub Actions shows each as an annotation on its line.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
import type { Severity } from '#engine'
import type { Found, Report } from './report.ts'
import { closing } from './text.ts'

const LEVELS: Record<Severity, string> = { error: 'error', warning: 'warning', info: 'notice' }

/** Of each level, for one step. GitHub drops the others without a word: their commands show as lines of the log alone. */
const ANNOTATIONS_SHOWN = 10

interface Annotation {
  severity: Severity
  path: string
  line: number
  endLine?: number
  rule: string
  /** Short, then with all that stands beside the line. */
  message: string
  whole: string
}

/**
 * One line per finding that is not suppressed, then what a log needs: how many there are, and what was not read. Paths
 * must be those of the repository, or GitHub finds no line for them.
 */
export function github(report: Report): string {
  const open = report.found.filter(({ finding }) => finding.suppressed === null)
  const annotations: Annotation[] = [
    ...open.map((found) => ({
      ...found.finding,
      line: found.finding.range.startLine,
      endLine: found.finding.range.endLine,
      whole: withAdvice(found, report),
    })),
    ...report.suppressions.map((problem) => ({ ...problem, whole: problem.message })),
  ]
  const given = { error: 0, warning: 0, info: 0 }
  const commands = annotations.map(({ severity, path, line, endLine, rule, message, whole }) => {
    given[severity] += 1
    const place = { file: path, line, ...(endLine !== undefined && { endLine }), title: rule }
    // The log does not show the properties.
    const text = given[severity] > ANNOTATIONS_SHOWN ? `${path}:${line}: ${rule}: ${message}` : whole
    return command(LEVELS[severity], place, text)
  })
  const isCut = Object.values(given).some((number) => number > ANNOTATIONS_SHOWN)
  const caveat = `GitHub shows ${ANNOTATIONS_SHOWN} annotations of a kind on their lines; the rest stands in this log alone.`
  const log = closing(report, open, { color: false, width: Infinity, shown: (path) => path })
  return [...commands, ...(isCut ? [caveat] : []), inert(log)].map((line) => `${line}\n`).join('')
}

/** What this code does, what to write instead, and where that is explained. */
function withAdvice({ finding: { rule, message, edit }, advice }: Found, { ruleDocs }: Report): string {
  const instead = edit ? `Write instead:\n${edit.text}` : advice
  return [message, instead, `${ruleDocs}/${rule}.md`].filter((part) => part !== '').join('\n\n')
}

function command(level: string, properties: Record<string, string | number>, message: string): string {
  const list = Object.entries(properties).map(([name, value]) => `${name}=${escapeProperty(String(value))}`)
  return `::${level} ${list.join(',')}::${escapeData(message)}`
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

/** The older form of commands counts anywhere in a line. */
function inert(text: string): string {
  return text.replaceAll('##[', '## [')
}
