import {
  ancestors,
  type Call,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  type MapTerm,
  type Module,
  type Problem,
  type Range,
  reach,
  resolve,
  waitsFor,
  walk,
} from '#engine'
import { pipelineOption } from '../broadway.ts'
import { isTestSupport } from '../callers.ts'
import { broadwayIsNotAJobQueue } from '../principles.ts'

const TEST_FUNCTIONS = new Set(['Broadway.test_message', 'Broadway.test_batch'])

/** What may be lost is rightly kept in memory until there is a batch of it. */
const LOSABLE = /(?:Log|Metric|Telemetry|Stat|Statistic|Analytic|Trace|Buffer|Ingest|Ingestion)s?(?=[A-Z.]|$)/

/** Names of schemas and tables that hold work to do. */
const JOBS = /(?:^|[._]|[a-z])(?:jobs?|tasks?)$/i
const PROGRESS = new Set(['state', 'status', 'attempts'])

export default defineRule({
  id: 'broadway-as-job-queue',
  title: 'Broadway used to run background jobs',
  principles: [broadwayIsNotAJobQueue],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',
  scripts: 'off',

  why: `
    Broadway moves messages out of a queue that something else keeps: SQS, Kafka, RabbitMQ. It has no storage and no
    retries of its own, so a message that was pushed in by hand exists only in memory: a deploy, a crash of the
    pipeline or a failed message loses the work, and nobody can see that it was there. A producer that polls a table of
    jobs is the beginning of a job queue, and retries, scheduling and rescuing what a crash left behind are still to
    be written.
  `,
  instead:
    'Make it a job: a module with `use Oban.Worker`, inserted with `Oban.insert/1`. From an external queue, let `handle_message/3` insert the job.',
  ignoreWhen: 'When the messages may be lost: an in-memory buffer that batches metrics or logs.',
  limits:
    'A producer that is chosen at run time, messages that another module makes, and queries of other modules are not seen. What has an acknowledger of its own is taken to be stored somewhere.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Emails do
          def send_later(user_id) do
            message = %Broadway.Message{data: user_id, acknowledger: Broadway.NoopAcknowledger.init()}
            Broadway.push_messages(Shop.EmailPipeline, [message]) # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.Emails do
          def send_later(user_id) do
            %{user_id: user_id} |> Shop.Workers.Email.new() |> Oban.insert()
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['Broadway'],
  *check({ module }) {
    if (isTestSupport(module) || /(?:^|\.)Test[A-Z]\w*$/.test(module.name)) return
    for (const fun of module.functions) for (const clause of fun.clauses) yield* fedByHand(clause)
    if (!module.is('Broadway') && !isProducer(module)) return
    yield* polled(module)
  },
})

/** Messages that are pushed in, and a producer that waits for them. */
function* fedByHand(clause: Clause): Iterable<Problem> {
  const { module } = clause
  for (const call of clause.calls) {
    // Under `if Mix.env() == :prod ... else` it stands in for the queue that production has.
    if (
      (TEST_FUNCTIONS.has(call.callee) && !clause.isConditional) ||
      (call.callee === 'Broadway.push_messages' && isWorkPushed(call, clause))
    ) {
      const pipeline = call.args[0]?.kind === 'module' ? `\`${call.args[0].name}\`` : 'a pipeline'
      yield {
        at: call.at,
        message:
          `\`${call.callee}\` in \`${clause.function.id}\` puts work into the memory of ${pipeline}: Broadway neither stores ` +
          'nor retries it, so a deploy or a crash loses it.',
      }
    }
    if (call.callee !== 'Broadway.start_link') continue
    const producer = pipelineOption(call, clause, 'producer', 'module')
    const name = producer?.kind === 'tuple' ? producer.elements[0] : undefined
    if (name?.kind !== 'module' || name.name !== 'Broadway.DummyProducer' || LOSABLE.test(module.name)) continue
    yield {
      at: producer!.range,
      evidence: [producer!.range, call.at],
      message:
        `\`Broadway.DummyProducer\` produces nothing: \`${module.name}\` can only be fed with \`Broadway.push_messages/2\`, ` +
        'and what is pushed lives in memory alone.',
    }
  }
}

/** Whether the pushed messages are made here, and nobody but the pipeline knows of them. */
function isWorkPushed(push: Call, clause: Clause): boolean {
  const { module } = clause
  const [pipeline, given] = push.args
  if (LOSABLE.test(module.name) || (pipeline !== undefined && LOSABLE.test(pipeline.text))) return false
  const made = module.functions.flatMap((fun) => fun.clauses.flatMap((each) => messagesIn(each.expressions)))
  if (made.length > 0) return made.every((message) => isUnacknowledged(message, module))
  const messages = given === undefined ? undefined : resolve(given, module, clause)
  return (
    messages?.kind === 'list' && messages.elements.length > 0 && messages.elements.every(({ kind }) => kind === 'map')
  )
}

function messagesIn(expressions: readonly Expression[]): MapTerm[] {
  return expressions.filter(
    (each) => each.kind === 'map' && each.struct === 'Broadway.Message' && each.updated === null,
  ) as MapTerm[]
}

function isUnacknowledged(message: MapTerm, module: Module): boolean {
  const acknowledger = message.get('acknowledger')
  if (acknowledger === undefined) return true
  const term = resolve(acknowledger, module)
  if (term.kind === 'call') return term.module === 'Broadway.NoopAcknowledger'
  const name = term.kind === 'tuple' ? term.elements[0] : undefined
  return name?.kind === 'module' && /^Broadway\.(Noop|Caller)Acknowledger$/.test(name.name)
}

function isProducer(module: Module): boolean {
  if (module.behaviours.includes('Broadway.Producer')) return true
  const makesMessages = module.functions.some((fun) =>
    fun.clauses.some((each) => messagesIn(each.expressions).length > 0),
  )
  return module.is('GenStage') && makesMessages && module.has('handle_demand', 2)
}

/** Rows of a database that are taken for messages. */
function* polled(module: Module): Iterable<Problem> {
  const clauses = module.functions.flatMap((fun) => fun.clauses)
  const reads = clauses.flatMap((clause) => clause.expressions.flatMap((each) => jobQuery(each, clause) ?? []))
  for (const { at, field, table, isClaim } of reads) {
    // A message that tells how far a job is may well set that job's status.
    if (!isClaim && !isProducer(module)) continue
    const update = clauses.flatMap((clause) => clause.expressions.filter((each) => sets(each, field)))[0]
    if (update === undefined) continue
    yield {
      at,
      evidence: [at, update.range],
      message:
        `\`${module.name}\` takes rows of \`${table}\` by their \`${field}\` and sets it again: a job queue of its own, in which ` +
        'nobody retries a failed row or picks up those that a crash leaves behind.',
    }
    return
  }
  if (module.is('Broadway')) return
  const isPolling = clauses.some(({ calls }) => calls.some(({ callee }) => callee === ':timer.send_interval'))
  for (const handler of LOSABLE.test(module.name) ? [] : module.clauses('handle_info', 2)) {
    const calls = reach([handler]).flatMap(({ clause }) => clause.calls)
    const timer = calls.find(({ callee }) => TIMERS.has(callee))
    const read = calls.find((call) => waitsFor(call) === 'database' && /^(?:all|one|query)!?$/.test(call.name))
    if (read === undefined || (timer === undefined && !isPolling)) continue
    yield {
      at: read.at,
      evidence: [read.at, handler.head, ...(timer === undefined ? [] : [timer.at])],
      severity: 'info',
      set: 'strict',
      message: `\`${module.name}\` polls a database on a timer and feeds what it finds to Broadway: work that waits in a table is what a job queue is for.`,
    }
    return
  }
}

const TIMERS = new Set(['Process.send_after', ':timer.send_after', ':erlang.send_after'])

interface JobQuery {
  at: Range
  field: string
  table: string
  /** Whether it takes so many rows, locks them, or takes them from Oban: what a worker does that looks for work. */
  isClaim: boolean
}

/** `from j in Job, where: j.status == "pending"`, or `where` on a query of that schema. */
function jobQuery(expression: Expression, clause: Clause): JobQuery | null {
  if (expression.kind !== 'call' || !/^(?:from|where)$/.test(expression.name)) return null
  const table = tableOf(expression.args[0], clause)
  if (table === null) return null
  for (const condition of conditionsOf(expression)) {
    for (const each of walk(condition)) {
      const field =
        each.kind === 'field' ? each.field : each.kind === 'pair' && each.key.kind === 'atom' ? each.key.value : null
      if (field !== null && PROGRESS.has(field))
        return { at: expression.at, field, table, isClaim: table === 'Oban.Job' || isClaim(expression) }
    }
  }
  return null
}

function isClaim(query: Call): boolean {
  const options = query.args[1]
  if (options?.kind === 'list' && (options.get('limit') !== undefined || options.get('lock') !== undefined)) return true
  return [...ancestors(query), ...walk(query)].some(
    (each) => each.kind === 'call' && /^(?:limit|lock)$/.test(each.name),
  )
}

function conditionsOf({ name, args }: Call): Expression[] {
  if (name === 'where') return args.slice(1)
  const [, options] = args
  if (options?.kind !== 'list') return []
  return options.elements.flatMap((each) =>
    each.kind === 'pair' && each.key.kind === 'atom' && /^(?:or_)?where$/.test(each.key.value) ? [each.value] : [],
  )
}

/** The schema or table that a query begins with, where that is one of jobs. */
function tableOf(source: Expression | undefined, clause: Clause): string | null {
  if (source === undefined) return null
  const term = resolve(source, clause.module, clause)
  if (term.kind === 'operator' && term.operator === 'in') return tableOf(term.operands[1], clause)
  if (term.kind === 'call')
    return /^(?:from|where|limit|order_by|lock|select)$/.test(term.name) ? tableOf(term.args[0], clause) : null
  const name = term.kind === 'module' ? term.name : term.kind === 'text' ? term.value : null
  return name !== null && JOBS.test(name) ? name : null
}

/** `set: [status: ...]`, or a change of that field: `change(job, status: ...)`, `Job.changeset(job, %{status: ...})`. */
function sets(expression: Expression, field: string): boolean {
  if (expression.kind !== 'pair' || expression.key.kind !== 'atom' || expression.key.value !== field) return false
  for (const up of ancestors(expression)) {
    if (up.kind === 'pair' && up.key.kind === 'atom' && /^(?:set|inc)$/.test(up.key.value)) return true
    if (up.kind === 'call') return /^(?:change|changeset|\w+_changeset|update\w*!?|set)$/.test(up.name)
    if (up.kind === 'block' || up.kind === 'branch') return false
  }
  return false
}
