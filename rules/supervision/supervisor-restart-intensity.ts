import {
  boundValue,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  foldNumber,
  type List,
  type Pair,
  type Problem,
  resolve,
  type SourceFile,
} from '#engine'
import { broadwayProcessors, strategiesEncodeDependencies } from '../principles.ts'

/** From here on the limit is no limit any more. */
const MANY = 100

/** What a Broadway pipeline allows itself by default. */
const BROADWAY_DEFAULT = 3

/** A longer period is one that somebody has thought about. */
const LONG_SECONDS = 60

const DEFAULT_SECONDS = 5

export default defineRule({
  id: 'supervisor-restart-intensity',
  title: 'Restart limits that hide a crash loop',
  principles: [strategiesEncodeDependencies, broadwayProcessors],
  set: 'recommended',
  precision: 'P1',
  severity: 'warning',
  since: '0.1.0',

  why: `
    A supervisor that has to restart too often gives up and crashes itself: so the failure climbs the tree until
    somebody starts from a clean state, or the node stops and is noticed. With a limit in the hundreds only a
    child that fails within milliseconds gets there. One that fails at every start after a connection attempt is
    restarted for ever, with its log lines and its load on whatever it connects to, while everything above looks healthy.
  `,
  instead:
    'Keep 3 restarts in 5 seconds. A child that fails for reasons of its own gets a supervisor of its own, or handles the expected failure inside. Connection losses and rate limits of a pipeline belong in its producer.',
  ignoreWhen:
    'When a comment on the line above says why so many restarts are expected; it silences the rule by itself.',
  limits:
    'Limits that are computed are not known. The children of a DynamicSupervisor share its limit, can be many, and are often temporary, which the file with the limit does not tell: there it is reported in the strict profile only.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Application do
          use Application

          def start(_type, _args) do
            opts = [strategy: :one_for_one, max_restarts: 1_000] # finding
            Supervisor.start_link([Shop.Feed], opts)
          end
        end
      `,
      good: elixir`
        defmodule Shop.Application do
          use Application

          def start(_type, _args) do
            Supervisor.start_link([Shop.Feed], strategy: :one_for_one)
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['max_restarts'],
  *check({ module }) {
    for (const fun of module.functions) for (const clause of fun.clauses) if (!clause.hasError) yield* inClause(clause)
  },
})

function* inClause(clause: Clause): Iterable<Problem> {
  for (const each of clause.expressions) {
    if (each.kind === 'attribute') yield* inAttribute(each, clause)
    if (each.kind !== 'pair' || each.key.kind !== 'atom' || each.key.value !== 'max_restarts') continue
    const restarts = foldNumber(each.value, clause.module)
    const list = each.parent
    if (restarts === null || list?.kind !== 'list' || isExplained(each, clause.file)) continue
    const owner = ownerOf(list, clause)
    if (owner === 'broadway') yield* inPipeline(each, restarts)
    else if (owner !== null) yield* inSupervisor(each, list, restarts, owner, clause)
  }
}

/** Flags kept in an attribute: `Supervisor.init(children, @flags)`. */
function* inAttribute(attribute: Expression, clause: Clause): Iterable<Problem> {
  const flags = resolve(attribute, clause.module, clause)
  const pair = flags.kind === 'list' ? flags.pair('max_restarts') : undefined
  if (flags.kind !== 'list' || pair === undefined || isExplained(pair, clause.file)) return
  const restarts = foldNumber(pair.value, clause.module)
  const taker = attribute.parent
  if (restarts === null || taker?.kind !== 'call' || taker.module === null) return
  const owner = ownerNamed(taker.module)
  if (owner !== null) yield* inSupervisor(pair, flags, restarts, owner, clause)
}

function* inPipeline(pair: Pair, restarts: number): Iterable<Problem> {
  if (restarts <= BROADWAY_DEFAULT) return
  yield {
    at: pair.range,
    severity: 'info',
    message: `Failed messages do not restart anything in a pipeline. ${restarts} restarts are for a producer that keeps crashing, which it would better handle itself.`,
  }
}

function* inSupervisor(
  pair: Pair,
  list: List,
  restarts: number,
  owner: 'supervisor' | 'dynamic',
  clause: Clause,
): Iterable<Problem> {
  const period = list.pair('max_seconds')
  const seconds = period === undefined ? DEFAULT_SECONDS : foldNumber(period.value, clause.module)
  if (restarts < MANY || seconds === null || seconds > LONG_SECONDS) return
  yield {
    at: pair.range,
    evidence: period === undefined ? [pair.range] : [pair.range, period.range],
    ...(owner === 'dynamic' ? { set: 'strict' as const } : {}),
    message: `This supervisor gives up only after more than ${restarts} restarts within ${seconds === 1 ? 'a second' : `${seconds} seconds`}: a child that ${slowness(seconds, restarts)} is restarted for ever${owner === 'dynamic' ? ', unless it is `:temporary`' : ''}, and nobody above hears of it.`,
  }
}

/** How slow a child must be for the limit never to be reached. */
function slowness(seconds: number, restarts: number): string {
  const milliseconds = (seconds * 1000) / restarts
  return milliseconds < 1
    ? 'crashes again and again'
    : `takes ${Number(milliseconds.toPrecision(2))} ms or more to fail`
}

type Owner = 'supervisor' | 'dynamic' | 'broadway'

/** Whose option it is: by what takes the list, or by the `strategy:` beside it. */
function ownerOf(list: List, clause: Clause): Owner | null {
  for (const taker of [list.parent, ...usesOf(list, clause)]) {
    const name = takerName(taker)
    if (taker?.kind === 'call' && taker.callee === 'Broadway.start_link') return 'broadway'
    if (taker?.kind === 'call' && taker.name === 'supervise') return 'supervisor'
    // Tasks are not restarted unless somebody asks for it.
    if (name === 'Task.Supervisor') return null
    const owner = name === null ? null : ownerNamed(name)
    if (owner !== null) return owner
  }
  return list.get('strategy') === undefined ? null : 'supervisor'
}

function ownerNamed(module: string): 'supervisor' | 'dynamic' | null {
  if (module === 'Task.Supervisor' || !module.endsWith('Supervisor')) return null
  return module.endsWith('DynamicSupervisor') ? 'dynamic' : 'supervisor'
}

/** The module that takes the list: of a call, of `{M, options}`, of `{M, :start_link, [options]}`. */
function takerName(taker: Expression | null): string | null {
  if (taker?.kind === 'call') return taker.module
  const holder = taker?.kind === 'list' ? taker.parent : taker
  const [started] = holder?.kind === 'tuple' ? holder.elements : []
  return started?.kind === 'module' ? started.name : null
}

/** What takes the variable that the list is bound to. */
function usesOf(list: List, clause: Clause): (Expression | null)[] {
  const match = list.parent
  if (match?.kind !== 'match' || match.pattern.kind !== 'variable') return []
  return clause.variables(match.pattern.name).flatMap((use) => (boundValue(use, clause) === list ? [use.parent] : []))
}

/** A comment on the line, or right above it, that speaks of restarts. One that names the rule silences it as a suppression. */
function isExplained({ line }: Pair, file: SourceFile): boolean {
  const lines = new Map(file.comments.map((comment) => [comment.line, comment]))
  const said = [lines.get(line)?.text ?? '']
  for (let above = line - 1; lines.get(above)?.isTrailing === false; above--) said.push(lines.get(above)!.text)
  return said.some((text) => !text.includes('supervisor-restart-intensity') && /restart/i.test(text))
}
