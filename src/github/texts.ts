// Texts of blobs, many in one request. Knows sizes and encodings, not what the files are for.
import type { Client } from './client.ts'
import { textsDocument } from './documents.ts'
import { GitHubUnavailableError } from './errors.ts'

/** Larger files are named in the check run, and not read. */
const LARGEST_FILE = 400_000
/** GitHub gives a query ten seconds: this many files, or this many bytes, whichever comes first. */
const BATCH_FILES = 50
const BATCH_BYTES = 2_000_000
/** Lookups that mostly find nothing cost next to nothing. */
const BATCH_LOOKUPS = 100
/** Batches under way at once. */
const AT_ONCE = 4
/** A batch that timed out is tried in smaller parts, down to this size: GitHub may just be down. */
const SMALLEST_PART = 10

export interface Blob {
  oid: string
  byteSize: number
  isBinary: boolean | null
  isTruncated: boolean
  text: string | null
}

/** What git finds at `COMMIT:path`; the estimate keeps an answer within GitHub's limits. */
export interface Wanted {
  expression: string
  bytes: number
}

/** The text, or the reason for people why there is none. */
export function readable(blob: Blob): { text: string } | { text: null; reason: string } {
  if (blob.byteSize > LARGEST_FILE || blob.isTruncated) return { text: null, reason: 'over 400 kB' }
  if (blob.isBinary === true || blob.text === null) return { text: null, reason: 'binary' }
  return { text: blob.text }
}

/** A configuration with as much of its text as there is: one that is too large or no text is refused by whoever reads it. */
export function toConfigFile(path: string, blob: Blob | null): { path: string; text: string } | null {
  return blob === null ? null : { path, text: blob.text ?? '\0' }
}

/** A file with its text; null where there is none, or none that can be read. */
export function toFile(path: string, blob: Blob | null): { path: string; text: string } | null {
  const text = blob && readable(blob).text
  return text === null ? null : { path, text }
}

/**
 * Blobs by expression; null where there is none. `lookups` are files that may well not exist, and ride along.
 * Stops at `mostBytes`: what is missing from the answer was not read.
 */
export async function readBlobs(
  client: Client,
  repository: { owner: string; name: string },
  wanted: readonly Wanted[],
  { lookups = [], mostBytes = Infinity }: { lookups?: readonly string[]; mostBytes?: number } = {},
): Promise<Map<string, Blob | null>> {
  const blobs = new Map<string, Blob | null>()
  const batches = addLookups(toBatches(wanted), lookups)
  let bytes = 0
  for (let start = 0; start < batches.length && bytes < mostBytes; start += AT_ONCE) {
    const answers = await Promise.all(
      batches.slice(start, start + AT_ONCE).map((batch) => ask(client, repository, batch)),
    )
    for (const [expression, blob] of answers.flat()) {
      blobs.set(expression, blob)
      bytes += blob?.byteSize ?? 0
    }
  }
  return blobs
}

function toBatches(wanted: readonly Wanted[]): string[][] {
  const batches: string[][] = []
  let room = 0
  for (const { expression, bytes } of wanted) {
    const batch = batches.at(-1)
    if (!batch || batch.length === BATCH_FILES || bytes > room) {
      batches.push([expression])
      room = BATCH_BYTES - bytes
    } else {
      batch.push(expression)
      room -= bytes
    }
  }
  return batches
}

function addLookups(batches: string[][], lookups: readonly string[]): string[][] {
  const filled = batches.map((batch) => [...batch])
  let next = 0
  for (const batch of filled) {
    const room = BATCH_FILES + BATCH_LOOKUPS - batch.length
    batch.push(...lookups.slice(next, next + room))
    next += room
  }
  for (; next < lookups.length; next += BATCH_LOOKUPS) filled.push(lookups.slice(next, next + BATCH_LOOKUPS))
  return filled
}

async function ask(
  client: Client,
  { owner, name }: { owner: string; name: string },
  expressions: readonly string[],
): Promise<[string, Blob | null][]> {
  const variables = Object.fromEntries(expressions.map((expression, index) => [`e${index}`, expression]))
  try {
    const { repository } = await client.query<{ repository: Record<string, Partial<Blob> | null> }>(
      textsDocument(expressions.length),
      { owner, name, ...variables },
    )
    return expressions.map((expression, index) => [expression, toBlob(repository[`e${index}`])])
  } catch (error) {
    if (!(error instanceof GitHubUnavailableError) || expressions.length <= SMALLEST_PART) throw error
    const middle = Math.ceil(expressions.length / 2)
    return [
      ...(await ask(client, { owner, name }, expressions.slice(0, middle))),
      ...(await ask(client, { owner, name }, expressions.slice(middle))),
    ]
  }
}

/** A folder or a submodule is an object too, without any of a blob's fields. */
export function toBlob(object: Partial<Blob> | null | undefined): Blob | null {
  return object?.oid === undefined ? null : (object as Blob)
}
