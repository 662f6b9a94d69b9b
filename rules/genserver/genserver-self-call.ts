import {
  asksWhoItIs,
  type Call,
  callbacks,
  callsHere,
  type Clause,
  clausesFor,
  closureRuns,
  defineRule,
  elixir,
  type Expression,
  type FunctionFact,
  isOwnName,
  isSelf,
  localCalls,
  type Module,
  type Problem,
  reach,
  type Reached,
  runsSurelyHere,
  startsWithoutName,
  targetsItself,
  waitingIn,
  whereRuns,
} from '#engine'
import { neverCallYourself } from '../principles.ts'
import { spotOf } from '../wording.ts'

const CALLS = new Set(['GenServer.call', ':gen_server.call', 'GenServer.stop'])
const AWAITED_TASKS = new Set([
  'Task.async',
  'Task.async_stream',
  'Task.Supervisor.async',
  'Task.Supervisor.async_nolink',
  'Task.Supervisor.async_stream',
  'Task.Supervisor.async_stream_nolink',
])

export default defineRule({
  id: 'genserver-self-call',
  title: 'A server calls itself',
  principles: [neverCallYourself],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    A GenServer handles one message at a time. While a callback runs, nobody reads the mailbox, so a call to
    the server itself could never be answered. GenServer.call notices and exits at once with :calling_self,
    by pid, by name, and with :infinity as well: the callback crashes every time it gets there.
    From inside a task that the callback awaits it is not noticed: both wait until the timeout.
  `,
  instead: 'Move the work into a private function that takes the state, and call it from both places.',
  ignoreWhen: 'Never: the call cannot succeed. If another instance of the module is meant, pass its pid.',
  limits:
    'Names built at run time are not followed, and a `{:via, ...}` target only when it is written as in start_link. Where the module also starts processes without a name, a call by name may go to another one and is not reported.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Stock do
          use GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
          def totals, do: GenServer.call(__MODULE__, :totals)

          @impl true
          def init(opts), do: {:ok, opts}

          @impl true
          def handle_call(:totals, _from, state), do: {:reply, state, state}
          def handle_call(:report, _from, state), do: {:reply, summarise(), state}

          defp summarise, do: "in stock: #{inspect(totals())}" # finding
        end
      `,
      good: elixir`
        defmodule Shop.Stock do
          use GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
          def totals, do: GenServer.call(__MODULE__, :totals)

          @impl true
          def init(opts), do: {:ok, opts}

          @impl true
          def handle_call(:totals, _from, state), do: {:reply, state, state}
          def handle_call(:report, _from, state), do: {:reply, summarise(state), state}

          defp summarise(state), do: "in stock: #{inspect(state)}"
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  *check({ module }) {
    const inCallbacks = new Set(callbacks(module))
    const seen = new Set<number>()
    // What a closure given to another module does may be done by another process: then it is no call of itself.
    for (const reached of reach(
      [...inCallbacks].flatMap((fun) => fun.clauses),
      Infinity,
      runsSurelyHere,
    )) {
      for (const problem of [
        ...direct(reached, inCallbacks),
        ...throughApi(reached, inCallbacks),
        ...fromAwaitedTask(reached),
      ]) {
        const place = reached.clause.file.offsetAt(problem.at.startLine, problem.at.startColumn)
        if (seen.has(place)) continue
        seen.add(place)
        yield problem
      }
    }
  },
})

/** Calls of callbacks and private functions to the server itself. Those of its public API are told where it is called. */
function* direct(reached: Reached, inCallbacks: ReadonlySet<FunctionFact>): Iterable<Problem> {
  const { clause, hops, from } = reached
  if (hops.some((hop) => isApi(calledFunction(hop, clause.module), inCallbacks))) return
  for (const call of selfCalls(reached)) {
    const { id } = from.function
    const where = clause === from ? `\`${id}\` runs in that very process` : `this runs inside its own \`${id}\``
    yield {
      at: call.at,
      evidence: [call.at, ...hops.map(spotOf)],
      message: `\`${call.callee}\` here goes to \`${clause.module.name}\` itself, and ${where}: it exits with \`:calling_self\` as soon as it gets here.`,
    }
  }
}

/** Calls of the module's own public functions that then call the server. */
function* throughApi({ clause, hops, from }: Reached, inCallbacks: ReadonlySet<FunctionFact>): Iterable<Problem> {
  for (const { fun, by } of localCalls(clause)) {
    if (!isApi(fun, inCallbacks) || !runsSurelyHere(by, clause)) continue
    const [call] = reach(clausesFor(by, fun, clause), Infinity, isPrivateCall).flatMap((api) =>
      selfCalls({ clause: api.clause, hops: [...hops, by, ...api.hops], from }),
    )
    if (call === undefined) continue
    const at = spotOf(by)
    yield {
      at,
      evidence: [at, ...hops.map(spotOf), call.at],
      related: [{ range: call.at, message: `the \`${call.callee}\` of \`${fun.id}\`` }],
      message:
        `\`${fun.id}\` sends a \`${call.callee}\` to \`${clause.module.name}\`, and this runs inside its own \`${from.function.id}\`: ` +
        'it exits with `:calling_self` as soon as it gets here.',
    }
  }
}

function isApi(fun: FunctionFact | undefined, inCallbacks: ReadonlySet<FunctionFact>): boolean {
  return fun?.isPublic === true && !inCallbacks.has(fun)
}

/** From a public function to the private ones that do its work, not on to the rest of the API. */
function isPrivateCall(by: Expression, clause: Clause): boolean {
  return runsSurelyHere(by, clause) && calledFunction(by, clause.module)?.isPublic === false
}

function selfCalls(reached: Reached): Call[] {
  const { clause } = reached
  return clause.calls.filter(
    (call) =>
      CALLS.has(call.callee) &&
      runsSurelyHere(call, clause) &&
      targetsItself(call.args[0], reached) &&
      (isSelf(call.args[0], clause) || !startsWithoutName(clause.module)) &&
      !asksWhoItIs(call, clause),
  )
}

/** What a task runs that the same clause awaits: nobody notices, so both wait. */
function* fromAwaitedTask({ clause, hops, from }: Reached): Iterable<Problem> {
  const waits = new Set(waitingIn(clause).map(({ wait }) => wait))
  if ((!waits.has('await') && !waits.has('stream')) || startsWithoutName(clause.module)) return
  for (const each of clause.expressions) {
    const starter = awaitedStarter(each, clause)
    if (starter === null) continue
    const inner = ownCall(each, clause)
    if (inner === null) continue
    const at = spotOf(each)
    yield {
      at,
      evidence: [at, starter.at, inner.at, ...hops.map(spotOf)],
      message:
        `\`${from.function.id}\` awaits this task, and the task calls back into \`${clause.module.name}\`, ` +
        'which cannot answer while it waits: both hang until the timeout.',
    }
  }
}

/** The call that runs an expression, or a captured function, in a task that is awaited. */
function awaitedStarter(expression: Expression, clause: Clause): Call | null {
  const where =
    expression.kind === 'call'
      ? whereRuns(expression, clause)
      : expression.kind === 'capture' && expression.function !== null
        ? closureRuns(expression, clause)
        : null
  return where?.at === 'elsewhere' && AWAITED_TASKS.has(where.by.callee) ? where.by : null
}

/** The call to the own server that an expression in another process makes, itself or through local functions. */
function ownCall(expression: Expression, clause: Clause): Call | null {
  const { module } = clause
  if (expression.kind === 'call' && CALLS.has(expression.callee)) {
    return isOwnName(expression.args[0], clause) ? expression : null
  }
  const fun =
    expression.kind === 'variable' && clause.isBound(expression.name) ? undefined : calledFunction(expression, module)
  if (fun === undefined || fun === clause.function) return null
  for (const step of reach(clausesFor(expression, fun, clause), 2)) {
    for (const inner of callsHere(step.clause)) {
      if (!CALLS.has(inner.callee) || asksWhoItIs(inner, step.clause)) continue
      const hops = step.hops.length === 0 ? [expression] : step.hops
      const [target] = inner.args
      if (targetsItself(target, { clause: step.clause, from: step.from, hops }) && !isSelf(target, step.clause))
        return inner
    }
  }
  return null
}

function calledFunction(expression: Expression, module: Module): FunctionFact | undefined {
  if (expression.kind === 'variable') return module.function(expression.name, 0)
  if (expression.kind === 'capture' && expression.function?.module === null) {
    return module.function(expression.function.name, expression.function.arity)
  }
  return expression.kind === 'call' && expression.isLocal
    ? module.function(expression.name, expression.arity)
    : undefined
}
