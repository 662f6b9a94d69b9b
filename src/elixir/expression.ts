// Elixir expressions with their names resolved, pipes folded in and syntax forgotten: the material of every fact.
import type { Deadline } from './deadline.ts'
import type { Range } from './range.ts'

/** What an expression needs from its file: the text, the line table, and the time that is left. */
export interface Text {
  readonly source: string
  readonly deadline: Deadline
  rangeOf(start: number, end: number): Range
}

const NOTHING: readonly Expression[] = []

/** Base of all expressions. Offsets are UTF-16 code units into the file's text. */
export abstract class Term {
  readonly file: Text
  readonly start: number
  readonly end: number
  /** The expression that directly holds this one; null for the roots of bodies, parameters and guards. */
  parent: Expression | null = null
  private readonly held: readonly Expression[]

  /** Becomes the parent of its parts. */
  constructor(file: Text, start: number, end: number, parts: readonly Expression[] = NOTHING) {
    this.file = file
    this.start = start
    this.end = end
    this.held = parts
    // Made by the million: an iterator for each would be garbage.
    for (let index = 0; index < parts.length; index++) parts[index]!.parent = this as unknown as Expression
  }
  get range(): Range {
    return this.file.rangeOf(this.start, this.end)
  }
  get line(): number {
    return this.range.startLine
  }
  /** The source text of the whole expression. */
  get text(): string {
    return this.file.source.substring(this.start, this.end)
  }
  /** The expressions that this one directly holds, in the order of the text. */
  children(): readonly Expression[] {
    return this.held
  }
}

/** `:ok`, `nil`, `true`, a keyword key, a quoted atom without interpolation. `value` has no colon. */
export class Atom extends Term {
  readonly kind = 'atom' as const
  readonly value: string
  constructor(file: Text, start: number, end: number, value: string) {
    super(file, start, end)
    this.value = value
  }
}

/** An alias, resolved: `Sup` under `alias MyApp.Sup` has the name `MyApp.Sup`; `__MODULE__` has the enclosing module's. */
export class ModuleName extends Term {
  readonly kind = 'module' as const
  readonly name: string
  constructor(file: Text, start: number, end: number, name: string) {
    super(file, start, end)
    this.name = name
  }
}

/** `value` is NaN where the text is no plain number. Characters (`?a`) count as integers. */
export class Numeral extends Term {
  readonly kind = 'number' as const
  readonly value: number
  constructor(file: Text, start: number, end: number, value: number) {
    super(file, start, end)
    this.value = value
  }
}

/** A string, charlist, heredoc or sigil. `value` is null where it is interpolated. */
export class Literal extends Term {
  readonly kind = 'text' as const
  readonly form: 'string' | 'charlist' | 'sigil'
  /** The sigil's name (`w`, `H`), '' for others. */
  readonly sigil: string
  readonly value: string | null
  readonly parts: readonly Expression[]
  constructor(
    file: Text,
    start: number,
    end: number,
    form: 'string' | 'charlist' | 'sigil',
    sigil: string,
    value: string | null,
    parts: readonly Expression[],
  ) {
    super(file, start, end, parts)
    this.form = form
    this.sigil = sigil
    this.value = value
    this.parts = parts
  }
}

/** `:"room_#{id}"`: an atom made at run time. `parts` are the interpolated expressions. */
export class DynamicAtom extends Term {
  readonly kind = 'dynamic-atom' as const
  readonly parts: readonly Expression[]
  constructor(file: Text, start: number, end: number, parts: readonly Expression[]) {
    super(file, start, end, parts)
    this.parts = parts
  }
}

/** `[a, b | tail]`; keyword lists hold pairs. The keywords that end a call's arguments are such a list too. */
export class List extends Term {
  readonly kind = 'list' as const
  readonly elements: readonly Expression[]
  readonly tail: Expression | null
  constructor(file: Text, start: number, end: number, elements: readonly Expression[], tail: Expression | null) {
    super(file, start, end, tail === null ? elements : [...elements, tail])
    this.elements = elements
    this.tail = tail
  }
  /** The value under a literal atom key; undefined where it is not written here. */
  get(key: string): Expression | undefined {
    return this.pair(key)?.value
  }
  pair(key: string): Pair | undefined {
    for (const element of this.elements) {
      if (element.kind === 'pair' && element.key.kind === 'atom' && element.key.value === key) return element
      // `{:key, value}` is the same thing spelt out.
      if (element.kind === 'tuple' && element.elements.length === 2) {
        const [name, value] = element.elements as [Expression, Expression]
        if (name.kind !== 'atom' || name.value !== key) continue
        const pair = new Pair(element.file, element.start, element.end, name, value)
        for (const part of element.elements) part.parent = element
        return pair
      }
    }
    return undefined
  }
  /** Whether a bare atom stands in the list, as `:named_table` in the options of an ETS table. */
  has(atom: string): boolean {
    return this.elements.some((element) => element.kind === 'atom' && element.value === atom)
  }
}

export class Tuple extends Term {
  readonly kind = 'tuple' as const
  readonly elements: readonly Expression[]
  constructor(file: Text, start: number, end: number, elements: readonly Expression[]) {
    super(file, start, end, elements)
    this.elements = elements
  }
}

/** `key: value` or `key => value`. */
export class Pair extends Term {
  readonly kind = 'pair' as const
  readonly key: Expression
  readonly value: Expression
  constructor(file: Text, start: number, end: number, key: Expression, value: Expression) {
    super(file, start, end, [key, value])
    this.key = key
    this.value = value
  }
}

/** `%{}`, `%Struct{}`, `%{map | key: value}`. */
export class MapTerm extends Term {
  readonly kind = 'map' as const
  /** Resolved struct name; null for plain maps and for structs named by a variable. */
  readonly struct: string | null
  readonly isStruct: boolean
  /** What is updated, in `%{updated | ...}`. */
  readonly updated: Expression | null
  readonly entries: readonly Expression[]
  constructor(
    file: Text,
    start: number,
    end: number,
    struct: string | null,
    isStruct: boolean,
    updated: Expression | null,
    entries: readonly Expression[],
  ) {
    super(file, start, end, updated === null ? entries : [updated, ...entries])
    this.struct = struct
    this.isStruct = isStruct
    this.updated = updated
    this.entries = entries
  }
  get(key: string): Expression | undefined {
    for (const entry of this.entries) {
      if (entry.kind === 'pair' && entry.key.kind === 'atom' && entry.key.value === key) return entry.value
    }
    return undefined
  }
}

/** `<<...>>`. */
export class Binary extends Term {
  readonly kind = 'binary' as const
  readonly elements: readonly Expression[]
  constructor(file: Text, start: number, end: number, elements: readonly Expression[]) {
    super(file, start, end, elements)
    this.elements = elements
  }
}

/** A variable, or a name without parentheses that could be a local call; which of the two, `Clause.isBound` tells. */
export class Variable extends Term {
  readonly kind = 'variable' as const
  readonly name: string
  constructor(file: Text, start: number, end: number, name: string) {
    super(file, start, end)
    this.name = name
  }
}

/** `@name`, read. */
export class AttributeRead extends Term {
  readonly kind = 'attribute' as const
  readonly name: string
  constructor(file: Text, start: number, end: number, name: string) {
    super(file, start, end)
    this.name = name
  }
}

/**
 * A call, pipes folded in: `a |> f(b)` is `f(a, b)`. Control structures and definitions have kinds of their own.
 * `apply/3` with a literal module, function and list is the call that it makes.
 */
export class Call extends Term {
  readonly kind = 'call' as const
  /**
   * Resolved: `GenServer.call`, `:ets.insert`, `Kernel.send`; a bare name for a function of the same module (also for
   * `__MODULE__.name`), and for a name that nothing known defines; '' where the module or function is computed.
   */
  get callee(): string {
    this.fullName ??= this.receiver !== null ? '' : this.module === null ? this.name : `${this.module}.${this.name}`
    return this.fullName
  }
  private fullName: string | undefined
  /** Module part of the callee: `GenServer`, `:ets`; null for local and computed calls. */
  readonly module: string | null
  readonly name: string
  readonly args: readonly Expression[]
  /** The computed module or function value: `mod` in `mod.run(x)`, `fun` in `fun.(x)`. */
  readonly receiver: Expression | null
  /** The body of a `do` block given to the call, null for most. */
  readonly block: Expression | null
  readonly isPiped: boolean
  /** Offset at which the called name starts (`Task` in `x |> Task.async()`): the place of a comment on this call. */
  readonly nameStart: number
  constructor(
    file: Text,
    start: number,
    end: number,
    module: string | null,
    name: string,
    args: readonly Expression[],
    receiver: Expression | null,
    block: Expression | null,
    isPiped: boolean,
    nameStart: number,
  ) {
    super(
      file,
      start,
      end,
      receiver === null && block === null ? args : [receiver, ...args, block].filter((child) => child !== null),
    )
    this.module = module
    this.name = name
    this.args = args
    this.receiver = receiver
    this.block = block
    this.isPiped = isPiped
    this.nameStart = nameStart
  }
  get arity(): number {
    return this.args.length
  }
  /** From the called name to the end: a pipeline's earlier steps are left out. */
  get at(): Range {
    return this.file.rangeOf(this.nameStart, this.end)
  }
  /** Whether it names a function of the enclosing module (which may still not define it). */
  get isLocal(): boolean {
    return this.module === null && this.receiver === null
  }
}

/** `subject.field` without parentheses on a value. */
export class FieldAccess extends Term {
  readonly kind = 'field' as const
  readonly subject: Expression
  readonly field: string
  constructor(file: Text, start: number, end: number, subject: Expression, field: string) {
    super(file, start, end, [subject])
    this.subject = subject
    this.field = field
  }
}

/** `subject[key]`. */
export class KeyAccess extends Term {
  readonly kind = 'access' as const
  readonly subject: Expression
  readonly key: Expression
  constructor(file: Text, start: number, end: number, subject: Expression, key: Expression) {
    super(file, start, end, [subject, key])
    this.subject = subject
    this.key = key
  }
}

/** Any operator but those with a kind of their own. Unary ones have one operand. */
export class Operator extends Term {
  readonly kind = 'operator' as const
  readonly operator: string
  readonly operands: readonly Expression[]
  constructor(file: Text, start: number, end: number, operator: string, operands: readonly Expression[]) {
    super(file, start, end, operands)
    this.operator = operator
    this.operands = operands
  }
}

/** `pattern = value`, in bodies and in patterns. */
export class Match extends Term {
  readonly kind = 'match' as const
  readonly pattern: Expression
  readonly value: Expression
  constructor(file: Text, start: number, end: number, pattern: Expression, value: Expression) {
    super(file, start, end, [pattern, value])
    this.pattern = pattern
    this.value = value
  }
}

/** One `patterns when guard -> body` of a fn, case, receive, rescue and so on. */
export class Branch extends Term {
  readonly kind = 'branch' as const
  readonly patterns: readonly Expression[]
  readonly guard: Expression | null
  readonly body: Expression
  constructor(
    file: Text,
    start: number,
    end: number,
    patterns: readonly Expression[],
    guard: Expression | null,
    body: Expression,
  ) {
    super(file, start, end, guard === null ? [...patterns, body] : [...patterns, guard, body])
    this.patterns = patterns
    this.guard = guard
    this.body = body
  }
}

/** `fn ... -> ... end`. */
export class Fn extends Term {
  readonly kind = 'fn' as const
  readonly branches: readonly Branch[]
  constructor(file: Text, start: number, end: number, branches: readonly Branch[]) {
    super(file, start, end, branches)
    this.branches = branches
  }
}

/** `&Mod.fun/2`, `&fun/1` (then `function` is set) or `&(&1 + 1)` (then `body` is). */
export class Capture extends Term {
  readonly kind = 'capture' as const
  /** `module` is null for a function of the enclosing module. */
  readonly function: { module: string | null; name: string; arity: number; isQualified: boolean } | null
  readonly body: Expression | null
  constructor(
    file: Text,
    start: number,
    end: number,
    fun: { module: string | null; name: string; arity: number; isQualified: boolean } | null,
    body: Expression | null,
  ) {
    super(file, start, end, body === null ? [] : [body])
    this.function = fun
    this.body = body
  }
}

/** `&1`. */
export class CaptureArgument extends Term {
  readonly kind = 'capture-argument' as const
  readonly position: number
  constructor(file: Text, start: number, end: number, position: number) {
    super(file, start, end)
    this.position = position
  }
}

/** Statements in order; the last one is the value. Never has exactly one statement. */
export class Block extends Term {
  readonly kind = 'block' as const
  readonly statements: readonly Expression[]
  constructor(file: Text, start: number, end: number, statements: readonly Expression[]) {
    super(file, start, end, statements)
    this.statements = statements
  }
}

export class If extends Term {
  readonly kind = 'if' as const
  readonly isUnless: boolean
  readonly condition: Expression
  readonly then: Expression | null
  readonly otherwise: Expression | null
  constructor(
    file: Text,
    start: number,
    end: number,
    isUnless: boolean,
    condition: Expression,
    then: Expression | null,
    otherwise: Expression | null,
  ) {
    super(
      file,
      start,
      end,
      [condition, then, otherwise].filter((child) => child !== null),
    )
    this.isUnless = isUnless
    this.condition = condition
    this.then = then
    this.otherwise = otherwise
  }
}

export class Case extends Term {
  readonly kind = 'case' as const
  readonly subject: Expression
  readonly branches: readonly Branch[]
  constructor(file: Text, start: number, end: number, subject: Expression, branches: readonly Branch[]) {
    super(file, start, end, [subject, ...branches])
    this.subject = subject
    this.branches = branches
  }
}

export class Cond extends Term {
  readonly kind = 'cond' as const
  /** Each has one pattern: the condition. */
  readonly branches: readonly Branch[]
  constructor(file: Text, start: number, end: number, branches: readonly Branch[]) {
    super(file, start, end, branches)
    this.branches = branches
  }
}

/** `pattern <- value` in `with` and `for`: the pattern draws from the value. */
export class Draw extends Term {
  readonly kind = 'draw' as const
  readonly pattern: Expression
  readonly guard: Expression | null
  readonly value: Expression
  constructor(
    file: Text,
    start: number,
    end: number,
    pattern: Expression,
    guard: Expression | null,
    value: Expression,
  ) {
    super(file, start, end, guard === null ? [pattern, value] : [pattern, guard, value])
    this.pattern = pattern
    this.guard = guard
    this.value = value
  }
}

export class With extends Term {
  readonly kind = 'with' as const
  /** Draws, matches and plain expressions. */
  readonly steps: readonly Expression[]
  readonly body: Expression | null
  /** Empty where there is no `else`. */
  readonly elseBranches: readonly Branch[]
  constructor(
    file: Text,
    start: number,
    end: number,
    steps: readonly Expression[],
    body: Expression | null,
    elseBranches: readonly Branch[],
  ) {
    super(file, start, end, body === null ? [...steps, ...elseBranches] : [...steps, body, ...elseBranches])
    this.steps = steps
    this.body = body
    this.elseBranches = elseBranches
  }
}

export class For extends Term {
  readonly kind = 'for' as const
  /** Draws and filters. */
  readonly steps: readonly Expression[]
  /** `into:`, `reduce:`, `uniq:`. */
  readonly options: List | null
  readonly body: Expression | null
  constructor(
    file: Text,
    start: number,
    end: number,
    steps: readonly Expression[],
    options: List | null,
    body: Expression | null,
  ) {
    super(
      file,
      start,
      end,
      [...steps, options, body].filter((child) => child !== null),
    )
    this.steps = steps
    this.options = options
    this.body = body
  }
}

/** `try`, and the body of a function that has `rescue`, `catch`, `else` or `after` of its own. */
export class Try extends Term {
  readonly kind = 'try' as const
  readonly body: Expression | null
  readonly rescues: readonly Branch[]
  readonly catches: readonly Branch[]
  readonly elses: readonly Branch[]
  readonly after: Expression | null
  constructor(
    file: Text,
    start: number,
    end: number,
    body: Expression | null,
    rescues: readonly Branch[],
    catches: readonly Branch[],
    elses: readonly Branch[],
    after: Expression | null,
  ) {
    super(
      file,
      start,
      end,
      [body, ...rescues, ...catches, ...elses, after].filter((child) => child !== null),
    )
    this.body = body
    this.rescues = rescues
    this.catches = catches
    this.elses = elses
    this.after = after
  }
}

export class Receive extends Term {
  readonly kind = 'receive' as const
  readonly branches: readonly Branch[]
  /** `after timeout -> body`. */
  readonly after: Branch | null
  constructor(file: Text, start: number, end: number, branches: readonly Branch[], after: Branch | null) {
    super(file, start, end, after === null ? branches : [...branches, after])
    this.branches = branches
    this.after = after
  }
}

/**
 * Code that is not run where it stands, or cannot be read: `quote`, nested definitions, syntax errors, nesting beyond
 * the limit. It has no children, so no rule sees into it.
 */
export class Opaque extends Term {
  readonly kind = 'opaque' as const
  readonly reason: 'compile-time' | 'error' | 'too deep'
  constructor(file: Text, start: number, end: number, reason: 'compile-time' | 'error' | 'too deep') {
    super(file, start, end)
    this.reason = reason
  }
}

export type Expression =
  | Atom
  | ModuleName
  | Numeral
  | Literal
  | DynamicAtom
  | List
  | Tuple
  | Pair
  | MapTerm
  | Binary
  | Variable
  | AttributeRead
  | Call
  | FieldAccess
  | KeyAccess
  | Operator
  | Match
  | Branch
  | Fn
  | Capture
  | CaptureArgument
  | Block
  | If
  | Case
  | Cond
  | Draw
  | With
  | For
  | Try
  | Receive
  | Opaque

/** The expression and all below it, outermost first. Nothing inside `Opaque` is seen. */
export function walk(root: Expression): readonly Expression[] {
  root.file.deadline.tick()
  const all: Expression[] = []
  const stack: Expression[] = [root]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    all.push(next)
    const children = next.children()
    for (let index = children.length - 1; index >= 0; index--) stack.push(children[index]!)
  }
  return all
}

/** The expressions that hold this one, innermost first. */
export function* ancestors(expression: Expression): Generator<Expression> {
  for (let up = expression.parent; up !== null; up = up.parent) yield up
}

/**
 * The same text for the same code: no white space, comments, parentheses, or difference between a pipe and a nested
 * call, `do:` and a `do` block. Aliases stand in full. It is what fingerprints are made of.
 */
export function canonical(expression: Expression): string {
  expression.file.deadline.tick()
  const all = (some: readonly (Expression | null)[]): string =>
    some.map((each) => (each === null ? '-' : canonical(each))).join(' ')
  const { kind } = expression
  switch (kind) {
    case 'atom':
      return `:${expression.value}`
    case 'module':
      return expression.name
    case 'number':
      return expression.text.replaceAll('_', '')
    case 'text':
      return `${expression.sigil === '' ? '' : `~${expression.sigil}`}${JSON.stringify(expression.value ?? expression.text)}`
    case 'variable':
      return expression.name
    case 'attribute':
      return `@${expression.name}`
    case 'capture-argument':
      return `&${expression.position}`
    case 'call': {
      const called =
        expression.receiver === null ? expression.callee : `${canonical(expression.receiver)}.${expression.name}`
      return `(${[called, ...expression.args.map(canonical)].join(' ')}${expression.block === null ? '' : ` do ${canonical(expression.block)}`})`
    }
    case 'field':
      return `${canonical(expression.subject)}.${expression.field}`
    case 'operator':
      return `(${expression.operator} ${all(expression.operands)})`
    case 'list':
      return `[${all(expression.elements)}${expression.tail === null ? '' : `|${canonical(expression.tail)}`}]`
    case 'map':
      return `%${expression.struct ?? ''}{${expression.updated === null ? '' : `${canonical(expression.updated)}|`}${all(expression.entries)}}`
    case 'capture': {
      const { function: fun } = expression
      return fun === null ? `&(${all([expression.body])})` : `&${fun.module ?? ''}.${fun.name}/${fun.arity}`
    }
    case 'block':
      return `(${expression.statements.map(canonical).join(';')})`
    case 'if':
      return `(${expression.isUnless ? 'unless' : 'if'} ${all([expression.condition, expression.then, expression.otherwise])})`
    case 'branch':
      return `(${all(expression.patterns)} when ${all([expression.guard])} -> ${canonical(expression.body)})`
    case 'with':
      return `(with ${all(expression.steps)} do ${all([expression.body])} else ${all(expression.elseBranches)})`
    case 'for':
      return `(for ${all(expression.steps)} ${all([expression.options])} do ${all([expression.body])})`
    case 'try': {
      const { body, rescues, catches, elses, after } = expression
      return `(try ${all([body])} rescue ${all(rescues)} catch ${all(catches)} else ${all(elses)} after ${all([after])})`
    }
    case 'receive':
      return `(receive ${all(expression.branches)} after ${all([expression.after])})`
    case 'opaque':
      // What is too deep to be read can be as large as the file, and below every step of a long chain.
      return expression.reason === 'too deep' ? '...' : expression.text.replaceAll(/\s+/g, ' ')
    default:
      return `(${kind} ${all(expression.children())})`
  }
}
