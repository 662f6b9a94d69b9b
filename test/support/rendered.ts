// Markdown as GitHub would show it: rendered, with what GitHub's filters would still find in the text.
import { marked } from 'marked'

export interface Rendered {
  html: string
  /** Names of all elements, each once, sorted. */
  elements: string[]
  /** What a person reads, outside and inside code. */
  text: string
  links: string[]
  comments: string[]
  /** Mentions, references and bare addresses that GitHub would turn into links: it looks at text outside of code and links. */
  found: string[]
}

const FILTERS = [
  /(?<![\w`])@[a-z\d][\w-]*(?:\/[\w-]+)?/gi,
  /(?<![\w&])#\d+/g,
  /\bGH-\d+/gi,
  /[\w.-]+\/[\w.-]+#\d+/g,
  /https?:\/\/\S+/gi,
  /\bwww\.\S+/gi,
  /[\w.+-]+@[\w-]+\.\w+/g,
  /\$[^$\s][^$]*\$/g,
]

export function render(markdown: string): Rendered {
  const html = marked.parse(markdown, { gfm: true, async: false })
  const comments = html.match(/<!--[\s\S]*?-->/g) ?? []
  const shown = html.replace(/<!--[\s\S]*?-->/g, '')
  const elements = [...new Set([...shown.matchAll(/<([a-z][a-z\d]*)/gi)].map(([, name]) => name!.toLowerCase()))].sort()
  const plain = decode(shown.replace(/<(code|pre|a)\b[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' '))
  return {
    html,
    elements,
    text: decode(shown.replace(/<[^>]*>/g, '')).trim(),
    links: [...shown.matchAll(/<a href="([^"]*)"/g)].map(([, address]) => decode(address!)),
    comments,
    found: FILTERS.flatMap((filter) => plain.match(filter) ?? []),
  }
}

function decode(text: string): string {
  return text
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')
}
