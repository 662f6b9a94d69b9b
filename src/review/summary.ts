// The check run's title, summary and text: what was found, left, and read. Decides nothing, and stays within GitHub's limits.
import type { FileReport, NotReadReason, Principle, RuleInfo, Severity, Suppression } from '#engine'
import { hasFailed, isRed, isStanding } from './conclude.ts'
import { selectionFor } from './config.ts'
import type { ResolvedConfig } from './config.ts'
import { byteLength, cell, cut, encodePath, inlineCode, link, oneLine, prose } from './escape.ts'
import { byWeight } from './place.ts'
import type { Conclusion, Introduced } from './plan.ts'
import type { Preview } from './preview.ts'
import type { Snapshot } from './snapshot.ts'
import { count, countFindings, inWords, lackingSentences, ruleLink, suppressionProblem } from './speech.ts'

// GitHub takes 65,535 bytes; the rest is for a sentence added when it refuses a comment.
const MAX_BYTES = 64_000
const MAX_TITLE = 255
const LONGEST_MESSAGE = 500
const LONGEST_REASON = 300
const LONGEST_PATH = 100
const LONGEST_LINK = 1_000

export interface SummaryInput {
  snapshot: Pick<
    Snapshot,
    'subject' | 'repository' | 'head' | 'files' | 'otherFiles' | 'notRead' | 'listCutAt' | 'lacking'
  >
  /** Of the head. */
  reports: readonly FileReport[]
  /** Severities are those that count; suppressed and accepted ones included. */
  introduced: readonly Introduced[]
  /** Ignore comments on added lines that are wrong themselves. */
  suppressionProblems: readonly { path: string; suppression: Suppression }[]
  /** Findings that have neither comment nor annotation, being too many. */
  notAnnotated: number
  preview: Preview | null
  configuration: ResolvedConfig
  conclusion: Conclusion
  catalogue: readonly RuleInfo[]
  engineVersion: string
  docsUrl: string
}

/** A heading with rows under it that can be cut off anywhere. */
interface Section {
  head: string
  rows: string[]
}

/** The texts of the check run. The same input gives the same texts; what does not fit is counted in them. */
export function summarise(input: SummaryInput): { title: string; summary: string; text: string | null } {
  const text = fit(
    '',
    [
      accepted(input),
      ignored(input),
      wrongIgnores(input),
      configuration(input),
      preview(input),
      notAnalysed(input),
      rulesBehind(input),
    ],
    '',
  )
  return {
    title: cut(oneLine(titleOf(input)), MAX_TITLE),
    summary: fit(lead(input), findingsByPrinciple(input), whatWasRead(input)),
    text: text === '' ? null : text,
  }
}

function titleOf({ introduced, reports, snapshot, suppressionProblems }: SummaryInput): string {
  const standing = introduced.filter(isStanding)
  const parts = [
    countFindings(bySeverity(standing)),
    countOf(introduced.filter(({ accepted }) => accepted !== null).length, 'accepted'),
    countOf(introduced.filter(({ finding }) => finding.suppressed !== null).length, 'ignored'),
    suppressionProblems.length > 0 ? count(suppressionProblems.length, 'ignore comment') + ' to correct' : '',
  ].filter((part) => part !== '')

  const read = reports.filter(wasRead).length
  const unread = unreadCount(snapshot, reports)
  const isCut = snapshot.listCutAt !== undefined
  const missing = isCut ? '; not all files read' : unread === 0 ? '' : `; ${count(unread, 'file')} not read`
  if (parts.length > 0) return parts.join(', ') + missing
  if (read > 0) return `Nothing to report in ${count(read, 'Elixir file')}${missing}`
  if (unread > 0) return `${count(unread, 'Elixir file')} could not be read`
  return snapshot.files.length === 0 ? 'No Elixir changes' : 'No Elixir file to review'
}

function lead(input: SummaryInput): string {
  const { introduced, snapshot, reports } = input
  const standing = introduced.filter(isStanding)
  const isWhole = unreadCount(snapshot, reports) === 0 && snapshot.listCutAt === undefined && !reports.some(hasFailed)
  return joined([
    whatWasFound(standing, input),
    whatItMeans(standing, input),
    commentsNote(input),
    annotationsNote(input),
    isWhole ? '' : 'Not everything could be analysed: see below.',
  ])
}

function whatWasFound(standing: readonly Introduced[], { snapshot, reports }: SummaryInput): string {
  if (standing.length > 0) return `This change introduces ${inWords(bySeverity(standing))}.`
  if (snapshot.files.length === 0) return 'This change touches no Elixir file.'
  if (!reports.some(wasRead)) return 'No Elixir file in this change was reviewed.'
  return 'This change introduces no problem that the rules know.'
}

function whatItMeans(standing: readonly Introduced[], { conclusion, configuration }: SummaryInput): string {
  const { config } = configuration
  if (conclusion === 'failure') {
    if (!isRed(standing, configuration))
      return 'The check fails because something went wrong on our side: `on_error` is `block`.'
    return `The check fails: \`fail_on\` is \`${config.fail_on}\`${config.overrides.length > 0 ? ' where no override says otherwise' : ''}.`
  }
  if (standing.length === 0) return ''
  return config.mode === 'observe'
    ? 'The check only observes (`mode: observe`), so it does not fail.'
    : 'None of it fails the check.'
}

/** Why findings stand only here. */
function commentsNote({ introduced, snapshot: { subject }, configuration: { config } }: SummaryInput): string {
  const silent = introduced.filter(
    (each) => isStanding(each) && !each.said && each.placement.at === 'summary' && each.finding.severity !== 'info',
  )
  if (silent.length === 0 || subject.kind !== 'pull') return ''
  if (config.mode === 'observe' || config.comments.max === 0) return 'The configuration asks for no comments.'
  if (subject.draft && !config.drafts) return 'Comments follow when the draft is ready for review.'
  if (!subject.comments) return 'This pull request is older than the installation: comments begin with its next push.'
  if (subject.state !== 'open') return ''
  const stand = silent.length === 1 ? 'stands' : 'stand'
  return `${count(silent.length, 'finding')} ${stand} only here: a pull request gets at most ${count(config.comments.max, 'comment')}, 3 of one rule, one of a rule in a function, and only on lines that it adds.`
}

function annotationsNote({ notAnnotated }: SummaryInput): string {
  return notAnnotated === 0 ? '' : `${count(notAnnotated, 'more finding')} without an annotation: too many for GitHub.`
}

function findingsByPrinciple(input: SummaryInput): Section[] {
  const infos = new Map(input.catalogue.map((info) => [info.id, info]))
  const groups = new Map<string, { principle: Principle; found: Introduced[] }>()
  for (const each of input.introduced.filter(isStanding).toSorted((a, b) => byWeight(a.finding, b.finding))) {
    const [principle] = infos.get(each.finding.rule)!.principles
    const group = groups.get(principle.id) ?? { principle, found: [] }
    group.found.push(each)
    groups.set(principle.id, group)
  }
  // The map keeps the order of insertion: the group with the weightiest finding first.
  return [...groups.values()].map(({ principle, found }) => ({
    head: `### ${prose(principle.title)}\n\n${explanation(principle)}\n\n| | Where | What | Rule |\n|---|---|---|---|`,
    rows: found.map(({ finding: { severity, path, range, message, rule } }) =>
      row([
        severity,
        place(input, path, range.startLine, range.endLine),
        prose(cut(message, LONGEST_MESSAGE)),
        ruleLink(rule, input.docsUrl),
      ]),
    ),
  }))
}

/** The principle in our words, without repeating its title, and its sources. */
function explanation({ title, text, sources }: Principle): string {
  const rest = text.replaceAll('`', '').startsWith(title) ? afterTitle(text, title) : text
  return `${rest} ${sources.map((source) => link(prose(source.title), source.url)).join(' · ')}`.trim()
}

function afterTitle(text: string, title: string): string {
  let end = 0
  for (let matched = 0; matched < title.length; end++) if (text[end] !== '`') matched++
  const rest = text.slice(end).replace(/^`?[\s:;,.]*/, '')
  return rest.charAt(0).toUpperCase() + rest.slice(1)
}

function accepted(input: SummaryInput): Section {
  const found = input.introduced
    .filter(({ accepted }) => accepted !== null)
    .toSorted((a, b) => byWeight(a.finding, b.finding))
  return {
    head: '### Accepted\n\n| Where | Rule | By | Reason |\n|---|---|---|---|',
    rows: found.map(({ finding: { path, range, rule }, accepted }) =>
      row([
        place(input, path, range.startLine),
        ruleLink(rule, input.docsUrl),
        inlineCode(accepted!.by),
        reasonText(accepted!.reason),
      ]),
    ),
  }
}

function ignored(input: SummaryInput): Section {
  const found = input.introduced
    .filter(({ finding }) => finding.suppressed !== null)
    .toSorted((a, b) => byWeight(a.finding, b.finding))
  return {
    head: '### Ignored in the code\n\n| Where | Rule | Reason |\n|---|---|---|',
    rows: found.map(({ finding: { path, rule, suppressed } }) =>
      row([place(input, path, suppressed!.line), ruleLink(rule, input.docsUrl), reasonText(suppressed!.reason)]),
    ),
  }
}

function wrongIgnores(input: SummaryInput): Section {
  const wrong = input.suppressionProblems.toSorted(
    (a, b) => compare(a.path, b.path) || a.suppression.line - b.suppression.line,
  )
  return {
    head: '### Ignore comments to correct\n\n| Where | What |\n|---|---|',
    rows: wrong.map(({ path, suppression }) =>
      row([place(input, path, suppression.line), prose(suppressionProblem(suppression))]),
    ),
  }
}

function configuration({ configuration }: SummaryInput): Section {
  return {
    head: '### Configuration\n\n| Where | What |\n|---|---|',
    rows: configuration.problems.map(({ path, line, message }) =>
      row([inlineCode(`${shorten(path)}:${line}`), prose(cut(message, LONGEST_MESSAGE))]),
    ),
  }
}

/** What the configuration that this change brings would do. */
function preview({ preview }: SummaryInput): Section {
  if (preview === null) return { head: '', rows: [] }
  const { conclusion, findings, changes, problems } = preview
  const wrong =
    problems.length === 0
      ? ''
      : ` ${count(problems.length, 'entry', 'entries')} of it would not count: see the annotations.`
  return {
    head: `### The configuration in this pull request\n\nIt counts once it is on the base branch. This check would then conclude ${inlineCode(conclusion)}, with ${count(findings, 'finding')}.${wrong}\n\n| Setting | Now | Then |\n|---|---|---|`,
    rows:
      changes.length === 0
        ? [row(['No setting changes its value.', '', ''])]
        : changes.map(({ key, from, to }) => row([inlineCode(key), settingText(from), settingText(to)])),
  }
}

function settingText(value: unknown): string {
  return value === undefined
    ? ''
    : inlineCode(cut(typeof value === 'string' ? value : JSON.stringify(value), LONGEST_REASON))
}

/** Why each rule that found something exists, and what to write instead. */
function rulesBehind({ introduced, catalogue, docsUrl }: SummaryInput): Section {
  const found = introduced.filter(isStanding).toSorted((a, b) => byWeight(a.finding, b.finding))
  const ids = [...new Set(found.map(({ finding }) => finding.rule))]
  return {
    head: '### The rules behind it',
    rows: ids.map((id) => {
      const { title, why, instead } = catalogue.find((info) => info.id === id)!
      return `\n**${prose(title)}** · ${ruleLink(id, docsUrl)}\n\n${prose(why)} ${prose(instead)}`
    }),
  }
}

const REASONS: Partial<Record<NotReadReason, string>> = {
  'time limit': 'the analysis took too long',
  crashed: 'the analysis failed',
  'too deep': 'nested too deeply',
}

function notAnalysed({ snapshot, reports }: SummaryInput): Section {
  const unread = [
    ...snapshot.notRead,
    ...reports
      .filter(({ outcome }) => outcome === 'failed')
      .map(({ path, reason }) => ({ path, reason: REASONS[reason!] ?? String(reason) })),
    ...reports
      .filter(({ outcome }) => outcome === 'partial')
      .map(({ path, errorLines }) => ({
        path,
        reason: `read but for the code around ${linesOf(errorLines)}, which does not parse`,
      })),
    ...reports.flatMap(({ path, failedRules }) =>
      failedRules.map(({ rule }) => ({ path, reason: `the rule \`${rule}\` failed here; the others ran` })),
    ),
  ]
  return {
    head: '### Not analysed\n\n| File | Why |\n|---|---|',
    rows: unread
      .toSorted((a, b) => compare(a.path, b.path) || compare(a.reason, b.reason))
      .map(({ path, reason }) => row([inlineCode(shorten(path)), prose(cut(reason, LONGEST_REASON))])),
  }
}

/** What stands behind a silent check. */
function whatWasRead(input: SummaryInput): string {
  const { snapshot, reports, configuration, catalogue, engineVersion } = input
  const read = reports.filter(wasRead)
  const ran = new Set(read.flatMap(({ path }) => Object.keys(selectionFor(configuration, path, catalogue))))
  const unread = unreadCount(snapshot, reports)
  const partial = reports.filter(({ outcome }) => outcome === 'partial').length

  const skipped = reports.filter(({ outcome }) => outcome === 'skipped')
  const reasons = [...Map.groupBy(skipped, ({ reason }) => String(reason))]
    .map(([reason, files]) => `${files.length} ${reason}`)
    .sort(compare)
  const withRules =
    read.length === 0 ? '' : ` with ${count(ran.size, 'rule')} (profile \`${configuration.config.profile}\`)`
  return joined([
    `otp-review ${engineVersion} read ${count(read.length, 'Elixir file')}${withRules}${partial > 0 ? `, ${partial} of them only in part` : ''}.`,
    unread > 0 ? `Not read: ${count(unread, 'file')}.` : '',
    snapshot.listCutAt === undefined
      ? ''
      : `GitHub lists only the first ${count(snapshot.listCutAt, 'changed file')}; those beyond were not read.`,
    skipped.length > 0 ? `Left out on purpose: ${count(skipped.length, 'file')} (${reasons.join(', ')}).` : '',
    snapshot.otherFiles > 0 ? `Not Elixir: ${count(snapshot.otherFiles, 'file')}.` : '',
    ...lackingSentences(snapshot.lacking),
  ])
}

/** Cuts between rows. Every section has an equal share of what those before it left. */
function fit(before: string, sections: readonly Section[], after: string): string {
  const filled = sections.filter(({ rows }) => rows.length > 0)
  let room = MAX_BYTES - byteLength(before) - byteLength(after) - 4
  const texts = filled.map(({ head, rows }, index) => {
    let share = Math.floor(room / (filled.length - index)) - byteLength(head) - 100
    const shown: string[] = []
    for (const text of rows) {
      share -= byteLength(text) + 1
      if (share < 0) break
      shown.push(text)
    }
    const missing = rows.length - shown.length
    const text = [head, ...shown, ...(missing > 0 ? ['', `${count(missing, 'more row')} did not fit here.`] : [])].join(
      '\n',
    )
    room -= byteLength(text) + 2
    return text
  })
  return [before, ...texts, after].filter((part) => part !== '').join('\n\n')
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`
}

function place(
  { snapshot: { repository, head } }: SummaryInput,
  path: string,
  startLine: number,
  endLine = startLine,
): string {
  const label = inlineCode(`${shorten(path)}:${startLine}`)
  const lines = endLine > startLine ? `L${startLine}-L${endLine}` : `L${startLine}`
  const url = `${repository.url}/blob/${head}/${encodePath(path)}#${lines}`
  return repository.url === '' || url.length > LONGEST_LINK ? label : link(label, url)
}

/** The end of a path says more than its beginning. */
function shorten(path: string): string {
  return path.length <= LONGEST_PATH ? path : `…${path.slice(-LONGEST_PATH).replace(/^[\uDC00-\uDFFF]/, '')}`
}

function reasonText(reason: string): string {
  return prose(cut(reason, LONGEST_REASON))
}

function linesOf(lines: readonly number[]): string {
  const shown = lines.slice(0, 5).join(', ')
  return `${lines.length === 1 ? 'line' : 'lines'} ${shown}${lines.length > 5 ? ' and more' : ''}`
}

function wasRead({ outcome }: FileReport): boolean {
  return outcome === 'read' || outcome === 'partial'
}

function unreadCount(snapshot: SummaryInput['snapshot'], reports: readonly FileReport[]): number {
  const failed = reports.filter(({ outcome }) => outcome === 'failed').map(({ path }) => path)
  return new Set([...snapshot.notRead.map(({ path }) => path), ...failed]).size
}

function bySeverity(found: readonly Introduced[]): Record<Severity, number> {
  const counts = { error: 0, warning: 0, info: 0 }
  for (const { finding } of found) counts[finding.severity]++
  return counts
}

function joined(sentences: readonly string[]): string {
  return sentences.filter((sentence) => sentence !== '').join(' ')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function countOf(number: number, what: string): string {
  return number === 0 ? '' : `${number.toLocaleString('en')} ${what}`
}
