// The tab "Files changed": the diff with the comments and annotations on its lines.
import { changedFiles, presentLines, readHunks } from '../../test/support/github/changes.ts'
import type { Difference } from '../../test/support/github/git.ts'
import { latestRuns, visibleThreads } from '../../test/support/github/json.ts'
import type { Annotation, CheckRun, Pull, Thread } from '../../test/support/github/world.ts'
import { highlight } from './elixir.ts'
import { html, type Html } from './html.ts'
import { icon, type Sign } from './page.ts'
import { threadBox } from './thread.ts'

interface Notes {
  threads: { thread: Thread; line: number }[]
  annotations: { run: CheckRun; annotation: Annotation }[]
}

const SIGNS: Record<Annotation['level'], Sign> = { failure: 'failure', warning: 'warning', notice: 'notice' }

export async function filesTab(pull: Pull): Promise<Html> {
  const files = await changedFiles(pull)
  const runs = latestRuns(pull.repository.runs.filter((run) => run.headSha === pull.head.sha))
  const placed = await Promise.all(
    visibleThreads(pull).map(async (thread) => ({ thread, line: (await presentLines(pull, thread.anchor))?.line ?? null })),
  )
  return html`${files.map((file) =>
    fileBox(file, {
      threads: placed.filter((one): one is Notes['threads'][number] => one.line !== null && one.thread.anchor.path === file.path),
      annotations: runs.flatMap((run) =>
        run.annotations.filter((one) => one.path === file.path).map((annotation) => ({ run, annotation })),
      ),
    }),
  )}`
}

function fileBox(file: Difference, notes: Notes): Html {
  const total = file.additions + file.deletions
  const blocks = Array.from({ length: 5 }, (_, index) => (index < Math.round((5 * file.additions) / Math.max(1, total)) ? 'plus' : 'minus'))
  return html`<section class="box file-box" id="${file.path}">
    <div class="box-head file">
      <code>${file.previousPath ? `${file.previousPath} → ${file.path}` : file.path}</code>
      <span class="delta">${total} ${blocks.map((kind) => html`<i class="block ${kind}"></i>`)}</span>
    </div>
    <table class="diff">${readHunks(file.patch).map((hunk) => [
      html`<tr class="hunk"><td class="number"></td><td class="number"></td><td class="line">${hunk.header}</td></tr>`,
      ...hunk.lines.flatMap(({ text, left, right }) => {
        const kind = text.startsWith('+') ? 'added' : text.startsWith('-') ? 'removed' : ''
        const row = html`<tr class="${kind}" id="${file.path}-${right}">
          <td class="number">${left}</td><td class="number">${right}</td>
          <td class="line"><span class="sign">${text[0]}</span>${highlight(text.slice(1), file.path)}</td>
        </tr>`
        return right === null ? [row] : [row, ...notesOn(right, notes)]
      }),
    ])}</table>
  </section>`
}

function notesOn(line: number, { threads, annotations }: Notes): Html[] {
  const row = (content: Html) => html`<tr class="note"><td colspan="3">${content}</td></tr>`
  return [
    ...annotations.filter((one) => one.annotation.endLine === line).map((one) => row(annotationBox(one.run, one.annotation))),
    ...threads.filter((one) => one.line === line).map((one) => row(threadBox(one.thread))),
  ]
}

/** An annotation as it stands under its line and in the list of the check run. */
export function annotationBox(run: CheckRun, one: Annotation): Html {
  const lines = one.startLine === one.endLine ? `line ${one.endLine}` : `lines ${one.startLine} to ${one.endLine}`
  return html`<div class="annotation ${one.level}">
    <div class="annotation-head">
      ${icon(SIGNS[one.level])} <b>Check ${one.level}</b> on ${lines} in <a href="files#${one.path}">${one.path}</a>
      <span class="muted">${run.name}</span>
    </div>
    ${one.title !== null && html`<div><b>${one.title}</b></div>`}
    <pre>${one.message}</pre>
  </div>`
}
