// The declarations of a file: its modules, what they use and define, and where bodies begin.
import type { SourceFile } from './file.ts'
import { Clause, FunctionFact, Module } from './module.ts'
import type { Reader } from './read.ts'
import { Scope } from './scope.ts'

/** Attributes whose values are documentation, types or marks for the compiler: nothing inside them is code. */
const SILENT_ATTRIBUTES = new Set([
  'moduledoc',
  'doc',
  'typedoc',
  'shortdoc',
  'deprecated',
  'spec',
  'type',
  'typep',
  'opaque',
  'callback',
  'macrocallback',
  'since',
  'optional_callbacks',
  'dialyzer',
  'compile',
  'derive',
  'enforce_keys',
  'external_resource',
  'after_compile',
  'after_verify',
  'on_load',
  'on_definition',
])

/** An atom has 255 characters at most, and that of a module begins with `Elixir.`: a longer name does not compile. */
const MAX_NAME = 248

/** Macros at module level that define no callback function, however unknown they are otherwise. */
const HARMLESS_MACROS = new Set([
  'require',
  'import',
  'alias',
  'use',
  'plug',
  'pipeline',
  'scope',
  'schema',
  'embedded_schema',
  'typedstruct',
  'typed_schema',
  'typed_embedded_schema',
  'field',
  'defstruct',
  'defexception',
  'defoverridable',
  'defguard',
  'defguardp',
  'attr',
  'slot',
  'on_mount',
  'embed_templates',
  'socket',
  'channel',
  'action_fallback',
  'Logger.configure',
  'Record.defrecord',
  'Record.defrecordp',
  'defrecord',
  'defrecordp',
  'rescue_from',
  'defenum',
])

/** Modules inside modules beyond this are left unread. */
const MAX_MODULE_DEPTH = 50

/** Reads all modules of a file, outermost first, into `file.modules`. */
export function readModules(file: SourceFile, reader: Reader): void {
  const { tree } = reader
  const forms = tree.children(0)
  readForms(forms, null, new Scope(null, () => false), false, 0)
  // An `end` too many closes a module before its time: what follows stands at the top of the file.
  if (tree.kind(0) === 'ERROR' || forms.some(isLeftover)) for (const module of file.modules) module.isBroken = true

  function isLeftover(node: number): boolean {
    const name = tree.kind(node) === 'call' ? tree.text(tree.first(node)) : tree.text(node)
    return name === 'def' || name === 'defp' || name === 'end'
  }

  /** Returns the scope after the last form. */
  function readForms(
    nodes: readonly number[],
    module: Module | null,
    start: Scope,
    isConditional: boolean,
    depth: number,
  ): Scope {
    if (depth > MAX_MODULE_DEPTH) {
      file.isTooDeep = true
      if (module !== null) module.hasUnknownDefinitions = true
      return start
    }
    let scope = start
    let isImpl = false
    for (const node of nodes) {
      file.deadline.tick()
      const kind = tree.kind(node)
      if (kind === 'unary_operator' && tree.operator(node) === '@') {
        if (module !== null) {
          module.isBroken ||= tree.isBroken(node)
          isImpl = readAttribute(node, module, scope) || isImpl
        }
        continue
      }
      const declared = reader.declare(node, scope)
      if (declared !== null) {
        scope = declared
        continue
      }
      const target = kind === 'call' ? tree.first(node) : -1
      const name = target >= 0 ? tree.text(target) : ''
      switch (name) {
        case 'defmodule':
        case 'defprotocol':
        case 'defimpl':
          scope = readModule(node, name, module, scope, isConditional, depth)
          break
        case 'use':
          if (module !== null) readUse(node, module, scope)
          break
        case 'def':
        case 'defp':
          if (module !== null) readDefinition(node, module, scope, name === 'def', isImpl, isConditional)
          isImpl = false
          break
        case 'defmacro':
        case 'defmacrop':
        case 'defguard':
        case 'defguardp':
          if (module !== null) {
            const head = headOf(node)
            if (head !== null) for (const id of idsOf(head)) module.macros.add(id)
          }
          isImpl = false
          break
        case 'defdelegate':
          if (module !== null) readDelegate(node, module, scope)
          isImpl = false
          break
        case 'defstruct':
        case 'defexception':
          if (module !== null) module.hasStruct = true
          break
        case 'if':
        case 'unless':
        case 'case':
        case 'for':
        case 'cond':
        case 'with':
        case 'try':
          readConditional(node, module, scope, depth)
          break
        default:
          if (module !== null) readUnknownForm(node, module, name)
      }
    }
    return scope
  }

  /** A macro of another library may define functions of any name (`deftransaction`, `plug_handler do ... end`). */
  function readUnknownForm(node: number, module: Module, name: string): void {
    module.isBroken ||= tree.isBroken(node) || tree.kind(node) === 'ERROR' || tree.text(node) === 'end'
    if (HARMLESS_MACROS.has(name)) return
    const isMacro = name.startsWith('def') || /\.def|^Code\.eval|^Module\.(?:create|eval)/.test(name)
    // `on_message :tick, fn ... end`, `handle :tick do ... end`: the code is given a name somewhere.
    const isGivenCode = /^[a-z_]\w*[!?]?$/.test(name) && takesCode(node)
    if (isMacro || isGivenCode || /\bdefp?\b|\bunquote\b/.test(tree.text(node))) module.hasUnknownDefinitions = true
  }

  function takesCode(node: number): boolean {
    return blockOf(node) !== undefined || argumentsOf(node).some((each) => tree.kind(each) === 'anonymous_function')
  }

  function argumentsOf(node: number): number[] {
    const list = tree.child(node, 'arguments')
    return list < 0 ? [] : tree.children(list)
  }

  function blockOf(node: number): number | undefined {
    const block = tree.child(node, 'do_block')
    return block < 0 ? undefined : block
  }

  function readConditional(node: number, module: Module | null, scope: Scope, depth: number): void {
    if (module !== null) module.isBroken ||= tree.isBrokenItself(node)
    const block = blockOf(node)
    if (module !== null && block !== undefined) module.isBroken ||= tree.isBrokenItself(block)
    const sections = reader.sections(argumentsOf(node), block)
    for (const section of [sections.do, sections.else, sections.rescue]) {
      if (section === null) continue
      const forms = section.flatMap((child) => {
        if (tree.kind(child) !== 'stab_clause') return [child]
        const body = tree.children(child).find((each) => tree.kind(each) === 'body')
        return body === undefined ? [] : tree.children(body)
      })
      readForms(forms, module, scope, true, depth + 1)
    }
  }

  /** Returns the scope after the module: a nested one can be called by its short name from there on. */
  function readModule(
    node: number,
    definer: 'defmodule' | 'defprotocol' | 'defimpl',
    outer: Module | null,
    scope: Scope,
    isConditional: boolean,
    depth: number,
  ): Scope {
    const [nameNode] = argumentsOf(node)
    const block = blockOf(node)
    // `defmodule unquote(name)`: its functions belong to nobody we know.
    const named = nameNode === undefined ? null : nameModule(nameNode, definer, node, outer, scope)
    if (named === null || block === undefined) {
      if (outer !== null) outer.isBroken ||= tree.isBroken(node)
      return scope
    }
    const { name, after } = named
    const module = new Module(file, name, tree.start(node), tree.end(node), definer !== 'defmodule', outer)
    module.isConditional = isConditional || outer?.isConditional === true
    module.isBroken =
      outer?.isBroken === true || tree.isBrokenItself(node) || tree.isBrokenItself(block) || name.length > MAX_NAME
    file.modules.push(module)
    const inner = after.inside(name, (id) => module.table.has(id) || module.macros.has(id))
    readForms(tree.children(block), module, inner, false, depth + 1)
    return after
  }

  function nameModule(
    node: number,
    definer: 'defmodule' | 'defprotocol' | 'defimpl',
    form: number,
    outer: Module | null,
    scope: Scope,
  ): { name: string; after: Scope } | null {
    if (definer === 'defimpl') {
      const protocol = reader.moduleName(node, scope)
      const options = argumentsOf(form)[1]
      const list = options === undefined ? null : reader.expression(options, scope)
      const target = list?.kind === 'list' ? list.get('for') : undefined
      const struct = target?.kind === 'module' ? target.name : (outer?.name ?? 'Any')
      return protocol === null ? null : { name: `${protocol}.${struct}`, after: scope }
    }
    const written = tree.text(node).replaceAll(/\s/g, '')
    if (tree.kind(node) !== 'alias' || outer === null || written.startsWith('Elixir.')) {
      const name = reader.moduleName(node, scope)
      return name === null ? null : { name, after: scope }
    }
    const head = written.split('.')[0]!
    return { name: `${outer.name}.${written}`, after: scope.withAlias(head, `${outer.name}.${head}`) }
  }

  function readUse(node: number, module: Module, scope: Scope): void {
    module.isBroken ||= tree.isBroken(node)
    const [subject, options] = argumentsOf(node)
    if (subject === undefined) return
    for (const name of reader.moduleNames(subject, scope) ?? ['']) {
      // `use unquote(module)`: anything may come of it.
      if (name === '') module.hasUnknownDefinitions = true
      else {
        module.uses.push({
          module: name,
          options: options === undefined ? null : reader.expression(options, scope),
          start: tree.start(node),
          range: file.rangeOf(tree.start(node), tree.end(node)),
        })
      }
    }
  }

  /** Returns whether it is an `@impl` that marks the next definition. */
  function readAttribute(node: number, module: Module, scope: Scope): boolean {
    const operand = tree.first(node)
    if (operand < 0 || tree.kind(operand) !== 'call') return false
    const [target, args] = tree.children(operand)
    if (target === undefined || args === undefined) return false
    const name = tree.text(target)
    const valueNode = tree.first(args)
    if (valueNode < 0) return false
    if (name === 'impl') return tree.text(valueNode) !== 'false'
    if (name === 'behaviour') {
      const behaviour = reader.moduleName(valueNode, scope)
      if (behaviour !== null) module.behaviours.push(behaviour)
      return false
    }
    if (name === 'before_compile') module.hasUnknownDefinitions = true
    if (SILENT_ATTRIBUTES.has(name)) return false
    const value = reader.expression(valueNode, scope)
    module.attributes.push({ name, value, range: file.rangeOf(tree.start(node), tree.end(node)) })
    return false
  }

  interface Head {
    name: string
    args: number[]
    guard: number | null
  }

  /** Null where the name is computed or cannot be read. */
  function headOf(node: number): Head | null {
    let [head] = argumentsOf(node)
    let guard: number | null = null
    if (head !== undefined && tree.kind(head) === 'binary_operator' && tree.operator(head) === 'when') {
      guard = tree.children(head)[1] ?? null
      head = tree.children(head)[0]
    }
    if (head === undefined) return null
    switch (tree.kind(head)) {
      case 'identifier':
        return { name: tree.text(head), args: [], guard }
      case 'call': {
        const target = tree.first(head)
        if (tree.kind(target) !== 'identifier' || tree.text(target) === 'unquote') return null
        return { name: tree.text(target), args: argumentsOf(head), guard }
      }
      case 'binary_operator':
      case 'unary_operator':
        return { name: tree.operator(head), args: tree.children(head), guard }
      default:
        return null
    }
  }

  function isDefault(node: number): boolean {
    return tree.kind(node) === 'binary_operator' && tree.operator(node) === '\\\\'
  }

  /** `name/arity` for each arity that the head defines, the largest first. */
  function idsOf({ name, args }: Head): string[] {
    if (!args.some(isDefault)) return [`${name}/${args.length}`]
    const smallest = args.length - args.filter(isDefault).length
    return Array.from({ length: args.length - smallest + 1 }, (_, fewer) => `${name}/${args.length - fewer}`)
  }

  function functionOf(module: Module, head: Head, isPublic: boolean): FunctionFact {
    const [id, ...smaller] = idsOf(head) as [string, ...string[]]
    let fun = module.table.get(id)
    if (fun === undefined || fun.arity !== head.args.length) {
      fun = new FunctionFact(module, head.name, head.args.length, isPublic)
      module.table.set(id, fun)
      module.functions.push(fun)
    }
    for (const each of smaller) if (!module.table.has(each)) module.table.set(each, fun)
    fun.minArity = Math.min(fun.minArity, fun.arity - smaller.length)
    return fun
  }

  function readDefinition(
    node: number,
    module: Module,
    scope: Scope,
    isPublic: boolean,
    isImpl: boolean,
    isConditional: boolean,
  ): void {
    const head = headOf(node)
    const hasError = tree.isBroken(node)
    if (head === null) {
      if (hasError) module.isBroken = true
      module.hasUnknownDefinitions = true
      return
    }
    const fun = functionOf(module, head, isPublic)
    const argNodes = argumentsOf(node).slice(1)
    const block = blockOf(node)
    const start = tree.start(node)
    const end = tree.end(node)
    const clause = new Clause(
      fun,
      { start, end, isImpl, isConditional, hasError },
      {
        head: () => ({
          params: head.args.map((arg) => reader.expression(isDefault(arg) ? tree.first(arg) : arg, scope)),
          defaults: head.args.map((arg) => {
            const value = isDefault(arg) ? tree.children(arg)[1] : undefined
            return value === undefined ? null : reader.expression(value, scope)
          }),
          guard: head.guard === null ? null : reader.expression(head.guard, scope),
        }),
        body: () => reader.body(argNodes, block, scope, start, end),
      },
    )
    const hasBody = block !== undefined || reader.sections(argNodes, undefined).do !== null
    if (hasBody || hasError) fun.clauses.push(clause)
    else fun.head ??= clause
  }

  function readDelegate(node: number, module: Module, scope: Scope): void {
    module.isBroken ||= tree.isBroken(node)
    const [heads, options] = argumentsOf(node)
    if (heads === undefined) return
    const head = headOf(node)
    if (head === null) {
      module.hasUnknownDefinitions = true
      return
    }
    const list = options === undefined ? null : reader.expression(options, scope)
    const to = list?.kind === 'list' ? list.get('to') : undefined
    const fun = functionOf(module, head, true)
    fun.delegate = to?.kind === 'module' ? to.name : to?.kind === 'atom' ? `:${to.value}` : ''
  }
}
