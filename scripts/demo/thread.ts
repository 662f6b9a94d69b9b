// One thread of review comments, as it stands under a line and in the conversation.
import type { ReviewComment, Thread } from '../../test/support/github/world.ts'
import { highlight } from './elixir.ts'
import { html, type Html } from './html.ts'
import { comment, type Replaced } from './markdown.ts'
import { avatar, moment, name } from './page.ts'

const REACTIONS: Record<string, string> = {
  '+1': '👍',
  '-1': '👎',
  laugh: '😄',
  hooray: '🎉',
  confused: '😕',
  heart: '❤️',
  rocket: '🚀',
  eyes: '👀',
}

export function threadBox(thread: Thread): Html {
  const replaced = replacedBy(thread)
  return html`<div class="thread">
    ${thread.comments.map((one) => commentBox(one, replaced))}
    <div class="reply">${thread.resolvedBy ? `${thread.resolvedBy.login} marked this conversation as resolved.` : 'Reply…'}</div>
  </div>`
}

function commentBox(one: ReviewComment, replaced: Replaced | null): Html {
  const head = html`${avatar(one.user, 24)} <span>${name(one.user)} <span class="muted">${moment(one.createdAt)}</span></span>
    ${one.updatedAt > one.createdAt && html`<span class="muted">· edited</span>`}`
  const body = html`<div class="markdown">${comment(one.body, replaced)}</div>
    ${one.reactions.length > 0 && html`<div class="reactions">${one.reactions.map((each) => html`<span>${REACTIONS[each.content]} 1</span>`)}</div>`}`
  if (one.minimized === null) return html`<article class="comment"><div class="comment-head">${head}</div>${body}</article>`
  const reason = one.minimized.toLowerCase().replace('_', ' ')
  return html`<details class="comment hidden">
    <summary>${head} <span class="hidden-note">This comment was marked as ${reason}.</span> <span class="show">Show comment</span></summary>
    ${body}
  </details>`
}

/** The lines of code above a thread in the conversation. */
export function excerpt(thread: Thread): Html {
  const { anchor } = thread
  const [header = '', ...lines] = anchor.diffHunk.split('\n')
  const start = /^@@ -(\d+)(?:,\d+)? \+(\d+)/.exec(header)
  let left = Number(start?.[1] ?? 1)
  let right = Number(start?.[2] ?? 1)
  const rows = lines.map((line) => {
    const sign = line[0] ?? ' '
    const row = html`<tr class="${sign === '+' ? 'added' : sign === '-' ? 'removed' : ''}">
      <td class="number">${sign === '+' ? null : left}</td>
      <td class="number">${sign === '-' ? null : right}</td>
      <td class="line"><span class="sign">${sign}</span>${highlight(line.slice(1), anchor.path)}</td>
    </tr>`
    if (sign !== '+') left += 1
    if (sign !== '-') right += 1
    return row
  })
  const count = Math.max(4, (anchor.line ?? 0) - (anchor.startLine ?? anchor.line ?? 0) + 3)
  return html`<table class="diff">${rows.slice(-count)}</table>`
}

function replacedBy({ anchor }: Thread): Replaced | null {
  if (anchor.line === null) return null
  const from = anchor.startLine ?? anchor.line
  const shown = anchor.diffHunk.split('\n').filter((line) => line.startsWith('+') || line.startsWith(' '))
  return { path: anchor.path, from, lines: shown.slice(-(anchor.line - from + 1)).map((line) => line.slice(1)) }
}
