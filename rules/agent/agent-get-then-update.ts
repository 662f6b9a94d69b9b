import {
  ancestors,
  type Call,
  canonical,
  type Clause,
  comesFrom,
  defineRule,
  type Edit,
  elixir,
  type Expression,
  isSame,
  localCalls,
  type Operator,
  tails,
  type Variable,
  walk,
  whereRuns,
} from '#engine'
import { isTestSupport } from '../callers.ts'
import { simpleAgents } from '../principles.ts'
import { replaceIn } from '../edits.ts'
import { isScratchPad, meansAgent } from './inside.ts'

const WRITES = ['Agent.update', 'Agent.cast']

export default defineRule({
  id: 'agent-get-then-update',
  title: 'Read, compute, write back: lost update',
  principles: [simpleAgents],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    Between the get and the update the agent serves others. Two processes that run this at the same time read the same
    value, and the second one writes over what the first one wrote: one update is lost.
  `,
  instead:
    'Do both inside the agent: `Agent.update(agent, &(&1 + 1))`, or `Agent.get_and_update/2` where the value is needed.',
  ignoreWhen: 'When only one process ever writes to this agent.',
  limits:
    'An agent that a function starts for its own work and that is stopped again, and what an `after` block puts back, are not judged.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Visitors do
          def count_one do
            n = Agent.get(Shop.Counter, & &1)
            Agent.update(Shop.Counter, fn _ -> n + 1 end) # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.Visitors do
          def count_one do
            Agent.update(Shop.Counter, &(&1 + 1))
          end
        end
      `,
    },
  ],

  on: 'call',
  callees: WRITES,
  *check({ call: write, clause }) {
    const [agent, fun] = write.args
    if (agent === undefined || fun === undefined || isTestSupport(clause.module)) return
    const place = placeOf(write, clause)
    if (place === null || (place === 'here' && (isScratchPad(agent, clause) || isRestored(write)))) return
    for (const { by, get } of readsOf(agent, clause, place)) {
      if (by.end > write.start) continue
      const use = resultsOf(fun)
        .flatMap((result) => [...walk(result)])
        .find((each): each is Variable => isOldValue(each, by, clause))
      if (use === undefined) continue
      yield {
        at: write.at,
        evidence: [write.at, by.at, get.at],
        message:
          `\`${use.name}\` comes from the read of \`${agent.text}\` on line ${by.line}, and another process can change the agent before this ` +
          `\`${write.callee}\` writes it back: that change is lost.`,
        edit: by === get ? counter(by, write, clause) : null,
      }
      return
    }
  },
})

/** The call that starts the process in which this runs; null for code inside an agent, and for code that is only kept. */
function placeOf(call: Call, clause: Clause): Call | 'here' | null {
  const where = whereRuns(call, clause)
  if (where.at === 'elsewhere') return where.by.module === 'Agent' ? null : where.by
  return where.at === 'here' ? 'here' : null
}

/** `after: Agent.update(agent, fn _ -> old end)` means to undo, whatever others did in between. */
function isRestored(write: Call): boolean {
  let inner: Expression = write
  for (const up of ancestors(write)) {
    if (up.kind === 'try' && up.after === inner) return true
    inner = up
  }
  return false
}

/** Where a clause reads an agent in that process: `Agent.get`, or a local function that only does that (`count()`). */
function readsOf(agent: Expression, clause: Clause, place: Call | 'here'): { by: Call; get: Call }[] {
  const isRead = (target: Expression | undefined): boolean =>
    target !== undefined && isSame(target, agent, clause.module)
  return clause.calls.flatMap((by) => {
    if (placeOf(by, clause) !== place) return []
    if (by.callee === 'Agent.get') return isRead(by.args[0]) ? [{ by, get: by }] : []
    const fun = localCalls(clause).find((called) => called.by === by)?.fun
    if (fun === undefined || fun === clause.function || fun.clauses.length !== 1) return []
    const [helper] = fun.clauses as [Clause]
    const [get, ...others] = helper.calls.filter((call) => call.module === 'Agent')
    const target = get?.args[0]
    if (get?.callee !== 'Agent.get' || target === undefined || others.length > 0) return []
    // A variable of the function that is called is none of this one.
    const isOwn = target.kind === 'variable' ? false : isRead(target)
    return isOwn || meansAgent(target, agent, helper, by) ? [{ by, get }] : []
  })
}

/** What the function can make the new state; what else it does with the old one is no write. */
function resultsOf(fun: Expression): Expression[] {
  if (fun.kind === 'capture') return fun.body === null ? [] : [fun.body]
  if (fun.kind !== 'fn') return []
  return fun.branches.flatMap(({ body }) => tails(body)).flatMap(({ expression }) => expression ?? [])
}

/** A variable that holds what was read, or is computed from it. As a key it only says which entry changes. */
function isOldValue(each: Expression, read: Call, clause: Clause): boolean {
  if (each.kind !== 'variable' || isKey(each)) return false
  return comesFrom(each, clause, (from) => from === read)
}

function isKey(variable: Variable): boolean {
  const { parent } = variable
  if (parent?.kind === 'call') {
    if (parent.module === 'Map' || parent.module === 'Keyword') return parent.args[1] === variable
    if (parent.callee === 'Enum.drop') return parent.args[1] === variable
    return parent.module === 'MapSet' || parent.callee === 'List.delete'
  }
  if (parent?.kind === 'access' || parent?.kind === 'pair') return parent.key === variable
  if (parent?.kind !== 'operator') return false
  return parent.operator === '^' || parent.operator === '--' || isLeftOut(parent)
}

/** `Enum.reject(rows, &(&1 in old))`: what came in between stays. */
function isLeftOut(test: Operator): boolean {
  const call = [...ancestors(test)].find((up) => up.kind === 'call' && /^(Enum|Map|Keyword)\./.test(up.callee))
  const name = call?.kind === 'call' ? call.name : null
  return test.operator === 'in' ? name === 'reject' : test.operator === 'not in' && name === 'filter'
}

/** `n = Agent.get(C, & &1)` and `Agent.update(C, fn _ -> n + 1 end)` on the next line. */
function counter(read: Call, write: Call, clause: Clause): Edit | null {
  const match = read.parent
  const [agent, getter] = read.args
  const fun = write.args[1]
  if (
    match?.kind !== 'match' ||
    match.pattern.kind !== 'variable' ||
    agent === undefined ||
    read.isPiped ||
    write.isPiped
  )
    return null
  if (getter?.kind !== 'capture' || getter.body?.kind !== 'capture-argument' || write.callee !== 'Agent.update')
    return null
  const branch = fun?.kind === 'fn' && fun.branches.length === 1 ? fun.branches[0]! : null
  if (branch === null || branch.patterns.length !== 1 || branch.patterns[0]!.kind !== 'variable') return null
  const { body } = branch
  if (body.kind !== 'operator' || !/^[+*-]$/.test(body.operator) || body.operands.length !== 2) return null
  const [left, right] = body.operands
  const { name } = match.pattern
  if (left?.kind !== 'variable' || left.name !== name || right?.kind !== 'number') return null
  if (write.line !== match.line + 1 || match.range.endLine !== match.line || write.range.endLine !== write.line)
    return null
  const uses = clause.expressions.filter((each) => each.kind === 'variable' && each.name === name).length
  if (clause.file.comments.some((comment) => comment.line === match.line)) return null
  if (uses !== 2 || canonical(agent) !== canonical(write.args[0]!)) return null
  const text = `Agent.update(${agent.text}, &(&1 ${body.operator} ${right.text}))`
  return { ...replaceIn(clause.file, write.range, text), startLine: match.line }
}
