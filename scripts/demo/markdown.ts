// Markdown as GitHub shows it in comments, suggestions included.
import { Marked, type Tokens } from 'marked'
import { highlight } from './elixir.ts'
import { html, type Html, trusted } from './html.ts'

/** The lines that a suggestion in a comment would replace. */
export interface Replaced {
  path: string
  from: number
  lines: readonly string[]
}

/** A comment: a line break stays one, and a suggestion is shown against the lines that it replaces. */
export function comment(text: string, replaced: Replaced | null): Html {
  return trusted(renderer(replaced, true).parse(text, { async: false }))
}

export function document(text: string): Html {
  return trusted(renderer(null, false).parse(text, { async: false }))
}

function renderer(replaced: Replaced | null, breaks: boolean): Marked {
  return new Marked({
    gfm: true,
    breaks,
    renderer: {
      code({ text, lang }: Tokens.Code): string {
        if (lang === 'suggestion') return suggestion(text, replaced).markup
        const path = lang === 'elixir' ? 'code.ex' : ''
        const lines = text.split('\n').map((line) => highlight(line, path).markup)
        return `<pre class="code">${lines.join('\n')}</pre>`
      },
    },
  })
}

function suggestion(text: string, replaced: Replaced | null): Html {
  const row = (kind: '-' | '+', line: string, number: number | null) => html`<tr class="${kind === '-' ? 'removed' : 'added'}">
    <td class="number">${number}</td><td class="line"><span class="sign">${kind}</span>${highlight(line, replaced?.path ?? 'code.ex')}</td>
  </tr>`
  const from = replaced?.from ?? 0
  const before = (replaced?.lines ?? []).map((line, index) => row('-', line, from + index))
  const after = text.split('\n').map((line, index) => row('+', line, replaced ? from + index : null))
  return html`<div class="suggestion">
    <div class="suggestion-head">Suggested change</div>
    <table class="diff">${before}${after}</table>
    <div class="suggestion-foot"><span class="button">Commit suggestion</span><span class="button">Add suggestion to batch</span></div>
  </div>`
}
