// Edits of a part of a line, or of the order of a list, made the whole lines that a suggestion replaces. It knows no rule.
import type { Edit, List, Range, SourceFile } from '#engine'

/** As many lines as a suggestion may replace. */
const MOST_LINES = 6

/** The lines that the span stands on, with other text in its place. */
export function replaceIn(file: SourceFile, { startLine, startColumn, endLine, endColumn }: Range, text: string): Edit {
  const before = file.line(startLine).slice(0, startColumn - 1)
  const after = file.line(endLine).slice(endColumn - 1)
  return { startLine, endLine, text: `${before}${text}${after}` }
}

/** An element of a list as it stands in its lines. */
interface Entry {
  above: string[]
  code: string
  comment: string
}

/**
 * One element of a list in another place, with the comments above it. Null where an element shares a line with something
 * else, and where that would be more lines than a suggestion may replace.
 */
export function moveElement(list: List, from: number, to: number): Edit | null {
  const lines = list.file.source.split('\n').map((line) => line.replace(/\r$/, ''))
  const first = Math.min(from, to)
  const last = Math.max(from, to)
  const entries: Entry[] = []
  for (let index = first; index <= last; index++) {
    const entry = readEntry(list, index, lines)
    if (entry === null) return null
    entries.push(entry)
  }
  // The first one takes along the comments right above it, not what stands above a blank line.
  const top = entries[0]!
  top.above = top.above.slice(top.above.findLastIndex((line) => line.trim() === '') + 1)
  const startLine = list.elements[first]!.range.startLine - top.above.length
  const { endLine, endColumn } = list.elements[last]!.range
  if (endLine - startLine >= MOST_LINES) return null

  const [moved] = entries.splice(from - first, 1)
  entries.splice(to - first, 0, moved!)
  const endsInComma = last < list.elements.length - 1 || lines[endLine - 1]!.startsWith(',', endColumn - 1)
  const text = entries.flatMap(({ above, code, comment }, index) => {
    const comma = index < entries.length - 1 || endsInComma ? ',' : ''
    return [...above, `${code}${comma}${comment === '' ? '' : ` ${comment}`}`]
  })
  return { startLine, endLine, text: text.join('\n') }
}

/** Null where it does not have its lines for itself. */
function readEntry({ elements, range }: List, index: number, lines: readonly string[]): Entry | null {
  const { startLine, endLine, endColumn } = elements[index]!.range
  const before = elements[index - 1]?.range.endLine ?? range.startLine
  const after = elements[index + 1]?.range.startLine ?? range.endLine
  const rest = /^\s*,?\s*(#.*)?$/.exec(lines[endLine - 1]!.slice(endColumn - 1))
  if (startLine <= before || endLine >= after || rest === null) return null
  const code = [...lines.slice(startLine - 1, endLine - 1), lines[endLine - 1]!.slice(0, endColumn - 1)]
  return { above: lines.slice(before, startLine - 1), code: code.join('\n'), comment: rest[1] ?? '' }
}
