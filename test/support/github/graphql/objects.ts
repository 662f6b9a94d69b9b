// The world as GitHub's GraphQL schema shows it: one function per type, each giving a plain object with lazy fields.
import { type Actor, may, type Need, sees } from '../access.ts'
import { changedFiles, presentLines } from '../changes.ts'
import type { GitHub } from '../events.ts'
import type { Commit, GitObject, TreeEntry } from '../git.ts'
import { association, latestRuns, runsOf, suiteState, time, visibleThreads } from '../json.ts'
import { Violation } from '../refusal.ts'
import {
  type Account,
  type App,
  type CheckRun,
  type CheckSuite,
  type Entity,
  fullNameOf,
  type IssueComment,
  type Pull,
  type Reaction,
  type ReactionContent,
  type Repository,
  type Review,
  type ReviewComment,
  type Thread,
} from '../world.ts'
import { forbidden, GraphqlRefusal } from './refusal.ts'
import { searchPulls } from './search.ts'

type Fields = Record<string, unknown>
interface Page {
  first?: number | null
  last?: number | null
  after?: string | null
  before?: string | null
}

const LONGEST_TEXT = 512_000
const REQUESTS_PER_HOUR = 5000

const REACTION_NAMES: Record<ReactionContent, string> = {
  '+1': 'THUMBS_UP',
  '-1': 'THUMBS_DOWN',
  laugh: 'LAUGH',
  hooray: 'HOORAY',
  confused: 'CONFUSED',
  heart: 'HEART',
  rocket: 'ROCKET',
  eyes: 'EYES',
}

export type Objects = ReturnType<typeof createObjects>

export function createObjects(github: GitHub, actor: Actor, spent: { cost: number; nodeCount: number }) {
  const { world, write } = github

  function allow(repository: Repository, ...needs: Need[]): void {
    if (!may(actor, repository, needs)) throw forbidden()
  }

  function readableRepository(found: Repository | undefined, owner: string, name: string): Repository {
    if (found && sees(actor, found)) return found
    throw new GraphqlRefusal('NOT_FOUND', `Could not resolve to a Repository with the name '${owner}/${name}'.`)
  }

  const query: Fields = {
    repository: ({ owner, name, followRenames }: { owner: string; name: string; followRenames?: boolean }) => {
      const found = world.repository(owner, name)
      const isFormer = found && fullNameOf(found).toLowerCase() !== `${owner}/${name}`.toLowerCase()
      return repository(readableRepository(isFormer && followRenames === false ? undefined : found, owner, name))
    },
    organization: ({ login }: { login: string }) => {
      const found = world.account(login)
      if (found?.kind === 'Organization') return account(found)
      throw new GraphqlRefusal('NOT_FOUND', `Could not resolve to an Organization with the login of '${login}'.`)
    },
    user: ({ login }: { login: string }) => {
      const found = world.account(login)
      if (found?.kind === 'User') return account(found)
      throw new GraphqlRefusal('NOT_FOUND', `Could not resolve to a User with the login of '${login}'.`)
    },
    node: ({ id }: { id: string }) => nodeOf(id),
    nodes: ({ ids }: { ids: string[] }) => ids.map(nodeOf),
    // A viewer is a User in the schema, even when it is an app; its login then keeps the `[bot]`.
    viewer: () => ({ ...account(world.app.bot), __typename: 'User', login: world.app.bot.login }),
    rateLimit: ({ dryRun }: { dryRun?: boolean }) => {
      if (dryRun) throw new Violation('the stand-in does not do dry runs')
      return {
        limit: REQUESTS_PER_HOUR,
        cost: spent.cost,
        nodeCount: spent.nodeCount,
        used: spent.cost,
        remaining: REQUESTS_PER_HOUR - spent.cost,
        resetAt: time(new Date(world.now().getTime() + 3_600_000)),
      }
    },
    search: (args: Page & { query: string; type: string }) => {
      if (!args.type.startsWith('ISSUE')) throw new Violation(`the stand-in searches no ${args.type}`)
      const visible = world.repositories.filter((one) => sees(actor, one) && may(actor, one, ['pull_requests:read']))
      const pulls = searchPulls(visible, args.query)
      return { ...connection(args, pulls, (one) => one.nodeId, pull), issueCount: pulls.length }
    },
  }

  function nodeOf(id: string): Fields {
    const entity = world.entities.get(id)
    if (entity && isVisible(entity)) return anyNode(entity)
    throw new GraphqlRefusal('NOT_FOUND', `Could not resolve to a node with the global id of '${id}'.`)
  }

  function isVisible(entity: Entity): boolean {
    const owner = repositoryOf(entity)
    return owner === null || sees(actor, owner)
  }

  function anyNode(entity: Entity): Fields {
    switch (entity.kind) {
      case 'User':
      case 'Organization':
      case 'Bot':
        return account(entity)
      case 'App':
        return app(entity)
      case 'Repository':
        return repository(entity)
      case 'Pull':
        return pull(entity)
      case 'Review':
        return review(entity)
      case 'Thread':
        return thread(entity)
      case 'ReviewComment':
        return reviewComment(entity)
      case 'IssueComment':
        return issueComment(entity)
      case 'Reaction':
        return reaction(entity)
      case 'CheckSuite':
        return suite(entity)
      case 'CheckRun':
        return run(entity)
    }
  }

  function account(one: Account): Fields {
    const login = one.login.replace('[bot]', '')
    const url = String(write.account(one)['html_url'])
    const repositories = () => world.repositories.filter((each) => each.owner === one && sees(actor, each))
    return {
      __typename: one.kind,
      id: one.nodeId,
      databaseId: one.id,
      login,
      name: login,
      url,
      resourcePath: new URL(url).pathname,
      avatarUrl: () => write.account(one)['avatar_url'],
      createdAt: time(one.createdAt),
      repository: ({ name }: { name: string }) =>
        repository(readableRepository(world.repository(one.login, name), one.login, name)),
      repositories: (args: Page) => connection(args, repositories(), (each) => each.nodeId, repository),
    }
  }

  function app(one: App): Fields {
    const url = `${world.webUrl}/apps/${one.slug}`
    return {
      __typename: 'App',
      id: one.nodeId,
      databaseId: one.id,
      clientId: one.clientId,
      slug: one.slug,
      name: one.name,
      url,
      createdAt: time(one.createdAt),
    }
  }

  function repository(one: Repository): Fields {
    const { git } = one
    return {
      __typename: 'Repository',
      id: one.nodeId,
      databaseId: one.id,
      name: one.name,
      nameWithOwner: fullNameOf(one),
      owner: () => account(one.owner),
      url: write.repositoryWeb(one),
      isPrivate: one.private,
      isFork: one.parent !== null,
      isArchived: false,
      isDisabled: false,
      isEmpty: async () => (await git.branches()).size === 0,
      visibility: one.private ? 'PRIVATE' : 'PUBLIC',
      createdAt: time(one.createdAt),
      updatedAt: time(one.updatedAt),
      pushedAt: time(one.pushedAt),
      parent: () => one.parent && repository(one.parent),
      defaultBranchRef: () => ref(one, 'refs/heads/main'),
      ref: ({ qualifiedName }: { qualifiedName: string }) => ref(one, qualifiedName),
      object: async (args: { expression?: string; oid?: string }) => {
        allow(one, 'contents:read')
        const name = args.oid ?? args.expression
        if (name === undefined) throw new Violation('object() needs an oid or an expression')
        const found = await git.object(name)
        return found && gitObject(one, found)
      },
      pullRequest: ({ number }: { number: number }) => {
        allow(one, 'pull_requests:read')
        const found = one.pulls.find((each) => each.number === number)
        if (found) return pull(found)
        throw new GraphqlRefusal('NOT_FOUND', `Could not resolve to a PullRequest with the number of ${number}.`)
      },
      pullRequests: (
        args: Page & {
          states?: string[]
          headRefName?: string
          baseRefName?: string
          orderBy?: { field: string; direction: string }
        },
      ) => {
        allow(one, 'pull_requests:read')
        const wanted = one.pulls
          .filter((each) => !args.states || args.states.includes(stateOf(each)))
          .filter((each) => !args.headRefName || each.head.ref === args.headRefName)
          .filter((each) => !args.baseRefName || each.base.ref === args.baseRefName)
        return connection(args, ordered(wanted, args.orderBy), (each) => each.nodeId, pull)
      },
    }
  }

  async function ref(one: Repository, qualifiedName: string): Promise<Fields | null> {
    allow(one, 'contents:read')
    const name = qualifiedName.replace(/^refs\/heads\//, '')
    const found = await one.git.commit(`refs/heads/${name}`)
    if (!found) return null
    return {
      __typename: 'Ref',
      id: `REF_${Buffer.from(`${one.id}:${name}`).toString('base64url')}`,
      name,
      prefix: 'refs/heads/',
      target: () => commit(one, found),
    }
  }

  function gitObject(one: Repository, found: GitObject): Fields | Promise<Fields | null> {
    if (found.type === 'blob') return blob(one, found)
    if (found.type === 'tree') return tree(one, found.oid)
    return one.git.commit(found.oid).then((each) => each && commit(one, each))
  }

  function blob(one: Repository, { oid, bytes }: GitObject): Fields {
    const isBinary = bytes.subarray(0, 8000).includes(0)
    return {
      __typename: 'Blob',
      id: `B_kwDO${oid}`,
      oid,
      abbreviatedOid: oid.slice(0, 7),
      byteSize: bytes.length,
      isBinary,
      isTruncated: !isBinary && bytes.length > LONGEST_TEXT,
      text: isBinary ? null : cutText(bytes),
      repository: () => repository(one),
    }
  }

  function tree(one: Repository, oid: string): Fields {
    return {
      __typename: 'Tree',
      id: `T_kwDO${oid}`,
      oid,
      abbreviatedOid: oid.slice(0, 7),
      repository: () => repository(one),
      entries: async () => ((await one.git.tree(oid)) ?? []).map((entry) => treeEntry(one, entry)),
    }
  }

  async function entryAt(one: Repository, commitOid: string, path: string): Promise<TreeEntry | null> {
    const folder = path.split('/').slice(0, -1).join('/')
    const entries = await one.git.tree(`${commitOid}:${folder}`)
    return entries?.find((entry) => entry.path === path.split('/').at(-1)) ?? null
  }

  function treeEntry(one: Repository, { mode, type, oid, path }: TreeEntry): Fields {
    return {
      __typename: 'TreeEntry',
      name: path,
      mode: Number.parseInt(mode, 8),
      type,
      oid,
      size: async () => (type === 'blob' ? ((await one.git.object(oid))?.bytes.length ?? 0) : 0),
      object: async () => {
        const found = type === 'commit' ? null : await one.git.object(oid)
        return found && gitObject(one, found)
      },
    }
  }

  function commit(one: Repository, found: Commit): Fields {
    const url = `${write.repositoryWeb(one)}/commit/${found.oid}`
    const person = (who: Commit['author']) => ({
      name: who.name,
      email: who.email,
      date: who.at.toISOString(),
      user: () => {
        const user = world.account(who.name)
        return user?.kind === 'User' ? account(user) : null
      },
    })
    return {
      __typename: 'Commit',
      id: `C_kwDO${found.oid}`,
      oid: found.oid,
      abbreviatedOid: found.oid.slice(0, 7),
      message: found.message,
      messageHeadline: found.message.split('\n')[0],
      authoredDate: time(found.author.at),
      committedDate: time(found.committer.at),
      author: () => person(found.author),
      committer: () => person(found.committer),
      url,
      repository: () => repository(one),
      tree: () => tree(one, found.tree),
      file: async ({ path }: { path: string }) => {
        const entry = await entryAt(one, found.oid, path)
        return entry && treeEntry(one, entry)
      },
      history: async (args: Page) => {
        const commits = (await one.git.commitsBetween(null, found.oid)).toReversed()
        return connection(
          args,
          commits,
          (each) => each.oid,
          (each) => commit(one, each),
        )
      },
      parents: (args: Page) =>
        connection(args, found.parents, String, async (oid) => {
          const parent = await one.git.commit(oid)
          return parent && commit(one, parent)
        }),
      checkSuites: (args: Page & { filterBy?: { appId?: number; checkName?: string } }) => {
        allow(one, 'checks:read')
        const { appId, checkName } = args.filterBy ?? {}
        const wanted = one.suites
          .filter((each) => each.headSha === found.oid && (!appId || appId === world.app.id))
          .filter((each) => !checkName || runsOf(each).some((run) => run.name === checkName))
        return connection(args, wanted, (each) => each.nodeId, suite)
      },
      // The open pull requests that hold the commit, and the merged one that brought it; the heads of forks are not linked.
      associatedPullRequests: (args: Page & { orderBy?: { field: string; direction: string } }) => {
        allow(one, 'pull_requests:read')
        const wanted = one.pulls.filter(
          (each) =>
            each.head.repository === one &&
            (each.commits.has(found.oid) || each.merged?.commit === found.oid) &&
            (each.state === 'open' || each.merged !== null),
        )
        return connection(args, ordered(wanted, args.orderBy), (each) => each.nodeId, pull)
      },
    }
  }

  function pull(one: Pull): Fields {
    const { repository: home, base } = one
    const head = { ...one.head, sha: one.shownHead ?? one.head.sha }
    const files = () => changedFiles(one, head.sha)
    const sum = async (key: 'additions' | 'deletions') => (await files()).reduce((total, file) => total + file[key], 0)
    const commitAt = async (oid: string) => {
      const found = await home.git.commit(oid)
      return found && commit(home, found)
    }
    return {
      __typename: 'PullRequest',
      id: one.nodeId,
      databaseId: one.id,
      fullDatabaseId: String(one.id),
      number: one.number,
      title: one.title,
      body: one.body ?? '',
      url: write.pullWeb(one),
      state: stateOf(one),
      isDraft: one.draft,
      locked: false,
      closed: one.state === 'closed',
      merged: one.merged !== null,
      createdAt: time(one.createdAt),
      updatedAt: time(one.updatedAt),
      closedAt: time(one.closedAt),
      mergedAt: time(one.merged?.at),
      mergedBy: () => one.merged && account(one.merged.by),
      mergeCommit: () => one.merged && commitAt(one.merged.commit),
      // Computed in the background by GitHub, and so not known here.
      mergeable: 'UNKNOWN',
      isInMergeQueue: home.groups.some((group) => group.pulls.includes(one)),
      author: () => account(one.author),
      authorAssociation: association(home, one.author),
      headRefOid: head.sha,
      headRefName: head.ref,
      headRepository: () => head.repository && repository(head.repository),
      headRepositoryOwner: () => head.repository && account(head.repository.owner),
      headRef: () => (head.repository === home ? ref(home, head.ref) : null),
      baseRefOid: base.sha,
      baseRefName: base.ref,
      baseRef: () => ref(home, base.ref),
      baseRepository: () => repository(home),
      repository: () => repository(home),
      isCrossRepository: head.repository !== home,
      maintainerCanModify: false,
      changedFiles: async () => (await files()).length,
      additions: () => sum('additions'),
      deletions: () => sum('deletions'),
      files: async (args: Page) =>
        connection(
          args,
          await files(),
          (file) => file.path,
          (file) => ({
            path: file.path,
            additions: file.additions,
            deletions: file.deletions,
            changeType: file.status === 'removed' ? 'DELETED' : file.status.toUpperCase(),
          }),
        ),
      commits: async (args: Page) => {
        const commits = await home.git.commitsBetween(base.sha, head.sha)
        return connection(
          args,
          commits,
          (each) => each.oid,
          (each) => ({
            __typename: 'PullRequestCommit',
            id: `PRC_${one.id}${each.oid}`,
            commit: () => commit(home, each),
          }),
        )
      },
      reviewThreads: (args: Page) => connection(args, visibleThreads(one), (each) => each.nodeId, thread),
      reviews: (args: Page & { states?: string[]; author?: string }) => {
        const wanted = one.reviews
          .filter((each) => each.state !== 'PENDING' || each.user === world.app.bot)
          .filter((each) => !args.states || args.states.includes(each.state))
          .filter((each) => !args.author || each.user.login === args.author)
        return connection(args, wanted, (each) => each.nodeId, review)
      },
      comments: (args: Page) => connection(args, one.comments, (each) => each.nodeId, issueComment),
    }
  }

  function review(one: Review): Fields {
    const comments = () => one.pull.threads.flatMap((each) => each.comments).filter((each) => each.review === one)
    return {
      __typename: 'PullRequestReview',
      ...said(one, one.pull),
      state: one.state,
      url: `${write.pullWeb(one.pull)}#pullrequestreview-${one.id}`,
      submittedAt: time(one.submittedAt),
      commit: async () => {
        const found = await one.pull.repository.git.commit(one.commit)
        return found && commit(one.pull.repository, found)
      },
      pullRequest: () => pull(one.pull),
      comments: (args: Page) => connection(args, comments(), (each) => each.nodeId, reviewComment),
    }
  }

  function thread(one: Thread): Fields {
    const { anchor } = one
    const present = () => presentLines(one.pull, anchor)
    const visible = () => one.comments.filter((each) => each.review.state !== 'PENDING' || each.user === world.app.bot)
    return {
      __typename: 'PullRequestReviewThread',
      id: one.nodeId,
      isResolved: one.resolvedBy !== null,
      isCollapsed: one.resolvedBy !== null,
      isOutdated: async () => anchor.line !== null && (await present()) === null,
      resolvedBy: () => one.resolvedBy && account(one.resolvedBy),
      path: anchor.path,
      line: async () => (await present())?.line ?? null,
      startLine: async () => (await present())?.startLine ?? null,
      originalLine: anchor.line,
      originalStartLine: anchor.startLine,
      diffSide: anchor.side,
      startDiffSide: anchor.startSide,
      subjectType: anchor.line === null ? 'FILE' : 'LINE',
      viewerCanReply: may(actor, one.pull.repository, ['pull_requests:write']),
      viewerCanResolve: may(actor, one.pull.repository, ['contents:write']) && one.resolvedBy === null,
      viewerCanUnresolve: may(actor, one.pull.repository, ['contents:write']) && one.resolvedBy !== null,
      pullRequest: () => pull(one.pull),
      repository: () => repository(one.pull.repository),
      comments: (args: Page) => connection(args, visible(), (each) => each.nodeId, reviewComment),
    }
  }

  function reviewComment(one: ReviewComment): Fields {
    const { anchor, pull: home } = one.thread
    const present = () => presentLines(home, anchor)
    const commitAt = async (oid: string) => {
      const found = await home.repository.git.commit(oid)
      return found && commit(home.repository, found)
    }
    return {
      __typename: 'PullRequestReviewComment',
      ...said(one, home),
      ...minimizable(one),
      url: `${write.pullWeb(home)}#discussion_r${one.id}`,
      path: anchor.path,
      line: async () => (await present())?.line ?? null,
      startLine: async () => (await present())?.startLine ?? null,
      originalLine: anchor.line,
      originalStartLine: anchor.startLine,
      outdated: async () => anchor.line !== null && (await present()) === null,
      diffHunk: anchor.diffHunk,
      subjectType: anchor.line === null ? 'FILE' : 'LINE',
      state: one.review.state === 'PENDING' ? 'PENDING' : 'SUBMITTED',
      publishedAt: time(one.createdAt),
      commit: async () => commitAt((await present()) ? home.head.sha : anchor.commit),
      originalCommit: () => commitAt(anchor.commit),
      replyTo: () => (one.thread.comments[0] === one ? null : reviewComment(one.thread.comments[0]!)),
      pullRequestReview: () => review(one.review),
      pullRequest: () => pull(home),
      repository: () => repository(home.repository),
    }
  }

  function issueComment(one: IssueComment): Fields {
    return {
      __typename: 'IssueComment',
      ...said(one, one.pull),
      ...minimizable(one),
      url: `${write.pullWeb(one.pull)}#issuecomment-${one.id}`,
      publishedAt: time(one.createdAt),
      pullRequest: () => pull(one.pull),
      repository: () => repository(one.pull.repository),
    }
  }

  /** What all texts that somebody wrote have in common. */
  function said(one: Review | ReviewComment | IssueComment, on: Pull): Fields {
    const isOurs = one.user === world.app.bot
    const isEdited = one.updatedAt > one.createdAt
    return {
      id: one.nodeId,
      databaseId: one.id,
      fullDatabaseId: String(one.id),
      body: one.body,
      author: () => account(one.user),
      editor: () => (one.kind !== 'Review' && one.editor ? account(one.editor) : null),
      authorAssociation: association(on.repository, one.user),
      viewerDidAuthor: isOurs,
      viewerCanUpdate: isOurs,
      viewerCanDelete: isOurs,
      createdAt: time(one.createdAt),
      updatedAt: time(one.updatedAt),
      lastEditedAt: isEdited ? time(one.updatedAt) : null,
      includesCreatedEdit: isEdited,
      reactionGroups: () =>
        Object.keys(REACTION_NAMES).map((content) => reactionGroup(one.reactions, content as ReactionContent)),
      reactions: (args: Page & { content?: string; orderBy?: { direction: string } }) => {
        const { content } = args
        const wanted = one.reactions.filter((each) => !content || REACTION_NAMES[each.content] === content)
        const sorted = args.orderBy?.direction === 'DESC' ? wanted.toReversed() : wanted
        return connection(args, sorted, (each) => each.nodeId, reaction)
      },
    }
  }

  function minimizable(one: ReviewComment | IssueComment): Fields {
    return {
      isMinimized: one.minimized !== null,
      minimizedReason: one.minimized?.toLowerCase().replace('_', '-') ?? null,
      viewerCanMinimize: true,
    }
  }

  function reaction(one: Reaction): Fields {
    return {
      __typename: 'Reaction',
      id: one.nodeId,
      databaseId: one.id,
      content: REACTION_NAMES[one.content],
      createdAt: time(one.createdAt),
      user: () => (one.user.kind === 'User' ? account(one.user) : null),
    }
  }

  function reactionGroup(reactions: Reaction[], content: ReactionContent): Fields {
    const given = reactions.filter((one) => one.content === content)
    const reactors = (args: Page) =>
      connection(
        args,
        given,
        (one) => one.nodeId,
        (one) => account(one.user),
      )
    return {
      __typename: 'ReactionGroup',
      content: REACTION_NAMES[content],
      createdAt: time(given[0]?.createdAt),
      viewerHasReacted: given.some((one) => one.user === world.app.bot),
      reactors,
      users: reactors,
    }
  }

  function suite(one: CheckSuite): Fields {
    const { status, conclusion } = suiteState(one)
    return {
      __typename: 'CheckSuite',
      id: one.nodeId,
      databaseId: one.id,
      status: status.toUpperCase(),
      conclusion: conclusion?.toUpperCase() ?? null,
      app: () => app(world.app),
      createdAt: time(one.createdAt),
      updatedAt: time(one.updatedAt),
      url: `${write.repositoryWeb(one.repository)}/commit/${one.headSha}/checks?check_suite_id=${one.id}`,
      repository: () => repository(one.repository),
      commit: async () => {
        const found = await one.repository.git.commit(one.headSha)
        return found && commit(one.repository, found)
      },
      matchingPullRequests: (args: Page) => connection(args, write.pullsWithHead(one), (each) => each.nodeId, pull),
      checkRuns: (
        args: Page & {
          filterBy?: { appId?: number; checkName?: string; status?: string; checkType?: string; statuses?: string[] }
        },
      ) => {
        const { appId, checkName, status: only, checkType = 'LATEST', statuses, ...rest } = args.filterBy ?? {}
        if (Object.keys(rest).length > 0)
          throw new Violation(`the stand-in does not filter runs by ${Object.keys(rest).join()}`)
        const wanted = (checkType === 'ALL' ? runsOf(one) : latestRuns(runsOf(one)))
          .filter((each) => (!appId || appId === world.app.id) && (!checkName || each.name === checkName))
          .filter((each) => !only || each.status.toUpperCase() === only)
          .filter((each) => !statuses || statuses.includes(each.status.toUpperCase()))
        return connection(args, wanted.toReversed(), (each) => each.nodeId, run)
      },
    }
  }

  function run(one: CheckRun): Fields {
    const url = `${write.repositoryWeb(one.suite.repository)}/runs/${one.id}`
    return {
      __typename: 'CheckRun',
      id: one.nodeId,
      databaseId: one.id,
      name: one.name,
      status: one.status.toUpperCase(),
      conclusion: one.conclusion?.toUpperCase() ?? null,
      externalId: one.externalId,
      detailsUrl: one.detailsUrl ?? url,
      permalink: url,
      url,
      startedAt: time(one.startedAt),
      completedAt: time(one.completedAt),
      title: one.title,
      summary: one.summary,
      text: one.text,
      checkSuite: () => suite(one.suite),
      repository: () => repository(one.suite.repository),
      annotations: (args: Page) =>
        connection(
          args,
          one.annotations,
          (each) => String(one.annotations.indexOf(each)),
          (each) => ({
            __typename: 'CheckAnnotation',
            path: each.path,
            location: {
              start: { line: each.startLine, column: each.startColumn },
              end: { line: each.endLine, column: each.endColumn },
            },
            annotationLevel: each.level.toUpperCase(),
            title: each.title,
            message: each.message,
            rawDetails: each.rawDetails,
            blobUrl: write.annotation(one, each)['blob_href'],
          }),
        ),
    }
  }

  return { query, pull, review, thread, reviewComment, issueComment, reaction, allow }
}

function repositoryOf(entity: Entity): Repository | null {
  switch (entity.kind) {
    case 'Repository':
      return entity
    case 'Pull':
      return entity.repository
    case 'Review':
    case 'Thread':
    case 'IssueComment':
      return entity.pull.repository
    case 'ReviewComment':
      return entity.thread.pull.repository
    case 'CheckSuite':
      return entity.repository
    case 'CheckRun':
      return entity.suite.repository
    default:
      return null
  }
}

function stateOf(pull: Pull): 'OPEN' | 'CLOSED' | 'MERGED' {
  if (pull.merged) return 'MERGED'
  return pull.state === 'open' ? 'OPEN' : 'CLOSED'
}

function ordered(pulls: Pull[], by?: { field: string; direction: string }): Pull[] {
  const key = (one: Pull) => (by?.field === 'UPDATED_AT' ? one.updatedAt.getTime() : one.number)
  const sorted = pulls.toSorted((a, b) => key(a) - key(b))
  return by?.direction === 'DESC' ? sorted.reverse() : sorted
}

// GitHub cuts at exactly so many bytes, and a character that does not fit whole is left out.
function cutText(bytes: Buffer): string {
  if (bytes.length <= LONGEST_TEXT) return bytes.toString('utf8')
  return bytes.toString('utf8', 0, LONGEST_TEXT).replace(/\uFFFD+$/, '')
}

function connection<T>(
  page: Page,
  items: readonly T[],
  cursorOf: (item: T) => string,
  toNode: (item: T) => unknown,
): Fields {
  const first = page.first ?? null
  const last = page.last ?? null
  const { after, before } = page
  // Without bounds only the total may be asked for.
  const unbounded = first === null && last === null
  const refuse = () => {
    throw new Violation('You must provide a `first` or `last` value to properly paginate a connection.')
  }
  if (unbounded) return { totalCount: items.length, nodes: refuse, edges: refuse, pageInfo: refuse }
  const cursor = (item: T) => Buffer.from(`cursor:${cursorOf(item)}`).toString('base64')
  const start = after ? items.findIndex((item) => cursor(item) === after) + 1 : 0
  const end = before ? items.findIndex((item) => cursor(item) === before) : items.length
  const range = items.slice(start, end)
  const shown = first !== null ? range.slice(0, first) : range.slice(Math.max(0, range.length - (last ?? 0)))
  const from = first !== null ? start : end - shown.length
  return {
    totalCount: items.length,
    nodes: () => shown.map(toNode),
    edges: () => shown.map((item) => ({ cursor: cursor(item), node: () => toNode(item) })),
    pageInfo: {
      hasNextPage: from + shown.length < items.length,
      hasPreviousPage: from > 0,
      startCursor: shown.length > 0 ? cursor(shown[0]!) : null,
      endCursor: shown.length > 0 ? cursor(shown.at(-1)!) : null,
    },
  }
}
