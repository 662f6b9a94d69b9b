// Reviews, their comments, and the conversation: what may be said, and what GitHub refuses.
import { anchorOf } from './changes.ts'
import type { GitHub } from './events.ts'
import { notFound, unprocessable, validationFailed, Violation } from './refusal.ts'
import type {
  Account,
  IssueComment,
  Pull,
  Reaction,
  ReactionContent,
  Review,
  ReviewComment,
  ReviewState,
  Side,
  Thread,
} from './world.ts'

export const LONGEST_BODY = 65_536

export interface CommentDraft {
  path: string
  body: string
  side?: string
  line?: number
  start_line?: number
  start_side?: string
  position?: number
}

export type ReviewEvent = 'APPROVE' | 'REQUEST_CHANGES' | 'COMMENT'

const STATES: Record<ReviewEvent, ReviewState> = {
  APPROVE: 'APPROVED',
  REQUEST_CHANGES: 'CHANGES_REQUESTED',
  COMMENT: 'COMMENTED',
}

/** One review with all its comments, or none of it. Without an event it stays pending. */
export async function createReview(
  github: GitHub,
  pull: Pull,
  user: Account,
  draft: { body: string; event: ReviewEvent | null; commit: string | null; comments: CommentDraft[] },
): Promise<Review> {
  if (pull.reviews.some((review) => review.user === user && review.state === 'PENDING'))
    throw unprocessable('User can only have one pending review per pull request')
  const commit = draft.commit ?? pull.head.sha
  if (!pull.commits.has(commit)) throw unprocessable('The commitOID is not part of the pull request')
  for (const body of [draft.body, ...draft.comments.map((comment) => comment.body)]) checkReviewBody(body)
  if (draft.event) checkSubmission(pull, user, draft.event, draft.body)
  const anchors = await Promise.all(draft.comments.map((comment) => anchorOfDraft(pull, commit, comment)))

  const review = addReview(github, pull, user, commit, draft.body, draft.event)
  draft.comments.forEach((comment, index) => {
    const thread = github.world.add<Thread>({
      kind: 'Thread',
      pull,
      anchor: anchors[index]!,
      comments: [],
      resolvedBy: null,
    })
    pull.threads.push(thread)
    addToThread(github, thread, review, user, comment.body)
  })
  if (draft.event) await announceReview(github, review)
  return review
}

/** Turns a pending review into one that everybody sees. */
export async function submitReview(
  github: GitHub,
  review: Review,
  event: ReviewEvent,
  body: string | null,
): Promise<Review> {
  if (review.state !== 'PENDING') throw unprocessable('Could not submit the review: it was submitted before.')
  checkReviewBody(body ?? review.body)
  checkSubmission(review.pull, review.user, event, body ?? review.body)
  review.body = body ?? review.body
  review.state = STATES[event]
  review.submittedAt = github.world.now()
  review.updatedAt = github.world.now()
  await announceReview(github, review)
  return review
}

export function deletePendingReview(github: GitHub, review: Review): void {
  if (review.state !== 'PENDING') throw unprocessable('Can not delete a non-pending pull request review')
  const { pull } = review
  pull.reviews = pull.reviews.filter((one) => one !== review)
  for (const thread of pull.threads) {
    for (const comment of thread.comments) if (comment.review === review) github.world.forget(comment)
    thread.comments = thread.comments.filter((comment) => comment.review !== review)
  }
  pull.threads = pull.threads.filter((thread) => thread.comments.length > 0)
  github.world.forget(review)
}

/** A comment of its own, outside a review: GitHub wraps it in one. */
export async function createReviewComment(
  github: GitHub,
  pull: Pull,
  user: Account,
  draft: CommentDraft & { commit_id: string; subject_type?: string },
): Promise<ReviewComment> {
  checkCommentBody('PullRequestReviewComment', draft.body)
  if (!pull.commits.has(draft.commit_id))
    throw validationFailed('PullRequestReviewComment', 'commit_id', 'commit_id is not part of the pull request')
  const anchor =
    draft.subject_type === 'file'
      ? {
          path: draft.path,
          commit: draft.commit_id,
          side: 'RIGHT' as Side,
          line: null,
          startSide: null,
          startLine: null,
          diffHunk: '',
        }
      : await anchorOf(pull, draft.commit_id, spotOf(draft))
  if (Array.isArray(anchor)) {
    const field = 'pull_request_review_thread.line'
    throw validationFailed('PullRequestReviewComment', field, `pull_request_review_thread.${anchor[0]}`)
  }
  const review = addReview(github, pull, user, draft.commit_id, '', 'COMMENT')
  const thread = github.world.add<Thread>({ kind: 'Thread', pull, anchor, comments: [], resolvedBy: null })
  pull.threads.push(thread)
  const comment = addToThread(github, thread, review, user, draft.body)
  await announceReview(github, review)
  return comment
}

export async function replyTo(
  github: GitHub,
  comment: ReviewComment,
  user: Account,
  body: string,
): Promise<ReviewComment> {
  checkCommentBody('PullRequestReviewComment', body)
  const { thread } = comment
  const { pull } = thread
  if (pull.reviews.some((review) => review.user === user && review.state === 'PENDING'))
    throw validationFailed('PullRequestReview', 'user_id', 'user_id can only have one pending review per pull request')
  const review = addReview(github, pull, user, pull.head.sha, '', 'COMMENT')
  const reply = addToThread(github, thread, review, user, body)
  await announceReview(github, review)
  return reply
}

export async function createIssueComment(
  github: GitHub,
  pull: Pull,
  user: Account,
  body: string,
): Promise<IssueComment> {
  checkCommentBody('IssueComment', body)
  const at = github.world.now()
  const comment = github.world.add<IssueComment>({
    kind: 'IssueComment',
    pull,
    user,
    body,
    reactions: [],
    minimized: null,
    createdAt: at,
    updatedAt: at,
  })
  pull.comments.push(comment)
  await announceIssueComment(github, comment, 'created', user)
  return comment
}

export function editBody(github: GitHub, comment: ReviewComment | IssueComment | Review, body: string): void {
  checkCommentBody(comment.kind, body)
  comment.body = body
  comment.updatedAt = github.world.now()
}

/** A person changes a comment, their own or somebody else's, and everybody hears of it. */
export async function editComment(
  github: GitHub,
  comment: ReviewComment | IssueComment,
  body: string,
  by: Account,
): Promise<void> {
  const changes = { body: { from: comment.body } }
  editBody(github, comment, body)
  comment.editor = by
  if (comment.kind === 'IssueComment') await announceIssueComment(github, comment, 'edited', by, { changes })
  else await announceReviewComment(github, comment, 'edited', by, { changes })
}

export async function deleteComment(github: GitHub, comment: ReviewComment | IssueComment, by: Account): Promise<void> {
  if (comment.kind === 'IssueComment') {
    comment.pull.comments = comment.pull.comments.filter((one) => one !== comment)
    await announceIssueComment(github, comment, 'deleted', by)
  } else {
    const { thread } = comment
    thread.comments = thread.comments.filter((one) => one !== comment)
    thread.pull.threads = thread.pull.threads.filter((one) => one.comments.length > 0)
    await announceReviewComment(github, comment, 'deleted', by)
  }
  github.world.forget(comment)
}

/** Adds the reaction once; a second one of the same user and content is the first. */
export function react(
  github: GitHub,
  to: ReviewComment | IssueComment | Review,
  user: Account,
  content: ReactionContent,
): { reaction: Reaction; isNew: boolean } {
  const given = to.reactions.find((one) => one.user === user && one.content === content)
  if (given) return { reaction: given, isNew: false }
  const reaction = github.world.add<Reaction>({ kind: 'Reaction', user, content, createdAt: github.world.now() })
  to.reactions.push(reaction)
  return { reaction, isNew: true }
}

function addReview(
  github: GitHub,
  pull: Pull,
  user: Account,
  commit: string,
  body: string,
  event: ReviewEvent | null,
): Review {
  const at = github.world.now()
  const review = github.world.add<Review>({
    kind: 'Review',
    pull,
    user,
    body,
    state: event ? STATES[event] : 'PENDING',
    commit,
    reactions: [],
    createdAt: at,
    updatedAt: at,
    submittedAt: event && at,
  })
  pull.reviews.push(review)
  pull.updatedAt = at
  return review
}

function addToThread(github: GitHub, thread: Thread, review: Review, user: Account, body: string): ReviewComment {
  const at = github.world.now()
  const comment = github.world.add<ReviewComment>({
    kind: 'ReviewComment',
    thread,
    review,
    user,
    body,
    reactions: [],
    minimized: null,
    createdAt: at,
    updatedAt: at,
  })
  thread.comments.push(comment)
  return comment
}

async function anchorOfDraft(pull: Pull, commit: string, draft: CommentDraft): Promise<Thread['anchor']> {
  const anchor = await anchorOf(pull, commit, spotOf(draft))
  if (!Array.isArray(anchor)) return anchor
  throw unprocessable(sentence(anchor.map((reason) => `Pull request review thread ${reason}`)))
}

function spotOf(draft: CommentDraft) {
  if (draft.position !== undefined) throw new Violation('`position` is deprecated: send `line` and `side`')
  return {
    path: draft.path,
    line: draft.line,
    side: sideOf(draft.side),
    startLine: draft.start_line,
    startSide: sideOf(draft.start_side),
  }
}

function sideOf(side: string | undefined): Side | undefined {
  if (side === undefined || side === 'LEFT' || side === 'RIGHT') return side
  throw new Violation(`a side is LEFT or RIGHT, not ${side}`)
}

function checkSubmission(pull: Pull, user: Account, event: ReviewEvent, body: string): void {
  if (event !== 'COMMENT' && user === pull.author)
    throw unprocessable(`Can not ${event === 'APPROVE' ? 'approve' : 'request changes on'} your own pull request`)
  // https://docs.github.com/rest/pulls/reviews#create-a-review-for-a-pull-request: required for these two.
  if (event !== 'APPROVE' && body.trim() === '')
    throw unprocessable(
      event === 'COMMENT'
        ? 'You need to leave a comment.'
        : 'You need to leave a comment indicating the requested changes.',
    )
}

function checkReviewBody(body: string): void {
  if (body.length > LONGEST_BODY) throw unprocessable(`Body is too long (maximum is ${LONGEST_BODY} characters)`)
}

function checkCommentBody(resource: string, body: string): void {
  if (body.trim() === '') throw validationFailed(resource, 'body', "body can't be blank")
  if (body.length > LONGEST_BODY)
    throw validationFailed(resource, 'body', `body is too long (maximum is ${LONGEST_BODY} characters)`)
}

function sentence(reasons: string[]): string {
  if (reasons.length < 3) return reasons.join(' and ')
  return `${reasons.slice(0, -1).join(', ')}, and ${reasons.at(-1)}`
}

async function announceReview(github: GitHub, review: Review): Promise<void> {
  const { world, write, emit } = github
  const { pull, user } = review
  const { repository } = pull
  const common = { account: repository.owner, repository, sender: user }
  const pullRequest = write.pullSimple(pull)
  await emit({
    ...common,
    name: 'pull_request_review',
    action: 'submitted',
    payload: { review: { ...write.review(review), state: review.state.toLowerCase() }, pull_request: pullRequest },
  })
  for (const comment of pull.threads.flatMap((thread) => thread.comments)) {
    if (comment.review === review) await announceReviewComment(github, comment, 'created', user)
  }
  world.touch()
}

async function announceReviewComment(
  { world, write, emit }: GitHub,
  comment: ReviewComment,
  action: 'created' | 'edited' | 'deleted',
  sender: Account,
  more: Record<string, unknown> = {},
): Promise<void> {
  const { pull } = comment.thread
  const { repository } = pull
  await emit({
    name: 'pull_request_review_comment',
    action,
    account: repository.owner,
    repository,
    sender,
    payload: { comment: await write.reviewComment(comment), pull_request: write.pullSimple(pull), ...more },
  })
  world.touch()
}

async function announceIssueComment(
  { world, write, emit }: GitHub,
  comment: IssueComment,
  action: 'created' | 'edited' | 'deleted',
  sender: Account,
  more: Record<string, unknown> = {},
): Promise<void> {
  const { repository } = comment.pull
  await emit({
    name: 'issue_comment',
    action,
    account: repository.owner,
    repository,
    sender,
    payload: { issue: write.issue(comment.pull), comment: write.issueComment(comment), ...more },
  })
  world.touch()
}

/** Finds what a request names, or answers as if it were not there. */
export function found<T>(value: T | undefined | null): T {
  if (value === undefined || value === null) throw notFound()
  return value
}
