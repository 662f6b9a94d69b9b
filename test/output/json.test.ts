import { expect, test } from 'vitest'
import { json } from '../../src/output/json.ts'
import { found, report } from './sample.ts'

test('version 1, key by key', () => {
  const edit = { startLine: 41, endLine: 41, text: '    totals(state)' }
  const sample = report({
    found: [
      found({ edit, evidence: [{ startLine: 17, startColumn: 1, endLine: 18, endColumn: 2 }] }),
      found({ suppressed: { line: 40, reason: 'boots a legacy device' } }),
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
      read: 212,
      partial: [{ path: 'lib/broken.ex', lines: [7] }],
      skipped: [{ path: 'lib/x.pb.ex', reason: 'generated' }],
    },
    failedRules: [{ rule: 'task-unsupervised', path: 'lib/a.ex', error: 'no such fact' }],
  })

  const common = {
    rule: 'genserver-self-call',
    severity: 'error',
    principles: ['P-SELF'],
    path: 'lib/shop/stock.ex',
    line: 41,
    endLine: 41,
    message: '`handle_call(:report)` calls its own server and will wait for itself.',
    fingerprint: 'f00d',
  }
  expect(JSON.parse(json(sample))).toStrictEqual({
    version: 1,
    findings: [
      {
        ...common,
        evidence: [{ path: 'lib/shop/stock.ex', line: 17, endLine: 18 }],
        suppressed: null,
        suggestion: edit,
      },
      {
        ...common,
        evidence: [{ path: 'lib/shop/stock.ex', line: 41, endLine: 41 }],
        suppressed: { line: 40, reason: 'boots a legacy device' },
        suggestion: null,
      },
    ],
    suppressions: [
      {
        rule: 'suppression-unused',
        severity: 'warning',
        path: 'lib/a.ex',
        line: 3,
        message: 'It silences nothing here.',
      },
    ],
    files: {
      read: 212,
      partial: [{ path: 'lib/broken.ex', lines: [7] }],
      skipped: [{ path: 'lib/x.pb.ex', reason: 'generated' }],
    },
    failedRules: [{ rule: 'task-unsupervised', path: 'lib/a.ex', error: 'no such fact' }],
    ms: 412,
  })
})
