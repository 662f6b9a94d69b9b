// Code that fails: what raises whatever happens, and what does so when an answer is missing. It knows no rule.
import { ancestors, type Branch, type Call, type Expression, walk } from './expression.ts'
import type { Clause } from './module.ts'

const RAISING = new Set([
  'Kernel.exit',
  'Kernel.raise',
  'Kernel.reraise',
  'Kernel.throw',
  'Mix.raise',
  ':erlang.error',
  ':erlang.exit',
  ':erlang.raise',
])

/** Whether the last thing that code does is to raise, exit or throw. */
export function endsByRaising(body: Expression): boolean {
  const last = body.kind === 'block' ? body.statements.at(-1) : body
  return last?.kind === 'call' && RAISING.has(last.callee)
}

/**
 * Whether the code around a call goes on when the call gives `nil`, or a list with `{key, nil}` in it: no pattern is
 * left without a match, and no branch for it raises. Where in doubt: yes.
 */
export function survivesNil(call: Call, clause: Clause): boolean {
  const { parent } = call
  if (parent?.kind === 'match') return parent.pattern.kind === 'variable'
  if (parent?.kind === 'case') return goesOn(parent.branches)
  if (parent?.kind === 'draw' && parent.parent?.kind === 'with') {
    const { elseBranches } = parent.parent
    return elseBranches.length === 0 || goesOn(elseBranches)
  }
  const branches = consumersOf(call)
    .map((consumer) => branchesOf(consumer, clause))
    .find((some) => some.length > 0)
  if (branches === undefined) return true
  if (!branches.some(({ pattern }) => couldBeNil(pattern))) return false
  const late = [
    ...branches.filter(({ pattern }) => takesNil(pattern)),
    ...branches.flatMap(({ body }) => (body === null ? [] : nilBranches(body))),
  ]
  return late.length === 0 || late.some(({ body }) => body === null || !endsByRaising(body))
}

/** The functions of `Enum` that the value goes through in its statement. */
function consumersOf(call: Call): Call[] {
  const found: Call[] = []
  for (const up of ancestors(call)) {
    if (up.kind === 'block' || up.kind === 'fn') break
    if (up.kind === 'call' && up.module === 'Enum') found.push(up)
  }
  return found
}

interface Taken {
  pattern: Expression
  body: Expression | null
}

/** How a function of `Enum` takes an element: the branches of its closure, or the clauses of the local function it names. */
function branchesOf({ args }: Call, { module }: Clause): Taken[] {
  return args.slice(1).flatMap((arg): Taken[] => {
    if (arg.kind === 'fn') return arg.branches.flatMap(({ patterns, body }) => takenBy(patterns[0], body))
    if (arg.kind !== 'capture') return []
    const named =
      arg.function ?? (arg.body?.kind === 'call' && arg.body.args[0]?.kind === 'capture-argument' ? arg.body : null)
    const fun = named?.module === null ? module.function(named.name, named.arity) : undefined
    return fun?.clauses.flatMap(({ params, body }) => takenBy(params[0], body)) ?? []
  })
}

function takenBy(pattern: Expression | undefined, body: Expression | null): Taken[] {
  return pattern === undefined ? [] : [{ pattern, body }]
}

/** Branches for `nil` further inside, as in `case answer do nil -> ... end`. */
function nilBranches(body: Expression): Branch[] {
  return walk(body)
    .filter((each) => each.kind === 'branch')
    .filter(({ patterns }) => patterns.some(takesNil))
}

/** Whether `nil`, or a pair with it at its end, can match. */
function couldBeNil(pattern: Expression): boolean {
  const last = pattern.kind === 'tuple' ? pattern.elements.at(-1) : pattern
  return (
    last === undefined || last.kind === 'variable' || isNil(last) || (last.kind === 'match' && couldBeNil(last.value))
  )
}

/** The first branch that takes `nil` whatever else holds keeps it from those below. */
function goesOn(branches: readonly Branch[]): boolean {
  const taking = branches.filter(
    ({ patterns: [pattern] }) => pattern !== undefined && (pattern.kind === 'variable' || isNil(pattern)),
  )
  const last = taking.findIndex(({ guard }) => guard === null)
  return taking.slice(0, last === -1 ? undefined : last + 1).some(({ body }) => !endsByRaising(body))
}

function takesNil(pattern: Expression): boolean {
  return isNil(pattern) || (pattern.kind === 'tuple' && pattern.elements.some(isNil))
}

function isNil(expression: Expression): boolean {
  return expression.kind === 'atom' && expression.value === 'nil'
}
