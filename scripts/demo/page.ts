// The frame of every page: header, title of the pull request, tabs. And the small things that all tabs show.
import { readFileSync } from 'node:fs'
import { changedFiles } from '../../test/support/github/changes.ts'
import type { Account, CheckRun, Pull } from '../../test/support/github/world.ts'
import { escape, html, type Html, trusted } from './html.ts'

export type Tab = 'conversation' | 'checks' | 'files'

const STYLE = readFileSync(new URL('style.css', import.meta.url), 'utf8')

// The page looks again whenever the stand-in says that something changed.
const SCRIPT = `new EventSource('/changes').onmessage = async () => {
  const text = await (await fetch(location.href)).text()
  const fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('main')
  document.querySelector('main').replaceWith(fresh)
}`

export function page(title: string, content: Html): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<header class="top">${mark().markup}<b>Stand-in GitHub</b><span>what the service posted, drawn as GitHub shows it</span></header>
<main>${content.markup}</main>
<script>${SCRIPT}</script>
</html>`
}

export async function pullPage(pull: Pull, tab: Tab, content: Html): Promise<string> {
  const files = await changedFiles(pull)
  const runs = pull.repository.runs.filter((run) => run.headSha === pull.head.sha)
  const commits = await pull.repository.git.commitsBetween(pull.base.sha, pull.head.sha)
  const said = pull.threads.length + pull.comments.length + pull.reviews.length
  const address = `/${pull.repository.owner.login}/${pull.repository.name}/pull/${pull.number}`
  const link = (name: Tab, text: string, count: number) => html`<a class="tab ${name === tab ? 'here' : ''}"
    href="${address}${name === 'conversation' ? '' : `/${name}`}">${text} <span class="count">${count}</span></a>`
  const additions = files.reduce((sum, file) => sum + file.additions, 0)
  const deletions = files.reduce((sum, file) => sum + file.deletions, 0)
  return page(
    `${pull.title} · Pull Request #${pull.number}`,
    html`<div class="repository">
        <a>${pull.repository.owner.login}</a> / <a><b>${pull.repository.name}</b></a> <span class="label">Private</span>
      </div>
      <h1>${pull.title} <span class="muted">#${pull.number}</span></h1>
      <div class="subtitle">
        ${stateOf(pull)}
        <span
          ><b>${pull.author.login}</b> wants to merge ${commits.length} commit${commits.length === 1 ? '' : 's'} into
          <code class="branch">${pull.base.ref}</code> from <code class="branch">${pull.head.ref}</code></span
        >
      </div>
      <nav class="tabs">
        ${link('conversation', 'Conversation', said)} ${link('checks', 'Checks', runs.length)}
        ${link('files', 'Files changed', files.length)}
        <span class="delta"><span class="plus">+${additions}</span> <span class="minus">−${deletions}</span></span>
      </nav>
      ${content}`,
  )
}

function stateOf(pull: Pull): Html {
  const state = pull.merged ? 'Merged' : pull.state === 'open' ? 'Open' : 'Closed'
  return html`<span class="state ${state.toLowerCase()}">${pull.draft ? 'Draft' : state}</span>`
}

export function avatar(account: Account, size = 40): Html {
  if (account.kind === 'Bot') return html`<span class="avatar bot" style="width:${size}px;height:${size}px">${mark(size * 0.6)}</span>`
  const hue = [...account.login].reduce((sum, character) => sum + character.charCodeAt(0) * 47, 0) % 360
  return html`<span class="avatar" style="width:${size}px;height:${size}px;background:hsl(${hue} 45% 55%);font-size:${size * 0.45}px"
    >${account.login[0]?.toUpperCase()}</span
  >`
}

/** A name as GitHub writes it: a bot's without `[bot]`, with a label. */
export function name(account: Account): Html {
  const login = account.login.replace('[bot]', '')
  return html`<b>${login}</b>${account.kind === 'Bot' && html` <span class="label">bot</span>`}`
}

export function moment(at: Date): Html {
  return html`<time datetime="${at.toISOString()}" title="${at.toISOString()}">${at.toTimeString().slice(0, 8)}</time>`
}

export type Sign = 'success' | 'failure' | 'neutral' | 'running' | 'notice' | 'warning'

export function signOf(run: CheckRun): Sign {
  if (run.status !== 'completed') return 'running'
  return run.conclusion === 'success' || run.conclusion === 'failure' ? run.conclusion : 'neutral'
}

const PATHS: Record<Sign, string> = {
  success: 'M13.78 4.22a.75.75 0 0 1 0 1.06l-7.25 7.25a.75.75 0 0 1-1.06 0L2.22 9.28a.75.75 0 1 1 1.06-1.06L6 10.94l6.72-6.72a.75.75 0 0 1 1.06 0Z',
  failure: 'M3.72 3.72a.75.75 0 0 1 1.06 0L8 6.94l3.22-3.22a.75.75 0 1 1 1.06 1.06L9.06 8l3.22 3.22a.75.75 0 1 1-1.06 1.06L8 9.06l-3.22 3.22a.75.75 0 0 1-1.06-1.06L6.94 8 3.72 4.78a.75.75 0 0 1 0-1.06Z',
  neutral: 'M3 3h10a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1Zm.5 1.5v7h9v-7Z',
  running: 'M8 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8Z',
  notice: 'M0 8a8 8 0 1 1 16 0A8 8 0 0 1 0 8Zm8-6.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM6.5 7.75A.75.75 0 0 1 7.25 7h1a.75.75 0 0 1 .75.75v2.75h.25a.75.75 0 0 1 0 1.5h-2a.75.75 0 0 1 0-1.5h.25v-2h-.25a.75.75 0 0 1-.75-.75ZM8 6a1 1 0 1 1 0-2 1 1 0 0 1 0 2Z',
  warning: 'M6.457 1.047c.659-1.234 2.427-1.234 3.086 0l6.082 11.378A1.75 1.75 0 0 1 14.082 15H1.918a1.75 1.75 0 0 1-1.543-2.575ZM8 5a.75.75 0 0 0-.75.75v2.5a.75.75 0 0 0 1.5 0v-2.5A.75.75 0 0 0 8 5Zm1 6a1 1 0 1 0-2 0 1 1 0 0 0 2 0Z',
}

export function icon(sign: Sign, size = 16): Html {
  return trusted(`<svg class="icon ${sign}" viewBox="0 0 16 16" width="${size}" height="${size}" aria-label="${sign}"><path d="${PATHS[sign]}"/></svg>`)
}

/** The app's own picture: a supervisor and its two children. */
export function mark(size = 24): Html {
  return trusted(
    `<svg class="mark" viewBox="0 0 24 24" width="${size}" height="${size}" aria-hidden="true"><path d="M12 7v4M12 11H6v4M12 11h6v4" fill="none" stroke="currentColor" stroke-width="2"/><circle cx="12" cy="5" r="3" fill="currentColor"/><circle cx="6" cy="18" r="3" fill="currentColor"/><circle cx="18" cy="18" r="3" fill="currentColor"/></svg>`,
  )
}
