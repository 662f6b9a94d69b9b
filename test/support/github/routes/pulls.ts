// Pull requests, their reviews, and the comments on their lines.
import { changedFiles } from '../changes.ts'
import { publicComments } from '../json.ts'
import { notFound, Refusal } from '../refusal.ts'
import {
  type CommentDraft,
  createReview,
  createReviewComment,
  deleteComment,
  deletePendingReview,
  editBody,
  found,
  react,
  replyTo,
  type ReviewEvent,
  submitReview,
} from '../reviews.ts'
import type { ReactionContent, Review, ReviewComment } from '../world.ts'
import { inRepository, ok, paged, pullOf, type RepositoryCall, type Routes } from './route.ts'

const MOST_FILES = 3000

export const pullRoutes: Routes = {
  'GET /repos/{owner}/{repo}/pulls': inRepository('pull_requests:read', (call) => {
    const { state = 'open', head, base, sort = 'created' } = call.query
    const direction = call.query['direction'] ?? (sort === 'created' ? 'desc' : 'asc')
    const key = (pull: { createdAt: Date; updatedAt: Date; number: number }) =>
      sort === 'updated' ? pull.updatedAt.getTime() : pull.number
    const pulls = call.repository.pulls
      .filter((pull) => state === 'all' || pull.state === state)
      .filter((pull) => !head || `${pull.head.owner.login}:${pull.head.ref}` === head)
      .filter((pull) => !base || pull.base.ref === base)
      .toSorted((a, b) => (direction === 'desc' ? key(b) - key(a) : key(a) - key(b)))
    return paged(call, pulls, call.github.write.pullSimple)
  }),

  'GET /repos/{owner}/{repo}/pulls/{pull_number}': inRepository('pull_requests:read', async (call) =>
    ok(await call.github.write.pull(pullOf(call))),
  ),

  'GET /repos/{owner}/{repo}/pulls/{pull_number}/files': inRepository('pull_requests:read', async (call) => {
    const pull = pullOf(call)
    const head = pull.shownHead ?? pull.head.sha
    const files = (await changedFiles(pull, head)).slice(0, MOST_FILES)
    return paged(call, files, (file) => call.github.write.file(pull.repository, head, file, pull.withoutPatch))
  }),

  'GET /repos/{owner}/{repo}/pulls/{pull_number}/commits': inRepository('pull_requests:read', async (call) => {
    const pull = pullOf(call)
    const commits = await pull.repository.git.commitsBetween(pull.base.sha, pull.head.sha)
    return paged(call, commits.slice(0, 250), (commit) => call.github.write.commit(pull.repository, commit))
  }),

  'GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews': inRepository('pull_requests:read', (call) => {
    const reviews = pullOf(call).reviews.filter((one) => one.state !== 'PENDING' || one.user === me(call))
    return paged(call, reviews, call.github.write.review)
  }),

  'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews': inRepository('pull_requests:write', async (call) => {
    const draft = (call.body ?? {}) as {
      body?: string
      event?: ReviewEvent
      commit_id?: string
      comments?: CommentDraft[]
    }
    const review = await createReview(call.github, pullOf(call), me(call), {
      body: draft.body ?? '',
      event: draft.event ?? null,
      commit: draft.commit_id ?? null,
      comments: draft.comments ?? [],
    })
    return ok(call.github.write.review(review))
  }),

  'GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}': inRepository('pull_requests:read', (call) =>
    ok(call.github.write.review(reviewOf(call))),
  ),

  'PUT /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}': inRepository('pull_requests:write', (call) => {
    const review = reviewOf(call)
    if (review.user !== me(call)) throw new Refusal(403, 'Forbidden')
    editBody(call.github, review, (call.body as { body: string }).body)
    return ok(call.github.write.review(review))
  }),

  'DELETE /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}': inRepository(
    'pull_requests:write',
    (call) => {
      const review = reviewOf(call)
      deletePendingReview(call.github, review)
      return ok(call.github.write.review(review))
    },
  ),

  'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/events': inRepository(
    'pull_requests:write',
    async (call) => {
      const { event, body } = call.body as { event: ReviewEvent; body?: string }
      return ok(call.github.write.review(await submitReview(call.github, reviewOf(call), event, body ?? null)))
    },
  ),

  'GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/comments': inRepository(
    'pull_requests:read',
    (call) => {
      const review = reviewOf(call)
      const comments = review.pull.threads.flatMap((thread) => thread.comments).filter((one) => one.review === review)
      return paged(call, comments, call.github.write.reviewComment)
    },
  ),

  'GET /repos/{owner}/{repo}/pulls/{pull_number}/comments': inRepository('pull_requests:read', (call) => {
    const { sort = 'created', direction = 'asc' } = call.query
    const key = (one: ReviewComment) => (sort === 'updated' ? one.updatedAt.getTime() : one.id)
    const comments = publicComments(pullOf(call)).toSorted((a, b) => key(a) - key(b))
    return paged(call, direction === 'asc' ? comments : comments.reverse(), call.github.write.reviewComment)
  }),

  'POST /repos/{owner}/{repo}/pulls/{pull_number}/comments': inRepository('pull_requests:write', async (call) => {
    const draft = call.body as CommentDraft & { commit_id: string; subject_type?: string; in_reply_to?: number }
    const pull = pullOf(call)
    const to = draft.in_reply_to
    const comment =
      to === undefined
        ? await createReviewComment(call.github, pull, me(call), draft)
        : await replyTo(call.github, commentOn(call, to), me(call), draft.body)
    return ok(await call.github.write.reviewComment(comment), 201)
  }),

  'POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies': inRepository(
    'pull_requests:write',
    async (call) => {
      const comment = commentOn(call, Number(call.params['comment_id']))
      // Only the comment that opened the thread can be answered here.
      if (comment.thread.pull !== pullOf(call) || comment.thread.comments[0] !== comment) throw notFound()
      const reply = await replyTo(call.github, comment, me(call), (call.body as { body: string }).body)
      return ok(await call.github.write.reviewComment(reply), 201)
    },
  ),

  'GET /repos/{owner}/{repo}/pulls/comments/{comment_id}': inRepository('pull_requests:read', async (call) =>
    ok(await call.github.write.reviewComment(commentOn(call, Number(call.params['comment_id'])))),
  ),

  'PATCH /repos/{owner}/{repo}/pulls/comments/{comment_id}': inRepository('pull_requests:write', async (call) => {
    const comment = commentOn(call, Number(call.params['comment_id']))
    if (comment.user !== me(call)) throw new Refusal(403, 'Forbidden')
    editBody(call.github, comment, (call.body as { body: string }).body)
    return ok(await call.github.write.reviewComment(comment))
  }),

  'DELETE /repos/{owner}/{repo}/pulls/comments/{comment_id}': inRepository('pull_requests:write', async (call) => {
    await deleteComment(call.github, commentOn(call, Number(call.params['comment_id'])), me(call))
    return { status: 204 }
  }),

  'GET /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions': inRepository('pull_requests:read', (call) => {
    const { content } = call.query
    const { reactions } = commentOn(call, Number(call.params['comment_id']))
    return paged(
      call,
      reactions.filter((one) => !content || one.content === content),
      call.github.write.reaction,
    )
  }),

  'POST /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions': inRepository('pull_requests:write', (call) => {
    const { content } = call.body as { content: ReactionContent }
    const comment = commentOn(call, Number(call.params['comment_id']))
    const { reaction, isNew } = react(call.github, comment, me(call), content)
    return ok(call.github.write.reaction(reaction), isNew ? 201 : 200)
  }),
}

function me(call: RepositoryCall) {
  return call.github.world.app.bot
}

function reviewOf(call: RepositoryCall): Review {
  const id = Number(call.params['review_id'])
  const review = found(pullOf(call).reviews.find((one) => one.id === id))
  if (review.state === 'PENDING' && review.user !== me(call)) throw notFound()
  return review
}

function commentOn(call: RepositoryCall, id: number): ReviewComment {
  return found(call.repository.pulls.flatMap(publicComments).find((one) => one.id === id))
}
