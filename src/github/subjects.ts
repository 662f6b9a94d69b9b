// What is on a commit, for those who know nothing but the commit: what our runs there were made for, else open pull requests.
import { readNote } from './check-run.ts'
import type { Client } from './client.ts'
import { OPEN_HEADS } from './documents.ts'
import { GoneError } from './errors.ts'

export interface Subjects {
  pulls: number[]
  /** Where the commit is a merge group's. */
  group: { headRef: string; baseRef: string } | null
}

const PAGES = 10

/** The pull requests whose review concluded on this commit, or whose head it is now; or the merge group. */
export async function readSubjects(
  client: Client,
  { owner, name }: { owner: string; name: string },
  head: string,
): Promise<Subjects> {
  const { data } = await client.rest.rest.checks.listForRef({
    owner,
    repo: name,
    ref: head,
    app_id: client.appId,
    filter: 'all',
    per_page: 100,
  })
  const notes = data.check_runs.flatMap((run) => readNote(run.external_id) ?? [])
  for (const { group, pulls } of notes) {
    const [first] = pulls
    if (group !== undefined && first !== undefined) {
      return { pulls: [], group: { headRef: group, baseRef: `refs/heads/${first.base}` } }
    }
  }
  const noted = notes.flatMap(({ pulls }) => pulls.slice(0, 1).map(({ number }) => number))
  if (noted.length > 0) return { pulls: [...new Set(noted)], group: null }
  const open = await readPullsAt(client, { owner, name }, head)
  return { pulls: open.map(({ number }) => number), group: null }
}

/** GitHub links no heads of forks, so open pull requests are looked through, those that changed last first, until one has this head. */
export async function readPullsAt(
  client: Client,
  { owner, name }: { owner: string; name: string },
  head: string,
): Promise<{ number: number; baseRef: string }[]> {
  let after: string | null = null
  for (let page = 0; page < PAGES; page++) {
    const answer: OpenHeads = await client.query<OpenHeads>(OPEN_HEADS, { owner, name, after })
    if (!answer.repository) throw new GoneError()
    const { nodes, pageInfo } = answer.repository.pullRequests
    const found = nodes.filter(({ headRefOid }) => headRefOid === head)
    if (found.length > 0 || !pageInfo.hasNextPage) {
      return found.map(({ number, baseRefName }) => ({ number, baseRef: baseRefName }))
    }
    after = pageInfo.endCursor
  }
  return []
}

interface OpenHeads {
  repository: {
    pullRequests: {
      pageInfo: { hasNextPage: boolean; endCursor: string | null }
      nodes: { number: number; headRefOid: string; baseRefName: string }[]
    }
  } | null
}
