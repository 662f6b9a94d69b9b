// Code that runs only after a look at what this system has: modules, functions, the release of OTP. It knows no names of its own.
import { conditionsAbove, partsOf } from './conditions.ts'
import { ancestors, type Expression, walk } from './expression.ts'
import type { Clause } from './module.ts'
import { localCalls } from './processes.ts'

/** Functions that tell which modules, functions or release are there. */
const PROBES = new Set([
  'Application.spec',
  'Code.ensure_compiled',
  'Code.ensure_loaded',
  'Code.ensure_loaded?',
  'Kernel.function_exported?',
  'Kernel.macro_exported?',
  'System.otp_release',
  'System.version',
  'Version.match?',
  ':code.ensure_loaded',
  ':code.is_loaded',
  ':code.which',
  ':erlang.function_exported',
  ':erlang.module_loaded',
  ':erlang.system_info',
])

/**
 * Whether an expression runs only where somebody has asked what is there, or expects that it is not: under a condition
 * (also one that an attribute or a function of the module holds), in a definition or module that is itself
 * conditional, in a `try` that rescues UndefinedFunctionError, or in a private function that is only called so.
 */
export function isProbed(expression: Expression, clause: Clause): boolean {
  return (
    clause.isConditional || clause.module.isConditional || isProbedHere(expression, clause) || isCalledProbed(clause)
  )
}

function isProbedHere(expression: Expression, clause: Clause): boolean {
  if (conditionsAbove(expression).some((condition) => [...partsOf(condition, clause)].some(isProbe))) return true
  for (const up of ancestors(expression)) {
    if (up.kind === 'try' && up.rescues.some((branch) => walk(branch).some(isUndefinedFunction))) return true
  }
  return false
}

function isCalledProbed({ function: fun, module }: Clause): boolean {
  if (fun.isPublic) return false
  const callers = module.functions.flatMap(({ clauses }) => clauses).filter((caller) => caller.function !== fun)
  const calls = callers.flatMap((caller) =>
    localCalls(caller).flatMap((called) => (called.fun === fun ? [{ by: called.by, caller }] : [])),
  )
  return calls.length > 0 && calls.every(({ by, caller }) => isProbedHere(by, caller))
}

function isProbe(expression: Expression): boolean {
  return expression.kind === 'call' && PROBES.has(expression.callee)
}

function isUndefinedFunction(expression: Expression): boolean {
  return expression.kind === 'module' && expression.name === 'UndefinedFunctionError'
}
