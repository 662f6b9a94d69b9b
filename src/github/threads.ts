// What was said on the lines of a pull request: our own comments, found again by author and marker, and people's. Decides nothing about them.
import type { Marker, Said } from '../review/snapshot.ts'
import type { Client } from './client.ts'
import { THREADS_AFTER } from './documents.ts'
import { GoneError } from './errors.ts'

/** Reads the hidden marker of a comment; null where it has none. */
export type ReadMarker = (body: string) => Marker | null

export interface ThreadPage {
  pageInfo: { hasNextPage: boolean; endCursor: string | null }
  nodes: Thread[]
}

export interface Thread {
  id: string
  isResolved: boolean
  isOutdated: boolean
  path: string
  line: number | null
  comments: { totalCount: number; nodes: Comment[] }
  opener: { nodes: { reactions: { totalCount: number } }[] }
}

interface Comment extends Spoken {
  isMinimized: boolean
}

/** What all comments have in common. */
export interface Spoken {
  id: string
  fullDatabaseId: string
  author: { __typename: string; login: string } | null
  /** The last to edit it. */
  editor: { login: string } | null
  body: string
  createdAt: string
  reactionGroups: { content: string; viewerHasReacted: boolean }[] | null
}

/** All threads, from the first page on, or from the beginning where there is none. */
export async function readThreads(
  client: Client,
  pull: { owner: string; name: string; number: number },
  first?: { page: ThreadPage; login: string },
): Promise<{ threads: Thread[]; login: string }> {
  let { page, login } = first ?? (await readPage(client, pull, null))
  const threads = [...page.nodes]
  while (page.pageInfo.hasNextPage) {
    ;({ page, login } = await readPage(client, pull, page.pageInfo.endCursor))
    threads.push(...page.nodes)
  }
  return { threads, login }
}

async function readPage(
  client: Client,
  { owner, name, number }: { owner: string; name: string; number: number },
  after: string | null,
) {
  const { viewer, repository } = await client.query<{
    viewer: { login: string }
    repository: { pullRequest: { reviewThreads: ThreadPage } | null } | null
  }>(THREADS_AFTER, { owner, name, number, after })
  if (!repository?.pullRequest) throw new GoneError()
  return { page: repository.pullRequest.reviewThreads, login: viewer.login }
}

/** Everything that we said in these threads. */
export function saidIn(threads: readonly Thread[], login: string, readMarker: ReadMarker): Said[] {
  return threads.flatMap((thread) => {
    const { nodes, totalCount } = thread.comments
    const answered = totalCount > nodes.length || nodes.some((comment) => !isBots(comment))
    return nodes.flatMap((comment, index): Said[] => {
      // A marker can be copied by anyone; the author can't.
      const marker = isOurs(comment, login) ? readMarker(comment.body) : null
      if (!marker) return []
      return [
        {
          id: Number(comment.fullDatabaseId),
          nodeId: comment.id,
          threadId: thread.id,
          path: thread.path,
          line: thread.isOutdated ? null : thread.line,
          body: comment.body,
          marker,
          answered,
          resolved: thread.isResolved,
          minimized: comment.isMinimized,
          thumbsDown: index === 0 ? (thread.opener.nodes[0]?.reactions.totalCount ?? 0) : 0,
        },
      ]
    })
  })
}

/** What bots say to each other is no answer; an account that was deleted was a person's. */
export function isBots({ author }: Spoken): boolean {
  return author?.__typename === 'Bot'
}

/** A marker and a name can be copied by anyone; the author can't. */
export function isOurs({ author }: Spoken, login: string): boolean {
  return author?.__typename === 'Bot' && withoutSuffix(author.login) === withoutSuffix(login)
}

/** A bot's login ends in `[bot]` in some answers of GitHub, and not in others. */
export function withoutSuffix(login: string): string {
  return login.replace(/\[bot\]$/, '')
}
