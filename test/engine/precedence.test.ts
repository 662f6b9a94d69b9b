import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Finding } from '#engine'
import { applyPrecedence } from '../../src/engine/precedence.ts'
import { finding } from '../support/builders.ts'

const at = (rule: string, startLine: number, startColumn: number, endLine: number, endColumn: number): Finding =>
  finding({ rule, range: { startLine, startColumn, endLine, endColumn } })

const rulesOf = (...findings: Finding[]): string[] => applyPrecedence(findings).map((each) => each.rule)

describe('of two findings about one expression the stronger one stands', () => {
  test.each([
    ['task-message-unhandled', 'task-async-discarded'],
    ['genserver-offloaded-reply-lost', 'task-unsupervised'],
    ['oban-detached-work', 'task-async-discarded'],
    ['oban-detached-work', 'task-unsupervised'],
    ['task-async-discarded', 'task-for-durable-work'],
    ['task-for-durable-work', 'task-unsupervised'],
    ['task-message-unhandled', 'task-unsupervised'],
    ['genserver-blocking-init', 'genserver-sleep-in-callback'],
    ['genserver-sleep-in-callback', 'genserver-blocking-callback'],
    ['genserver-stateless', 'genserver-key-value-store'],
    ['start-link-outside-supervisor', 'ets-owner-short-lived'],
    ['supervisor-fails-to-start', 'supervisor-restart-intensity'],
  ])('%s before %s', (stronger, weaker) => {
    expect(rulesOf(at(weaker, 3, 1, 3, 9), at(stronger, 3, 1, 3, 9))).toEqual([stronger])
  })
})

test('both stand where they are about different places', () => {
  const pair = ['task-async-discarded', 'task-unsupervised'] as const

  expect(rulesOf(at(pair[0], 3, 1, 3, 9), at(pair[1], 3, 9, 3, 20))).toEqual([...pair])
  expect(rulesOf(at(pair[0], 3, 1, 3, 9), at(pair[1], 4, 1, 4, 9))).toEqual([...pair])
  expect(rulesOf(at(pair[0], 3, 1, 6, 4), at(pair[1], 4, 1, 4, 9))).toEqual([pair[0]])
})

test('both stand where no order is set between them', () => {
  expect(rulesOf(at('genserver-self-call', 3, 1, 3, 9), at('task-unsupervised', 3, 1, 3, 9))).toEqual([
    'genserver-self-call',
    'task-unsupervised',
  ])
  expect(rulesOf(at('task-unsupervised', 3, 1, 3, 9), at('task-unsupervised', 3, 1, 3, 9)).length).toBe(2)
})

test('one that is silenced itself still silences weaker ones', () => {
  expect(
    rulesOf(
      at('task-for-durable-work', 3, 1, 3, 9),
      at('task-async-discarded', 3, 1, 3, 9),
      at('task-unsupervised', 3, 1, 3, 9),
    ),
  ).toEqual(['task-async-discarded'])
})

test('a suppressed winner still silences the others', () => {
  const winner = { ...at('task-async-discarded', 3, 1, 3, 9), suppressed: { line: 2, reason: 'x' } }

  expect(applyPrecedence([winner, at('task-unsupervised', 3, 1, 3, 9)])).toEqual([winner])
})

test('it is the same as comparing each with each', () => {
  const order = ['task-message-unhandled', 'task-async-discarded', 'task-for-durable-work', 'task-unsupervised']
  const place = fc.record({
    rule: fc.constantFrom(...order),
    line: fc.nat(6),
    column: fc.integer({ min: 1, max: 5 }),
    lines: fc.nat(3),
    width: fc.nat(4),
  })
  const findings = fc
    .array(place, { maxLength: 12 })
    .map((places) =>
      places.map(({ rule, line, column, lines, width }) =>
        at(rule, line + 1, column, line + 1 + lines, column + width),
      ),
    )
  const before = (a: Finding, b: Finding): boolean =>
    a.range.startLine < b.range.endLine ||
    (a.range.startLine === b.range.endLine && a.range.startColumn < b.range.endColumn)
  const slowly = (all: Finding[]): Finding[] =>
    all.filter(
      (each) =>
        !all.some(
          (other) => order.indexOf(other.rule) < order.indexOf(each.rule) && before(other, each) && before(each, other),
        ),
    )

  expect(
    fc.check(fc.property(findings, (all) => JSON.stringify(applyPrecedence(all)) === JSON.stringify(slowly(all))))
      .counterexample,
  ).toBe(null)
})
