// A change in a local clone as the same snapshot that a pull request gives. Reads; decides nothing about findings.
import { basename, dirname, posix } from 'node:path'
import type { ChangedFile, Snapshot } from '../review/snapshot.ts'
import { changesBetween, changesInWorkingTree } from './changes.ts'
import type { Change } from './changes.ts'
import { blobId, gitLine, gitList, readBlobs, readWorkingFile, resolveCommit } from './clone.ts'
import { GitError } from './run.ts'

const CONFIG_PATH = '.github/otp-review.yml'
const PROJECT_FILES = ['mix.exs', 'mix.lock', '.tool-versions', 'mise.toml', '.gitattributes']
const SOURCES = ['*.ex', '*.exs']
/** Larger files are named, and not read. */
const LARGEST_FILE = 400_000

/** What the working tree, uncommitted and untracked files included, changes since it left `revision`. */
export async function readWorkingTree(root: string, revision: string): Promise<Snapshot> {
  const [target, head] = await Promise.all([resolveCommit(root, revision), resolveCommit(root, 'HEAD')])
  const base = await mergeBase(root, target, head, revision)
  const changes = await changesInWorkingTree(root, base, SOURCES)
  const read = (paths: readonly string[]) => readFromWorkingTree(root, paths)
  const config = await readConfig(root, target, read)
  return readSnapshot(root, { base: { ref: revision, sha: base }, head, changes, config, read })
}

/**
 * What one commit of the main line brought to it: a merge as a whole, or a squashed pull request. It has no
 * configuration: what is past is looked at with the one of today.
 */
export async function readCommit(root: string, { commit, parent }: MainCommit): Promise<Snapshot> {
  const changes = await changesBetween(root, parent, commit, SOURCES)
  const read = (paths: readonly string[]) => readFromCommit(root, commit, paths)
  const config = { base: null, organisation: null, head: null }
  return readSnapshot(root, { base: { ref: parent, sha: parent }, head: commit, changes, config, read })
}

/** Base texts for `withBases`, keyed by the paths as given (those at the head). */
export async function readBases(
  root: string,
  snapshot: Snapshot,
  paths: readonly string[],
): Promise<Map<string, string | null>> {
  const previous = new Map(snapshot.files.map((file) => [file.path, file.previousPath ?? file.path]))
  const names = new Map(paths.map((path) => [path, `${snapshot.base.sha}:${previous.get(path) ?? path}`]))
  const blobs = await readBlobs(root, [...names.values()])
  return new Map([...names].map(([path, name]) => [path, blobs.get(name)?.toString() ?? null]))
}

/** A commit of the main line; `parent` is where the line stood before it. */
export interface MainCommit {
  commit: string
  parent: string
  subject: string
  date: string
}

/** The last commits of the current branch's main line, newest first. The very first has nothing before it and is left out. */
export async function mainLine(root: string, last: number): Promise<MainCommit[]> {
  const format = '--format=%H%x1f%P%x1f%s%x1f%cs'
  const lines = await gitList(root, ['log', '-z', '--first-parent', `--max-count=${last}`, format, 'HEAD'])
  return lines.flatMap((line) => {
    const [commit = '', parents = '', subject = '', date = ''] = line.split('\x1f')
    const [parent = ''] = parents.split(' ')
    return parent === '' ? [] : [{ commit, parent, subject, date }]
  })
}

interface Reading {
  base: Snapshot['base']
  head: string
  changes: { files: readonly Change[]; retyped: readonly string[]; others: number }
  config: Snapshot['config']
  read: ReadFiles
}

/** Contents by path; paths without a file are absent. */
type ReadFiles = (paths: readonly string[]) => Promise<Map<string, Buffer>>

async function readSnapshot(root: string, { base, head, changes, config, read }: Reading): Promise<Snapshot> {
  const present = changes.files.filter((file) => file.status !== 'removed').map((file) => file.path)
  const [contents, projects] = await Promise.all([read(present), read(projectFilesAbove(present))])

  const notRead = changes.retyped.map((path) => ({ path, reason: 'turned from a link into a file, or back' }))
  const files = changes.files.map((change): ChangedFile => {
    const content = contents.get(change.path)
    if (!content) return { ...change, source: null }
    const blob = blobId(content)
    if (content.length <= LARGEST_FILE) return { ...change, blob, source: toText(content, change.patch) }
    notRead.push({ path: change.path, reason: 'over 400 kB' })
    return { ...change, blob, source: null }
  })

  return {
    version: 1,
    subject: { kind: 'local' },
    repository: { id: 0, owner: '', name: basename(root), url: '' },
    app: null,
    head,
    base,
    files,
    otherFiles: changes.others,
    notRead,
    projectFiles: [...projects].map(([path, content]) => ({ path, text: content.toString() })),
    config,
    said: [],
    conversations: [],
    lacking: [],
    runs: [],
    pullsOnHead: [],
  }
}

async function mergeBase(root: string, target: string, head: string, revision: string): Promise<string> {
  try {
    return await gitLine(root, ['merge-base', target, head])
  } catch (cause) {
    if (!(cause instanceof GitError) || cause.stderr !== '') throw cause
    throw new GitError(
      `HEAD and \`${revision}\` have no common commit in this clone. ` +
        'If it is a shallow one, fetch more of its history: git fetch --unshallow',
    )
  }
}

async function readConfig(root: string, base: string, read: ReadFiles): Promise<Snapshot['config']> {
  const [before, after] = await Promise.all([readFromCommit(root, base, [CONFIG_PATH]), read([CONFIG_PATH])])
  const text = (contents: Map<string, Buffer>) => {
    const content = contents.get(CONFIG_PATH)
    return content ? { path: CONFIG_PATH, text: content.toString() } : null
  }
  const [atBase, atHead] = [text(before), text(after)]
  return { base: atBase, organisation: null, head: atHead?.text === atBase?.text ? null : atHead }
}

async function readFromWorkingTree(root: string, paths: readonly string[]): Promise<Map<string, Buffer>> {
  const contents = new Map<string, Buffer>()
  for (const path of paths) {
    const content = await readWorkingFile(root, path)
    if (content) contents.set(path, content)
  }
  return contents
}

async function readFromCommit(root: string, commit: string, paths: readonly string[]): Promise<Map<string, Buffer>> {
  const names = new Map(paths.map((path) => [`${commit}:${path}`, path]))
  const blobs = await readBlobs(root, [...names.keys()])
  return new Map([...blobs].flatMap(([name, blob]) => (blob ? [[names.get(name) ?? name, blob]] : [])))
}

/** The files that speak of the Mix projects around these paths. */
export function projectFilesAbove(paths: readonly string[]): string[] {
  const folders = new Set<string>()
  for (const path of paths) {
    for (let folder = dirname(path); !folders.has(folder); folder = dirname(folder)) folders.add(folder)
  }
  return [...folders].sort().flatMap((folder) => PROJECT_FILES.map((name) => posix.join(folder, name)))
}

/** Where git turns line ends round on check-out, its patch has the bare ones: read the file as the patch does. */
function toText(content: Buffer, patch: string | null): string {
  const text = content.toString()
  const turned = patch !== null && text.includes('\r\n') && !patch.includes('\r')
  return turned ? text.replaceAll('\r\n', '\n') : text
}
