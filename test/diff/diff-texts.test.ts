import { expect, test } from 'vitest'
import { diffTexts, indexHunks, rebuildBase } from '../../src/diff/index.ts'

const numbered = (count: number) => Array.from({ length: count }, (_, at) => `line ${at + 1}\n`)

test('changes far apart are hunks of their own, with three lines of context', () => {
  const base = numbered(30)
  const head = base.with(4, 'five\n').with(24, 'twenty-five\n')

  const hunks = diffTexts(base.join(''), head.join(''))

  expect(hunks).toMatchObject([
    { baseStart: 2, baseCount: 7, headStart: 2, headCount: 7, section: '' },
    { baseStart: 22, baseCount: 7, headStart: 22, headCount: 7, section: '' },
  ])
})

test('changes whose context touches share a hunk', () => {
  const base = numbered(20)
  const head = base.with(4, 'five\n').with(11, 'twelve\n')

  expect(diffTexts(base.join(''), head.join(''))).toMatchObject([{ headStart: 2, headCount: 14 }])
})

test('a lost final line feed is a changed line', () => {
  const hunks = diffTexts('a\nb\n', 'a\nb')

  expect(hunks[0]?.lines).toEqual([
    { kind: 'context', text: 'a\n' },
    { kind: 'removed', text: 'b\n' },
    { kind: 'added', text: 'b' },
  ])
})

test('equal and empty texts have no hunks', () => {
  expect(diffTexts('a\n', 'a\n')).toEqual([])
  expect(diffTexts('', '')).toEqual([])
})

test('texts too different to compare differ in all lines between their common ends', () => {
  const base = ['start\n', ...numbered(20_000).map((line) => `old ${line}`), 'end\n'].join('')
  const head = ['start\n', ...numbered(20_000).map((line) => `new ${line}`), 'end\n'].join('')

  const hunks = diffTexts(base, head)

  const diff = indexHunks(hunks)
  expect(diff.added.size).toBe(20_000)
  expect([diff.toHead(1), diff.toHead(2), diff.toHead(20_002)]).toEqual([1, null, 20_002])
  expect(rebuildBase(head, hunks)).toBe(base)
})
