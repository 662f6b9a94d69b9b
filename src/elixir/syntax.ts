// Source text in, a table of syntax nodes out, however broken the text. It owns tree-sitter, which reads what is not correct.
import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type Parser from 'tree-sitter'
import { type Deadline, TimeLimitError } from './deadline.ts'
import { parseCorrect } from './parse.ts'
import { kind, numberOf, operatorNumber, type Span, SyntaxTree, TreeBuilder } from './tree.ts'

const require = createRequire(import.meta.url)
// Both packages are CommonJS with native parts; their type declarations disagree about the language object.
const TreeSitter = require('tree-sitter') as typeof Parser
const language = require('tree-sitter-elixir') as Parser.Language

const parser = new TreeSitter()
parser.setLanguage(language)

const ERROR = kind('ERROR')
const COMMENT = kind('comment')
const BODY = kind('body')
const STAB_CLAUSE = kind('stab_clause')
const BINARY = kind('binary_operator')
const UNARY = kind('unary_operator')
const NIL = kind('nil')

const builder = new TreeBuilder()

/** The tree of any text. Throws `TimeLimitError` alone. */
export function parseSyntax(source: string, deadline: Deadline): SyntaxTree {
  deadline.check()
  parsedSinceCollection += source.length
  return parseCorrect(source, deadline) ?? parseTolerantly(source, deadline)
}

/** The same by tree-sitter alone, which finds its way through errors, and takes ten times as long. */
export function parseTolerantly(source: string, deadline: Deadline): SyntaxTree {
  // Trees take most of the memory: these files count twice.
  parsedSinceCollection += source.length
  parser.setTimeoutMicros(Math.ceil(deadline.left * 1000))
  const tree = parser.parse(source, undefined, { bufferSize: source.length + 1 }) as Parser.Tree | null
  if (tree === null) {
    // Without it the next parse goes on with this text and returns a wrong tree.
    parser.reset()
    throw new TimeLimitError('This file took longer to parse than it may.')
  }
  return flatten(source, tree, deadline)
}

// One cursor, no recursion: deep nesting is an attack on the call stack otherwise.
function flatten(source: string, tree: Parser.Tree, deadline: Deadline): SyntaxTree {
  const { hasError } = tree.rootNode
  const cursor = tree.walk()
  const comments: Span[] = []
  const offsets: number[] = []
  const broken = new Set<number>()
  const brokenThemselves = new Set<number>()
  const parents: number[] = []

  /** Notes an error below `parent`. */
  function blame(offset: number, parent: number): void {
    offsets.push(offset)
    brokenThemselves.add(parent)
    broken.add(parent)
    // Whoever is marked has marked all above it, so that many errors deep down stay cheap.
    for (let at = parents.length - 1; at >= 0 && !broken.has(parents[at]!); at--) broken.add(parents[at]!)
  }

  builder.clear()
  let parent = builder.add(numberOf(cursor.nodeType) ?? ERROR, cursor.startIndex, cursor.endIndex)
  if (builder.kind(parent) === ERROR) offsets.push(builder.start(parent))
  let last = -1
  let hasNext = cursor.gotoFirstChild()
  for (;;) {
    while (!hasNext) {
      if (parents.length === 0) {
        return new SyntaxTree(source, builder.table(), comments, { offsets, broken, brokenThemselves })
      }
      trim(parent, last, source)
      cursor.gotoParent()
      last = parent
      parent = parents.pop()!
      hasNext = cursor.gotoNextSibling()
    }
    deadline.tick()
    const type = cursor.nodeType
    const number = numberOf(type)
    if (number === COMMENT) comments.push({ start: cursor.startIndex, end: cursor.endIndex })
    else if (number === undefined) {
      if (hasError && cursor.nodeIsMissing) blame(cursor.startIndex, parent)
      const isOperator = builder.kind(parent) === BINARY || builder.kind(parent) === UNARY
      if (isOperator && builder.operator(parent) === 0 && type !== '(' && type !== ')') {
        builder.setOperator(parent, operatorNumber(type))
      }
    } else {
      const node = builder.append(parent, last, builder.add(number, cursor.startIndex, cursor.endIndex))
      if (hasError && (number === ERROR || cursor.nodeIsMissing)) blame(builder.start(node), parent)
      last = node
      // In the node `nil` stands a token of the same name.
      if (number !== NIL && cursor.gotoFirstChild()) {
        parents.push(parent)
        parent = node
        last = -1
        continue
      }
    }
    hasNext = cursor.gotoNextSibling()
  }
}

/** The line breaks around the statements of a clause belong to nothing. */
function trim(node: number, last: number, source: string): void {
  if (last < 0) return
  if (builder.kind(node) === BODY) {
    builder.setStart(node, builder.start(builder.first(node)))
    builder.setEnd(node, builder.end(last))
  } else if (builder.kind(node) === STAB_CLAUSE && builder.kind(last) === BODY) {
    const first = builder.first(node)
    const arrow = source.indexOf('->', first === last ? builder.start(node) : builder.end(first))
    builder.setEnd(node, builder.first(last) < 0 ? arrow + 2 : builder.end(last))
  }
}

let parsedSinceCollection = 0

/** Source characters after which memory is collected: some 10 ms of collection in a tenth of a second of reading. */
const COLLECTED = 1_000_000

/** Source characters before the next collection in which what is read is worth keeping beyond it. */
const LAST_BEFORE = 50_000

/** Whether the next collection is a few files away. */
export function collectsSoon(): boolean {
  return parsedSinceCollection >= COLLECTED - LAST_BEFORE
}

/**
 * Keeps memory flat over many files; to be called after each. What lives as long as a file outlives the young generation
 * and would be left to grow; tree-sitter's trees are freed by finalizers, which run only when the event loop turns, and
 * V8 does not know how large they are.
 */
export async function releaseTrees(): Promise<void> {
  if (parsedSinceCollection < COLLECTED) return
  parsedSinceCollection = 0
  await collectTrees()
}

let collect: (() => void) | undefined

/**
 * Collects now. What has lived through two minor collections is freed by a full one only, and the tree of a large file
 * does: so this collects fully, and lets the loop turn.
 */
export async function collectTrees(): Promise<void> {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
  await new Promise((resolve) => setImmediate(resolve))
}
