// The texts before the change, and which line became which. Rebuilt from the patch where it fits, so that they cost no request.
import { diffTexts, fits, indexHunks, PatchError, parsePatch, rebuildBase } from '../diff/index.ts'
import type { FileDiff, Hunk } from '../diff/index.ts'
import type { ChangedFile, Snapshot } from './snapshot.ts'

const EMPTY_BLOB = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
const NOT_COMPARED = 'its version before the change could not be read, so nothing in it counts as new'

/** One changed file with its lines traced from base to head. */
export interface Change {
  file: ChangedFile
  diff: FileDiff
  /** Whether the hunks are the host's own: it takes comments on no other lines. */
  commentable: boolean
}

/** Paths (at the head) of the files whose base text must be read, because there is no patch or it does not fit. */
export function missingBases(snapshot: Snapshot): string[] {
  return snapshot.files.filter((file) => baseOf(file) === undefined).map((file) => file.path)
}

/**
 * Fills in every base text: from the patches, else from `texts`, which are keyed as `missingBases` names them.
 * A file whose base cannot be had at all joins `notRead`: without it nothing can be called new.
 */
export function withBases(snapshot: Snapshot, texts: ReadonlyMap<string, string | null>): Snapshot {
  const files = snapshot.files.map((file) => {
    const base = baseOf(file)
    return { ...file, baseSource: base === undefined ? (texts.get(file.path) ?? null) : base }
  })
  const notCompared = files
    .filter(({ status, source, baseSource }) => status !== 'added' && source !== null && baseSource === null)
    .map(({ path }) => ({ path, reason: NOT_COMPARED }))
  return { ...snapshot, files, notRead: [...snapshot.notRead, ...notCompared] }
}

/**
 * The base texts to analyse, each once. Rules are chosen by `headPath`, where the code is now: with another choice than
 * the head's, an old finding in a moved file would look new.
 */
export function baseFiles(snapshot: Snapshot): { path: string; headPath: string; source: string }[] {
  return [...byBasePath(snapshot.files)].flatMap(([path, file]) =>
    typeof file.baseSource === 'string' ? [{ path, headPath: file.path, source: file.baseSource }] : [],
  )
}

/** The changed file that a base path became. A file that was moved away or removed is found by its old path. */
export function byBasePath(files: readonly ChangedFile[]): ReadonlyMap<string, ChangedFile> {
  const existed = files.filter((file) => file.status !== 'added')
  // The original of a copy is still there, and comes first if it was changed too.
  const copiesFirst = [...existed.filter(isCopy), ...existed.filter((file) => !isCopy(file))]
  return new Map(copiesFirst.map((file) => [file.previousPath ?? file.path, file]))
}

/** The changed file that a path of an earlier day names: by its present path, else by the one that it had in the base. */
export function followPaths(files: readonly ChangedFile[]): (path: string) => ChangedFile | null {
  const became = byBasePath(files)
  const byPath = new Map(files.map((file) => [file.path, file]))
  return (path) => byPath.get(path) ?? became.get(path) ?? null
}

/**
 * Traces the lines of a changed file when asked for its path (at the head); null where the path was not changed.
 * Where the base text is not known, no line counts as added.
 */
export function traceChanges(files: readonly ChangedFile[]): (path: string) => Change | null {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const traced = new Map<string, Change>()
  return (path) => {
    const file = byPath.get(path)
    if (file === undefined) return null
    const change = traced.get(path) ?? trace(file)
    traced.set(path, change)
    return change
  }
}

function trace(file: ChangedFile): Change {
  const source = file.source ?? ''
  const base = file.baseSource === undefined ? baseOf(file) : file.baseSource
  const isKnown = file.status === 'added' || typeof base === 'string'
  if (!isKnown) return { file, diff: indexHunks([]), commentable: false }

  const hunks = hunksOf(file)
  const isOurs = hunks !== null && rebuildBase(source, hunks) === (base ?? '')
  return { file, diff: indexHunks(isOurs ? hunks : diffTexts(base ?? '', source)), commentable: isOurs }
}

/** Undefined where the base must be read; null where there is none, or none worth reading. */
function baseOf(file: ChangedFile): string | null | undefined {
  if (file.status === 'added') return null
  if (file.source === null && file.status !== 'removed') return null
  if (file.status === 'unchanged') return file.source

  const source = file.source ?? ''
  const hunks = hunksOf(file)
  if (hunks !== null) return rebuildBase(source, hunks) ?? undefined
  if (file.patch !== null) return undefined
  if (file.status === 'removed') return file.blob === EMPTY_BLOB ? '' : undefined
  const isMove = file.status === 'renamed' || file.status === 'copied'
  return isMove && file.additions === 0 && file.deletions === 0 ? source : undefined
}

/** The host's hunks; null where it gives none, or not those of this file. */
function hunksOf(file: ChangedFile): Hunk[] | null {
  if (file.patch === null) return null
  try {
    const hunks = parsePatch(file.patch)
    return fits(hunks, file) ? hunks : null
  } catch (error) {
    if (error instanceof PatchError) return null
    throw error
  }
}

function isCopy(file: ChangedFile): boolean {
  return file.status === 'copied'
}
