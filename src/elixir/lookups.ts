// Code that runs because a process was looked for and was not there. It judges no start.
import { sourceOf } from './bindings.ts'
import { ancestors, type Branch, type Call, type Expression, type If, type With, walk } from './expression.ts'
import type { Clause } from './module.ts'
import { argumentFor } from './servers.ts'
import { tails } from './tails.ts'

/** Functions that ask whether a process of some name runs. */
const LOOKUPS = new Set([
  'Process.whereis',
  'GenServer.whereis',
  'Registry.lookup',
  'Registry.whereis_name',
  ':global.whereis_name',
  ':erlang.whereis',
])

/** A look for a process that has found none. */
export interface Miss {
  lookup: Call
  /** Whose name was asked for: a parameter of a helper stands for what the helper is given. Null where that is computed. */
  asked: Expression | null
  /** The clause in which `asked` is written. */
  clause: Clause
  /** Whether only "there is none" leads here; a helper may say so of something else. */
  isSure: boolean
}

/** Local functions that are followed from a condition. */
const HOPS = 2

/** Every look for a process that failed where the expression runs: in the conditions and patterns above it, or a call. */
export function missesBefore(expression: Expression, clause: Clause): Miss[] {
  const found: Miss[] = []
  let inner = expression
  for (const up of ancestors(expression)) {
    found.push(...missesAt(up, inner, clause))
    inner = up
  }
  return found
}

function missesAt(up: Expression, inner: Expression, clause: Clause): Miss[] {
  switch (up.kind) {
    case 'if':
      return inner === up.condition ? [] : missedIf(up.condition, isWhenTrue(up, inner), clause)
    case 'operator': {
      const [left, right] = up.operands
      if (inner !== right || left === undefined) return []
      if (up.operator === '||' || up.operator === 'or') return missedIf(left, false, clause)
      return up.operator === '&&' || up.operator === 'and' ? missedIf(left, true, clause) : []
    }
    case 'case':
      return inner.kind === 'branch' ? missedBy(inner, up.branches, up.subject, clause) : []
    case 'cond': {
      const position = up.branches.findIndex((branch) => branch === inner)
      return up.branches
        .slice(0, position + 1)
        .flatMap(({ patterns: [condition] }, index) =>
          condition === undefined ? [] : missedIf(condition, index === position, clause),
        )
    }
    case 'with':
      return missedIn(up, inner, clause)
    case 'try':
      return up.catches.some((branch) => branch === inner && branch.patterns.some(isNoProcess))
        ? missedByCall(up.body, clause)
        : []
    default:
      return []
  }
}

/** Calls of a server by its name, which exit with `:noproc` where there is none. */
const CALLS =
  /^(?:GenServer|GenStateMachine|GenStage|:gen_server|:gen_statem)\.call$|^Agent\.(?:get|update|get_and_update)$/

/** `catch :exit, {:noproc, _}`: the call in the body was the look. */
function missedByCall(body: Expression | null, clause: Clause): Miss[] {
  const found = body === null ? undefined : walk(body).find((each) => each.kind === 'call' && CALLS.test(each.callee))
  return found?.kind === 'call' ? [{ lookup: found, asked: found.args[0] ?? null, clause, isSure: true }] : []
}

function isNoProcess(pattern: Expression): boolean {
  return walk(pattern).some((each) => each.kind === 'atom' && each.value === 'noproc')
}

function isWhenTrue({ then, isUnless }: If, inner: Expression): boolean {
  return (then === inner) !== isUnless
}

/** The steps of a `with` that stand before; for its `else`, whichever step has failed so. */
function missedIn({ steps, elseBranches }: With, inner: Expression, clause: Clause): Miss[] {
  const draws = steps.flatMap((step) => (step.kind === 'draw' ? [step] : []))
  const branch = elseBranches.find((each) => each === inner)
  if (branch !== undefined) return draws.flatMap(({ value }) => missedBy(branch, elseBranches, value, clause))
  const until = steps.findIndex((step) => step === inner)
  return draws.flatMap((step) => {
    const isBefore = until < 0 || steps.indexOf(step) < until
    const { pattern, guard, value } = step
    return isBefore && says(pattern, guard) === 'none' ? missedAs(pattern, value, clause) : []
  })
}

/** The branch of a `case` that is taken where there is no process. */
function missedBy(branch: Branch, all: readonly Branch[], subject: Expression, clause: Clause): Miss[] {
  const [pattern] = branch.patterns
  if (pattern === undefined) return []
  const own = says(pattern, branch.guard)
  if (own === 'some') return []
  // What is left when the other branches have taken all that is found.
  const before = all.slice(0, all.indexOf(branch)).map((each) => says(each.patterns[0]!, each.guard))
  if (own === null && !(before.includes('some') && !before.includes('none'))) return []
  return missedAs(pattern, subject, clause)
}

function missedAs(pattern: Expression, value: Expression, clause: Clause): Miss[] {
  if (pattern.kind === 'atom' && (pattern.value === 'true' || pattern.value === 'false'))
    return missedIf(value, pattern.value === 'true', clause)
  const answers = answersIn(value, clause, HOPS)
  return answers.length > 0 ? answers : unsure(value, clause)
}

/** What a pattern says of the process: there is none, there is one, or nothing. */
function says(pattern: Expression, guard: Expression | null): 'none' | 'some' | null {
  switch (pattern.kind) {
    case 'atom':
      return /^(?:nil|false|undefined|error|none|not_found|noproc)$/.test(pattern.value) ? 'none' : 'some'
    case 'list':
      return pattern.elements.length === 0 ? 'none' : 'some'
    case 'tuple': {
      const [tag] = pattern.elements
      return tag?.kind === 'atom' && tag.value === 'error' ? 'none' : 'some'
    }
    case 'variable': {
      const test = guard === null ? undefined : walk(guard).find((each) => each.kind === 'call')
      if (test?.kind !== 'call') return null
      return test.callee === 'Kernel.is_nil' ? 'none' : 'some'
    }
    case 'match':
      return says(pattern.pattern, guard) ?? says(pattern.value, guard)
    default:
      return 'some'
  }
}

const EMPTY = new Set(['Kernel.is_nil', 'Enum.empty?'])

const THERE = new Set(['Kernel.is_pid', 'Process.alive?'])

/** The looks that must have failed for a condition to be true, or false. */
function missedIf(condition: Expression, isTrue: boolean, clause: Clause, hops = HOPS): Miss[] {
  const answers = answersIn(condition, clause, hops)
  if (answers.length > 0) return isTrue ? [] : answers
  switch (condition.kind) {
    case 'match':
      return missedIf(condition.value, isTrue, clause, hops)
    case 'variable': {
      const source = sourceOf(condition, clause)
      const isWhole = source?.pattern.kind === 'variable' && source.value
      return isWhole && hops > 0 ? missedIf(isWhole, isTrue, clause, hops - 1) : []
    }
    case 'operator':
      return missedByOperator(condition.operator, condition.operands, isTrue, clause, hops)
    case 'call': {
      const [given, second] = condition.args
      if (given !== undefined && EMPTY.has(condition.callee)) return isTrue ? answersIn(given, clause, hops) : []
      if (given !== undefined && THERE.has(condition.callee)) return isTrue ? [] : answersIn(given, clause, hops)
      if (condition.callee === 'Kernel.match?' && given !== undefined && second !== undefined)
        return (says(given, null) === 'none') === isTrue ? answersIn(second, clause, hops) : []
      return condition.isLocal && hops > 0 ? missedByHelper(condition, isTrue, clause, hops - 1) : []
    }
    default:
      return []
  }
}

function missedByOperator(
  operator: string,
  operands: readonly Expression[],
  isTrue: boolean,
  clause: Clause,
  hops: number,
): Miss[] {
  const [left, right] = operands
  if (left === undefined) return []
  if (operator === '!' || operator === 'not') return missedIf(left, !isTrue, clause, hops)
  if (right === undefined) return []
  if (/^[!=]==?$/.test(operator)) {
    const isEqual = operator.startsWith('=') === isTrue
    const [value, literal] = isLiteral(left) ? [right, left] : [left, right]
    if (literal.kind === 'atom' && (literal.value === 'true' || literal.value === 'false'))
      return missedIf(value, (literal.value === 'true') === isEqual, clause, hops)
    return isEqual && isLiteral(literal) && says(literal, null) === 'none' ? answersIn(value, clause, hops) : []
  }
  const isAnd = operator === '&&' || operator === 'and'
  if (!isAnd && operator !== '||' && operator !== 'or') return []
  const both = [left, right].flatMap((each) => missedIf(each, isTrue, clause, hops))
  // One of the two is enough to make `a && b` false: which, is not known.
  return isAnd === isTrue ? both : both.map((miss) => ({ ...miss, isSure: false }))
}

function isLiteral({ kind }: Expression): boolean {
  return kind === 'atom' || kind === 'list'
}

/** `running?(id)`: by what the helper returns, as far as that is written out. */
function missedByHelper(by: Call, isTrue: boolean, clause: Clause, hops: number): Miss[] {
  return clause.module.clauses(by.name, by.arity).flatMap((helper) => {
    const last = helper.body?.kind === 'block' ? helper.body.statements.at(-1) : helper.body
    if (!last) return []
    const found =
      last.kind === 'case'
        ? missedByCase(last.branches, last.subject, isTrue, helper)
        : missedIf(last, isTrue, helper, hops)
    return found.map((miss) => asGiven(miss, helper, by, clause))
  })
}

function missedByCase(branches: readonly Branch[], subject: Expression, isTrue: boolean, clause: Clause): Miss[] {
  return branches.flatMap((branch) => {
    const isSo = tails(branch.body).some(({ expression }) => isTruthy(expression) === isTrue)
    return isSo ? missedBy(branch, branches, subject, clause) : []
  })
}

function isTruthy(expression: Expression | null): boolean | null {
  if (expression === null) return false
  return expression.kind === 'atom' ? expression.value !== 'nil' && expression.value !== 'false' : null
}

/** The looks of which a value is the answer. */
function answersIn(value: Expression, clause: Clause, hops: number): Miss[] {
  if (value.kind === 'variable') {
    const source = sourceOf(value, clause)
    return source?.pattern.kind === 'variable' && source.value && hops > 0
      ? answersIn(source.value, clause, hops - 1)
      : []
  }
  if (value.kind !== 'call') return []
  if (LOOKUPS.has(value.callee))
    return [
      { lookup: value, asked: value.module === 'Registry' ? null : (value.args[0] ?? null), clause, isSure: true },
    ]
  if (!value.isLocal || hops === 0) return []
  return clause.module.clauses(value.name, value.arity).flatMap((helper) =>
    tails(helper.body)
      .flatMap(({ expression }) => (expression === null ? [] : answersIn(expression, helper, hops - 1)))
      .map((miss) => asGiven(miss, helper, value, clause)),
  )
}

/** A local function that looks for a process on the way to what it returns. */
function unsure(value: Expression, clause: Clause): Miss[] {
  if (value.kind !== 'call' || !value.isLocal) return []
  return clause.module
    .clauses(value.name, value.arity)
    .flatMap((helper) =>
      helper
        .callsOf(LOOKUPS)
        .map((lookup) =>
          asGiven({ lookup, asked: lookup.args[0] ?? null, clause: helper, isSure: false }, helper, value, clause),
        ),
    )
}

/** The name asked for in a helper, seen from its caller. */
function asGiven(miss: Miss, helper: Clause, by: Call, clause: Clause): Miss {
  const { asked } = miss
  if (asked?.kind !== 'variable' || miss.clause !== helper) return miss
  const position = helper.params.findIndex((param) => param.kind === 'variable' && param.name === asked.name)
  if (position < 0) return miss
  const given = argumentFor(helper, position, by)
  if (given === 'default') return { ...miss, asked: helper.function.defaults[position] ?? null }
  return { ...miss, asked: given, clause }
}
