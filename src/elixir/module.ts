// Modules, their functions and clauses. Bodies are read when somebody first asks for them.
import type { SourceFile } from './file.ts'
import { type Call, canonical, type Expression, type List, Opaque, type Variable, walk } from './expression.ts'
import { isIrrefutable, isPinned, variablesIn } from './patterns.ts'
import type { Range } from './range.ts'
import { type ModuleRole, PROCESS_ROLES, rolesOf } from './roles.ts'

/** `use X, options`. */
export interface Use {
  module: string
  options: Expression | null
  start: number
  range: Range
}

/** `@name value`, in order of appearance. */
export interface AttributeDefinition {
  name: string
  value: Expression
  range: Range
}

/**
 * Modules whose `use` defines no function that could be mistaken for missing: what they inject is known.
 * Any other `use` is opaque: claims that something does not exist must stay silent.
 */
const TRANSPARENT_USES = new Set([
  'GenServer',
  'Supervisor',
  'DynamicSupervisor',
  'Agent',
  'Task',
  'Application',
  'Registry',
  'GenStage',
  'GenStateMachine',
  'Broadway',
  'Oban.Worker',
  'TypedStruct',
  'TypedEctoSchema',
  'Ecto.Schema',
  'Bitwise',
])

/** What stands before the body of a definition. */
interface ClauseHead {
  params: Expression[]
  defaults: (Expression | null)[]
  guard: Expression | null
}

/** Reads the parts of a definition, each when somebody asks. */
interface ClauseReader {
  head(): ClauseHead
  body(): Expression | null
}

/** One `def` or `defp` clause with its head and body. */
export class Clause {
  readonly function: FunctionFact
  /** Offsets of the whole definition. */
  readonly start: number
  readonly end: number
  /** Whether an `@impl` attribute stands before it. */
  readonly isImpl: boolean
  /** Whether it stands inside a module-level `if`, `for` or the like. */
  readonly isConditional: boolean
  /** A definition with a syntax error in it is known by name and arity only. */
  readonly hasError: boolean
  private readonly reader: ClauseReader
  private headParts: ClauseHead | undefined
  private bodyTerm: Expression | null | undefined
  private text: string | undefined
  private nodes: readonly Expression[] | undefined
  private callNodes: Call[] | undefined
  private bindingsByName: Map<string, Binding> | undefined
  private variablesByName: Map<string, Variable[]> | undefined

  constructor(
    fun: FunctionFact,
    place: { start: number; end: number; isImpl: boolean; isConditional: boolean; hasError: boolean },
    reader: ClauseReader,
  ) {
    this.function = fun
    this.start = place.start
    this.end = place.end
    this.isImpl = place.isImpl
    this.isConditional = place.isConditional
    this.hasError = place.hasError
    this.reader = reader
  }
  get module(): Module {
    return this.function.module
  }
  get file(): SourceFile {
    return this.function.module.file
  }
  get range(): Range {
    return this.file.rangeOf(this.start, this.end)
  }
  /** The first line of the definition: name, parameters and guard. */
  get head(): Range {
    const { startLine, startColumn } = this.range
    return { startLine, startColumn, endLine: startLine, endColumn: this.file.lineEndColumn(startLine) }
  }
  private get before(): ClauseHead {
    // Whoever goes over clauses again and again comes by here, and so ends in time.
    this.file.deadline.tick()
    this.headParts ??= this.hasError ? { params: [], defaults: [], guard: null } : this.reader.head()
    return this.headParts
  }
  /** Patterns of the parameters, without `\\` defaults. */
  get params(): readonly Expression[] {
    return this.before.params
  }
  /** The default that this clause gives to each parameter, null where it gives none. See `FunctionFact.defaults`. */
  get defaults(): readonly (Expression | null)[] {
    return this.before.defaults
  }
  get guard(): Expression | null {
    return this.before.guard
  }
  /** A `Try` where the definition has `rescue` and the like of its own; null for a head without body. */
  get body(): Expression | null {
    this.file.deadline.tick()
    if (this.bodyTerm === undefined) {
      this.bodyTerm = this.hasError ? new Opaque(this.file, this.start, this.end, 'error') : this.reader.body()
    }
    return this.bodyTerm
  }
  /** Every expression of the body, outermost first. */
  get expressions(): readonly Expression[] {
    this.file.deadline.tick()
    this.nodes ??= this.body === null ? [] : walk(this.body)
    return this.nodes
  }
  get calls(): readonly Call[] {
    this.file.deadline.tick()
    this.callNodes ??= this.expressions.filter((expression) => expression.kind === 'call')
    return this.callNodes
  }
  /**
   * Whether the pattern matches anywhere in the source, comments and strings included. Nothing is read for it: whoever
   * goes over expressions for something that has a name saves most of the work by asking for the name first.
   */
  mentions(pattern: RegExp): boolean {
    this.text ??= this.file.source.slice(this.start, this.end)
    return pattern.test(this.text)
  }
  /** The calls of these functions, given as callees. A clause in which none of their names stands is not read for it. */
  callsOf(callees: ReadonlySet<string>): readonly Call[] {
    return this.mentions(namesOf(callees)) ? this.calls.filter((call) => callees.has(call.callee)) : []
  }
  /** Whether a variable of that name is bound by the head or anywhere in the body. */
  isBound(name: string): boolean {
    return this.bindings.has(name)
  }
  /** Every place of the body at which a variable of that name stands, in source order. */
  variables(name: string): readonly Variable[] {
    if (this.variablesByName === undefined) {
      this.variablesByName = new Map()
      for (const each of this.expressions) {
        if (each.kind !== 'variable') continue
        const places = this.variablesByName.get(each.name)
        if (places === undefined) this.variablesByName.set(each.name, [each])
        else places.push(each)
      }
    }
    return this.variablesByName.get(name) ?? []
  }
  /** How often each variable is bound by the head or the body, and by which match. */
  get bindings(): ReadonlyMap<string, Binding> {
    if (this.bindingsByName !== undefined) return this.bindingsByName
    const names = new Map<string, Binding>()
    const bind = (pattern: Expression, value: Expression | null): void => {
      for (const each of walk(pattern)) {
        if (each.kind !== 'variable' || isPinned(each)) continue
        const known = names.get(each.name)
        const own = pattern === each ? value : null
        names.set(each.name, known === undefined ? { count: 1, value: own } : { count: known.count + 1, value: null })
      }
    }
    for (const param of this.params) bind(param, null)
    for (const each of this.expressions) {
      if (each.kind === 'match') bind(each.pattern, each.value)
      if (each.kind === 'draw') bind(each.pattern, null)
      if (each.kind === 'branch') for (const pattern of each.patterns) bind(pattern, null)
    }
    this.bindingsByName = names
    return names
  }
  /**
   * Whether it takes every message: each parameter is irrefutable, no two must be equal, and there is no guard.
   * The module's own struct counts on the last parameter, which is the state.
   */
  get isCatchAll(): boolean {
    const { params, guard, body } = this
    if (guard !== null || body === null || this.hasError) return false
    const names = params.flatMap(variablesIn)
    return (
      new Set(names).size === names.length &&
      params.every((param, index) => isIrrefutable(param, index === params.length - 1 ? this.module.name : null))
    )
  }
}

const namePatterns = new WeakMap<ReadonlySet<string>, RegExp>()

/** Matches where a call of one of these can stand: every call has the name of the function in it, also by `apply/3`. */
function namesOf(callees: ReadonlySet<string>): RegExp {
  let pattern = namePatterns.get(callees)
  if (pattern === undefined) {
    const names = [...callees].map((callee) => /(\w+)[?!]?$/.exec(callee)?.[1])
    pattern = names.includes(undefined) ? /^/ : new RegExp(`\\b(?:${[...new Set(names)].join('|')})\\b`)
    namePatterns.set(callees, pattern)
  }
  return pattern
}

/** How a clause binds a variable. */
export interface Binding {
  count: number
  /** What stands right of the `=` where the only binding is `name = value`, else null. */
  value: Expression | null
}

/** All clauses of one name and arity. */
export class FunctionFact {
  readonly module: Module
  readonly name: string
  /** The largest arity; `\\` defaults add the smaller ones. */
  readonly arity: number
  minArity: number
  readonly isPublic: boolean
  /** In source order. A head without body is none of them. */
  readonly clauses: Clause[] = []
  /** `def name(a, b \\ nil)` without a body, which gives the defaults of the clauses below it. */
  head: Clause | null = null
  /** `defdelegate name(...), to: M`: the module, '' where it is computed; null for other functions. */
  delegate: string | null = null

  constructor(module: Module, name: string, arity: number, isPublic: boolean) {
    this.module = module
    this.name = name
    this.arity = arity
    this.minArity = arity
    this.isPublic = isPublic
  }
  /** `name/arity`, as Elixir writes it. */
  get id(): string {
    return `${this.name}/${this.arity}`
  }
  /** The default of each parameter, null where it has none: of the head, or of the clause that gives them. */
  get defaults(): readonly (Expression | null)[] {
    const given = [this.head, ...this.clauses].find((clause) => clause?.defaults.some((value) => value !== null))
    return given?.defaults ?? Array.from({ length: this.arity }, () => null)
  }
}

/** One `defmodule`. Functions of nested modules belong to the nested module alone. */
export class Module {
  readonly file: SourceFile
  readonly name: string
  readonly start: number
  readonly end: number
  readonly uses: Use[] = []
  readonly behaviours: string[] = []
  readonly attributes: AttributeDefinition[] = []
  /** Public and private functions by `name/arity`; smaller arities made by defaults point at the same function. */
  readonly table = new Map<string, FunctionFact>()
  readonly functions: FunctionFact[] = []
  /** Macros by `name/arity`: their bodies are compile-time code and never read. */
  readonly macros = new Set<string>()
  /** `defimpl` and `defprotocol` bodies: no process rule runs there. */
  readonly isProtocol: boolean
  readonly parent: Module | null
  /** Whether it has a `defstruct` or `defexception`. */
  hasStruct = false
  /** A definition with a computed name, a macro call that could define functions, or an error: absence proves nothing. */
  hasUnknownDefinitions = false
  /** Whether it, or a module around it, stands inside an `if` or the like: it may not be defined at all. */
  isConditional = false
  /** An error outside of its definitions, or around it: no rule runs in it. */
  isBroken = false

  constructor(file: SourceFile, name: string, start: number, end: number, isProtocol: boolean, parent: Module | null) {
    this.file = file
    this.name = name
    this.start = start
    this.end = end
    this.isProtocol = isProtocol
    this.parent = parent
  }
  get range(): Range {
    return this.file.rangeOf(this.start, this.end)
  }
  function(name: string, arity: number): FunctionFact | undefined {
    this.file.deadline.tick()
    return this.table.get(`${name}/${arity}`)
  }
  /** Clauses of a callback in order, none where it is not defined. */
  clauses(name: string, arity: number): readonly Clause[] {
    return this.function(name, arity)?.clauses ?? []
  }
  /** The calls of these functions, given as callees, in source order of each function. */
  callsOf(callees: ReadonlySet<string>): { call: Call; clause: Clause }[] {
    const found: { call: Call; clause: Clause }[] = []
    for (const { clauses } of this.functions) {
      for (const clause of clauses) for (const call of clause.callsOf(callees)) found.push({ call, clause })
    }
    return found
  }
  has(name: string, arity: number): boolean {
    return this.table.has(`${name}/${arity}`)
  }
  use(module: string): Use | undefined {
    return this.uses.find((use) => use.module === module)
  }
  private attributeValues: Map<string, Expression | undefined> | undefined
  /** The value of an attribute; undefined where it has none or several that differ. */
  attribute(name: string): Expression | undefined {
    if (this.attributeValues === undefined) {
      this.attributeValues = new Map()
      for (const { name: key, value } of this.attributes) {
        const known = this.attributeValues.get(key)
        const isSettled =
          !this.attributeValues.has(key) || (known !== undefined && canonical(known) === canonical(value))
        this.attributeValues.set(key, isSettled ? value : undefined)
      }
    }
    return this.attributeValues.get(name)
  }
  /** Whether "no clause, no function, no name" can be claimed: nothing unseen defines any. */
  get isTransparent(): boolean {
    // `@behaviour GenServer` without `use`: who else defines callbacks, and how, is unknown.
    return this.isTransparentBut(() => false) && (!this.is('GenServer') || this.use('GenServer') !== undefined)
  }
  /** The same where some uses mean nothing to the claim, whatever they define, nor does a behaviour without `use`. */
  isTransparentBut(isHarmless: (use: Use) => boolean): boolean {
    return (
      !this.hasUnknownDefinitions &&
      !this.isBroken &&
      !this.functions.some((fun) => fun.head?.hasError === true || fun.clauses.some((clause) => clause.hasError)) &&
      this.uses.every((use) => TRANSPARENT_USES.has(use.module) || isHarmless(use))
    )
  }
  private roleSet: Set<ModuleRole> | undefined
  get roles(): ReadonlySet<ModuleRole> {
    this.roleSet ??= rolesOf(this)
    return this.roleSet
  }
  is(role: ModuleRole): boolean {
    return this.roles.has(role)
  }
  /** Whether it runs as a process with a message loop of its own. */
  get isProcess(): boolean {
    return PROCESS_ROLES.some((role) => this.roles.has(role))
  }
}

/** The literal option list of a `use`, empty where there is none. */
export function useOptions(use: Use): List | null {
  return use.options?.kind === 'list' ? use.options : null
}
