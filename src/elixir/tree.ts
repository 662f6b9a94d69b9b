// The syntax of one file as a compact table of nodes. It knows the names of the grammar, and not who fills the table.

/** The named node types of tree-sitter's grammar that carry meaning for us, in a fixed order; the position is the kind. */
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

const NUMBERS = new Map<string, number>(KINDS.map((kind, index) => [kind, index]))

/** The number of a kind in the table; undefined for tokens, which have no node. */
export function numberOf(kind: string): number | undefined {
  return NUMBERS.get(kind)
}

/** The same where the name is known to be one. */
export function kind(name: SyntaxKind): number {
  return NUMBERS.get(name)!
}

/** The operators of operator nodes; the position is the number in the table. */
const OPERATORS: string[] = ['']
const operatorNumbers = new Map<string, number>()

export function operatorNumber(operator: string): number {
  let number = operatorNumbers.get(operator)
  if (number === undefined) {
    number = OPERATORS.push(operator) - 1
    operatorNumbers.set(operator, number)
  }
  return number
}

export interface Span {
  start: number
  end: number
}

/** The columns of a node, which is the index of the first of them. */
const KIND = 0
const START = 1
const END = 2
const FIRST = 3
const NEXT = 4
const OPERATOR = 5
const COLUMNS = 6

/**
 * Fills the table of one file after another. Nodes are numbered as they come, the root first; children are linked to
 * the node above them when that is known.
 */
export class TreeBuilder {
  private cells = new Int32Array(COLUMNS * 4096)
  private size = 0

  clear(): void {
    this.size = 0
  }
  add(kind: number, start: number, end: number): number {
    const node = this.size
    this.size += COLUMNS
    if (this.size > this.cells.length) {
      const larger = new Int32Array(this.cells.length * 2)
      larger.set(this.cells)
      this.cells = larger
    }
    const { cells } = this
    cells[node] = kind
    cells[node + START] = start
    cells[node + END] = end
    cells[node + FIRST] = -1
    cells[node + NEXT] = -1
    cells[node + OPERATOR] = 0
    return node
  }
  kind(node: number): number {
    return this.cells[node]!
  }
  start(node: number): number {
    return this.cells[node + START]!
  }
  end(node: number): number {
    return this.cells[node + END]!
  }
  first(node: number): number {
    return this.cells[node + FIRST]!
  }
  next(node: number): number {
    return this.cells[node + NEXT]!
  }
  operator(node: number): number {
    return this.cells[node + OPERATOR]!
  }
  setKind(node: number, kind: number): void {
    this.cells[node] = kind
  }
  setStart(node: number, start: number): void {
    this.cells[node + START] = start
  }
  setEnd(node: number, end: number): void {
    this.cells[node + END] = end
  }
  setFirst(node: number, child: number): void {
    this.cells[node + FIRST] = child
  }
  setNext(node: number, sibling: number): void {
    this.cells[node + NEXT] = sibling
  }
  setOperator(node: number, operator: number): void {
    this.cells[node + OPERATOR] = operator
  }
  /** Puts a child behind `last`, which is below 0 for the first one; returns the child. */
  append(parent: number, last: number, child: number): number {
    this.cells[last < 0 ? parent + FIRST : last + NEXT] = child
    return child
  }
  table(): Int32Array {
    return this.cells.slice(0, this.size)
  }
}

/** What does not parse. */
export interface Errors {
  /** Start offsets of error and missing nodes, in order. */
  readonly offsets: readonly number[]
  /** Nodes with an error anywhere below. */
  readonly broken: ReadonlySet<number>
  /** Nodes that hold one directly. */
  readonly brokenThemselves: ReadonlySet<number>
}

export const NO_ERRORS: Errors = { offsets: [], broken: new Set(), brokenThemselves: new Set() }

/**
 * The nodes of one file: kind, start and end offsets in UTF-16 code units, first child, next sibling. Tokens are left
 * out; the operator of an operator node is kept by name. Node 0 is the root.
 */
export class SyntaxTree {
  readonly source: string
  /** In order. */
  readonly comments: readonly Span[]
  readonly errors: readonly number[]
  private readonly cells: Int32Array
  private readonly broken: ReadonlySet<number>
  private readonly brokenThemselves: ReadonlySet<number>

  constructor(source: string, cells: Int32Array, comments: readonly Span[], errors: Errors) {
    this.source = source
    this.cells = cells
    this.comments = comments
    this.errors = errors.offsets
    this.broken = errors.broken
    this.brokenThemselves = errors.brokenThemselves
  }

  kind(node: number): SyntaxKind {
    return KINDS[this.cells[node + KIND]!]!
  }
  start(node: number): number {
    return this.cells[node + START]!
  }
  end(node: number): number {
    return this.cells[node + END]!
  }
  text(node: number): string {
    return this.source.substring(this.cells[node + START]!, this.cells[node + END]!)
  }
  operator(node: number): string {
    return OPERATORS[this.cells[node + OPERATOR]!]!
  }
  first(node: number): number {
    return this.cells[node + FIRST]!
  }
  next(node: number): number {
    return this.cells[node + NEXT]!
  }
  children(node: number): number[] {
    const children: number[] = []
    for (let child = this.first(node); child >= 0; child = this.next(child)) children.push(child)
    return children
  }
  /** The first child of a kind; below 0 where there is none. */
  child(node: number, kind: SyntaxKind): number {
    let child = this.first(node)
    while (child >= 0 && this.kind(child) !== kind) child = this.next(child)
    return child
  }
  /** Whether an error or missing node stands anywhere below. */
  isBroken(node: number): boolean {
    return this.broken.has(node)
  }
  /** Whether an error or missing node is a child of this node. */
  isBrokenItself(node: number): boolean {
    return this.brokenThemselves.has(node)
  }
}
