import { type Clause, defineRule, elixir, type Expression, type List, partsOf, resolve } from '#engine'
import { registryIsOneNode } from '../principles.ts'

/** Functions that tell what the machine has. */
const MACHINE = new Set(['System.schedulers', 'System.schedulers_online', ':erlang.system_info', ':erlang.system_flag'])

/** Options that must be the same on all nodes. */
const SIZES = ['pool_size', 'broadcast_pool_size']

export default defineRule({
  id: 'pubsub-pool-size-varies',
  title: 'PubSub pool size depends on the machine',
  principles: [registryIsOneNode],
  set: 'recommended',
  precision: 'P1',
  severity: 'warning',
  since: '0.1.0',

  why: `
    Phoenix.PubSub spreads broadcasts over as many groups as its pool has, and the node that sends picks the group. Every
    node has to listen to all of them, so the size has to be the same everywhere. A node with fewer schedulers has fewer
    groups: what is sent to the others never reaches its subscribers, and nothing says so.
  `,
  instead:
    'Write a fixed number. To change it on a running cluster, deploy the new `pool_size` with the old `broadcast_pool_size` first.',
  ignoreWhen: 'When the application never runs on more than one node.',
  limits: 'A size that is computed in another file is not seen.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Application do
          use Application

          def start(_type, _args) do
            children = [
              {Phoenix.PubSub, name: Shop.PubSub, pool_size: System.schedulers_online()} # finding
            ]

            Supervisor.start_link(children, strategy: :one_for_one)
          end
        end
      `,
      good: elixir`
        defmodule Shop.Application do
          use Application

          def start(_type, _args) do
            children = [
              {Phoenix.PubSub, name: Shop.PubSub, pool_size: 4}
            ]

            Supervisor.start_link(children, strategy: :one_for_one)
          end
        end
      `,
    },
  ],

  on: 'module',
  words: [['PubSub'], SIZES],
  *check({ module }) {
    for (const clause of module.functions.flatMap((fun) => fun.clauses)) {
      for (const each of clause.expressions) {
        const options = optionsOf(each, clause)
        if (options === null || hasOtherAdapter(options)) continue
        for (const key of SIZES) {
          const size = options.pair(key)
          if (size === undefined || ![...partsOf(size.value, clause)].some(asksMachine)) continue
          yield {
            at: size.range,
            evidence: [size.range, each.range],
            message: `\`${key}\` differs between machines here: a broadcast goes to one group of the sender's pool, and a node with fewer schedulers does not listen to all of them, so its subscribers miss messages without an error.`,
          }
        }
      }
    }
  },
})

/** Of `{Phoenix.PubSub, options}` and `Phoenix.PubSub.child_spec(options)`. */
function optionsOf(expression: Expression, clause: Clause): List | null {
  let options: Expression | undefined
  if (expression.kind === 'tuple' && expression.elements.length === 2) {
    const [started, given] = expression.elements
    if (started?.kind === 'module' && started.name === 'Phoenix.PubSub') options = given
  }
  if (expression.kind === 'call' && expression.callee === 'Phoenix.PubSub.child_spec') options = expression.args[0]
  const term = options === undefined ? undefined : resolve(options, clause.module, clause)
  return term?.kind === 'list' ? term : null
}

/** Other adapters have pools of connections, which are each node's own. */
function hasOtherAdapter(options: List): boolean {
  const adapter = options.get('adapter')
  return adapter !== undefined && !(adapter.kind === 'module' && adapter.name === 'Phoenix.PubSub.PG2')
}

function asksMachine(expression: Expression): boolean {
  if (expression.kind !== 'call' || !MACHINE.has(expression.callee)) return false
  if (expression.module === 'System') return true
  const [what] = expression.args
  return what?.kind === 'atom' && what.value.startsWith('schedulers')
}
