// All about a pull request or merge group but its changed files, in one query. Judges nothing.
import type { Snapshot } from '../review/snapshot.ts'
import type { Client } from './client.ts'
import { readNote } from './check-run.ts'
import { readConversation, readConversations } from './conversation.ts'
import type { CommentPage } from './conversation.ts'
import { CONFIG_PATH, GROUP_CONTEXT, HEAD_NOW, PROJECT_FILES, PULL_CONTEXT } from './documents.ts'
import { GoneError, StaleHeadError } from './errors.ts'
import { readLacking } from './permissions.ts'
import { readPullsAt } from './subjects.ts'
import { toBlob, toConfigFile, toFile } from './texts.ts'
import type { Blob } from './texts.ts'
import { readThreads, saidIn, withoutSuffix } from './threads.ts'
import type { ReadMarker, ThreadPage } from './threads.ts'

interface Repository {
  owner: string
  name: string
}

/** Named as an event named it: another may have the name by now. */
interface NamedRepository extends Repository {
  id: number
}

export interface PullTarget {
  kind: 'pull'
  repository: NamedRepository
  number: number
  /** The head that the webhook named, a second witness beside what GitHub answers; null where none was named. */
  head: string | null
  /** When the App was installed, for a pull request that no event of its own brought here; null: it may be commented on. */
  installedAt: string | null
}

export interface GroupTarget {
  kind: 'group'
  repository: NamedRepository
  head: string
  /** `refs/heads/gh-readonly-queue/main/pr-104-...` */
  headRef: string
  baseRef: string
}

/** All of a snapshot but the changed files: enough to begin a check run. */
export interface Context extends Omit<Snapshot, 'files' | 'otherFiles' | 'notRead' | 'listCutAt'> {
  /** How many files changed; null where GitHub does not say beforehand. */
  changedFiles: number | null
  /** The webhook named another head: GitHub may lag behind itself, so look again later. */
  lagging: boolean
}

/** One query tells everything but the changed files; more only for a pull request with over 100 review threads. */
export async function readContext(
  client: Client,
  target: PullTarget | GroupTarget,
  readMarker: ReadMarker,
): Promise<Context> {
  if (target.kind === 'group') return readGroupContext(client, target)
  const context = await readPullContext(client, target, readMarker)
  if (!context.lagging) return context
  await client.wait(2)
  return readPullContext(client, target, readMarker)
}

/** Throws `StaleHeadError` where the pull request has another head or base branch by now; tells whether it is open. */
export async function assertUnmoved(
  client: Client,
  { subject, repository, head, base }: Pick<Snapshot, 'subject' | 'repository' | 'head' | 'base'>,
): Promise<{ open: boolean }> {
  if (subject.kind !== 'pull') return { open: true }
  const { owner, name } = repository
  const answer = await client.query<{
    repository: { pullRequest: { state: string; headRefOid: string; baseRefName: string } | null } | null
  }>(HEAD_NOW, { owner, name, number: subject.number })
  const pull = answer.repository?.pullRequest
  if (!pull) throw new GoneError()
  if (pull.headRefOid !== head) throw new StaleHeadError(head, pull.headRefOid)
  if (pull.baseRefName !== base.ref) throw new StaleHeadError(base.ref, pull.baseRefName)
  return { open: pull.state === 'OPEN' }
}

interface HeadCommit {
  oid: string
  committedDate: string
  checkSuites: { nodes: { checkRuns: { nodes: CheckRun[] } | null }[] } | null
  associatedPullRequests: { nodes: AssociatedPull[] } | null
  [projectFile: `project${number}`]: FileEntry
}

interface CheckRun {
  databaseId: number
  name: string
  status: string
  conclusion: string | null
  externalId: string | null
  startedAt: string | null
}

interface AssociatedPull {
  number: number
  state: string
  headRefOid: string
  baseRefName: string
  repository: { databaseId: number }
}

type FileEntry = { object: Partial<Blob> | null } | null

interface Shared {
  viewer: { login: string }
  organisation: { object: Partial<Blob> | null } | null
}

interface RepositoryFields {
  databaseId: number
  name: string
  owner: { login: string }
  url: string
}

interface Pull {
  number: number
  state: 'OPEN' | 'CLOSED' | 'MERGED'
  isDraft: boolean
  createdAt: string
  changedFiles: number
  author: { login: string } | null
  headRefOid: string
  headRepository: { nameWithOwner: string } | null
  baseRefName: string
  baseRefOid: string
  baseRef: { target: { config?: FileEntry } | null } | null
  commits: { nodes: { commit: HeadCommit }[] }
  reviewThreads: ThreadPage
  comments: CommentPage | null
}

interface PullAnswer extends Shared {
  repository:
    | (RepositoryFields & {
        pullRequest: Pull | null
      })
    | null
}

interface GroupAnswer extends Shared {
  repository:
    | (RepositoryFields & {
        head:
          | (HeadCommit & {
              history: {
                nodes: {
                  associatedPullRequests: {
                    nodes: { number: number; state: string; isInMergeQueue: boolean; baseRefName: string }[]
                  } | null
                }[]
              }
            })
          | null
        base: { target: { oid: string; config?: FileEntry } | null } | null
      })
    | null
}

async function readPullContext(client: Client, target: PullTarget, readMarker: ReadMarker): Promise<Context> {
  const { owner, name } = target.repository
  const answer = await client.query<PullAnswer>(
    PULL_CONTEXT,
    { ...contextVariables(client, target.repository), number: target.number },
    isOptional,
  )
  const pull = answer.repository?.pullRequest
  if (answer.repository?.databaseId !== target.repository.id || !pull) throw new GoneError()

  const commit = pull.commits.nodes[0]?.commit
  if (commit && commit.oid !== pull.headRefOid) throw new StaleHeadError(pull.headRefOid, commit.oid)

  const base = { ref: pull.baseRefName, sha: pull.baseRefOid }
  const at = { owner, name, number: pull.number }
  const { threads, login } = await readThreads(client, at, { page: pull.reviewThreads, login: answer.viewer.login })
  const { installedAt } = target

  return {
    ...(await sharedContext(client, answer, answer.repository, commit)),
    subject: {
      kind: 'pull',
      number: pull.number,
      draft: pull.isDraft,
      state: ({ OPEN: 'open', CLOSED: 'closed', MERGED: 'merged' } as const)[pull.state],
      author: pull.author?.login ?? 'ghost',
      createdAt: pull.createdAt,
      headRepository: pull.headRepository?.nameWithOwner ?? null,
      comments:
        installedAt === null || isAfter(pull.createdAt, installedAt) || isAfter(commit?.committedDate, installedAt),
    },
    head: pull.headRefOid,
    base,
    config: toConfig(pull.baseRef?.target?.config, answer),
    said: saidIn(threads, login, readMarker),
    conversations: [await readConversation(client, at, { comments: pull.comments, threads, login })],
    pullsOnHead: [{ number: pull.number, baseRef: base.ref }, ...(await othersOnHead(client, answer.repository, pull))],
    changedFiles: pull.changedFiles,
    lagging: target.head !== null && target.head !== pull.headRefOid,
  }
}

/**
 * Other pull requests that have this commit, or had it when it was reviewed. GitHub links no commits of forks to theirs:
 * those that changed last are listed, and the others are known by what our own runs on the commit note.
 */
async function othersOnHead(
  client: Client,
  { databaseId, name, owner }: RepositoryFields,
  { number: own, state, headRefOid, headRepository, commits }: Pull,
): Promise<Snapshot['pullsOnHead']> {
  const commit = commits.nodes[0]?.commit
  const isLinked = headRepository?.nameWithOwner === `${owner.login}/${name}` || state !== 'OPEN'
  const linked = (commit?.associatedPullRequests?.nodes ?? []).filter(
    (pull) => pull.repository.databaseId === databaseId && pull.state === 'OPEN' && pull.headRefOid === headRefOid,
  )
  const all = [
    ...linked.map(({ number, baseRefName }) => ({ number, baseRef: baseRefName })),
    ...(isLinked ? [] : await readPullsAt(client, { owner: owner.login, name }, headRefOid)),
    ...runsOf(commit)
      .flatMap(({ externalId }) => readNote(externalId)?.pulls ?? [])
      .map(({ number, base }) => ({ number, baseRef: base })),
  ]
  const byNumber = new Map(all.toReversed().map((pull) => [pull.number, pull]))
  byNumber.delete(own)
  return [...byNumber.values()].toSorted((a, b) => a.number - b.number)
}

async function readGroupContext(client: Client, target: GroupTarget): Promise<Context> {
  const baseRef = target.baseRef.replace(/^refs\/heads\//, '')
  const answer = await client.query<GroupAnswer>(
    GROUP_CONTEXT,
    { ...contextVariables(client, target.repository), head: target.head, base: `refs/heads/${baseRef}` },
    isOptional,
  )
  const commit = answer.repository?.head
  const base = answer.repository?.base?.target
  // A group that the queue gave up is deleted with its commit's branch.
  if (answer.repository?.databaseId !== target.repository.id || !commit?.oid || !base) throw new GoneError()

  const queued = commit.history.nodes
    .flatMap(({ associatedPullRequests }) => associatedPullRequests?.nodes ?? [])
    .filter((pull) => pull.state === 'OPEN' && pull.isInMergeQueue && pull.baseRefName === baseRef)
    .map(({ number }) => number)
  const own = /\/pr-(\d+)-/.exec(target.headRef)?.[1]
  const pulls = [...new Set([...(own ? [Number(own)] : []), ...queued])]

  return {
    ...(await sharedContext(client, answer, answer.repository, commit)),
    subject: {
      kind: 'group',
      headRef: target.headRef,
      pulls,
    },
    head: target.head,
    base: { ref: baseRef, sha: base.oid },
    config: toConfig(base.config, answer),
    said: [],
    conversations: await readConversations(client, target.repository, pulls),
    pullsOnHead: [],
    changedFiles: null,
    lagging: false,
  }
}

function contextVariables(client: Client, { owner, name }: Repository) {
  return {
    owner,
    name,
    appId: client.appId,
    config: CONFIG_PATH,
    organisationConfig: `HEAD:${CONFIG_PATH}`,
    ...Object.fromEntries(PROJECT_FILES.map((path, index) => [`project${index}`, path])),
  }
}

/** What a review can do without: defaults of the organisation, what is shown only with `checks: read`, and commands. */
function isOptional(path: readonly (string | number)[], isHidden: boolean): boolean {
  if (!isHidden) return false
  if (path[0] === 'organisation' || path.includes('checkSuites') || path.includes('associatedPullRequests')) return true
  return path[1] === 'pullRequest' && path[2] === 'comments'
}

async function sharedContext(
  client: Client,
  { viewer }: Shared,
  { databaseId, name, owner, url }: RepositoryFields,
  commit: HeadCommit | undefined,
) {
  const login = withoutSuffix(viewer.login)
  return {
    version: 1 as const,
    repository: { id: databaseId, owner: owner.login, name, url },
    app: { id: client.appId, slug: login, login },
    lacking: await readLacking(client),
    projectFiles: PROJECT_FILES.flatMap(
      (path, index) => toFile(path, toBlob(commit?.[`project${index}`]?.object)) ?? [],
    ),
    runs: runsOf(commit)
      .map((run) => ({
        id: run.databaseId,
        name: run.name,
        status: toStatus(run.status),
        conclusion: run.conclusion?.toLowerCase() ?? null,
        externalId: run.externalId ?? '',
        startedAt: run.startedAt,
      }))
      .sort((one, other) => other.id - one.id),
  }
}

function runsOf(commit: HeadCommit | undefined): CheckRun[] {
  return commit?.checkSuites?.nodes.flatMap(({ checkRuns }) => checkRuns?.nodes ?? []) ?? []
}

/** GitHub has more words for a run that has not begun. */
function toStatus(status: string): 'queued' | 'in_progress' | 'completed' {
  if (status === 'COMPLETED') return 'completed'
  return status === 'IN_PROGRESS' ? 'in_progress' : 'queued'
}

function toConfig(base: FileEntry | undefined, { organisation }: Shared): Snapshot['config'] {
  return {
    base: toConfigFile(CONFIG_PATH, toBlob(base?.object)),
    organisation: toConfigFile(CONFIG_PATH, toBlob(organisation?.object)),
    head: null,
  }
}

function isAfter(time: string | undefined, other: string): boolean {
  return time !== undefined && Date.parse(time) >= Date.parse(other)
}
