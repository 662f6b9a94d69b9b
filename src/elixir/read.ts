// Syntax nodes to expressions: resolves names, folds pipes, and gives control structures their own shape.
import {
  Atom,
  AttributeRead,
  Binary,
  Block,
  Branch,
  Call,
  Capture,
  CaptureArgument,
  Case,
  Cond,
  Draw,
  DynamicAtom,
  type Expression,
  FieldAccess,
  Fn,
  For,
  If,
  KeyAccess,
  List,
  Literal,
  MapTerm,
  Match,
  ModuleName,
  Numeral,
  Opaque,
  Operator,
  Pair,
  Receive,
  Try,
  Tuple,
  Variable,
  With,
} from './expression.ts'
import type { SourceFile } from './file.ts'
import type { Scope } from './scope.ts'
import type { SyntaxTree } from './tree.ts'

/** Nesting beyond this is left unread: it is no code that people write, and it would exhaust the call stack. */
const MAX_DEPTH = 500

/** The largest arity of a function. */
const MAX_ARITY = 255

const DEFINITIONS = new Set([
  'def',
  'defp',
  'defmacro',
  'defmacrop',
  'defmodule',
  'defimpl',
  'defprotocol',
  'defguard',
  'defguardp',
  'defdelegate',
  'defstruct',
  'defexception',
  'defoverridable',
])

/** The names that mean more than a call. */
const CONTROLS = new Set([
  ...DEFINITIONS,
  'quote',
  'unquote',
  'unquote_splicing',
  'if',
  'unless',
  'case',
  'cond',
  'with',
  'for',
  'try',
  'receive',
])

/** The sections of a `do` block, whichever way it is written. */
interface Sections {
  do: number[] | null
  else: number[] | null
  rescue: number[] | null
  catch: number[] | null
  after: number[] | null
}

/** Reads expressions out of one tree. Each method takes the scope at its node. */
export class Reader {
  readonly tree: SyntaxTree
  private readonly file: SourceFile

  constructor(tree: SyntaxTree, file: SourceFile) {
    this.tree = tree
    this.file = file
  }

  /** Statements in order, each seeing the aliases and imports before it. One stands for itself, none is an empty block at `at`. */
  statements(nodes: readonly number[], scope: Scope, at: number, depth = 0): Expression {
    const [first] = nodes
    if (first === undefined) return new Block(this.file, at, at, [])
    const read: Expression[] = []
    let current = scope
    for (const node of nodes) {
      const next = this.declare(node, current, depth)
      if (next !== null) {
        current = next
        read.push(this.opaque(node, 'compile-time'))
        continue
      }
      read.push(this.expression(node, current, depth))
    }
    if (read.length === 1) return read[0]!
    return new Block(this.file, this.tree.start(first), this.tree.end(nodes.at(-1)!), read)
  }

  /** The scope after an `alias`, `import` or `require`; null where the node is none. */
  declare(node: number, scope: Scope, depth = 0): Scope | null {
    const { tree } = this
    if (tree.kind(node) !== 'call') return null
    const target = tree.first(node)
    if (target < 0 || tree.kind(target) !== 'identifier') return null
    const name = tree.text(target)
    if (name !== 'alias' && name !== 'import' && name !== 'require') return null
    const args = tree.next(target)
    if (args < 0 || tree.kind(args) !== 'arguments') return null
    const [subject, keywords] = tree.children(args)
    if (subject === undefined) return null
    const modules = this.moduleNames(subject, scope)
    if (modules === null) return scope
    const given = keywords === undefined ? null : this.expression(keywords, scope, depth)
    const options = given?.kind === 'list' ? given : null

    if (name === 'import') {
      const only = arities(options?.get('only'))
      const except = arities(options?.get('except'))
      return modules.reduce((imported, module) => imported.withImport(module, only, except), scope)
    }
    const as = options?.get('as')
    if (as?.kind === 'module') return scope.withAlias(tree.source.substring(as.start, as.end), modules[0]!)
    if (name === 'require') return scope
    return modules
      .filter((module) => !module.startsWith(':'))
      .reduce((aliased, module) => aliased.withAlias(lastSegment(module), module), scope)
  }

  /** The module that a node names: an alias, `__MODULE__`, `__MODULE__.X`, or an Erlang module (`:ets`). */
  moduleName(node: number, scope: Scope): string | null {
    const { tree } = this
    let suffix = ''
    let at = node
    for (;;) {
      switch (tree.kind(at)) {
        case 'alias':
          return scope.resolve(this.aliasText(at)) + suffix
        case 'atom': {
          const text = tree.text(at)
          return (text.startsWith(':Elixir.') ? text.slice(':Elixir.'.length) : text) + suffix
        }
        case 'identifier':
          return tree.text(at) === '__MODULE__' && scope.module !== null ? scope.module + suffix : null
        case 'dot': {
          const left = tree.first(at)
          const right = left < 0 ? -1 : tree.next(left)
          if (right < 0 || tree.kind(right) !== 'alias') return null
          suffix = `.${this.aliasText(right)}${suffix}`
          at = left
          break
        }
        default:
          return null
      }
    }
  }

  /** All modules that a node names, `A.{B, C}` included; null where it names none. */
  moduleNames(node: number, scope: Scope): string[] | null {
    const { tree } = this
    const [left, right] = tree.kind(node) === 'dot' ? tree.children(node) : []
    if (left === undefined || right === undefined || tree.kind(right) !== 'tuple') {
      const module = this.moduleName(node, scope)
      return module === null ? null : [module]
    }
    const prefix = this.moduleName(left, scope)
    if (prefix === null) return null
    const suffixes = tree.children(right).filter((element) => tree.kind(element) === 'alias')
    return suffixes.map((suffix) => `${prefix}.${this.aliasText(suffix)}`)
  }

  /** `Foo.\n  Bar` is one alias. */
  private aliasText(node: number): string {
    return this.tree.text(node).replaceAll(/\s/g, '')
  }

  private opaque(node: number, reason: Opaque['reason']): Opaque {
    return new Opaque(this.file, this.tree.start(node), this.tree.end(node), reason)
  }

  expression(node: number, scope: Scope, depth = 0): Expression {
    this.file.deadline.tick()
    if (depth > MAX_DEPTH) {
      this.file.isTooDeep = true
      return this.opaque(node, 'too deep')
    }
    return this.read(node, scope, depth + 1)
  }

  private read(node: number, scope: Scope, depth: number): Expression {
    const { tree, file } = this
    const start = tree.start(node)
    const end = tree.end(node)
    switch (tree.kind(node)) {
      case 'call':
        return this.call(node, null, scope, depth)
      case 'identifier': {
        const name = tree.text(node)
        if (name === '__MODULE__' && scope.module !== null) return new ModuleName(file, start, end, scope.module)
        // Where a bracket is missing the parser takes an `end` for a name.
        return name === 'end' ? this.opaque(node, 'error') : new Variable(file, start, end, name)
      }
      case 'alias':
        return new ModuleName(file, start, end, scope.resolve(this.aliasText(node)))
      case 'atom':
        return new Atom(file, start, end, tree.text(node).slice(1))
      case 'boolean':
      case 'nil':
        return new Atom(file, start, end, tree.text(node))
      case 'keyword':
        return new Atom(file, start, end, tree.text(node).trimEnd().slice(0, -1))
      case 'quoted_keyword':
      case 'quoted_atom': {
        const { value, parts } = this.quoted(node, scope, depth)
        return value === null ? new DynamicAtom(file, start, end, parts) : new Atom(file, start, end, value)
      }
      case 'integer':
      case 'float':
        return new Numeral(file, start, end, Number(tree.text(node).replaceAll('_', '')))
      case 'char':
        return new Numeral(file, start, end, tree.text(node).codePointAt(1) ?? Number.NaN)
      case 'string':
      case 'charlist': {
        const { value, parts } = this.quoted(node, scope, depth)
        return new Literal(file, start, end, tree.kind(node) as 'string' | 'charlist', '', value, parts)
      }
      case 'sigil': {
        const { value, parts } = this.quoted(node, scope, depth)
        const name = tree.children(node).find((child) => tree.kind(child) === 'sigil_name')
        return new Literal(file, start, end, 'sigil', name === undefined ? '' : tree.text(name), value, parts)
      }
      case 'list': {
        const { elements, tail } = this.elements(tree.children(node), scope, depth)
        return new List(file, start, end, elements, tail)
      }
      case 'keywords':
        return new List(file, start, end, this.elements([node], scope, depth).elements, null)
      case 'tuple':
        return new Tuple(file, start, end, this.below(node, scope, depth))
      case 'bitstring':
        return new Binary(file, start, end, this.below(node, scope, depth))
      case 'pair': {
        const [key, value] = this.below(node, scope, depth)
        if (key === undefined || value === undefined) return new Opaque(file, start, end, 'error')
        return new Pair(file, start, end, key, value)
      }
      case 'map':
        return this.map(node, scope, depth)
      case 'dot': {
        const name = this.moduleName(node, scope)
        if (name !== null) return new ModuleName(file, start, end, name)
        return new Opaque(file, start, end, 'compile-time')
      }
      case 'access_call': {
        const [subject, key] = this.below(node, scope, depth)
        if (subject === undefined || key === undefined) return new Opaque(file, start, end, 'error')
        return new KeyAccess(file, start, end, subject, key)
      }
      case 'anonymous_function':
        return new Fn(file, start, end, this.branches(tree.children(node), scope, depth))
      case 'binary_operator':
        return this.binary(node, scope, depth)
      case 'unary_operator':
        return this.unary(node, scope, depth)
      case 'block':
      case 'body':
      case 'do_block':
      case 'source':
        return this.statements(tree.children(node), scope, end, depth)
      default:
        return new Opaque(file, start, end, tree.kind(node) === 'ERROR' ? 'error' : 'compile-time')
    }
  }

  /** The expressions of a node's children. */
  private below(node: number, scope: Scope, depth: number): Expression[] {
    const { tree } = this
    const read: Expression[] = []
    for (let child = tree.first(node); child >= 0; child = tree.next(child)) {
      read.push(this.expression(child, scope, depth))
    }
    return read
  }

  private elements(
    nodes: readonly number[],
    scope: Scope,
    depth: number,
  ): { elements: Expression[]; tail: Expression | null } {
    const elements: Expression[] = []
    let tail: Expression | null = null
    for (const node of nodes) {
      if (this.tree.kind(node) === 'keywords') {
        for (const pair of this.tree.children(node)) elements.push(this.expression(pair, scope, depth))
      } else if (this.tree.kind(node) === 'binary_operator' && this.tree.operator(node) === '|') {
        const [head, rest] = this.tree.children(node)
        if (head !== undefined) elements.push(this.expression(head, scope, depth))
        if (rest !== undefined) tail = this.expression(rest, scope, depth)
      } else {
        elements.push(this.expression(node, scope, depth))
      }
    }
    return { elements, tail }
  }

  private quoted(node: number, scope: Scope, depth: number): { value: string | null; parts: Expression[] } {
    const { tree } = this
    const parts: Expression[] = []
    let text = ''
    for (const child of tree.children(node)) {
      const kind = tree.kind(child)
      if (kind === 'quoted_content' || kind === 'escape_sequence') text += tree.text(child)
      if (kind !== 'interpolation') continue
      parts.push(this.statements(tree.children(child), scope, tree.end(child), depth))
    }
    return { value: parts.length > 0 ? null : text, parts }
  }

  private map(node: number, scope: Scope, depth: number): Expression {
    const { tree, file } = this
    let struct: string | null = null
    let isStruct = false
    let updated: Expression | null = null
    const entries: Expression[] = []
    const add = (child: number): void => {
      const kind = tree.kind(child)
      if (kind === 'keywords')
        for (const pair of tree.children(child)) entries.push(this.expression(pair, scope, depth))
      else if (kind === 'binary_operator' && tree.operator(child) === '|') {
        const [subject, ...rest] = tree.children(child)
        if (subject !== undefined) updated = this.expression(subject, scope, depth)
        for (const each of rest) add(each)
      } else entries.push(this.expression(child, scope, depth))
    }
    for (const child of tree.children(node)) {
      if (tree.kind(child) === 'struct') {
        isStruct = true
        const name = tree.first(child)
        if (name >= 0) struct = this.moduleName(name, scope)
      } else if (tree.kind(child) === 'map_content') {
        for (const entry of tree.children(child)) add(entry)
      } else add(child)
    }
    return new MapTerm(file, tree.start(node), tree.end(node), struct, isStruct, updated, entries)
  }

  private binary(node: number, scope: Scope, depth: number): Expression {
    const { tree, file } = this
    const start = tree.start(node)
    const end = tree.end(node)
    const left = tree.first(node)
    const right = left < 0 ? -1 : tree.next(left)
    if (right < 0) return new Opaque(file, start, end, 'error')
    const operator = tree.operator(node)
    if (operator === '|>') return this.pipe(left, right, node, scope, depth)
    const a = this.expression(left, scope, depth)
    const b = this.expression(right, scope, depth)
    if (operator === '=') return new Match(file, start, end, a, b)
    if (operator === '=>') return new Pair(file, start, end, a, b)
    if (operator === '<-') {
      if (a.kind === 'operator' && a.operator === 'when')
        return new Draw(file, start, end, a.operands[0]!, a.operands[1]!, b)
      return new Draw(file, start, end, a, null, b)
    }
    return new Operator(file, start, end, operator, [a, b])
  }

  private pipe(left: number, right: number, node: number, scope: Scope, depth: number): Expression {
    const { tree, file } = this
    const start = tree.start(node)
    const end = tree.end(node)
    const first = this.expression(left, scope, depth)
    if (tree.kind(right) === 'call') return this.call(right, { first, start }, scope, depth)
    if (tree.kind(right) === 'identifier') {
      const name = tree.text(right)
      return new Call(file, start, end, scope.moduleOf(name, 1), name, [first], null, null, true, tree.start(right))
    }
    return new Operator(file, start, end, '|>', [first, this.expression(right, scope, depth)])
  }

  private unary(node: number, scope: Scope, depth: number): Expression {
    const { tree, file } = this
    const start = tree.start(node)
    const end = tree.end(node)
    const operand = tree.first(node)
    if (operand < 0) return new Opaque(file, start, end, 'error')
    const operator = tree.operator(node)
    if (operator === '@') {
      if (tree.kind(operand) === 'identifier') return new AttributeRead(file, start, end, tree.text(operand))
      return new Opaque(file, start, end, 'compile-time')
    }
    if (operator === '&') return this.capture(operand, start, end, scope, depth)
    const inner = this.expression(operand, scope, depth)
    if (operator === '-' && inner.kind === 'number') return new Numeral(file, start, end, -inner.value)
    return new Operator(file, start, end, operator, [inner])
  }

  private capture(operand: number, start: number, end: number, scope: Scope, depth: number): Expression {
    const { tree, file } = this
    if (tree.kind(operand) === 'integer') return new CaptureArgument(file, start, end, Number(tree.text(operand)))
    if (tree.kind(operand) === 'binary_operator' && tree.operator(operand) === '/') {
      const [target, arity] = tree.children(operand)
      if (target !== undefined && arity !== undefined && tree.kind(arity) === 'integer') {
        const named = this.captureByName(target, Number(tree.text(arity)), start, end, scope, depth)
        if (named !== null) return named
      }
    }
    return new Capture(file, start, end, null, this.expression(operand, scope, depth))
  }

  /** `&fun/1`, `&Mod.fun/1`, and `&mod.fun/1`, which is `&(mod.fun(&1))`; null for a division. */
  private captureByName(
    target: number,
    arity: number,
    start: number,
    end: number,
    scope: Scope,
    depth: number,
  ): Expression | null {
    const { tree, file } = this
    const kind = tree.kind(target)
    if (kind === 'identifier' || kind === 'operator_identifier') {
      const name = tree.text(target)
      const fun = { module: scope.moduleOf(name, arity), name, arity, isQualified: false }
      return new Capture(file, start, end, fun, null)
    }
    const dot = kind === 'call' ? tree.first(target) : target
    if (tree.kind(dot) !== 'dot' || (kind === 'call' && tree.next(dot) >= 0)) return null
    const [left, right] = tree.children(dot)
    if (left === undefined || right === undefined) return null
    const name = unquote(tree.text(right))
    const module = this.moduleName(left, scope)
    if (module !== null) {
      const owner = module === scope.module ? null : module
      return new Capture(file, start, end, { module: owner, name, arity, isQualified: true }, null)
    }
    if (arity > MAX_ARITY) return null
    const args = Array.from({ length: arity }, (_, index) => new CaptureArgument(file, end, end, index + 1))
    const subject = this.expression(left, scope, depth)
    const called = new Call(file, tree.start(target), end, null, name, args, subject, null, false, tree.start(target))
    return new Capture(file, start, end, null, called)
  }

  private call(
    node: number,
    pipe: { first: Expression; start: number } | null,
    scope: Scope,
    depth: number,
  ): Expression {
    const { tree, file } = this
    const start = pipe?.start ?? tree.start(node)
    const end = tree.end(node)
    const target = tree.first(node)
    if (target < 0) return new Opaque(file, start, end, 'error')
    let argumentsNode: number | undefined
    let blockNode: number | undefined
    for (let child = tree.next(target); child >= 0; child = tree.next(child)) {
      if (tree.kind(child) === 'arguments') argumentsNode ??= child
      else if (tree.kind(child) === 'do_block') blockNode ??= child
    }
    const argNodes = argumentsNode === undefined ? [] : tree.children(argumentsNode)
    const targetKind = tree.kind(target)

    if (targetKind === 'identifier') {
      const name = tree.text(target)
      const control = this.control(name, argNodes, blockNode, pipe, start, end, scope, depth)
      if (control !== null) return control
      const args = this.args(argNodes, pipe, scope, depth)
      const block = this.block(blockNode, scope, depth)
      if (name === 'apply' && scope.moduleOf('apply', args.length) === 'Kernel') {
        const applied = this.applied(args, start, end, scope, tree.start(target), pipe !== null)
        if (applied !== null) return applied
      }
      return new Call(
        file,
        start,
        end,
        scope.moduleOf(name, args.length),
        name,
        args,
        null,
        block,
        pipe !== null,
        tree.start(target),
      )
    }

    if (targetKind === 'dot') {
      const left = tree.first(target)
      const right = left < 0 ? -1 : tree.next(left)
      const args = this.args(argNodes, pipe, scope, depth)
      const block = this.block(blockNode, scope, depth)
      if (left < 0) return new Opaque(file, start, end, 'error')
      if (right < 0) {
        const fun = this.expression(left, scope, depth)
        return new Call(file, start, end, null, '', args, fun, block, pipe !== null, tree.start(target))
      }
      const name = unquote(tree.text(right))
      const module = this.moduleName(left, scope)
      if (module !== null) {
        if (module === ':erlang' && name === 'apply') {
          const applied = this.applied(args, start, end, scope, tree.start(target), pipe !== null)
          if (applied !== null) return applied
        }
        const owner = module === scope.module ? null : module
        return new Call(file, start, end, owner, name, args, null, block, pipe !== null, tree.start(target))
      }
      const subject = this.expression(left, scope, depth)
      // Without an arguments child `state.pid` reads a field.
      if (argumentsNode === undefined && pipe === null && blockNode === undefined) {
        return new FieldAccess(file, start, end, subject, name)
      }
      return new Call(file, start, end, null, name, args, subject, block, pipe !== null, tree.start(target))
    }
    // `unquote(name)(...)`, `fun.()()`.
    if (targetKind === 'call' && tree.text(tree.first(target)) === 'unquote')
      return new Opaque(file, start, end, 'compile-time')
    const receiver = this.expression(target, scope, depth)
    const args = this.args(argNodes, pipe, scope, depth)
    return new Call(file, start, end, null, '', args, receiver, null, pipe !== null, tree.start(target))
  }

  private args(
    nodes: readonly number[],
    pipe: { first: Expression } | null,
    scope: Scope,
    depth: number,
  ): Expression[] {
    const args = nodes.map((node) => this.expression(node, scope, depth))
    return pipe === null ? args : [pipe.first, ...args]
  }

  /** The body of a `do` block given to an ordinary call. */
  private block(node: number | undefined, scope: Scope, depth: number): Expression | null {
    if (node === undefined) return null
    const { tree } = this
    const children = tree.children(node)
    if (children.some((child) => tree.kind(child) === 'stab_clause')) {
      return new Fn(this.file, tree.start(node), tree.end(node), this.branches(children, scope, depth))
    }
    return this.body([], node, scope, tree.start(node), tree.end(node), depth)
  }

  /**
   * The body of a definition, given by its `do` block or its keywords: a `Try` where it has `rescue` and the like of
   * its own, null where there is none.
   */
  body(
    argNodes: readonly number[],
    blockNode: number | undefined,
    scope: Scope,
    start: number,
    end: number,
    depth = 0,
  ): Expression | null {
    const sections = this.sections(argNodes, blockNode)
    const isTry = [sections.rescue, sections.catch, sections.else, sections.after].some((section) => section !== null)
    if (isTry) return this.try(sections, scope, start, end, depth)
    return sections.do === null ? null : this.statements(sections.do, scope, end, depth)
  }

  private try(sections: Sections, scope: Scope, start: number, end: number, depth: number): Try {
    const { do: body, after } = sections
    return new Try(
      this.file,
      start,
      end,
      body === null ? null : this.statements(body, scope, start, depth),
      this.branches(sections.rescue ?? [], scope, depth),
      this.branches(sections.catch ?? [], scope, depth),
      this.branches(sections.else ?? [], scope, depth),
      after === null ? null : this.statements(after, scope, end, depth),
    )
  }

  private applied(
    args: readonly Expression[],
    start: number,
    end: number,
    scope: Scope,
    nameStart: number,
    isPiped: boolean,
  ): Expression | null {
    const [module, name, list] = args
    if (args.length !== 3 || name?.kind !== 'atom' || list?.kind !== 'list' || list.tail !== null) return null
    const owner = module?.kind === 'module' ? module.name : module?.kind === 'atom' ? `:${module.value}` : null
    if (owner === null) return null
    const called = owner === scope.module ? null : owner
    return new Call(this.file, start, end, called, name.value, list.elements, null, null, isPiped, nameStart)
  }

  /** A control structure or definition; null for ordinary calls. */
  private control(
    name: string,
    argNodes: readonly number[],
    blockNode: number | undefined,
    pipe: { first: Expression; start: number } | null,
    start: number,
    end: number,
    scope: Scope,
    depth: number,
  ): Expression | null {
    const { file, tree } = this
    if (!CONTROLS.has(name)) return null
    if (DEFINITIONS.has(name)) return pipe === null ? new Opaque(file, start, end, 'compile-time') : null
    switch (name) {
      case 'quote':
      case 'unquote':
      case 'unquote_splicing':
        return new Opaque(file, start, end, 'compile-time')
    }
    const sections = this.sections(argNodes, blockNode)
    const plain = argNodes.filter((node) => tree.kind(node) !== 'keywords')
    const subjects = this.args(plain, pipe, scope, depth)
    const bodyOf = (nodes: number[] | null): Expression | null =>
      nodes === null ? null : this.statements(nodes, scope, end, depth)
    const branchesOf = (nodes: number[] | null): Branch[] => (nodes === null ? [] : this.branches(nodes, scope, depth))
    switch (name) {
      case 'if':
      case 'unless': {
        const [condition] = subjects
        if (condition === undefined) return null
        return new If(file, start, end, name === 'unless', condition, bodyOf(sections.do), bodyOf(sections.else))
      }
      case 'case': {
        const [subject] = subjects
        return subject === undefined ? null : new Case(file, start, end, subject, branchesOf(sections.do))
      }
      case 'cond':
        return new Cond(file, start, end, branchesOf(sections.do))
      case 'receive':
        return new Receive(
          file,
          start,
          end,
          branchesOf(sections.do),
          this.branches(sections.after ?? [], scope, depth)[0] ?? null,
        )
      case 'try':
        return this.try(sections, scope, start, end, depth)
      case 'with':
        return new With(file, start, end, subjects, bodyOf(sections.do), branchesOf(sections.else))
      default: {
        const keywords = argNodes.find((node) => tree.kind(node) === 'keywords')
        const options = keywords === undefined ? null : this.expression(keywords, scope, depth)
        const kept = options?.kind === 'list' ? options.elements.filter((pair) => !isSection(pair)) : []
        const list =
          kept.length === 0 || options === null ? null : new List(file, options.start, options.end, kept, null)
        const isReduce = sections.do?.some((node) => tree.kind(node) === 'stab_clause') === true
        const body = isReduce ? new Fn(file, start, end, branchesOf(sections.do)) : bodyOf(sections.do)
        return new For(file, start, end, subjects, list as List | null, body)
      }
    }
  }

  /** The sections of a call's `do` block, or of its `do:` keywords. */
  sections(argNodes: readonly number[], blockNode: number | undefined): Sections {
    const { tree } = this
    const sections: Sections = { do: null, else: null, rescue: null, catch: null, after: null }
    const keywords = argNodes.find((node) => tree.kind(node) === 'keywords')
    if (keywords !== undefined) {
      for (const pair of tree.children(keywords)) {
        const [key, value] = tree.children(pair)
        if (key === undefined || value === undefined || tree.kind(key) !== 'keyword') continue
        const name = tree.text(key).trimEnd().slice(0, -1)
        if (!(name in sections)) continue
        // `else: (pattern -> body)` keeps its branches in a block.
        const isBranches = tree.kind(value) === 'block' && tree.kind(tree.first(value)) === 'stab_clause'
        sections[name as keyof Sections] = isBranches ? tree.children(value) : [value]
      }
    }
    if (blockNode !== undefined) {
      const body: number[] = []
      for (const child of tree.children(blockNode)) {
        const kind = tree.kind(child)
        if (kind === 'else_block') sections.else = tree.children(child)
        else if (kind === 'rescue_block') sections.rescue = tree.children(child)
        else if (kind === 'catch_block') sections.catch = tree.children(child)
        else if (kind === 'after_block') sections.after = tree.children(child)
        else body.push(child)
      }
      sections.do = body
    }
    return sections
  }

  branches(nodes: readonly number[], scope: Scope, depth: number): Branch[] {
    return nodes
      .filter((node) => this.tree.kind(node) === 'stab_clause')
      .map((node) => {
        const { tree, file } = this
        const children = tree.children(node)
        const bodyNode = children.find((child) => tree.kind(child) === 'body')
        let left = children.find((child) => child !== bodyNode)
        let guard: Expression | null = null
        if (left !== undefined && tree.kind(left) === 'binary_operator' && tree.operator(left) === 'when') {
          const [patterns, condition] = tree.children(left)
          left = patterns
          if (condition !== undefined) guard = this.expression(condition, scope, depth)
        }
        const patternNodes = left === undefined ? [] : tree.kind(left) === 'arguments' ? tree.children(left) : [left]
        const patterns = patternNodes.map((pattern) => this.expression(pattern, scope, depth))
        const body =
          bodyNode === undefined
            ? new Block(file, tree.end(node), tree.end(node), [])
            : this.statements(tree.children(bodyNode), scope, tree.end(bodyNode), depth)
        return new Branch(file, tree.start(node), tree.end(node), patterns, guard, body)
      })
  }
}

function isSection(pair: Expression): boolean {
  return pair.kind === 'pair' && pair.key.kind === 'atom' && pair.key.value === 'do'
}

function lastSegment(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1) : name
}

/** `[call: 2, cast: 2]` as `call/2`, `cast/2`; null for all: nothing given, `:functions`, `:macros`. */
function arities(list: Expression | undefined): ReadonlySet<string> | null {
  if (list === undefined || list.kind === 'atom') return null
  const names = new Set<string>()
  if (list.kind !== 'list') return names
  for (const pair of list.elements) {
    if (pair.kind === 'pair' && pair.key.kind === 'atom' && pair.value.kind === 'number') {
      names.add(`${pair.key.value}/${pair.value.value}`)
    }
  }
  return names
}
