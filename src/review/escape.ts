// Text by other people made harmless in GitHub's Markdown. Knows the syntax, and nothing of what is said.

// Cc, Cf, line separators and all that fonts do not draw; the emoji selector U+FE0F changes no reading.
const UNSEEN = /(?!\uFE0F)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
const UNSEEN_IN_BLOCK = /(?![\uFE0F\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
const SHORT_ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Characters that hide or reorder text, written out as Elixir escapes: `\u{202E}`. What is seen is all there is. */
export function visible(text: string): string {
  return text.toWellFormed().replace(UNSEEN, writeOut)
}

/** Whether the text holds characters that hide or reorder it; line breaks and tabs are not among them. */
export function hasUnseen(text: string): boolean {
  return !text.isWellFormed() || text.replace(/\r\n/g, '\n').search(UNSEEN_IN_BLOCK) !== -1
}

/** At most `length` UTF-16 units, whole code points, with an ellipsis where something is missing. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text
  return `${text.slice(0, length - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

/** One line without markup, for titles and annotations, which GitHub shows as they are. */
export function oneLine(text: string): string {
  return visible(text.replace(/\s+/g, ' ').trim())
}

/** A code span that nothing inside can end. GitHub looks for no mentions and references in code. */
export function inlineCode(text: string): string {
  const code = visible(text)
  if (code.trim() === '') return '` `'
  const fence = '`'.repeat(longestRun(code) + 1)
  const pad = /^`|`$|^ .* $/.test(code) ? ' ' : ''
  return fence + pad + code + pad + fence
}

/** A code block that nothing inside can end. */
export function codeBlock(text: string, language: string): string {
  const code = text.toWellFormed().replace(/\r\n/g, '\n').replace(UNSEEN_IN_BLOCK, writeOut)
  return fenced(code, language)
}

/** What GitHub offers to commit. The text must stay as it is: where it hides something, show a block instead. */
export function suggestionBlock(text: string): string {
  return fenced(text, 'suggestion')
}

/**
 * One line of prose in which code spans are the only markup: no HTML, links, images, mentions or references. A
 * zero-width space stands where GitHub would find one of those in the rendered text.
 */
export function prose(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  const parts = line.split(/((?<!`)(`+)(?!`).*?(?<!`)\2(?!`))/)
  let out = ''
  // Groups of three: text, a whole code span, its fence.
  for (let index = 0; index < parts.length; index += 3) {
    out += escapeText(visible(parts[index]!))
    const span = parts[index + 1]
    if (span === undefined) break
    const fence = parts[index + 2]!
    out += inlineCode(span.slice(fence.length, -fence.length).replace(/^ (.*[^ ].*) $/, '$1'))
  }
  return out.replace(/^([-+=]|#{1,6}(?= |$))/, '\\$1').replace(/^(\d{1,9})([.)])/, '$1\\$2')
}

/** Markdown that is safe in a line, made safe in a table's cell. */
export function cell(markdown: string): string {
  return markdown.replace(/\n/g, ' ').replace(/(\\*)\|/g, (_, slashes: string) => {
    // A pipe is the cell's own after an odd number of backslashes, in code too.
    return `${slashes}${slashes.length % 2 === 0 ? '\\' : ''}|`
  })
}

/** A link; `label` is safe Markdown, and `url` is ours or encoded. */
export function link(label: string, url: string): string {
  return `[${label}](${url})`
}

/** A path inside a web address, with nothing left in it that could end a Markdown link. */
export function encodePath(path: string): string {
  const encoded = path.toWellFormed().split('/').map(encodeURIComponent).join('/')
  return encoded.replaceAll('(', '%28').replaceAll(')', '%29')
}

/** UTF-8 length, which is what GitHub's limits on check runs count. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text)
}

function escapeText(text: string): string {
  return text.replace(/[\\`*_[\]~]|[<>&$]|@|#(?=\d)|\bGH(?=-\d)|:(?=\/\/)|www(?=\.)/gi, (found) => {
    // How GitHub's documentation keeps a dollar sign from beginning a formula.
    if (found === '$') return '<span>$</span>'
    if (/[<>&]/.test(found)) return `&#${found.charCodeAt(0)};`
    if (/[\\`*_[\]~]/.test(found)) return `\\${found}`
    return `${found}&#8203;`
  })
}

function fenced(code: string, language: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(code) + 1))
  return `${fence}${language}\n${code === '' ? '' : `${code}\n`}${fence}`
}

function longestRun(text: string): number {
  let longest = 0
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  return longest
}

function writeOut(character: string): string {
  const hex = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
  return SHORT_ESCAPES[character] ?? `\\u{${hex}}`
}
