// Owns how the service logs: one line for each event, as JSON for machines or short for people. Never what GitHub answered.
import { pino } from 'pino'
import type { Logger } from 'pino'
import type { Settings } from './settings.ts'

/** A logger to standard output. */
export function createLog({ level, format }: Settings['log']): Logger {
  const options = { level, serializers: { err: describeError } }
  return format === 'json'
    ? pino(options)
    : pino(options, { write: (line: string) => void process.stdout.write(shorten(line)) })
}

interface Described {
  type: string
  message: string
  code?: unknown
  status?: unknown
  /** Without the message. */
  stack?: string
  cause?: Described
}

/** Errors of GitHub's client hold whole requests and answers, with other people's code in them: only these fields are logged. */
export function describeError(error: unknown): Described {
  // The queue reports its errors as plain objects.
  if (typeof error !== 'object' || error === null || !('message' in error)) {
    return { type: typeof error, message: String(error) }
  }
  const { name, message, code, status, stack, cause } = error as Partial<Record<string, unknown>>
  return {
    type: typeof name === 'string' ? name : 'Error',
    message: String(message),
    ...(code !== undefined && { code }),
    ...(status !== undefined && { status }),
    ...(typeof stack === 'string' && { stack: framesOf(stack) }),
    ...(cause !== undefined && { cause: describeError(cause) }),
  }
}

/** For what goes wrong while other people's code is read: such a message may quote it. */
export function withoutMessage(error: unknown): object {
  const { type, code, stack } = describeError(error)
  return { name: type, code, stack, message: 'left out, since it may quote the file' }
}

/** A stack begins with the message, as it was when the error was made. */
function framesOf(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')
}

function shorten(line: string): string {
  const {
    level,
    time,
    msg,
    pid: _pid,
    hostname: _hostname,
    err,
    ...fields
  } = JSON.parse(line) as Record<string, unknown>
  const at = new Date(time as number).toISOString().slice(11, 19)
  const name = (pino.levels.labels[level as number] ?? '').toUpperCase().padEnd(5)
  const values = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const chain = err === undefined ? '' : `\n${describeChain(err as Described)}`
  return `${[at, name, msg, ...values].join(' ')}${chain}\n`
}

function describeChain({ stack, type, message, cause }: Described): string {
  const own = `  ${[`${type}: ${message}`, ...(stack ? [stack] : [])].join('\n').replaceAll('\n', '\n  ')}`
  return cause === undefined ? own : `${own}\n  caused by\n${describeChain(cause)}`
}
