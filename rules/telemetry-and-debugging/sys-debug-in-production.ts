import {
  ancestors,
  type Call,
  type Clause,
  conditionsAbove,
  defineRule,
  type Edit,
  elixir,
  type Expression,
  type Module,
  type Pair,
  partsOf,
  type Problem,
  walk,
  whereRuns,
} from '#engine'
import { remarks } from '../intent.ts'
import { sysIsForDebugging } from '../principles.ts'
import { spotOf } from '../wording.ts'
import { isDebuggingTool } from './tools.ts'

const PEEKS = new Set([
  ':sys.get_state',
  ':sys.get_status',
  ':sys.replace_state',
  ':sys.suspend',
  ':sys.terminate',
  ':sys.change_code',
])

/** Functions that are there to show what goes on inside. */
const LOOKS = /(^|_)(debug|diagnos\w*|dump|inspect|introspect)(_|$)/

/** Calls that switch something on, with what switches it off again. */
const SWITCHES: readonly { on: (call: Call) => boolean; off: (call: Call) => boolean }[] = [
  {
    on: (call) => /^:sys\.(trace|log|statistics)$/.test(call.callee) && isTrue(call.args[1]),
    off: (call) =>
      call.callee === ':sys.no_debug' || (/^:sys\.(trace|log|statistics)$/.test(call.callee) && isFalse(call.args[1])),
  },
  {
    on: (call) => call.callee === ':sys.install' || (call.callee === ':sys.log_to_file' && !isFalse(call.args[1])),
    off: (call) =>
      /^:sys\.(no_debug|remove)$/.test(call.callee) || (call.callee === ':sys.log_to_file' && isFalse(call.args[1])),
  },
  {
    on: (call) => /^:dbg\.(tracer|p|tp|tpl|tpe)$/.test(call.callee),
    off: (call) => /^:dbg\.(stop|stop_clear|ctp|ctpl)$/.test(call.callee),
  },
  {
    on: (call) => call.callee === ':erlang.trace' && isTrue(call.args[1]),
    off: (call) => call.callee === ':erlang.trace' && isFalse(call.args[1]),
  },
  { on: (call) => call.callee === ':recon_trace.calls', off: (call) => call.callee === ':recon_trace.clear' },
]

/** Starts that take `debug:` among their options. */
const STARTS = new Set([
  'GenServer.start_link',
  'GenServer.start',
  ':gen_server.start_link',
  ':gen_statem.start_link',
  'GenStateMachine.start_link',
  'Agent.start_link',
])

/** What says in a condition that somebody asked for it: a setting, or the name of what is tested. */
const SETTINGS = new Set(['Application.get_env', 'Application.fetch_env!', 'Application.compile_env', 'System.get_env'])
const ASKED_FOR = /debug|trac(e|ing)|verbose/

export default defineRule({
  id: 'sys-debug-in-production',
  title: '`:sys` and tracing calls in library code',
  principles: [sysIsForDebugging],
  set: 'recommended',
  precision: 'P1',
  severity: 'warning',
  since: '0.1.0',
  scripts: 'off',

  why: `
    The functions of :sys are for a person at a shell. get_state goes through the mailbox of the process like any call,
    copies its whole state, and ties the caller to a shape that the module is free to change; replace_state and suspend
    change it behind its back. Tracing that stays on costs at every message, until the node restarts.
  `,
  instead: 'Give the server a `handle_call` for what is needed. Remove tracing, or switch it off in an `after` block.',
  ignoreWhen: 'In a tool that is meant for operators.',
  limits: 'Modules named as debugging, tracing, testing or admin tools, and functions named so, are not reported.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Carts do
          def items(cart) do
            :sys.get_state(cart).items # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.Carts do
          def items(cart) do
            GenServer.call(cart, :items)
          end
        end
      `,
    },
  ],

  on: 'clause',
  words: ['sys', 'dbg', 'trace', 'recon_trace', 'debug'],
  *check({ clause }) {
    if (!clause.mentions(DEBUGGING) || isDebuggingTool(clause.module)) return
    for (const each of clause.expressions) {
      if (each.kind === 'call')
        yield* PEEKS.has(each.callee) ? peekAt(each, each.callee, clause) : switchedOn(each, clause)
      // `Enum.map(workers, &:sys.get_state/1)`.
      const captured = each.kind === 'capture' ? each.function : null
      if (captured?.module === ':sys') yield* peekAt(each, `:sys.${captured.name}`, clause)
    }
  },
})

const DEBUGGING = /:(?:sys|dbg|erlang|recon_trace)\b|\bdebug:/

function* peekAt(peek: Expression, callee: string, clause: Clause): Iterable<Problem> {
  if (!PEEKS.has(callee) || LOOKS.test(clause.function.name)) return
  // Who writes why the state is looked at has thought of asking.
  if (remarks(clause).some((text) => text.includes(callee)) || isCaught(peek, callee) || isUndone(callee, clause))
    return
  yield {
    at: spotOf(peek),
    message: `\`${callee}\` in \`${clause.function.id}\` is meant for a person at a shell. ${consequence(peek, callee)}`,
  }
}

function* switchedOn(call: Call, clause: Clause): Iterable<Problem> {
  const { module } = clause
  const debug = STARTS.has(call.callee) ? debugOption(call) : null
  const found = SWITCHES.find(({ on }) => on(call))
  if (debug === null && found === undefined) return
  if ((found !== undefined && isSwitchedOff(found.off, module)) || isAskedFor(call, clause)) return
  // What a process traces is traced no longer when that process ends.
  if (call.callee === ':erlang.trace' && whereRuns(call, clause).at !== 'here') return
  const until =
    call.callee === ':erlang.trace'
      ? 'the tracing process ends'
      : debug !== null || call.module === ':sys'
        ? 'the process ends'
        : 'the node restarts'
  const what = debug === null ? `\`${call.callee}\`` : `\`${debug.text}\``
  yield {
    at: debug?.range ?? call.at,
    message: `${what} in \`${clause.function.id}\` switches debugging on. Nothing in \`${module.name}\` switches it off: it costs at every event until ${until}. Remove it, or switch it off in an \`after\` block.`,
    edit: debug === null ? withoutStatement(call, clause) : null,
  }
}

function consequence(peek: Expression, callee: string): string {
  switch (callee) {
    case ':sys.get_state':
    case ':sys.get_status':
      return isDropped(peek)
        ? 'It copies the whole state only to wait. For that a call to the server is enough.'
        : 'It copies the whole state and depends on its shape.'
    case ':sys.suspend':
      return 'Until it is resumed the process answers nobody.'
    case ':sys.terminate':
      return '`GenServer.stop/3` does the same. It also waits until the process has ended.'
    default:
      return 'It changes a process that does not expect it.'
  }
}

/** Nobody looks at what the call gives: `_ = :sys.get_state(pid)`, or a statement that is not the last one. */
function isDropped(peek: Expression): boolean {
  const holder = peek.parent?.kind === 'match' && peek.parent.value === peek ? peek.parent : peek
  if (holder.kind === 'match') return holder.pattern.kind === 'variable' && holder.pattern.name.startsWith('_')
  return holder.parent?.kind === 'block' && holder.parent.statements.at(-1) !== holder
}

/** The state is replaced for as long as a function runs, and put back in `after`. */
function isUndone(callee: string, clause: Clause): boolean {
  if (callee !== ':sys.replace_state') return false
  const replaces = (each: Expression): boolean => each.kind === 'call' && each.callee === callee
  return clause.expressions.some(
    (each) => each.kind === 'try' && each.after !== null && walk(each.after).some(replaces),
  )
}

/** `catch :exit, {:shutdown, {:sys, :terminate, _}} -> :ok`: the code knows what the call ends with. */
function isCaught(peek: Expression, callee: string): boolean {
  if (callee !== ':sys.terminate') return false
  const names = (each: Expression): boolean => each.kind === 'atom' && each.value === 'sys'
  return [...ancestors(peek)].some(
    (up) =>
      up.kind === 'try' && up.catches.some(({ patterns }) => patterns.some((pattern) => walk(pattern).some(names))),
  )
}

/** `debug: [:trace]` among the options of a start; what is computed may well be empty. */
function debugOption(call: Call): Pair | null {
  const options = call.module === 'Agent' ? call.args[1] : call.arity > 2 ? call.args.at(-1) : undefined
  const pair = options?.kind === 'list' ? options.pair('debug') : undefined
  return pair?.value.kind === 'list' && pair.value.elements.length > 0 ? pair : null
}

/** The next line takes the place of both, so that no empty one is left. */
function withoutStatement(call: Call, { file }: Clause): Edit | null {
  const { parent } = call
  const { startLine, endLine } = call.range
  if (parent?.kind !== 'block' || parent.statements.at(-1) === call || startLine !== endLine) return null
  const isAlone = file.line(startLine).trim() === call.text
  const next = file.line(startLine + 1)
  return isAlone && next.trim() !== '' ? { startLine, endLine: startLine + 1, text: next } : null
}

function isSwitchedOff(off: (call: Call) => boolean, module: Module): boolean {
  return module.functions.some((fun) => fun.clauses.some((each) => each.calls.some(off)))
}

/** `if Application.get_env(:shop, :debug)`: it is off unless somebody wants it. */
function isAskedFor(call: Call, clause: Clause): boolean {
  return conditionsAbove(call).some((condition) => [...partsOf(condition, clause)].some((each) => isSetting(each)))
}

function isSetting(each: Expression): boolean {
  switch (each.kind) {
    case 'call':
      return SETTINGS.has(each.callee) || ASKED_FOR.test(each.name)
    case 'atom':
      return ASKED_FOR.test(each.value)
    case 'field':
      return ASKED_FOR.test(each.field)
    default:
      return (each.kind === 'variable' || each.kind === 'attribute') && ASKED_FOR.test(each.name)
  }
}

function isTrue(expression: Expression | undefined): boolean {
  return (
    (expression?.kind === 'atom' && expression.value === 'true') ||
    (expression?.kind === 'tuple' && isTrue(expression.elements[0]))
  )
}

function isFalse(expression: Expression | undefined): boolean {
  return expression?.kind === 'atom' && expression.value === 'false'
}
