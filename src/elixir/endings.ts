// Whether code comes to an end: no loop, no waiting for ever, nothing unknown in the last place. It knows no rule.
import { waitsFor } from './blocking.ts'
import { type Expression, walk } from './expression.ts'
import type { Clause, FunctionFact } from './module.ts'
import { tails } from './tails.ts'

/** Code that a process runs, with the clause it is written in. */
export interface Code {
  body: Expression
  clause: Clause
}

/** Functions that go on for as long as the process lives, by what they are called. */
const ENDLESS =
  /(?:^|_)(?:accept|await|consume|enter_loop|follow|forever|hibernate|join|listen|loop|monitor|observe|poll|recv|run_forever|serve|sleep|start_link|stream|subscribe|tail|wait|watch|work)(?:_|[?!]?$)/

/** Modules of which every function comes back, unless what it is given does not end. */
const FINITE =
  /^(?:Access|Application|Base|Calendar|Code|Date|DateTime|Decimal|Enum|Ecto\.Migrator|File|Float|IO|Integer|Jason|Kernel|Keyword|List|Logger|Map|MapSet|NaiveDateTime|Path|Phoenix\.PubSub|Regex|String|System|Time|Tuple|URI|:ets|:persistent_term|:logger|:maps|:lists|(?:.*\.)?Repo)$/

/** These end more than the code around them. */
const LEAVING = /^(?:exit|halt|raise|reraise|restart|stop|throw)$/

/** What functions of others are called that do one thing and come back. */
const ONE_SHOT =
  /^(?:announce|backfill|build|check|clean|cleanup|clear|compile|configure|copy|create|delete|ensure|export|fetch|fill|flush|import|init|insert|install|load|migrate|notify|populate|precompute|prefetch|preload|prepare|prune|purge|put|reconcile|refresh|register|reload|remove|report|reset|restore|seed|send|set|setup|store|sync|update|upload|validate|verify|warm|warmup|write)(?:_|[?!]?$)/

/**
 * Whether the code visibly ends: none of it, nor of the functions of the file that it runs, recurses, receives, reads a
 * stream or sleeps, and what stands in the last place is known to come back.
 */
export function endsByItself({ body, clause }: Code): boolean {
  return ends(body, clause, { above: new Set(), ending: new Set() })
}

/** Functions that are being looked into: one of them again is a loop. And those that were found to end. */
interface Seen {
  above: ReadonlySet<FunctionFact>
  ending: Set<FunctionFact>
}

function ends(body: Expression, clause: Clause, { above, ending }: Seen): boolean {
  for (const each of walk(body)) {
    if (isEndless(each)) return false
    const fun = localFunction(each, clause)
    if (fun === undefined || ending.has(fun)) continue
    if (above.has(fun)) return false
    const inner = { above: new Set(above).add(fun), ending }
    if (fun.clauses.some((other) => other.body === null || !ends(other.body, other, inner))) return false
    ending.add(fun)
  }
  return tails(body).every(({ expression }) => expression === null || comesBack(expression, clause))
}

function isEndless(expression: Expression): boolean {
  switch (expression.kind) {
    case 'receive':
    case 'opaque':
      return true
    case 'variable':
      return /(?:^|_)stream$/.test(expression.name)
    case 'call':
      return (
        expression.module === 'Stream' ||
        ENDLESS.test(expression.name) ||
        expression.args.some((arg) => arg.kind === 'atom' && arg.value === 'infinity')
      )
    default:
      return false
  }
}

function comesBack(expression: Expression, clause: Clause): boolean {
  switch (expression.kind) {
    case 'call':
      // A function of the file was looked into.
      if (expression.isLocal) return localFunction(expression, clause) !== undefined
      if (LEAVING.test(expression.name)) return false
      if (expression.module === null) return false
      return FINITE.test(expression.module) || ONE_SHOT.test(expression.name) || waitsFor(expression) !== null
    case 'variable':
      return clause.isBound(expression.name) || localFunction(expression, clause) !== undefined
    case 'for':
      return true
    default:
      return expression.kind !== 'opaque' && expression.kind !== 'with'
  }
}

/** A function of the same file that an expression runs: of the module, or of another one in it. */
function localFunction(expression: Expression, clause: Clause): FunctionFact | undefined {
  const { module } = clause
  if (expression.kind === 'variable')
    return clause.isBound(expression.name) ? undefined : module.function(expression.name, 0)
  if (expression.kind === 'capture' && expression.function !== null) {
    const { module: other, name, arity } = expression.function
    return other === null ? module.function(name, arity) : undefined
  }
  if (expression.kind !== 'call' || expression.receiver !== null) return undefined
  const owner = expression.module === null ? module : module.file.modules.find(({ name }) => name === expression.module)
  return owner?.function(expression.name, expression.arity)
}
