import {
  ancestors,
  type Call,
  type Clause,
  closureRuns,
  defineRule,
  type Edit,
  elixir,
  fateOf,
  isDiscarded,
  lostThrough,
  type Range,
} from '#engine'
import { taskSupervisor } from '../principles.ts'
import { spotOf } from '../wording.ts'

const STREAMS = ['Task.async_stream', 'Task.Supervisor.async_stream', 'Task.Supervisor.async_stream_nolink']

/** What a process that one of these starts returns, nobody gets. */
const FORGETTING =
  /^(?:Task(?:\.Supervisor)?\.(?:start|start_link|start_child)|(?:Kernel|Process|:erlang|:proc_lib)\.spawn\w*)$/

/** Functions that make one lazy stream of another are all of `Stream` but this one. */
const RUN = 'Stream.run'

export default defineRule({
  id: 'task-stream-not-consumed',
  title: '`async_stream` is lazy and never runs',
  principles: [taskSupervisor],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',
  scripts: 'off',

  why: `
    Task.async_stream only describes the work: it returns a stream, and no task starts before somebody enumerates it.
    Where the stream is thrown away, nothing runs at all. There is no error, no warning and no log line: the work is
    simply not done.
  `,
  instead: 'Run the stream: `|> Stream.run()` where the results do not matter, else a function of `Enum`.',
  ignoreWhen: 'Never: the call has no effect.',
  limits:
    'A stream that is returned, given to another function, or bound to a name that is read, is taken to be enumerated.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Cdn do
          def purge_all(urls) do
            Task.async_stream(urls, &Shop.Cdn.purge/1) # finding
            :ok
          end
        end
      `,
      good: elixir`
        defmodule Shop.Cdn do
          def purge_all(urls) do
            Task.async_stream(urls, &Shop.Cdn.purge/1) |> Stream.run()
            :ok
          end
        end
      `,
    },
  ],

  on: 'call',
  callees: STREAMS,
  *check({ call, clause }) {
    const last = lastStep(call)
    const isForgotten = endsProcess(last, clause)
    const lost = isForgotten ? [] : lostThrough(last, clause)
    if (lost === null) return
    const at = lastLine(last, clause)
    yield {
      at,
      evidence: [call.at, at, ...lost.map(spotOf)],
      message:
        `The stream of \`${call.callee}\` in \`${clause.function.id}\` is thrown away, and it is lazy: not one of its tasks ever starts. ` +
        '`|> Stream.run()` at its end runs them.',
      edit: isForgotten || isDiscarded(last) ? runEdit(last, clause) : null,
    }
  },
})

/** Whether it is the value of a closure that a process runs for which nobody waits. */
function endsProcess(last: Call, clause: Clause): boolean {
  if (fateOf(last, clause).kind !== 'returned') return false
  for (const up of ancestors(last)) {
    if (up.kind !== 'fn' && up.kind !== 'capture') continue
    const where = closureRuns(up, clause)
    return where.at === 'elsewhere' && FORGETTING.test(where.by.callee) && where.by.args.includes(up)
  }
  return false
}

/** The last of the lazy steps that begin with this call. */
function lastStep(call: Call): Call {
  let last = call
  for (;;) {
    const { parent } = last
    if (parent?.kind !== 'call' || parent.module !== 'Stream' || parent.callee === RUN || parent.args[0] !== last)
      return last
    last = parent
  }
}

/** The last line of an expression, without what stands before the expression on it. */
function lastLine({ range }: Call, { file }: Clause): Range {
  const { startLine, startColumn, endLine, endColumn } = range
  const line = file.line(endLine)
  const indentation = line.length - line.trimStart().length + 1
  return { startLine: endLine, startColumn: startLine === endLine ? startColumn : indentation, endLine, endColumn }
}

function runEdit(last: Call, { file }: Clause): Edit | null {
  const { endLine, endColumn } = last.range
  const line = file.line(endLine)
  const before = line.slice(0, endColumn - 1)
  if (!before.endsWith(')')) return null
  const after = line.slice(endColumn - 1)
  const step = /^(\s*)\|>/.exec(file.line(last.at.startLine))
  const text = step === null ? `${before} |> Stream.run()${after}` : `${before}${after}\n${step[1]}|> Stream.run()`
  return { startLine: endLine, endLine, text }
}
