import { describe, expect, test } from 'vitest'
import type { Finding } from '#engine'
import { traceChanges } from '../../src/review/bases.ts'
import { matchBase, matchSaid, readThreads } from '../../src/review/match.ts'
import type { ChangedFile, Said } from '../../src/review/snapshot.ts'
import { changedFile, finding, lines, said } from '../support/builders.ts'
import { processorMs } from '../support/processor-time.ts'

describe('head against base', () => {
  const was = (line: number, overrides: Partial<Finding> = {}) => finding({ line, path: 'lib/a.ex', ...overrides })
  const match = (head: Finding[], base: Finding[], files: ChangedFile[]) =>
    matchBase(head, base, files, traceChanges(files))
  const file = changedFile({ path: 'lib/a.ex', base: '1\n2\n3\n', head: '1\n2\nnew\n3\n', baseSource: '1\n2\n3\n' })

  test('equal findings pair by where their line went', () => {
    const [second, third] = [was(2), was(3)]
    const head = [was(2), was(3), was(4)]

    expect(match(head, [third, second], [file])).toEqual(
      new Map([
        [head[0], second],
        [head[2], third],
      ]),
    )
  })

  test('equal findings whose lines are gone pair in order, within their file first', () => {
    const files = [
      changedFile({
        path: 'apps/b/lib/a.ex',
        base: 'x\n',
        head: 'y\n',
        previousPath: 'apps/a/lib/a.ex',
        baseSource: 'x\n',
      }),
      changedFile({ path: 'apps/a/lib/a.ex', base: null, head: 'z\n', baseSource: null }),
    ]
    const base = [finding({ path: 'apps/a/lib/a.ex' })]
    const head = [finding({ path: 'apps/a/lib/a.ex' }), finding({ path: 'apps/b/lib/a.ex' })]

    expect(match(head, base, files)).toEqual(new Map([[head[1], base[0]]]))
  })

  test('several findings of a function pair across files although their clause was edited', () => {
    const moved = { path: 'lib/b.ex', clauseFingerprint: 'edited' }
    const head = [was(2, moved), was(3, moved)]
    const base = [was(1), was(2)]

    expect(match(head, base, [file])).toEqual(
      new Map([
        [head[0], base[0]],
        [head[1], base[1]],
      ]),
    )
  })

  test('what is left alone in its function was edited; one of several was not', () => {
    const edited = { fingerprint: 'edited', clauseFingerprint: 'edited' }
    const base = [was(2)]

    expect(match([was(2, edited)], base, [file]).size).toBe(1)
    expect(match([was(4, edited), was(3, edited)], base, [file]).size).toBe(0)
    expect(match([was(2, { ...edited, rule: 'other' })], base, [file]).size).toBe(0)
    expect(match([was(3, { ...edited, function: 'release/2' })], base, [file]).size).toBe(0)
  })

  test('the same code in another function of its file is the same finding, as often as it was there', () => {
    const elsewhere = { function: 'release/2', fingerprint: 'elsewhere', clauseFingerprint: 'elsewhere' }
    const other = { ...elsewhere, function: 'count/1' }
    const texts = { base: 'Process.sleep(1)\n', head: 'x\n Process.sleep( 1)\nProcess.sleep(1)\n' }
    const sleeps = changedFile({ path: 'lib/a.ex', ...texts, baseSource: texts.base })

    expect(match([was(2, elsewhere)], [was(1)], [sleeps]).size).toBe(1)
    expect(match([was(2, elsewhere), was(3, other)], [was(1)], [sleeps]).size).toBe(1)
    expect(match([was(1, elsewhere)], [was(1)], [sleeps]).size).toBe(0)
  })

  test('the same code in another namespace is the same finding, whatever its file is called', () => {
    const elsewhere = {
      module: 'Store.Stock',
      path: 'lib/store/stock.ex',
      fingerprint: 'new',
      clauseFingerprint: 'new',
    }
    const code = (name: string) => `  {Phoenix.PubSub, name: ${name}.PubSub}\n`
    const files = (to: string) => [
      changedFile({ path: 'lib/shop/stock.ex', base: code('Shop'), head: null, baseSource: code('Shop') }),
      changedFile({ path: elsewhere.path, base: null, head: code(to), baseSource: null }),
    ]
    const base = [was(1, { path: 'lib/shop/stock.ex' })]

    expect(match([was(1, elsewhere)], base, files('Store')).size).toBe(1)
    expect(match([was(1, elsewhere)], base, files('Acme.Deep.Store')).size).toBe(1)
    expect(match([was(1, { ...elsewhere, function: 'other/1' })], base, files('Store')).size).toBe(0)
    expect(match([was(1, { ...elsewhere, module: 'Store.Shelf' })], base, files('Store')).size).toBe(0)
  })

  test('what is left alone in its file was edited too, under whatever name its module goes', () => {
    const renamed = { module: 'Store.Stock', fingerprint: 'edited', clauseFingerprint: 'edited' }

    expect(match([was(3, renamed)], [was(1)], [file]).size).toBe(1)
    expect(match([was(3, renamed), was(4, renamed)], [was(1)], [file]).size).toBe(0)
  })

  test('code outside a module is alone only within its file', () => {
    const top = { module: '', function: null }
    const edited = { ...top, fingerprint: 'edited', clauseFingerprint: 'edited' }

    expect(match([was(2, edited)], [was(2, top)], [file]).size).toBe(1)
    expect(match([was(2, { ...edited, path: 'config/b.exs' })], [was(2, top)], [file]).size).toBe(0)
  })

  test('no finding has two partners', () => {
    const head = [was(2), was(3), was(4)]

    expect(match(head, [was(1)], [file]).size).toBe(1)
  })

  test('thousands of equal findings pair in no time', () => {
    const many = Array.from({ length: 5000 }, (_, at) => was(at + 10))
    const same = many.map((each) => ({ ...each }))
    let pairs = 0

    const ms = processorMs(() => (pairs = match(many, same, [file]).size))

    expect(pairs).toBe(5000)
    expect(ms).toBeLessThan(2000)
  })
})

describe('now against what was said', () => {
  const none: ChangedFile[] = []
  const match = (
    findings: Finding[],
    comments: Said[],
    { files = none, old = [] as Finding[] }: { files?: ChangedFile[]; old?: Finding[] } = {},
  ) =>
    new Map(
      [...matchSaid(findings, readThreads(comments), files, (each) => !old.includes(each))].map(([each, thread]) => [
        each,
        thread.last.id,
      ]),
    )

  test('a finding is known on its line', () => {
    const [first, second] = [finding({ line: 4 }), finding({ line: 9 })]

    expect(match([first, second], [said(second)])).toEqual(new Map([[second, 1]]))
  })

  test('a finding is known by any line that its comment may stand on', () => {
    const spread = finding({ line: 4, evidence: [lines(4), lines(20, 22)] })
    const other = finding({ line: 2 })

    expect(match([other, spread], [said(spread, { line: 21 })])).toEqual(new Map([[spread, 1]]))
  })

  test('a finding is known wherever its lines moved', () => {
    const before = finding({ line: 4 })
    const moved = [
      finding({ line: 90 }),
      finding({ path: 'lib/other.ex' }),
      finding({ module: 'Shop.Warehouse', fingerprint: 'renamed', clauseFingerprint: before.clauseFingerprint }),
      finding({ line: 4, fingerprint: 'edited', clauseFingerprint: 'edited' }),
    ]

    for (const now of moved) expect(match([now], [said(before, { line: null })])).toEqual(new Map([[now, 1]]))
  })

  test('its own file comes first, under its new name too', () => {
    const files = [changedFile({ path: 'lib/new.ex', previousPath: 'lib/old.ex', base: 'a\n', head: 'b\n' })]
    const [stayed, elsewhere] = [finding({ path: 'lib/new.ex' }), finding({ path: 'lib/b.ex' })]

    const known = match([elsewhere, stayed], [said(finding({ path: 'lib/old.ex' }), { line: null })], { files })

    expect(known).toEqual(new Map([[stayed, 1]]))
  })

  test('an introduced finding comes before an old one that looks the same', () => {
    const [old, introduced] = [finding({ line: 3 }), finding({ line: 30 })]

    expect(match([old, introduced], [said(introduced, { line: null })], { old: [old] })).toEqual(
      new Map([[introduced, 1]]),
    )
  })

  test('an old finding is known as itself, and never as an edited one', () => {
    const [old, edited] = [
      finding({ line: 3 }),
      finding({ line: 3, fingerprint: 'edited', clauseFingerprint: 'edited' }),
    ]

    expect(match([old], [said(old)], { old: [old] })).toEqual(new Map([[old, 1]]))
    expect(match([edited], [said(old)], { old: [edited] }).size).toBe(0)
  })

  test('an open comment comes before one that was fixed', () => {
    const now = finding()
    const comments = [said(now, { id: 1, line: null, marker: { state: 'fixed' } }), said(now, { id: 2, line: null })]

    expect(match([now], comments)).toEqual(new Map([[now, 2]]))
  })

  test('an edited finding is known beside a fixed one of its function', () => {
    const now = finding({ fingerprint: 'edited', clauseFingerprint: 'edited' })
    const comments = [
      said(finding({ fingerprint: 'a' }), { id: 1, line: null, marker: { state: 'fixed' } }),
      said(finding({ fingerprint: 'b' }), { id: 2, line: null }),
    ]

    expect(match([now], comments)).toEqual(new Map([[now, 2]]))
  })

  test('a finding that was fixed and is back in other words is known by its function', () => {
    const now = finding({ fingerprint: 'edited', clauseFingerprint: 'edited' })

    expect(match([now], [said(finding(), { marker: { state: 'fixed' } })])).toEqual(new Map([[now, 1]]))
  })

  test('a finding whose namespace and file get other names is known by the rest of its place, if it is alone there', () => {
    const renamed = {
      module: 'Store.Stock',
      fingerprint: 'edited',
      clauseFingerprint: 'edited',
      path: 'lib/store/a.ex',
    }
    const comments = [said(finding(), { line: null })]

    expect(match([finding(renamed)], comments)).toEqual(new Map([[expect.anything(), 1]]))
    expect(match([finding(renamed), finding({ ...renamed, line: 30 })], comments).size).toBe(0)
    expect(match([finding({ ...renamed, module: 'Store.Shelf' })], comments).size).toBe(0)
  })

  test('one comment knows one finding', () => {
    const findings = [finding({ line: 4 }), finding({ line: 9 })]

    expect(match(findings, [said(finding({ line: 4 }))]).size).toBe(1)
  })

  test('an older scheme of fingerprints is known by rule and line, then by rule alone', () => {
    const legacy = { v: 0, fingerprint: '?', clause: '?', module: '?' }
    const [first, second, third] = [finding({ line: 4 }), finding({ line: 9 }), finding({ line: 1, path: 'lib/b.ex' })]
    const comments = [
      said(second, { id: 2, marker: legacy }),
      said(first, { id: 1, line: null, marker: legacy }),
      said(third, { id: 3, path: 'lib/gone.ex', line: null, marker: legacy }),
    ]

    expect(match([first, second, third], comments)).toEqual(
      new Map([
        [second, 2],
        [first, 1],
        [third, 3],
      ]),
    )
    expect(match([finding({ rule: 'other' })], comments).size).toBe(0)
  })

  test('the present scheme is never matched by rule alone', () => {
    const now = [finding({ line: 4, function: 'a/0', fingerprint: 'new', clauseFingerprint: 'new' })]

    expect(match(now, [said(finding({ line: 4 }))]).size).toBe(0)
  })
})

describe('threads', () => {
  test('the last word of ours is the state of a thread', () => {
    const comments = [
      said(finding(), { id: 8, threadId: 'T', marker: { state: 'open' } }),
      said(finding(), { id: 3, threadId: 'T', marker: { state: 'fixed' } }),
      said(finding(), { id: 5, threadId: 'U' }),
    ]

    expect(readThreads(comments).map(({ first, last }) => [first.id, last.id])).toEqual([
      [3, 8],
      [5, 5],
    ])
  })

  test('an answer to any of our comments is an answer to the thread', () => {
    const comments = [
      said(finding(), { id: 1, threadId: 'T', answered: true }),
      said(finding(), { id: 2, threadId: 'T' }),
    ]

    expect(readThreads(comments)).toMatchObject([{ answered: true, last: { id: 2 } }])
  })
})
