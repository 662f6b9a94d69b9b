import { type Call, type Clause, defineRule, elixir, type Expression, reach, resolve, whereRuns } from '#engine'
import { jobClauses } from '../oban.ts'
import { broadwayIsNotAJobQueue } from '../principles.ts'
import { spotOf } from '../wording.ts'

/** Functions that take messages out of a queue which something else keeps. */
const RECEIVING =
  /^((ExAws|AWS)\.SQS\.receive_message|AMQP\.Basic\.(get|consume)|AMQP\.Queue\.subscribe|KafkaEx\.(fetch|stream)|:brod\.(fetch|start_link_group_subscriber\w*)|GoogleApi\.PubSub\.\S*subscriptions_pull|Gnat\.sub|Gnat\.Jetstream\.\S*pull\w*|\S*Kinesis\.get_records)$/
const REDIS = /^Redix\.(command|noreply_command|pipeline)!?$/
const REDIS_COMMANDS = new Set(['BLPOP', 'BRPOP', 'BLMOVE', 'BRPOPLPUSH', 'XREADGROUP', 'XREAD'])

export default defineRule({
  id: 'oban-external-queue',
  title: 'Oban used to consume an external queue',
  principles: [broadwayIsNotAJobQueue],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    A job that polls SQS, Kafka or RabbitMQ keeps each message twice: the queue redelivers it when it is not
    acknowledged, and Oban retries the job that read it. There is no back-pressure and no batching, each poll writes
    rows to the database, and between two polls messages lie idle.
  `,
  instead:
    'Consume it with a Broadway pipeline and the producer of that queue; let `handle_message/3` insert an Oban job where a message is work to retry.',
  ignoreWhen: 'In a worker that drains a queue once, by hand.',
  limits: 'Known client libraries only.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Workers.PollOrders do
          use Oban.Worker, queue: :polling

          @impl Oban.Worker
          def perform(_job) do
            "orders"
            |> ExAws.SQS.receive_message(max_number_of_messages: 10) # finding
            |> ExAws.request!()
            |> Shop.Orders.import_messages()
          end
        end
      `,
      good: elixir`
        defmodule Shop.OrderPipeline do
          use Broadway

          def start_link(_opts) do
            Broadway.start_link(__MODULE__,
              name: __MODULE__,
              producer: [module: {BroadwaySQS.Producer, queue_url: "orders"}],
              processors: [default: [concurrency: 4]]
            )
          end

          @impl Broadway
          def handle_message(_processor, message, _context) do
            message.data |> Shop.Workers.ImportOrder.new() |> Oban.insert!()
            message
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['Oban.Worker'],
  *check({ module }) {
    if (ONCE.test(module.name.split('.').at(-1)!)) return
    for (const { clause, hops, from } of reach(jobClauses(module))) {
      for (const call of clause.calls) {
        if (!isReceiving(call, clause) || whereRuns(call, clause).at !== 'here') continue
        yield {
          at: call.at,
          evidence: [call.at, from.head, ...hops.map(spotOf)],
          message:
            `\`${module.name}\` takes messages out of an external queue with \`${call.callee}\` inside a job: ` +
            'the queue and Oban both keep and retry the same work, and there is no back-pressure.',
        }
      }
    }
  },
})

/** Workers that empty a queue once, by hand. */
const ONCE = /Drain|Backfill|Redrive|Replay|Migrat|DeadLetter|Dlq|DLQ/

function isReceiving(call: Call, clause: Clause): boolean {
  if (RECEIVING.test(call.callee)) return true
  const command = REDIS.test(call.callee) ? call.args[1] : undefined
  return command !== undefined && isBlockingRead(resolve(command, clause.module, clause))
}

/** `["BLPOP", key, timeout]`, `~w(BLPOP key 5)`, or a pipeline with one of them. */
function isBlockingRead(command: Expression): boolean {
  if (command.kind === 'text') return REDIS_COMMANDS.has((command.value ?? '').trim().split(/\s/)[0]!.toUpperCase())
  if (command.kind !== 'list') return false
  const [first] = command.elements
  return first?.kind === 'list'
    ? command.elements.some(isBlockingRead)
    : first?.kind === 'text' && isBlockingRead(first)
}
