// A local clone: where it is, which files it has, what they hold. Knows nothing of pull requests.
import { createHash } from 'node:crypto'
import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { git, GitError } from './run.ts'

/** The top folder of the clone around `folder`; null where there is none, or no git. */
export async function findClone(folder: string): Promise<string | null> {
  try {
    return await gitLine(folder, ['rev-parse', '--show-toplevel'])
  } catch (error) {
    if (!(error instanceof GitError)) throw error
    if (error.stderr.includes('dubious ownership')) throw foreignOwner(folder)
    return null
  }
}

/** Files below the given paths that git would keep: tracked, or untracked and not ignored. Relative to `root`, sorted. */
export async function listFiles(
  root: string,
  paths: readonly string[],
  patterns: readonly string[],
): Promise<string[]> {
  const specs = paths.flatMap((path) => patterns.map((pattern) => `:(top,glob)${below(path)}**/${pattern}`))
  const listed = await gitList(root, ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--', ...specs])
  // A file in conflict is listed once per side.
  return [...new Set(listed)].sort()
}

/** The commit that a revision names. */
export async function resolveCommit(root: string, revision: string): Promise<string> {
  try {
    return await gitLine(root, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`])
  } catch (error) {
    if (!(error instanceof GitError)) throw error
    throw new GitError(`\`${revision}\` is no commit in this clone. Name a branch, tag or commit, or fetch it first.`)
  }
}

/** Many blobs in one call, keyed by the names as given; null for what does not exist or is no file. */
export async function readBlobs(root: string, names: readonly string[]): Promise<Map<string, Buffer | null>> {
  const blobs = new Map<string, Buffer | null>(names.map((name) => [name, null]))
  // `cat-file --batch` takes one name a line: no blob whose path has a line break can be asked for.
  const asked = [...blobs.keys()].filter((name) => !name.includes('\n'))
  if (asked.length === 0) return blobs

  const answer = await git(root, ['cat-file', '--batch'], { input: `${asked.join('\n')}\n` })
  let at = 0
  for (const name of asked) {
    const lineEnd = answer.indexOf(10, at)
    const header = answer.toString('utf8', at, lineEnd)
    at = lineEnd + 1
    const [, type, size] = /^[0-9a-f]+ (\w+) (\d+)$/.exec(header) ?? []
    if (type === undefined) continue
    if (type === 'blob') blobs.set(name, answer.subarray(at, at + Number(size)))
    at += Number(size) + 1
  }
  return blobs
}

/** A file of the working tree; null where it is missing or no regular file. */
export async function readWorkingFile(root: string, path: string): Promise<Buffer | null> {
  const file = join(root, path)
  const stats = await lstat(file).catch(() => null)
  return stats?.isFile() ? readFile(file) : null
}

/** The id that git gives to a file with this content. */
export function blobId(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}

/** git's output as one line, without its end. */
export async function gitLine(root: string, args: readonly string[]): Promise<string> {
  return (await git(root, args)).toString().replace(/\n$/, '')
}

/** git's output under `-z`, as its fields. */
export async function gitList(root: string, args: readonly string[], env?: Record<string, string>): Promise<string[]> {
  const fields = (await git(root, args, env ? { env } : {})).toString().split('\0')
  // Every field ends in a NUL.
  fields.pop()
  return fields
}

function below(path: string): string {
  if (path === '' || path === '.') return ''
  return `${path.replaceAll(/[\\*?[\]]/g, '\\$&')}/`
}

function foreignOwner(folder: string): GitError {
  return new GitError(
    `git does not read ${folder}, because it belongs to another user. ` +
      `If you trust it: git config --global --add safe.directory ${folder}`,
  )
}
