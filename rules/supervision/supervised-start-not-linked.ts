import {
  type Call,
  type Clause,
  comesFrom,
  defineRule,
  type Edit,
  elixir,
  type Expression,
  type FunctionFact,
  type Module,
  nameOf,
  type Problem,
  reach,
  resolve,
  tails,
  useOptions,
  walk,
  whereRuns,
} from '#engine'
import { replaceIn } from '../edits.ts'
import { superviseEveryProcess } from '../principles.ts'
import { spotOf } from '../wording.ts'

/** Modules whose `start` is their `start_link` without the link. */
const STARTERS = new Set(['Agent', 'GenServer', 'GenStage', 'GenStateMachine', 'Task', ':gen_server', ':gen_statem'])

/** Modules whose `use` says how a child is restarted. */
const PROCESSES = ['GenServer', 'Agent', 'Task', 'GenStage', 'GenStateMachine'] as const

/** Whatever else links the process, or starts one that is. */
const LINKING = /^(start_link|start_monitor|spawn_link|link|start_listener|enter_loop|start_child)$/

const START = /\bstart\b/

const LINKS = new Set(['Process.link', ':erlang.link'])

export default defineRule({
  id: 'supervised-start-not-linked',
  title: '`start_link` that does not link',
  principles: [superviseEveryProcess],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    A supervisor learns of the death of a child by the exit signal that a link carries. A process that was started with
    start instead of start_link has no link. When it crashes the supervisor goes on believing that it runs, so nobody
    restarts it; when the supervisor stops, nobody stops it.
  `,
  instead: 'Start it with `start_link`; keep `start` for a function that is named so.',
  ignoreWhen: 'When the process is linked in another way, which is not written here.',
  limits:
    'Options that are computed are taken to hold no `spawn_opt: [:link]` unless `:link` is put into them in the same function. A `start_link/2` with `@impl` is a callback of a behaviour of the project, which no supervisor calls, and is left alone.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Stock do
          use GenServer

          def start_link(opts), do: GenServer.start(__MODULE__, opts, name: __MODULE__) # finding

          @impl true
          def init(opts), do: {:ok, opts}
        end
      `,
      good: elixir`
        defmodule Shop.Stock do
          use GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

          @impl true
          def init(opts), do: {:ok, opts}
        end
      `,
    },
  ],

  on: 'module',
  words: ['start'],
  *check({ module }) {
    if (!module.functions.some(({ clauses }) => clauses.some((clause) => clause.mentions(START)))) return
    for (const fun of module.functions) {
      if (fun.name === 'start_link' && !isOfOwnBehaviour(fun))
        yield* fun.clauses.flatMap(unlinked).map((start) => notLinked(start, fun))
      for (const clause of fun.clauses) yield* specs(clause)
    }
  },
})

/** `@impl` on a `start_link/2` names a behaviour of the project: its code calls it, and supervisors give one argument. */
function isOfOwnBehaviour({ arity, clauses }: FunctionFact): boolean {
  return arity !== 1 && clauses.some(({ isImpl }) => isImpl)
}

interface Start {
  call: Call
  clause: Clause
  /** The call of a public function, such as `start/1`, that is right not to link: not so whoever calls it. */
  by: Expression | null
}

/** The starts of a clause, or of the helpers it calls, where nothing links. */
function unlinked(clause: Clause): Start[] {
  const returned = new Set(tails(clause.body).map(({ expression }) => expression))
  const calls = reach([clause], 2).flatMap(({ clause: at, hops }): Start[] => {
    const [by = null, ...others] = hops
    if (hops.some((hop) => mentionsLink(hop, clause))) return []
    if (!at.function.isPublic || at === clause) return at.calls.map((call) => ({ call, clause: at, by: null }))
    return by !== null && others.length === 0 && returned.has(by)
      ? at.calls.map((call) => ({ call, clause: at, by }))
      : []
  })
  if (calls.some(({ call }) => LINKING.test(call.name)) || linksInInit(clause.module)) return []
  return calls.filter(({ call, clause: at }) => {
    if (call.name !== 'start' || !STARTERS.has(call.module ?? '')) return false
    if (whereRuns(call, at).at !== 'here' || linksByOption(call, at)) return false
    // A task may be started on the side.
    return call.module !== 'Task' || tails(at.body).some(({ expression }) => expression === call)
  })
}

/** A server may be given `self()` and link itself to it. */
function linksInInit(module: Module): boolean {
  return reach(module.clauses('init', 1)).some(({ clause }) => clause.callsOf(LINKS).length > 0)
}

/** `spawn_opt: [:link]`. */
function linksByOption(call: Call, clause: Clause): boolean {
  return call.args.some((arg) => mentionsLink(arg, clause) || mentionsLink(resolve(arg, clause.module, clause), clause))
}

function notLinked({ call, clause, by }: Start, fun: FunctionFact): Problem {
  const at = by === null ? call.at : spotOf(by)
  return {
    at,
    evidence: [at, call.at, ...fun.clauses.map(({ head }) => head)],
    message: `\`${fun.id}\` starts the process with \`${call.callee}\`, which does not link it: the supervisor never hears of its death, and ${outcome(clause.module)}.`,
    edit: by === null ? linked(call, clause) : null,
  }
}

/** What comes of it: a temporary child would not be restarted anyway. */
function outcome(module: Module): string {
  const isTemporary = PROCESSES.some((each) => {
    const use = module.use(each)
    return use !== undefined && isAtom(useOptions(use)?.get('restart'), 'temporary')
  })
  return isTemporary ? 'keeps it among its children' : `after a crash \`${module.name}\` stays down`
}

/** `GenServer.start(` becomes `GenServer.start_link(`. */
function linked(call: Call, { file }: Clause): Edit | null {
  const { startLine, startColumn } = call.at
  const head = /^:?[\w.]+?\.start(?=\()/.exec(file.line(startLine).slice(startColumn - 1))
  if (head === null) return null
  const start = file.offsetAt(startLine, startColumn)
  return replaceIn(file, file.rangeOf(start, start + head[0].length), `${head[0]}_link`)
}

/** `start: {M, :start, args}`, where that is OTP's own function, or one of this file that does not link. */
function* specs(clause: Clause): Iterable<Problem> {
  if (!clause.mentions(START)) return
  for (const each of clause.expressions) {
    if (each.kind !== 'pair' || each.parent?.kind !== 'map' || !isAtom(each.key, 'start')) continue
    const [started, name, args] = each.value.kind === 'tuple' ? each.value.elements : []
    if (started === undefined || !isAtom(name, 'start') || args?.kind !== 'list') continue
    const module = nameOf(started, clause.module, clause)
    if (module === null) continue
    const child = each.value.range
    if (STARTERS.has(module) && !mentionsLink(args, clause)) {
      const message = `The supervisor starts this child with \`${module}.start\`, which does not link it: it never hears of its death, and after a crash the child stays down.`
      yield { at: child, message }
    }
    const fun = clause.file.modules.find((other) => other.name === module)?.function('start', args.elements.length)
    const start = fun?.clauses.flatMap(unlinked)[0]
    if (fun === undefined || start === undefined) continue
    yield {
      at: start.call.at,
      evidence: [start.call.at, child, ...fun.clauses.map(({ head }) => head)],
      related: [{ range: child, message: 'A supervisor starts it here' }],
      message: `A supervisor starts this child with \`${fun.id}\`, and \`${start.call.callee}\` does not link it: the supervisor never hears of its death, and after a crash \`${module}\` stays down.`,
    }
  }
}

function isAtom(expression: Expression | undefined, value: string): boolean {
  return expression?.kind === 'atom' && expression.value === value
}

function mentionsLink(expression: Expression, clause: Clause): boolean {
  for (const each of walk(expression)) {
    const term = each.kind === 'attribute' || each.kind === 'variable' ? resolve(each, clause.module, clause) : each
    if (isLink(term) || (term !== each && walk(term).some(isLink))) return true
  }
  // Options that are put together step by step.
  return comesFrom(expression, clause, isLink)
}

function isLink(each: Expression): boolean {
  return isAtom(each, 'link')
}
