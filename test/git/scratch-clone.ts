import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface ScratchFolder {
  root: string
  write(files: Record<string, string | Buffer>): void
  remove(...paths: string[]): void
}

export interface ScratchClone extends ScratchFolder {
  git(...args: string[]): string
  /** Writes, commits everything, gives the commit. */
  commit(files: Record<string, string | Buffer>, subject?: string): string
}

/** An empty folder outside every clone, gone when the test is over. */
export function scratchFolder(): ScratchFolder {
  const root = mkdtempSync(join(tmpdir(), 'otp-review-test-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  return {
    root,
    write(files) {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true })
        writeFileSync(join(root, path), content)
      }
    },
    remove(...paths) {
      for (const path of paths) rmSync(join(root, path), { recursive: true })
    },
  }
}

/** A clone on branch `main` with one commit of the given files. */
export function scratchClone(files: Record<string, string | Buffer> = { 'README.md': 'A shop.\n' }): ScratchClone {
  const folder = scratchFolder()
  const identity = { GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.org' }
  const committer = { GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.org' }
  const env = {
    ...process.env,
    ...identity,
    ...committer,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
  }
  const git = (...args: string[]) => {
    return execFileSync('git', args, {
      cwd: folder.root,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trimEnd()
  }
  const clone: ScratchClone = {
    ...folder,
    git,
    commit(changed, subject = 'Change') {
      folder.write(changed)
      git('add', '--all')
      git('commit', '--quiet', '--allow-empty', '-m', subject)
      return git('rev-parse', 'HEAD')
    },
  }
  git('init', '--quiet', '--initial-branch=main')
  clone.commit(files, 'Start')
  return clone
}
