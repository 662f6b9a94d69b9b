// The files that a pull request or merge group changes, as GitHub has them. Judges nothing; posts nothing.
import type { ChangedFile, Snapshot } from '../review/snapshot.ts'
import type { Client } from './client.ts'
import { assertUnmoved } from './context.ts'
import type { Context } from './context.ts'
import { CONFIG_PATH, PROJECT_FILES } from './documents.ts'
import { StaleHeadError } from './errors.ts'
import { readable, readBlobs, toConfigFile, toFile } from './texts.ts'
import type { Blob, Wanted } from './texts.ts'

/** GitHub lists no more files than these, and says nothing about it. */
const LISTED_OF_PULL = 3000
const LISTED_OF_COMPARISON = 300
const PAGE = 100
/** Sources beyond this are named in the check run, and not read. */
const MOST_BYTES = 30_000_000
/** Project files that are looked for; nobody has that many Mix projects, but anybody can have that many folders. */
const MOST_LOOKUPS = 2000

/** The changed files with their texts at the context's head, or `StaleHeadError` where GitHub now has others. */
export async function readSnapshot(client: Client, context: Context): Promise<Snapshot> {
  const { changedFiles: _changedFiles, lagging: _lagging, ...known } = context
  const { listed, cutAt } = await listFiles(client, context)
  const files = listed.filter(({ path }) => isElixir(path))
  const config = listed.find(({ path, status }) => path === CONFIG_PATH && status !== 'removed')
  const isConfigGone = listed.some(
    ({ path, previousPath, status }) => (status === 'removed' ? path : previousPath) === CONFIG_PATH,
  )

  const present = files.filter(({ status }) => status !== 'removed')
  const wanted = config ? [config, ...present] : present
  const at = (path: string) => `${context.head}:${path}`
  const isWanted = new Set(wanted.map(({ path }) => path))
  const above = projectFilesAbove(present).filter((path) => !isWanted.has(path))
  const lookups = [...above.slice(0, MOST_LOOKUPS), ...(cutAt === null ? saidElsewhere(context, listed) : [])]
  const blobs = await readBlobs(
    client,
    context.repository,
    wanted.map((file) => toWanted(at(file.path), file)),
    {
      lookups: lookups.map(at),
      mostBytes: MOST_BYTES,
    },
  )

  // The list is of the present head, the texts are of the context's. What is missing can also be a submodule.
  if (wanted.some(({ path }) => blobs.get(at(path)) === null)) await assertUnmoved(client, context)

  const notRead: Snapshot['notRead'] =
    above.length > MOST_LOOKUPS ? [{ path: 'mix.exs', reason: 'too many folders to look for it in all of them' }] : []
  const textOf = (file: ChangedFile): string | null => {
    const blob = blobs.get(at(file.path))
    if (blob && blob.oid !== file.blob) throw new StaleHeadError(context.head, null)
    const read = blob
      ? readable(blob)
      : { text: null, reason: blob === null ? 'not a file' : 'beyond the 30 MB that are read of one change' }
    if (read.text === null) notRead.push({ path: file.path, reason: read.reason })
    return read.text
  }

  const headConfig = config ? toConfigFile(CONFIG_PATH, blobs.get(at(CONFIG_PATH)) ?? null) : null
  const withSources = files.map((file) => (file.status === 'removed' ? file : { ...file, source: textOf(file) }))
  const nested = above.flatMap((path) => toFile(path, blobs.get(at(path)) ?? null) ?? [])
  const unchanged = saidElsewhere(context, listed).flatMap((path) => toUnchanged(path, blobs.get(at(path)) ?? null))
  const changed = withSources.flatMap(({ path, source }) =>
    isProjectFile(path) && source !== null ? [{ path, text: source }] : [],
  )
  const rest = known.projectFiles.filter(({ path }) => !changed.some((file) => file.path === path))

  return {
    ...known,
    files: [...withSources, ...unchanged],
    otherFiles: listed.length - files.length,
    notRead,
    ...(cutAt !== null && { listCutAt: cutAt }),
    projectFiles: [...rest, ...nested, ...changed],
    config: { ...known.config, head: headConfig ?? (isConfigGone ? { path: CONFIG_PATH, text: '' } : null) },
  }
}

/** Where open comments of ours stand that this change has nothing to do with any more: the base has that code, or nobody. */
function saidElsewhere({ said }: Context, listed: readonly ChangedFile[]): string[] {
  const known = new Set(listed.flatMap(({ path, previousPath }) => [path, previousPath]))
  const open = said.filter(({ path, marker }) => marker.state === 'open' && !known.has(path))
  return [...new Set(open.map(({ path }) => path))]
}

function toUnchanged(path: string, blob: Blob | null): ChangedFile[] {
  const text = blob && readable(blob).text
  if (!blob || typeof text !== 'string') return []
  const counts = { additions: 0, deletions: 0, patch: null }
  return [{ path, previousPath: null, status: 'unchanged', ...counts, blob: blob.oid, source: text }]
}

/** Texts at the merge base by the path at the head; null where there is none or it can't be read. */
export async function readBases(
  client: Client,
  snapshot: Snapshot,
  paths: readonly string[],
): Promise<Map<string, string | null>> {
  if (paths.length === 0) return new Map()
  const { owner, name } = snapshot.repository
  const { data } = await client.rest.rest.repos.compareCommitsWithBasehead({
    owner,
    repo: name,
    basehead: `${snapshot.base.sha}...${snapshot.head}`,
    // Files come with the first page only, and are not wanted here.
    per_page: 1,
    page: 2,
  })
  const isMissing = new Set(paths)
  const files = snapshot.files.filter(({ path, status }) => isMissing.has(path) && status !== 'added')
  const at = (file: ChangedFile) => `${data.merge_base_commit.sha}:${file.previousPath ?? file.path}`
  const blobs = await readBlobs(
    client,
    snapshot.repository,
    files.map((file) => toWanted(at(file), file)),
    { mostBytes: MOST_BYTES },
  )
  const texts = new Map<string, string | null>(paths.map((path) => [path, null]))
  for (const file of files) {
    const blob = blobs.get(at(file))
    if (blob) texts.set(file.path, readable(blob).text)
  }
  return texts
}

async function listFiles(client: Client, context: Context): Promise<{ listed: ChangedFile[]; cutAt: number | null }> {
  const { owner, name } = context.repository
  if (context.subject.kind !== 'pull') {
    const { data } = await client.rest.rest.repos.compareCommitsWithBasehead({
      owner,
      repo: name,
      basehead: `${context.base.sha}...${context.head}`,
      per_page: 1,
    })
    const listed = (data.files ?? []).map(toChangedFile)
    return { listed, cutAt: listed.length >= LISTED_OF_COMPARISON ? LISTED_OF_COMPARISON : null }
  }

  const { number } = context.subject
  const count = context.changedFiles ?? LISTED_OF_PULL
  const list = () => listPullFiles(client, { owner, name, number }, count)
  let listed = await list()
  if (listed.length !== Math.min(count, LISTED_OF_PULL)) {
    // The list can lag behind the number. What it says then is taken as it is.
    await client.wait(2)
    listed = await list()
  }
  const cut = listed.length >= LISTED_OF_PULL && count > listed.length
  return { listed, cutAt: cut ? LISTED_OF_PULL : null }
}

/** The list as GitHub has it now; it can't be asked for at a commit. */
export async function listPullFiles(
  client: Client,
  { owner, name, number }: { owner: string; name: string; number: number },
  count: number,
): Promise<ChangedFile[]> {
  const listed: ChangedFile[] = []
  for (let page = 1; listed.length < Math.min(count, LISTED_OF_PULL); page++) {
    const { data } = await client.rest.rest.pulls.listFiles({
      owner,
      repo: name,
      pull_number: number,
      per_page: PAGE,
      page,
    })
    listed.push(...data.map(toChangedFile))
    if (data.length < PAGE) break
  }
  return listed
}

interface ListedFile {
  filename: string
  previous_filename?: string
  status: ChangedFile['status']
  additions: number
  deletions: number
  patch?: string
  sha: string | null
}

function toChangedFile(file: ListedFile): ChangedFile {
  return {
    path: file.filename,
    previousPath: file.previous_filename ?? null,
    status: file.status,
    additions: file.additions,
    deletions: file.deletions,
    patch: file.patch || null,
    blob: file.sha ?? '',
    source: null,
  }
}

function isElixir(path: string): boolean {
  return path.endsWith('.ex') || path.endsWith('.exs')
}

function isProjectFile(path: string): boolean {
  return PROJECT_FILES.some((name) => path === name || path.endsWith(`/${name}`))
}

/** GitHub does not tell a file's size beforehand: a line is taken for 40 bytes, a file for 10 kB at least. */
function toWanted(expression: string, { additions, deletions }: ChangedFile): Wanted {
  return { expression, bytes: Math.max(10_000, 40 * Math.max(additions, deletions)) }
}

/** Folders that stand inside a Mix project: its own root is above the last of them. */
const INSIDE_PROJECT = new Set(['lib', 'test', 'config', 'priv', 'bench'])

/** Where the Mix projects of these files may say what they are; the root was read with the context. */
function projectFilesAbove(files: readonly ChangedFile[]): string[] {
  const folders = new Set<string>()
  for (const { path } of files) {
    const steps = path.split('/').slice(0, -1)
    const inside = steps.findLastIndex((step) => INSIDE_PROJECT.has(step))
    const above = inside === -1 ? steps : steps.slice(0, inside)
    for (let depth = above.length; depth > 0; depth--) folders.add(above.slice(0, depth).join('/'))
  }
  const depth = (folder: string) => folder.split('/').length
  const fromTheTop = [...folders].sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1))
  return fromTheTop.flatMap((folder) => PROJECT_FILES.map((name) => `${folder}/${name}`))
}
