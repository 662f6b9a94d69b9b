import { expect, test } from 'vitest'
import { indexHunks, parsePatch } from '../../src/diff/index.ts'

// Base: a b c d e f g h i j k l. Head: a B1 B2 c d e f g h i k l m.
const patch = [
  '@@ -1,5 +1,6 @@',
  ' a',
  '-b',
  '+B1',
  '+B2',
  ' c',
  ' d',
  ' e',
  '@@ -7,6 +8,6 @@',
  ' g',
  ' h',
  ' i',
  '-j',
  ' k',
  ' l',
  '+m',
].join('\n')
const diff = indexHunks(parsePatch(patch))

test('added lines carry the numbers of the head', () => {
  expect([...diff.added]).toEqual([2, 3, 13])
})

test('a hunk shows its added and context lines, and nothing between hunks', () => {
  const lines = Array.from({ length: 15 }, (_, at) => diff.hunkAt(at + 1))

  expect(lines).toEqual([0, 0, 0, 0, 0, 0, null, 1, 1, 1, 1, 1, 1, null, null])
})

test('base lines map to head lines, removed ones to none', () => {
  const heads = Array.from({ length: 14 }, (_, at) => diff.toHead(at + 1))

  expect(heads).toEqual([1, null, 4, 5, 6, 7, 8, 9, 10, null, 11, 12, 14, 15])
})

test('head lines map to base lines, added ones to none', () => {
  const bases = Array.from({ length: 14 }, (_, at) => diff.toBase(at + 1))

  expect(bases).toEqual([1, null, null, 3, 4, 5, 6, 7, 8, 9, 11, 12, null, 13])
})

test('a deletion stands between head lines, a replacement over the lines that took its place', () => {
  expect(diff.deletions).toEqual([
    { after: 1, until: 3 },
    { after: 10, until: 10 },
  ])
})

test('a whole removed file is one deletion before its first line', () => {
  const removed = indexHunks(parsePatch('@@ -1,2 +0,0 @@\n-a\n-b'))

  expect(removed.deletions).toEqual([{ after: 0, until: 0 }])
  expect(removed.hunkAt(1)).toBeNull()
  expect([removed.toHead(1), removed.toHead(2)]).toEqual([null, null])
})

test('without hunks every line is itself', () => {
  const same = indexHunks([])

  expect([same.toHead(5), same.toBase(5), same.hunkAt(5), same.added.size]).toEqual([5, 5, null, 0])
})
