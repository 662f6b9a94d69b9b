import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Ajv } from 'ajv'
import ajvFormats from 'ajv-formats'
import { expect, test } from 'vitest'
import { describe } from '#engine'
import { rules } from '#rules'
import type { Report } from '../../src/output/report.ts'
import { sarif } from '../../src/output/sarif.ts'
import { found, report } from './sample.ts'

const full = report({
  found: [
    found(),
    found({ range: { startLine: 50, startColumn: 5, endLine: 51, endColumn: 9 } }),
    found({
      path: 'lib/ä b%/#x.ex',
      severity: 'info',
      suppressed: { line: 40, reason: 'boots a legacy device' },
      related: [{ range: { startLine: 12, startColumn: 3, endLine: 12, endColumn: 9 }, message: 'started here' }],
    }),
  ],
  suppressions: [
    {
      rule: 'suppression-unused',
      severity: 'warning',
      path: 'lib/a.ex',
      line: 3,
      message: 'It silences nothing here.',
      lineHash: 'cafe:1',
    },
  ],
  files: {
    read: 3,
    partial: [{ path: 'lib/broken.ex', lines: [7] }],
    skipped: [{ path: 'lib/x.pb.ex', reason: 'generated' }],
  },
  failedRules: [{ rule: 'task-unsupervised', path: 'lib/a.ex', error: 'no such fact' }],
})

test.for([
  ['with everything in it', full],
  ['with no finding', report()],
] as const)('a log %s is valid SARIF 2.1.0', ([, sample]) => {
  expect(problems(sarif(sample))).toEqual([])
})

test('what is not SARIF is seen as such', () => {
  expect(problems(sarif(full).replace('"level": "note"', '"level": "info"'))).not.toEqual([])
})

test('rules carry what code scanning shows: severity, precision, help and its address', () => {
  const [rule] = run(full).tool.driver.rules

  expect(rule).toMatchObject({
    id: 'genserver-self-call',
    shortDescription: { text: 'A server calls itself' },
    helpUri: 'https://example.org/docs/rules/genserver-self-call.md',
    defaultConfiguration: { level: 'error', enabled: true },
    properties: { precision: 'very-high', 'problem.severity': 'error', tags: ['elixir', 'otp', 'genserver', 'P-SELF'] },
  })
  expect(rule.help.markdown).toContain('## What happens')
})

test('every result points at its rule', () => {
  const { tool, results } = run(full)

  expect(results).toHaveLength(4)
  for (const result of results) expect(tool.driver.rules[result.ruleIndex].id).toBe(result.ruleId)
})

test('the same code twice in a file has two fingerprints', () => {
  const prints = run(full).results.map((result: { partialFingerprints?: object }) => result.partialFingerprints)

  expect(prints).toEqual([
    { 'otpReview/v1': 'f00d:1', primaryLocationLineHash: 'beef:1' },
    { 'otpReview/v1': 'f00d:2', primaryLocationLineHash: 'beef:1' },
    { 'otpReview/v1': 'f00d:1', primaryLocationLineHash: 'beef:1' },
    { primaryLocationLineHash: 'cafe:1' },
  ])
})

test('paths are addresses, and suppressions keep their reason', () => {
  const result = run(full).results[2]

  expect(result.locations[0].physicalLocation.artifactLocation.uri).toBe('lib/%C3%A4%20b%25/%23x.ex')
  expect(result.suppressions).toEqual([{ kind: 'inSource', justification: 'boots a legacy device' }])
})

test('every rule of ours has what code scanning requires, within its limits', () => {
  const { rules: descriptors } = run(report({ rules: rules.map(describe) })).tool.driver

  for (const { name, shortDescription, fullDescription, help, properties } of descriptors) {
    expect(name.length).toBeLessThanOrEqual(255)
    for (const { text } of [shortDescription, fullDescription]) {
      expect(text.length).toBeGreaterThan(0)
      expect(text.length).toBeLessThanOrEqual(1024)
    }
    expect(help.text).not.toBe('')
    expect(properties.tags.length).toBeLessThanOrEqual(20)
  }
})

test('links of a rule page lead somewhere from everywhere', () => {
  const { markdown } = run(full).tool.driver.rules[0].help

  expect(markdown).toMatch(/^# A server calls itself\n/)
  expect(markdown).toContain('](https://example.org/docs/precision.md)')
  expect(markdown.match(/\]\((?!https:)/g)).toBeNull()
})

test('a name in the code under review makes no link', () => {
  const [result] = run(report({ found: [found({ message: '`[free](https://example.org)` waits.' })] })).results

  expect(result.message.text).toMatch(/^`\[free\] \(https:\/\/example\.org\)` waits\. Extract a private function/)
})

test('what was not analysed is said', () => {
  const notes = run(full).invocations[0].toolExecutionNotifications

  expect(notes.map(({ message }: { message: { text: string } }) => message.text)).toEqual([
    'Read in part, because of syntax errors.',
    'Not analysed: generated.',
    'The rule task-unsupervised failed: no such fact',
  ])
})

// oxlint-disable-next-line typescript/no-explicit-any -- read as a consumer without our types would
function run(sample: Report): any {
  return JSON.parse(sarif(sample)).runs[0]
}

const validate = compileSchema()

function problems(log: string) {
  validate(JSON.parse(log))
  return validate.errors ?? []
}

function compileSchema() {
  const path = createRequire(import.meta.url).resolve('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json')
  // Draft 4: `id` is what later drafts call `$id`, and nothing else in it differs.
  const { $schema: _, id: $id, ...schema } = JSON.parse(readFileSync(path, 'utf8'))
  const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false })
  ajvFormats.default(ajv)
  return ajv.compile({ $id, ...schema })
}
