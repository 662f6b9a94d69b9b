// What people ask of us in comments, and our one answer: read and said. Knows no command, and no right but GitHub's own words for it.
import type { Asked, Conversation } from '../review/snapshot.ts'
import type { Client } from './client.ts'
import { COMMENTS_AFTER, conversationsDocument } from './documents.ts'
import { GitHubUnavailableError, GoneError, RefusedError } from './errors.ts'
import { withinLimit } from './limits.ts'
import { isBots, isOurs, readThreads } from './threads.ts'
import type { Spoken, Thread, ThreadPage } from './threads.ts'

/** A pull request by its place. */
interface Pull {
  owner: string
  name: string
  number: number
}

export interface CommentPage {
  pageInfo: { hasNextPage: boolean; endCursor: string | null }
  nodes: Spoken[]
}

/** What a person may do in a repository, from little to much. */
export const ACCESS = ['none', 'read', 'triage', 'write', 'maintain', 'admin'] as const
export type Access = (typeof ACCESS)[number]

/** Our reactions that say: heard, and done with. */
const REACTIONS = { '+1': 'THUMBS_UP', '-1': 'THUMBS_DOWN', confused: 'CONFUSED' } as const
export type Reaction = keyof typeof REACTIONS

const HEARD: readonly string[] = Object.values(REACTIONS)
const MOST_PULLS = 25

/** The whole conversation, from the first pages on; empty where we may not read it, since an answer would not be found again. */
export async function readConversation(
  client: Client,
  pull: Pull,
  { comments, threads, login }: { comments: CommentPage | null; threads: readonly Thread[]; login: string },
): Promise<Conversation> {
  if (comments === null) return { answer: null, asked: [] }
  const spoken = [...comments.nodes]
  for (let { pageInfo } = comments; pageInfo.hasNextPage;) {
    const page = await readPage(client, pull, pageInfo.endCursor)
    spoken.push(...page.nodes)
    pageInfo = page.pageInfo
  }

  const answer = spoken.find((comment) => isOurs(comment, login))
  return {
    answer: answer === undefined ? null : { id: Number(answer.fullDatabaseId), body: answer.body },
    asked: [
      ...spoken.flatMap((comment) => toAsked(comment, 'conversation')),
      ...threads.flatMap((thread) => thread.comments.nodes.flatMap((comment) => toAsked(comment, 'thread'))),
    ].toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at)),
  }
}

/** The conversations of several pull requests; those that are gone have none. */
export async function readConversations(
  client: Client,
  { owner, name }: { owner: string; name: string },
  numbers: readonly number[],
): Promise<Conversation[]> {
  const conversations: Conversation[] = []
  for (let start = 0; start < numbers.length; start += MOST_PULLS) {
    const batch = numbers.slice(start, start + MOST_PULLS)
    const { viewer, repository } = await client.query<{
      viewer: { login: string }
      repository: Record<string, { reviewThreads: ThreadPage; comments: CommentPage | null } | null> | null
    }>(
      conversationsDocument(batch.length),
      { owner, name, ...Object.fromEntries(batch.map((number, index) => [`n${index}`, number])) },
      (path) => path.length === 2 || path[2] === 'comments',
    )
    for (const [index, number] of batch.entries()) {
      const pull = repository?.[`n${index}`]
      if (!pull) continue
      const first = { page: pull.reviewThreads, login: viewer.login }
      const { threads, login } = await readThreads(client, { owner, name, number }, first)
      const { comments } = pull
      conversations.push(await readConversation(client, { owner, name, number }, { comments, threads, login }))
    }
  }
  return conversations
}

/** Writes our one comment, or gives it another text. What was lost on the way is looked for before it is sent again. */
export async function sayAnswer(
  client: Client,
  { owner, name, number }: Pull,
  answer: Conversation['answer'],
  text: string,
): Promise<void> {
  const { issues } = client.rest.rest
  const body = withinLimit(text)
  if (answer !== null) return void (await issues.updateComment({ owner, repo: name, comment_id: answer.id, body }))

  const create = () => issues.createComment({ owner, repo: name, issue_number: number, body })
  try {
    await create()
  } catch (error) {
    if (!(error instanceof GitHubUnavailableError)) throw error
    await client.wait(2)
    const [conversation] = await readConversations(client, { owner, name }, [number])
    if (conversation?.answer) await sayAnswer(client, { owner, name, number }, conversation.answer, text)
    else await create()
  }
}

/** Puts our reaction to a comment. A second one of the kind is the first; a comment that is gone needs none. */
export async function react(
  client: Client,
  { owner, name }: { owner: string; name: string },
  { id, where }: Pick<Asked, 'id' | 'where'>,
  content: Reaction,
): Promise<void> {
  const { createForIssueComment, createForPullRequestReviewComment } = client.rest.rest.reactions
  const send = where === 'thread' ? createForPullRequestReviewComment : createForIssueComment
  try {
    await send({ owner, repo: name, comment_id: id, content })
  } catch (error) {
    if (!(error instanceof GoneError) && !(error instanceof RefusedError)) throw error
  }
}

/** What somebody may do here. A role that an organisation made up counts as the one that it is built on. */
export async function readAccess(
  client: Client,
  { owner, name }: { owner: string; name: string },
  login: string,
): Promise<Access> {
  try {
    const { data } = await client.rest.rest.repos.getCollaboratorPermissionLevel({ owner, repo: name, username: login })
    const named = [data.role_name, data.permission].find((each) => (ACCESS as readonly string[]).includes(each))
    return (named ?? 'none') as Access
  } catch (error) {
    if (error instanceof GoneError) return 'none'
    throw error
  }
}

async function readPage(client: Client, { owner, name, number }: Pull, after: string | null): Promise<CommentPage> {
  const { repository } = await client.query<{
    repository: { pullRequest: { comments: CommentPage } | null } | null
  }>(COMMENTS_AFTER, { owner, name, number, after })
  if (!repository?.pullRequest) throw new GoneError()
  return repository.pullRequest.comments
}

function toAsked(comment: Spoken, where: Asked['where']): Asked[] {
  const { author, editor, body } = comment
  if (author === null || isBots(comment) || !/\/otp-review\b/i.test(body)) return []
  return [
    {
      id: Number(comment.fullDatabaseId),
      nodeId: comment.id,
      where,
      author: author.login,
      edited: editor !== null && editor.login !== author.login,
      body,
      at: comment.createdAt,
      heard: (comment.reactionGroups ?? []).some((each) => each.viewerHasReacted && HEARD.includes(each.content)),
    },
  ]
}
