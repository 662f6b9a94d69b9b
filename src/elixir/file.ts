// One file: its text, lines, comments, errors and modules. Reading never fails: a broken file has fewer facts.
import { Deadline, TimeLimitError } from './deadline.ts'
import { readModules } from './declarations.ts'
import type { Module } from './module.ts'
import type { Range } from './range.ts'
import { Reader } from './read.ts'
import { parseSyntax } from './syntax.ts'
import type { SyntaxTree } from './tree.ts'

/** A `#` comment that is really one: never part of a string, heredoc or sigil. */
export interface Comment {
  /** 1-based. */
  line: number
  /** Without the leading `#` and outer white space. */
  text: string
  /** Whether code stands before it on its line. */
  isTrailing: boolean
}

/** Milliseconds that one file may take in all: parsing, reading, and the rules. */
export const FILE_TIME_LIMIT = 2000

/** Facts of one file, read lazily. `path` is relative to the repository root, with forward slashes. */
export class SourceFile {
  readonly path: string
  readonly source: string
  /** Outermost first, nested ones after the module around them. */
  readonly modules: Module[] = []
  readonly deadline: Deadline
  /** Whether something was nested too deep to be read. Known only of what was asked for. */
  isTooDeep = false
  private readonly tree: SyntaxTree
  private lineStarts: number[] | undefined
  private readComments: Comment[] | undefined

  private constructor(path: string, source: string, tree: SyntaxTree, deadline: Deadline) {
    this.path = path
    this.source = source
    this.tree = tree
    this.deadline = deadline
  }

  /**
   * Never throws. A string is the reason why there are no facts at all. After the deadline reading ends in a
   * `TimeLimitError`, also of facts that somebody asks for later.
   */
  static read(
    path: string,
    source: string,
    deadline = new Deadline(FILE_TIME_LIMIT),
  ): SourceFile | 'time limit' | 'crashed' {
    try {
      const tree = parseSyntax(source, deadline)
      const file = new SourceFile(path, source, tree, deadline)
      readModules(file, new Reader(tree, file))
      return file
    } catch (error) {
      return error instanceof TimeLimitError ? 'time limit' : 'crashed'
    }
  }

  private get lines(): number[] {
    if (this.lineStarts !== undefined) return this.lineStarts
    const starts = [0]
    for (let at = this.source.indexOf('\n'); at >= 0; at = this.source.indexOf('\n', at + 1)) starts.push(at + 1)
    this.lineStarts = starts
    return starts
  }

  /** Offset of a 1-based line and column. */
  offsetAt(line: number, column: number): number {
    return (this.lines[line - 1] ?? this.source.length) + column - 1
  }

  private lineAt(offset: number): number {
    const { lines } = this
    let low = 0
    let high = lines.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (lines[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  /** A span that ends at the start of a line ends on the line before it. */
  rangeOf(start: number, end: number): Range {
    const startLine = this.lineAt(start)
    let last = Math.max(start, end)
    while (last > start && /\s/.test(this.source[last - 1]!)) last--
    const endLine = this.lineAt(Math.max(start, last - 1))
    return {
      startLine: startLine + 1,
      startColumn: start - this.lines[startLine]! + 1,
      endLine: endLine + 1,
      endColumn: last - this.lines[endLine]! + 1,
    }
  }

  /** Text of a 1-based line without its line break. */
  line(number: number): string {
    const start = this.lines[number - 1]
    if (start === undefined) return ''
    const end = this.lines[number] ?? this.source.length + 1
    return this.source.slice(start, end - 1).replace(/\r$/, '')
  }

  get lineCount(): number {
    return this.lines.length
  }

  lineEndColumn(number: number): number {
    return this.line(number).length + 1
  }

  get comments(): readonly Comment[] {
    this.readComments ??= this.tree.comments.map(({ start, end }) => {
      const line = this.lineAt(start)
      const before = this.source.slice(this.lines[line]!, start)
      return {
        line: line + 1,
        text: this.source.slice(start, end).replace(/^#+/, '').trim(),
        isTrailing: before.trim() !== '',
      }
    })
    return this.readComments
  }

  /** Lines (1-based) at which something does not parse, each once. */
  get errorLines(): number[] {
    return [...new Set(this.tree.errors.map((offset) => this.lineAt(offset) + 1))].sort((a, b) => a - b)
  }
}
