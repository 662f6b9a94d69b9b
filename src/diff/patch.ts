// The text of a patch, as git and GitHub write it, to hunks. Knows nothing of files.

export interface HunkLine {
  kind: 'context' | 'added' | 'removed'
  /** With its line feed; the last line of a file that ends without one has none. */
  text: string
}

/** Hunks of a file are in order, do not overlap, and their starts agree with the lines added and removed before them. */
export interface Hunk {
  /** First line of the hunk in the base. Where the hunk has no base line: the one that it stands before. */
  baseStart: number
  baseCount: number
  /** The same in the head. */
  headStart: number
  headCount: number
  /** What git prints after the second `@@`. */
  section: string
  lines: readonly HunkLine[]
}

/** The text is no patch, or not all of one. */
export class PatchError extends Error {
  override name = 'PatchError'
}

const HEADER = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(?: (.*))?$/s
const KINDS = { ' ': 'context', '+': 'added', '-': 'removed' } as const

/** Reads hunks without file headers. Throws `PatchError` on anything that git would not have written. */
export function parsePatch(patch: string): Hunk[] {
  const rows = patch.split('\n')
  if (rows.at(-1) === '') rows.pop()

  const hunks: Hunk[] = []
  const ended = { base: false, head: false }
  let grown = 0
  let free = 1

  for (let at = 0; at < rows.length;) {
    const header = readHeader(rows[at], at)
    if (header.headStart - header.baseStart !== grown || header.baseStart < free) {
      throw new PatchError(`line ${at + 1}: the hunk does not follow from the ones before it`)
    }
    at += 1

    const lines: HunkLine[] = []
    let baseLeft = header.baseCount
    let headLeft = header.headCount
    // Only the counts tell where a hunk ends: a removed `-- x` reads like a file header, an added `++ x` too.
    while (baseLeft > 0 || headLeft > 0 || rows[at]?.startsWith('\\')) {
      const row = rows[at]
      if (row === undefined) throw new PatchError('the last hunk has fewer lines than its header says')
      at += 1

      if (row.startsWith('\\')) {
        endLine(lines, ended, at)
        continue
      }
      const kind = KINDS[row[0] as keyof typeof KINDS]
      if (kind === undefined) throw new PatchError(`line ${at}: neither context, added nor removed`)
      if (kind !== 'added') baseLeft -= 1
      if (kind !== 'removed') headLeft -= 1
      if (baseLeft < 0 || headLeft < 0) throw new PatchError(`line ${at}: more lines than the header says`)
      if ((kind !== 'added' && ended.base) || (kind !== 'removed' && ended.head)) {
        throw new PatchError(`line ${at}: a line after the end of the file`)
      }
      lines.push({ kind, text: `${row.slice(1)}\n` })
    }

    hunks.push({ ...header, lines })
    grown += header.headCount - header.baseCount
    free = header.baseStart + header.baseCount
  }
  return hunks
}

function readHeader(row: string | undefined, at: number): Omit<Hunk, 'lines'> {
  const match = HEADER.exec(row ?? '')
  if (match === null) throw new PatchError(`line ${at + 1}: not a hunk header`)

  const [, base, baseCount = '1', head, headCount = '1', section = ''] = match
  const counts = { baseCount: Number(baseCount), headCount: Number(headCount) }
  // Git gives the line before an empty side, and the first line of any other.
  return {
    baseStart: Number(base) + (counts.baseCount === 0 ? 1 : 0),
    headStart: Number(head) + (counts.headCount === 0 ? 1 : 0),
    ...counts,
    section,
  }
}

/** `\ No newline at end of file` speaks of the line above it, and is translated in some installations of git. */
function endLine(lines: HunkLine[], ended: { base: boolean; head: boolean }, at: number): void {
  const last = lines.at(-1)
  if (last === undefined || last.text === '\n' || !last.text.endsWith('\n'))
    throw new PatchError(`line ${at}: no line to end here`)
  lines[lines.length - 1] = { kind: last.kind, text: last.text.slice(0, -1) }
  if (last.kind !== 'added') ended.base = true
  if (last.kind !== 'removed') ended.head = true
}
