// Branches and pull requests: what people do to them, and what GitHub then says to apps.
import { mergeBaseOf } from './changes.ts'
import { announceSuite, suiteOn } from './checks.ts'
import type { GitHub } from './events.ts'
import type { Files, Signature } from './git.ts'
import type { Account, MergeGroup, Pull, Repository } from './world.ts'

export const NO_COMMIT = '0'.repeat(40)

export interface Change {
  files: Files
  message: string
  author: Account
}

/** Commits on a branch (or on `parent`, which forces it) and tells everybody. Returns the new head. */
export async function pushFiles(
  github: GitHub,
  repository: Repository,
  branch: string,
  change: Change & { parent?: string | null },
): Promise<string> {
  const { git } = repository
  const tip = await git.resolve(`refs/heads/${branch}`)
  const head = await git.write({
    branch,
    parent: change.parent === undefined ? tip : change.parent,
    files: change.files,
    message: change.message,
    author: signatureOf(github, change.author),
  })
  await announcePush(github, repository, branch, tip, head, change.author)
  return head
}

/** Moves a branch to a commit that is there already. */
export async function moveBranch(
  github: GitHub,
  repository: Repository,
  branch: string,
  head: string,
  by: Account,
): Promise<void> {
  const tip = await repository.git.resolve(`refs/heads/${branch}`)
  await repository.git.setRef(`refs/heads/${branch}`, head)
  await announcePush(github, repository, branch, tip, head, by)
}

export async function openPull(
  github: GitHub,
  draft: {
    repository: Repository
    head: { repository: Repository; ref: string }
    base: string
    title: string
    body: string | null
    author: Account
    draft: boolean
  },
): Promise<Pull> {
  const { world } = github
  const { repository, head } = draft
  const at = world.now()
  await bring(repository, head.repository, head.ref)
  const sha = await head.repository.git.resolve(`refs/heads/${head.ref}`)
  const baseSha = await repository.git.resolve(`refs/heads/${draft.base}`)
  if (!sha || !baseSha) throw new Error(`no branch ${sha ? draft.base : head.ref}`)
  const pull = world.add<Pull>({
    kind: 'Pull',
    repository,
    number: Math.max(0, ...repository.pulls.map((one) => one.number)) + 1,
    title: draft.title,
    body: draft.body,
    author: draft.author,
    draft: draft.draft,
    state: 'open',
    base: { ref: draft.base, sha: baseSha },
    head: { repository: head.repository, owner: head.repository.owner, ref: head.ref, sha },
    shownHead: null,
    commits: new Set(),
    reviews: [],
    threads: [],
    comments: [],
    withoutPatch: new Set(),
    merged: null,
    createdAt: at,
    updatedAt: at,
    closedAt: null,
  })
  // Before anything is waited for: no other may get its number.
  repository.pulls.push(pull)
  await follow(pull)
  await announcePull(github, pull, 'opened', draft.author)
  return pull
}

export async function setState(github: GitHub, pull: Pull, state: 'open' | 'closed', by: Account): Promise<void> {
  pull.state = state
  pull.closedAt = state === 'closed' ? github.world.now() : null
  await announcePull(github, pull, state === 'closed' ? 'closed' : 'reopened', by)
}

export async function setDraft(github: GitHub, pull: Pull, draft: boolean, by: Account): Promise<void> {
  pull.draft = draft
  await announcePull(github, pull, draft ? 'converted_to_draft' : 'ready_for_review', by)
}

export async function setTitle(github: GitHub, pull: Pull, title: string, by: Account): Promise<void> {
  const from = pull.title
  pull.title = title
  await announcePull(github, pull, 'edited', by, { changes: { title: { from } } })
}

export async function retarget(github: GitHub, pull: Pull, ref: string, by: Account): Promise<void> {
  const before = pull.base
  const sha = await pull.repository.git.resolve(`refs/heads/${ref}`)
  if (!sha) throw new Error(`no branch ${ref}`)
  pull.base = { ref, sha }
  await announcePull(github, pull, 'edited', by, {
    changes: { base: { ref: { from: before.ref }, sha: { from: before.sha } } },
  })
}

export async function mergePull(github: GitHub, pull: Pull, by: Account): Promise<string> {
  const { repository } = pull
  const message = `Merge pull request #${pull.number} from ${pull.head.owner.login}/${pull.head.ref}`
  const { commit, base } = await mergeCommit(github, pull, `refs/heads/${pull.base.ref}`, message, by)
  pull.base.sha = base
  pull.merged = { at: github.world.now(), by, commit }
  pull.state = 'closed'
  pull.closedAt = pull.merged.at
  await moveBranch(github, repository, pull.base.ref, commit, by)
  await announcePull(github, pull, 'closed', by)
  return commit
}

/** Queues pull requests: a temporary branch on which they are merged one after the other, which apps are asked to check. */
export async function enqueue(github: GitHub, pulls: readonly [Pull, ...Pull[]], by: Account): Promise<MergeGroup> {
  const [first] = pulls
  const { repository } = first
  const baseRef = `refs/heads/${first.base.ref}`
  const baseSha = (await repository.git.resolve(baseRef)) ?? first.base.sha
  let head = baseSha
  for (const pull of pulls)
    head = (await mergeCommit(github, pull, head, `Merge pull request #${pull.number}: ${pull.title}`, by)).commit
  const last = pulls.at(-1) ?? first
  const headRef = `refs/heads/gh-readonly-queue/${first.base.ref}/pr-${last.number}-${baseSha}`
  await repository.git.setRef(headRef, head)
  const group: MergeGroup = { headSha: head, headRef, baseSha, baseRef, pulls: [...pulls] }
  repository.groups.push(group)
  await announceGroup(github, repository, group, 'checks_requested', by)
  return group
}

export async function dequeue(github: GitHub, repository: Repository, group: MergeGroup, by: Account): Promise<void> {
  repository.groups = repository.groups.filter((one) => one !== group)
  await repository.git.deleteRef(group.headRef)
  await announceGroup(github, repository, group, 'destroyed', by)
}

/** Replays what the pull request changes on the present tip of its base branch, as one commit. */
export async function rebase(github: GitHub, pull: Pull, by: Account): Promise<string> {
  const { git } = pull.repository
  const base = (await git.resolve(`refs/heads/${pull.base.ref}`)) ?? pull.base.sha
  const from = (await mergeBaseOf(pull)) ?? base
  const author = signatureOf(github, by)
  const head = await git.replay({ from, to: pull.head.sha, onto: base, parents: [base], message: pull.title, author })
  await moveBranch(github, headRepository(pull), pull.head.ref, head, by)
  return head
}

/** The button "Update branch": a merge of the base branch into the head. */
export async function mergeBaseInto(github: GitHub, pull: Pull, by: Account): Promise<string> {
  const { git } = pull.repository
  const base = (await git.resolve(`refs/heads/${pull.base.ref}`)) ?? pull.base.sha
  const from = (await mergeBaseOf(pull)) ?? base
  const message = `Merge branch '${pull.base.ref}' into ${pull.head.ref}`
  const parents = [pull.head.sha, base]
  const author = signatureOf(github, by)
  const head = await git.replay({ from, to: base, onto: pull.head.sha, parents, message, author })
  await moveBranch(github, headRepository(pull), pull.head.ref, head, by)
  return head
}

export function headRepository(pull: Pull): Repository {
  if (!pull.head.repository) throw new Error(`the fork of pull request ${pull.number} is gone`)
  return pull.head.repository
}

/** Without a bot's brackets: GitHub's own description calls those no address. */
export function emailOf({ login }: Account): string {
  return `${login.replace('[bot]', '-bot')}@users.noreply.github.com`
}

function signatureOf({ world }: GitHub, account: Account): Signature {
  return { name: account.login, email: emailOf(account), at: world.now() }
}

async function mergeCommit(github: GitHub, pull: Pull, onto: string, message: string, by: Account) {
  const { git } = pull.repository
  const base = (await git.resolve(onto)) ?? pull.base.sha
  const from = (await git.mergeBase(base, pull.head.sha)) ?? base
  const parents = [base, pull.head.sha]
  const commit = await git.replay({
    from,
    to: pull.head.sha,
    onto: base,
    parents,
    message,
    author: signatureOf(github, by),
  })
  return { commit, base }
}

// Brings a fork's branch into the base repository, where GitHub lets it be read by its SHA: before any pull request shows it.
async function bring(repository: Repository, from: Repository, branch: string): Promise<void> {
  if (from !== repository) await repository.git.fetch(from.git, branch, `refs/forks/${from.id}/${branch}`)
}

async function follow(pull: Pull): Promise<void> {
  const { repository, head } = pull
  await repository.git.setRef(`refs/pull/${pull.number}/head`, head.sha)
  pull.commits.add(head.sha)
  for (const commit of await repository.git.commitsBetween(pull.base.sha, head.sha)) pull.commits.add(commit.oid)
}

async function announcePush(
  github: GitHub,
  repository: Repository,
  branch: string,
  before: string | null,
  head: string,
  sender: Account,
): Promise<void> {
  const { world, write, emit } = github
  repository.pushedAt = world.now()
  const suite = suiteOn(github, repository, head, { branch, before })
  const commit = await repository.git.commit(head)
  const pushed = commit && {
    id: commit.oid,
    tree_id: commit.tree,
    distinct: true,
    message: commit.message,
    timestamp: world.now().toISOString(),
    url: `${write.repositoryWeb(repository)}/commit/${commit.oid}`,
    author: { name: commit.author.name, email: commit.author.email },
    committer: { name: commit.committer.name, email: commit.committer.email },
    added: [],
    removed: [],
    modified: [],
  }
  await emit({
    name: 'push',
    action: null,
    account: repository.owner,
    repository,
    sender,
    payload: {
      ref: `refs/heads/${branch}`,
      before: before ?? NO_COMMIT,
      after: head,
      base_ref: null,
      created: before === null,
      deleted: false,
      forced: false,
      compare: `${write.repositoryWeb(repository)}/compare/${before ?? NO_COMMIT}...${head}`,
      commits: pushed ? [pushed] : [],
      head_commit: pushed,
      pusher: { name: sender.login, email: emailOf(sender) },
    },
  })
  await announceSuite(github, suite, 'requested', sender)
  await synchronize(github, repository, branch, head, sender)
}

async function synchronize(
  github: GitHub,
  pushed: Repository,
  branch: string,
  head: string,
  by: Account,
): Promise<void> {
  for (const pull of github.world.repositories.flatMap((one) => one.pulls)) {
    if (pull.head.repository !== pushed || pull.head.ref !== branch || pull.state !== 'open') continue
    if (pull.head.sha === head) continue
    await bring(pull.repository, pushed, branch)
    const before = pull.head.sha
    pull.head.sha = head
    pull.base.sha = (await pull.repository.git.resolve(`refs/heads/${pull.base.ref}`)) ?? pull.base.sha
    await follow(pull)
    await announcePull(github, pull, 'synchronize', by, { before, after: head })
  }
}

async function announcePull(
  { world, write, emit }: GitHub,
  pull: Pull,
  action: string,
  sender: Account,
  more: Record<string, unknown> = {},
): Promise<void> {
  const { repository } = pull
  pull.updatedAt = world.now()
  await emit({
    name: 'pull_request',
    action,
    account: repository.owner,
    repository,
    sender,
    payload: { number: pull.number, pull_request: await write.pull(pull), ...more },
  })
  world.touch()
}

async function announceGroup(
  github: GitHub,
  repository: Repository,
  group: MergeGroup,
  action: 'checks_requested' | 'destroyed',
  sender: Account,
): Promise<void> {
  const { world, write, emit } = github
  const payload = {
    merge_group: {
      head_sha: group.headSha,
      head_ref: group.headRef,
      base_sha: group.baseSha,
      base_ref: group.baseRef,
      head_commit: (await write.fullSuite(suiteOn(github, repository, group.headSha)))['head_commit'],
    },
    ...(action === 'destroyed' && { reason: 'dequeued' }),
  }
  await emit({ name: 'merge_group', action, account: repository.owner, repository, sender, payload })
  world.touch()
}
