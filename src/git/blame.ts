// Who wrote a line, and when. Knows nothing of what stands on it.
import { git, GitError } from './run.ts'

export interface Author {
  name: string
  /** `2026-11-20` */
  date: string
}

const UNCOMMITTED = /^0+$/

/** The authors of these lines (1-based) in the working tree; lines that are not committed yet are absent. */
export async function authorsOf(root: string, path: string, lines: readonly number[]): Promise<Map<number, Author>> {
  const ranges = lines.flatMap((line) => ['-L', `${line},${line}`])
  const output = await blame(root, [...ranges, '--', path])
  const authors = new Map<number, Author>()
  // Each entry ends in the line itself, behind a tab.
  for (const entry of output.split(/\n\t.*\n/)) {
    const [, commit = '', line = ''] = /^([0-9a-f]+) \d+ (\d+)/.exec(entry) ?? []
    const name = /^author (.*)$/m.exec(entry)?.[1]
    const seconds = /^author-time (\d+)$/m.exec(entry)?.[1]
    if (UNCOMMITTED.test(commit) || name === undefined || seconds === undefined) continue
    authors.set(Number(line), { name, date: new Date(Number(seconds) * 1000).toISOString().slice(0, 10) })
  }
  return authors
}

async function blame(root: string, args: readonly string[]): Promise<string> {
  try {
    return (await git(root, ['blame', '--line-porcelain', ...args])).toString()
  } catch (error) {
    // A file that no commit has yet.
    if (error instanceof GitError && error.stderr.includes('no such path')) return ''
    throw error
  }
}
