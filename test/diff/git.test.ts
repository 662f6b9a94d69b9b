import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { diffTexts, indexHunks, parsePatch, rebuildBase, splitLines } from '../../src/diff/index.ts'
import type { Hunk } from '../../src/diff/index.ts'

interface Change {
  base: string | null
  head: string | null
}

// Few different lines, so that they repeat; ugly ones, so that they are mistaken for something else.
const line = fc.oneof(
  fc.constantFrom('', ' ', '++x', '--x', '+', '-', '-- a/f', '++ b/f', '@@ -1 +1 @@', '\\ No newline at end of file'),
  fc.constantFrom(
    '  end',
    'defmodule Größe do',
    '  def 数(x), do: x 🙂',
    '\ufeffdefmodule A',
    'a\rb',
    'a\u2028b',
    'diff --git a/x b/x',
  ),
  fc
    .string({ unit: 'grapheme', maxLength: 12 })
    .map((text) => text.replaceAll('\n', '').replaceAll('\0', '').toWellFormed()),
)
const lineEnd = fc.constantFrom('\n', '\n', '\r\n')
const block = fc.array(line, { maxLength: 12 })

const text = fc.tuple(fc.array(line, { maxLength: 40 }), lineEnd, fc.boolean()).map(toText)
const edited = fc
  .tuple(
    fc.array(line, { maxLength: 40 }),
    fc.array(fc.record({ at: fc.nat(40), remove: fc.nat(6), insert: block }), { maxLength: 5 }),
    lineEnd,
    fc.boolean(),
    fc.boolean(),
  )
  .map(([lines, edits, end, baseFeed, headFeed]): Change => {
    const after = [...lines]
    for (const { at, remove, insert } of edits) after.splice(at, remove, ...insert)
    return { base: toText([lines, end, baseFeed]), head: toText([after, end, headFeed]) }
  })
const change: fc.Arbitrary<Change> = fc.oneof(
  { arbitrary: edited, weight: 8 },
  { arbitrary: fc.record({ base: text, head: text }), weight: 2 },
  { arbitrary: text.map((head) => ({ base: null, head })), weight: 1 },
  { arbitrary: text.map((base) => ({ base, head: null })), weight: 1 },
)

function toText([lines, end, feed]: [string[], string, boolean]): string {
  const joined = lines.join(end)
  return feed && joined !== '' ? joined + end : joined
}

/** The hunks that git itself writes for each change, in one run of it. */
async function gitPatches(changes: readonly Change[], context: number): Promise<string[]> {
  const dir = await mkdtemp(join(tmpdir(), 'otp-review-diff-'))
  try {
    await Promise.all(['base', 'head'].map((side) => mkdir(join(dir, side))))
    for (const [at, { base, head }] of changes.entries()) {
      if (base !== null) await writeFile(join(dir, 'base', `f${at}`), base)
      if (head !== null) await writeFile(join(dir, 'head', `f${at}`), head)
    }
    const output = await git(dir, ['diff', '--no-index', '--no-renames', `-U${context}`, '--text', 'base', 'head'])
    // A line of a file never begins at the margin, so only a real header does.
    const patches = new Map(
      output.split(/^(?=diff --git )/m).flatMap((part) => {
        const name = /^diff --git a\/(?:base|head)\/f(\d+) /.exec(part)
        const start = part.search(/^@@/m)
        return name === null ? [] : [[Number(name[1]), start < 0 ? '' : part.slice(start)]]
      }) as [number, string][],
    )
    return changes.map((_, at) => patches.get(at) ?? '')
  } finally {
    await rm(dir, { recursive: true })
  }
}

function git(cwd: string, args: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' }
  return new Promise((resolve, reject) => {
    execFile('git', args, { cwd, env, maxBuffer: 1e8 }, (error, stdout) => {
      // It exits with 1 where the two differ.
      if (error !== null && error.code !== 1) reject(error)
      else resolve(stdout)
    })
  })
}

const count = (hunks: readonly Hunk[]) =>
  hunks.flatMap((hunk) => hunk.lines).filter(({ kind }) => kind !== 'context').length

test(
  'patches of git give the base back, the added lines, and the same line on both sides',
  { timeout: 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 30, maxLength: 60, size: 'max' }), async (changes) => {
        const patches = await gitPatches(changes, 3)
        const bare = await gitPatches(changes, 0)

        for (const [at, { base, head }] of changes.entries()) {
          const hunks = parsePatch(patches[at] as string)
          const diff = indexHunks(hunks)
          const baseLines = splitLines(base ?? '')
          const headLines = splitLines(head ?? '')

          expect(rebuildBase(head ?? '', hunks)).toBe(base ?? '')
          expect([...diff.added]).toEqual(addedByHeaders(bare[at] as string))
          for (const [index, line] of baseLines.entries()) {
            const there = diff.toHead(index + 1)
            if (there === null) continue
            expect(headLines[there - 1]).toBe(line)
            expect(diff.toBase(there)).toBe(index + 1)
          }
          for (const [index, line] of headLines.entries()) {
            const there = diff.toBase(index + 1)
            expect(there === null).toBe(diff.added.has(index + 1))
            if (there !== null) expect(baseLines[there - 1]).toBe(line)
          }
        }
      }),
      { numRuns: 15 },
    )
  },
)

test('our own diff gives the base back and is no longer than that of git', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 30, maxLength: 60, size: 'max' }), async (changes) => {
      const patches = await gitPatches(changes, 3)

      for (const [at, { base, head }] of changes.entries()) {
        const hunks = diffTexts(base ?? '', head ?? '')

        expect(rebuildBase(head ?? '', hunks)).toBe(base ?? '')
        expect(count(hunks)).toBeLessThanOrEqual(count(parsePatch(patches[at] as string)))
      }
    }),
    { numRuns: 5 },
  )
})

/** Without context a header alone says which lines were added: an answer that does not go through our parser. */
function addedByHeaders(patch: string): number[] {
  const lines: number[] = []
  for (const [, start, count = '1'] of patch.matchAll(/^@@ -\S+ \+(\d+)(?:,(\d+))? @@/gm)) {
    for (let at = 0; at < Number(count); at += 1) lines.push(Number(start) + at)
  }
  return lines
}
