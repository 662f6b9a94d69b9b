import { describe, expect, test } from 'vitest'
import { analyse, type CataloguedRule, type FileReport, UNKNOWN_PROJECT } from '#engine'
import { ruleAbout } from './rules-for-tests.ts'

const start = ruleAbout(['Task.start'], { id: 'start', credo: ['UnsafeStart'] })
const wait = ruleAbout(['Task.await'], { id: 'wait' })
const off = ruleAbout(['Task.async'], { id: 'off' })
const all: readonly CataloguedRule[] = [start, wait, off]

function look(lines: string, rules = all): FileReport {
  const source = `defmodule A do\ndef f(x) do\n${lines}\nend\nend\n`
  const selection = { start: 'strict', wait: 'strict' } as const
  return analyse({ path: 'lib/a.ex', source, project: UNKNOWN_PROJECT, selection }, rules)
}

/** The lines of what is still said. */
const standing = (report: FileReport): number[] =>
  report.findings.filter((finding) => finding.suppressed === null).map((finding) => finding.range.startLine)

describe('a comment silences its rule', () => {
  test.each([
    ['right above', '# otp-review:ignore start -- boots a device\nTask.start(x)'],
    ['on the line', 'Task.start(x) # otp-review:ignore start -- boots a device'],
    ['above other comments', '# otp-review:ignore start -- boots a device\n# a note\n# and another\nTask.start(x)'],
    ['with more marks', '## otp-review:ignore start -- boots a device\nTask.start(x)'],
    ['without a space', '#otp-review:ignore start --boots a device\nTask.start(x)'],
  ])('%s', (_, lines) => {
    const report = look(lines)

    expect(standing(report)).toEqual([])
    expect(report.findings[0]!.suppressed).toEqual({ line: report.suppressions[0]!.line, reason: 'boots a device' })
    expect(report.suppressions).toMatchObject([
      { rule: 'start', reason: 'boots a device', syntax: 'ours', silenced: 1, problem: null },
    ])
  })

  test('at the first line of any evidence', () => {
    const rule = ruleAbout(['Task.start'], {
      id: 'start',
      *check({ call, clause }) {
        yield { at: call.at, evidence: [call.at, clause.head], message: '' }
      },
    })
    const source = 'defmodule A do\n# otp-review:ignore start -- x\ndef f(x) do\nTask.start(x)\nend\nend\n'
    const report = analyse({ path: 'a.ex', source, project: UNKNOWN_PROJECT, selection: { start: 'strict' } }, [rule])

    expect(standing(report)).toEqual([])
  })

  test('several comments above one line, each for its rule', () => {
    const report = look('# otp-review:ignore start -- a\n# otp-review:ignore wait -- b\nTask.start(Task.await(x))')

    expect(standing(report)).toEqual([])
    expect(report.suppressions.map(({ rule, silenced }) => [rule, silenced])).toEqual([
      ['start', 1],
      ['wait', 1],
    ])
  })

  test('and counts all it silences', () => {
    expect(look('# otp-review:ignore start -- a\n{Task.start(x), Task.start(y)}').suppressions[0]!.silenced).toBe(2)
  })
})

describe('a comment does not silence', () => {
  test.each([
    ['another rule', '# otp-review:ignore wait -- a\nTask.start(x)'],
    ['over a line of code', '# otp-review:ignore start -- a\ny = 1\nTask.start(x)'],
    ['over an empty line', '# otp-review:ignore start -- a\n\nTask.start(x)'],
    ['the line above', 'Task.start(x)\n# otp-review:ignore start -- a'],
    ['the line below, from behind code', 'y = 1 # otp-review:ignore start -- a\nTask.start(x)'],
    ['from inside a string', '"\n# otp-review:ignore start -- a\n"\nTask.start(x)'],
    ['without a reason', '# otp-review:ignore start\nTask.start(x)'],
    ['with an empty reason', '# otp-review:ignore start --\nTask.start(x)'],
    ['with words that are no reason', '# otp-review:ignore start because of a device\nTask.start(x)'],
    ['two rules at once', '# otp-review:ignore start wait -- a\nTask.start(x)'],
    ['everything', '# otp-review:ignore -- a\nTask.start(x)'],
    ['under another name', '# otp-review:ignored start -- a\nTask.start(x)'],
  ])('%s', (_, lines) => {
    expect(standing(look(lines)).length).toBe(1)
  })
})

describe('what is wrong with a comment', () => {
  test.each([
    ['# otp-review:ignore start -- a\ny = 1', 'suppression-unused', 0],
    ['# otp-review:ignore start\nTask.start(x)', 'suppression-without-reason', 0],
    ['# otp-review:ignore start because\nTask.start(x)', 'suppression-without-reason', 0],
    ['# otp-review:ignore start wait -- a\nTask.start(x)', 'suppression-without-reason', 0],
    ['# otp-review:ignore stert -- a\nTask.start(x)', 'suppression-unknown-rule', null],
    ['# otp-review:ignore -- a\nTask.start(x)', 'suppression-unknown-rule', null],
    ['# otp-review:ignore\nTask.start(x)', 'suppression-unknown-rule', null],
    ['# otp-review:ignore start -- a\nTask.start(x)', null, 1],
  ] as const)('%j: %s', (lines, problem, silenced) => {
    expect(look(lines).suppressions).toMatchObject([{ line: 3, problem, silenced }])
  })

  test('a rule that is off makes none unused', () => {
    expect(look('# otp-review:ignore off -- a\ny = 1').suppressions).toMatchObject([
      { rule: 'off', silenced: null, problem: null },
    ])
  })

  test('nor does a rule that failed, or a file that does not parse', () => {
    const failing = ruleAbout(['Task.start'], {
      id: 'start',
      check() {
        throw new Error('x')
      },
    })

    expect(look('# otp-review:ignore start -- a\ny = 1\nTask.start(x)', [failing]).suppressions[0]).toMatchObject({
      problem: null,
    })
    expect(look('# otp-review:ignore start -- a\ny = f(,)').suppressions[0]).toMatchObject({ problem: null })
  })

  test('is seen in a file that no rule has a reason to read', () => {
    const source = 'defmodule A do\n# otp-review:ignore start -- a\nend\n'
    const report = analyse({ path: 'a.ex', source, project: UNKNOWN_PROJECT, selection: { start: 'strict' } }, all)

    expect(report.suppressions).toMatchObject([{ line: 2, problem: 'suppression-unused' }])
  })
})

describe("Credo's comments", () => {
  test.each([
    ['# credo:disable-for-next-line Credo.Check.UnsafeStart\nTask.start(x)'],
    ['# credo:disable-for-next-line UnsafeStart\nTask.start(x)'],
    ['# credo:disable-for-next-line\nTask.start(x)'],
    ['Task.start(x)\n# credo:disable-for-previous-line Credo.Check.UnsafeStart'],
    ['# credo:disable-for-this-file Credo.Check.UnsafeStart\ny = 1\nTask.start(x)'],
    ['# credo:disable-for-lines:2 Credo.Check.UnsafeStart\ny = 1\nTask.start(x)'],
    ['Task.start(x)\ny = 1\n# credo:disable-for-lines:-2 Credo.Check.UnsafeStart'],
    ['# credo:disable-for-lines:20 Credo.Check.UnsafeStart\ny = 1\nTask.start(x)'],
  ])('silence a rule that is equal to their check: %j', (lines) => {
    const report = look(lines)

    expect(standing(report)).toEqual([])
    expect(report.suppressions).toMatchObject([{ syntax: 'credo', rule: null, silenced: 1, problem: null }])
  })

  test.each([
    ['# credo:disable-for-next-line Credo.Check.Other\nTask.start(x)'],
    ['# credo:disable-for-next-line UnsafeStart\ny = 1\nTask.start(x)'],
    ['# credo:disable-for-lines:1 UnsafeStart\ny = 1\nTask.start(x)'],
    ['# credo:disable-for-next-line UnsafeStart\nTask.await(x)'],
  ])('silence nothing else, and are never wrong: %j', (lines) => {
    const report = look(lines)

    expect(standing(report).length).toBe(1)
    expect(report.suppressions).toMatchObject([{ silenced: 0, problem: null }])
  })
})
