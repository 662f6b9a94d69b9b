import {
  type Clause,
  callbacks,
  continuationOf,
  defineRule,
  type Edit,
  elixir,
  type Expression,
  type FunctionFact,
  type Module,
  type Problem,
  results,
  tails,
} from '#engine'
import { everyMessageNeedsAClause, fastInit } from '../principles.ts'
import { nameClause, quote, spotOf, wholeHeadOf } from '../wording.ts'

/** Callbacks by the only arity under which gen_server calls them. */
const ARITIES: Readonly<Record<string, number>> = {
  handle_call: 3,
  handle_cast: 2,
  handle_info: 2,
  handle_continue: 2,
}

export default defineRule({
  id: 'genserver-missing-callback',
  title: 'A callback is triggered or written but does not exist as one',
  principles: [fastInit, everyMessageNeedsAClause],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    gen_server finds callbacks by name and number of arguments. A {:continue, term} calls handle_continue/2 at once;
    there is no default for it, so without one the process dies with an undefined function error. A handle_info with
    one argument is an ordinary function that nobody calls: the default handle_info/2 runs instead, logs the message
    and drops it.
  `,
  instead:
    'Write the callback under the name and with the arguments that gen_server uses: `handle_continue(term, state)`, `handle_info(message, state)`, `handle_cast(message, state)`, `handle_call(message, from, state)`.',
  limits: 'Silent where a macro of another module could define the callback.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Catalogue do
          use GenServer

          @impl true
          def init(opts), do: {:ok, opts, {:continue, :load}} # finding

          def handle_cast({:reload, path}) do # finding
            {:noreply, File.read!(path)}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Catalogue do
          use GenServer

          @impl true
          def init(opts), do: {:ok, opts, {:continue, :load}}

          @impl true
          def handle_continue(:load, opts), do: {:noreply, File.read!(opts[:path])}

          @impl true
          def handle_cast({:reload, path}, _state) do
            {:noreply, File.read!(path)}
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  words: ['continue', ...Object.keys(ARITIES)],
  *check({ module }) {
    if (!module.isTransparent) return
    if (!module.has('handle_continue', 2)) yield* continuesIntoNothing(module)
    for (const fun of module.functions) if (isMisread(fun)) yield neverCalled(fun)
  },
})

function* continuesIntoNothing(module: Module): Iterable<Problem> {
  const seen = new Set<Expression>()
  for (const clause of callbacks(module).flatMap((fun) => fun.clauses)) {
    for (const { tail, hops } of results(clause)) {
      const next = continuationOf(tail.expression)
      if (next === null || seen.has(next)) continue
      seen.add(next)
      yield {
        at: next.range,
        evidence: [next.range, ...hops.map(spotOf)],
        message:
          `\`${nameClause(clause)}\` continues with \`${quote(next)}\`, but \`${module.name}\` has no \`handle_continue/2\`: ` +
          'the process dies with an undefined function error as soon as this is returned.',
      }
    }
  }
}

/** A public function with the name of a callback and other arguments, which nobody in the module calls. */
function isMisread({ module, name, arity, minArity, isPublic, clauses }: FunctionFact): boolean {
  const wanted = Object.hasOwn(ARITIES, name) ? ARITIES[name]! : null
  if (wanted === null || !isPublic || clauses.length === 0) return false
  // The same module as an event handler: gen_event calls `handle_call/2`.
  if (name === 'handle_call' && arity === 2 && module.has('handle_event', 2)) return false
  if (module.has(name, wanted) || module.behaviours.some((behaviour) => !/^:?gen_server$|^GenServer$/i.test(behaviour)))
    return false
  return !module.functions.some((fun) => fun.clauses.some((clause) => mentions(clause, name, minArity, arity)))
}

function mentions(clause: Clause, name: string, minArity: number, arity: number): boolean {
  const isIt = (called: string, count: number): boolean => called === name && count >= minArity && count <= arity
  return clause.expressions.some((each) => {
    if (each.kind === 'call') return each.isLocal && isIt(each.name, each.arity)
    return each.kind === 'capture' && each.function?.module === null && isIt(each.function.name, each.function.arity)
  })
}

function neverCalled({ module, name, id, clauses }: FunctionFact): Problem {
  const [first] = clauses as [Clause, ...Clause[]]
  const wanted = `${name}/${ARITIES[name]}`
  const effect = name === 'handle_info' ? 'logs the message and drops it' : 'raises, so the server crashes'
  return {
    at: first.head,
    evidence: clauses.map(wholeHeadOf),
    message:
      name === 'handle_continue'
        ? `gen_server calls \`${wanted}\`, and \`${module.name}\` defines \`${id}\` only: a \`{:continue, _}\` kills the process.`
        : `gen_server calls \`${wanted}\`, and \`${module.name}\` defines \`${id}\` only: nobody ever runs it. The default \`${wanted}\` ${effect}.`,
    edit: clauses.length === 1 ? withState(first) : null,
  }
}

/**
 * `handle_cast(message)` becomes `handle_cast(message, _state)` where what it returns is fine already; nothing in it can
 * name the state yet. A `handle_info` of its own takes the place of the default that logs: one click does that only
 * where it takes every message as well.
 */
function withState(clause: Clause): Edit | null {
  const { function: fun, params, guard, file } = clause
  const [message] = params
  if (message === undefined || params.length !== 1 || fun.minArity !== 1 || clause.isBound('state')) return null
  const isTotal = fun.name === 'handle_info' && message.kind === 'variable' && guard === null
  if ((fun.name !== 'handle_cast' && !isTotal) || !tails(clause.body).every(({ expression }) => isFine(expression))) {
    return null
  }
  const { startLine, endLine, endColumn } = message.range
  const line = file.line(endLine)
  if (startLine !== endLine || startLine !== clause.range.startLine || line[endColumn - 1] !== ')') return null
  return { startLine, endLine, text: `${line.slice(0, endColumn - 1)}, _state${line.slice(endColumn - 1)}` }
}

function isFine(tail: Expression | null): boolean {
  const tag = tail?.kind === 'tuple' ? tail.elements[0] : undefined
  if (tail?.kind !== 'tuple' || tag?.kind !== 'atom') return false
  const { length } = tail.elements
  return tag.value === 'noreply' ? length === 2 || length === 3 : tag.value === 'stop' && length === 3
}
