// Owns tree-sitter and every name in its grammar: source text in, a compact table of syntax nodes out.
import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type Parser from 'tree-sitter'
import { type Deadline, TimeLimitError } from './deadline.ts'

const require = createRequire(import.meta.url)
// Both packages are CommonJS with native parts; their type declarations disagree about the language object.
const TreeSitter = require('tree-sitter') as typeof Parser
const language = require('tree-sitter-elixir') as Parser.Language

/** The named node types of the grammar that carry meaning for us, in a fixed order; the position is the kind. */
const KINDS = [
  'ERROR',
  'source',
  'call',
  'arguments',
  'do_block',
  'after_block',
  'rescue_block',
  'catch_block',
  'else_block',
  'stab_clause',
  'body',
  'block',
  'binary_operator',
  'unary_operator',
  'operator_identifier',
  'dot',
  'access_call',
  'anonymous_function',
  'list',
  'tuple',
  'map',
  'map_content',
  'struct',
  'bitstring',
  'keywords',
  'pair',
  'keyword',
  'quoted_keyword',
  'quoted_atom',
  'atom',
  'alias',
  'identifier',
  'integer',
  'float',
  'char',
  'string',
  'charlist',
  'sigil',
  'sigil_name',
  'sigil_modifiers',
  'interpolation',
  'quoted_content',
  'escape_sequence',
  'boolean',
  'nil',
  'comment',
] as const

export type SyntaxKind = (typeof KINDS)[number]

const LEAVES = new Set<SyntaxKind>([
  'keyword',
  'atom',
  'alias',
  'identifier',
  'integer',
  'float',
  'char',
  'sigil_name',
  'sigil_modifiers',
  'quoted_content',
  'escape_sequence',
  'boolean',
  'nil',
  'comment',
  'operator_identifier',
])

const PUNCTUATION = new Set([
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ',',
  ';',
  '<<',
  '>>',
  '%',
  '#{',
  'do',
  'end',
  'fn',
  '"',
  "'",
])

const ANONYMOUS = 254
const UNKNOWN = 255
const KIND_OF = new Map<string, number>(KINDS.map((kind, index) => [kind, index]))
const COMMENT = KIND_OF.get('comment')!
const ERROR = KIND_OF.get('ERROR')!
const DO_BLOCK = KIND_OF.get('do_block')!
const BODY = KIND_OF.get('body')!
const IDENTIFIER = KIND_OF.get('identifier')!
const UNARY = KIND_OF.get('unary_operator')!
const isLeaf = Uint8Array.from(KINDS, (kind) => (LEAVES.has(kind) ? 1 : 0))

const parser = new TreeSitter()
parser.setLanguage(language)

// Reading a type's name costs more than reading its id, and several ids may share one name: each id is learnt once.
const kindOfType = new Uint8Array(65_536).fill(UNKNOWN)
/** The text of each token that is no node; those that name an operator are marked. */
const tokenOfType: string[] = []
const isOperator = new Uint8Array(65_536)

function learn(type: number, name: string): number {
  const kind = KIND_OF.get(name) ?? ANONYMOUS
  tokenOfType[type] = name
  if (kind === ANONYMOUS && !PUNCTUATION.has(name)) isOperator[type] = 1
  kindOfType[type] = kind
  return kind
}

/** Attributes that hold documentation and types: nobody reads them, and types are made of many nodes. */
const SILENT_ATTRIBUTE = /@(?:doc|moduledoc|typedoc|spec|type|typep|opaque|callback|macrocallback)\b/y

/** The children of a node that the walk left out; they are filled in when somebody asks. */
const UNREAD = -2

/** Says of the `do` block of a definition (by its span) that probably nobody will ask for it. */
export type LeaveOut = (start: number, end: number) => boolean

/**
 * The nodes of one file in parallel columns: kind, start and end offsets in UTF-16 code units, first child, next sibling.
 * Anonymous tokens are left out; the operator of an operator node is kept by name. Node 0 is the root.
 */
export class SyntaxTree {
  readonly source: string
  /** Start offsets of error and missing nodes, in order. */
  readonly errors: number[] = []
  private readonly tree: Parser.Tree
  private readonly deadline: Deadline
  private readonly leaveOut: LeaveOut | null
  private readonly hasError: boolean
  private readonly seenComments: { start: number; end: number }[] = []
  private isComplete = true
  /** Nodes with an error anywhere below, and nodes that hold one directly. */
  private readonly broken = new Set<number>()
  private readonly brokenThemselves = new Set<number>()
  private count = 0
  /** How far the walk has come in the text. */
  private position = 0
  private kinds: Uint8Array
  private starts: Int32Array
  private ends: Int32Array
  private firsts: Int32Array
  private nexts: Int32Array
  private operators: Uint16Array

  /** Throws `TimeLimitError`. */
  constructor(source: string, tree: Parser.Tree, deadline: Deadline, leaveOut: LeaveOut | null) {
    this.source = source
    this.tree = tree
    this.deadline = deadline
    this.hasError = tree.rootNode.hasError
    // Where something does not parse, all of it is looked at: an error in a part left out would go unseen.
    this.leaveOut = this.hasError ? null : leaveOut
    const capacity = Math.max(64, Math.ceil(source.length / 6))
    this.kinds = new Uint8Array(capacity)
    this.starts = new Int32Array(capacity)
    this.ends = new Int32Array(capacity)
    this.firsts = new Int32Array(capacity)
    this.nexts = new Int32Array(capacity)
    this.operators = new Uint16Array(capacity)
    this.walk(tree.walk(), -1)
  }

  kind(node: number): SyntaxKind {
    return KINDS[this.kinds[node]!]!
  }
  start(node: number): number {
    return this.starts[node]!
  }
  end(node: number): number {
    return this.ends[node]!
  }
  text(node: number): string {
    return this.source.substring(this.starts[node]!, this.ends[node]!)
  }
  operator(node: number): string {
    const type = this.operators[node]!
    return type === 0 ? '' : tokenOfType[type]!
  }
  next(node: number): number {
    return this.nexts[node]!
  }
  first(node: number): number {
    const first = this.firsts[node]!
    return first === UNREAD ? this.fillIn(node) : first
  }
  children(node: number): number[] {
    const children: number[] = []
    for (let child = this.first(node); child >= 0; child = this.nexts[child]!) children.push(child)
    return children
  }
  /** Whether the walk left out what is below, and nobody has asked for it yet. */
  isLeftOut(node: number): boolean {
    return this.firsts[node] === UNREAD
  }
  /** Whether an error or missing node stands anywhere below. */
  isBroken(node: number): boolean {
    return this.broken.has(node)
  }
  /** Whether an error or missing node is a child of this node. */
  isBrokenItself(node: number): boolean {
    return this.brokenThemselves.has(node)
  }

  /** Offsets of all comments, in order, also of those in parts that the walk left out. */
  get comments(): readonly { start: number; end: number }[] {
    if (!this.isComplete) {
      this.seenComments.length = 0
      this.collectComments(this.tree.walk())
      this.isComplete = true
    }
    return this.seenComments
  }

  private collectComments(cursor: Parser.TreeCursor): void {
    for (;;) {
      this.deadline.tick()
      const type = cursor.nodeTypeId
      let kind = kindOfType[type]!
      if (kind === UNKNOWN) kind = learn(type, cursor.nodeType)
      if (kind === COMMENT) this.seenComments.push({ start: cursor.startIndex, end: cursor.endIndex })
      if (kind !== ANONYMOUS && isLeaf[kind] === 0 && cursor.gotoFirstChild()) continue
      while (!cursor.gotoNextSibling()) if (!cursor.gotoParent()) return
    }
  }

  private fillIn(node: number): number {
    const start = this.starts[node]!
    const found = this.tree.rootNode.descendantForIndex(start, this.ends[node]! - 1)
    this.firsts[node] = -1
    if (found !== null && found.startIndex === start && found.endIndex === this.ends[node])
      this.walk(found.walk(), node)
    return this.firsts[node]!
  }

  private add(kind: number, start: number, end: number): number {
    const node = this.count++
    if (node === this.kinds.length) this.grow()
    this.kinds[node] = kind
    this.starts[node] = start
    this.ends[node] = end
    this.firsts[node] = -1
    this.nexts[node] = -1
    return node
  }

  private grow(): void {
    const size = this.kinds.length * 2
    const larger = <Column extends Uint8Array | Uint16Array | Int32Array>(copy: Column, column: Column): Column => {
      copy.set(column)
      return copy
    }
    this.kinds = larger(new Uint8Array(size), this.kinds)
    this.starts = larger(new Int32Array(size), this.starts)
    this.ends = larger(new Int32Array(size), this.ends)
    this.firsts = larger(new Int32Array(size), this.firsts)
    this.nexts = larger(new Int32Array(size), this.nexts)
    this.operators = larger(new Uint16Array(size), this.operators)
  }

  private leavesOut(kind: number, parent: number, start: number, end: number): boolean {
    if (kind === DO_BLOCK) {
      return this.leaveOut !== null && this.source.startsWith('def', this.starts[parent]) && this.leaveOut(start, end)
    }
    if (kind !== UNARY || this.hasError || this.source.charCodeAt(start) !== 64) return false
    SILENT_ATTRIBUTE.lastIndex = start
    return SILENT_ATTRIBUTE.test(this.source)
  }

  /** Notes an error below `parent`; `ancestors` are the nodes above it, the nearest last. */
  private blame(offset: number, parent: number, ancestors: readonly number[]): void {
    this.errors.push(offset)
    if (parent < 0) return
    this.brokenThemselves.add(parent)
    this.broken.add(parent)
    // Whoever is marked has marked all above it, so that many errors deep down stay cheap.
    for (let at = ancestors.length - 1; at >= 0 && ancestors[at]! >= 0 && !this.broken.has(ancestors[at]!); at--) {
      this.broken.add(ancestors[at]!)
    }
  }

  // One cursor, no recursion: deep nesting is an attack on the call stack otherwise. Each call into the binding costs
  // 60 to 90 ns, so their number is the cost: a kind by id, no field names, no look inside leaves, no question whose
  // answer the text holds. Where something does not parse, the text is not trusted and every question is asked.
  private walk(cursor: Parser.TreeCursor, into: number): void {
    const { hasError, deadline, source } = this
    const top = into >= 0 ? into : this.add(this.kindAt(cursor), cursor.startIndex, cursor.endIndex)
    if (into < 0 && hasError && this.kinds[top] === ERROR) this.blame(this.starts[top]!, -1, [])
    if (!cursor.gotoFirstChild()) return
    const parents: number[] = []
    let parent = top
    let last = -1
    this.position = this.starts[top]!
    for (;;) {
      deadline.tick()
      const type = cursor.nodeTypeId
      const kind = kindOfType[type] === UNKNOWN ? learn(type, cursor.nodeType) : kindOfType[type]!
      if (kind === ANONYMOUS) {
        if (hasError) {
          if (cursor.nodeIsMissing) this.blame(cursor.startIndex, parent, parents)
        } else {
          const start = this.nextStart(parent)
          const token = tokenOfType[type]!
          this.position = source.startsWith(token, start) ? start + token.length : cursor.endIndex
        }
        if (this.operators[parent] === 0 && isOperator[type] === 1) this.operators[parent] = type
      } else if (kind === COMMENT) {
        this.position = cursor.endIndex
        this.seenComments.push({ start: cursor.startIndex, end: this.position })
      } else {
        const start = hasError || kind === BODY || parent === 0 ? cursor.startIndex : this.startOfNode(cursor, parent)
        const end = (!hasError && kind === IDENTIFIER && endOfIdentifier(source, start)) || cursor.endIndex
        const node = this.add(kind, start, end)
        if (hasError && (kind === ERROR || cursor.nodeIsMissing)) this.blame(start, parent, parents)
        if (last < 0) this.firsts[parent] = node
        else this.nexts[last] = node
        last = node
        this.position = this.ends[node]!
        if (isLeaf[kind] === 0) {
          if (this.leavesOut(kind, parent, start, this.position)) {
            this.firsts[node] = UNREAD
            this.isComplete = false
          } else if (cursor.gotoFirstChild()) {
            parents.push(parent)
            parent = node
            last = -1
            this.position = start
            if (hasError || !this.passOpener(kind, start)) continue
          }
        }
      }
      while (!this.moveOn(cursor, parent)) {
        if (parents.length === 0) return
        cursor.gotoParent()
        this.position = this.ends[parent]!
        last = parent
        parent = parents.pop()!
      }
    }
  }

  private kindAt(cursor: Parser.TreeCursor): number {
    const type = cursor.nodeTypeId
    return kindOfType[type] === UNKNOWN ? learn(type, cursor.nodeType) : kindOfType[type]!
  }

  /** Where the text goes on behind what has been seen: inside quotes at once, elsewhere after white space. */
  private nextStart(parent: number): number {
    return isQuoted[this.kinds[parent]!] === 1 ? this.position : pastSpace(this.source, this.position)
  }

  private startOfNode(cursor: Parser.TreeCursor, parent: number): number {
    const start = this.nextStart(parent)
    const code = this.source.charCodeAt(start)
    // A separator or a continued line, which are no tokens of their own.
    return code === SEMICOLON || code === BACKSLASH ? cursor.startIndex : start
  }

  /** Passes the token that a node of the kind always begins with; the cursor stands on it. */
  private passOpener(kind: number, start: number): boolean {
    const opener = OPENER_OF[kind]
    if (opener === undefined || !this.source.startsWith(opener, start)) return false
    this.position = start + opener.length
    return true
  }

  /** Moves to the next sibling that is worth a look. */
  private moveOn(cursor: Parser.TreeCursor, parent: number): boolean {
    if (this.hasError) return cursor.gotoNextSibling()
    const end = this.ends[parent]!
    if (this.position === end) return false
    const kind = this.kinds[parent]!
    if (isQuoted[kind] === 1) return cursor.gotoNextSibling()
    const { source } = this
    const at = pastSpace(source, this.position)
    const closer = CLOSER_OF[kind]
    if (closer !== undefined && at + closer.length === end && source.startsWith(closer, at)) return false
    const separator = SEPARATOR_OF[kind]
    if (separator !== undefined && source.startsWith(separator, at)) {
      this.position = at + separator.length
      if (!cursor.gotoNextSibling()) return false
    }
    return cursor.gotoNextSibling()
  }
}

const SEMICOLON = 59
const BACKSLASH = 92

function pastSpace(source: string, from: number): number {
  let at = from
  let code = source.charCodeAt(at)
  while (code === 32 || code === 10 || code === 9 || code === 13) code = source.charCodeAt(++at)
  return at
}

/** 0 where the parser has to be asked: beyond ASCII, at marks (`x!=y`), and at names made of signs. */
function endOfIdentifier(source: string, start: number): number {
  let at = start
  let code = source.charCodeAt(at)
  while ((code >= 97 && code <= 122) || code === 95 || (code >= 65 && code <= 90) || (code >= 48 && code <= 57)) {
    code = source.charCodeAt(++at)
  }
  return at === start || code >= 128 || code === 33 || code === 63 ? 0 : at
}

function perKind<T>(values: Partial<Record<SyntaxKind, T>>): readonly (T | undefined)[] {
  return KINDS.map((kind) => values[kind])
}

/** The token that every node of a kind begins with. */
const OPENER_OF = perKind({
  list: '[',
  tuple: '{',
  map: '%',
  bitstring: '<<',
  do_block: 'do',
  anonymous_function: 'fn',
  else_block: 'else',
  rescue_block: 'rescue',
  catch_block: 'catch',
  after_block: 'after',
  interpolation: '#{',
})

/** With what a node of a kind ends, unless it is written without (`f a, b`). */
const CLOSER_OF = perKind({
  list: ']',
  tuple: '}',
  map: '}',
  arguments: ')',
  bitstring: '>>',
  do_block: 'end',
  anonymous_function: 'end',
  interpolation: '}',
})

/** The tokens between the children of a kind. */
const SEPARATOR_OF = perKind({
  list: ',',
  tuple: ',',
  map_content: ',',
  keywords: ',',
  arguments: ',',
  bitstring: ',',
  dot: '.',
  stab_clause: '->',
})

/** Kinds inside which white space means itself. */
const isQuoted = Uint8Array.from(KINDS, (kind) =>
  ['string', 'charlist', 'sigil', 'quoted_atom', 'quoted_keyword'].includes(kind) ? 1 : 0,
)

/** The tree of any text, however broken. Throws `TimeLimitError` alone. */
export function parseSyntax(source: string, deadline: Deadline, leaveOut: LeaveOut | null = null): SyntaxTree {
  deadline.check()
  parser.setTimeoutMicros(Math.ceil(deadline.left * 1000))
  const tree = parser.parse(source, undefined, { bufferSize: source.length + 1 }) as Parser.Tree | null
  if (tree === null) {
    // Without it the next parse goes on with this text and returns a wrong tree.
    parser.reset()
    throw new TimeLimitError('This file took longer to parse than it may.')
  }
  return new SyntaxTree(source, tree, deadline, leaveOut)
}

let collect: (() => void) | undefined
let parsedSinceCollection = 0

/** Source characters after which memory is collected: some 20 ms of collection in half a second of reading. */
const COLLECTED = 1_000_000

/**
 * Keeps memory flat over many files. Trees are freed by finalizers, which run only when the event loop turns, and V8
 * does not know how large they are. What has lived through two minor collections is freed by a full one only, and the
 * tree of a large file does: so this collects fully, now and then, and lets the loop turn.
 */
export async function releaseTrees(sourceLength: number): Promise<void> {
  parsedSinceCollection += sourceLength
  if (parsedSinceCollection < COLLECTED) return
  parsedSinceCollection = 0
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
  await new Promise((resolve) => setImmediate(resolve))
}
