import { describe, expect, test } from 'vitest'
import { fits, parsePatch, rebuildBase } from '../../src/diff/index.ts'

const rebuild = (head: string, patch: string) => rebuildBase(head, parsePatch(patch))

test('lines far from any hunk are copied', () => {
  expect(rebuild('a\nb\nc\nd\ne\nX\n', '@@ -5 +5,2 @@\n e\n+X')).toBe('a\nb\nc\nd\ne\n')
})

test('an added file had no text before, a removed one all of its patch', () => {
  expect(rebuild('a\nb\n', '@@ -0,0 +1,2 @@\n+a\n+b')).toBe('')
  expect(rebuild('', '@@ -1,2 +0,0 @@\n-a\n-b\n\\ No newline at end of file')).toBe('a\nb')
})

test('carriage returns, a byte-order mark and a missing final line feed come back as they were', () => {
  expect(rebuild('\ufeffa\r\nb', '@@ -1,2 +1,2 @@\n \ufeffa\r\n-c\r\n+b\n\\ No newline at end of file')).toBe(
    '\ufeffa\r\nc\r\n',
  )
  expect(rebuild('\ufeffa\nb\n', '@@ -1,2 +1,2 @@\n-a\n+\ufeffa\n b')).toBe('a\nb\n')
})

test('a final line feed that was added is taken away again', () => {
  expect(rebuild('a\n', '@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a')).toBe('a')
})

describe('the patch of another text gives nothing', () => {
  test.each([
    ['a context line differs', 'a\nb\n', '@@ -1 +1,2 @@\n x\n+b'],
    ['an added line differs', 'a\nb\n', '@@ -1 +1,2 @@\n a\n+x'],
    ['only the line ends differ', 'a\r\nb\r\n', '@@ -1 +1,2 @@\n a\n+b'],
    ['only the final line feed differs', 'a\nb', '@@ -1 +1,2 @@\n a\n+b'],
    ['the text is shorter', 'a\n', '@@ -9 +9,2 @@\n a\n+b'],
    ['the text goes on after the end of the file', 'b\nc\n', '@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b'],
  ])('%s', (_, head, patch) => {
    expect(rebuild(head, patch)).toBeNull()
  })
})

test("a patch fits when it holds the file's own counts", () => {
  const hunks = parsePatch('@@ -1,2 +1,3 @@\n a\n-b\n+c\n+d')

  expect(fits(hunks, { additions: 2, deletions: 1 })).toBe(true)
  expect(fits(hunks, { additions: 3, deletions: 1 })).toBe(false)
  expect(fits(hunks, { additions: 2, deletions: 0 })).toBe(false)
})
