import { describe, expect, test } from 'vitest'
import { baseFiles, missingBases, traceChanges, withBases } from '../../src/review/bases.ts'
import type { ChangedFile } from '../../src/review/snapshot.ts'
import { changedFile, snapshot } from '../support/builders.ts'

const base = 'defmodule A do\n  def a, do: 1\nend\n'
const head = 'defmodule A do\n  def a, do: 2\nend\n'
const modified = (overrides: Partial<ChangedFile> = {}) => changedFile({ path: 'lib/a.ex', base, head, ...overrides })
const moved = (overrides: Partial<ChangedFile> = {}) =>
  changedFile({ path: 'lib/b.ex', base: head, head, previousPath: 'lib/a.ex', ...overrides })

const missing = (...files: ChangedFile[]) => missingBases(snapshot({ files }))
const rebuilt = (file: ChangedFile) => withBases(snapshot({ files: [file] }), new Map()).files[0]?.baseSource

describe('needs no request', () => {
  test.each([
    ['a modified file', modified(), base],
    ['an added file', changedFile({ path: 'lib/a.ex', base: null, head }), null],
    ['a removed file', changedFile({ path: 'lib/a.ex', base, head: null }), base],
    [
      'a removed empty file',
      changedFile({ path: 'lib/a.ex', base: '', head: null, blob: 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391' }),
      '',
    ],
    ['a pure rename', moved(), head],
    ['a rename with edits', changedFile({ path: 'lib/b.ex', base, head, previousPath: 'lib/a.ex' }), base],
    ['a pure copy', moved({ status: 'copied' }), head],
    ['an unchanged file', changedFile({ path: 'lib/a.ex', base, head: base, status: 'unchanged' }), base],
    [
      'a file with carriage returns, a byte-order mark and no final line feed',
      changedFile({ path: 'lib/a.ex', base: '\ufeffa\r\nb', head: '\ufeffa\r\nc' }),
      '\ufeffa\r\nb',
    ],
  ])('%s', (_, file, text) => {
    expect(missing(file)).toEqual([])
    expect(rebuilt(file)).toBe(text)
  })

  test('a file that was not read at the head', () => {
    const file = modified({ source: null, patch: null })

    expect(missing(file)).toEqual([])
    expect(withBases(snapshot({ files: [file] }), new Map()).notRead).toEqual([])
  })
})

describe('must be read', () => {
  test.each([
    ['a file without a patch', modified({ patch: null })],
    ['a file whose patch has other context lines', modified({ source: head.replace('defmodule A', 'defmodule B') })],
    ['a file whose patch is cut short', modified({ additions: 2 })],
    ['a patch that is none', modified({ patch: 'Binary files differ' })],
    ['a removed file without a patch', changedFile({ path: 'lib/a.ex', base, head: null, patch: null })],
    ['a large rename without a patch', moved({ additions: 4000, deletions: 3000 })],
    ['a file that only git attributes hide', modified({ patch: null, additions: 0, deletions: 0 })],
  ])('%s', (_, file) => {
    expect(missing(file)).toEqual([file.path])
  })
})

test('texts that were read fill the gaps, and what could not be had is named', () => {
  const files = [modified({ patch: null }), changedFile({ path: 'lib/c.ex', base, head, patch: null })]

  const whole = withBases(snapshot({ files }), new Map([['lib/a.ex', base]]))

  expect(whole.files.map((file) => file.baseSource)).toEqual([base, null])
  expect(whole.notRead.map((file) => file.path)).toEqual(['lib/c.ex'])
})

test('each base text is analysed once, under its old path, by the rules of where its code is now', () => {
  const files = [
    modified(),
    changedFile({ path: 'lib/copy.ex', base, head, previousPath: 'lib/a.ex', status: 'copied' }),
    moved({ path: 'apps/b/lib/b.ex', previousPath: 'lib/b.ex' }),
    changedFile({ path: 'lib/gone.ex', base, head: null }),
    changedFile({ path: 'lib/new.ex', base: null, head }),
  ]

  expect(baseFiles(withBases(snapshot({ files }), new Map()))).toEqual([
    { path: 'lib/a.ex', headPath: 'lib/a.ex', source: base },
    { path: 'lib/b.ex', headPath: 'apps/b/lib/b.ex', source: head },
    { path: 'lib/gone.ex', headPath: 'lib/gone.ex', source: base },
  ])
})

describe('tracing lines', () => {
  const trace = (file: ChangedFile, texts: [string, string][] = []) =>
    traceChanges(withBases(snapshot({ files: [file] }), new Map(texts)).files)(file.path)

  test("goes by the host's hunks, and comments may stand there", () => {
    const change = trace(modified())

    expect(change).toMatchObject({ commentable: true })
    expect([...(change?.diff.added ?? [])]).toEqual([2])
  })

  test('goes by both texts where there is no patch, and no comment may stand there', () => {
    const change = trace(modified({ patch: null }), [['lib/a.ex', base]])

    expect(change).toMatchObject({ commentable: false })
    expect([...(change?.diff.added ?? [])]).toEqual([2])
  })

  test('does not trust a patch that does not fit', () => {
    const file = modified({ source: `# new\n${head}`, additions: 1, deletions: 1 })

    const change = trace(file, [['lib/a.ex', base]])

    expect(change).toMatchObject({ commentable: false })
    expect([...(change?.diff.added ?? [])]).toEqual([1, 3])
  })

  test('counts no line as added where the text before the change is not known', () => {
    const change = trace(modified({ patch: null }))

    expect(change).toMatchObject({ commentable: false })
    expect(change?.diff.added.size).toBe(0)
  })

  test('knows nothing of other paths', () => {
    expect(traceChanges([modified()])('lib/other.ex')).toBeNull()
  })
})
