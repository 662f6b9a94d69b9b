// The shape of a route, and what many of them share.
import type { Actor, Need } from '../access.ts'
import type { Webhooks } from '../deliveries.ts'
import type { GitHub } from '../events.ts'
import { notFound, type Answer } from '../refusal.ts'
import type { Pull, Repository } from '../world.ts'

export interface Call {
  github: GitHub
  webhooks: Webhooks
  actor: Actor
  params: Record<string, string>
  query: Record<string, string>
  /** Checked against GitHub's description before a route sees it. */
  body: unknown
  accept: string
  /** The request's own address without its query, for links to other pages. */
  url: string
}

export interface RepositoryCall extends Call {
  repository: Repository
}

type Answering<C> = (call: C) => Answer | Promise<Answer>

export type Route =
  | { by: 'app' | 'installation' | 'anyone'; answer: Answering<Call> }
  | { by: 'repository'; needs: readonly Need[]; answer: Answering<RepositoryCall> }

/** By `METHOD /template`, exactly as GitHub's description writes them. */
export type Routes = Record<string, Route>

/** Asked by the app itself, with its JWT. */
export function asApp(answer: Answering<Call>): Route {
  return { by: 'app', answer }
}

export function asInstallation(answer: Answering<Call>): Route {
  return { by: 'installation', answer }
}

export function asAnyone(answer: Answering<Call>): Route {
  return { by: 'anyone', answer }
}

/** Asked by an installation about a repository; one of `needs` (`checks:write`) suffices. */
export function inRepository(needs: Need | readonly Need[], answer: Answering<RepositoryCall>): Route {
  return { by: 'repository', needs: [needs].flat(), answer }
}

export function ok(body: unknown, status = 200): Answer {
  return { status, body }
}

/** One page of `items`, with GitHub's `Link` header. `wrap` makes `{ total_count, ... }` of it. */
export async function paged<T>(
  call: Call,
  items: readonly T[],
  toJson: (item: T) => unknown,
  wrap: (page: unknown[], total: number) => unknown = (page) => page,
): Promise<Answer> {
  const size = Math.min(100, Math.max(1, Number(call.query['per_page'] ?? 30)))
  const page = Math.max(1, Number(call.query['page'] ?? 1))
  const last = Math.max(1, Math.ceil(items.length / size))
  const to = (rel: string, number: number) => {
    const query = new URLSearchParams({ ...call.query, page: String(number) })
    return `<${call.url}?${query}>; rel="${rel}"`
  }
  const links = [
    ...(page > 1 ? [to('prev', page - 1)] : []),
    ...(page < last ? [to('next', page + 1), to('last', last)] : []),
    ...(page > 1 ? [to('first', 1)] : []),
  ]
  const shown = await Promise.all(items.slice((page - 1) * size, page * size).map(toJson))
  return {
    status: 200,
    body: wrap(shown, items.length),
    ...(links.length > 0 && { headers: { link: links.join(', ') } }),
  }
}

export function pullOf(call: RepositoryCall): Pull {
  const number = Number(call.params['pull_number'] ?? call.params['issue_number'])
  const pull = call.repository.pulls.find((one) => one.number === number)
  if (!pull) throw notFound()
  return pull
}

/** Whether the request asks for bytes instead of JSON. */
export function wantsRaw(call: Call): boolean {
  return /\braw\b/.test(call.accept)
}
