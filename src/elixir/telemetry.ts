// Telemetry handlers: which functions a module attaches, and to which events.
import type { Call, Expression } from './expression.ts'
import type { Clause, FunctionFact, Module } from './module.ts'
import { resolve } from './values.ts'

/** Any number of parts at the start of an event: `prefix` of `prefix ++ [:stop]`. */
export const SOME_PARTS = Symbol('some parts')

/** The parts of an event: atoms, null for a computed one. */
export type TelemetryEvent = readonly (string | null | typeof SOME_PARTS)[]

/** A call of `:telemetry.attach/4` or `attach_many/4`. */
export interface Attachment {
  call: Call
  clause: Clause
  /** Null where the whole list, or one of them, is computed. */
  events: readonly TelemetryEvent[] | null
  /** The third argument as written. */
  handler: Expression | undefined
  /** The function of this file that is captured, also of another module in it; undefined for closures and functions elsewhere. */
  function: FunctionFact | undefined
}

const ATTACHING: ReadonlySet<string> = new Set([':telemetry.attach', ':telemetry.attach_many'])

/** Every attachment of a module, in source order. */
export function attachments(module: Module): Attachment[] {
  return module
    .callsOf(ATTACHING)
    .filter(({ call }) => call.args.length === 4)
    .map(({ call, clause }) => read(call, clause))
}

function read(call: Call, clause: Clause): Attachment {
  const { module } = clause
  const [, given, handler] = call.args
  const written = given === undefined ? undefined : resolve(given, module, clause)
  const list =
    call.name === 'attach'
      ? written === undefined
        ? []
        : [written]
      : written?.kind === 'list'
        ? written.elements
        : null
  const events = list?.map((event) => readEvent(resolve(event, module, clause)))
  return {
    call,
    clause,
    events: events === undefined || events.some((event) => event === null) ? null : (events as TelemetryEvent[]),
    handler,
    function: handlerFunction(handler, module),
  }
}

function readEvent(event: Expression): TelemetryEvent | null {
  if (event.kind === 'operator' && event.operator === '++') {
    const [, last] = event.operands
    const parts = last === undefined ? null : readEvent(last)
    return parts === null ? null : [SOME_PARTS, ...parts]
  }
  if (event.kind !== 'list' || event.tail !== null) return null
  return event.elements.map((part) => (part.kind === 'atom' ? part.value : null))
}

function handlerFunction(handler: Expression | undefined, module: Module): FunctionFact | undefined {
  if (handler?.kind !== 'capture') return undefined
  const { function: fun, body } = handler
  if (fun !== null) return functionOf(fun.module, fun.name, fun.arity, module)
  // `&handle(&1, &2, &3, &4)`.
  return body?.kind === 'call' && body.receiver === null && body.arity === 4
    ? functionOf(body.module, body.name, 4, module)
    : undefined
}

function functionOf(name: string | null, fun: string, arity: number, module: Module): FunctionFact | undefined {
  const owner = name === null ? module : module.file.modules.find((each) => each.name === name)
  return owner?.function(fun, arity)
}
