import {
  type Call,
  canonical,
  type Clause,
  clausesFor,
  defineRule,
  detachedFunction,
  elixir,
  type Expression,
  isSame,
  isSelf,
  localCalls,
  type Module,
  ownNames,
  resolve,
  rebinds,
  variablesIn,
  walk,
  whereRuns,
} from '#engine'
import { neverCallYourself, simpleAgents } from '../principles.ts'
import { meansAgent, runsElsewhere } from './inside.ts'
import { spotOf } from '../wording.ts'

/** Calls that run a function inside the agent. */
const RUNS_INSIDE = new Set(['Agent.get', 'Agent.update', 'Agent.get_and_update', 'Agent.cast'])
/** Those that wait for the agent. */
const WAITS = new Set(['Agent.get', 'Agent.update', 'Agent.get_and_update', 'Agent.stop'])

export default defineRule({
  id: 'agent-nested-call',
  title: 'An agent calls itself from its own function',
  principles: [simpleAgents, neverCallYourself],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    The function given to Agent.update and its relatives runs inside the agent. A call of the same agent from in there
    could only be answered by the process that waits for the answer, so it exits at once with :calling_self and takes
    the agent, with its state, down.
  `,
  instead: 'Use the state that the function receives as its argument.',
  limits: 'Of a function with several clauses, each that can run must call the agent.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Counter do
          use Agent

          def start_link(_opts), do: Agent.start_link(fn -> %{n: 0} end, name: __MODULE__)
          def count, do: Agent.get(__MODULE__, & &1.n)

          def bump do
            Agent.update(__MODULE__, fn state -> Map.put(state, :n, count() + 1) end) # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.Counter do
          use Agent

          def start_link(_opts), do: Agent.start_link(fn -> %{n: 0} end, name: __MODULE__)
          def count, do: Agent.get(__MODULE__, & &1.n)

          def bump do
            Agent.update(__MODULE__, fn state -> Map.put(state, :n, state.n + 1) end)
          end
        end
      `,
    },
  ],

  on: 'call',
  callees: [...RUNS_INSIDE],
  *check({ call, clause }) {
    const [agent, fun] = call.args
    if (agent === undefined || fun === undefined) return
    for (const { inner, at } of callsInside(call, agent, fun, clause)) {
      yield {
        at: spotOf(at),
        evidence: [spotOf(at), call.at, inner.at],
        message:
          `This runs inside \`${agent.text}\`, and \`${inner.callee}\` calls that same agent. It exits with \`:calling_self\` ` +
          `and the agent loses its state. Use the state that the function gets: it is ${stateOf(fun)}.`,
      }
    }
  },
})

/** Calls of the same agent below the function argument, directly or through functions of this module. */
function* callsInside(
  call: Call,
  agent: Expression,
  fun: Expression,
  clause: Clause,
): Iterable<{ inner: Call; at: Expression }> {
  const { module } = clause
  // `Agent.update(agent, __MODULE__, :bump, [2])` and `&bump/1`.
  const named = detachedFunction(call) ?? (fun.kind === 'capture' ? fun.function : null)
  if (named !== null) {
    if (named.module !== null && named.module !== module.name) return
    const nested = nestedIn(module.function(named.name, named.arity)?.clauses ?? [], agent, null, module)
    if (nested !== undefined) yield { inner: nested.inner, at: nested.by ?? nested.inner }
    return
  }
  if (fun.kind !== 'fn' && fun.kind !== 'capture') return
  for (const each of walk(fun)) {
    if (runsElsewhere(each, fun, clause)) continue
    if (each.kind === 'call' && WAITS.has(each.callee)) {
      const [target] = each.args
      if (target === undefined || isShadowed(target, fun)) continue
      // The function runs in the agent, so `self()` there is the agent.
      if (isSame(target, agent, module) || isSelfInside(target)) yield { inner: each, at: each }
      continue
    }
    const helper = calledHere(each, clause)
    const by = isShadowed(agent, fun) ? null : each
    const nested = helper === undefined ? undefined : nestedIn(clausesFor(each, helper, clause), agent, by, module)
    if (nested !== undefined) yield { inner: nested.inner, at: each }
  }
}

function calledHere(each: Expression, clause: Clause) {
  if (each.kind === 'call' && each.isLocal) return clause.module.function(each.name, each.arity)
  if (each.kind === 'variable' && !clause.isBound(each.name)) return clause.module.function(each.name, 0)
  return undefined
}

interface Nested {
  inner: Call
  /** What makes the hop to it. */
  by: Expression | undefined
}

/**
 * A call of the agent in each of these clauses or one hop away. They are called with `by`; null where what they are given
 * is not written there, or means something else. Where a clause makes none, it may be there for the state.
 */
function nestedIn(
  clauses: readonly Clause[],
  agent: Expression,
  by: Expression | null,
  module: Module,
): Nested | undefined {
  const found = clauses.map((clause) => {
    const inner = nestedCall(clause, agent, by, module)
    return inner === undefined ? nestedBelow(clause, agent, module) : { inner, by: undefined }
  })
  return found.includes(undefined) ? undefined : found[0]
}

function nestedBelow(clause: Clause, agent: Expression, module: Module): Nested | undefined {
  for (const { fun, by } of localCalls(clause)) {
    const found = clausesFor(by, fun, clause).map((below) => nestedCall(below, agent, null, module))
    if (found[0] !== undefined && !found.includes(undefined)) return { inner: found[0], by }
  }
  return undefined
}

function nestedCall(clause: Clause, agent: Expression, by: Expression | null, module: Module): Call | undefined {
  return clause.calls.find((call) => isNested(call, agent, clause, by, module))
}

/** In a helper the name that this module registers says which agent is meant, or what the helper is given. */
function isNested(inner: Call, agent: Expression, helper: Clause, by: Expression | null, module: Module): boolean {
  const [target] = inner.args
  if (!WAITS.has(inner.callee) || target === undefined || whereRuns(inner, helper).at !== 'here') return false
  if (isSelf(target, helper)) return true
  if (by !== null && meansAgent(target, agent, helper, by)) return true
  const name = resolve(agent, module)
  if (name.kind !== 'module' && name.kind !== 'atom') return false
  const isOwn = ownNames(module).has(canonical(name)) || canonical(resolve(target, module)) === canonical(name)
  return isOwn && isSame(target, agent, module)
}

function isSelfInside(target: Expression): boolean {
  return target.kind === 'call' && target.callee === 'Kernel.self'
}

/** `Agent.get(shop, fn shop -> ... end)`, `via(id)` below a pattern with `id`: inside, the name means something else. */
function isShadowed(target: Expression, fun: Expression): boolean {
  return variablesIn(target).some((name) => rebinds(fun, name))
}

function stateOf(fun: Expression): string {
  const param = fun.kind === 'fn' ? fun.branches[0]?.patterns[0] : undefined
  if (fun.kind === 'capture' && fun.body !== null) return '`&1`'
  return param?.kind === 'variable' && !param.name.startsWith('_')
    ? `\`${param.name}\``
    : 'the argument of this function'
}
