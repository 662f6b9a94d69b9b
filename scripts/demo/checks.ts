// The tab "Checks": the runs on the head, with summary, text and annotations.
import { latestRuns } from '../../test/support/github/json.ts'
import type { CheckRun, Pull } from '../../test/support/github/world.ts'
import { annotationBox } from './files.ts'
import { html, type Html } from './html.ts'
import { document } from './markdown.ts'
import { icon, moment, signOf } from './page.ts'

export function checksTab(pull: Pull): Html {
  const runs = latestRuns(pull.repository.runs.filter((run) => run.headSha === pull.head.sha))
  if (runs.length === 0) return html`<p class="muted">No check has reported on ${pull.head.sha.slice(0, 7)} yet.</p>`
  return html`<div class="checks-tab">
    <aside>${runs.map((run) => html`<div class="check-row">${icon(signOf(run))} <b>${run.name}</b></div>`)}</aside>
    <div class="grow">${runs.map(runBox)}</div>
  </div>`
}

function runBox(run: CheckRun): Html {
  const counts = { failure: 0, warning: 0, notice: 0 }
  for (const one of run.annotations) counts[one.level] += 1
  const listed = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([level, count]) => `${count} ${level}${count === 1 ? '' : 's'}`)
  return html`<section>
    <div class="run-head">
      ${icon(signOf(run), 20)}
      <span><b>${run.name}</b><br /><span class="muted">${run.conclusion ?? run.status} ${moment(run.completedAt ?? run.startedAt)} on <code>${run.headSha.slice(0, 7)}</code></span></span>
      <span class="buttons">${run.actions.map((one) => html`<span class="button" title="${one.description}">${one.label}</span>`)}<span class="button">Re-run</span></span>
    </div>
    ${run.title !== null && html`<h2>${run.title}</h2>`}
    <div class="markdown">${run.summary !== null && document(run.summary)}</div>
    ${run.text !== null && html`<details open class="details"><summary>Details</summary><div class="markdown">${document(run.text)}</div></details>`}
    ${run.annotations.length > 0 &&
    html`<div class="box"><div class="box-head"><b>Annotations</b> <span class="muted">${listed.join(', ')}</span></div>
      ${run.annotations.map((one) => annotationBox(run, one))}</div>`}
  </section>`
}
