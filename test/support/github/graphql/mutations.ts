// What an app may change by GraphQL.
import { type Actor, may, type Need, sees } from '../access.ts'
import type { GitHub } from '../events.ts'
import { Refusal } from '../refusal.ts'
import { createIssueComment, deleteComment, editBody, react, replyTo } from '../reviews.ts'
import type {
  Classifier,
  Entity,
  IssueComment,
  ReactionContent,
  Repository,
  Review,
  ReviewComment,
  Thread,
} from '../world.ts'
import type { Objects } from './objects.ts'
import { forbidden, GraphqlRefusal } from './refusal.ts'

type Fields = Record<string, unknown>
type Mutation = (args: { input: never }) => Promise<Fields>

const REACTION_CONTENTS: Record<string, ReactionContent> = {
  THUMBS_UP: '+1',
  THUMBS_DOWN: '-1',
  LAUGH: 'laugh',
  HOORAY: 'hooray',
  CONFUSED: 'confused',
  HEART: 'heart',
  ROCKET: 'rocket',
  EYES: 'eyes',
}

export function createMutations(github: GitHub, actor: Actor, objects: Objects): Fields {
  const { world } = github
  const bot = world.app.bot

  function find<K extends Entity['kind']>(id: string, ...kinds: K[]): Extract<Entity, { kind: K }> {
    const entity = world.entities.get(id)
    if (entity && kinds.includes(entity.kind as K) && sees(actor, homeOf(entity)))
      return entity as Extract<Entity, { kind: K }>
    throw new GraphqlRefusal('NOT_FOUND', `Could not resolve to a node with the global id of '${id}'`)
  }

  function need(repository: Repository, ...needs: Need[]): void {
    if (!may(actor, repository, needs)) throw forbidden()
  }

  function needWrite(on: ReviewComment | IssueComment | Review): void {
    if (on.kind === 'IssueComment') need(homeOf(on), 'issues:write', 'pull_requests:write')
    else need(homeOf(on), 'pull_requests:write')
  }

  function needOwn(on: ReviewComment | IssueComment | Review): void {
    needWrite(on)
    if (on.user !== bot) throw forbidden()
  }

  function commentFields(on: ReviewComment | IssueComment | Review): Fields {
    if (on.kind === 'IssueComment') return objects.issueComment(on)
    return on.kind === 'Review' ? objects.review(on) : objects.reviewComment(on)
  }

  async function resolve(id: string, isResolved: boolean): Promise<Fields> {
    const thread = find(id, 'Thread')
    // Measured on the real service: pull_requests:write is not enough.
    need(homeOf(thread), 'contents:write')
    thread.resolvedBy = isResolved ? bot : null
    return { thread: () => objects.thread(thread) }
  }

  function edit(on: ReviewComment | IssueComment | Review, body: string): void {
    needOwn(on)
    editBody(github, on, body)
  }

  return saying({
    updatePullRequestReviewComment: async ({
      input,
    }: {
      input: { pullRequestReviewCommentId: string; body: string }
    }) => {
      const comment = find(input.pullRequestReviewCommentId, 'ReviewComment')
      edit(comment, input.body)
      return { pullRequestReviewComment: () => objects.reviewComment(comment) }
    },
    updatePullRequestReview: async ({ input }: { input: { pullRequestReviewId: string; body: string } }) => {
      const review = find(input.pullRequestReviewId, 'Review')
      edit(review, input.body)
      return { pullRequestReview: () => objects.review(review) }
    },
    updateIssueComment: async ({ input }: { input: { id: string; body: string } }) => {
      const comment = find(input.id, 'IssueComment')
      edit(comment, input.body)
      return { issueComment: () => objects.issueComment(comment) }
    },
    minimizeComment: async ({ input }: { input: { subjectId: string; classifier: Classifier } }) => {
      const comment = find(input.subjectId, 'ReviewComment', 'IssueComment')
      needWrite(comment)
      if (comment.kind === 'ReviewComment' && !world.allows.minimizingReviewComments) throw forbidden()
      comment.minimized = input.classifier
      return { minimizedComment: () => commentFields(comment) }
    },
    unminimizeComment: async ({ input }: { input: { subjectId: string } }) => {
      const comment = find(input.subjectId, 'ReviewComment', 'IssueComment')
      needWrite(comment)
      comment.minimized = null
      return { unminimizedComment: () => commentFields(comment) }
    },
    resolveReviewThread: ({ input }: { input: { threadId: string } }) => resolve(input.threadId, true),
    unresolveReviewThread: ({ input }: { input: { threadId: string } }) => resolve(input.threadId, false),
    addPullRequestReviewThreadReply: async ({
      input,
    }: {
      input: { pullRequestReviewThreadId: string; body: string }
    }) => {
      const thread: Thread = find(input.pullRequestReviewThreadId, 'Thread')
      need(homeOf(thread), 'pull_requests:write')
      const reply = await replyTo(github, thread.comments[0]!, bot, input.body)
      return { comment: () => objects.reviewComment(reply) }
    },
    addPullRequestReviewComment: async ({ input }: { input: { inReplyTo: string; body: string } }) => {
      const comment = find(input.inReplyTo, 'ReviewComment')
      need(homeOf(comment), 'pull_requests:write')
      const reply = await replyTo(github, comment, bot, input.body)
      return { comment: () => objects.reviewComment(reply) }
    },
    addComment: async ({ input }: { input: { subjectId: string; body: string } }) => {
      const pull = find(input.subjectId, 'Pull')
      need(pull.repository, 'issues:write', 'pull_requests:write')
      const comment = await createIssueComment(github, pull, bot, input.body)
      return { commentEdge: { cursor: comment.nodeId, node: () => objects.issueComment(comment) } }
    },
    addReaction: async ({ input }: { input: { subjectId: string; content: string } }) => {
      const comment = find(input.subjectId, 'ReviewComment', 'IssueComment', 'Review')
      needWrite(comment)
      const { reaction } = react(github, comment, bot, REACTION_CONTENTS[input.content]!)
      return { reaction: () => objects.reaction(reaction), subject: () => commentFields(comment) }
    },
    removeReaction: async ({ input }: { input: { subjectId: string; content: string } }) => {
      const comment = find(input.subjectId, 'ReviewComment', 'IssueComment', 'Review')
      needWrite(comment)
      const content = REACTION_CONTENTS[input.content]
      const gone = comment.reactions.find((one) => one.user === bot && one.content === content)
      comment.reactions = comment.reactions.filter((one) => one !== gone)
      return { reaction: gone ? () => objects.reaction(gone) : null, subject: () => commentFields(comment) }
    },
    deletePullRequestReviewComment: async ({ input }: { input: { id: string } }) => {
      const comment = find(input.id, 'ReviewComment')
      needOwn(comment)
      await deleteComment(github, comment, bot)
      return { pullRequestReview: () => objects.review(comment.review) }
    },
    deleteIssueComment: async ({ input }: { input: { id: string } }) => {
      const comment = find(input.id, 'IssueComment')
      needOwn(comment)
      await deleteComment(github, comment, bot)
      return {}
    },
  })
}

// Every mutation gives back the client's own id, and refuses with the words that REST uses.
function saying(mutations: Record<string, Mutation>): Fields {
  return Object.fromEntries(
    Object.entries(mutations).map(([name, mutate]): [string, Mutation] => [
      name,
      async ({ input }) => {
        try {
          const { clientMutationId = null } = input as { clientMutationId?: string }
          return { clientMutationId, ...(await mutate({ input })) }
        } catch (error) {
          if (error instanceof Refusal) throw new GraphqlRefusal('UNPROCESSABLE', reasonOf(error))
          throw error
        }
      },
    ]),
  )
}

function reasonOf(refusal: Refusal): string {
  const [first] = (refusal.body['errors'] ?? []) as (string | { message: string })[]
  return typeof first === 'string' ? first : (first?.message ?? refusal.message)
}

function homeOf(entity: Entity): Repository {
  switch (entity.kind) {
    case 'Thread':
    case 'Review':
    case 'IssueComment':
      return entity.pull.repository
    case 'ReviewComment':
      return entity.thread.pull.repository
    case 'Pull':
      return entity.repository
    default:
      throw new GraphqlRefusal('NOT_FOUND', `Could not resolve to a node with the global id of '${entity.nodeId}'`)
  }
}
