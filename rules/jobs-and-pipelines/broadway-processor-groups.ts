import { type Atom, defineRule, elixir, type Expression } from '#engine'
import { pipelineOption } from '../broadway.ts'
import { broadwayProcessors } from '../principles.ts'

export default defineRule({
  id: 'broadway-processor-groups',
  title: 'More than one processor group',
  principles: [broadwayProcessors],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    Broadway takes exactly one group of processors and raises "Only one set of processors is allowed" at start when
    there are more. Processors are how many messages are handled at the same time, not what kinds of messages there
    are: every processor sees every kind.
  `,
  instead:
    'Keep one group, `processors: [default: [concurrency: n]]`, and dispatch on the message in `handle_message/3`. Several `batchers:` are allowed.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.EventPipeline do
          use Broadway

          def start_link(_opts) do
            Broadway.start_link(__MODULE__,
              name: __MODULE__,
              producer: [module: {BroadwayKafka.Producer, topics: ["shop"]}],
              processors: [
                orders: [concurrency: 4],
                refunds: [concurrency: 2] # finding
              ]
            )
          end

          def handle_message(_processor, message, _context), do: message
        end
      `,
      good: elixir`
        defmodule Shop.EventPipeline do
          use Broadway

          def start_link(_opts) do
            Broadway.start_link(__MODULE__,
              name: __MODULE__,
              producer: [module: {BroadwayKafka.Producer, topics: ["shop"]}],
              processors: [default: [concurrency: 6]]
            )
          end

          def handle_message(_processor, message, _context), do: message
        end
      `,
    },
  ],

  on: 'call',
  callees: ['Broadway.start_link'],
  *check({ call, clause, module }) {
    const groups = pipelineOption(call, clause, 'processors')
    if (groups?.kind !== 'list') return
    const keys = groups.elements.flatMap(keyOf)
    const [first, second] = keys
    if (first === undefined || second === undefined || keys.length !== groups.elements.length) return
    const names = keys.map(({ value }) => `\`${value}\``)
    yield {
      at: second.range,
      evidence: keys.map(({ range }) => range),
      scope: groups.range,
      message:
        `\`${module.name}\` declares ${keys.length} processor groups (${names.join(', ')}), and Broadway allows one: ` +
        'it raises at start, so the pipeline never runs.',
    }
  },
})

/** `orders: [...]`, and the same as `{:orders, [...]}`. */
function keyOf(element: Expression): Atom[] {
  const key =
    element.kind === 'pair'
      ? element.key
      : element.kind === 'tuple' && element.elements.length === 2
        ? element.elements[0]
        : undefined
  return key?.kind === 'atom' ? [key] : []
}
