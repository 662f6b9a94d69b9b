// The words in which tests and the demo speak: open, push, comment, merge, and what stands there now.
import { join } from 'node:path'
import { changedFiles, mergeBaseOf, presentLines } from './changes.ts'
import { announceRun, announceSuite } from './checks.ts'
import type { GitHub } from './events.ts'
import { createGit, type Difference, type Files } from './git.ts'
import { latestRuns } from './json.ts'
import {
  dequeue,
  emailOf,
  enqueue,
  headRepository,
  mergeBaseInto,
  mergePull,
  moveBranch,
  openPull,
  pushFiles,
  rebase,
  retarget,
  setDraft,
  setState,
  setTitle,
} from './pulls.ts'
import { createIssueComment, createReview, deleteComment, editComment, react, replyTo } from './reviews.ts'
import {
  type Account,
  type CheckRun,
  EVENTS,
  type Installation,
  type IssueComment,
  type MergeGroup,
  PERMISSIONS,
  type Permissions,
  type Pull,
  type ReactionContent,
  type Repository,
  type ReviewComment,
  type Role,
  type Thread,
} from './world.ts'

export interface RepositoryOptions {
  /** The first commit on `main`. */
  files?: Files
  /** true where not said: permissions matter only on what is private. */
  private?: boolean
  /** false: the app is not installed here. */
  installed?: boolean
  /** The installation's, where it is new with this repository. */
  permissions?: Permissions
  events?: string[]
  /** The owner is a person, not an organisation. */
  personal?: boolean
}

export interface OpenOptions {
  branch: string
  files: Files
  title?: string
  body?: string | null
  base?: string
  author?: string
  message?: string
  draft?: boolean
  /** The fork whose branch it is; else the branch is the repository's own. */
  from?: RepositoryHandle
}

export interface CommentView {
  id: number
  nodeId: string
  path: string
  /** Where it stands at the present head; null when it is outdated. */
  line: number | null
  startLine: number | null
  originalLine: number | null
  author: string
  body: string
  reactions: { by: string; content: ReactionContent }[]
  minimized: string | null
  resolved: boolean
  replies: { id: number; author: string; body: string }[]
}

export interface ReviewView {
  id: number
  author: string
  state: string
  body: string
  commit: string
  comments: number
}

export interface RepositoryHandle {
  home: Repository
  readonly id: number
  readonly fullName: string
  allow: (login: string, role: Role) => void
  /** Commits to a branch of the repository itself; a new branch starts at `from`. */
  push: (branch: string, files: Files, options?: As & { message?: string; from?: string }) => Promise<string>
  /** Commits to a new branch and opens a pull request from it. */
  open: (options: OpenOptions) => Promise<PullHandle>
  /** A pull request from a branch that is there already. */
  openFrom: (
    branch: string,
    options?: As & { title?: string; base?: string; from?: RepositoryHandle },
  ) => Promise<PullHandle>
  fork: (login: string) => Promise<RepositoryHandle>
  /** Deletes the repository; pull requests from it stay, without their head repository. */
  remove: () => void
  rename: (fullName: string) => void
  /** The app is installed here, later than the repository was made. */
  install: (permissions?: Permissions) => Promise<void>
  /** Puts pull requests into the merge queue, as one group. */
  enqueue: (...pulls: [PullHandle, ...PullHandle[]]) => Promise<MergeGroup>
  dequeue: (group: MergeGroup) => Promise<void>
  /** Runs of the app on a commit, oldest first. */
  runsOn: (sha: string) => CheckRun[]
  /** Waits until the newest check run on a commit has a conclusion. */
  concludedOn: (sha: string, name?: string) => Promise<CheckRun>
  /** The button "Re-run" of a check run, or of all of a suite. */
  rerequest: (run: CheckRun, what?: 'run' | 'suite', options?: As) => Promise<void>
  /** One of the buttons that the app put under its run. */
  press: (run: CheckRun, identifier: string, options?: As) => Promise<void>
}

export type PullHandle = ReturnType<ReturnType<typeof createHandles>['pullHandleOf']>

type Until = <T>(what: string, check: () => T | null | undefined | false) => Promise<T>
type As = { as?: string }

const AUTHOR = 'alice'

export function createHandles(github: GitHub, directory: string, until: Until) {
  const { world } = github

  async function repository(fullName: string, options: RepositoryOptions = {}): Promise<RepositoryHandle> {
    const [ownerName = '', name = ''] = fullName.split('/')
    const owner = options.personal ? world.user(ownerName) : world.organization(ownerName)
    const created = await createRepository(owner, name, options.private ?? true, null)
    const files = options.files ?? { 'README.md': `# ${name}\n` }
    await created.git.write({ branch: 'main', parent: null, files, message: 'Start', author: signature(owner) })
    if (options.installed !== false) await install(created, options)
    return handleOf(created)
  }

  async function createRepository(owner: Account, name: string, isPrivate: boolean, parent: Repository | null) {
    const at = world.now()
    const path = join(directory, owner.login, `${name}.git`)
    const created = world.add<Repository>({
      kind: 'Repository',
      owner,
      name,
      private: isPrivate,
      parent,
      git: await createGit(path, parent?.git),
      roles: new Map(),
      pulls: [],
      suites: [],
      runs: [],
      groups: [],
      createdAt: at,
      updatedAt: at,
      pushedAt: at,
      deleted: false,
    })
    world.repositories.push(created)
    return created
  }

  async function install(on: Repository, options: RepositoryOptions): Promise<void> {
    const known = world.installations.find((one) => one.account === on.owner)
    if (known) {
      if (known.repositories === 'all' || known.repositories.has(on)) return
      known.repositories.add(on)
      await announceInstallation(known, 'installation_repositories', 'added', {
        repositories_added: [brief(on)],
        repositories_removed: [],
        repository_selection: 'selected',
        requester: null,
      })
      return
    }
    const at = world.now()
    const installation: Installation = {
      id: world.nextId(),
      account: on.owner,
      permissions: options.permissions ?? world.app.permissions ?? PERMISSIONS,
      events: options.events ?? world.app.events ?? EVENTS,
      repositories: new Set([on]),
      suspendedAt: null,
      createdAt: at,
      updatedAt: at,
    }
    world.installations.push(installation)
    await announceInstallation(installation, 'installation', 'created', { repositories: [brief(on)], requester: null })
  }

  function installation(login: string): Installation {
    const found = world.installations.find((one) => one.account.login === login)
    if (!found) throw new Error(`the app is not installed at ${login}`)
    return found
  }

  async function announceInstallation(
    one: Installation,
    name: 'installation' | 'installation_repositories',
    action: string,
    payload: Record<string, unknown>,
  ): Promise<void> {
    one.updatedAt = world.now()
    await github.emit({ name, action, account: one.account, repository: null, sender: world.user(AUTHOR), payload })
    world.touch()
  }

  function brief(one: Repository) {
    const { id, node_id, name, full_name, private: isPrivate } = github.write.repository(one)
    return { id, node_id, name, full_name, private: isPrivate }
  }

  function signature(who: Account) {
    return { name: who.login, email: emailOf(who), at: world.now() }
  }

  function reposOf(one: Installation): Repository[] {
    return world.repositories.filter((each) => world.installationOf(each) === one)
  }

  function handleOf(home: Repository): RepositoryHandle {
    return {
      home,
      get id(): number {
        return home.id
      },
      get fullName(): string {
        return `${home.owner.login}/${home.name}`
      },

      allow(login: string, role: Role): void {
        home.roles.set(world.user(login), role)
      },

      async push(
        branch: string,
        files: Files,
        { as = AUTHOR, message = 'Change', from = 'main' } = {},
      ): Promise<string> {
        const isThere = await home.git.resolve(`refs/heads/${branch}`)
        const parent = isThere ?? (await home.git.resolve(`refs/heads/${from}`))
        return pushFiles(github, home, branch, { files, message, author: world.user(as), parent })
      },

      async open(options: OpenOptions): Promise<PullHandle> {
        const author = world.user(options.author ?? (options.from ? options.from.home.owner.login : AUTHOR))
        const source = options.from?.home ?? home
        if (source === home && !home.roles.has(author)) home.roles.set(author, 'write')
        const base = options.base ?? 'main'
        const title = options.title ?? `Change ${options.branch}`
        const parent = await source.git.resolve(`refs/heads/${source === home ? base : 'main'}`)
        await pushFiles(github, source, options.branch, {
          files: options.files,
          message: options.message ?? title,
          author,
          parent,
        })
        const pull = await openPull(github, {
          repository: home,
          head: { repository: source, ref: options.branch },
          base,
          title,
          body: options.body ?? null,
          author,
          draft: options.draft ?? false,
        })
        return pullHandleOf(pull)
      },

      async openFrom(
        branch: string,
        {
          title = `Change ${branch}`,
          base = 'main',
          as = AUTHOR,
          from = undefined as RepositoryHandle | undefined,
        } = {},
      ): Promise<PullHandle> {
        const head = { repository: from?.home ?? home, ref: branch }
        return pullHandleOf(
          await openPull(github, {
            repository: home,
            head,
            base,
            title,
            body: null,
            author: world.user(as),
            draft: false,
          }),
        )
      },

      async fork(login: string): Promise<RepositoryHandle> {
        const fork = await createRepository(world.user(login), home.name, home.private, home)
        const main = await home.git.resolve('refs/heads/main')
        if (main) await fork.git.setRef('refs/heads/main', main)
        return handleOf(fork)
      },

      remove(): void {
        home.deleted = true
        for (const pull of world.repositories.flatMap((one) => one.pulls))
          if (pull.head.repository === home) pull.head.repository = null
      },

      rename(fullName: string): void {
        const [owner = '', name = ''] = fullName.split('/')
        world.rename(home, world.organization(owner), name)
      },

      install(permissions?: Permissions): Promise<void> {
        return install(home, permissions === undefined ? {} : { permissions })
      },

      async enqueue(...pulls: [PullHandle, ...PullHandle[]]): Promise<MergeGroup> {
        const [first, ...others] = pulls
        return enqueue(github, [first.pull, ...others.map((one) => one.pull)], world.user(AUTHOR))
      },

      dequeue(group: MergeGroup): Promise<void> {
        return dequeue(github, home, group, world.user(AUTHOR))
      },

      runsOn(sha: string): CheckRun[] {
        return home.runs.filter((run) => run.headSha === sha)
      },

      concludedOn(sha: string, name?: string): Promise<CheckRun> {
        return concludedRun(home, () => sha, name)
      },

      async rerequest(run: CheckRun, what: 'run' | 'suite' = 'run', { as = AUTHOR }: As = {}): Promise<void> {
        if (what === 'run') await announceRun(github, run, 'rerequested', world.user(as))
        else await announceSuite(github, run.suite, 'rerequested', world.user(as))
      },

      async press(run: CheckRun, identifier: string, { as = AUTHOR }: As = {}): Promise<void> {
        if (!run.actions.some((one) => one.identifier === identifier)) throw new Error(`no button ${identifier}`)
        await announceRun(github, run, 'requested_action', world.user(as), identifier)
      },
    }
  }

  function concludedRun(home: Repository, sha: () => string, name?: string): Promise<CheckRun> {
    return until(`a concluded check run${name ? ` ${name}` : ''} on ${sha()}`, () => {
      const runs = home.runs.filter((run) => run.headSha === sha() && (name === undefined || run.name === name))
      const newest = latestRuns(runs)
      return newest.length > 0 && newest.every((run) => run.status === 'completed') ? newest.at(-1) : null
    })
  }

  function pullHandleOf(pull: Pull) {
    const home = pull.repository

    function person(login: string = pull.author.login): Account {
      return world.user(login)
    }

    function threads(): Thread[] {
      return pull.threads.filter((one) => one.comments.some((each) => each.review.state !== 'PENDING'))
    }

    function reviewCommentOf(view: { id: number }): ReviewComment {
      const found = pull.threads.flatMap((one) => one.comments).find((one) => one.id === view.id)
      if (!found) throw new Error(`no review comment ${view.id}`)
      return found
    }

    function anyCommentOf(view: { id: number }): ReviewComment | IssueComment {
      return pull.comments.find((one) => one.id === view.id) ?? reviewCommentOf(view)
    }

    async function viewOf(thread: Thread): Promise<CommentView> {
      const [first, ...replies] = thread.comments
      if (!first) throw new Error('a thread without comments')
      const present = await presentLines(pull, thread.anchor)
      return {
        id: first.id,
        nodeId: first.nodeId,
        path: thread.anchor.path,
        line: present?.line ?? null,
        startLine: present?.startLine ?? null,
        originalLine: thread.anchor.line,
        author: first.user.login,
        body: first.body,
        reactions: first.reactions.map((one) => ({ by: one.user.login, content: one.content })),
        minimized: first.minimized,
        resolved: thread.resolvedBy !== null,
        replies: replies.map((one) => ({ id: one.id, author: one.user.login, body: one.body })),
      }
    }

    async function commit(files: Files, parent: string | null, message: string, as?: string): Promise<string> {
      return pushFiles(github, headRepository(pull), pull.head.ref, { files, message, author: person(as), parent })
    }

    return {
      pull,
      get number(): number {
        return pull.number
      },
      get head(): string {
        return pull.head.sha
      },

      push(files: Files, { message = 'Change again', as }: As & { message?: string } = {}): Promise<string> {
        return commit(files, pull.head.sha, message, as)
      },

      /**
       * Replaces all commits by one on the merge base, or on the tip of another branch: what the pull request changes
       * is then `files` and nothing else.
       */
      async forcePush(
        files: Files,
        { message = pull.title, onto, as }: As & { message?: string; onto?: string } = {},
      ): Promise<string> {
        const parent = onto === undefined ? mergeBaseOf(pull) : home.git.resolve(`refs/heads/${onto}`)
        return commit(files, await parent, message, as)
      },

      /** Puts the branch on top of the present base branch: other commits, the same change. */
      rebase({ as }: As = {}): Promise<string> {
        return rebase(github, pull, person(as))
      },

      /** Merges the base branch into the head, as "Update branch" does. */
      mergeBase({ as }: As = {}): Promise<string> {
        return mergeBaseInto(github, pull, person(as))
      },

      /** Moves the branch to a commit that it had before. */
      async reset(sha: string, { as }: As = {}): Promise<void> {
        await moveBranch(github, headRepository(pull), pull.head.ref, sha, person(as))
      },

      close: ({ as }: As = {}) => setState(github, pull, 'closed', person(as)),
      reopen: ({ as }: As = {}) => setState(github, pull, 'open', person(as)),
      markReady: ({ as }: As = {}) => setDraft(github, pull, false, person(as)),
      convertToDraft: ({ as }: As = {}) => setDraft(github, pull, true, person(as)),
      retitle: (title: string, { as }: As = {}) => setTitle(github, pull, title, person(as)),
      retarget: (branch: string, { as }: As = {}) => retarget(github, pull, branch, person(as)),
      merge: ({ as }: As = {}) => mergePull(github, pull, person(as)),

      /** From now on reading the pull request shows it as it is now, whatever is pushed, until `catchUp`. */
      lag(): void {
        pull.shownHead = pull.head.sha
      },

      catchUp(): void {
        pull.shownHead = null
      },

      /** GitHub leaves the patch out of the list of files, as it does for large ones. */
      withholdPatch(path: string): void {
        pull.withoutPatch.add(path)
      },

      files(): Promise<Difference[]> {
        return changedFiles(pull)
      },

      /** The threads on lines of code, oldest first. */
      comments(): Promise<CommentView[]> {
        return Promise.all(threads().map(viewOf))
      },

      reviews(): ReviewView[] {
        return pull.reviews
          .filter((one) => one.state !== 'PENDING')
          .map((one) => ({
            id: one.id,
            author: one.user.login,
            state: one.state,
            body: one.body,
            commit: one.commit,
            comments: pull.threads.flatMap((each) => each.comments).filter((each) => each.review === one).length,
          }))
      },

      /** What was said below the pull request, not on its lines. */
      conversation(): { id: number; author: string; body: string; reactions: string[] }[] {
        return pull.comments.map((one) => ({
          id: one.id,
          author: one.user.login,
          body: one.body,
          reactions: one.reactions.map((each) => each.content),
        }))
      },

      /** All check runs of the app on a commit, oldest first. */
      checkRuns(sha: string = pull.head.sha): CheckRun[] {
        return home.runs.filter((run) => run.headSha === sha)
      },

      /** Waits until the newest check run on the present head has a conclusion. */
      concluded(name?: string): Promise<CheckRun> {
        return concludedRun(home, () => pull.head.sha, name)
      },

      comment(text: string, { as }: As = {}): Promise<IssueComment> {
        return createIssueComment(github, pull, person(as), text)
      },

      reply(to: { id: number }, text: string, { as }: As = {}): Promise<ReviewComment> {
        return replyTo(github, reviewCommentOf(to), person(as), text)
      },

      /** A review of one comment by a person. */
      async review(path: string, line: number, text: string, { as }: As = {}): Promise<void> {
        const comments = [{ path, line, side: 'RIGHT', body: text }]
        await createReview(github, pull, person(as), { body: text, event: 'COMMENT', commit: pull.head.sha, comments })
      },

      react(to: { id: number }, content: ReactionContent, { as }: As = {}): void {
        react(github, anyCommentOf(to), person(as), content)
      },

      /** Changes a comment, one's own or somebody else's. */
      edit(comment: { id: number }, text: string, { as }: As = {}): Promise<void> {
        return editComment(github, anyCommentOf(comment), text, person(as))
      },

      async remove(comment: { id: number }, { as }: As = {}): Promise<void> {
        await deleteComment(github, anyCommentOf(comment), person(as))
      },

      resolve(comment: { id: number }, { as }: As = {}): void {
        reviewCommentOf(comment).thread.resolvedBy = person(as)
      },

      /** A review of the app's own that was never submitted, as a crash between two requests can leave. */
      async leavePendingReview(): Promise<void> {
        await createReview(github, pull, world.app.bot, { body: '', event: null, commit: null, comments: [] })
      },
    }
  }

  return {
    repository,
    installation,
    handleOf,
    pullHandleOf,

    async uninstall(login: string): Promise<void> {
      const one = installation(login)
      await announceInstallation(one, 'installation', 'deleted', { repositories: reposOf(one).map(brief) })
      world.installations.splice(world.installations.indexOf(one), 1)
    },

    async suspend(login: string): Promise<void> {
      const one = installation(login)
      one.suspendedAt = world.now()
      await announceInstallation(one, 'installation', 'suspend', { repositories: reposOf(one).map(brief) })
    },

    async unsuspend(login: string): Promise<void> {
      const one = installation(login)
      one.suspendedAt = null
      await announceInstallation(one, 'installation', 'unsuspend', { repositories: reposOf(one).map(brief) })
    },
  }
}
