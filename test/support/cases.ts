// Runs one rule over a case and says what is missing and what is noise.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readProject } from '#elixir'
import { analyse, type CataloguedRule, type FileReport, type Finding, type RuleSet } from '#engine'
import { type Case, type CaseSource, readCases, readSource } from './markdown-cases.ts'

const root = join(import.meta.dirname, '../..')

export function caseFileOf(rule: CataloguedRule): string {
  return `test/rules/${rule.category}/${rule.id}.md`
}

/** The cases of the rule's Markdown file, in its order; none where the file is missing. */
export function casesOf(rule: CataloguedRule): Case[] {
  const path = join(root, caseFileOf(rule))
  return existsSync(path) ? readCases(caseFileOf(rule), readFileSync(path, 'utf8')) : []
}

/** The examples of the rule's own file as cases. */
export function examplesOf(rule: CataloguedRule): Case[] {
  const origin = `rules/${rule.category}/${rule.id}.ts`
  const own = readFileSync(join(root, origin), 'utf8').split('\n')
  return rule.examples.flatMap((example, index) =>
    (['bad', 'good'] as const).map((kind) => ({
      origin,
      name: `example ${index + 1}, ${kind}`,
      sources: [readSource('elixir', example[kind], linesAbove(own, example[kind]))],
      projectFiles: [],
    })),
  )
}

/** Where the text of a template literal begins in its file; 0 where escapes hide it. */
function linesAbove(own: readonly string[], example: string): number {
  const wanted = example
    .trimEnd()
    .split('\n')
    .map((line) => line.trim())
  return Math.max(
    0,
    own.findIndex((_, start) => wanted.every((line, offset) => own[start + offset]?.trim() === line)),
  )
}

/** The source under these rules alone. */
export function report(rules: readonly CataloguedRule[], each: Case, source: CaseSource): FileReport {
  const project = readProject(each.projectFiles, source.path)
  const set = (rule: CataloguedRule): RuleSet => (source.strict ? 'strict' : rule.set)
  const selection = Object.fromEntries(rules.map((rule) => [rule.id, set(rule)]))
  return analyse({ path: source.path, source: source.text, project, selection }, rules)
}

/** One line for each way in which the rule, run alone, does not do what the case asks; empty when it does. */
export function complaints(rule: CataloguedRule, each: Case): string[] {
  return each.sources.flatMap((source) => complaintsAbout(source, report([rule], each, source), each))
}

function complaintsAbout(source: CaseSource, seen: FileReport, each: Case): string[] {
  const said: string[] = []
  const place = (line: number): string => `${each.origin}:${line + source.linesAbove} "${each.name}"`
  const code = (line: number): string => (source.text.split('\n')[line - 1] ?? '').trim()

  for (const { rule, error } of seen.failedRules) said.push(`Threw: ${place(1)} ${rule}: ${error}`)
  if (seen.outcome !== source.outcome) {
    const lines = seen.errorLines.map((line) => line + source.linesAbove).join(', ')
    const where = lines === '' ? '' : ` at line ${lines}`
    said.push(`Not ${source.outcome}: ${place(1)} was ${seen.outcome} (${seen.reason})${where}`)
  }

  const noise = seen.findings.filter((finding) => finding.suppressed === null)
  for (const { line, severity } of source.expected) {
    const hit = noise.findIndex(
      (found) => found.range.startLine === line && (severity ?? found.severity) === found.severity,
    )
    if (hit < 0) said.push(`Missing: ${place(line)} ${severity === null ? '' : `as ${severity} `}on \`${code(line)}\``)
    else noise.splice(hit, 1)
  }
  for (const finding of noise) said.push(`Noisy: ${place(finding.range.startLine)} ${describeFinding(finding)}`)
  return said
}

function describeFinding(finding: Finding): string {
  return `(${finding.rule}, ${finding.severity}) ${finding.message}`
}
