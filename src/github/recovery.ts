// What recovery asks GitHub: who installed the app, which deliveries failed, which open pull requests have no result. Decides nothing.
import { readNote } from './check-run.ts'
import type { Client, Clients } from './client.ts'
import { OPEN_PULLS } from './documents.ts'

export interface Installed {
  id: number
  /** Who installed the app: an organisation or a person. */
  account: string
  suspended: boolean
  /** What the app may do there, as GitHub names it. */
  permissions: Readonly<Record<string, string | undefined>>
}

/** One attempt of GitHub's to deliver. */
export interface DeliveryAttempt {
  id: number
  /** The delivery's own id, the same for all its attempts. */
  guid: string
  event: string
  action: string | null
  ok: boolean
  at: Date
}

export interface OpenPull {
  repository: { id: number; owner: string; name: string }
  number: number
  head: string
  updatedAt: Date
  /** Whether a concluded run of ours stands on its head, for it and its base; null where we may not see runs. */
  hasResult: boolean | null
}

export async function listInstalled({ app }: Clients): Promise<Installed[]> {
  return (await app.paginate(app.rest.apps.listInstallations, { per_page: 100 })).map(toInstalled)
}

/** Throws `GoneError` where the app is not installed any more. */
export async function readInstalled({ app }: Clients, installation: number): Promise<Installed> {
  return toInstalled((await app.rest.apps.getInstallation({ installation_id: installation })).data)
}

/** Newest first, back to `since` (null: as far as GitHub remembers, which is days). */
export async function listDeliveries({ app }: Clients, since: Date | null): Promise<DeliveryAttempt[]> {
  const attempts: DeliveryAttempt[] = []
  for await (const { data } of app.paginate.iterator(app.rest.apps.listWebhookDeliveries, { per_page: 100 })) {
    for (const one of data) {
      const at = new Date(one.delivered_at)
      if (since !== null && at < since) return attempts
      const ok = one.status_code >= 200 && one.status_code < 400
      attempts.push({ id: one.id, guid: one.guid, event: one.event, action: one.action, ok, at })
    }
  }
  return attempts
}

export async function askForDelivery({ app }: Clients, id: number): Promise<void> {
  await app.rest.apps.redeliverWebhookDelivery({ delivery_id: id })
}

// GitHub gives no more than a thousand results to one search.
const MOST_PAGES = 20

/** Open pull requests of an account in the order of their last change; `isCut`: there are more. */
export async function searchOpenPulls(
  client: Client,
  account: string,
  since: Date | null,
): Promise<{ pulls: OpenPull[]; isCut: boolean }> {
  const updated = since === null ? '' : ` updated:>=${since.toISOString().slice(0, 19)}Z`
  const search = `user:${account} is:pr is:open archived:false${updated} sort:updated-asc`
  const pulls: OpenPull[] = []
  let after: string | null = null
  for (let page = 1; page <= MOST_PAGES; page++) {
    const answer: Answer = await client.query<Answer>(OPEN_PULLS, { search, appId: client.appId, after }, isOptional)
    pulls.push(...answer.search.nodes.flatMap((node) => (node?.repository ? [toOpenPull(node)] : [])))
    if (!answer.search.pageInfo.hasNextPage) return { pulls, isCut: false }
    after = answer.search.pageInfo.endCursor
  }
  return { pulls, isCut: true }
}

interface Answer {
  search: { pageInfo: { hasNextPage: boolean; endCursor: string | null }; nodes: (Node | null)[] }
}

interface Node {
  number: number
  updatedAt: string
  headRefOid: string
  baseRefName: string
  repository: { databaseId: number; name: string; owner: { login: string } } | null
  commits: { nodes: { commit: { checkSuites: { nodes: Suite[] } | null } }[] }
}

interface Suite {
  checkRuns: { nodes: { status: string; externalId: string | null }[] } | null
}

// Each result stands for itself: what can't be read of one must not hide the others.
function isOptional(path: readonly (string | number)[]): boolean {
  return path[0] === 'search' && path.includes('nodes')
}

function toOpenPull({ number, updatedAt, headRefOid, baseRefName, repository, commits }: Node): OpenPull {
  const { databaseId, name, owner } = repository!
  const suites = commits.nodes[0]?.commit.checkSuites
  const runs = suites?.nodes.flatMap(({ checkRuns }) => checkRuns?.nodes ?? [])
  const speaksFor = (externalId: string | null) =>
    readNote(externalId)?.pulls.some((pull) => pull.number === number && pull.base === baseRefName) ?? false
  return {
    repository: { id: databaseId, owner: owner.login, name },
    number,
    head: headRefOid,
    updatedAt: new Date(updatedAt),
    hasResult: runs?.some(({ status, externalId }) => status === 'COMPLETED' && speaksFor(externalId)) ?? null,
  }
}

function toInstalled(one: {
  id: number
  account: { login?: string; slug?: string } | null
  suspended_at: string | null
  permissions: object
}): Installed {
  const account = one.account?.login ?? one.account?.slug ?? ''
  const permissions = one.permissions as Installed['permissions']
  return { id: one.id, account, suspended: one.suspended_at !== null, permissions }
}
