import { expect, test } from 'vitest'
import { PatchError, parsePatch } from '../../src/diff/index.ts'

const kinds = (patch: string) => parsePatch(patch).map((hunk) => hunk.lines.map(({ kind, text }) => [kind, text]))

test('a header without counts means one line', () => {
  expect(parsePatch('@@ -0,0 +1 @@\n+defmodule A, do: nil')).toEqual([
    {
      baseStart: 1,
      baseCount: 0,
      headStart: 1,
      headCount: 1,
      section: '',
      lines: [{ kind: 'added', text: 'defmodule A, do: nil\n' }],
    },
  ])
  expect(parsePatch('@@ -7 +7 @@\n-a\n+b')).toMatchObject([{ baseStart: 7, baseCount: 1, headStart: 7, headCount: 1 }])
})

test('a side without lines starts at the line that it stands before', () => {
  expect(parsePatch('@@ -3,0 +4 @@\n+new')).toMatchObject([{ baseStart: 4, headStart: 4 }])
  expect(parsePatch('@@ -1,2 +0,0 @@\n-a\n-b')).toMatchObject([{ baseStart: 1, headStart: 1, headCount: 0 }])
})

test('the no-newline marker is not a line, and takes the line feed from the one above', () => {
  const patch = '@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file'

  expect(kinds(patch)).toEqual([
    [
      ['context', 'a\n'],
      ['removed', 'b'],
      ['added', 'c'],
    ],
  ])
})

test('the no-newline marker is known in any language', () => {
  expect(kinds('@@ -0,0 +1 @@\n+c\n\\ Kein Zeilenumbruch am Dateiende.')).toEqual([[['added', 'c']]])
})

test('added lines that begin with ++ and removed ones that begin with -- are lines', () => {
  const patch = '@@ -1,3 +1,3 @@\n--- a/lib/x.ex\n-- comment\n+++ b/lib/x.ex\n+++x\n ++'

  expect(kinds(patch)).toEqual([
    [
      ['removed', '-- a/lib/x.ex\n'],
      ['removed', '- comment\n'],
      ['added', '++ b/lib/x.ex\n'],
      ['added', '++x\n'],
      ['context', '++\n'],
    ],
  ])
})

test('lines that look like a hunk header or a marker are lines', () => {
  expect(kinds('@@ -1,2 +1,2 @@\n-@@ -1 +1 @@\n+\\ No newline\n @@')).toEqual([
    [
      ['removed', '@@ -1 +1 @@\n'],
      ['added', '\\ No newline\n'],
      ['context', '@@\n'],
    ],
  ])
})

test('carriage returns and other line separators stay in their lines', () => {
  expect(kinds('@@ -1 +1,2 @@\n-a\r\n+b\r\r\n+c\u2028d\re')).toEqual([
    [
      ['removed', 'a\r\n'],
      ['added', 'b\r\r\n'],
      ['added', 'c\u2028d\re\n'],
    ],
  ])
})

test('the section heading is kept as it stands', () => {
  const patch = '@@ -10,1 +10,2 @@ def handle_call(:get, _, s), do: @@ x\u2028\r\n a\n+b'

  expect(parsePatch(patch)).toMatchObject([{ section: 'def handle_call(:get, _, s), do: @@ x\u2028\r' }])
})

test('no text is no hunks, and a final line feed adds nothing', () => {
  expect(parsePatch('')).toEqual([])
  expect(parsePatch('@@ -0,0 +1 @@\n+a\n')).toEqual(parsePatch('@@ -0,0 +1 @@\n+a'))
})

test('a hunk without lines is a hunk', () => {
  expect(parsePatch('@@ -1,0 +1,0 @@')).toMatchObject([{ baseCount: 0, headCount: 0, lines: [] }])
})

test.each([
  ['a file header', '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b'],
  ['prose', 'not a patch'],
  ['a combined diff', '@@@ -1 -1 +1 @@@\n--a\n++b'],
  ['a hunk cut short', '@@ -1,3 +1,3 @@\n a\n-b'],
  ['more removed lines than announced', '@@ -1 +1,2 @@\n-a\n-b\n+c\n+d'],
  ['lines after the last hunk', '@@ -1 +1 @@\n-a\n+b\n+c'],
  ['an unknown kind of line', '@@ -1 +1 @@\n-a\n*b'],
  ['a line without a kind', '@@ -1,2 +1,2 @@\n-a\n+b\n\n'],
  ['a marker without a line', '@@ -1 +1 @@\n\\ No newline at end of file\n-a\n+b'],
  ['two markers for one line', '@@ -0,0 +1 @@\n+a\n\\ No newline\n\\ No newline'],
  ['a line after the end of the file', '@@ -1 +1,2 @@\n-a\n+b\n\\ No newline at end of file\n+c'],
  ['an empty line that has no line feed', '@@ -0,0 +1 @@\n+\n\\ No newline at end of file'],
  ['hunks out of order', '@@ -9 +9 @@\n-a\n+b\n@@ -1 +1 @@\n-a\n+b'],
  ['hunks that overlap', '@@ -1,2 +1,2 @@\n-a\n+b\n c\n@@ -2 +2 @@\n-c\n+d'],
  ['starts that disagree with the lines before', '@@ -1 +1,2 @@\n a\n+b\n@@ -9 +9 @@\n-a\n+b'],
  ['numbers beyond all files', `@@ -${'9'.repeat(400)} +${'9'.repeat(400)} @@\n-a\n+b`],
])('%s is refused by name', (_, patch) => {
  expect(() => parsePatch(patch)).toThrow(PatchError)
})
