import {
  type Call,
  type Clause,
  defineRule,
  detachedFunction,
  elixir,
  type Expression,
  expressionWaitsFor,
  type FunctionFact,
  type Range,
  walk,
  whereRuns,
} from '#engine'
import { isTestSupport } from '../callers.ts'
import { simpleAgents } from '../principles.ts'
import { applicationOf, spotOf } from '../wording.ts'
import { isScratchPad, runsElsewhere } from './inside.ts'

const RUNS_INSIDE = ['Agent.get', 'Agent.update', 'Agent.get_and_update', 'Agent.cast']
const MAX_LINES = 15

export default defineRule({
  id: 'agent-expensive-function',
  title: 'Heavy work inside the agent',
  principles: [simpleAgents],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    The function given to an agent runs inside the agent, one at a time. While it waits for a network, a disk or a
    database, every other reader and writer of this agent waits too, and after five seconds their calls exit.
  `,
  instead:
    'Do the slow part before or after in the caller, and give the agent only what changes. If both must be one step, use a GenServer that leaves the work to a task.',
  limits:
    'Work inside functions of other modules is not seen. A long function counts where it has a loop or calls another module of the application. An agent that a function starts for its own work and that is stopped again may wait.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Token do
          def fetch(url) do
            Agent.get_and_update(Shop.Tokens, fn state -> # finding
              token = Req.post!(url).body
              {token, Map.put(state, :token, token)}
            end)
          end
        end
      `,
      good: elixir`
        defmodule Shop.Token do
          def fetch(url) do
            token = Req.post!(url).body
            Agent.update(Shop.Tokens, &Map.put(&1, :token, token))
            token
          end
        end
      `,
    },
  ],

  on: 'call',
  callees: RUNS_INSIDE,
  *check({ call, clause }) {
    const [agent, fun] = call.args
    if (agent === undefined || fun === undefined || isTestSupport(clause.module)) return
    const slow = slowIn(call, fun, clause)
    if (slow !== null) {
      if (isScratchPad(agent, clause)) return
      yield {
        at: call.at,
        evidence: [call.at, slow.at],
        message:
          `The function given to \`${call.callee}\` runs inside the agent and waits there for \`${slow.name}\`: ` +
          'every other user of this agent waits with it.',
      }
      return
    }
    const lines = fun.range.endLine - fun.range.startLine + 1
    const work = fun.kind === 'fn' && lines > MAX_LINES ? workIn(fun, lines, clause) : null
    if (work === null) return
    yield {
      at: call.at,
      severity: 'info',
      message: `These ${lines} lines, with \`${work}\`, run inside the agent, one caller at a time.`,
    }
  },
})

const LOOPS = new Set(['Enum', 'Stream', ':lists'])
/** Functions of those that look at a few elements. */
const QUICK_LOOK = new Set(['at', 'empty?', 'fetch', 'fetch!', 'random', 'slice', 'take', 'nth', 'last'])

/**
 * What makes many lines long in time as well: a loop, or a function of another module of the application. Lines that only
 * put an entry together take no longer than one, and belong inside where they must be one step. A helper that loops over
 * something counts where the lines are twice as many.
 */
function workIn(fun: Expression, lines: number, clause: Clause): string | null {
  const application = `${applicationOf(clause.module)}.`
  for (const each of walk(fun)) {
    if (runsElsewhere(each, fun, clause)) continue
    if (isLoop(each)) return each.kind === 'call' ? each.callee : 'for'
    if (each.kind !== 'call') continue
    if (each.module?.startsWith(application)) return each.callee
    const helper = each.isLocal && lines > 2 * MAX_LINES ? clause.module.function(each.name, each.arity) : undefined
    if (helper?.clauses.some(({ expressions }) => expressions.some(isLoop))) return each.name
  }
  return null
}

function isLoop(each: Expression): boolean {
  if (each.kind === 'for') return true
  return each.kind === 'call' && each.module !== null && LOOPS.has(each.module) && !QUICK_LOOK.has(each.name)
}

/** The first thing that the function waits for, itself or in a function of this module that it calls. */
function slowIn(call: Call, fun: Expression, clause: Clause): Slow | null {
  const { module } = clause
  const named = detachedFunction(call) ?? (fun.kind === 'capture' ? fun.function : null)
  if (named !== null) {
    if (named.module !== null && named.module !== module.name) return null
    return slowInHelper(module.function(named.name, named.arity))
  }
  if (fun.kind !== 'fn' && fun.kind !== 'capture') return null
  for (const each of walk(fun)) {
    if (runsElsewhere(each, fun, clause)) continue
    if (isSlow(each)) return { at: spotOf(each), name: nameOfSlow(each) }
    const helper = each.kind === 'call' && each.isLocal ? module.function(each.name, each.arity) : undefined
    const slow = helper === clause.function ? null : slowInHelper(helper)
    if (slow !== null) return slow
  }
  return null
}

interface Slow {
  at: Range
  name: string
}

function slowInHelper(helper: FunctionFact | undefined): Slow | null {
  for (const clause of helper?.clauses ?? []) {
    const slow = clause.expressions.find((each) => isSlow(each) && whereRuns(each, clause).at === 'here')
    if (slow !== undefined) return { at: spotOf(slow), name: nameOfSlow(slow) }
  }
  return null
}

/** A look at a file's name costs next to nothing. */
const QUICK_FILE = new Set(['exists?', 'cwd', 'cwd!', 'dir?', 'regular?', 'stream!'])

function isSlow(each: Expression): boolean {
  if (expressionWaitsFor(each) !== null) return true
  return (
    each.kind === 'call' && (each.callee === 'GenServer.call' || (each.module === 'File' && !QUICK_FILE.has(each.name)))
  )
}

function nameOfSlow(each: Expression): string {
  if (each.kind === 'call') return each.callee
  return each.kind === 'capture' ? each.text.replace(/^&/, '') : 'receive'
}
