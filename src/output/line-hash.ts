// The hash by which GitHub follows an alert from commit to commit, as github/codeql-action counts it. Knows no findings.
// Given by us it is there for uploads that don't go through that action; the action warns of any other value.

const LENGTH = 100
const FACTOR = 37n
const END = '\uffff'

/** The hash of a line, counted from 1: of its first 100 characters that are not blank, lines below included. */
export function lineHasher(text: string): (line: number) => string {
  const code = text.replaceAll(/\r\n?/g, '\n').replaceAll(/[ \t]/g, '') + END
  const starts = [0, ...code.matchAll(/\n/g).map(({ index }) => index + 1)]
  const padded = code + '\0'.repeat(LENGTH)

  return (line) => {
    const start = starts[line - 1] ?? 0
    const block = padded.slice(start, start + LENGTH)
    const same = starts.filter((other) => other <= start && padded.startsWith(block, other))
    return `${hash(block)}:${same.length}`
  }
}

function hash(block: string): string {
  let value = 0n
  for (let at = 0; at < block.length; at += 1) {
    value = BigInt.asUintN(64, value * FACTOR + BigInt(block.charCodeAt(at)))
  }
  return value.toString(16)
}
