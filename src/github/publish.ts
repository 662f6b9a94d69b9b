// Says on GitHub what the plan says: one review, replies, edits. Decides nothing; what GitHub refuses comes back.
import type { PlannedComment, PlannedEdit, PlannedReply, PublicPlan } from '../review/plan.ts'
import type { Said, Snapshot } from '../review/snapshot.ts'
import type { Client } from './client.ts'
import { assertUnmoved } from './context.ts'
import { editsDocument } from './documents.ts'
import { fromGraphQL, GitHubUnavailableError, GoneError, MissingPermissionError, RefusedError } from './errors.ts'
import { withinLimit } from './limits.ts'
import { listPullFiles } from './read.ts'
import { readThreads, saidIn } from './threads.ts'
import type { ReadMarker } from './threads.ts'

export interface Published {
  /** Fingerprints of comments and replies that GitHub did not take: they belong in the check run. */
  refused: string[]
  postedComments: number
  /** The permission that would have been needed; null where nothing was missing. */
  missingPermission: string | null
}

/** What a plan is published on, as it was read last; a context and a snapshot are both that. */
export type Stage = Pick<Snapshot, 'subject' | 'repository' | 'head' | 'base' | 'said'>

/** A pull request, in the form that the calls take. */
interface Pull {
  owner: string
  repo: string
  pull_number: number
}

/** Mutations in one request. */
const MUTATIONS = 20

/**
 * Posts the plan's comments as one review, then replies and edits. Throws `StaleHeadError` before anything is posted
 * where the pull request moved. Safe to repeat with a plan in which nothing stands that is already said.
 */
export async function publish(
  client: Client,
  stage: Stage,
  plan: PublicPlan,
  readMarker: ReadMarker,
): Promise<Published> {
  const published: Published = { refused: [], postedComments: 0, missingPermission: null }
  const { comments, replies, edits } = plan
  if (stage.subject.kind !== 'pull' || comments.length + replies.length + edits.length === 0) return published

  const { open } = await assertUnmoved(client, stage)
  const fingerprints = [...comments, ...replies].map(({ fingerprint }) => fingerprint)
  if (!open) return { ...published, refused: fingerprints }

  const { owner, name } = stage.repository
  const { number } = stage.subject
  const post: Posting = {
    client,
    stage,
    plan,
    pull: { owner, repo: name, pull_number: number },
    saidSince: async () => {
      await client.wait(2)
      const known = new Set(stage.said.map(({ id }) => id))
      const { threads, login } = await readThreads(client, { owner, name, number })
      return saidIn(threads, login, readMarker).filter(({ id }) => !known.has(id))
    },
  }
  let posted: readonly PlannedComment[] = []
  const answered: PlannedReply[] = []
  try {
    posted = await postReview(post)
    for (const reply of replies) if (await postReply(post, reply)) answered.push(reply)
    await sendEdits(client, edits)
  } catch (error) {
    if (!(error instanceof MissingPermissionError)) throw error
    published.missingPermission = error.permission
  }
  const placed = new Set([...posted, ...answered])
  return {
    ...published,
    refused: [...comments, ...replies].filter((said) => !placed.has(said)).map(({ fingerprint }) => fingerprint),
    postedComments: posted.length,
  }
}

interface Posting {
  client: Client
  stage: Stage
  plan: PublicPlan
  pull: Pull
  /** What we said after the stage was read: to find out whether a write of ours arrived. */
  saidSince: () => Promise<Said[]>
}

/** Gives the comments that GitHub took. One line outside of the diff makes it refuse all, without saying which. */
async function postReview(post: Posting): Promise<readonly PlannedComment[]> {
  const { client, stage, plan, pull } = post
  if (plan.comments.length === 0) return []
  if (await wasTaken(post, plan.comments)) return plan.comments

  await assertUnmoved(client, stage)
  const ranges = await shownRanges(client, pull)
  const shown = plan.comments.filter((comment) => isShown(comment, ranges.get(comment.path) ?? []))
  if (shown.length > 0 && shown.length < plan.comments.length && (await wasTaken(post, shown))) return shown
  if (shown.length < 2) return []

  // Only one review may stand, so the first half that is taken is all.
  const middle = Math.ceil(shown.length / 2)
  for (const half of [shown.slice(0, middle), shown.slice(middle)]) {
    if (await wasTaken(post, half)) return half
  }
  return []
}

/** False where GitHub refused. A pending review of ours, which blocks every other, is deleted once. */
async function wasTaken(post: Posting, comments: readonly PlannedComment[]): Promise<boolean> {
  try {
    await sendReview(post, comments)
    return true
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    if (!/pending review/i.test(error.message) || !(await deletePendingReview(post))) return false
  }
  try {
    await sendReview(post, comments)
    return true
  } catch (error) {
    if (error instanceof RefusedError) return false
    throw error
  }
}

/** An answer that was lost is looked for before the review is sent a second time. */
async function sendReview(post: Posting, comments: readonly PlannedComment[]): Promise<void> {
  const { client, plan, pull } = post
  const send = () =>
    client.rest.rest.pulls.createReview({
      ...pull,
      commit_id: plan.head,
      event: 'COMMENT',
      body: withinLimit(plan.body),
      comments: comments.map(toReviewComment),
    })
  await sendOnce(post, send, (said) =>
    comments.some(({ fingerprint, path }) => said.path === path && said.marker.fingerprint === fingerprint),
  )
}

function toReviewComment({ path, startLine, line, body }: PlannedComment) {
  const range = startLine !== null && startLine < line ? { start_line: startLine, start_side: 'RIGHT' } : {}
  return { path, line, side: 'RIGHT', ...range, body: withinLimit(body) }
}

/** False where GitHub refused, or where the comment is gone. */
async function postReply(post: Posting, { commentId, body, fingerprint }: PlannedReply): Promise<boolean> {
  const { client, stage, pull } = post
  const thread = stage.said.find(({ id }) => id === commentId)?.threadId
  const send = () =>
    client.rest.rest.pulls.createReplyForReviewComment({ ...pull, comment_id: commentId, body: withinLimit(body) })
  try {
    await sendOnce(post, send, (said) => said.threadId === thread && said.marker.fingerprint === fingerprint)
    return true
  } catch (error) {
    if (error instanceof RefusedError || error instanceof GoneError) return false
    throw error
  }
}

async function sendOnce(
  { saidSince }: Posting,
  send: () => Promise<unknown>,
  arrived: (said: Said) => boolean,
): Promise<void> {
  try {
    await send()
  } catch (error) {
    if (!(error instanceof GitHubUnavailableError)) throw error
    if (!(await saidSince()).some(arrived)) await send()
  }
}

/** Pending reviews are shown to their author alone: whatever is listed as pending is ours. */
async function deletePendingReview({ client, pull }: Posting): Promise<boolean> {
  for (let page = 1; ; page++) {
    const { data } = await client.rest.rest.pulls.listReviews({ ...pull, per_page: 100, page })
    const pending = data.find(({ state }) => state === 'PENDING')
    if (pending) {
      await client.rest.rest.pulls.deletePendingReview({ ...pull, review_id: pending.id })
      return true
    }
    if (data.length < 100) return false
  }
}

type LineRange = readonly [first: number, last: number]

/** The lines at the head that GitHub shows in its diff, hunk by hunk. */
async function shownRanges(client: Client, { owner, repo, pull_number }: Pull): Promise<Map<string, LineRange[]>> {
  const files = await listPullFiles(client, { owner, name: repo, number: pull_number }, Infinity)
  return new Map(
    files.map(({ path, patch }) => [
      path,
      [...(patch ?? '').matchAll(/^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@/gm)].map((header): LineRange => {
        const first = Number(header[1])
        return [first, first + Number(header[2] ?? 1) - 1]
      }),
    ]),
  )
}

function isShown({ startLine, line }: PlannedComment, ranges: readonly LineRange[]): boolean {
  return ranges.some(([first, last]) => first <= (startLine ?? line) && line <= last)
}

/** New bodies, and fixed comments folded away and their threads resolved where GitHub lets us. A comment that is gone needs no edit. */
async function sendEdits(client: Client, edits: readonly PlannedEdit[]): Promise<void> {
  // GitHub lets an App resolve threads only where it could write code too; most installations grant no such thing.
  const mayResolve = edits.length > 0 && (await client.permissions())['contents'] === 'write'
  const size = mayResolve ? Math.floor(MUTATIONS / 3) : MUTATIONS
  for (let rest = edits; rest.length > 0;) {
    const batch = takeBatch(client, rest, size)
    rest = rest.slice(batch.length)
    const resolved = mayResolve ? batch : []
    const folded = client.refused.has('minimize') ? [] : batch.filter(({ minimize }) => minimize !== null)
    const problems = await client.mutate(editsDocument(batch.length, folded.length, resolved.length), {
      ...Object.fromEntries(
        batch.map(({ nodeId, body }, index) => [
          `u${index}`,
          { pullRequestReviewCommentId: nodeId, body: withinLimit(body) },
        ]),
      ),
      ...Object.fromEntries(
        folded.map(({ nodeId, minimize }, index) => [`m${index}`, { subjectId: nodeId, classifier: minimize }]),
      ),
      ...Object.fromEntries(resolved.map(({ threadId }, index) => [`r${index}`, { threadId }])),
    })
    for (const problem of problems) {
      const [kind] = String(problem.path?.[0])
      if (kind === 'm' && problem.type === 'FORBIDDEN') client.refused.add('minimize')
      if (kind === 'm' || kind === 'r') continue
      const error = fromGraphQL(problem, 'write')
      if (!(error instanceof GoneError) && !(error instanceof RefusedError)) throw error
    }
  }
}

function takeBatch(client: Client, edits: readonly PlannedEdit[], most: number): PlannedEdit[] {
  const batch: PlannedEdit[] = []
  let mutations = 0
  for (const edit of edits.slice(0, most)) {
    mutations += edit.minimize === null || client.refused.has('minimize') ? 1 : 2
    if (mutations > MUTATIONS) break
    batch.push(edit)
  }
  return batch
}
