// The hunks between two texts, for files that come without a patch.
import { diffArrays } from 'diff'
import { splitLines } from './lines.ts'
import type { Hunk, HunkLine } from './patch.ts'

const CONTEXT = 3
// Time and memory grow with the square of the edit length.
const MAX_EDIT_LENGTH = 2000

/** Hunks with three lines of context. Texts that differ too much to compare in time differ in all lines between their common ends. */
export function diffTexts(base: string, head: string): Hunk[] {
  const before = splitLines(base)
  const after = splitLines(head)
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && before[start] === after[start]) start += 1
  let end = 0
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end += 1

  const lines = [
    ...toLines('context', before.slice(0, start)),
    ...compare(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...toLines('context', before.slice(before.length - end)),
  ]
  return toHunks(lines)
}

function compare(before: string[], after: string[]): HunkLine[] {
  const changes = diffArrays(before, after, { maxEditLength: MAX_EDIT_LENGTH })
  if (changes === undefined) return [...toLines('removed', before), ...toLines('added', after)]
  return changes.flatMap(({ added, removed, value }) =>
    toLines(added ? 'added' : removed ? 'removed' : 'context', value),
  )
}

function toLines(kind: HunkLine['kind'], texts: readonly string[]): HunkLine[] {
  return texts.map((text) => ({ kind, text }))
}

function toHunks(lines: readonly HunkLine[]): Hunk[] {
  const hunks: Hunk[] = []
  let base = 1
  let head = 1
  let at = 0

  for (const { from, to } of spans(lines)) {
    // Everything between two spans is context.
    base += from - at
    head += from - at
    const part = lines.slice(from, to)
    const baseCount = part.filter((line) => line.kind !== 'added').length
    const headCount = part.filter((line) => line.kind !== 'removed').length
    hunks.push({ baseStart: base, baseCount, headStart: head, headCount, section: '', lines: part })
    base += baseCount
    head += headCount
    at = to
  }
  return hunks
}

/** The changed lines with their context, as index ranges; what would touch is one. */
function spans(lines: readonly HunkLine[]): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = []
  for (const [at, line] of lines.entries()) {
    if (line.kind === 'context') continue
    const to = Math.min(lines.length, at + 1 + CONTEXT)
    const last = found.at(-1)
    if (last !== undefined && at - CONTEXT <= last.to) last.to = to
    else found.push({ from: Math.max(0, at - CONTEXT), to })
  }
  return found
}
