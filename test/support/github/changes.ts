// What a pull request changes: its files, the lines its diff shows, and where a commented line stands today.
import type { Difference } from './git.ts'
import type { Anchor, Pull, Side } from './world.ts'

export interface HunkLine {
  text: string
  left: number | null
  right: number | null
}

export interface Hunk {
  header: string
  lines: HunkLine[]
}

// https://docs.github.com/repositories/creating-and-managing-repositories/repository-limits: above this a diff is not loaded.
const LONGEST_DIFF = 20_000
const LARGEST_DIFF = 500_000

/** The commit against which the pull request is compared: the merge base with the base branch, not its tip. */
export async function mergeBaseOf(pull: Pull, head = pull.head.sha): Promise<string | null> {
  const { git } = pull.repository
  const tip = pull.merged === null ? await git.resolve(`refs/heads/${pull.base.ref}`) : null
  return git.mergeBase(tip ?? pull.base.sha, head)
}

export async function changedFiles(pull: Pull, head = pull.head.sha): Promise<Difference[]> {
  return pull.repository.git.compare(await mergeBaseOf(pull, head), head)
}

/** The patch that the API shows: none where the file's difference is too large. */
export function shownPatch(file: Difference, withoutPatch: ReadonlySet<string> = new Set()): string | undefined {
  if (file.patch === null || withoutPatch.has(file.path)) return undefined
  if (file.additions + file.deletions > LONGEST_DIFF || Buffer.byteLength(file.patch) > LARGEST_DIFF) return undefined
  return file.patch
}

export function readHunks(patch: string | null): Hunk[] {
  const hunks: Hunk[] = []
  let left = 0
  let right = 0
  for (const text of patch?.split('\n') ?? []) {
    const start = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(text)
    if (start) {
      left = Number(start[1])
      right = Number(start[2])
      hunks.push({ header: text, lines: [] })
      continue
    }
    const kind = text[0]
    if (kind === '\\') continue
    hunks.at(-1)?.lines.push({
      text,
      left: kind === '+' ? null : left,
      right: kind === '-' ? null : right,
    })
    if (kind !== '+') left += 1
    if (kind !== '-') right += 1
  }
  return hunks
}

interface Spot {
  path: string
  side?: Side | undefined
  line?: number | undefined
  startSide?: Side | undefined
  startLine?: number | undefined
}

/** Either where the comment stands in the diff of `commit`, or GitHub's reasons to refuse it. */
export async function anchorOf(pull: Pull, commit: string, spot: Spot): Promise<Anchor | string[]> {
  const side = spot.side ?? 'RIGHT'
  const startSide = spot.startSide ?? side
  const file = (await changedFiles(pull, commit)).find((one) => one.path === spot.path)
  if (!file) return ['path is invalid', "diff hunk can't be blank"]

  const reasons: string[] = []
  const hunks = readHunks(file.patch)
  const hunk = hunks.find((one) => indexOf(one, side, spot.line) >= 0)
  if (!hunk) reasons.push('line must be part of the diff')
  if (spot.startLine !== undefined) {
    const sameSide = startSide === side
    if (sameSide && spot.startLine >= (spot.line ?? 0)) reasons.push('start line must precede the end line.')
    else if (!hunk || indexOf(hunk, startSide, spot.startLine) < 0)
      reasons.push('start line must be part of the same hunk as the line.')
  }
  if (!hunk) reasons.push("diff hunk can't be blank")
  if (!hunk || spot.line === undefined || reasons.length > 0) return reasons

  const shown = hunk.lines.slice(0, indexOf(hunk, side, spot.line) + 1)
  return {
    path: spot.path,
    commit,
    side,
    line: spot.line,
    startSide: spot.startLine === undefined ? null : startSide,
    startLine: spot.startLine ?? null,
    diffHunk: [hunk.header, ...shown.map((line) => line.text)].join('\n'),
  }
}

/** Where an anchor's lines stand at the present head; null when the comment is outdated. */
export async function presentLines(
  pull: Pull,
  anchor: Anchor,
): Promise<{ line: number; startLine: number | null } | null> {
  if (anchor.line === null) return null
  const file = (await changedFiles(pull)).find((one) => one.path === anchor.path)
  const hunks = readHunks(file?.patch ?? null)
  const move = anchor.side === 'RIGHT' ? await lineMover(pull, anchor) : (line: number) => line
  const line = move(anchor.line)
  const startLine = anchor.startLine === null ? null : move(anchor.startLine)
  if (line === null || (anchor.startLine !== null && startLine === null)) return null
  if (!hunks.some((hunk) => indexOf(hunk, anchor.side, line) >= 0)) return null
  return { line, startLine }
}

/** GitHub's older way to name a line: how far below the file's first hunk header it stands. */
export function positionOf(patch: string | null, side: Side, line: number): number | null {
  let position = 0
  for (const hunk of readHunks(patch)) {
    const index = indexOf(hunk, side, line)
    if (index >= 0) return position + index + 1
    position += hunk.lines.length + 1
  }
  return null
}

async function lineMover(pull: Pull, anchor: Anchor): Promise<(line: number) => number | null> {
  if (anchor.commit === pull.head.sha) return (line) => line
  const since = await pull.repository.git.compare(anchor.commit, pull.head.sha)
  const file = since.find((one) => (one.previousPath ?? one.path) === anchor.path)
  if (!file) return (line) => line
  if (file.path !== anchor.path || file.patch === null) return () => null
  const hunks = readHunks(file.patch)
  return (line) => movedLine(hunks, line)
}

function movedLine(hunks: Hunk[], line: number): number | null {
  let offset = 0
  for (const hunk of hunks) {
    for (const one of hunk.lines) {
      if (one.left === line) return one.right
      if (one.left !== null && one.left > line) return line + offset
      if (one.left === null) offset += 1
      if (one.right === null) offset -= 1
    }
  }
  return line + offset
}

function indexOf(hunk: Hunk, side: Side, line: number | undefined): number {
  return hunk.lines.findIndex((one) => line !== undefined && (side === 'RIGHT' ? one.right : one.left) === line)
}
