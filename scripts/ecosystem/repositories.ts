// The pinned public repositories: where each one is on this machine, and the Elixir files in it. Nothing of them is kept here.
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MAX_SOURCE_BYTES, type ProjectFacts, readProject } from '#elixir'
import { gitList, readBlobs } from '../../src/git/clone.ts'
import { git } from '../../src/git/run.ts'
import list from './repositories.json' with { type: 'json' }

export interface Repository {
  owner: string
  name: string
  /** The commit that every number speaks of. */
  commit: string
}

export const repositories: readonly Repository[] = list

/** What can be made again: clones and results. */
export const scratch = join(tmpdir(), 'otp-review-ecosystem')

export function nameOf({ owner, name }: Repository): string {
  return `${owner}/${name}`
}

/**
 * A git directory that has the pinned commit: of a mirror below `from` (`owner+name/repo`, `owner+name` or
 * `owner/name`, bare or with a work tree), else of a shallow clone in the scratch folder. Throws where it cannot be had.
 */
export async function openRepository(repository: Repository, from: string | null): Promise<string> {
  const { owner, name, commit } = repository
  if (from !== null) {
    const mirrors = [join(`${owner}+${name}`, 'repo'), `${owner}+${name}`, join(owner, name)]
    const mirror = mirrors.flatMap((each) => [join(from, each, '.git'), join(from, each)]).find(isGitDirectory)
    if (mirror === undefined) throw new Error(`${from} has no mirror of ${nameOf(repository)}`)
    if (!(await hasCommit(mirror, commit))) throw new Error(`${mirror} does not have the pinned commit ${commit}`)
    return mirror
  }
  const clone = join(scratch, 'clones', `${owner}+${name}`)
  if (isGitDirectory(clone) && (await hasCommit(clone, commit))) return clone
  mkdirSync(clone, { recursive: true })
  await git(clone, ['init', '--quiet', '--bare'])
  await git(clone, ['fetch', '--quiet', '--depth=1', '--no-tags', `https://github.com/${owner}/${name}.git`, commit])
  return clone
}

function isGitDirectory(folder: string): boolean {
  return existsSync(join(folder, 'HEAD')) && existsSync(join(folder, 'objects'))
}

async function hasCommit(folder: string, commit: string): Promise<boolean> {
  return git(folder, ['cat-file', '-e', `${commit}^{commit}`]).then(
    () => true,
    () => false,
  )
}

export interface ElixirFile {
  path: string
  source: string
  project: ProjectFacts
}

const PROJECT_FILES = ['mix.exs', 'mix.lock', '.tool-versions', 'mise.toml', '.gitattributes']
const BATCH = 50

/** Every Elixir file of the commit in the order of its paths, a few at a time so that memory stays flat. */
export async function* elixirFiles(folder: string, commit: string): AsyncGenerator<ElixirFile> {
  const blobs = await listBlobs(folder, commit)
  const isProjectFile = (path: string): boolean => PROJECT_FILES.includes(path.slice(path.lastIndexOf('/') + 1))
  const projectOf = projectReader(
    await readTexts(
      folder,
      blobs.filter(({ path }) => isProjectFile(path)),
    ),
  )

  const sources = blobs.filter(({ path }) => /\.exs?$/.test(path))
  for (let start = 0; start < sources.length; start += BATCH) {
    for (const { path, text } of await readTexts(folder, sources.slice(start, start + BATCH))) {
      yield { path, source: text, project: projectOf(path) }
    }
  }
}

export async function readFileAt(folder: string, commit: string, path: string): Promise<string> {
  return (await git(folder, ['show', `${commit}:${path}`])).toString()
}

interface Blob {
  id: string
  path: string
}

async function listBlobs(folder: string, commit: string): Promise<Blob[]> {
  const entries = await gitList(folder, ['ls-tree', '-r', '-z', '--full-tree', commit])
  return entries.flatMap((entry) => {
    // Links and submodules have other modes.
    const [, id, path] = /^100\d{3} blob ([0-9a-f]+)\t(.*)$/s.exec(entry) ?? []
    return id === undefined || path === undefined ? [] : [{ id, path }]
  })
}

async function readTexts(folder: string, blobs: readonly Blob[]): Promise<{ path: string; text: string }[]> {
  const contents = await readBlobs(
    folder,
    blobs.map(({ id }) => id),
  )
  return blobs.flatMap(({ id, path }) => {
    const content = contents.get(id)
    // A larger one is not read anywhere; a partial mirror may lack it.
    if (content === null || content === undefined || content.length > 4 * MAX_SOURCE_BYTES) return []
    return [{ path, text: content.toString() }]
  })
}

/** Facts depend only on which project files stand above a path, so files of one folder share them. */
function projectReader(files: { path: string; text: string }[]): (path: string) => ProjectFacts {
  const folders = new Set(files.map(({ path }) => path.slice(0, Math.max(0, path.lastIndexOf('/')))))
  const known = new Map<string, ProjectFacts>()
  return (path) => {
    let folder = path.slice(0, Math.max(0, path.lastIndexOf('/')))
    while (folder !== '' && !folders.has(folder)) folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))
    const facts = known.get(folder) ?? readProject(files, path)
    known.set(folder, facts)
    return facts
  }
}
