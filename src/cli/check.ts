// `check`: files or a change -> a report, and whether it fails. What counts as introduced is decided in src/review.
import type { Finding } from '#engine'
import { readWorkingTree } from '../git/index.ts'
import { lineHasher } from '../output/line-hash.ts'
import type { Found, Report } from '../output/report.ts'
import { ruleDocsUrl, version } from '../release.ts'
import { reaches } from '../review/conclude.ts'
import { failOnFor } from '../review/config.ts'
import type { ResolvedConfig } from '../review/config.ts'
import { adviceFor, suppressionProblem } from '../review/speech.ts'
import type { Analysed } from './analysis.ts'
import { catalogue, findRule } from './catalogue.ts'
import { analyseChange } from './change.ts'
import { chooseSources, readConfiguration, withSeverity } from './configuration.ts'
import { analysePlace, configurationOf } from './files.ts'
import type { Request } from './files.ts'
import { isAskedFor, locate } from './place.ts'
import type { Place } from './place.ts'
import { UsageError } from './usage-error.ts'

export interface CheckRequest extends Request {
  /** A revision: only what is new since the merge base with it. */
  diff?: string
}

export interface Checked {
  report: Report
  /** A finding reaches the severity that fails a check. */
  failed: boolean
  place: Place
}

/** Throws `UsageError` and `GitError` for what the person who asked can mend. */
export async function check(request: CheckRequest): Promise<Checked> {
  const started = performance.now()
  const place = await locate(request.paths, request.cwd)
  const { configuration, tally } =
    request.diff === undefined ? await checkFiles(place, request) : await checkChange(place, request.diff, request)

  const found = tally.found
    .map((found) => ({ ...found, finding: withSeverity(found.finding, configuration) }))
    .toSorted(byPlace)
  const report: Report = {
    ...tally,
    version,
    ruleDocs: ruleDocsUrl,
    rules: catalogue,
    comparedWith: request.diff ?? null,
    found,
    ms: performance.now() - started,
  }
  return { report, failed: found.some(({ finding }) => fails(finding, configuration)), place }
}

/** Every finding of the files, old and new. */
async function checkFiles(place: Place, request: CheckRequest) {
  const configuration = await configurationOf(place, request)
  const tally = newTally()
  for await (const analysed of analysePlace(place, configuration, request)) add(tally, analysed)
  return { configuration, tally }
}

/** What the working tree introduces. */
async function checkChange(place: Place, revision: string, request: CheckRequest) {
  if (!place.isClone) throw new UsageError(`--diff compares commits, and ${place.root} is not in a git clone.`)
  const read = await readWorkingTree(place.root, revision)
  const configuration = readConfiguration(await chooseSources(read.config, request, request.cwd), request)
  const { snapshot, analysed } = await analyseChange(place.root, read, configuration, request)

  const tally = newTally()
  for (const one of analysed) if (isAskedFor(place, one.report.path)) add(tally, one)
  tally.files.skipped.push(...snapshot.notRead.filter(({ path }) => isAskedFor(place, path)))
  return { configuration, tally }
}

interface Tally {
  found: Found[]
  suppressions: Report['suppressions'][number][]
  failedRules: Report['failedRules'][number][]
  files: { read: number; partial: { path: string; lines: number[] }[]; skipped: { path: string; reason: string }[] }
}

function newTally(): Tally {
  return { found: [], suppressions: [], failedRules: [], files: { read: 0, partial: [], skipped: [] } }
}

/** Keeps of a file what will be said, and lets go of its text. */
function add({ found, suppressions, failedRules, files }: Tally, { source, report }: Analysed) {
  const { path, outcome, reason } = report
  if (outcome === 'skipped' || outcome === 'failed') {
    files.skipped.push({ path, reason: reason ?? 'not read' })
    return
  }
  files.read += 1
  if (outcome === 'partial') files.partial.push({ path, lines: report.errorLines })
  failedRules.push(...report.failedRules.map((failed) => ({ ...failed, path })))
  if (report.findings.length + report.suppressions.length === 0) return
  const lines = source.text.split(/\r?\n/)
  const hashOf = lineHasher(source.text)
  for (const finding of report.findings) {
    const advice = finding.edit ? '' : adviceFor(finding.message, findRule(finding.rule))
    found.push({ finding, code: codeOf(finding, lines), lineHash: hashOf(finding.range.startLine), advice })
  }
  for (const suppression of report.suppressions) {
    const { problem: rule, line } = suppression
    if (rule === null) continue
    const message = suppressionProblem(suppression)
    suppressions.push({ rule, severity: 'warning', path, line, message, lineHash: hashOf(line) })
  }
}

function codeOf({ range }: Finding, lines: readonly string[]): string[] {
  return lines.slice(range.startLine - 1, range.endLine)
}

function fails({ path, severity, suppressed }: Finding, configuration: ResolvedConfig): boolean {
  if (suppressed !== null || configuration.config.mode === 'observe') return false
  return reaches(severity, failOnFor(configuration, path))
}

function byPlace({ finding: a }: Found, { finding: b }: Found): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1
  return a.range.startLine - b.range.startLine || (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0)
}
