// Colours for Elixir code, line by line, as a page shows it. A rough reading: good enough to look at, no more.
import { escape, type Html, trusted } from './html.ts'

const KEYWORDS =
  'after|alias|and|case|catch|cond|def|defdelegate|defimpl|defmacro|defmodule|defp|defprotocol|defstruct|do|else|end|fn|for|if|import|in|not|or|quote|raise|receive|require|rescue|try|unless|use|when|with'

const TOKENS = new RegExp(
  [
    /(?<comment>#.*$)/,
    /(?<string>"(?:\\.|[^"\\])*"?|~[a-zA-Z]\/(?:\\.|[^/\\])*\/\w*)/,
    /(?<atom>(?<![\w:]):(?:"(?:\\.|[^"\\])*"|[a-z_]\w*[?!]?)|\b[a-z_]\w*[?!]?:(?=\s|$))/,
    /(?<attribute>@[a-z_]\w*)/,
    new RegExp(`(?<keyword>\\b(?:${KEYWORDS})\\b(?![?!:]))`),
    /(?<constant>\b(?:true|false|nil)\b|\b\d[\d_]*(?:\.\d+)?\b)/,
    /(?<module>\b[A-Z]\w*(?:\.[A-Z]\w*)*|__MODULE__)/,
    /(?<name>\b[a-z_]\w*[?!]?(?=\())/,
  ]
    .map((token) => token.source)
    .join('|'),
  'g',
)

export function highlight(line: string, path: string): Html {
  if (!/\.exs?$/.test(path)) return trusted(escape(line))
  let at = 0
  let markup = ''
  for (const match of line.matchAll(TOKENS)) {
    const [kind] = Object.entries(match.groups ?? {}).find(([, value]) => value !== undefined) ?? ['text']
    markup += `${escape(line.slice(at, match.index))}<span class="x-${kind}">${escape(match[0])}</span>`
    at = match.index + match[0].length
  }
  return trusted(markup + escape(line.slice(at)))
}
