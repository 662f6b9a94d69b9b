// How the REST API and the webhooks write the world down as JSON.
import { changedFiles, positionOf, presentLines, shownPatch } from './changes.ts'
import type { Commit, Difference } from './git.ts'
import {
  type Account,
  type App,
  type CheckRun,
  type CheckSuite,
  fullNameOf,
  type Installation,
  type IssueComment,
  type Pull,
  type Reaction,
  REACTIONS,
  type Repository,
  type Review,
  type ReviewComment,
  type Role,
  type Thread,
  type World,
} from './world.ts'

type Json = Record<string, unknown>

export type Writer = ReturnType<typeof createWriter>

export function createWriter(world: World) {
  const api = (path: string) => `${world.apiUrl}${path}`
  const web = (path: string) => `${world.webUrl}${path}`
  const repositoryApi = (repository: Repository) => api(`/repos/${fullNameOf(repository)}`)
  const repositoryWeb = (repository: Repository) => web(`/${fullNameOf(repository)}`)
  const pullApi = (pull: Pull) => `${repositoryApi(pull.repository)}/pulls/${pull.number}`
  const pullWeb = (pull: Pull) => `${repositoryWeb(pull.repository)}/pull/${pull.number}`

  function account(one: Account): Json {
    const url = api(`/users/${encodeURIComponent(one.login)}`)
    return {
      login: one.login,
      id: one.id,
      node_id: one.nodeId,
      avatar_url: `https://avatars.githubusercontent.com/u/${one.id}?v=4`,
      gravatar_id: '',
      url,
      html_url: web(one.kind === 'Bot' ? `/apps/${one.login.replace('[bot]', '')}` : `/${one.login}`),
      followers_url: `${url}/followers`,
      following_url: `${url}/following{/other_user}`,
      gists_url: `${url}/gists{/gist_id}`,
      starred_url: `${url}/starred{/owner}{/repo}`,
      subscriptions_url: `${url}/subscriptions`,
      organizations_url: `${url}/orgs`,
      repos_url: `${url}/repos`,
      events_url: `${url}/events{/privacy}`,
      received_events_url: `${url}/received_events`,
      type: one.kind,
      site_admin: false,
    }
  }

  function organization(one: Account): Json {
    const url = api(`/orgs/${one.login}`)
    return {
      login: one.login,
      id: one.id,
      node_id: one.nodeId,
      url,
      repos_url: `${url}/repos`,
      events_url: `${url}/events`,
      hooks_url: `${url}/hooks`,
      issues_url: `${url}/issues`,
      members_url: `${url}/members{/member}`,
      public_members_url: `${url}/public_members{/member}`,
      avatar_url: `https://avatars.githubusercontent.com/u/${one.id}?v=4`,
      description: '',
    }
  }

  function app(one: App): Json {
    return {
      id: one.id,
      node_id: one.nodeId,
      client_id: one.clientId,
      slug: one.slug,
      name: one.name,
      owner: account(one.owner),
      description: 'Reviews pull requests.',
      external_url: web(`/${one.owner.login}`),
      html_url: web(`/apps/${one.slug}`),
      created_at: time(one.createdAt),
      updated_at: time(one.createdAt),
      permissions: one.permissions,
      events: one.events,
      installations_count: world.installations.length,
    }
  }

  function installation(one: Installation): Json {
    return {
      id: one.id,
      app_id: world.app.id,
      app_slug: world.app.slug,
      client_id: world.app.clientId,
      target_id: one.account.id,
      target_type: one.account.kind,
      account: account(one.account),
      repository_selection: one.repositories === 'all' ? 'all' : 'selected',
      access_tokens_url: api(`/app/installations/${one.id}/access_tokens`),
      repositories_url: api('/installation/repositories'),
      html_url: web(`/organizations/${one.account.login}/settings/installations/${one.id}`),
      permissions: one.permissions,
      events: one.events,
      single_file_name: null,
      has_multiple_single_files: false,
      single_file_paths: [],
      created_at: time(one.createdAt),
      updated_at: time(one.updatedAt),
      suspended_by: one.suspendedAt && account(one.account),
      suspended_at: time(one.suspendedAt),
    }
  }

  function repository(one: Repository): Json {
    const url = repositoryApi(one)
    const html = repositoryWeb(one)
    const openPulls = one.pulls.filter((pull) => pull.state === 'open').length
    return {
      id: one.id,
      node_id: one.nodeId,
      name: one.name,
      full_name: fullNameOf(one),
      private: one.private,
      owner: account(one.owner),
      html_url: html,
      description: null,
      fork: one.parent !== null,
      url,
      archive_url: `${url}/{archive_format}{/ref}`,
      assignees_url: `${url}/assignees{/user}`,
      blobs_url: `${url}/git/blobs{/sha}`,
      branches_url: `${url}/branches{/branch}`,
      collaborators_url: `${url}/collaborators{/collaborator}`,
      comments_url: `${url}/comments{/number}`,
      commits_url: `${url}/commits{/sha}`,
      compare_url: `${url}/compare/{base}...{head}`,
      contents_url: `${url}/contents/{+path}`,
      contributors_url: `${url}/contributors`,
      deployments_url: `${url}/deployments`,
      downloads_url: `${url}/downloads`,
      events_url: `${url}/events`,
      forks_url: `${url}/forks`,
      git_commits_url: `${url}/git/commits{/sha}`,
      git_refs_url: `${url}/git/refs{/sha}`,
      git_tags_url: `${url}/git/tags{/sha}`,
      hooks_url: `${url}/hooks`,
      issue_comment_url: `${url}/issues/comments{/number}`,
      issue_events_url: `${url}/issues/events{/number}`,
      issues_url: `${url}/issues{/number}`,
      keys_url: `${url}/keys{/key_id}`,
      labels_url: `${url}/labels{/name}`,
      languages_url: `${url}/languages`,
      merges_url: `${url}/merges`,
      milestones_url: `${url}/milestones{/number}`,
      notifications_url: `${url}/notifications{?since,all,participating}`,
      pulls_url: `${url}/pulls{/number}`,
      releases_url: `${url}/releases{/id}`,
      stargazers_url: `${url}/stargazers`,
      statuses_url: `${url}/statuses/{sha}`,
      subscribers_url: `${url}/subscribers`,
      subscription_url: `${url}/subscription`,
      tags_url: `${url}/tags`,
      teams_url: `${url}/teams`,
      trees_url: `${url}/git/trees{/sha}`,
      clone_url: `${html}.git`,
      git_url: `git://github.com/${fullNameOf(one)}.git`,
      ssh_url: `git@github.com:${fullNameOf(one)}.git`,
      svn_url: html,
      mirror_url: null,
      homepage: null,
      language: 'Elixir',
      forks: 0,
      forks_count: 0,
      stargazers_count: 0,
      watchers: 0,
      watchers_count: 0,
      size: 100,
      default_branch: 'main',
      open_issues: openPulls,
      open_issues_count: openPulls,
      is_template: false,
      topics: [],
      has_issues: true,
      has_projects: true,
      has_wiki: true,
      has_pages: false,
      has_downloads: true,
      has_discussions: false,
      archived: false,
      disabled: false,
      visibility: one.private ? 'private' : 'public',
      pushed_at: time(one.pushedAt),
      created_at: time(one.createdAt),
      updated_at: time(one.updatedAt),
      license: null,
      allow_forking: true,
      web_commit_signoff_required: false,
    }
  }

  function fullRepository(one: Repository): Json {
    return {
      ...repository(one),
      network_count: 0,
      subscribers_count: 0,
      ...(one.owner.kind === 'Organization' && { organization: account(one.owner) }),
      ...(one.parent && { parent: repository(one.parent), source: repository(one.parent) }),
    }
  }

  /** As lists hold it. */
  function pullSimple(pull: Pull): Json {
    const url = pullApi(pull)
    const html = pullWeb(pull)
    const issue = `${repositoryApi(pull.repository)}/issues/${pull.number}`
    const statuses = `${repositoryApi(pull.repository)}/statuses/${pull.head.sha}`
    const link = (href: string) => ({ href })
    return {
      url,
      id: pull.id,
      node_id: pull.nodeId,
      html_url: html,
      diff_url: `${html}.diff`,
      patch_url: `${html}.patch`,
      issue_url: issue,
      number: pull.number,
      state: pull.state,
      locked: false,
      title: pull.title,
      user: account(pull.author),
      body: pull.body,
      created_at: time(pull.createdAt),
      updated_at: time(pull.updatedAt),
      closed_at: time(pull.closedAt),
      merged_at: time(pull.merged?.at),
      merge_commit_sha: pull.merged?.commit ?? null,
      assignee: null,
      assignees: [],
      requested_reviewers: [],
      requested_teams: [],
      labels: [],
      milestone: null,
      draft: pull.draft,
      commits_url: `${url}/commits`,
      review_comments_url: `${url}/comments`,
      review_comment_url: `${repositoryApi(pull.repository)}/pulls/comments{/number}`,
      comments_url: `${issue}/comments`,
      statuses_url: statuses,
      head: {
        label: `${pull.head.owner.login}:${pull.head.ref}`,
        ref: pull.head.ref,
        sha: pull.head.sha,
        user: account(pull.head.owner),
        repo: pull.head.repository && repository(pull.head.repository),
      },
      base: {
        label: `${pull.repository.owner.login}:${pull.base.ref}`,
        ref: pull.base.ref,
        sha: pull.base.sha,
        user: account(pull.repository.owner),
        repo: repository(pull.repository),
      },
      _links: {
        self: link(url),
        html: link(html),
        issue: link(issue),
        comments: link(`${issue}/comments`),
        review_comments: link(`${url}/comments`),
        review_comment: link(`${repositoryApi(pull.repository)}/pulls/comments{/number}`),
        commits: link(`${url}/commits`),
        statuses: link(statuses),
      },
      author_association: association(pull.repository, pull.author),
      auto_merge: null,
      active_lock_reason: null,
    }
  }

  async function pull(one: Pull): Promise<Json> {
    const files = await changedFiles(one)
    return {
      ...pullSimple(one),
      merged: one.merged !== null,
      // GitHub computes these in the background, and so may not know them.
      mergeable: null,
      rebaseable: null,
      mergeable_state: 'unknown',
      merged_by: one.merged && account(one.merged.by),
      comments: one.comments.length,
      review_comments: publicComments(one).length,
      maintainer_can_modify: false,
      commits: (await one.repository.git.commitsBetween(one.base.sha, one.head.sha)).length,
      additions: sum(files.map((file) => file.additions)),
      deletions: sum(files.map((file) => file.deletions)),
      changed_files: files.length,
    }
  }

  function pullMinimal(one: Pull): Json {
    const side = (repo: Repository) => ({ id: repo.id, url: repositoryApi(repo), name: repo.name })
    return {
      id: one.id,
      number: one.number,
      url: pullApi(one),
      head: { ref: one.head.ref, sha: one.head.sha, repo: side(one.head.repository ?? one.repository) },
      base: { ref: one.base.ref, sha: one.base.sha, repo: side(one.repository) },
    }
  }

  function file(repo: Repository, head: string, one: Difference, withoutPatch: ReadonlySet<string>): Json {
    const path = one.path.split('/').map(encodeURIComponent).join('/')
    const patch = shownPatch(one, withoutPatch)
    return {
      sha: one.oid,
      filename: one.path,
      status: one.status,
      additions: one.additions,
      deletions: one.deletions,
      changes: one.additions + one.deletions,
      blob_url: `${repositoryWeb(repo)}/blob/${head}/${path}`,
      raw_url: `${repositoryWeb(repo)}/raw/${head}/${path}`,
      contents_url: `${repositoryApi(repo)}/contents/${path}?ref=${head}`,
      ...(patch !== undefined && { patch }),
      ...(one.previousPath !== null && { previous_filename: one.previousPath }),
    }
  }

  function commit(repo: Repository, one: Commit): Json {
    const url = `${repositoryApi(repo)}/commits/${one.oid}`
    const git = `${repositoryApi(repo)}/git`
    const person = (who: Commit['author']) => ({ name: who.name, email: who.email, date: time(who.at) })
    const author = world.account(one.author.name)
    return {
      sha: one.oid,
      node_id: `C_kwDO${one.oid}`,
      url,
      html_url: `${repositoryWeb(repo)}/commit/${one.oid}`,
      comments_url: `${url}/comments`,
      commit: {
        url: `${git}/commits/${one.oid}`,
        author: person(one.author),
        committer: person(one.committer),
        message: one.message,
        comment_count: 0,
        tree: { sha: one.tree, url: `${git}/trees/${one.tree}` },
        verification: { verified: false, reason: 'unsigned', signature: null, payload: null, verified_at: null },
      },
      author: author ? account(author) : null,
      committer: author ? account(author) : null,
      parents: one.parents.map((sha) => ({
        sha,
        url: `${repositoryApi(repo)}/commits/${sha}`,
        html_url: `${repositoryWeb(repo)}/commit/${sha}`,
      })),
    }
  }

  function suite(one: CheckSuite): Json {
    const { status, conclusion } = suiteState(one)
    return {
      id: one.id,
      node_id: one.nodeId,
      head_branch: one.headBranch,
      head_sha: one.headSha,
      status,
      conclusion,
      url: `${repositoryApi(one.repository)}/check-suites/${one.id}`,
      before: one.before,
      after: one.headSha,
      created_at: time(one.createdAt),
      updated_at: time(one.updatedAt),
      app: app(world.app),
      pull_requests: pullsWithHead(one).map(pullMinimal),
      latest_check_runs_count: runsOf(one).length,
      check_runs_url: `${repositoryApi(one.repository)}/check-suites/${one.id}/check-runs`,
      rerequestable: true,
      runs_rerequestable: true,
    }
  }

  async function fullSuite(one: CheckSuite): Promise<Json> {
    return { ...suite(one), head_commit: await headCommit(one), repository: repository(one.repository) }
  }

  async function headCommit(one: CheckSuite): Promise<Json> {
    const found = await one.repository.git.commit(one.headSha)
    if (!found) throw new Error(`no commit ${one.headSha}`)
    return {
      id: found.oid,
      tree_id: found.tree,
      message: found.message,
      timestamp: time(found.committer.at),
      author: { name: found.author.name, email: found.author.email },
      committer: { name: found.committer.name, email: found.committer.email },
    }
  }

  function run(one: CheckRun): Json {
    const url = `${repositoryApi(one.suite.repository)}/check-runs/${one.id}`
    const html = `${repositoryWeb(one.suite.repository)}/runs/${one.id}`
    return {
      id: one.id,
      node_id: one.nodeId,
      name: one.name,
      head_sha: one.headSha,
      external_id: one.externalId,
      url,
      html_url: html,
      details_url: one.detailsUrl ?? html,
      status: one.status,
      conclusion: one.conclusion,
      started_at: time(one.startedAt),
      completed_at: time(one.completedAt),
      output: {
        title: one.title,
        summary: one.summary,
        text: one.text,
        annotations_count: one.annotations.length,
        annotations_url: `${url}/annotations`,
      },
      check_suite: { id: one.suite.id },
      app: app(world.app),
      pull_requests: pullsWithHead(one.suite).map(pullMinimal),
    }
  }

  /** GitHub links only the heads of its own branches, never those of forks. */
  function pullsWithHead(one: CheckSuite): Pull[] {
    return one.repository.pulls.filter(
      (candidate) =>
        candidate.state === 'open' &&
        candidate.head.sha === one.headSha &&
        candidate.head.repository === one.repository,
    )
  }

  function annotation(one: CheckRun, at: CheckRun['annotations'][number]): Json {
    return {
      path: at.path,
      blob_href: `${repositoryWeb(one.suite.repository)}/blob/${one.headSha}/${encodeURI(at.path)}`,
      start_line: at.startLine,
      end_line: at.endLine,
      start_column: at.startColumn,
      end_column: at.endColumn,
      annotation_level: at.level,
      title: at.title,
      message: at.message,
      raw_details: at.rawDetails,
    }
  }

  function review(one: Review): Json {
    const html = `${pullWeb(one.pull)}#pullrequestreview-${one.id}`
    return {
      id: one.id,
      node_id: one.nodeId,
      user: account(one.user),
      body: one.body,
      state: one.state,
      commit_id: one.commit,
      html_url: html,
      pull_request_url: pullApi(one.pull),
      author_association: association(one.pull.repository, one.user),
      _links: { html: { href: html }, pull_request: { href: pullApi(one.pull) } },
      ...(one.submittedAt && { submitted_at: time(one.submittedAt) }),
    }
  }

  async function reviewComment(one: ReviewComment): Promise<Json> {
    const { pull: on, anchor } = one.thread
    const present = await presentLines(on, anchor)
    const url = `${repositoryApi(on.repository)}/pulls/comments/${one.id}`
    const html = `${pullWeb(on)}#discussion_r${one.id}`
    const first = one.thread.comments[0]
    const files = await changedFiles(on)
    const original = await changedFiles(on, anchor.commit)
    const position = (of: Difference[], line: number | null) =>
      line === null ? null : positionOf(of.find((each) => each.path === anchor.path)?.patch ?? null, anchor.side, line)
    return {
      id: one.id,
      node_id: one.nodeId,
      url,
      html_url: html,
      pull_request_url: pullApi(on),
      pull_request_review_id: one.review.id,
      diff_hunk: anchor.diffHunk,
      path: anchor.path,
      position: position(files, present?.line ?? null),
      original_position: position(original, anchor.line) ?? 1,
      commit_id: present ? on.head.sha : anchor.commit,
      original_commit_id: anchor.commit,
      user: account(one.user),
      body: one.body,
      created_at: time(one.createdAt),
      updated_at: time(one.updatedAt),
      author_association: association(on.repository, one.user),
      line: present?.line ?? null,
      original_line: anchor.line,
      side: anchor.side,
      start_line: present?.startLine ?? null,
      original_start_line: anchor.startLine,
      start_side: anchor.startSide,
      subject_type: anchor.line === null ? 'file' : 'line',
      reactions: reactionRollup(url, one.reactions),
      _links: { self: { href: url }, html: { href: html }, pull_request: { href: pullApi(on) } },
      ...(first && first !== one && { in_reply_to_id: first.id }),
    }
  }

  function issueComment(one: IssueComment): Json {
    const { pull: on } = one
    const url = `${repositoryApi(on.repository)}/issues/comments/${one.id}`
    return {
      id: one.id,
      node_id: one.nodeId,
      url,
      html_url: `${pullWeb(on)}#issuecomment-${one.id}`,
      issue_url: `${repositoryApi(on.repository)}/issues/${on.number}`,
      user: account(one.user),
      body: one.body,
      created_at: time(one.createdAt),
      updated_at: time(one.updatedAt),
      author_association: association(on.repository, one.user),
      performed_via_github_app: one.user === world.app.bot ? app(world.app) : null,
      reactions: reactionRollup(url, one.reactions),
    }
  }

  /** A pull request as the issue that it also is. */
  function issue(on: Pull): Json {
    const url = `${repositoryApi(on.repository)}/issues/${on.number}`
    return {
      url,
      id: on.id,
      node_id: on.nodeId,
      number: on.number,
      title: on.title,
      body: on.body,
      user: account(on.author),
      state: on.state,
      state_reason: null,
      locked: false,
      active_lock_reason: null,
      draft: on.draft,
      labels: [],
      assignee: null,
      assignees: [],
      milestone: null,
      comments: on.comments.length,
      created_at: time(on.createdAt),
      updated_at: time(on.updatedAt),
      closed_at: time(on.closedAt),
      author_association: association(on.repository, on.author),
      repository_url: repositoryApi(on.repository),
      labels_url: `${url}/labels{/name}`,
      comments_url: `${url}/comments`,
      events_url: `${url}/events`,
      timeline_url: `${url}/timeline`,
      html_url: pullWeb(on),
      performed_via_github_app: null,
      reactions: reactionRollup(url, []),
      pull_request: {
        url: pullApi(on),
        html_url: pullWeb(on),
        diff_url: `${pullWeb(on)}.diff`,
        patch_url: `${pullWeb(on)}.patch`,
        merged_at: time(on.merged?.at),
      },
    }
  }

  function reaction(one: Reaction): Json {
    return {
      id: one.id,
      node_id: one.nodeId,
      user: account(one.user),
      content: one.content,
      created_at: time(one.createdAt),
    }
  }

  return {
    account,
    organization,
    app,
    installation,
    repository,
    fullRepository,
    pullSimple,
    pull,
    pullMinimal,
    file,
    commit,
    suite,
    fullSuite,
    run,
    annotation,
    review,
    reviewComment,
    issueComment,
    issue,
    reaction,
    pullsWithHead,
    repositoryApi,
    repositoryWeb,
    pullWeb,
  }
}

export function time(at: Date): string
export function time(at: Date | null | undefined): string | null
export function time(at: Date | null | undefined): string | null {
  return at ? `${at.toISOString().slice(0, 19)}Z` : null
}

/** Comments that others can see: those of pending reviews are not. */
export function publicComments(pull: Pull): ReviewComment[] {
  return visibleThreads(pull).flatMap((thread) => thread.comments)
}

export function visibleThreads(pull: Pull): Thread[] {
  return pull.threads.filter((thread) => thread.comments.some((comment) => comment.review.state !== 'PENDING'))
}

export function runsOf(suite: CheckSuite): CheckRun[] {
  return suite.repository.runs.filter((run) => run.suite === suite)
}

export function suiteState(suite: CheckSuite): { status: string; conclusion: string | null } {
  const runs = latestRuns(runsOf(suite))
  if (runs.length === 0) return { status: 'queued', conclusion: null }
  if (runs.some((run) => run.status !== 'completed')) return { status: 'in_progress', conclusion: null }
  const order = ['action_required', 'timed_out', 'cancelled', 'failure', 'neutral', 'success', 'skipped']
  const conclusion = order.find((one) => runs.some((run) => run.conclusion === one)) ?? 'success'
  return { status: 'completed', conclusion }
}

/** The newest run of each name. */
export function latestRuns(runs: CheckRun[]): CheckRun[] {
  return [...new Map(runs.map((run) => [`${run.suite.id} ${run.name}`, run])).values()]
}

export function roleOf(repository: Repository, account: Account): Role {
  if (repository.owner === account) return 'admin'
  return repository.roles.get(account) ?? (repository.private ? 'none' : 'read')
}

export function association(repository: Repository, account: Account): string {
  if (repository.owner === account) return 'OWNER'
  const role = repository.roles.get(account)
  if (role === undefined || role === 'none') return account.kind === 'Bot' ? 'NONE' : 'CONTRIBUTOR'
  return repository.owner.kind === 'Organization' ? 'MEMBER' : 'COLLABORATOR'
}

function reactionRollup(url: string, reactions: Reaction[]): Json {
  const counts = REACTIONS.map((content) => [content, reactions.filter((one) => one.content === content).length])
  return { url: `${url}/reactions`, total_count: reactions.length, ...Object.fromEntries(counts) }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
