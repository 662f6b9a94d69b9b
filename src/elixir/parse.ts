// Parses Elixir that is written as it should be, in one pass over the text, into the nodes that tree-sitter's grammar
// gives for it. It knows nothing of errors: what it is not sure of it declines, and the tolerant parser reads the file.
import type { Deadline } from './deadline.ts'
import {
  AND,
  ATOM_SIGNS,
  BAR,
  CALLED_SIGNS,
  IN,
  INFIXES,
  NAMED_SIGNS,
  NOT_IN,
  OR,
  SIGN_KEY,
  SIGNS,
  WHEN,
  type Infix,
} from './operators.ts'
import { kind, NO_ERRORS, operatorNumber, type Span, SyntaxTree, TreeBuilder } from './tree.ts'

const SOURCE = kind('source')
const CALL = kind('call')
const ARGUMENTS = kind('arguments')
const DO_BLOCK = kind('do_block')
const STAB_CLAUSE = kind('stab_clause')
const BODY = kind('body')
const BLOCK = kind('block')
const BINARY = kind('binary_operator')
const UNARY = kind('unary_operator')
const OPERATOR_IDENTIFIER = kind('operator_identifier')
const DOT = kind('dot')
const ACCESS = kind('access_call')
const FUNCTION = kind('anonymous_function')
const LIST = kind('list')
const TUPLE = kind('tuple')
const MAP = kind('map')
const MAP_CONTENT = kind('map_content')
const STRUCT = kind('struct')
const BITSTRING = kind('bitstring')
const KEYWORDS = kind('keywords')
const PAIR = kind('pair')
const KEYWORD = kind('keyword')
const QUOTED_KEYWORD = kind('quoted_keyword')
const QUOTED_ATOM = kind('quoted_atom')
const ATOM = kind('atom')
const ALIAS = kind('alias')
const IDENTIFIER = kind('identifier')
const INTEGER = kind('integer')
const FLOAT = kind('float')
const CHAR = kind('char')
const STRING = kind('string')
const CHARLIST = kind('charlist')
const SIGIL = kind('sigil')
const SIGIL_NAME = kind('sigil_name')
const SIGIL_MODIFIERS = kind('sigil_modifiers')
const INTERPOLATION = kind('interpolation')
const QUOTED_CONTENT = kind('quoted_content')
const ESCAPE = kind('escape_sequence')
const BOOLEAN = kind('boolean')
const NIL = kind('nil')

/** The sections of a `do` block after the first. */
const SECTIONS: readonly [word: string, kind: number][] = [
  ['else', kind('else_block')],
  ['rescue', kind('rescue_block')],
  ['catch', kind('catch_block')],
  ['after', kind('after_block')],
]

/** `&` takes all that binds tighter than `|`, `=>` and the like. */
const CAPTURE_PRECEDENCE = 60

/** Nesting beyond this is left to the tolerant parser, which does without a call stack. */
const MAX_DEPTH = 200

const NEWLINE = 10
const RETURN = 13
const QUOTE = 34
const HASH = 35
const AMPERSAND = 38
const APOSTROPHE = 39
const OPEN = 40
const CLOSE = 41
const PLUS = 43
const COMMA = 44
const MINUS = 45
const POINT = 46
const SLASH = 47
const COLON = 58
const SEMICOLON = 59
const LESS = 60
const EQUALS = 61
const GREATER = 62
const QUESTION = 63
const BANG = 33
const AT = 64
const OPEN_SQUARE = 91
const BACKSLASH = 92
const CLOSE_SQUARE = 93
const OPEN_CURLY = 123
const CLOSE_CURLY = 125

const WORD = 1
const LOWER = 2
const UPPER = 4
const DIGIT = 8
const SPACE = 16
/** What the signs of ASCII are; all else is 0. */
const CLASS = new Uint8Array(65_536)
for (let code = 0; code < 128; code++) {
  const sign = String.fromCharCode(code)
  if (/[a-z_]/.test(sign)) CLASS[code] = WORD | LOWER
  else if (/[A-Z]/.test(sign)) CLASS[code] = WORD | UPPER
  else if (/[0-9]/.test(sign)) CLASS[code] = WORD | DIGIT
  else if (/[ \t\n\r]/.test(sign)) CLASS[code] = SPACE
}

const MORE_ALIAS = /\s*\.\s*(?=[A-Z])/y
const NUMBER =
  /(?:0b[01]+(?:_[01]+)*|0o[0-7]+(?:_[0-7]+)*|0x[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|[0-9]+(?:_[0-9]+)*(\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?)?)(?!\w)/y
const LONG_ESCAPE = /\\(?:x[0-9a-fA-F]{1,2}|x\{[0-9a-fA-F]+\}|u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4})/y

const RESERVED = new Set([
  'and',
  'or',
  'in',
  'not',
  'when',
  'true',
  'false',
  'nil',
  'fn',
  'do',
  'end',
  'after',
  'else',
  'catch',
  'rescue',
])
/** Words that no expression begins with. */
const JOINING = new Set(['and', 'or', 'in', 'when', 'do', 'end', 'after', 'else', 'catch', 'rescue'])

const CLOSERS: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '(': ')',
  '{': '}',
  '[': ']',
  '<': '>',
  '|': '|',
  '/': '/',
}

/** Thrown for what is not sure, and caught by `parse`: one for all, because it needs no stack. */
const DECLINED = new Error('declined')

function decline(): never {
  throw DECLINED
}

/** What stands behind an expression. */
type Ahead = 'operator' | 'dot' | 'do' | 'other'

class Parser {
  private readonly nodes = new TreeBuilder()
  private source = ''
  private deadline!: Deadline
  private at = 0
  private depth = 0
  private comments: Span[] = []
  private commentsEnd = 0
  /** Whether a `do` here belongs to a call further out: `if foo(x) do`. */
  private isDoTaken = false
  /** Parentheses with commas that are no arguments of a clause yet: `(a, b) -> c`. */
  private openItems = 0
  /** Where `look` looked last, and what it saw. */
  private lookedAt = -1
  private ahead: Ahead = 'other'
  private aheadStart = 0
  private aheadInfix = WHEN

  parse(source: string, deadline: Deadline): SyntaxTree | null {
    this.source = source
    this.deadline = deadline
    this.at = 0
    this.depth = 0
    this.comments = []
    this.commentsEnd = 0
    this.isDoTaken = false
    this.openItems = 0
    this.lookedAt = -1
    this.nodes.clear()
    try {
      this.sequence(this.nodes.add(SOURCE, 0, source.length))
    } catch (error) {
      if (error === DECLINED) return null
      throw error
    }
    if (this.at < source.length || this.openItems > 0) return null
    return new SyntaxTree(source, this.nodes.table(), this.comments, NO_ERRORS)
  }

  private code(): number {
    return this.source.charCodeAt(this.at)
  }

  private classAt(at: number): number {
    return at < this.source.length ? CLASS[this.source.charCodeAt(at)]! : 0
  }

  /** Whether the word stands there as a whole, and is no keyword (`do: x`). */
  private isWord(word: string, at: number): boolean {
    const end = at + word.length
    if (!this.source.startsWith(word, at) || (this.classAt(end) & WORD) !== 0) return false
    const code = this.source.charCodeAt(end)
    if (code === QUESTION || code === BANG) return false
    return code !== COLON || ((this.classAt(end + 1) & SPACE) === 0 && decline())
  }

  private wordEnd(from: number): number {
    const { source } = this
    let at = from
    while ((CLASS[source.charCodeAt(at)]! & WORD) !== 0) at++
    const code = source.charCodeAt(at)
    if (code !== QUESTION && code !== BANG) return at
    // `x!=y`
    return source.charCodeAt(at + 1) === EQUALS ? decline() : at + 1
  }

  /** Notes the comment and returns where it ends. */
  private comment(start: number): number {
    const line = this.source.indexOf('\n', start)
    const end = line < 0 ? this.source.length : line
    if (start >= this.commentsEnd) {
      this.comments.push({ start, end })
      this.commentsEnd = end
    }
    return end
  }

  /** The next offset that is neither white space nor comment. */
  private pastTrivia(from: number): number {
    const { source } = this
    for (let at = from; ; at++) {
      const code = source.charCodeAt(at)
      if (code === HASH) at = this.comment(at)
      else if (code === RETURN && source.charCodeAt(at + 1) !== NEWLINE) decline()
      else if ((CLASS[code]! & SPACE) === 0 || at >= source.length) return Math.min(at, source.length)
    }
  }

  private skip(): void {
    this.at = this.pastTrivia(this.at)
  }

  private skipSpaces(): void {
    let code = this.code()
    while (code === 32 || code === 9) code = this.source.charCodeAt(++this.at)
  }

  /** Passes white space and comments; whether the line ended. */
  private skipLines(): boolean {
    const from = this.at
    this.skip()
    return this.hasNewline(from)
  }

  /** Whether a line ended between an offset and here, with nothing but white space and comments in between. */
  private hasNewline(from: number): boolean {
    for (let at = from; at < this.at; at++) if (this.source.charCodeAt(at) === NEWLINE) return true
    return false
  }

  /** Passes line breaks and one `;`; whether there was any. */
  private skipTerminators(): boolean {
    const isSeparated = this.skipLines()
    if (this.code() !== SEMICOLON) return isSeparated
    this.at++
    this.skip()
    return true
  }

  private isArrow(): boolean {
    return this.source.charCodeAt(this.at) === MINUS && this.source.charCodeAt(this.at + 1) === GREATER
  }

  private isAtCloser(): boolean {
    const code = this.code()
    switch (code) {
      case CLOSE:
      case CLOSE_CURLY:
      case CLOSE_SQUARE:
        return true
      case 101:
        return this.isWord('end', this.at) || this.isWord('else', this.at)
      case 97:
        return this.isWord('after', this.at)
      case 99:
        return this.isWord('catch', this.at)
      case 114:
        return this.isWord('rescue', this.at)
      default:
        return this.at >= this.source.length
    }
  }

  /** Statements, or clauses with `->`, up to what closes them. */
  private sequence(parent: number): void {
    const { nodes } = this
    let last = -1
    let clause = -1
    let body = -1
    this.skipTerminators()
    let isSeparated = true
    while (!this.isAtCloser()) {
      this.deadline.tick()
      const wasSeparated = isSeparated
      let left = -1
      if (!this.isArrow()) {
        // The body of a clause follows its arrow at once.
        if (!isSeparated && (clause < 0 || body >= 0)) decline()
        const item = this.isKey() ? this.keywords(-1, false) : this.expression(0)
        this.skipSpaces()
        if (this.code() === COMMA || this.isArrow()) {
          left = this.clauseLeft(item, parent)
          if (left < 0 && clause < 0 && last < 0) return
          if (left < 0) decline()
        } else {
          if (nodes.kind(item) === KEYWORDS || this.isGuarded(item)) decline()
          if (clause < 0) last = nodes.append(parent, last, item)
          else {
            if (body < 0) {
              body = nodes.add(BODY, nodes.start(item), 0)
              nodes.append(clause, nodes.first(clause), body)
              last = -1
            }
            last = nodes.append(body, last, item)
            nodes.setEnd(body, nodes.end(item))
            nodes.setEnd(clause, nodes.end(item))
          }
          isSeparated = this.skipTerminators()
          continue
        }
      }
      // A clause begins on a line of its own, and behind one that has a body. Without patterns it is the only one.
      const isFirst = clause < 0
      if (isFirst ? last >= 0 || nodes.kind(parent) === SOURCE : !wasSeparated || body < 0 || left < 0) decline()
      const next = nodes.add(STAB_CLAUSE, left < 0 ? this.at : nodes.start(left), this.at + 2)
      nodes.append(parent, clause, next)
      if (left >= 0) nodes.append(next, -1, left)
      clause = next
      body = -1
      this.at += 2
      isSeparated = this.skipLines()
    }
  }

  /**
   * The patterns and the guard of a clause whose first pattern is read; the `->` comes next. Below 0 for what stands in
   * parentheses and may be the patterns of a clause further out.
   */
  private clauseLeft(first: number, parent: number): number {
    const { nodes } = this
    let last = first
    let count = 1
    while (this.code() === COMMA) {
      this.at++
      this.skip()
      const key = this.key()
      if (key >= 0) decline()
      last = nodes.append(-1, last, this.expression(0, this.given))
      count++
      this.skipSpaces()
    }
    if (!this.isArrow()) {
      this.skip()
      if (this.code() !== CLOSE || nodes.kind(parent) !== BLOCK) decline()
      nodes.append(parent, -1, first)
      nodes.setKind(parent, ARGUMENTS)
      this.openItems++
      return -1
    }
    if (!this.isGuarded(last))
      return count === 1 && this.isPatternList(first) ? this.close(first) : this.arguments(first, last)
    const pattern = nodes.first(last)
    const guard = nodes.next(pattern)
    nodes.setNext(pattern, -1)
    if (count > 1) {
      let before = first
      while (nodes.next(before) !== last) before = nodes.next(before)
      nodes.setNext(before, pattern)
    }
    const list =
      count === 1 && this.isPatternList(pattern)
        ? this.close(pattern)
        : this.arguments(count === 1 ? pattern : first, pattern)
    nodes.append(last, -1, list)
    nodes.setNext(list, guard)
    nodes.setStart(last, nodes.start(list))
    return last
  }

  private isGuarded(node: number): boolean {
    return this.nodes.kind(node) === BINARY && this.nodes.operator(node) === WHEN.number
  }

  /** Whether it is `(a, b)`, `(a)` or `()`. */
  private isPatternList(node: number): boolean {
    const { nodes } = this
    if (nodes.kind(node) === ARGUMENTS) return true
    if (nodes.kind(node) !== BLOCK) return false
    const only = nodes.first(node)
    return only < 0 || (nodes.next(only) < 0 && nodes.kind(only) !== STAB_CLAUSE)
  }

  /** Makes what stands in parentheses the patterns of a clause. */
  private close(node: number): number {
    if (this.nodes.kind(node) === ARGUMENTS) this.openItems--
    if (this.source.slice(this.nodes.start(node), this.nodes.end(node)).includes('\n')) decline()
    this.nodes.setKind(node, ARGUMENTS)
    return node
  }

  private arguments(first: number, last: number): number {
    const { nodes } = this
    const list = nodes.add(ARGUMENTS, nodes.start(first), nodes.end(last))
    nodes.append(list, -1, first)
    return list
  }

  /** An expression of operators that bind at least so tight; `first` is its first operand, if that is read already. */
  private expression(least: number, first = -1): number {
    if (++this.depth > MAX_DEPTH) decline()
    this.deadline.tick()
    const { nodes } = this
    let left = first < 0 ? this.operand() : this.postfix(first)
    for (;;) {
      this.look()
      if (this.ahead !== 'operator') break
      const { number, precedence, isRight } = this.aheadInfix
      if (precedence < least) break
      const takesKeywords = this.aheadInfix === WHEN || this.aheadInfix === BAR
      this.at = this.pastTrivia(this.aheadStart + this.aheadLength)
      const right =
        takesKeywords && this.isKey()
          ? this.keywords(-1, false)
          : this.expression(isRight ? precedence : precedence + 1)
      const node = this.over(BINARY, nodes.start(left), left, right)
      nodes.setOperator(node, number)
      left = node
    }
    this.depth--
    return left
  }

  private aheadLength = 0

  /** Looks behind an expression: for an operator, also on the next line, a dot, or a `do`. */
  private look(): void {
    if (this.lookedAt === this.at) return
    const { source } = this
    this.lookedAt = this.at
    const start = this.pastTrivia(this.at)
    this.aheadStart = start
    const code = source.charCodeAt(start)
    this.ahead = 'other'
    if (start >= source.length || code > 126) return
    const signs = SIGNS[code]
    if (signs !== undefined) {
      this.lookForSign(signs, start, code)
      return
    }
    switch (code) {
      case 97:
        return this.isWord('and', start) ? this.found(AND, 3) : undefined
      case 100:
        if (this.isWord('do', start)) this.ahead = 'do'
        return
      case 105:
        return this.isWord('in', start) ? this.found(IN, 2) : undefined
      case 110:
        if (this.isWord('not', start)) {
          const length = /^not[ \t]+in(?![\w!?:])/.exec(source.slice(start, start + 20))?.[0].length
          if (length !== undefined) this.found(NOT_IN, length)
        }
        return
      case 111:
        return this.isWord('or', start) ? this.found(OR, 2) : undefined
      case 119:
        return this.isWord('when', start) ? this.found(WHEN, 4) : undefined
    }
  }

  private found(operator: Infix, length: number): void {
    this.ahead = 'operator'
    this.aheadInfix = operator
    this.aheadLength = length
  }

  private lookForSign(signs: readonly Infix[], start: number, code: number): void {
    const { source } = this
    const next = source.charCodeAt(start + 1)
    if (code === POINT && next !== POINT) {
      this.ahead = 'dot'
      return
    }
    if (code === MINUS && next === GREATER) return
    if (
      code === LESS &&
      next === LESS &&
      signs.every(({ operator }) => operator.length < 3 || !source.startsWith(operator, start))
    )
      return
    if (code === GREATER && next === GREATER && source.charCodeAt(start + 2) !== GREATER) return
    for (const sign of signs) {
      const { operator } = sign
      if (!source.startsWith(operator, start)) continue
      const isOwnLine = start > this.at && source.slice(this.at, start).includes('\n')
      // On a line of its own a single `+` or `-` begins an expression.
      if (isOwnLine && (operator === '+' || operator === '-')) return
      const behind = source.charCodeAt(start + operator.length)
      if (behind === COLON || (operator === '..' && behind === POINT) || (isOwnLine && behind === SLASH)) decline()
      this.found(sign, operator.length)
      return
    }
  }

  /** One operand with the signs before it, and all that is applied to it. */
  private operand(): number {
    const { source, at } = this
    const code = source.charCodeAt(at)
    switch (code) {
      case BANG:
        return this.prefix('!')
      case 94:
        return this.prefix('^')
      case PLUS:
        return this.prefix('+')
      case MINUS:
        return this.isArrow() ? decline() : this.prefix('-')
      case 126:
        if (source.startsWith('~~~', at)) return this.prefix('~~~')
        return this.postfix(this.sigil())
      case AMPERSAND:
        return this.capture()
      case AT:
        return this.attribute()
      case OPEN:
        return this.postfix(this.parentheses())
      case OPEN_SQUARE:
        this.at++
        return this.postfix(this.container(LIST, at, CLOSE_SQUARE))
      case OPEN_CURLY:
        this.at++
        return this.postfix(this.container(TUPLE, at, CLOSE_CURLY))
      case LESS:
        if (source.charCodeAt(at + 1) !== LESS || source.charCodeAt(at + 2) === 126) decline()
        this.at += 2
        return this.postfix(this.container(BITSTRING, at, GREATER))
      case 37:
        return this.postfix(this.map())
      case QUOTE:
      case APOSTROPHE:
        return this.postfix(this.string())
      case COLON:
        return this.postfix(this.atom())
      case QUESTION:
        return this.postfix(this.character())
      case POINT:
        return this.points()
    }
    const what = this.classAt(at)
    if ((what & LOWER) !== 0) return this.word()
    if ((what & UPPER) !== 0) return this.postfix(this.alias())
    if ((what & DIGIT) !== 0) return this.postfix(this.number())
    return decline()
  }

  private prefix(operator: string): number {
    const { at } = this
    this.at += operator.length
    // `--` and `++` are operators of their own.
    const isDouble = operator !== '!' && this.code() === this.source.charCodeAt(at)
    if (isDouble || ++this.depth > MAX_DEPTH) decline()
    this.skip()
    const operand = this.operand()
    this.depth--
    return this.unary(operator, at, operand)
  }

  private unary(operator: string, start: number, operand: number): number {
    const { nodes } = this
    const node = this.over(UNARY, start, operand)
    nodes.setOperator(node, operatorNumber(operator))
    return node
  }

  private capture(): number {
    const { nodes, at } = this
    this.at++
    if (this.code() === AMPERSAND) decline()
    this.skip()
    if ((this.classAt(this.at) & DIGIT) !== 0) return this.postfix(this.unary('&', at, this.number()))
    NAMED_SIGNS.lastIndex = this.at
    const sign = NAMED_SIGNS.exec(this.source)?.[0]
    if (sign !== undefined) {
      const name = this.leaf(OPERATOR_IDENTIFIER, this.at + sign.length)
      this.at++
      const arity = this.number()
      const named = this.over(BINARY, nodes.start(name), name, arity)
      nodes.setOperator(named, INFIXES.get('/')!.number)
      return this.unary('&', at, named)
    }
    if (this.code() !== OPEN) {
      const node = this.unary('&', at, this.expression(CAPTURE_PRECEDENCE))
      if (this.ahead === 'operator') decline()
      return node
    }
    // The parentheses of `&(...)` are no node.
    this.at++
    const wasTaken = this.isDoTaken
    this.isDoTaken = false
    this.skip()
    const body = this.expression(0)
    this.isDoTaken = wasTaken
    this.skipSpaces()
    if (this.code() !== CLOSE) decline()
    this.at++
    const node = this.unary('&', at, body)
    nodes.setEnd(node, this.at)
    const code = this.code()
    if (code === OPEN || code === OPEN_SQUARE) decline()
    this.look()
    if (this.ahead === 'dot' || this.ahead === 'operator') decline()
    return node
  }

  /** `@name`, `@name value`. */
  private attribute(): number {
    const { at } = this
    this.at++
    const end = this.wordEnd(this.at)
    if ((this.classAt(this.at) & LOWER) === 0 || RESERVED.has(this.source.slice(this.at, end))) decline()
    const node = this.unary('@', at, this.name(end))
    return this.isOpen ? node : this.postfix(node)
  }

  /** A node over one or two others. */
  private over(kind: number, start: number, first: number, second = -1): number {
    const { nodes } = this
    const node = nodes.add(kind, start, nodes.end(second < 0 ? first : second))
    nodes.append(node, -1, first)
    if (second >= 0) nodes.append(node, first, second)
    return node
  }

  private leaf(kind: number, end: number): number {
    const node = this.nodes.add(kind, this.at, end)
    this.at = end
    return node
  }

  /** A reserved word, or a name with what it is called with. */
  private word(): number {
    const { source, at } = this
    const end = this.wordEnd(at)
    if (end - at <= 6) {
      const word = source.slice(at, end)
      if (RESERVED.has(word)) return this.reserved(word, end)
    }
    const node = this.name(end)
    return this.isOpen ? node : this.postfix(node)
  }

  /** Whether the call read last ends without a bracket, so that nothing is applied to it. */
  private isOpen = false

  private reserved(word: string, end: number): number {
    switch (word) {
      case 'true':
      case 'false':
        return this.postfix(this.leaf(BOOLEAN, end))
      case 'nil':
        return this.postfix(this.leaf(NIL, end))
      case 'not':
        return this.prefix('not')
      case 'fn':
        return this.postfix(this.function())
      default:
        return decline()
    }
  }

  /** A variable or a local call. */
  private name(end = this.wordEnd(this.at)): number {
    const start = this.at
    const name = this.leaf(IDENTIFIER, end)
    if (this.code() === OPEN) return this.called(name, start, this.bracketed(), false)
    const args = this.openArguments()
    if (args >= 0) return this.called(name, start, args, true)
    this.isOpen = false
    if (!this.isDoTaken) {
      let at = this.at
      while (this.source.charCodeAt(at) === 32 || this.source.charCodeAt(at) === 9) at++
      if (this.source.charCodeAt(at) === 100 && this.isWord('do', at)) {
        this.at = at
        const call = this.over(CALL, start, name, this.doBlock())
        this.isOpen = true
        return call
      }
    }
    return name
  }

  /** The call of a target with its arguments, below 0 for none, and with the `do` block that follows. */
  private called(target: number, start: number, args: number, isOpen: boolean): number {
    const { nodes } = this
    const call = this.over(CALL, start, target, args)
    this.isOpen = isOpen
    if (this.isDoTaken) return call
    this.look()
    if (this.ahead !== 'do') return call
    this.at = this.aheadStart
    const block = this.doBlock()
    nodes.append(call, args < 0 ? target : args, block)
    nodes.setEnd(call, nodes.end(block))
    this.isOpen = true
    return call
  }

  /** `(a, b)` behind a name. */
  private bracketed(): number {
    const { at } = this
    this.at++
    return this.container(ARGUMENTS, at, CLOSE)
  }

  /** The arguments of a call without parentheses; below 0 where none follow. */
  private openArguments(): number {
    const { source, nodes } = this
    let at = this.at
    let code = source.charCodeAt(at)
    if (code !== 32 && code !== 9) return -1
    while (code === 32 || code === 9) code = source.charCodeAt(++at)
    if (!this.beginsArgument(at, code)) return -1
    this.at = at
    const wasTaken = this.isDoTaken
    this.isDoTaken = true
    let first = -1
    let last = -1
    for (;;) {
      const key = this.key()
      const item = key >= 0 ? this.keywords(key, false) : this.expression(0, this.given)
      if (first < 0) first = item
      else nodes.setNext(last, item)
      last = item
      if (key >= 0) break
      this.skipSpaces()
      if (this.code() !== COMMA) break
      this.at++
      this.skip()
    }
    this.isDoTaken = wasTaken
    return this.arguments(first, last)
  }

  private beginsArgument(at: number, code: number): boolean {
    const { source } = this
    const next = source.charCodeAt(at + 1)
    const third = source.charCodeAt(at + 2)
    switch (code) {
      case QUOTE:
      case APOSTROPHE:
      case AT:
      case 37:
      case OPEN_CURLY:
      case OPEN_SQUARE:
      case OPEN:
      case QUESTION:
        return true
      case COLON:
        return next !== COLON || third === COLON
      case 126:
        return (this.classAt(at + 1) & (LOWER | UPPER)) !== 0 || source.startsWith('~~~', at)
      case AMPERSAND:
        return next !== AMPERSAND
      case BANG:
        return next !== EQUALS
      case 94:
        return next !== 94
      case LESS:
        return next === LESS && third !== LESS && third !== 126
      case PLUS:
        return next !== PLUS && next !== COLON && next !== SLASH && (this.classAt(at + 1) & SPACE) === 0
      case MINUS:
        return (
          next !== MINUS && next !== GREATER && next !== COLON && next !== SLASH && (this.classAt(at + 1) & SPACE) === 0
        )
      case POINT:
        return next === POINT && third === POINT ? decline() : false
    }
    const what = this.classAt(at)
    if ((what & LOWER) === 0) return what !== 0
    if (this.isKeyAt(at)) return true
    const end = this.wordEnd(at)
    if (end - at > 6) return true
    const word = source.slice(at, end)
    if (word === 'not') return !/^[ \t]+in(?!\w)/.test(source.slice(end, end + 20))
    return !JOINING.has(word)
  }

  /** All that is applied to a node: `.name`, `.Name`, `.(x)`, `[key]`, a second list of arguments. */
  private postfix(first: number): number {
    const { nodes, source } = this
    let node = first
    for (;;) {
      const code = this.code()
      if (code === OPEN_SQUARE) {
        this.at++
        const wasTaken = this.isDoTaken
        this.isDoTaken = false
        this.skip()
        const key = this.expression(0)
        this.isDoTaken = wasTaken
        this.skip()
        if (this.code() !== CLOSE_SQUARE) decline()
        this.at++
        node = this.over(ACCESS, nodes.start(node), node, key)
        nodes.setEnd(node, this.at)
      } else if (code === OPEN) {
        const isCall = nodes.kind(node) === CALL && nodes.kind(nodes.first(node)) !== CALL
        if (!isCall || source.charCodeAt(this.at - 1) !== CLOSE) decline()
        node = this.called(node, nodes.start(node), this.bracketed(), false)
        if (this.isOpen) return node
      } else {
        if (code !== POINT) {
          if ((this.classAt(this.at) & SPACE) === 0) return node
          this.look()
          if (this.ahead !== 'dot') return node
          this.at = this.aheadStart
        } else if (source.charCodeAt(this.at + 1) === POINT) return node
        node = this.dot(node)
        if (this.isOpen) return node
      }
    }
  }

  private dot(left: number): number {
    const { nodes, source } = this
    const start = nodes.start(left)
    this.at++
    if (this.code() === OPEN) {
      const dot = this.over(DOT, start, left)
      nodes.setEnd(dot, this.at)
      const call = this.over(CALL, start, dot, this.bracketed())
      this.isOpen = false
      return call
    }
    this.skip()
    const { at } = this
    const what = this.classAt(at)
    const code = this.code()
    let right: number
    if ((what & UPPER) !== 0) right = this.alias()
    else if (code === OPEN_CURLY) {
      this.at++
      right = this.container(TUPLE, at, CLOSE_CURLY)
    } else if ((what & LOWER) !== 0) right = this.leaf(IDENTIFIER, this.wordEnd(at))
    else if (code === QUOTE || code === APOSTROPHE) {
      if (source.startsWith('"""', at) || source.startsWith("'''", at)) decline()
      right = this.string()
    } else {
      CALLED_SIGNS.lastIndex = at
      const sign = CALLED_SIGNS.exec(source)?.[0] ?? decline()
      right = this.leaf(OPERATOR_IDENTIFIER, at + sign.length)
    }
    const dot = this.over(DOT, start, left, right)
    this.isOpen = false
    if ((what & UPPER) !== 0 || code === OPEN_CURLY) return dot
    if (this.code() === OPEN) return this.called(dot, start, this.bracketed(), false)
    const word = source.slice(at, this.at)
    if (word === 'not') decline()
    const args = RESERVED.has(word) ? -1 : this.openArguments()
    return this.called(dot, start, args, args >= 0)
  }

  /** Items up to the closing bracket. */
  private container(kind: number, start: number, closer: number): number {
    const { nodes } = this
    const node = nodes.add(kind, start, 0)
    this.items(node, closer)
    this.at += closer === GREATER ? 2 : 1
    if (closer === GREATER && this.code() === GREATER) decline()
    nodes.setEnd(node, this.at)
    return node
  }

  private isAtBracket(closer: number): boolean {
    return this.code() === closer && (closer !== GREATER || this.source.charCodeAt(this.at + 1) === GREATER)
  }

  /** Returns where the last item, or the comma behind it, ends. */
  private items(parent: number, closer: number): number {
    const { nodes } = this
    const wasTaken = this.isDoTaken
    this.isDoTaken = false
    let last = -1
    this.skip()
    let end = this.at
    while (!this.isAtBracket(closer)) {
      const key = this.key()
      const item = key >= 0 ? this.keywords(key, true) : this.expression(0, this.given)
      last = nodes.append(parent, last, item)
      end = nodes.end(item)
      const from = this.at
      this.skip()
      if (this.isAtBracket(closer)) break
      if (key >= 0 || this.code() !== COMMA || this.hasNewline(from)) decline()
      end = ++this.at
      this.skip()
      // Calls take no comma at their end.
      if (closer === CLOSE && this.code() === CLOSE) decline()
    }
    this.isDoTaken = wasTaken
    return end
  }

  /** `name: ` */
  private isKeyAt(from: number): boolean {
    const { source } = this
    let at = from
    let code = source.charCodeAt(at)
    while ((CLASS[code]! & WORD) !== 0 || code === AT) code = source.charCodeAt(++at)
    if (code === QUESTION || code === BANG) code = source.charCodeAt(++at)
    return code === COLON && at > from && (this.classAt(at + 1) & SPACE) !== 0
  }

  private isKey(): boolean {
    return (this.classAt(this.at) & (LOWER | UPPER)) !== 0 && this.isKeyAt(this.at)
  }

  /** Where the key ends that is an operator (`+: 1`); below 0 for none. */
  private signKeyEnd(): number {
    if (SIGNS[this.code()] === undefined) return -1
    SIGN_KEY.lastIndex = this.at
    const sign = SIGN_KEY.exec(this.source)?.[0]
    return sign === undefined ? -1 : this.at + sign.length
  }

  /** The string that stands where a key could be, and is none. */
  private given = -1

  /** The key of a pair; below 0 where none is, and then `given` is what was read of an expression. */
  private key(): number {
    const { nodes, source } = this
    this.given = -1
    if (this.isKey()) return this.leaf(KEYWORD, source.indexOf(':', this.at) + 2)
    const code = this.code()
    if (code !== QUOTE && code !== APOSTROPHE) {
      const end = this.signKeyEnd()
      return end < 0 ? -1 : this.leaf(KEYWORD, end)
    }
    const isHeredoc = source.startsWith('"""', this.at) || source.startsWith("'''", this.at)
    const node = this.string()
    if (this.code() !== COLON || (this.classAt(this.at + 1) & SPACE) === 0) {
      this.given = node
      return -1
    }
    if (isHeredoc) decline()
    this.at += 2
    nodes.setKind(node, QUOTED_KEYWORD)
    nodes.setEnd(node, this.at)
    return node
  }

  /** Pairs to the end; `first` is the first key, if that is read already. A comma at the end belongs to them in brackets. */
  private keywords(first: number, isInBrackets: boolean): number {
    const { nodes } = this
    let key = first < 0 ? this.key() : first
    const node = nodes.add(KEYWORDS, nodes.start(key), 0)
    let last = -1
    for (;;) {
      this.skip()
      const value = this.expression(0)
      last = nodes.append(node, last, this.over(PAIR, nodes.start(key), key, value))
      nodes.setEnd(node, nodes.end(value))
      const { at } = this
      this.skip()
      if (this.code() !== COMMA) {
        this.at = at
        break
      }
      if (this.hasNewline(at)) decline()
      const comma = this.at
      this.at++
      this.skip()
      key = this.key()
      if (key >= 0) continue
      if (this.given >= 0 || !this.isAtCloser() || (!isInBrackets && first >= 0)) decline()
      if (isInBrackets) nodes.setEnd(node, comma + 1)
      this.at = isInBrackets ? comma + 1 : comma
      break
    }
    return node
  }

  private parentheses(): number {
    const { nodes } = this
    const node = nodes.add(BLOCK, this.at, 0)
    this.at++
    const wasTaken = this.isDoTaken
    this.isDoTaken = false
    this.sequence(node)
    this.isDoTaken = wasTaken
    if (this.code() !== CLOSE) decline()
    this.at++
    nodes.setEnd(node, this.at)
    return node
  }

  private function(): number {
    const { nodes } = this
    const node = nodes.add(FUNCTION, this.at, 0)
    this.at += 2
    const wasTaken = this.isDoTaken
    this.isDoTaken = false
    this.sequence(node)
    this.isDoTaken = wasTaken
    if (nodes.first(node) < 0 || nodes.kind(nodes.first(node)) !== STAB_CLAUSE) decline()
    this.passEnd()
    nodes.setEnd(node, this.at)
    return node
  }

  private passEnd(): void {
    if (!this.isWord('end', this.at)) decline()
    this.at += 3
  }

  private doBlock(): number {
    const { nodes } = this
    if (++this.depth > MAX_DEPTH) decline()
    const node = nodes.add(DO_BLOCK, this.at, 0)
    this.at += 2
    const wasTaken = this.isDoTaken
    this.isDoTaken = false
    this.sequence(node)
    let last = nodes.first(node)
    while (last >= 0 && nodes.next(last) >= 0) last = nodes.next(last)
    while (!this.isWord('end', this.at)) {
      const [word, kind] = SECTIONS.find(([word]) => this.isWord(word, this.at)) ?? decline()
      const section = nodes.add(kind, this.at, 0)
      this.at += word.length
      if (this.code() === OPEN) decline()
      this.sequence(section)
      nodes.setEnd(section, this.at)
      last = nodes.append(node, last, section)
    }
    this.isDoTaken = wasTaken
    this.passEnd()
    nodes.setEnd(node, this.at)
    this.depth--
    return node
  }

  private map(): number {
    const { nodes, at } = this
    const node = nodes.add(MAP, at, 0)
    this.at++
    let last = -1
    if (this.code() !== OPEN_CURLY) last = nodes.append(node, -1, this.struct())
    if (this.code() !== OPEN_CURLY) decline()
    this.at++
    this.skip()
    if (this.code() !== CLOSE_CURLY) {
      const content = nodes.add(MAP_CONTENT, this.at, 0)
      nodes.setEnd(content, this.items(content, CLOSE_CURLY))
      nodes.append(node, last, content)
    }
    this.at++
    nodes.setEnd(node, this.at)
    return node
  }

  private struct(): number {
    const { nodes, source, at } = this
    const struct = nodes.add(STRUCT, at, 0)
    const what = this.classAt(at)
    let name: number
    if ((what & UPPER) !== 0) name = this.alias()
    else if ((what & LOWER) !== 0) {
      name = this.leaf(IDENTIFIER, this.wordEnd(at))
      if (RESERVED.has(source.slice(at, this.at))) decline()
      if (this.code() === POINT && (this.classAt(this.at + 1) & UPPER) !== 0) {
        this.at++
        name = this.over(DOT, at, name, this.alias())
      } else if (this.code() === OPEN) {
        name = this.over(CALL, at, name, this.bracketed())
      }
    } else if (this.code() === AT) {
      this.at++
      const end = this.wordEnd(this.at)
      if ((this.classAt(this.at) & LOWER) === 0 || RESERVED.has(source.slice(this.at, end))) decline()
      name = this.unary('@', at, this.leaf(IDENTIFIER, end))
    } else decline()
    nodes.append(struct, -1, name)
    nodes.setEnd(struct, this.at)
    return struct
  }

  private alias(): number {
    const { source } = this
    let end = this.at
    for (;;) {
      while ((CLASS[source.charCodeAt(end)]! & WORD) !== 0) end++
      const code = source.charCodeAt(end)
      if (code !== POINT && (CLASS[code]! & SPACE) === 0) break
      if (code === POINT && (this.classAt(end + 1) & UPPER) !== 0) {
        end++
        continue
      }
      MORE_ALIAS.lastIndex = end
      const more = MORE_ALIAS.exec(source)
      if (more === null) break
      end += more[0].length
    }
    return this.leaf(ALIAS, end)
  }

  private number(): number {
    NUMBER.lastIndex = this.at
    const match = NUMBER.exec(this.source) ?? decline()
    return this.leaf(match[1] === undefined ? INTEGER : FLOAT, this.at + match[0].length)
  }

  private character(): number {
    const code = this.source.charCodeAt(this.at + 1)
    const second = this.source.charCodeAt(this.at + 2)
    // Signs of two code units, and line breaks.
    if (!(code > 31 && code < 0xd800) || (code === BACKSLASH && !(second > 31 && second < 0xd800))) decline()
    return this.leaf(CHAR, this.at + (code === BACKSLASH ? 3 : 2))
  }

  /** `...` and `..`, which stand for themselves. */
  private points(): number {
    if (this.source.startsWith('...', this.at)) return this.leaf(IDENTIFIER, this.at + 3)
    if (!this.source.startsWith('..', this.at)) decline()
    const code = this.source.charCodeAt(this.at + 2)
    if (code !== CLOSE && code !== COMMA && code !== CLOSE_SQUARE) decline()
    return this.leaf(OPERATOR_IDENTIFIER, this.at + 2)
  }

  private atom(): number {
    const { source, at } = this
    const code = source.charCodeAt(at + 1)
    if (code === QUOTE || code === APOSTROPHE) {
      const node = this.nodes.add(QUOTED_ATOM, at, 0)
      this.at += 2
      this.quoted(node, -1, code, false, true)
      this.nodes.setEnd(node, this.at)
      return node
    }
    if ((this.classAt(at + 1) & (LOWER | UPPER)) !== 0) {
      let end = at + 1
      while ((this.classAt(end) & WORD) !== 0 || source.charCodeAt(end) === AT) end++
      const mark = source.charCodeAt(end)
      if (mark === QUESTION || mark === BANG) {
        end++
        if (source.charCodeAt(end) === EQUALS) decline()
      }
      return this.leaf(ATOM, end)
    }
    ATOM_SIGNS.lastIndex = at
    const sign = ATOM_SIGNS.exec(source)?.[0] ?? decline()
    return this.leaf(ATOM, at + sign.length)
  }

  private string(): number {
    const { at, source } = this
    const code = source.charCodeAt(at)
    const node = this.nodes.add(code === QUOTE ? STRING : CHARLIST, at, 0)
    const isHeredoc = source.charCodeAt(at + 1) === code && source.charCodeAt(at + 2) === code
    this.at += isHeredoc ? 3 : 1
    this.quoted(node, -1, code, isHeredoc, true)
    this.nodes.setEnd(node, this.at)
    return node
  }

  private sigil(): number {
    const { nodes, source, at } = this
    const node = nodes.add(SIGIL, at, 0)
    this.at++
    const isLower = (this.classAt(this.at) & LOWER) !== 0
    if (!isLower && (this.classAt(this.at) & UPPER) === 0) decline()
    let end = this.at + 1
    if (!isLower) while ((this.classAt(end) & (UPPER | DIGIT)) !== 0) end++
    const name = nodes.append(node, -1, this.leaf(SIGIL_NAME, end))
    const opener = source[end] ?? ''
    const closer = CLOSERS[opener]?.charCodeAt(0) ?? decline()
    const isHeredoc = (opener === '"' || opener === "'") && source.startsWith(opener.repeat(3), end)
    this.at += isHeredoc ? 3 : 1
    const last = this.quoted(node, name, closer, isHeredoc, isLower)
    end = this.at
    while ((this.classAt(end) & WORD) !== 0 && source.charCodeAt(end) !== 95) end++
    if (end > this.at) nodes.append(node, last, this.leaf(SIGIL_MODIFIERS, end))
    nodes.setEnd(node, this.at)
    return node
  }

  /** What stands in quotes, and the closing quote. Returns the last child. */
  private quoted(node: number, before: number, closer: number, isHeredoc: boolean, isInterpolated: boolean): number {
    const { nodes, source } = this
    let last = before
    let start = this.at
    let at = this.at
    let isFresh = false
    const content = (): void => {
      if (at > start) last = nodes.append(node, last, nodes.add(QUOTED_CONTENT, start, at))
    }
    for (;;) {
      const code = source.charCodeAt(at)
      if (code === closer) {
        if (!isHeredoc) {
          content()
          this.at = at + 1
          return last
        }
        if (isFresh && source.charCodeAt(at + 1) === closer && source.charCodeAt(at + 2) === closer) {
          content()
          this.at = at + 3
          return last
        }
        isFresh = false
        at++
      } else if (code === BACKSLASH) {
        const next = source.charCodeAt(at + 1)
        if (isHeredoc && next === RETURN) decline()
        if ((isHeredoc && next === NEWLINE) || (!isInterpolated && next !== closer)) {
          isFresh = false
          at++
          continue
        }
        content()
        this.at = at
        last = nodes.append(node, last, this.escape(next))
        isFresh = false
        start = at = this.at
      } else if (code === HASH && isInterpolated && source.charCodeAt(at + 1) === OPEN_CURLY) {
        content()
        this.at = at
        last = nodes.append(node, last, this.interpolation())
        isFresh = false
        start = at = this.at
      } else {
        if (!(code > 0)) decline()
        if (code === NEWLINE) isFresh = true
        else if ((CLASS[code]! & SPACE) === 0) isFresh = false
        at++
      }
    }
  }

  private escape(next: number): number {
    // `\x`, `\u`
    if (next === 120 || next === 117) {
      LONG_ESCAPE.lastIndex = this.at
      const escape = LONG_ESCAPE.exec(this.source)?.[0] ?? decline()
      return this.leaf(ESCAPE, this.at + escape.length)
    }
    if (!(next > 0 && (next < 0xd800 || next > 0xdfff))) decline()
    return this.leaf(ESCAPE, this.at + 2)
  }

  private interpolation(): number {
    const { nodes } = this
    const node = nodes.add(INTERPOLATION, this.at, 0)
    this.at += 2
    this.skip()
    if (this.code() !== CLOSE_CURLY) {
      const wasTaken = this.isDoTaken
      this.isDoTaken = false
      nodes.append(node, -1, this.expression(0))
      this.isDoTaken = wasTaken
      this.skip()
      if (this.code() !== CLOSE_CURLY) decline()
    }
    this.at++
    nodes.setEnd(node, this.at)
    return node
  }
}

const parser = new Parser()

/** The tree of a text that is correct beyond doubt, else null. Throws `TimeLimitError`. */
export function parseCorrect(source: string, deadline: Deadline): SyntaxTree | null {
  return parser.parse(source, deadline)
}
