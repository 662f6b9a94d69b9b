// Rules times facts: one file in, findings out. It knows no particular rule and never throws.
import {
  Deadline,
  FILE_TIME_LIMIT,
  type Module,
  notReviewed,
  type ProjectFacts,
  SourceFile,
  TimeLimitError,
} from '#elixir'
import { clauseFingerprint, fingerprint, placeOf } from './fingerprint.ts'
import type { FileReport, Finding, RuleSet } from './finding.ts'
import { FileFacts } from './facts.ts'
import { type Look, lookFor, seeAll, type Sight } from './needs.ts'
import { applyPrecedence } from './precedence.ts'
import type { CataloguedRule, Problem } from './rule.ts'
import { hasSuppressions, suppress } from './suppress.ts'
import { keepWarm } from './warm.ts'

/** Which rules run, and whether their strict problems are wanted too. */
export type Selection = Readonly<Record<string, RuleSet>>

export interface SourceToAnalyse {
  /** Relative to the repository root, with forward slashes. */
  path: string
  source: string
  project: ProjectFacts
  selection: Selection
  /** Milliseconds after which it is given up; 2,000 where absent. */
  timeLimit?: number
  /** Takes no short cuts. The findings are the same; tests compare them, and measure what the short cuts save. */
  readAll?: boolean
}

/** Every rule at its strictest: what a rule's own tests run with. */
export function selectAll(rules: readonly CataloguedRule[]): Selection {
  return Object.fromEntries(rules.map((rule) => [rule.id, 'strict']))
}

/**
 * What the selected rules say about one file. It never throws. The same text, project and rules give the same report,
 * but for `ms` and for files at the edge of the time limit. A rule that throws is recorded and the others go on.
 */
export function analyse(input: SourceToAnalyse, rules: readonly CataloguedRule[]): FileReport {
  const started = performance.now()
  const report = blankReport(input.path)
  try {
    Object.assign(report, read(input, rules, report))
  } catch (error) {
    Object.assign(report, { outcome: 'failed', reason: error instanceof TimeLimitError ? 'time limit' : 'crashed' })
  }
  report.ms = performance.now() - started
  return report
}

function blankReport(path: string): FileReport {
  return {
    path,
    outcome: 'read',
    reason: null,
    errorLines: [],
    findings: [],
    suppressions: [],
    failedRules: [],
    ms: 0,
  }
}

type Outcome = Pick<FileReport, 'outcome' | 'reason'>

/** Fills the report, and says how reading the file ended. */
function read(input: SourceToAnalyse, rules: readonly CataloguedRule[], report: FileReport): Outcome {
  const skipped = notReviewed(input.path, input.source, input.project)
  if (skipped !== null) {
    return { outcome: skipped === 'too large' || skipped === 'binary' ? 'failed' : 'skipped', reason: skipped }
  }
  const selected = rules.filter((rule) => input.selection[rule.id] !== undefined)
  const sight = input.readAll === true ? seeAll(selected) : lookOf(selected, rules)(input.source)
  if (sight.rules.length === 0 && !hasSuppressions(input.source)) return { outcome: 'read', reason: null }
  const deadline = new Deadline(input.timeLimit ?? FILE_TIME_LIMIT)
  const file = SourceFile.read(input.path, input.source, deadline)
  if (typeof file === 'string') return { outcome: 'failed', reason: file }
  if (file.modules.some(isTestModule)) return { outcome: 'skipped', reason: 'test' }

  report.errorLines = file.errorLines
  const { findings, crashed } = runRules(file, sight, input, report)
  const ran = new Set(selected.map((rule) => rule.id))
  for (const { rule } of report.failedRules) ran.delete(rule)
  report.suppressions = suppress(findings, file, rules, ran)
  report.findings = applyPrecedence(findings).sort(
    (a, b) =>
      a.range.startLine - b.range.startLine || compare(a.rule, b.rule) || a.range.startColumn - b.range.startColumn,
  )
  if (crashed) return { outcome: 'failed', reason: 'crashed' }
  if (report.errorLines.length > 0) return { outcome: 'partial', reason: 'syntax error' }
  return file.isTooDeep ? { outcome: 'partial', reason: 'too deep' } : { outcome: 'read', reason: null }
}

/** The same order everywhere: the locale of the machine has no say. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** `crashed`: the call stack was exhausted, so that what a rule did not find means nothing. */
function runRules(
  file: SourceFile,
  sight: Sight,
  input: SourceToAnalyse,
  report: FileReport,
): { findings: Finding[]; crashed: boolean } {
  const findings: Finding[] = []
  let crashed = false
  const facts = new FileFacts(file, input.project, sight)
  keepWarm(facts, input.source)
  const scripts = new Set(file.modules.filter((module) => isScript(module, input)))
  for (const rule of sight.rules) {
    const errors: unknown[] = []
    for (const fact of facts.for(rule)) {
      if (rule.scripts === 'off' && scripts.has(fact.module)) continue
      file.deadline.tick()
      try {
        const check = rule.check as (fact: unknown) => Iterable<Problem>
        for (const problem of check(fact)) {
          const finding = stamp(rule, problem, file)
          if (finding.set === 'recommended' || input.selection[rule.id] === 'strict') findings.push(finding)
        }
      } catch (error) {
        if (error instanceof TimeLimitError) throw error
        errors.push(error)
      }
    }
    if (errors.length > 0) report.failedRules.push({ rule: rule.id, error: String(errors[0]) })
    crashed ||= errors.some((error) => error instanceof RangeError)
  }
  return { findings, crashed }
}

const looks = new WeakMap<readonly CataloguedRule[], Map<string, Look>>()

/** What some of the rules look for: worked out once, for thousands of files are read under few selections. */
function lookOf(selected: readonly CataloguedRule[], rules: readonly CataloguedRule[]): Look {
  const key = selected.map((rule) => rule.id).join()
  let known = looks.get(rules)
  if (known === undefined || known.size > MAX_LOOKS) looks.set(rules, (known = new Map()))
  let look = known.get(key)
  if (look === undefined) known.set(key, (look = lookFor(selected)))
  return look
}

/** More selections than this in one process are forgotten. */
const MAX_LOOKS = 50

function stamp(rule: CataloguedRule, problem: Problem, file: SourceFile): Finding {
  const place = placeOf(file, problem.at)
  const whole = { startLine: 1, startColumn: 1, endLine: file.lineCount, endColumn: 1 }
  return {
    rule: rule.id,
    category: rule.category,
    principles: rule.principles.map((principle) => principle.id),
    severity: problem.severity ?? rule.severity,
    set: problem.set ?? rule.set,
    precision: rule.precision,
    path: file.path,
    range: problem.at,
    message: problem.message,
    evidence: [...(problem.evidence ?? [problem.at])],
    related: [...(problem.related ?? [])],
    edit: problem.edit ?? null,
    module: place.module?.name ?? '',
    function: place.clause?.function.id ?? null,
    scope: problem.scope ?? place.module?.range ?? whole,
    fingerprint: fingerprint(rule.id, file, problem.at, place),
    clauseFingerprint: clauseFingerprint(rule.id, file, place),
    suppressed: null,
  }
}

/** `use ExUnit.Case`, `use MyApp.DataCase` and the like; a `UseCase` is business code. */
function isTestModule(module: Module): boolean {
  return module.uses.some(
    ({ module: used }) => used === 'ExUnit.CaseTemplate' || (used.endsWith('Case') && !used.endsWith('UseCase')),
  )
}

/** Mix tasks, release modules and escripts: they end, so rules about the life of processes do not apply. */
function isScript(module: Module, { path, project }: SourceToAnalyse): boolean {
  return (
    module.is('Mix.Task') ||
    path.includes('lib/mix/tasks/') ||
    /\.(Release|ReleaseTasks|Seeds)$/.test(module.name) ||
    module.name === project.escript
  )
}
