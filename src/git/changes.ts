// What git says has changed between a commit and the working tree, or between two commits. Gives files, judges nothing.
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChangedFile } from '../review/snapshot.ts'
import { gitLine, gitList } from './clone.ts'
import { git } from './run.ts'

/** A changed file before its texts are read. `blob` is all zeros where the working tree differs from the index. */
export type Change = Omit<ChangedFile, 'source' | 'baseSource'>

export interface Changes {
  files: Change[]
  /** Paths that turned from a link into a file, or back: git has no patch between the two. */
  retyped: string[]
  /** How many changed files the patterns do not name. */
  others: number
}

/** From `base` to the commit `head`. */
export function changesBetween(
  root: string,
  base: string,
  head: string,
  patterns: readonly string[],
): Promise<Changes> {
  return readChanges(root, ['diff-tree', '-r', base, head], patterns)
}

/** From `base` to the working tree, with uncommitted changes and untracked files. Writes nothing into the clone. */
export async function changesInWorkingTree(root: string, base: string, patterns: readonly string[]): Promise<Changes> {
  const scratch = await mkdtemp(join(tmpdir(), 'otp-review-'))
  try {
    const env = await scratchIndex(root, scratch, patterns)
    return await readChanges(root, ['diff-index', base], patterns, env)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/**
 * A copy of the index in which untracked files are announced, so that git itself pairs renames with them. Objects
 * that git makes on the way go to the scratch folder too: the clone may be read-only.
 */
async function scratchIndex(
  root: string,
  scratch: string,
  patterns: readonly string[],
): Promise<Record<string, string>> {
  const [index, objects] = await Promise.all([
    gitLine(root, ['rev-parse', '--path-format=absolute', '--git-path', 'index']),
    gitLine(root, ['rev-parse', '--path-format=absolute', '--git-path', 'objects']),
  ])
  const env = {
    GIT_INDEX_FILE: join(scratch, 'index'),
    GIT_OBJECT_DIRECTORY: scratch,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: objects,
  }
  await copyFile(index, env.GIT_INDEX_FILE).catch(async () => {
    // A fresh clone with an empty index has no such file.
    await git(root, ['read-tree', '--empty'], { env })
  })

  const untracked = await git(root, ['ls-files', '--others', '--exclude-standard', '-z', '--', ...patterns], { env })
  if (untracked.length > 0) {
    const add = ['add', '--intent-to-add', '--pathspec-from-file=-', '--pathspec-file-nul']
    await git(root, ['--literal-pathspecs', ...add], { env, input: untracked.toString() })
  }
  // Without it a file whose time alone changed counts as changed. Its status only says that some files have.
  await git(root, ['update-index', '-q', '--refresh'], { env }).catch(() => {})
  return env
}

async function readChanges(
  root: string,
  [command, ...range]: [string, ...string[]],
  patterns: readonly string[],
  env: Record<string, string> = {},
): Promise<Changes> {
  const [fields, all] = await Promise.all([
    gitList(root, [command, '--raw', '--numstat', '-z', '-M', ...range, '--', ...patterns], env),
    gitList(root, [command, '--name-only', '-z', '-M', ...range], env),
  ])
  const { entries, counts } = readFields(fields)
  const retyped = entries.filter(({ letter }) => letter === 'T').map(({ path }) => path)
  const whole = entries.filter(({ letter }) => letter !== 'T')
  const patches = whole.length === 0 ? [] : await readPatches(root, [command, ...range, '--', ...patterns], env)

  const files = whole.flatMap(({ mode, letter, ...entry }, position) => {
    // Links and submodules hold no source, whatever they are called.
    if (!mode.startsWith('100')) return []
    const count = counts.get(entry.path) ?? { additions: 0, deletions: 0 }
    return [{ ...entry, status: STATUSES[letter] ?? 'changed', ...count, patch: patches[position] ?? null }]
  })
  const named = new Set(entries.map(({ path }) => path))
  return { files, retyped, others: all.filter((path) => !named.has(path)).length }
}

/** The hunks of each file in turn, without those of type T. */
async function readPatches(root: string, [command = '', ...rest]: string[], env: Record<string, string>) {
  const plain = ['-p', '-U3', '-M', '--diff-filter=AMDRC', '--no-ext-diff', '--no-textconv', '--no-color']
  return splitPatch((await git(root, [command, ...plain, ...rest], { env })).toString())
}

type RawEntry = Pick<ChangedFile, 'path' | 'previousPath' | 'blob'> & { mode: string; letter: string }

const STATUSES: Record<string, ChangedFile['status']> = {
  A: 'added',
  M: 'modified',
  D: 'removed',
  R: 'renamed',
  C: 'copied',
}

/** `--raw` fields come first, `--numstat` fields after them. */
function readFields(fields: readonly string[]) {
  const entries: RawEntry[] = []
  const counts = new Map<string, { additions: number; deletions: number }>()
  const next = fields.values()
  for (const field of next) {
    const raw = /^:(\d+) (\d+) (\w+) (\w+) ([A-Z])\d*$/.exec(field)
    if (raw) {
      const [, baseMode = '', headMode = '', baseBlob = '', headBlob = '', letter = ''] = raw
      const first = next.next().value ?? ''
      const renamed = letter === 'R' || letter === 'C'
      entries.push({
        path: renamed ? (next.next().value ?? '') : first,
        previousPath: renamed ? first : null,
        letter,
        mode: letter === 'D' ? baseMode : headMode,
        blob: letter === 'D' ? baseBlob : headBlob,
      })
      continue
    }
    const [, additions, deletions, plain] = /^(\d+|-)\t(\d+|-)\t(.*)$/s.exec(field) ?? []
    if (plain === undefined) continue
    // A rename has an empty path here, and both paths after it.
    if (plain === '') next.next()
    const path = plain === '' ? (next.next().value ?? '') : plain
    counts.set(path, { additions: Number(additions) || 0, deletions: Number(deletions) || 0 })
  }
  return { entries, counts }
}

/** The hunks of each file in turn, null where git shows none (pure renames, binary files). */
function splitPatch(patch: string): (string | null)[] {
  // Lines of hunks begin with a blank, a sign or a backslash: neither head can stand inside one. (No `m` flag: with it
  // a carriage return inside a line counts as the end of one.)
  return patch.split(/(?<=\n)(?=diff --git )/).map((section) => {
    const start = section.indexOf('\n@@ ') + 1
    return start === 0 ? null : section.slice(start).replace(/\n$/, '')
  })
}
