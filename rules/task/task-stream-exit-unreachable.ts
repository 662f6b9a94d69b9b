import {
  type Branch,
  type Call,
  type Capture,
  type Clause,
  defineRule,
  elixir,
  endsByRaising,
  type Expression,
  fateOf,
  localCalls,
  type Module,
  resolve,
  mayTrapExits,
  walk,
} from '#engine'
import { taskSupervisor } from '../principles.ts'
import { taskSupervisorOf } from '../task-supervisor.ts'

/** Streams of linked tasks, with the position of the first argument after the enumerable. */
const STREAMS: Readonly<Record<string, number>> = { 'Task.async_stream': 1, 'Task.Supervisor.async_stream': 2 }

export default defineRule({
  id: 'task-stream-exit-unreachable',
  title: '`{:exit, _}` from a linked stream',
  principles: [taskSupervisor],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',
  scripts: 'off',

  why: `
    The tasks of async_stream are linked to the process that reads the stream. When one crashes, the exit signal kills
    that process, and the results that were already there are gone with it: {:exit, reason} never comes out of the
    stream. It does with async_stream_nolink, with on_timeout: :kill_task for tasks that take too long, and in a process
    that traps exits.
  `,
  instead:
    'Use `Task.Supervisor.async_stream_nolink(MyApp.TaskSupervisor, ...)`, or `on_timeout: :kill_task` where only time-outs are meant.',
  ignoreWhen: 'When every caller is known to trap exits.',
  limits:
    'Only the pipeline and names of the same function are followed, and a private function that is captured there alone.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Stores do
          def stock(stores) do
            stores
            |> Task.async_stream(&Shop.Store.stock/1) # finding
            |> Enum.map(fn
              {:ok, stock} -> stock
              {:exit, _reason} -> 0
            end)
          end
        end
      `,
      good: elixir`
        defmodule Shop.Stores do
          def stock(stores) do
            Shop.TaskSupervisor
            |> Task.Supervisor.async_stream_nolink(stores, &Shop.Store.stock/1)
            |> Enum.map(fn
              {:ok, stock} -> stock
              {:exit, _reason} -> 0
            end)
          end
        end
      `,
    },
  ],

  on: 'call',
  callees: Object.keys(STREAMS),
  *check({ call, clause, module }) {
    if (!killsOnTimeoutOnly(call, clause) || mayTrapExits(clause)) return
    const exit = consumersOf(call, clause)
      .flatMap((consumer) => exitPatterns(consumer, module))
      .find(isHandled)
    if (exit === undefined) return
    yield {
      at: call.at,
      evidence: [call.at, exit.pattern.range],
      related: [{ range: exit.pattern.range, message: 'never reached by a crash' }],
      message: isAboutTime(exit.pattern) ? late(exit, call, clause) : crashed(exit, call, clause),
    }
  },
})

function crashed({ pattern }: ExitPattern, call: Call, clause: Clause): string {
  return (
    `${spot(pattern)} never sees a crash: \`${call.callee}\` links its tasks, so the first one that crashes kills the process that runs \`${clause.function.id}\`. ` +
    `\`Task.Supervisor.async_stream_nolink(${taskSupervisorOf(clause.module)}, ...)\` gives it${waitsForever(call, clause) ? '.' : '; for time-outs alone, `on_timeout: :kill_task` does.'}`
  )
}

/** `timeout: :infinity`: there are no time-outs. */
function waitsForever(call: Call, clause: Clause): boolean {
  const options = resolve(call.args.at(-1)!, clause.module, clause)
  const timeout = options.kind === 'list' ? options.get('timeout') : undefined
  return timeout?.kind === 'atom' && timeout.value === 'infinity'
}

/** `{:exit, :timeout}` is meant for tasks that take too long. */
function late({ pattern }: ExitPattern, call: Call, clause: Clause): string {
  return (
    `${spot(pattern)} is never reached. A task of \`${call.callee}\` that takes too long makes the process that runs \`${clause.function.id}\` exit. ` +
    'With `on_timeout: :kill_task` among the options the stream gives it instead.'
  )
}

function spot(pattern: Expression): string {
  return `\`${pattern.text.replaceAll(/\s+/g, ' ')}\` on line ${pattern.line}`
}

function isAboutTime(pattern: Expression): boolean {
  return [...walk(pattern)].some((each) => each.kind === 'atom' && each.value === 'timeout')
}

/** Without options, or with literal ones in which a task that takes too long exits the caller. */
function killsOnTimeoutOnly(call: Call, clause: Clause): boolean {
  const first = STREAMS[call.callee]!
  const rest = call.args.length - first
  // A function, or a module, a name and arguments; then the options.
  if (rest === 1 || rest === 3) return true
  if (rest !== 2 && rest !== 4) return false
  const options = resolve(call.args.at(-1)!, clause.module, clause)
  if (
    options.kind !== 'list' ||
    options.tail !== null ||
    options.elements.some(({ kind }) => kind !== 'pair' && kind !== 'tuple')
  )
    return false
  const onTimeout = options.get('on_timeout')
  return onTimeout === undefined || (onTimeout.kind === 'atom' && onTimeout.value === 'exit')
}

/** What reads the stream, or the list made of it: calls that are given it first, and `for` comprehensions. */
function consumersOf(stream: Expression, clause: Clause, seen = new Set<Expression>()): Expression[] {
  if (seen.has(stream)) return []
  seen.add(stream)
  const fate = fateOf(stream, clause)
  if (fate.kind === 'bound') return fate.uses.flatMap((use) => consumersOf(use, clause, seen))
  if (fate.kind !== 'given') return []
  const { to } = fate
  if (to.kind === 'for') return [to]
  if (to.kind !== 'call' || to.args[0] !== stream || !/^(?:Enum|Stream|Map|List)\./.test(to.callee)) return []
  return takesApart(to) ? [to] : [to, ...consumersOf(to, clause, seen)]
}

/** `Stream.map(fn {:ok, value} -> value end)`: what follows sees what the work returned, not what the tasks gave. */
function takesApart({ args }: Call): boolean {
  return args.some(
    (arg) =>
      (arg.kind === 'fn' && arg.branches.some(({ patterns }) => patterns.some(isAnswer))) ||
      (arg.kind === 'capture' && arg.body?.kind === 'call' && arg.body.callee === 'Kernel.elem'),
  )
}

function isAnswer(pattern: Expression): boolean {
  const tag = pattern.kind === 'tuple' ? pattern.elements[0] : undefined
  return tag?.kind === 'atom' && tag.value === 'ok'
}

/** A pattern `{:exit, _}` that an element of the stream is matched against, with the code that runs then. */
interface ExitPattern {
  pattern: Expression
  body: Expression | null
}

function exitPatterns(consumer: Expression, module: Module): ExitPattern[] {
  if (consumer.kind === 'for') {
    const draws = consumer.steps.filter((step) => step.kind === 'draw')
    return draws.flatMap(({ pattern }) => matching([pattern], consumer.body))
  }
  if (consumer.kind !== 'call') return []
  return consumer.args.slice(1).flatMap((arg) => {
    if (arg.kind === 'fn') return arg.branches.flatMap((branch) => matching(branch.patterns, branch.body))
    if (arg.kind === 'capture' && arg.function !== null) return ofHelper(arg.function, module)
    if (arg.kind === 'capture' && arg.body?.kind === 'call' && arg.body.callee === 'Kernel.match?') {
      const [pattern] = arg.body.args
      return pattern === undefined ? [] : exitsIn(pattern).map((exit) => ({ pattern: exit, body: null }))
    }
    return []
  })
}

/** The clauses of `&unwrap/1`, a private function that is there for this stream alone. */
function ofHelper({ module: other, name, arity }: NonNullable<Capture['function']>, module: Module): ExitPattern[] {
  const fun = other === null ? module.function(name, arity) : undefined
  if (fun === undefined || fun.isPublic || arity !== 1) return []
  const users = module.functions.flatMap((each) => each.clauses.flatMap(localCalls)).filter((call) => call.fun === fun)
  return users.length > 1 ? [] : fun.clauses.flatMap(({ params, body }) => matching(params, body))
}

/** The patterns themselves, and those of a `case` on a name that they bind. */
function matching(patterns: readonly Expression[], body: Expression | null): ExitPattern[] {
  const direct = patterns.flatMap(exitsIn).map((pattern) => ({ pattern, body }))
  const names = new Set(patterns.flatMap((pattern) => (pattern.kind === 'variable' ? [pattern.name] : [])))
  if (body === null || names.size === 0) return direct
  const branches: Branch[] = []
  for (const each of walk(body)) {
    if (each.kind === 'case' && each.subject.kind === 'variable' && names.has(each.subject.name))
      branches.push(...each.branches)
  }
  return [
    ...direct,
    ...branches.flatMap((branch) =>
      branch.patterns.flatMap(exitsIn).map((pattern) => ({ pattern, body: branch.body })),
    ),
  ]
}

/** `{:exit, _}`, also in `{{:exit, _}, input}` after `Enum.zip`. Within `{:ok, _}` it is what a task returned. */
function exitsIn(pattern: Expression): Expression[] {
  const tag = pattern.kind === 'tuple' && pattern.elements.length === 2 ? pattern.elements[0] : undefined
  if (tag?.kind === 'atom' && tag.value === 'exit') return [pattern]
  if (tag?.kind === 'atom' && tag.value === 'ok') return []
  return pattern.children().flatMap(exitsIn).slice(0, 1)
}

/** `{:exit, reason} -> exit(reason)` only makes the patterns complete. */
function isHandled({ body }: ExitPattern): boolean {
  return body === null || !endsByRaising(body)
}
