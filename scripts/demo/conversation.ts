// The first tab: what happened, in order.
import { presentLines } from '../../test/support/github/changes.ts'
import type { Commit } from '../../test/support/github/git.ts'
import { latestRuns } from '../../test/support/github/json.ts'
import type { Account, IssueComment, Pull, Review, Thread } from '../../test/support/github/world.ts'
import { html, type Html } from './html.ts'
import { comment } from './markdown.ts'
import { avatar, icon, mark, moment, name, type Sign, signOf } from './page.ts'
import { excerpt, threadBox } from './thread.ts'

export async function conversationTab(pull: Pull): Promise<Html> {
  const commits = await pull.repository.git.commitsBetween(pull.base.sha, pull.head.sha)
  const reviews = pull.reviews.filter((review) => review.state !== 'PENDING')
  const events = [
    ...commits.map((one) => ({ at: one.committer.at, show: commitEvent(pull, one) })),
    ...pull.comments.map((one) => ({ at: one.createdAt, show: commentEvent(one) })),
    ...(await Promise.all(reviews.map(async (one) => ({ at: one.createdAt, show: await reviewEvent(pull, one) })))),
  ]
  // Commits are dated to the second, and come before what was said of them.
  const second = ({ at }: { at: Date }) => Math.floor(at.getTime() / 1000)
  return html`<div class="timeline">
    ${boxed(pull.author, pull.createdAt, comment(pull.body ?? '_No description provided._', null))}
    ${events.toSorted((a, b) => second(a) - second(b)).map((event) => event.show)} ${checkBox(pull)}
  </div>`
}

function boxed(account: Account, at: Date, content: Html): Html {
  return html`<div class="entry">
    ${avatar(account)}
    <div class="box">
      <div class="box-head">${name(account)} <span class="muted">commented ${moment(at)}</span></div>
      <div class="box-body markdown">${content}</div>
    </div>
  </div>`
}

function commentEvent(one: IssueComment): Html {
  return boxed(one.user, one.createdAt, comment(one.body, null))
}

function commitEvent(pull: Pull, one: Commit): Html {
  const runs = latestRuns(pull.repository.runs.filter((run) => run.headSha === one.oid))
  return html`<div class="event commit">
    <span class="dot"></span>${avatar({ ...pull.author, login: one.author.name }, 20)}
    <span class="message">${one.message.split('\n')[0]}</span>
    ${runs.map((run) => icon(signOf(run)))} <code>${one.oid.slice(0, 7)}</code>
  </div>`
}

async function reviewEvent(pull: Pull, review: Review): Promise<Html> {
  const threads = pull.threads.filter((thread) => thread.comments[0]?.review === review)
  return html`<div class="entry">
    ${avatar(review.user)}
    <div class="grow">
      <div class="event-line">${name(review.user)} <span class="muted">reviewed ${moment(review.createdAt)}</span></div>
      ${review.body !== '' &&
      html`<div class="box"><div class="box-body markdown">${comment(review.body, null)}</div></div>`}
      ${await Promise.all(threads.map((thread) => threadEntry(pull, thread)))}
    </div>
  </div>`
}

async function threadEntry(pull: Pull, thread: Thread): Promise<Html> {
  const { path, line } = thread.anchor
  const isOutdated = line !== null && (await presentLines(pull, thread.anchor)) === null
  return html`<div class="box thread-box">
    <div class="box-head file">
      <code>${path}</code>${isOutdated && html` <span class="label outdated">Outdated</span>`}
    </div>
    ${excerpt(thread)}${threadBox(thread)}
  </div>`
}

const HEADLINES: Record<string, string> = {
  success: 'All checks have passed',
  neutral: 'All checks have passed',
  failure: 'Some checks were not successful',
  running: 'Some checks haven’t completed yet',
}

function checkBox(pull: Pull): Html {
  const runs = latestRuns(pull.repository.runs.filter((run) => run.headSha === pull.head.sha))
  if (runs.length === 0) return html``
  const signs = runs.map(signOf)
  const worst = (['failure', 'running', 'neutral', 'success'] as Sign[]).find((sign) => signs.includes(sign)) ?? 'success'
  const rows = runs.map(
    (run) => html`<div class="check-row">
      ${icon(signOf(run))} <span class="avatar bot" style="width:20px;height:20px">${mark(12)}</span>
      <span><b>${run.name}</b> <span class="muted">— ${run.title ?? run.status}</span></span>
      <span class="label">Required</span><a href="/${pull.repository.owner.login}/${pull.repository.name}/pull/${pull.number}/checks">Details</a>
    </div>`,
  )
  const count = `${runs.length} ${worst === 'running' ? 'pending' : worst === 'failure' ? 'failing' : worst === 'neutral' ? 'neutral' : 'successful'} check${runs.length === 1 ? '' : 's'}`
  const merge =
    worst === 'failure' || worst === 'running'
      ? html`<div class="merge blocked">${icon(worst === 'failure' ? 'failure' : 'running')} <span><b>Merging is blocked</b><br /><span class="muted">A required check ${worst === 'failure' ? 'has failed' : 'has not completed'}.</span></span></div>`
      : html`<div class="merge"><span class="button primary">Merge pull request</span></div>`
  return html`<div class="box checks ${worst}">
    <div class="check-head">${icon(worst === 'neutral' ? 'success' : worst, 24)}<span><b>${HEADLINES[worst]}</b><br /><span class="muted">${count}</span></span></div>
    ${rows}${merge}
  </div>`
}
