import { ancestors, type Call, type Clause, defineRule, elixir, type Expression, partsOf, type Problem } from '#engine'
import { registryIsOneNode } from '../principles.ts'

const REMOTE = /^:e?rpc\.(call|cast|multicall|multicast|async_call|send_request|block_call)$/

/** Functions that read or write a registry. */
const REGISTRY =
  /^Registry\.(count|count_match|count_select|dispatch|keys|lookup|match|register|select|unregister|unregister_match|update_value|values)$/

export default defineRule({
  id: 'registry-across-nodes',
  title: 'Registry used as if it were cluster-wide',
  principles: [registryIsOneNode],
  set: 'strict',
  precision: 'P3',
  severity: 'info',
  since: '0.1.0',

  why: `
    A Registry knows the processes of its own node. Asking the registries of all nodes in turn costs a round trip each,
    fails where a node is just going away, and gives no answer that holds: a name can be registered on two nodes at once,
    and between the question and the use of its answer anything can happen.
  `,
  instead:
    'Use `:pg` for groups of processes, `Horde.Registry`, `:global` or `syn` for names that are unique in the cluster (expect duplicates after a netsplit), `Phoenix.PubSub` for messages.',
  ignoreWhen: 'When each node is meant to have processes of its own under the same keys, as in an administration page.',
  limits: 'A function of the project that is called on other nodes, and uses a registry there, is not reported.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Sessions do
          def find(id) do
            Enum.find_value(Node.list(), fn node ->
              :rpc.call(node, Registry, :lookup, [Shop.Registry, id]) # finding
            end)
          end
        end
      `,
      good: elixir`
        defmodule Shop.Sessions do
          def find(id), do: :pg.get_members(Shop.Groups, {:session, id})
        end
      `,
    },
  ],

  on: 'module',
  words: [['Registry'], ['list', 'nodes', 'rpc', 'erpc']],
  *check({ module }) {
    if (/PubSub/.test(module.name) || module.behaviours.includes('Phoenix.PubSub.Adapter')) return
    for (const clause of module.functions.flatMap((fun) => fun.clauses)) yield* across(clause)
  },
})

function* across(clause: Clause): Iterable<Problem> {
  for (const call of clause.calls) {
    const used = remotely(call)
    if (used !== null) {
      yield {
        at: call.at,
        message: `\`${call.callee}\` asks the \`Registry\` of another node: it knows the processes of that node alone, so \`${used}\` says nothing of the cluster, and a node that is going away makes the call fail.`,
      }
      continue
    }
    const nodes = REGISTRY.test(call.callee) ? nodesAround(call, clause) : null
    if (nodes === null) continue
    yield {
      at: call.at,
      evidence: [call.at, nodes.range],
      message: `\`${call.callee}\` runs for every node of \`${nodes.text}\`, but a \`Registry\` knows the processes of one node alone.`,
    }
  }
}

/** The function of Registry that runs on other nodes, as far as the call says so. */
function remotely(call: Call): string | null {
  // The node of a pid is the one whose registry knows it.
  const [node] = call.args
  if (!REMOTE.test(call.callee) || (node?.kind === 'call' && node.callee === 'Kernel.node' && node.arity === 1))
    return null
  for (const [index, arg] of call.args.entries()) {
    const name = call.args[index + 1]
    if (arg.kind === 'module' && arg.name === 'Registry')
      return name?.kind === 'atom' ? `Registry.${name.value}` : 'Registry'
    if (arg.kind === 'capture' && arg.function?.module === 'Registry') return `Registry.${arg.function.name}`
    if (arg.kind !== 'fn' && arg.kind !== 'capture') continue
    const body = arg.kind === 'fn' ? arg.branches[0]?.body : arg.body
    if (body?.kind === 'call' && REGISTRY.test(body.callee)) return body.callee
  }
  return null
}

/** The list of nodes over which the code around the call goes. */
function nodesAround(call: Call, clause: Clause): Expression | null {
  for (const up of ancestors(call)) {
    if (up.kind === 'call' && up.module === 'Enum' && up.args[0] !== undefined && isNodes(up.args[0], clause))
      return up.args[0]
    if (up.kind !== 'for') continue
    const draw = up.steps.find((step) => step.kind === 'draw' && isNodes(step.value, clause))
    if (draw?.kind === 'draw') return draw.value
  }
  return null
}

function isNodes(source: Expression, clause: Clause): boolean {
  for (const each of partsOf(source, clause)) {
    if (each.kind === 'call' && /^(Node\.list|:erlang\.nodes)$/.test(each.callee)) return true
  }
  return false
}
