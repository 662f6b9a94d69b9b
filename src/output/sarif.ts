// The report as SARIF 2.1.0, shaped so that GitHub code scanning shows it well.
// https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
import type { Precision, Range, RuleInfo, Severity } from '#engine'
import type { Report } from './report.ts'
import { rulePage, unindent } from './rule-page.ts'

const LEVELS: Record<Severity, string> = { error: 'error', warning: 'warning', info: 'note' }
const PROBLEM_SEVERITIES: Record<Severity, string> = { error: 'error', warning: 'warning', info: 'recommendation' }
const PRECISIONS: Record<Precision, string> = { P1: 'very-high', P2: 'high', P3: 'medium' }

/** What code scanning takes of a description. */
const MAX_DESCRIPTION = 1024

const SUPPRESSION_RULES = [
  {
    id: 'suppression-unused',
    text: 'A suppression comment silences nothing.',
    help: 'What it was for is gone, or stands on another line. Remove the comment, or move it right above the finding.',
  },
  {
    id: 'suppression-without-reason',
    text: 'A suppression comment gives no reason, and silences nothing.',
    help: 'Say why after two hyphens: `# otp-review:ignore RULE -- the reason`.',
  },
  {
    id: 'suppression-unknown-rule',
    text: 'A suppression comment names no rule of otp-review, and silences nothing.',
    help: 'Write the id as it stands in the finding. `otp-review rules` lists them all.',
  },
]

/** One SARIF log with one run. Suppressed findings are in it, marked as such, with their reasons. */
export function sarif(report: Report): string {
  const rules = [
    ...report.rules.map((rule) => descriptor(rule, report.ruleDocs)),
    ...SUPPRESSION_RULES.map(suppressionDescriptor),
  ]
  const positions = new Map(rules.map(({ id }, position) => [id, position]))
  const seen = new Map<string, number>()

  const findings = report.found.map(({ finding, lineHash, advice }) => ({
    ruleId: finding.rule,
    ruleIndex: positions.get(finding.rule) ?? -1,
    level: LEVELS[finding.severity],
    message: { text: plain(`${finding.message} ${advice}`.trim()) },
    locations: [location(finding.path, region(finding.range))],
    relatedLocations: finding.related.map((related, id) => ({
      id: id + 1,
      ...location(finding.path, region(related.range)),
      message: { text: plain(related.message) },
    })),
    partialFingerprints: {
      primaryLocationLineHash: lineHash,
      'otpReview/v1': numbered(`${finding.path} ${finding.fingerprint}`, finding.fingerprint, seen),
    },
    suppressions: finding.suppressed ? [{ kind: 'inSource', justification: finding.suppressed.reason }] : [],
    properties: { principles: finding.principles },
  }))
  const suppressions = report.suppressions.map((problem) => ({
    ruleId: problem.rule,
    ruleIndex: positions.get(problem.rule) ?? -1,
    level: LEVELS[problem.severity],
    message: { text: plain(problem.message) },
    locations: [location(problem.path, { startLine: problem.line })],
    partialFingerprints: { primaryLocationLineHash: problem.lineHash },
  }))

  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'otp-review',
            version: report.version,
            semanticVersion: report.version,
            informationUri: report.ruleDocs,
            rules,
          },
        },
        automationDetails: { id: 'otp-review/' },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { '%SRCROOT%': { description: { text: 'The top folder of the repository.' } } },
        invocations: [{ executionSuccessful: true, toolExecutionNotifications: notifications(report) }],
        results: [...findings, ...suppressions],
      },
    ],
  }
  return `${JSON.stringify(log, null, 2)}\n`
}

function descriptor(rule: RuleInfo, ruleDocs: string) {
  const why = unindent(rule.why)
  return {
    id: rule.id,
    name: rule.id,
    shortDescription: { text: rule.title },
    fullDescription: { text: cut(why) },
    help: { text: `${why}\n\n${unindent(rule.instead)}`, markdown: page(rule, ruleDocs) },
    helpUri: `${ruleDocs}/${rule.id}.md`,
    defaultConfiguration: { level: LEVELS[rule.severity], enabled: rule.set === 'recommended' },
    properties: {
      precision: PRECISIONS[rule.precision],
      'problem.severity': PROBLEM_SEVERITIES[rule.severity],
      tags: ['elixir', 'otp', rule.category, ...rule.principles.map(({ id }) => id)],
    },
  }
}

function suppressionDescriptor({ id, text, help }: (typeof SUPPRESSION_RULES)[number]) {
  return {
    id,
    name: id,
    shortDescription: { text },
    fullDescription: { text },
    help: { text: help },
    defaultConfiguration: { level: 'warning' },
    properties: { tags: ['elixir', 'otp'] },
  }
}

/** The rule's page for a reader who is not among the other pages. */
function page(rule: RuleInfo, ruleDocs: string): string {
  return rulePage(rule)
    .replace(/^<!--.*-->\s*/, '')
    .replaceAll(/\]\((?!https?:)([^()\s]+\.md)/g, (_, path: string) => `](${new URL(path, `${ruleDocs}/`).href}`)
}

function cut(text: string): string {
  return text.length <= MAX_DESCRIPTION ? text : `${text.slice(0, MAX_DESCRIPTION - 1).trimEnd()}…`
}

/** In SARIF `[text](address)` is a link, and names of the code under review can look like one. */
function plain(text: string): string {
  return text.replaceAll('](', '] (')
}

function location(path: string, region: object) {
  return { physicalLocation: { artifactLocation: { uri: uri(path), uriBaseId: '%SRCROOT%' }, region } }
}

function region({ startLine, startColumn, endLine, endColumn }: Range) {
  return { startLine, startColumn, endLine, endColumn }
}

function uri(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

/** The same code twice in a file is two results: without a number the second would be taken for the first. */
function numbered(key: string, fingerprint: string, seen: Map<string, number>): string {
  const number = (seen.get(key) ?? 0) + 1
  seen.set(key, number)
  return `${fingerprint}:${number}`
}

function notifications({ files, failedRules }: Report) {
  const partial = files.partial.map(({ path }) => notification(path, 'Read in part, because of syntax errors.'))
  const skipped = files.skipped.map(({ path, reason }) => notification(path, `Not analysed: ${reason}.`, 'note'))
  const failed = failedRules.map(({ rule, path, error }) => notification(path, `The rule ${rule} failed: ${error}`))
  return [...partial, ...skipped, ...failed]
}

function notification(path: string, text: string, level: 'note' | 'warning' = 'warning') {
  const artifactLocation = { uri: uri(path), uriBaseId: '%SRCROOT%' }
  return { level, message: { text: plain(text) }, locations: [{ physicalLocation: { artifactLocation } }] }
}
