// Where the lines of one changed file are: added, shown, deleted, and the same line before and after.
import type { Hunk } from './patch.ts'

/** Lines that are gone: they stood between the head lines `after` and `after + 1`, or where the lines up to `until` stand now. */
interface Deletion {
  after: number
  /** The last head line that took their place; `after` where nothing did. */
  until: number
}

/** One file's hunks, ready for questions. Lines are 1-based. */
export interface FileDiff {
  hunks: readonly Hunk[]
  /** Head lines that the change added. */
  added: ReadonlySet<number>
  deletions: readonly Deletion[]
  /** Index of the hunk that shows this head line, added or context; null where no hunk does. */
  hunkAt(headLine: number): number | null
  /** The head line that this base line became; null when it was removed. */
  toHead(baseLine: number): number | null
  /** The base line that this head line was; null when it was added. */
  toBase(headLine: number): number | null
}

export function indexHunks(hunks: readonly Hunk[]): FileDiff {
  const added = new Set<number>()
  const deletions: Deletion[] = []
  const headOf = new Map<number, number>()
  const baseOf = new Map<number, number>()

  for (const hunk of hunks) {
    let base = hunk.baseStart
    let head = hunk.headStart
    let deletion: Deletion | null = null
    for (const { kind } of hunk.lines) {
      if (kind === 'context') {
        headOf.set(base, head)
        baseOf.set(head, base)
        deletion = null
      } else if (kind === 'added') {
        added.add(head)
        if (deletion !== null) deletion.until = head
      } else if (deletion === null) {
        deletion = { after: head - 1, until: head - 1 }
        deletions.push(deletion)
      }
      if (kind !== 'added') base += 1
      if (kind !== 'removed') head += 1
    }
  }

  return {
    hunks,
    added,
    deletions,
    hunkAt(headLine) {
      const at = lastStarting(hunks, 'headStart', headLine)
      const hunk = hunks[at]
      return hunk !== undefined && headLine < hunk.headStart + hunk.headCount ? at : null
    },
    toHead(baseLine) {
      const hunk = hunks[lastStarting(hunks, 'baseStart', baseLine)]
      if (hunk === undefined) return baseLine
      const past = baseLine - (hunk.baseStart + hunk.baseCount)
      return past >= 0 ? hunk.headStart + hunk.headCount + past : (headOf.get(baseLine) ?? null)
    },
    toBase(headLine) {
      const hunk = hunks[lastStarting(hunks, 'headStart', headLine)]
      if (hunk === undefined) return headLine
      const past = headLine - (hunk.headStart + hunk.headCount)
      return past >= 0 ? hunk.baseStart + hunk.baseCount + past : (baseOf.get(headLine) ?? null)
    },
  }
}

/** Index of the last hunk that starts at or before the line, -1 when all start after it. */
function lastStarting(hunks: readonly Hunk[], side: 'baseStart' | 'headStart', line: number): number {
  let low = 0
  let high = hunks.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((hunks[middle] as Hunk)[side] <= line) low = middle + 1
    else high = middle
  }
  return low - 1
}
