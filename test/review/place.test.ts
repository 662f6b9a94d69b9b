import { describe, expect, test } from 'vitest'
import type { Edit, Finding } from '#engine'
import { traceChanges } from '../../src/review/bases.ts'
import { byWeight, place, selectForComments } from '../../src/review/place.ts'
import { changedFile, finding, lines } from '../support/builders.ts'

const numbered = (count: number) => Array.from({ length: count }, (_, at) => `line ${at + 1}\n`)
const insert = (texts: string[], at: number) => texts.toSpliced(at - 1, 0, `new ${at}\n`)
// Lines 10 and 30 of the head are new: its hunks show 7 to 13 and 27 to 33.
const base = numbered(40)
const head = insert(insert(base, 10), 30)
const path = 'lib/shop/stock.ex'
const file = changedFile({ path, base: base.join(''), head: head.join(''), baseSource: base.join('') })
const change = traceChanges([file])(path)!

const at = (startLine: number, endLine = startLine) => ({ at: 'line', startLine, endLine })

describe('a comment stands', () => {
  test('on the first line of the finding, where that was added', () => {
    const found = finding({ range: lines(10, 12), evidence: [lines(30), lines(10, 12)] })

    expect(place(found, change)).toEqual({ placement: at(10), suggestion: null })
  })

  test('else on the first evidence line that was added', () => {
    expect(place(finding({ line: 20, evidence: [lines(20), lines(28, 31)] }), change).placement).toEqual(at(30))
    expect(place(finding({ range: lines(9, 11) }), change).placement).toEqual(at(10))
  })

  test('nowhere, where no line of the finding was added', () => {
    expect(place(finding({ line: 11, evidence: [lines(11), lines(20)] }), change).placement).toEqual({ at: 'summary' })
  })

  test('nowhere, where the host gave no hunks: it refuses lines that are not in its own', () => {
    const unlisted = traceChanges([{ ...file, patch: null }])(path)!

    expect(place(finding({ line: 10 }), unlisted).placement).toEqual({ at: 'summary' })
  })
})

describe('an edit is suggested', () => {
  const edited = (edit: Omit<Edit, 'text'>, overrides: Partial<Finding> & { line?: number } = { line: 10 }) =>
    place(finding({ ...overrides, edit: { ...edit, text: 'better' } }), change)

  test('on exactly the lines that it replaces', () => {
    expect(edited({ startLine: 9, endLine: 11 })).toEqual({ placement: at(9, 11), suggestion: 'better' })
  })

  test.each([
    ['it does not cover the line of the comment', { startLine: 11, endLine: 12 }],
    ['it begins above the hunk', { startLine: 6, endLine: 10 }],
    ['it ends below the hunk', { startLine: 10, endLine: 14 }],
    ['it replaces more than six lines', { startLine: 7, endLine: 13 }],
  ])('unless %s', (_, edit) => {
    expect(edited(edit)).toEqual({ placement: at(10), suggestion: null })
  })

  test('unless its lines stand in two hunks', () => {
    const near = insert(insert(numbered(20), 5), 13)
    const texts = { base: numbered(20).join(''), head: near.join('') }
    const two = traceChanges([changedFile({ path, ...texts, baseSource: texts.base })])(path)!
    const found = finding({ line: 5, edit: { startLine: 5, endLine: 10, text: 'better' } })

    expect(two.diff.hunks).toHaveLength(2)
    expect(place(found, two)).toEqual({ placement: at(5), suggestion: null })
  })

  test('unless the hunk shows neither end of it', () => {
    const bare = { ...file, patch: '@@ -9,0 +10 @@\n+new 10\n@@ -28,0 +30 @@\n+new 30' }
    const found = finding({ line: 10, edit: { startLine: 9, endLine: 11, text: 'better' } })

    expect(place(found, traceChanges([bare])(path)!)).toEqual({ placement: at(10), suggestion: null })
  })

  test('up to six lines', () => {
    expect(edited({ startLine: 8, endLine: 13 })).toEqual({ placement: at(8, 13), suggestion: 'better' })
  })
})

describe('comments are chosen', () => {
  const many = (count: number, overrides: Partial<Finding> = {}) =>
    Array.from({ length: count }, (_, index) => finding({ line: index + 1, function: `f${index}/0`, ...overrides }))
  const chosen = (candidates: Finding[], standing: Finding[] = [], most = 10) =>
    candidates.filter((candidate) => selectForComments(candidates, standing, most).has(candidate))

  test('most severe first, then most certain, then by place', () => {
    const [later, sure, unsure, severe, elsewhere] = [
      finding({ line: 9 }),
      finding({ line: 2 }),
      finding({ line: 1, precision: 'P2' }),
      finding({ line: 5, precision: 'P3', severity: 'error' }),
      finding({ line: 1, path: 'lib/a.ex' }),
    ]

    expect([later, sure, unsure, severe, elsewhere].toSorted(byWeight)).toEqual([
      severe,
      elsewhere,
      sure,
      later,
      unsure,
    ])
  })

  test('one for a rule in a function', () => {
    const [first, second] = [finding({ line: 1 }), finding({ line: 2 })]
    const other = finding({ line: 3, rule: 'genserver-self-call' })

    expect(chosen([second, first, other])).toEqual([first, other])
  })

  test('three for a rule', () => {
    const candidates = many(5)

    expect(chosen(candidates)).toEqual(candidates.slice(0, 3))
  })

  test('as many as are wanted in all', () => {
    const candidates = ['a', 'b', 'c', 'd'].flatMap((rule) => many(3, { rule }))

    expect(chosen(candidates)).toHaveLength(10)
    expect(chosen(candidates, [], 2)).toEqual(candidates.filter(({ range }) => range.startLine === 1).slice(0, 2))
    expect(chosen(candidates, [], 0)).toEqual([])
  })

  test('beside those that stand there already', () => {
    const candidates = many(3)
    const [a, b, c, d] = many(4, { rule: 'other', path: 'lib/b.ex' }) as [Finding, Finding, Finding, Finding]

    expect(chosen(candidates, [a, b, c, d], 5)).toHaveLength(1)
    expect(chosen(candidates, [finding({ function: 'f0/0', line: 99 })])).toEqual(candidates.slice(1))
    expect(chosen(candidates, many(2, { module: 'Shop.Other' }))).toHaveLength(1)
  })
})
