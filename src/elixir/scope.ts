// Lexical scope: what an alias or an unqualified call means at a place. It knows nothing of syntax nodes.

/** Which names an `import` brings: all, or the listed name/arity pairs, or all but the listed ones. */
interface Import {
  module: string
  only: ReadonlySet<string> | null
  except: ReadonlySet<string> | null
}

/** Functions and macros of the standard library that are called unqualified after a whole `import`. */
const KNOWN_EXPORTS: Readonly<Record<string, readonly string[]>> = {
  Task: [
    'async',
    'async_stream',
    'await',
    'await_many',
    'ignore',
    'shutdown',
    'start',
    'start_link',
    'yield',
    'yield_many',
  ],
  'Task.Supervisor': ['async', 'async_nolink', 'async_stream', 'async_stream_nolink', 'start_child'],
  GenServer: ['abcast', 'call', 'cast', 'multi_call', 'reply', 'start', 'start_link', 'stop', 'whereis'],
  Agent: ['cast', 'get', 'get_and_update', 'start', 'start_link', 'stop', 'update'],
  Process: ['exit', 'flag', 'link', 'monitor', 'register', 'send', 'send_after', 'sleep', 'unlink', 'whereis'],
  Supervisor: ['child_spec', 'init', 'start_child', 'start_link', 'terminate_child', 'which_children'],
  DynamicSupervisor: ['start_child', 'terminate_child'],
  Logger: ['critical', 'debug', 'error', 'info', 'notice', 'warn', 'warning'],
  System: ['cmd', 'shell'],
}

/** Kernel's functions that concern processes and control; others keep their bare name. */
const KERNEL = new Set(
  (
    'apply/2 apply/3 exit/1 node/0 node/1 raise/1 raise/2 reraise/2 reraise/3 self/0 send/2 spawn/1 spawn/3 ' +
    'spawn_link/1 spawn_link/3 spawn_monitor/1 spawn_monitor/3 throw/1 make_ref/0 then/2 tap/2 put_in/2 put_in/3 ' +
    'update_in/2 update_in/3 get_in/2 struct/1 struct/2 struct!/1 struct!/2 inspect/1 inspect/2 hd/1 tl/1 elem/2 ' +
    'put_elem/3 length/1 map_size/1 tuple_size/1 to_string/1 is_nil/1 is_reference/1 is_pid/1 is_atom/1 is_binary/1 ' +
    'is_map/1 is_list/1 is_tuple/1 is_integer/1 is_function/1 is_function/2 max/2 min/2 abs/1 round/1 div/2 rem/2 ' +
    'is_map_key/2 is_struct/1 is_struct/2 is_number/1 is_float/1 is_boolean/1 is_exception/1 is_exception/2 ' +
    'to_timeout/1 dbg/0 dbg/1 dbg/2 binary_part/3 bit_size/1 byte_size/1 ceil/1 floor/1 trunc/1 pop_in/1 pop_in/2 ' +
    'function_exported?/3 to_charlist/1 not/1 sigil_r/2 match?/2'
  ).split(' '),
)

/** Aliases that are kept in a list before they are taken into the map below it. */
const MAX_RECENT = 32

/** The aliases at one place. A new one leaves the old ones as they are, and costs no copy of all of them. */
interface Aliases {
  name: string
  target: string
  before: Aliases | null
  /** How many stand above the map. */
  count: number
  below: ReadonlyMap<string, string>
}

/** Imports, the latest first. */
interface Imports {
  import: Import
  before: Imports | null
}

const KERNEL_ALONE: Imports = { import: { module: 'Kernel', only: null, except: null }, before: null }

/** What names mean at one place. Immutable: each declaration gives a new scope for what follows it. */
export class Scope {
  /** Full name of the enclosing module; null at the top of a file. */
  readonly module: string | null
  /** Whether the enclosing module defines the function (`name/arity`) itself: then neither an import nor Kernel is meant. */
  readonly defines: (id: string) => boolean
  private readonly aliases: Aliases | null
  private readonly imports: Imports | null

  constructor(
    module: string | null,
    defines: (id: string) => boolean,
    aliases: Aliases | null = null,
    imports: Imports | null = KERNEL_ALONE,
  ) {
    this.module = module
    this.defines = defines
    this.aliases = aliases
    this.imports = imports
  }

  /** The full name of an alias as written: `Sup.Worker` under `alias MyApp.Sup` is `MyApp.Sup.Worker`. */
  resolve(written: string): string {
    if (written.startsWith('Elixir.')) return written.slice('Elixir.'.length)
    const dot = written.indexOf('.')
    const head = dot < 0 ? written : written.slice(0, dot)
    const target = targetOf(head, this.aliases)
    if (target === undefined) return written
    return dot < 0 ? target : target + written.slice(dot)
  }

  /** The module that an unqualified call belongs to; null for the enclosing one or an unknown one. */
  moduleOf(name: string, arity: number): string | null {
    const id = `${name}/${arity}`
    if (this.defines(id)) return null
    for (let at = this.imports; at !== null; at = at.before) if (brings(at.import, name, id)) return at.import.module
    return null
  }

  withAlias(name: string, target: string): Scope {
    const { aliases } = this
    const isFull = aliases !== null && aliases.count === MAX_RECENT
    const added: Aliases = {
      name,
      target,
      before: isFull ? null : aliases,
      count: isFull ? 1 : (aliases?.count ?? 0) + 1,
      below: isFull ? allOf(aliases) : (aliases?.below ?? NO_ALIASES),
    }
    return new Scope(this.module, this.defines, added, this.imports)
  }

  withImport(module: string, only: ReadonlySet<string> | null, except: ReadonlySet<string> | null): Scope {
    // A second import of the same module takes the place of the first.
    const imports: Imports = { import: { module, only, except }, before: without(module, this.imports) }
    return new Scope(this.module, this.defines, this.aliases, imports)
  }

  inside(module: string, defines: (id: string) => boolean): Scope {
    return new Scope(module, defines, this.aliases, this.imports)
  }
}

const NO_ALIASES: ReadonlyMap<string, string> = new Map()

function targetOf(name: string, aliases: Aliases | null): string | undefined {
  for (let at = aliases; at !== null; at = at.before) if (at.name === name) return at.target
  return aliases?.below.get(name)
}

function allOf(aliases: Aliases): ReadonlyMap<string, string> {
  const recent: [string, string][] = []
  for (let at: Aliases | null = aliases; at !== null; at = at.before) recent.push([at.name, at.target])
  return new Map([...aliases.below, ...recent.reverse()])
}

function without(module: string, imports: Imports | null): Imports | null {
  let found = imports
  while (found !== null && found.import.module !== module) found = found.before
  if (found === null) return imports
  const later: Import[] = []
  for (let at = imports; at !== null && at !== found; at = at.before) later.push(at.import)
  return later.reduceRight<Imports | null>((before, each) => ({ import: each, before }), found.before)
}

function brings({ module, only, except }: Import, name: string, id: string): boolean {
  if (only !== null) return only.has(id)
  if (except?.has(id) === true) return false
  return module === 'Kernel' ? KERNEL.has(id) : KNOWN_EXPORTS[module]?.includes(name) === true
}
