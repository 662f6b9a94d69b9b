// The conversation of a pull request, which GitHub keeps as comments of an issue.
import { Refusal } from '../refusal.ts'
import { createIssueComment, deleteComment, editBody, found, react } from '../reviews.ts'
import type { IssueComment, ReactionContent } from '../world.ts'
import { inRepository, ok, paged, pullOf, type RepositoryCall, type Routes } from './route.ts'

// On a pull request, either permission suffices.
const READ = ['issues:read', 'pull_requests:read'] as const
const WRITE = ['issues:write', 'pull_requests:write'] as const

export const issueRoutes: Routes = {
  'GET /repos/{owner}/{repo}/issues/{issue_number}/comments': inRepository(READ, (call) => {
    const since = call.query['since']
    const comments = pullOf(call).comments.filter((one) => !since || one.updatedAt >= new Date(since))
    return paged(call, comments, call.github.write.issueComment)
  }),

  'POST /repos/{owner}/{repo}/issues/{issue_number}/comments': inRepository(WRITE, async (call) => {
    const { body } = call.body as { body: string }
    const comment = await createIssueComment(call.github, pullOf(call), call.github.world.app.bot, body)
    return ok(call.github.write.issueComment(comment), 201)
  }),

  'GET /repos/{owner}/{repo}/issues/comments/{comment_id}': inRepository(READ, (call) =>
    ok(call.github.write.issueComment(commentOf(call))),
  ),

  'PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}': inRepository(WRITE, (call) => {
    const comment = ownCommentOf(call)
    editBody(call.github, comment, (call.body as { body: string }).body)
    return ok(call.github.write.issueComment(comment))
  }),

  'DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}': inRepository(WRITE, async (call) => {
    await deleteComment(call.github, commentOf(call), call.github.world.app.bot)
    return { status: 204 }
  }),

  'GET /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions': inRepository(READ, (call) =>
    paged(call, commentOf(call).reactions, call.github.write.reaction),
  ),

  'POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions': inRepository(WRITE, (call) => {
    const { content } = call.body as { content: ReactionContent }
    const { reaction, isNew } = react(call.github, commentOf(call), call.github.world.app.bot, content)
    return ok(call.github.write.reaction(reaction), isNew ? 201 : 200)
  }),
}

function commentOf(call: RepositoryCall): IssueComment {
  const id = Number(call.params['comment_id'])
  return found(call.repository.pulls.flatMap((pull) => pull.comments).find((one) => one.id === id))
}

function ownCommentOf(call: RepositoryCall): IssueComment {
  const comment = commentOf(call)
  if (comment.user !== call.github.world.app.bot) throw new Refusal(403, 'Forbidden')
  return comment
}
