import {
  ancestors,
  type Call,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  expressionWaitsFor,
  isOwnName,
  isSelf,
  messageShape,
  type Module,
  nameOf,
  ownNames,
  requestCode,
  resolve,
  isServerCode,
  serverCode,
  waitingIn,
  walk,
  whereRuns,
} from '#engine'
import { callWhenInDoubt } from '../principles.ts'
import { spotOf } from '../wording.ts'

const CASTS = new Set(['GenServer.cast', ':gen_server.cast'])
const CALLS = new Set(['GenServer.call', ':gen_server.call'])
const LOOP_NAMES = ['each', 'map', 'flat_map', 'reduce', 'reduce_while', 'map_reduce', 'with_index']
const LOOPS = new Set([...LOOP_NAMES.map((name) => `Enum.${name}`), 'Stream.each'])
const LOOP = new RegExp(`\\b(?:for|${LOOP_NAMES.join('|')})\\b`)

/** Messages that are answered when there is something to answer: waiting is what they are for. */
const WAITING =
  /(?:^|_)(?:pop|dequeue|take|checkout|next|await|wait|join|lock|acquire|subscribe|drain|sync|flush|stop)(?:_|$)/

/** Boot code: nobody waits for it. */
const BOOT = new Set(['init', 'handle_continue', 'terminate'])

export default defineRule({
  id: 'genserver-no-backpressure',
  title: 'Unbounded casting or unbounded waiting',
  principles: [callWhenInDoubt],
  set: 'strict',
  precision: 'P2',
  severity: 'info',
  since: '0.1.0',

  why: `
    A cast returns at once, however long the mailbox of the receiver has become: a loop of casts runs as fast as it can
    and the receiver falls behind, until memory is gone. A call makes the sender wait its turn. With the timeout
    :infinity the opposite goes wrong: one stuck server holds up everybody who asks it, and nothing ever gives up.
  `,
  instead: 'Send one message with the whole batch, or `call`; give a call a timeout in milliseconds.',
  ignoreWhen: 'When the loop is short by nature, or the callee answers late by design.',
  limits:
    'Only targets that are one fixed name count as the same process. A loop that also waits for each element (a query, a call, a pause) is slow enough and not reported.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Import do
          def run(rows) do
            Enum.each(rows, &GenServer.cast(Shop.Writer, {:row, &1})) # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.Import do
          def run(rows), do: GenServer.call(Shop.Writer, {:rows, rows}, 30_000)
        end
      `,
    },
  ],

  on: 'module',
  words: [
    ['cast', 'infinity'],
    ['GenServer', 'gen_server'],
  ],
  *check({ module }) {
    if (module.callsOf(CASTS).length > 0) {
      for (const fun of module.functions) for (const clause of fun.clauses) yield* castsInLoops(clause)
    }
    if (module.callsOf(CALLS).some(({ call, clause }) => isEndless(call, clause))) yield* endlessCalls(module)
  },
})

function* castsInLoops(clause: Clause) {
  const { module } = clause
  if (!clause.mentions(LOOP)) return
  for (const each of clause.expressions) {
    const cast = castBy(each, clause)
    const loop = cast === null ? null : loopAround(each)
    if (
      cast === null ||
      loop === null ||
      waits(loop.body, clause) ||
      (whereRuns(each, clause).at === 'kept' && !isInStream(each))
    )
      continue
    // What a server posts to itself it handles itself, at its own pace.
    if (module.is('GenServer') && isServerCode(clause) && isOwnTarget(cast.target, module)) continue
    const at = spotOf(each)
    yield {
      at,
      evidence: [at, cast.call.at],
      message:
        `This casts to \`${cast.target}\` once for each element of \`${loop.over}\`, as fast as it can. Nothing slows the loop down ` +
        'when the receiver falls behind. Send one message with the whole batch, or `call`.',
      scope: module.range,
    }
  }
}

function isOwnTarget(target: string, module: Module): boolean {
  return target === module.name || ownNames(module).has(target)
}

/** The cast to one fixed name that an expression makes, itself or as a call of a function of this module. */
function castBy(expression: Expression, clause: Clause): { call: Call; target: string } | null {
  if (expression.kind === 'call' && CASTS.has(expression.callee)) return fixedCast(expression, clause)
  const { module } = clause
  const fun =
    expression.kind === 'call' && expression.isLocal
      ? module.function(expression.name, expression.arity)
      : expression.kind === 'capture' && expression.function !== null && expression.function.module === null
        ? module.function(expression.function.name, expression.function.arity)
        : undefined
  const [only, ...others] = fun?.clauses ?? []
  const cast = only?.body
  if (only === undefined || others.length > 0 || only === clause || cast?.kind !== 'call' || !CASTS.has(cast.callee))
    return null
  const position = parameterOf(cast.args[0], only)
  const given =
    expression.kind === 'call' && expression.arity === only.function.arity ? expression.args[position] : undefined
  if (position >= 0 && expression.kind === 'capture' && expression.function?.arity === only.function.arity) return null
  if (given === undefined) return fixedCast(cast, only)
  const target = nameOf(given, module, clause)
  return target === null ? null : { call: cast, target }
}

function fixedCast(call: Call, clause: Clause): { call: Call; target: string } | null {
  const [to] = call.args
  if (to === undefined) return null
  const target = nameOf(clause.function.defaults[parameterOf(to, clause)] ?? to, clause.module, clause)
  return target === null ? null : { call, target }
}

function parameterOf(expression: Expression | undefined, { params }: Clause): number {
  if (expression?.kind !== 'variable') return -1
  return params.findIndex((param) => param.kind === 'variable' && param.name === expression.name)
}

interface Loop {
  /** What it goes through, as written. */
  over: string
  /** What it does with each element. */
  body: Expression
}

/** The innermost loop around an expression. */
function loopAround(expression: Expression): Loop | null {
  let body = expression
  for (const up of ancestors(expression)) {
    const given = listOf(up, body)
    if (given !== null) {
      const over = nameLoop(given)
      return over === null ? null : { over, body }
    }
    if (up.kind === 'for' && up.body === body) return null
    body = up
  }
  return null
}

function listOf(loop: Expression, body: Expression): Expression | null {
  if (loop.kind === 'for' && loop.body === body) return loop.steps[0]?.kind === 'draw' ? loop.steps[0].value : null
  return loop.kind === 'call' && LOOPS.has(loop.callee) && loop.args.slice(1).includes(body) ? loop.args[0]! : null
}

/** A loop that asks a database or a process for each element does not run as fast as it can. */
function waits(body: Expression, clause: Clause): boolean {
  return walk(body).some((each) => {
    if (expressionWaitsFor(each, clause) !== null) return true
    if (each.kind !== 'call') return false
    if (CALLS.has(each.callee)) return true
    const helper = each.isLocal ? clause.module.function(each.name, each.arity) : undefined
    return helper !== undefined && helper.clauses.some((inner) => waitingIn(inner).length > 0)
  })
}

/** A list that is written out, element by element, has an end that its author saw. */
function nameLoop(over: Expression): string | null {
  return over.kind === 'list' && over.tail === null ? null : shorten(over.text)
}

/** `Stream.each`: the stream that is kept is run some time. */
function isInStream(expression: Expression): boolean {
  return [...ancestors(expression)].some((up) => up.kind === 'call' && up.callee === 'Stream.each')
}

function shorten(text: string): string {
  const line = text.split('\n')[0]!
  return line.length > 40 || line !== text ? `${line.slice(0, 40)}...` : text
}

function isEndless({ args: [, , timeout] }: Call, clause: Clause): boolean {
  const limit = timeout === undefined ? null : resolve(timeout, clause.module, clause)
  return limit?.kind === 'atom' && limit.value === 'infinity'
}

function* endlessCalls(module: Module) {
  const server = module.is('GenServer') ? serverCode(module).filter(({ from }) => !BOOT.has(from.function.name)) : []
  const seen = new Set<number>()
  for (const { clause, from } of [...requestCode(module), ...server]) {
    for (const call of clause.calls) {
      const [to, message] = call.args
      if (!CALLS.has(call.callee) || to === undefined || message === undefined) continue
      if (!isEndless(call, clause) || seen.has(call.start)) continue
      if (whereRuns(call, clause).at !== 'here' || isSelf(to, clause) || isOwnName(to, clause)) continue
      const shape = messageShape(message)
      if (shape !== null && WAITING.test(shape.tag)) continue
      seen.add(call.start)
      yield {
        at: call.at,
        evidence: [call.at],
        message:
          `\`${from.function.id}\` of \`${module.name}\` waits for \`${to.text}\` without end here. If that process is stuck, so is ` +
          'this one, and everybody who waits for it. Give the call a timeout in milliseconds.',
      }
    }
  }
}
