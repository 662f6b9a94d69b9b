// The text before a change, from the text after it and the patch between them.
import { splitLines } from './lines.ts'
import type { Hunk } from './patch.ts'

/** Applies the hunks backwards. Null when a context or added line is not in the head text where the patch has it. */
export function rebuildBase(headText: string, hunks: readonly Hunk[]): string | null {
  const head = splitLines(headText)
  const base: string[] = []
  let next = 0

  for (const hunk of hunks) {
    if (hunk.headStart - 1 > head.length) return null
    while (next < hunk.headStart - 1) base.push(head[next++] as string)
    for (const { kind, text } of hunk.lines) {
      if (kind !== 'removed' && head[next++] !== text) return null
      if (kind !== 'added') base.push(text)
    }
  }
  while (next < head.length) base.push(head[next++] as string)
  // A line without a line feed can only be the last one: anything else is the patch of another text.
  return base.slice(0, -1).every((line) => line.endsWith('\n')) ? base.join('') : null
}

/** Whether the hunks hold as many added and removed lines as the host counted: GitHub may cut a patch short. */
export function fits(hunks: readonly Hunk[], counts: { additions: number; deletions: number }): boolean {
  const lines = hunks.flatMap((hunk) => hunk.lines)
  const count = (kind: 'added' | 'removed') => lines.filter((line) => line.kind === kind).length
  return count('added') === counts.additions && count('removed') === counts.deletions
}
