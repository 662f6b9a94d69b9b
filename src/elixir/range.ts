// Places in a source text, counted the way GitHub counts them.

/** 1-based lines, both inclusive; columns are 1-based UTF-16 code units, the end column exclusive. */
export interface Range {
  startLine: number
  startColumn: number
  endLine: number
  endColumn: number
}
