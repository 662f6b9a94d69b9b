import {
  type Call,
  type Clause,
  defineRule,
  elixir,
  fateOf,
  functionsRunBy,
  lostThrough,
  reach,
  whereRuns,
} from '#engine'
import { isOnPurpose } from '../intent.ts'
import { jobClauses } from '../oban.ts'
import { durableWork } from '../principles.ts'
import { spotOf } from '../wording.ts'

const FORGOTTEN = new Set([
  'Task.start',
  'Task.start_link',
  'Task.Supervisor.start_child',
  'Kernel.spawn',
  'Kernel.spawn_link',
  'Process.spawn',
  ':erlang.spawn',
  ':erlang.spawn_link',
  ':proc_lib.spawn',
  ':proc_lib.spawn_link',
])
const ASYNC = new Set(['Task.async', 'Task.Supervisor.async', 'Task.Supervisor.async_nolink'])

export default defineRule({
  id: 'oban-detached-work',
  title: 'The job starts a task and reports success',
  principles: [durableWork],
  set: 'recommended',
  precision: 'P1',
  severity: 'warning',
  since: '0.1.0',

  why: `
    Oban records a job as completed as soon as perform/1 returns. Work that was handed to another process goes on
    outside of the job: when it fails after that nothing is retried, a deploy does not wait for it as Oban waits for
    running jobs, and the queue's concurrency limit no longer counts it. A link does not change that: perform/1 ends
    normally, and a normal end is no signal to anybody.
  `,
  instead: 'Do the work in `perform/1` itself, or insert one job for each part with `Oban.insert_all/1`.',
  ignoreWhen:
    'When the detached part may be lost. Broadcasts, metrics, analytics and caches are taken for that by their names.',
  limits:
    'A process that a function of another module starts is not seen. One whose pid or task is kept and used is taken to be waited for.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Workers.Import do
          use Oban.Worker

          @impl Oban.Worker
          def perform(%Oban.Job{args: %{"file" => file}}) do
            Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.Catalogue.import(file) end) # finding
            :ok
          end
        end
      `,
      good: elixir`
        defmodule Shop.Workers.Import do
          use Oban.Worker

          @impl Oban.Worker
          def perform(%Oban.Job{args: %{"file" => file}}) do
            Shop.Catalogue.import(file)
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['Oban.Worker'],
  words: ['start', 'start_link', 'start_child', 'spawn', 'spawn_link', 'async', 'async_nolink'],
  *check({ module }) {
    const entries = jobClauses(module)
    const reached = reach(entries)
    const isAwaitedSomewhere = reached.some(({ clause }) => waits(clause))
    for (const { clause, hops, from } of reached) {
      if (waits(clause) || isOnPurpose(clause)) continue
      for (const call of clause.calls) {
        const isTask = ASYNC.has(call.callee)
        if ((!FORGOTTEN.has(call.callee) && !isTask) || whereRuns(call, clause).at !== 'here') continue
        const isHandedOn = clause !== from && (isAwaitedSomewhere || (isTask && lostThrough(call, clause) === null))
        if (isKept(call, clause, isHandedOn) || isLosable(call, clause)) continue
        yield {
          at: call.at,
          evidence: [call.at, from.head, ...hops.map(spotOf)],
          message:
            `\`${call.callee.replace('Kernel.', '')}\` moves the work out of the job: \`${module.name}\` reports success while it still runs, ` +
            'so a failure after that is not retried and a deploy loses it.',
        }
      }
    }
  },
})

/** Whether somebody has the pid or the task and does more with it than print it. */
function isKept(call: Call, clause: Clause, isHandedOn: boolean): boolean {
  const fate = fateOf(call, clause)
  if (fate.kind === 'returned') return isHandedOn
  if (fate.kind === 'given') return true
  return fate.kind === 'bound' && fate.uses.some(({ parent }) => !(parent?.kind === 'call' && isMention(parent)))
}

function isMention({ callee, module }: Call): boolean {
  return module === 'Logger' || callee === 'Kernel.inspect' || callee === 'IO.inspect'
}

/** What accompanies the work, or tells others of it: a heartbeat, a broadcast, a metric, a cache that is filled ahead. */
function isLosable(call: Call, clause: Clause): boolean {
  const run = functionsRunBy(call, clause, 0).filter(({ module }) => module === null || !PLAIN.test(module))
  return (
    run.length > 0 && run.every(({ module, name }) => LOSABLE.test(name) || (module !== null && TELLING.test(module)))
  )
}

const PLAIN = /^(?:Kernel|Enum|Process|String|Map|:timer)$/
const TELLING = /^(?:Logger|Phoenix\.PubSub|:telemetry)$|(?:Endpoint|PubSub|Telemetry|Metrics|Analytics|Stats|Cache)$/
const LOSABLE = /heartbeat|keep_?alive|progress|watchdog|extend_lock|renew/

/** A clause that receives, monitors or awaits keeps what it started in the job. */
function waits(clause: Clause): boolean {
  return clause.expressions.some(
    (each) =>
      each.kind === 'receive' ||
      (each.kind === 'call' &&
        /^(?:Process\.monitor|Task\.(?:await|yield|await_many|yield_many))$/.test(each.callee)) ||
      (each.kind === 'capture' && each.function?.module === 'Task' && /^(?:await|yield)$/.test(each.function.name)),
  )
}
