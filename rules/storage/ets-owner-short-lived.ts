import {
  type Branch,
  type Call,
  canonical,
  type Clause,
  conditionsAbove,
  ancestors,
  attachments,
  boundValue,
  defineRule,
  elixir,
  etsAccess,
  type Expression,
  type FunctionFact,
  localCalls,
  type Module,
  partsOf,
  type Range,
  type Table,
  tableOf,
  tables,
  walk,
  whereRuns,
} from '#engine'
import { isTestSupport } from '../callers.ts'
import { readsGoStraightToEts, storageByNeed } from '../principles.ts'
import { isPerVisitor } from './visitors.ts'

const GUARDS = new Set([':ets.whereis', ':ets.info', ':ets.all'])

/** Functions whose caller is meant to own what they make. */
const SETUP = /^(start|init|setup|create|new|ensure|open|prepare|boot|reset)/
/** The same, where they are meant to be called once, at boot: then looking for the table again is only caution. */
const BOOT = /^(start|init|setup|set_up|create|new|open|prepare|boot|load|child_spec)/

export default defineRule({
  id: 'ets-owner-short-lived',
  title: 'The table belongs to whoever came first',
  principles: [readsGoStraightToEts, storageByNeed],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',
  scripts: 'off',

  why: `
    A table belongs to the process that makes it and is deleted when that process ends. Made on first use, it belongs
    to whoever came first, often a web request: when that request ends, the table and all in it are gone, for everybody.
    Two processes that come first at the same time race, and one of them crashes.
  `,
  instead:
    'Make the table in `init/1` of a small supervised GenServer, or in the start function of the application, so that its owner lives as long as it does.',
  ignoreWhen: 'When only one long-lived process ever calls this module.',
  limits:
    'One helper between the function that uses the table and `:ets.new` is followed. A table that is given away or has an heir is not judged.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.DocCache do
          def get(url) do
            ensure_table()
            :ets.lookup(:doc_cache, url)
          end

          defp ensure_table do
            if :ets.whereis(:doc_cache) == :undefined do
              :ets.new(:doc_cache, [:named_table, :public]) # finding
            end
          end
        end
      `,
      good: elixir`
        defmodule Shop.DocCache do
          use GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
          def get(url), do: :ets.lookup(:doc_cache, url)

          @impl true
          def init(_opts) do
            :ets.new(:doc_cache, [:named_table, :public, read_concurrency: true])
            {:ok, nil}
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['ets'],
  *check({ module }) {
    // A module under a condition (`if Mix.env() != :prod`) is not there for everybody.
    if (
      (module.isProcess && !isPerVisitor(module)) ||
      module.is('Application') ||
      module.is('Task') ||
      module.isConditional ||
      isTestSupport(module)
    )
      return
    const made = tables(module)
    const atBoot = made.filter((table) => isMadeAtBoot(table, module))
    for (const table of made) {
      const isFallback = table.name !== null && atBoot.some(({ name }) => name === table.name)
      if (!table.isNamed || atBoot.includes(table) || isFallback || whereRuns(table.call, table.clause).at !== 'here')
        continue
      if (isHandedOver(table)) continue
      const user = userOf(module, table)
      if (user === null) continue
      const guard =
        guardOf(table.call, table.clause) ??
        (user.by === null ? null : (guardIn(user.by) ?? guardOf(user.by, user.clause)))
      if (guard === null) continue
      yield {
        at: table.call.at,
        evidence: [table.call.at, guard, user.access.at, ...(user.by === null ? [] : [user.by.range])],
        message:
          `${table.name === null ? 'This table' : `The table \`${table.name}\``} is made by whichever process first calls \`${user.entry.id}\`, and is deleted when that ` +
          `process ends, ${table.access === 'protected' || table.access === 'private' ? 'and no other may write it' : 'with all that others have put in'}.${isRescued(table.call) ? '' : ' Two first callers race.'}`,
      }
    }
  },
})

/** `:ets.give_away/3`, or an heir: when the process ends that made it, the table stays. */
function isHandedOver({ options, clause }: Table): boolean {
  const isHeir = (option: Expression): boolean => {
    const [key, heir] =
      option.kind === 'tuple' ? option.elements : option.kind === 'pair' ? [option.key, option.value] : []
    return isAtom(key, 'heir') && heir !== undefined && !isAtom(heir, 'none')
  }
  return options?.elements.some(isHeir) === true || clause.calls.some((call) => call.callee === ':ets.give_away')
}

function isAtom(expression: Expression | undefined, value: string): boolean {
  return expression?.kind === 'atom' && expression.value === value
}

/** A handler of `[:ecto, :repo, :init]` and its like runs in the process that starts, which lives as long as what it starts. */
function isStartHandler(fun: FunctionFact, module: Module): boolean {
  const events = attachments(module)
    .filter((attached) => attached.function === fun)
    .map((attached) => attached.events)
  return events.length > 0 && events.every((list) => list?.every((event) => event.at(-1) === 'init') === true)
}

/** A public function that only makes the table, or a public start function that does, is for somebody who lives long. */
function isMadeAtBoot({ clause: { function: creator }, call }: Table, module: Module): boolean {
  const isOnlyMaker =
    creator.isPublic &&
    !creator.clauses.some((clause) =>
      clause.calls.some((other) => other !== call && etsAccess(other) !== null && other.name !== 'info'),
    )
  return (
    isOnlyMaker ||
    module.functions.some(
      (fun) =>
        fun.isPublic &&
        isBoot(fun, module) &&
        (fun === creator || fun.clauses.some((clause) => localCalls(clause).some((called) => called.fun === creator))),
    )
  )
}

/** The `init/1` of a plug runs when the router is compiled, or with each request. */
function isBoot({ name, arity }: FunctionFact, module: Module): boolean {
  const isOfPlug = name === 'init' && arity === 1 && (module.is('Plug') || module.has('call', 2))
  return BOOT.test(name) && !isOfPlug
}

interface User {
  clause: Clause
  access: Call
  /** What runs the function that makes the table; null in that function itself. */
  by: Expression | null
  /** The public function through which others come here. */
  entry: FunctionFact
}

/** A function that reads or writes the table after it made sure that it is there. */
function userOf(module: Module, table: Table): User | null {
  const creator = table.clause.function
  for (const fun of module.functions) {
    const entry = entryOf(fun, module)
    if (entry === null || SETUP.test(entry.name) || isStartHandler(entry, module)) continue
    for (const clause of fun.clauses) {
      const hop = localCalls(clause).find(({ fun: called }) => called === creator)
      if (clause !== table.clause && hop === undefined) continue
      const by = clause === table.clause ? null : hop!.by
      const access = accessIn(clause, table, by) ?? accessBelow(clause, table) ?? accessPassed(clause, by)
      if (access !== undefined) return { clause, access, by, entry }
    }
  }
  return null
}

function accessIn(clause: Clause, table: Table, by: Expression | null): Call | undefined {
  return clause.calls.find((call) => etsAccess(call) !== null && call.name !== 'info' && isOn(call, clause, table, by))
}

/** In a function that the clause calls: only a name tells there which table is meant. */
function accessBelow(clause: Clause, table: Table): Call | undefined {
  if (table.name === null) return undefined
  for (const { fun } of localCalls(clause)) {
    if (fun === table.clause.function) continue
    for (const below of fun.clauses) {
      const access = accessIn(below, table, null)
      if (access !== undefined) return access
    }
  }
  return undefined
}

/** `count(table, key)`, where `table` is what the function that makes the table gave. */
function accessPassed(clause: Clause, by: Expression | null): Call | undefined {
  if (by === null) return undefined
  for (const { fun, by: call } of localCalls(clause)) {
    const given = call.kind === 'call' ? call.args : []
    const position = given.findIndex((arg) => arg === by || (arg.kind === 'variable' && boundValue(arg, clause) === by))
    if (position < 0) continue
    for (const { params, calls } of fun.clauses) {
      const param = params[position]
      const name = param?.kind === 'variable' ? param.name : null
      const access = calls.find((each) => {
        const [used] = each.args
        return used?.kind === 'variable' && used.name === name && etsAccess(each) !== null
      })
      if (access !== undefined) return access
    }
  }
  return undefined
}

/** Calls between a public function and the one that uses the table. */
const STEPS = 4

/** The public function through which others come here, the nearest; null where one of several calls away runs at boot. */
function entryOf(fun: FunctionFact, module: Module): FunctionFact | null {
  if (fun.isPublic) return fun
  const entries: FunctionFact[] = []
  const seen = new Set([fun])
  let step = [fun]
  for (let distance = 1; distance <= STEPS && step.length > 0; distance++) {
    step = callersOf(step, module).filter((each) => !seen.has(each))
    for (const each of step) seen.add(each)
    entries.push(...step.filter(({ isPublic }) => isPublic))
    if (distance === 1 && entries.length > 0) return entries[0]!
  }
  return entries.some((entry) => isBoot(entry, module)) ? null : (entries[0] ?? null)
}

function callersOf(called: readonly FunctionFact[], module: Module): FunctionFact[] {
  return module.functions.filter(({ clauses }) =>
    clauses.some((clause) => localCalls(clause).some(({ fun }) => called.includes(fun))),
  )
}

/** Whether a call uses the table: by its name, or by the value that the function which makes it is given for the name. */
function isOn(
  call: Call,
  clause: Clause,
  { name, call: made, clause: creator }: Table,
  by: Expression | null,
): boolean {
  const [given] = made.args
  const [used] = call.args
  // `:ets.lookup(table(), key)`, also by way of a variable.
  const source = used?.kind === 'variable' ? (boundValue(used, clause) ?? used) : used
  if (by !== null && source === by) return true
  if (name !== null) return tableOf(call, clause) === name
  if (given?.kind !== 'variable' || used === undefined) return false
  if (by === null) return canonical(used) === canonical(given)
  const position = creator.params.findIndex((param) => param.kind === 'variable' && param.name === given.name)
  const passed = by.kind === 'call' ? by.args[position] : undefined
  return passed !== undefined && canonical(used) === canonical(passed)
}

/** The test that makes the creation lazy: a look for the table, or a rescue of what its absence or presence raises. */
function guardOf(expression: Expression, clause: Clause): Range | null {
  for (const condition of conditionsAbove(expression)) {
    for (const each of partsOf(condition, clause)) if (each.kind === 'call' && GUARDS.has(each.callee)) return each.at
  }
  for (const up of ancestors(expression)) {
    if (up.kind !== 'try') continue
    const rescue = up.rescues.find(takesArgumentErrors) ?? (up.body === expression ? up.rescues[0] : undefined)
    if (rescue !== undefined) return rescue.range
  }
  return null
}

/** `create(:ets.whereis(:docs))`, with a clause for `:undefined`. */
function guardIn(by: Expression): Range | null {
  for (const each of walk(by)) if (each.kind === 'call' && GUARDS.has(each.callee)) return each.at
  return null
}

/** Who comes second while the table is being made gets an exception, which is rescued. */
function isRescued(made: Call): boolean {
  return [...ancestors(made)].some((up) => up.kind === 'try' && up.rescues.length > 0)
}

function takesArgumentErrors({ patterns }: Branch): boolean {
  return patterns.some((pattern) =>
    [...walk(pattern)].some((each) => each.kind === 'module' && each.name === 'ArgumentError'),
  )
}
