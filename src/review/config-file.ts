// The text of a configuration file as a plain value with a line for each key. Knows YAML, and no setting.
import { CST, isMap, isScalar, isSeq, Lexer, LineCounter, parseDocument } from 'yaml'

const MAX_CHARACTERS = 64 * 1024
const MAX_TOKENS = 5_000
const MAX_DEPTH = 4

/** A value as YAML without tags and references gives it; mappings have no prototype. */
export type Raw = string | number | boolean | null | Raw[] | { [key: string]: Raw }

export type KeyPath = readonly (string | number)[]

export interface FileProblem {
  line: number
  /** Prose; names and values stand in code spans. */
  message: string
}

export interface ConfigFile {
  /** null for an empty file and for one that can't be read. */
  value: Raw
  problems: FileProblem[]
  /** The line of a key or list item, or of the nearest one around it that is written. */
  lineOf(path: KeyPath): number
}

/**
 * Reads hostile text too: whatever would cost the YAML library more than milliseconds is refused by its own scanner
 * before a tree is built, because some files of one kilobyte take it minutes, or the whole process.
 */
export function readConfigFile(text: string): ConfigFile {
  const refusal = refuse(text)
  if (refusal !== null) return { value: null, problems: [refusal], lineOf: () => 1 }

  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, schema: 'core', uniqueKeys: false })
  const error = document.errors[0]
  if (error !== undefined) {
    const message = `This is not valid YAML, so nothing in the file counts: ${firstLine(error.message)}`
    return { value: null, problems: [{ line: error.linePos?.[0].line ?? 1, message }], lineOf: () => 1 }
  }

  const lines = new Map<string, number>()
  const problems: FileProblem[] = []
  const lineAt = (node: unknown) => counter.linePos((node as { range?: [number] | null }).range?.[0] ?? 0).line

  const toValue = (node: unknown, path: KeyPath): Raw => {
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        lines.set(idOf([...path, index]), lineAt(item))
        return toValue(item, [...path, index])
      })
    }
    if (!isMap(node)) return isScalar(node) ? (node.value as Raw) : null
    const value: { [key: string]: Raw } = Object.create(null)
    for (const pair of node.items) {
      const line = lineAt(pair.key)
      if (!isScalar(pair.key)) {
        problems.push({ line, message: 'A key must be a plain word.' })
        continue
      }
      const key = String(pair.key.value)
      if (key in value) problems.push({ line, message: `\`${key}\` stands here a second time; only this one counts.` })
      lines.set(idOf([...path, key]), line)
      value[key] = toValue(pair.value, [...path, key])
    }
    return value
  }

  const lineOf = (path: KeyPath): number => lines.get(idOf(path)) ?? (path.length === 0 ? 1 : lineOf(path.slice(0, -1)))
  return { value: toValue(document.contents, []), problems, lineOf }
}

function refuse(text: string): FileProblem | null {
  if (text.length > MAX_CHARACTERS)
    return { line: 1, message: 'The file is larger than 64 kB, so nothing in it counts.' }
  let line = 1
  let tokens = 0
  let depth = 0
  for (const token of new Lexer().lex(text)) {
    const type = CST.tokenType(token)
    if (type === 'anchor' || type === 'alias' || type === 'tag' || type === 'explicit-key-ind') {
      const what = `\`${token.slice(0, 20)}\``
      return {
        line,
        message: `${what}: anchors, aliases, tags and \`? \` keys are not read here, so nothing in the file counts. Write the value out.`,
      }
    }
    if (type === 'flow-map-start' || type === 'flow-seq-start') depth += 1
    if (type === 'flow-map-end' || type === 'flow-seq-end') depth -= 1
    if (depth > MAX_DEPTH)
      return { line, message: 'Brackets are nested too deeply here, so nothing in the file counts.' }
    if (++tokens > MAX_TOKENS) return { line, message: 'The file has too many parts, so nothing in it counts.' }
    line += token.split('\n').length - 1
  }
  return null
}

function firstLine(message: string): string {
  return message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '')
}

function idOf(path: KeyPath): string {
  return path.join('\0')
}
