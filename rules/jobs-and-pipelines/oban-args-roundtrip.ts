import {
  ancestors,
  boundValue,
  type Call,
  type Clause,
  defineRule,
  type Edit,
  elixir,
  type Expression,
  type FunctionFact,
  isWithin,
  localCalls,
  type MapTerm,
  type Module,
  type Pair,
  type Problem,
  resolve,
  unmatched,
  walk,
} from '#engine'
import { durableWork } from '../principles.ts'
import { quote, spotOf } from '../wording.ts'

const READS = new Set(['Map.get', 'Map.get_lazy', 'Map.fetch', 'Map.has_key?', 'Map.pop', 'Map.take', 'Kernel.get_in'])
const RAISING_READS = new Set(['Map.fetch!', 'Map.pop!'])

/** Structs of the standard library that JSON libraries encode as they are. */
const ENCODABLE = new Set(['Date', 'Time', 'DateTime', 'NaiveDateTime', 'Decimal'])

export default defineRule({
  id: 'oban-args-roundtrip',
  title: 'Args are JSON, the code expects Elixir terms',
  principles: [durableWork],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    Oban stores the args of a job as JSON. Whatever goes in with atom keys comes out with string keys, on every
    attempt, so a head that matches atom keys never matches and reading an atom key never finds anything. Pids,
    references, functions and tuples have no JSON form: the insert raises.
  `,
  instead:
    'Match string keys in `perform/1`: `%{"user_id" => id}`. Put ids, strings and numbers into args, and load the rest in the job.',
  limits: 'Args that public functions or other modules get passed on are not followed.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Workers.Welcome do
          use Oban.Worker, queue: :mailers

          @impl Oban.Worker
          def perform(%Oban.Job{args: %{user_id: id}}), do: Shop.Mailer.welcome(id) # finding
        end
      `,
      good: elixir`
        defmodule Shop.Workers.Welcome do
          use Oban.Worker, queue: :mailers

          @impl Oban.Worker
          def perform(%Oban.Job{args: %{"user_id" => id}}), do: Shop.Mailer.welcome(id)
        end
      `,
    },
  ],

  on: 'module',
  words: ['Oban'],
  *check({ module }) {
    if (module.use('Oban.Worker') !== undefined) {
      const holders = holdersOfArgs(module)
      // What is looked for under both kinds of keys serves callers that run the worker by hand.
      const strings = new Set(holders.flatMap(stringKeysIn))
      for (const holder of holders) {
        yield* heads(holder, strings)
        yield* reads(holder, strings)
      }
    }
    yield* insertions(module)
  },
})

/** A clause that has a job or its args: `perform/1`, or a private function that is never given anything else. */
interface Holder {
  clause: Clause
  /** The patterns of its head that the args are matched with. */
  patterns: readonly Expression[]
  isJob: (expression: Expression | undefined) => boolean
  isArgs: (expression: Expression | undefined) => boolean
  /** Whether it is a value that the patterns take out of the args: a map among them has string keys too. */
  isValue: (expression: Expression | undefined) => boolean
}

function holdersOfArgs(module: Module): Holder[] {
  const holders = ['perform', 'timeout', 'backoff']
    .flatMap((name) => module.clauses(name, 1))
    .map((clause) => holderOf(clause, clause.params[0], true))
  const seen = new Set<FunctionFact>()
  for (const { clause, isJob, isArgs } of holders) {
    for (const { fun, by } of localCalls(clause)) {
      if (seen.has(fun) || fun.isPublic || by.kind !== 'call') continue
      const position = by.args.findIndex((arg) => isArgs(arg) || isJob(arg))
      if (position < 0) continue
      seen.add(fun)
      const given = isJob(by.args[position]) ? 'isJob' : 'isArgs'
      if (!usesOf(fun, module).every((use) => holders.some((each) => each[given](use?.args[position])))) continue
      for (const callee of fun.clauses) holders.push(holderOf(callee, callee.params[position], given === 'isJob'))
    }
  }
  return holders
}

function holderOf(clause: Clause, param: Expression | undefined, takesJob: boolean): Holder {
  const given = param === undefined ? [] : [param]
  const jobs = namesOnce(takesJob ? given : [], clause)
  const isJob: Holder['isJob'] = (expression) => expression?.kind === 'variable' && jobs.has(expression.name)
  // `%{args: args} = job` in the body.
  const inBody = clause.expressions.flatMap((each) =>
    each.kind === 'match' && isJob(each.value) ? [each.pattern] : [],
  )
  const patterns = takesJob ? [...given, ...inBody].flatMap(argsPatterns) : given
  const args = namesOnce(patterns, clause)
  const values = namesOnce(patterns.flatMap(plainMaps).flatMap(stringValues), clause)
  return {
    clause,
    patterns,
    isJob,
    isValue: (expression) => expression?.kind === 'variable' && values.has(expression.name),
    isArgs: (expression) => {
      const term = expression?.kind === 'variable' ? (boundValue(expression, clause) ?? expression) : expression
      if (term?.kind === 'variable') return args.has(term.name)
      return term?.kind === 'field' && term.field === 'args' && isJob(term.subject)
    },
  }
}

/** Every call of a function in its module; null for a capture or the like, which can be given anything. */
function usesOf(fun: FunctionFact, module: Module): (Call | null)[] {
  return module.functions
    .flatMap((each) => each.clauses.flatMap((clause) => clause.expressions))
    .flatMap((each) => {
      if (each.kind === 'call' && each.isLocal && each.name === fun.name)
        return module.function(each.name, each.arity) === fun ? [each] : []
      return each.kind === 'capture' && each.function?.name === fun.name ? [null] : []
    })
}

/** The names of whole patterns that hold what they hold in the whole clause. */
function namesOnce(patterns: readonly Expression[], clause: Clause): Set<string> {
  const names = patterns.flatMap((pattern) => (pattern.kind === 'match' ? [pattern.pattern, pattern.value] : [pattern]))
  return new Set(
    names.flatMap((each) =>
      each.kind === 'variable' && clause.bindings.get(each.name)?.count === 1 ? [each.name] : [],
    ),
  )
}

/** The patterns that a pattern of a job matches its args with. */
function argsPatterns(pattern: Expression): Expression[] {
  return [...walk(pattern)].flatMap((each) => (each.kind === 'map' ? (each.get('args') ?? []) : []))
}

function plainMaps(pattern: Expression): MapTerm[] {
  return [...walk(pattern)].filter((each): each is MapTerm => each.kind === 'map' && !each.isStruct)
}

/** What stands right of string keys. */
function stringValues({ entries }: MapTerm): Expression[] {
  return entries.flatMap((entry) => (entry.kind === 'pair' && entry.key.kind === 'text' ? [entry.value] : []))
}

function stringKeys(pattern: Expression): string[] {
  return plainMaps(pattern).flatMap((map) =>
    map.entries.flatMap((entry) => (entry.kind === 'pair' && entry.key.kind === 'text' ? [entry.key.value ?? ''] : [])),
  )
}

/** The string keys that a clause knows the args, or a map among them, to have. */
function stringKeysIn({ clause, patterns, isArgs, isValue }: Holder): string[] {
  const isRead = (expression: Expression | undefined) => isArgs(expression) || isValue(expression)
  const read = clause.expressions.flatMap((each) => {
    const key =
      each.kind === 'access' && isRead(each.subject)
        ? each.key
        : each.kind === 'call' && isRead(each.args[0])
          ? each.args[1]
          : undefined
    return key?.kind === 'text' ? [key.value ?? ''] : []
  })
  return [...patterns.flatMap(stringKeys), ...read]
}

function atomPairs(map: MapTerm): Pair[] {
  return map.entries.filter((entry): entry is Pair => entry.kind === 'pair' && entry.key.kind === 'atom')
}

function* heads({ clause, patterns }: Holder, strings: ReadonlySet<string>): Iterable<Problem> {
  for (const map of patterns.flatMap(plainMaps)) {
    const pairs = atomPairs(map).filter((pair) => pair.key.kind === 'atom' && !strings.has(pair.key.value))
    const [first] = pairs
    if (first?.key.kind !== 'atom') continue
    yield {
      at: map.range,
      evidence: [map.range, clause.head],
      message:
        `\`${clause.function.id}\` of \`${clause.module.name}\` matches the atom key \`${first.key.value}:\`. Args come back from the ` +
        `database with string keys, so this never matches. Write \`"${first.key.value}" => ...\`.`,
      edit: withStringKeys(map, pairs, clause),
    }
  }
}

function withStringKeys(map: MapTerm, pairs: readonly Pair[], clause: Clause): Edit | null {
  const { startLine, endLine } = map.range
  if (startLine !== endLine || pairs.length !== map.entries.length || map.entries.length === 0) return null
  const line = clause.file.line(startLine)
  let text = line
  for (const pair of [...pairs].reverse()) {
    if (pair.key.kind !== 'atom') return null
    const from = pair.key.range.startColumn - 1
    const to = pair.value.range.startColumn - 1
    text = `${text.slice(0, from)}"${pair.key.value}" => ${text.slice(to)}`
  }
  return { startLine, endLine: startLine, text }
}

/** Reads of an atom key from the args. */
function* reads({ clause, isArgs, isValue }: Holder, strings: ReadonlySet<string>): Iterable<Problem> {
  for (const each of clause.expressions) {
    for (const { at, key, consequence } of readsAt(each, (term) => isArgs(term) || isValue(term))) {
      if (isInQuery(at, clause)) continue
      if (strings.has(key) && !consequence.startsWith('raises')) continue
      yield {
        at: spotOf(at),
        evidence: [spotOf(at), clause.head],
        message:
          `\`${quote(at)}\` ${consequence} in \`${clause.function.id}\` of \`${clause.module.name}\`. ` +
          `Args come back from the database with string keys. The key is \`"${key}"\`.`,
      }
    }
  }
}

/** Macros of Ecto in which a name stands for a row, unless `^` says otherwise. */
const QUERY =
  /^(?:from|dynamic|join|(?:or_)?where|(?:or_)?having|select(?:_merge)?|order_by|group_by|distinct|update|windows|preload)$/

function isInQuery(expression: Expression, { module }: Clause): boolean {
  for (const up of ancestors(expression)) {
    if (up.kind === 'operator' && up.operator === '^') return false
    if (up.kind !== 'call' || !QUERY.test(up.name)) continue
    if (up.module === 'Ecto.Query' || (up.module === null && module.function(up.name, up.arity) === undefined))
      return true
  }
  return false
}

interface Read {
  at: Expression
  key: string
  consequence: string
}

const NOTHING = 'never finds anything'

function readsAt(each: Expression, isArgs: Holder['isArgs']): Read[] {
  switch (each.kind) {
    case 'field':
      return isArgs(each.subject) ? [{ at: each, key: each.field, consequence: 'raises KeyError' }] : []
    case 'access':
      return isArgs(each.subject) && each.key.kind === 'atom'
        ? [{ at: each, key: each.key.value, consequence: NOTHING }]
        : []
    case 'call': {
      const raises = RAISING_READS.has(each.callee)
      if ((!READS.has(each.callee) && !raises) || !isArgs(each.args[0])) return []
      const [, given] = each.args
      const key = given?.kind === 'list' ? given.elements[0] : given
      return key?.kind === 'atom'
        ? [{ at: each, key: key.value, consequence: raises ? 'raises KeyError' : NOTHING }]
        : []
    }
    case 'match':
      return isArgs(each.value) ? inPattern(each.pattern, 'raises MatchError') : []
    case 'draw':
      return isArgs(each.value) ? inPattern(each.pattern, 'never matches') : []
    case 'case': {
      if (!isArgs(each.subject)) return []
      const known = new Set(each.branches.flatMap(({ patterns }) => patterns.flatMap(stringKeys)))
      return each.branches
        .flatMap(({ patterns }) => patterns.flatMap((pattern) => inPattern(pattern, 'never matches')))
        .filter(({ key }) => !known.has(key))
    }
    default:
      return []
  }
}

function inPattern(pattern: Expression, consequence: string): Read[] {
  const map = unmatched(pattern)
  const [pair] = map.kind === 'map' && !map.isStruct ? atomPairs(map) : []
  return pair?.key.kind === 'atom' ? [{ at: map, key: pair.key.value, consequence }] : []
}

/** `%{reply_to: self()} |> Worker.new()`: values that JSON cannot carry. */
function* insertions(module: Module): Iterable<Problem> {
  for (const fun of module.functions) {
    for (const clause of fun.clauses) {
      for (const call of clause.calls) {
        const args = call.args[0] === undefined ? undefined : resolve(call.args[0], module, clause)
        if (args?.kind !== 'map' || args.isStruct || !makesJob(call, clause)) continue
        for (const entry of args.entries) {
          if (entry.kind !== 'pair') continue
          const value = uncarried(entry.value, module, clause)
          if (value === null) continue
          yield {
            at: value.at.range,
            evidence: [value.at.range, call.at],
            severity: value.kind === 'struct' ? 'warning' : 'error',
            message:
              `\`${quote(value.at)}\` goes into the args of a job as JSON, which has no ${value.kind}. ${value.consequence} ` +
              'Put ids, strings and numbers into args, and load the rest in the job.',
          }
        }
      }
    }
  }
}

function makesJob(call: Call, clause: Clause): boolean {
  const { module } = clause
  if (call.callee === 'Oban.Job.new') return true
  if (call.name !== 'new') return false
  const worker = call.module ?? (call.isLocal ? module.name : null)
  if (worker === null) return false
  const defined = module.file.modules.find((other) => other.name === worker)
  if (defined?.use('Oban.Worker') !== undefined) return !defined.has('new', call.arity)
  // What another kind of worker makes of its args is its own affair.
  if (defined !== undefined) return false
  const isNamedSo = /(?:Worker|Job)$|\.(?:Workers|Jobs)\./.test(worker)
  return clause.calls.some(({ callee, args }) => {
    if (!callee.startsWith('Oban.insert')) return false
    return args.some((arg) => {
      const given = resolve(arg, module, clause)
      // Nothing but a job can be inserted.
      return arg === call || given === call || (isNamedSo && (isWithin(call, arg) || isWithin(call, given)))
    })
  })
}

function uncarried(
  given: Expression,
  module: Module,
  clause: Clause,
): { at: Expression; kind: string; consequence: string } | null {
  const raises = 'Inserting it raises.'
  const bound = given.kind === 'variable' ? boundValue(given, clause) : undefined
  // Under a name it stands where it is given: what else is made of it is not looked at.
  if (bound?.kind === 'call' || bound?.kind === 'fn') {
    const value = uncarried(bound, module, clause)
    return value && { ...value, at: given }
  }
  const value = given
  switch (value.kind) {
    case 'call':
      if (value.callee === 'Kernel.self') return { at: value, kind: 'pid', consequence: raises }
      return value.callee === 'Kernel.make_ref' ? { at: value, kind: 'reference', consequence: raises } : null
    case 'fn':
    case 'capture':
      return { at: value, kind: 'function', consequence: raises }
    case 'tuple':
      return { at: value, kind: 'tuple', consequence: raises }
    case 'map': {
      if (value.isStruct) {
        if (value.struct === null || ENCODABLE.has(value.struct) || isOwn(value.struct, module)) return null
        const consequence = 'It needs an encoder, and comes back as a plain map with string keys.'
        return { at: value, kind: 'struct', consequence }
      }
      return (
        value.entries
          .map((entry) => (entry.kind === 'pair' ? uncarried(entry.value, module, clause) : null))
          .find((each) => each !== null) ?? null
      )
    }
    case 'list':
      if (value.elements.some((each) => each.kind === 'pair'))
        return { at: value, kind: 'keyword list', consequence: raises }
      return value.elements.map((each) => uncarried(each, module, clause)).find((each) => each !== null) ?? null
    default:
      return null
  }
}

/** A struct of the same file: whoever wrote both can have given it an encoder. */
function isOwn(struct: string, { file }: Module): boolean {
  return file.modules.some(({ name }) => name === struct)
}
