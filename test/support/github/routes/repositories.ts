// Repositories and what git holds: contents, blobs, trees, commits, comparisons.
import type { Commit, GitObject } from '../git.ts'
import { roleOf } from '../json.ts'
import { type Answer, notFound, Refusal } from '../refusal.ts'
import { found } from '../reviews.ts'
import { inRepository, ok, paged, type RepositoryCall, type Routes, wantsRaw } from './route.ts'

const LARGEST_CONTENT = 1_000_000
const LARGEST_RAW = 100_000_000
const MOST_COMPARED = 300

export const repositoryRoutes: Routes = {
  'GET /repos/{owner}/{repo}': inRepository('metadata:read', (call) =>
    ok(call.github.write.fullRepository(call.repository)),
  ),

  'GET /repos/{owner}/{repo}/collaborators/{username}/permission': inRepository('metadata:read', (call) => {
    const user = found(call.github.world.account(call.params['username'] ?? ''))
    const role = roleOf(call.repository, user)
    const permission = role === 'maintain' ? 'write' : role === 'triage' ? 'read' : role
    return ok({ permission, role_name: role, user: { ...call.github.write.account(user), role_name: role } })
  }),

  'GET /repos/{owner}/{repo}/contents/{path}': inRepository('contents:read', contents),

  'GET /repos/{owner}/{repo}/git/blobs/{file_sha}': inRepository('contents:read', async (call) => {
    const sha = call.params['file_sha'] ?? ''
    const blob = await call.repository.git.object(sha)
    if (blob?.type !== 'blob') throw notFound()
    if (wantsRaw(call)) return raw(blob)
    return ok({
      sha: blob.oid,
      node_id: `B_kwDO${blob.oid}`,
      url: `${call.github.write.repositoryApi(call.repository)}/git/blobs/${blob.oid}`,
      size: blob.bytes.length,
      content: base64(blob.bytes),
      encoding: 'base64',
    })
  }),

  'GET /repos/{owner}/{repo}/git/trees/{tree_sha}': inRepository('contents:read', async (call) => {
    const { git } = call.repository
    const sha = call.params['tree_sha'] ?? ''
    const tree = found(await git.object(`${sha}^{tree}`))
    const entries = found(await git.tree(tree.oid, call.query['recursive'] !== undefined))
    const api = `${call.github.write.repositoryApi(call.repository)}/git`
    return ok({
      sha: tree.oid,
      url: `${api}/trees/${tree.oid}`,
      truncated: false,
      tree: await Promise.all(
        entries.map(async ({ mode, type, oid, path }) => ({
          path,
          mode,
          type,
          sha: oid,
          ...(type === 'blob' && { size: (await git.object(oid))?.bytes.length ?? 0 }),
          ...(type !== 'commit' && { url: `${api}/${type}s/${oid}` }),
        })),
      ),
    })
  }),

  'GET /repos/{owner}/{repo}/git/ref/{ref}': inRepository('contents:read', async (call) => {
    const ref = `refs/${call.params['ref']}`
    const sha = found(await call.repository.git.resolve(ref))
    const api = `${call.github.write.repositoryApi(call.repository)}/git`
    const node_id = `REF_${Buffer.from(ref).toString('base64url')}`
    return ok({ ref, node_id, url: `${api}/${ref}`, object: { type: 'commit', sha, url: `${api}/commits/${sha}` } })
  }),

  'GET /repos/{owner}/{repo}/commits/{ref}': inRepository('contents:read', async (call) => {
    const { git } = call.repository
    const ref = call.params['ref'] ?? ''
    const commit = await git.commit(ref)
    if (!commit) throw new Refusal(422, `No commit found for SHA: ${ref}`)
    const files = await git.compare(commit.parents[0] ?? null, commit.oid)
    const additions = files.reduce((sum, file) => sum + file.additions, 0)
    const deletions = files.reduce((sum, file) => sum + file.deletions, 0)
    return ok({
      ...call.github.write.commit(call.repository, commit),
      stats: { total: additions + deletions, additions, deletions },
      files: files.map((file) => call.github.write.file(call.repository, commit.oid, file, new Set())),
    })
  }),

  // GitHub does not link the heads of forks here.
  'GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls': inRepository(
    ['pull_requests:read', 'contents:read'],
    (call) => {
      const sha = call.params['commit_sha'] ?? ''
      const pulls = call.repository.pulls.filter(
        (pull) => pull.head.repository === call.repository && (pull.commits.has(sha) || pull.merged?.commit === sha),
      )
      return paged(call, pulls, call.github.write.pullSimple)
    },
  ),

  'GET /repos/{owner}/{repo}/compare/{basehead}': inRepository('contents:read', compare),
}

async function contents(call: RepositoryCall): Promise<Answer> {
  const { git } = call.repository
  const ref = call.query['ref'] ?? 'main'
  const path = (call.params['path'] ?? '').replace(/\/+$/, '')
  const commit = await git.commit(ref)
  if (!commit) throw new Refusal(404, `No commit found for the ref ${ref}`)
  const object = found(await git.object(`${commit.oid}:${path}`))
  if (object.type === 'tree') {
    const entries = found(await git.tree(object.oid))
    const inside = (name: string) => (path === '' ? name : `${path}/${name}`)
    const listed = entries.map(async (entry) => {
      const type = entry.type === 'blob' ? 'file' : entry.type === 'tree' ? 'dir' : 'submodule'
      const size = type === 'file' ? ((await git.object(entry.oid))?.bytes.length ?? 0) : 0
      return contentEntry(call, commit.oid, inside(entry.path), type, entry.oid, size)
    })
    return ok(await Promise.all(listed))
  }
  if (object.bytes.length > LARGEST_RAW) throw new Refusal(403, 'This API returns blobs up to 100 MB in size.')
  if (wantsRaw(call)) return raw(object)
  const isLarge = object.bytes.length > LARGEST_CONTENT
  return ok({
    ...contentEntry(call, commit.oid, path, 'file', object.oid, object.bytes.length),
    content: isLarge ? '' : base64(object.bytes),
    encoding: isLarge ? 'none' : 'base64',
  })
}

function contentEntry(call: RepositoryCall, commit: string, path: string, type: string, sha: string, size: number) {
  const { write } = call.github
  const escaped = path.split('/').map(encodeURIComponent).join('/')
  const url = `${write.repositoryApi(call.repository)}/contents/${escaped}?ref=${commit}`
  const html = `${write.repositoryWeb(call.repository)}/${type === 'dir' ? 'tree' : 'blob'}/${commit}/${escaped}`
  const git = `${write.repositoryApi(call.repository)}/git/${type === 'dir' ? 'trees' : 'blobs'}/${sha}`
  return {
    type,
    name: path.split('/').at(-1) ?? '',
    path,
    sha,
    size,
    url,
    html_url: html,
    git_url: git,
    download_url: type === 'file' ? `${write.repositoryWeb(call.repository)}/raw/${commit}/${escaped}` : null,
    _links: { self: url, git, html },
  }
}

async function compare(call: RepositoryCall): Promise<Answer> {
  const { repository, github } = call
  const { git } = repository
  const [baseName = '', headName = ''] = (call.params['basehead'] ?? '').split('...')
  const base = found(await commitNamed(call, baseName))
  const head = found(await commitNamed(call, headName))
  const mergeBase = found(await git.commit(found(await git.mergeBase(base.oid, head.oid))))
  const ahead = await git.commitsBetween(base.oid, head.oid)
  const behind = await git.commitsBetween(head.oid, base.oid)
  const status =
    ahead.length > 0 && behind.length > 0
      ? 'diverged'
      : ahead.length > 0
        ? 'ahead'
        : behind.length > 0
          ? 'behind'
          : 'identical'
  const html = `${github.write.repositoryWeb(repository)}/compare/${baseName}...${headName}`
  const files = (await git.compare(mergeBase.oid, head.oid)).slice(0, MOST_COMPARED)
  const isFirstPage = Number(call.query['page'] ?? 1) === 1
  const body = {
    url: call.url,
    html_url: html,
    permalink_url: `${github.write.repositoryWeb(repository)}/compare/${base.oid}...${head.oid}`,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    base_commit: github.write.commit(repository, base),
    merge_base_commit: github.write.commit(repository, mergeBase),
    status,
    ahead_by: ahead.length,
    behind_by: behind.length,
    total_commits: ahead.length,
    // Only the first page holds the files.
    files: isFirstPage ? files.map((file) => github.write.file(repository, head.oid, file, new Set())) : [],
  }
  return paged(
    call,
    ahead,
    (commit) => github.write.commit(repository, commit),
    (commits) => ({ ...body, commits }),
  )
}

// `branch`, a SHA, or `owner:branch` for a branch of a fork.
async function commitNamed(call: RepositoryCall, name: string): Promise<Commit | null> {
  const [owner, ref] = name.includes(':') ? (name.split(':', 2) as [string, string]) : [null, name]
  if (owner === null) return call.repository.git.commit(ref)
  const fork = call.github.world.repositories.find(
    (one) => one.owner.login === owner && (one === call.repository || one.parent === call.repository),
  )
  const sha = await fork?.git.resolve(ref)
  return sha ? call.repository.git.commit(sha) : null
}

function raw(object: GitObject): Answer {
  return {
    status: 200,
    body: object.bytes,
    headers: { 'content-type': 'application/vnd.github.raw+json; charset=utf-8' },
  }
}

// GitHub breaks its base64 into lines.
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll(/.{1,60}/g, '$&\n')
}
