// How rules name code in their messages, and where on a line they point. It knows no rule.
import {
  type Call,
  type Clause,
  type Expression,
  messageShape,
  type Module,
  type Range,
  showShape,
  type Wait,
} from '#engine'

/** What is waited for, as "waits for ..." goes on. */
export const WAITS_FOR: Readonly<Record<Wait, string>> = {
  http: 'a network answer',
  socket: 'a connection',
  command: 'an operating system command',
  rpc: 'another node',
  sleep: 'a timer',
  await: 'a task',
  stream: 'a stream of tasks',
  receive: 'a message',
  database: 'the database',
}

/** A callback clause by what it takes: `handle_call({:put, _, _}, ...)`, `handle_info/2` where that has no shape. */
export function nameClause({ function: fun, params }: Clause): string {
  const shape = fun.name === 'init' || params[0] === undefined ? null : messageShape(params[0])
  return shape === null ? fun.id : `${fun.name}(${showShape(shape)}, ...)`
}

/** Where a comment on an expression points: a call without the steps piped into it. */
export function spotOf(expression: Expression): Range {
  return expression.kind === 'call' ? expression.at : expression.range
}

/** All lines of a clause's head, to its last parameter or guard: what a change of what it takes would touch. */
export function wholeHeadOf({ head, params, guard }: Clause): Range {
  const last = guard ?? params.at(-1)
  return last === undefined ? head : { ...head, endLine: last.range.endLine, endColumn: last.range.endColumn }
}

/** Code on one line, cut off after `limit` characters. */
export function quote({ text }: Expression, limit = 60): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > limit ? `${line.slice(0, limit - 3)}...` : line
}

/** A call as people write it: `send`, `GenServer.cast`, `start_link` where the module is computed. */
export function nameCall({ callee, name, module }: Call): string {
  return module === 'Kernel' || callee === '' ? name : callee
}

/** The namespace of the application that a module belongs to: `Shop` for all of `Shop` and `ShopWeb`. */
export function applicationOf({ name }: Pick<Module, 'name'>): string {
  return name.split('.')[0]!.replace(/(?<=.)Web$/, '')
}

/** Names in a row: `a`, `b` and `c`. */
export function listNames(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``)
  return quoted.length === 1 ? quoted[0]! : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`
}
