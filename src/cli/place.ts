// Which files the command line means: paths as typed -> a root and the Elixir files below it. Analyses nothing.
import { readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { findClone, listFiles } from '../git/index.ts'
import { UsageError } from './usage-error.ts'

const SOURCES = ['*.ex', '*.exs']
/** Outside a clone nothing says what is ignored; these are never a project's own code. */
const FOREIGN_FOLDERS = new Set(['.git', '.elixir_ls', '_build', 'deps', 'node_modules'])

export interface Place {
  /** Absolute. Every path elsewhere is relative to it, with `/`. */
  root: string
  /** Whether `root` is the top of a git clone. */
  isClone: boolean
  /** What was asked for, relative to `root`: folders ('' is the root) and single files. */
  folders: string[]
  files: string[]
}

/** The folder that paths are relative to: `npm run` changes the working directory, and says where it came from. */
export function workingFolder(): string {
  return process.env['INIT_CWD'] ?? process.cwd()
}

/** Throws `UsageError` for a path that is neither file nor folder. */
export async function locate(paths: readonly string[], from: string): Promise<Place> {
  const cwd = realpathSync(from)
  const targets = (paths.length === 0 ? ['.'] : paths).map((path) => {
    const stats = statSync(resolve(cwd, path), { throwIfNoEntry: false })
    if (!stats?.isFile() && !stats?.isDirectory()) throw new UsageError(`${path}: no such file or folder.`)
    // git names its folders without links.
    return { absolute: realpathSync(resolve(cwd, path)), isFile: stats.isFile() }
  })
  const anchor = targets.map(({ absolute, isFile }) => (isFile ? dirname(absolute) : absolute)).reduce(commonFolder)
  const clone = await findClone(anchor)
  const root = clone ?? projectFolder(contains(cwd, anchor) ? cwd : anchor)

  const inside = ({ absolute }: { absolute: string }) => toPosix(relative(root, absolute))
  return {
    root,
    isClone: clone !== null,
    folders: targets.filter(({ isFile }) => !isFile).map(inside),
    files: targets.filter(({ isFile }) => isFile).map(inside),
  }
}

/**
 * The Elixir files of a place, sorted, each once. Folders give what git does not ignore (outside of a clone: what is
 * not below `deps` and the like); a file that is named is taken whatever git thinks of it.
 */
export async function listSources({ root, isClone, folders, files }: Place): Promise<string[]> {
  const listed =
    folders.length === 0
      ? []
      : isClone
        ? await listFiles(root, folders, SOURCES)
        : folders.flatMap((folder) => walk(root, folder))
  return [...new Set([...listed, ...files.filter(isSource)])].toSorted()
}

/** A path of the place as it is named from `cwd`. */
export function nameFrom({ root }: Place, cwd: string): (path: string) => string {
  return (path) => relative(realpathSync(cwd), join(root, path))
}

/** Whether a path is among those that were asked for. */
export function isAskedFor({ folders, files }: Place, path: string): boolean {
  return files.includes(path) || folders.some((folder) => folder === '' || path.startsWith(`${folder}/`))
}

/** Follows no links. Throws where a folder may not be read: what it holds must not be left out in silence. */
function walk(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return FOREIGN_FOLDERS.has(entry.name) ? [] : walk(root, path)
    return entry.isFile() && isSource(path) ? [path] : []
  })
}

function isSource(path: string): boolean {
  return path.endsWith('.ex') || path.endsWith('.exs')
}

/** The nearest folder with a `mix.exs` above or at `folder`, else `folder`. */
function projectFolder(folder: string): string {
  for (let above = folder; ; above = dirname(above)) {
    if (statSync(join(above, 'mix.exs'), { throwIfNoEntry: false })) return above
    if (above === dirname(above)) return folder
  }
}

function commonFolder(a: string, b: string): string {
  let folder = a
  while (!contains(folder, b)) folder = dirname(folder)
  return folder
}

function contains(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function toPosix(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/')
}
