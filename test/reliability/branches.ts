// Many commits at once, in one process of git: with one for each, a thousand would take a minute.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RepositoryHandle } from '../support/github/index.ts'

/** Adds branches to a repository, each with commits upon `main` that hold these files. Gives the commits of each, oldest first. */
export async function importBranches(
  repository: RepositoryHandle,
  branches: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>,
): Promise<Map<string, string[]>> {
  const { git } = repository.home
  const main = await git.resolve('refs/heads/main')
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`
  let mark = 0
  const parts = Object.entries(branches).flatMap(([branch, commits]) =>
    commits.map((files, index) =>
      [
        `commit refs/heads/${branch}\nmark :${++mark}\ncommitter alice <alice@example.com> ${1_790_000_000 + mark} +0000\n`,
        data(`Change ${index}`),
        index === 0 ? `from ${main}\n` : '',
        ...Object.entries(files).map(([path, text]) => `M 100644 inline ${path}\n${data(text)}\n`),
      ].join(''),
    ),
  )
  const marks = join(git.directory, 'marks')
  execFileSync('git', ['--git-dir', git.directory, 'fast-import', '--quiet', `--export-marks=${marks}`], {
    input: parts.join(''),
  })
  const oids = new Map(
    readFileSync(marks, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.slice(1).split(' ') as [string, string]),
  )
  let read = 0
  return new Map(
    Object.entries(branches).map(([branch, commits]) => [branch, commits.map(() => oids.get(String(++read))!)]),
  )
}
