import {
  ancestors,
  type Branch,
  type Call,
  type Clause,
  defineRule,
  type Draw,
  type Edit,
  elixir,
  type Expression,
  isDiscarded,
  isWithin,
  type Module,
  results,
  tails,
  unmatched,
  useOptions,
  variablesIn,
  walk,
} from '#engine'
import { isOnPurpose } from '../intent.ts'
import { jobClauses } from '../oban.ts'
import { durableWork } from '../principles.ts'
import { quote } from '../wording.ts'

const LOGS = new Set([
  'Logger.error',
  'Logger.warning',
  'Logger.warn',
  'Logger.critical',
  'Logger.alert',
  'Logger.emergency',
])

export default defineRule({
  id: 'oban-swallowed-error',
  title: 'A failure is logged and the job counts as done',
  principles: [durableWork],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    Logger returns :ok, and :ok is what Oban takes for success. An error branch that ends in a log line therefore
    completes the job: no retry, no failed state, nothing in the dashboard. The work is simply not done, and only the
    log knows.
  `,
  instead:
    'Return the error after logging it, `{:error, reason}`: Oban records it and runs the job again. To give up on purpose, write `{:cancel, reason}` or an explicit `:ok`.',
  ignoreWhen:
    'When the failure really needs no further attempt; an explicit `:ok` after the log line says so, and silences this rule.',
  limits:
    'Errors handled in other modules are not seen. What another attempt cannot change, such as `:not_found`, and a branch that inserts the job again are no findings; a warning about a step after the work is done is one in the strict profile only.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Workers.Receipt do
          use Oban.Worker
          require Logger

          @impl Oban.Worker
          def perform(%Oban.Job{args: %{"id" => id}}) do
            case Shop.Mailer.send_receipt(id) do
              {:ok, _} -> :ok
              {:error, reason} -> Logger.error("receipt failed: #{inspect(reason)}") # finding
            end
          end
        end
      `,
      good: elixir`
        defmodule Shop.Workers.Receipt do
          use Oban.Worker
          require Logger

          @impl Oban.Worker
          def perform(%Oban.Job{args: %{"id" => id}}) do
            case Shop.Mailer.send_receipt(id) do
              {:ok, _} ->
                :ok

              {:error, reason} ->
                Logger.error("receipt failed: #{inspect(reason)}")
                {:error, reason}
            end
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['Oban.Worker'],
  words: ['Logger', 'error', 'warning', 'warn', 'critical', 'alert', 'emergency'],
  *check({ module }) {
    const seen = new Set<Expression>()
    const isOnce = onlyOnce(module)
    for (const perform of jobClauses(module)) {
      const ends = results(perform)
      for (const { tail, clause, hops } of ends) {
        const log = tail.expression
        const head = tail.isUnknown && log !== null && isLog(log) ? errorHead(log, clause) : null
        if (log?.kind === 'call' && head !== null && !seen.has(log) && !isOnPurpose(clause)) {
          seen.add(log)
          if (isTriedAgain(clause.body)) continue
          yield {
            at: log.at,
            ...(isAfterthought(log, hops) ? STRICT : {}),
            evidence: [log.at, clause.head, perform.head, ...hops.map((hop) => hop.range)],
            message:
              `The \`${quote(head, 40)}\` clause of \`${clause.function.id}\` ends in \`${log.callee}\`, which returns ` +
              `\`:ok\`: ${consequence(isOnce)}${isOnce ? KEPT : ''}`,
          }
        }
        const branch = tail.isUnknown && log !== null && isLog(log) ? errorBranch(log) : null
        if (log?.kind !== 'call' || branch === null || seen.has(log) || isOnPurpose(clause)) continue
        seen.add(log)
        if (isTriedAgain(branchBody(branch))) continue
        yield {
          at: log.at,
          ...(isAfterthought(log, [branch, ...hops]) ? STRICT : {}),
          evidence: [log.at, headOf(branch), perform.head, ...hops.map((hop) => hop.range)],
          message: `${subject(branch, module)} ends in \`${log.callee}\`, which returns \`:ok\`: ${consequence(isOnce)}${isOnce ? KEPT : ''}`,
          edit: returned(branch, log, clause),
        }
      }
      for (const end of new Set(ends.map(({ clause }) => clause))) {
        for (const { log, branch, ok, clause } of discardedIn(end)) {
          if (seen.has(log) || isOnPurpose(end) || isOnPurpose(clause)) continue
          seen.add(log)
          if (isTriedAgain(branchBody(branch))) continue
          yield {
            at: log.at,
            ...(isAfterthought(log, [branch]) ? STRICT : {}),
            evidence: [log.at, headOf(branch), ok.range],
            message:
              `${subject(branch, module)} only logs. The \`:ok\` on line ${ok.line} is what Oban sees: ${consequence(isOnce)} ` +
              `Return the error from \`${perform.function.id}\` after logging it, or end the branch in \`:ok\` to give up on purpose.`,
          }
        }
      }
    }
  },
})

/** What takes the error: a branch, or the last step of `with {:error, reason} <- run() do`. */
type Handler = Branch | Draw

function subject(branch: Handler, { name }: Module): string {
  const { parent } = branch
  if (branch.kind === 'draw') return `The \`with ${quote(branch.pattern, 40)}\` in \`${name}\``
  if (parent?.kind === 'try' && parent.rescues.includes(branch)) return `The \`rescue\` in \`${name}\``
  if (parent?.kind === 'try' && parent.catches.includes(branch)) return `The \`catch\` in \`${name}\``
  const [pattern] = branch.patterns
  return pattern === undefined
    ? `An error branch of \`${name}\``
    : `The \`${quote(pattern, 40)}\` branch of \`${name}\``
}

function consequence(isOnce: boolean): string {
  return isOnce
    ? 'the job counts as done, and only the log knows that it failed.'
    : 'the job counts as done, and the failure is never retried.'
}

const KEPT =
  ' This worker has one attempt, so Oban does not run it again. Return the error after logging it, and Oban keeps it.'

/** A worker that has no second attempt loses no retry, only the sight of its failure. */
function onlyOnce({ uses }: Module): boolean {
  const attempts = uses.map((use) => useOptions(use)?.get('max_attempts')).find((each) => each !== undefined)
  return attempts?.kind === 'number' && attempts.value === 1
}

function isLog(expression: Expression): expression is Call {
  return expression.kind === 'call' && LOGS.has(expression.callee)
}

/** The error that a clause of a helper takes, `defp done({:error, reason})` beside `defp done({:ok, _})`, if it ends in this. */
function errorHead(log: Expression, clause: Clause): Expression | null {
  const isLast = log === clause.body || (log.parent !== null && log.parent === clause.body)
  if (!isLast || clause.function.clauses.length === 1) return null
  return clause.params.find((param) => isErrorPattern({ patterns: [param], guard: clause.guard }, false)) ?? null
}

/** What takes an error and ends in this expression. */
function errorBranch(log: Expression): Handler | null {
  const holder = log.parent?.kind === 'block' ? log.parent.parent : log.parent
  if (holder?.kind === 'with') {
    const step = holder.steps.at(-1)
    const isBody = holder.body !== null && isWithin(log, holder.body)
    return isBody && step?.kind === 'draw' && isErrorPattern({ patterns: [step.pattern], guard: step.guard }, false)
      ? step
      : null
  }
  if (holder?.kind !== 'branch') return null
  const around = holder.parent
  if (around?.kind === 'try') {
    if (around.rescues.includes(holder)) return rescuesFinal(holder) ? null : holder
    return around.catches.includes(holder) ? holder : isErrorPattern(holder, false) ? holder : null
  }
  if (around?.kind === 'with')
    return around.elseBranches.includes(holder) && isErrorPattern(holder, true) ? holder : null
  return around?.kind === 'case' && isErrorPattern(holder, false) ? holder : null
}

const STRICT = { set: 'strict' } as const

function branchBody(branch: Handler): Expression | null {
  if (branch.kind === 'branch') return branch.body
  return branch.parent?.kind === 'with' ? branch.parent.body : null
}

/** Whether a branch puts the work into the queue once more by itself. */
function isTriedAgain(body: Expression | null): boolean {
  if (body === null) return false
  return [...walk(body)].some(
    (each) => each.kind === 'call' && (/^Oban\.(?:insert|retry)/.test(each.callee) || AGAIN.test(each.name)),
  )
}

const AGAIN = /^(?:re)?(?:schedule|enqueue|queue)(?:_|!?$)|^retry/

/**
 * Whether a failure that is only worth a warning comes when the work is done: after a step that raises where it fails,
 * or in a branch that takes a success and nothing of it. Another attempt would do that work twice.
 */
function isAfterthought({ callee }: Call, path: readonly Expression[]): boolean {
  return /warn/.test(callee) && path.some(comesAfterWork)
}

function comesAfterWork(expression: Expression): boolean {
  let below = expression
  for (const up of ancestors(expression)) {
    if (up.kind === 'block' && up.statements.some((each) => each.end <= below.start && isAssertedWork(each)))
      return true
    if (up.kind === 'branch' && up.parent?.kind === 'case' && isBareSuccess(up) && !isCheck(up.parent.subject))
      return true
    below = up
  }
  return false
}

/** `Shop.Mailer.deliver!(mail)`, `{:ok, _} = Shop.Mailer.deliver(mail)`. */
function isAssertedWork(statement: Expression): boolean {
  if (statement.kind === 'call') return statement.name.endsWith('!') && !isCheck(statement)
  return (
    statement.kind === 'match' &&
    statement.value.kind === 'call' &&
    (statement.pattern.kind === 'tuple' || statement.pattern.kind === 'atom') &&
    variablesIn(statement.pattern).length === 0 &&
    !isCheck(statement.value)
  )
}

function isBareSuccess({ patterns }: Branch): boolean {
  const [pattern] = patterns
  const tag = pattern?.kind === 'tuple' ? pattern.elements[0] : pattern
  return tag?.kind === 'atom' && tag.value === 'ok' && variablesIn(pattern!).every((name) => name.startsWith('_'))
}

/** What only prepares the work. */
function isCheck(expression: Expression): boolean {
  return (
    expression.kind === 'call' &&
    /^(?:valid|check|ensure|verify|authori|can_|is_|lock|acquire|get|fetch|find|load|start|begin|mark|set|claim)/.test(
      expression.name,
    )
  )
}

/** Reasons that another attempt cannot change, so that giving up is the answer to them. */
const FINAL = /^(?:(?:\w+_)?not_found|gone|deleted|cancell?ed|duplicate|unsubscribed|disabled|already_\w+|enoent)$/

/** The same as structs and exceptions. */
const FINAL_STRUCT = /(?:NoResults|NotFound|StaleEntry|Duplicate|Validation)\w*$/

function isErrorPattern({ patterns, guard }: Pick<Branch, 'patterns' | 'guard'>, anyValue: boolean): boolean {
  if (guard !== null && (countsAttempts(guard) || namesFinalReasons(guard))) return false
  let [pattern] = patterns
  if (pattern?.kind === 'match') pattern = pattern.value.kind === 'variable' ? pattern.pattern : pattern.value
  if (pattern === undefined) return false
  if (pattern.kind === 'variable') return anyValue
  if (pattern.kind === 'atom') return pattern.value === 'error'
  const [tag, reason] = pattern.kind === 'tuple' ? pattern.elements : []
  if (reason !== undefined && isFinal(unmatched(reason))) return false
  return tag?.kind === 'atom' && (tag.value === 'error' || tag.value === 'exit')
}

function isFinal(reason: Expression): boolean {
  if (reason.kind === 'map') return reason.struct !== null && FINAL_STRUCT.test(reason.struct)
  return reason.kind === 'atom' && FINAL.test(reason.value)
}

/** `when reason in [:not_found, :gone]`. */
function namesFinalReasons(guard: Expression): boolean {
  if (guard.kind !== 'operator' || guard.operator !== 'in') return false
  const reasons = guard.operands[1]
  return reasons?.kind === 'list' && reasons.elements.length > 0 && reasons.elements.every(isFinal)
}

/** `Ecto.NoResultsError ->`, `error in [Ecto.StaleEntryError] ->`. */
function rescuesFinal({ patterns }: Branch): boolean {
  const [pattern] = patterns
  const named = pattern?.kind === 'operator' && pattern.operator === 'in' ? pattern.operands[1] : pattern
  const exceptions = named?.kind === 'list' ? named.elements : named === undefined ? [] : [named]
  return exceptions.length > 0 && exceptions.every((each) => each.kind === 'module' && FINAL_STRUCT.test(each.name))
}

/** `when attempt >= max_attempts`: the last attempt may well end so. */
function countsAttempts(guard: Expression): boolean {
  return [...walk(guard)].some(
    (each) =>
      (each.kind === 'variable' && /attempt/.test(each.name)) || (each.kind === 'field' && /attempt/.test(each.field)),
  )
}

/** Error branches in a statement whose value is thrown away right before the final `:ok`, but for more log lines. */
function* discardedIn(clause: Clause): Iterable<{ log: Call; branch: Handler; ok: Expression; clause: Clause }> {
  const body = clause.body?.kind === 'try' && clause.body.elses.length === 0 ? clause.body.body : clause.body
  if (body?.kind !== 'block') return
  const statements = [...body.statements]
  const last = statements.pop()
  if (last?.kind !== 'atom' || last.value !== 'ok') return
  while (isLogLine(statements.at(-1))) statements.pop()
  const before = statements.pop()
  if (before === undefined || !isDiscarded(before)) return
  const isAllTheWork = statements.every((each) => each.kind === 'match' || isLogLine(each))
  for (const { expression: log, within } of [
    ...ownTails(before, clause),
    ...(isAllTheWork ? helperTails(before, clause) : []),
  ]) {
    if (log === null || !isLog(log)) continue
    const branch = errorBranch(log)
    if (branch !== null) yield { log, branch, ok: last, clause: within }
  }
}

interface TailWithin {
  expression: Expression | null
  within: Clause
}

function ownTails(statement: Expression, clause: Clause): TailWithin[] {
  return tails(statement).map(({ expression }) => ({ expression, within: clause }))
}

/** The tails of a private function that does all the work of a job: its value is thrown away as well. */
function helperTails(statement: Expression, { module }: Clause): TailWithin[] {
  const fun =
    statement.kind === 'call' && statement.isLocal ? module.function(statement.name, statement.arity) : undefined
  if (fun === undefined || fun.isPublic) return []
  return fun.clauses.flatMap((each) => (each.body === null ? [] : ownTails(each.body, each)))
}

function isLogLine(expression: Expression | undefined): boolean {
  return expression?.kind === 'call' && expression.module === 'Logger'
}

function headOf(branch: Handler): Branch['range'] {
  if (branch.kind === 'draw') return branch.range
  const { range } = branch
  return { ...range, endLine: range.startLine, endColumn: range.startColumn + 1 }
}

/** Adds the error that was matched as the branch's value. */
function returned(branch: Handler, log: Call, clause: Clause): Edit | null {
  const [pattern, second] = branch.kind === 'draw' ? [branch.pattern] : branch.patterns
  if (pattern?.kind !== 'tuple' || pattern.elements.length !== 2 || second !== undefined) return null
  const [tag, reason] = pattern.elements
  if (tag?.kind !== 'atom' || tag.value !== 'error' || reason?.kind !== 'variable' || reason.name.startsWith('_'))
    return null
  const { startLine, startColumn, endLine, endColumn } = log.range
  if (startLine !== endLine) return null
  const line = clause.file.line(startLine)
  const value = `{:error, ${reason.name}}`
  const rest = line.slice(endColumn - 1)
  if (!/^\s*(#.*)?$/.test(rest)) return null
  const before = line.slice(0, startColumn - 1)
  if (before.trim() === '') return { startLine, endLine, text: `${line}\n${before}${value}` }
  const arrow = /^(\s*)(.*->)\s*$/.exec(before)
  if (arrow === null || branch.range.startLine !== startLine) return null
  const indent = `${arrow[1]}  `
  return {
    startLine,
    endLine,
    text: `${arrow[1]}${arrow[2]}\n${indent}${line.slice(startColumn - 1)}\n${indent}${value}`,
  }
}
