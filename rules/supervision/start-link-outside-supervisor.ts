import {
  ancestors,
  type Call,
  canonical,
  type Clause,
  comesFrom,
  defineRule,
  elixir,
  type Expression,
  type FunctionFact,
  localCalls,
  type Miss,
  missesBefore,
  type Module,
  nameOf,
  partsOf,
  reach,
  type Reached,
  requestCode,
  resolve,
  serverCode,
  tails,
  whereRuns,
} from '#engine'
import { superviseEveryProcess } from '../principles.ts'
import { applicationOf } from '../wording.ts'

/** Functions that end a process, which is then used here and gone, or that cut the link on purpose. */
const STOPS = new Set([
  'Agent.stop',
  'GenServer.stop',
  'Process.exit',
  'Process.unlink',
  'Supervisor.stop',
  ':gen_server.stop',
])

/** Functions whose business it is to start something; who calls them is not known here. */
const STARTS_BY_NAME = /^(start|child_spec|init|boot|setup|launch|main|run)/

/** Modules that help tests of those who use a library. */
const FOR_TESTS = /\.(?:Test|Testing|TestCase|TestHelpers?|TestSupport|Mocks?|Fakes?|Stubs?)(?:\.|$)/

const START = /\bstart(?:_link)?\b/

/** Functions that a supervisor or the runtime calls; `main/1` is an escript's, which is as long there as its node. */
const OWN_STARTS = /^(start_link|start|init|child_spec|main)$/

export default defineRule({
  id: 'start-link-outside-supervisor',
  title: 'A long-lived process started from request or context code',
  principles: [superviseEveryProcess],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',
  scripts: 'off',

  why: `
    start_link makes whoever calls it the parent. When that is the process of a request or a job, the new process is
    linked to something that lives for milliseconds. If one of the two crashes, so does the other, with its state; if the
    request ends normally, the process stays behind without a parent. Nobody restarts it, nobody stops it at shutdown, and
    it stands in no supervision tree.
  `,
  instead: 'List it among the children of a supervisor, or start it with `DynamicSupervisor.start_child/2`.',
  ignoreWhen: 'When the process is meant to live exactly as long as the one that starts it.',
  limits:
    'Who calls a function of another module is not known, so only lazy starts and code of requests and jobs are reported: a start is lazy where a look for the same process has found none, also in a local helper. What the module also stops by its name is taken to be begun and ended by hand, and what a second caller is refused belongs to the first.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Keys do
          def fetch(id) do
            if is_nil(Process.whereis(Shop.KeyCache)) do
              Agent.start_link(fn -> %{} end, name: Shop.KeyCache) # finding
            end

            Agent.get(Shop.KeyCache, &Map.get(&1, id))
          end
        end
      `,
      good: elixir`
        defmodule Shop.KeyCache do
          use Agent

          def start_link(_arg), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
          def fetch(id), do: Agent.get(__MODULE__, &Map.get(&1, id))
        end
      `,
    },
  ],

  on: 'module',
  words: ['start_link', 'start'],
  *check({ module, file }) {
    if (file.path.split('/').includes('dev') || FOR_TESTS.test(module.name)) return
    const requests = requestCode(module)
    let own: ReadonlySet<Clause> | undefined
    for (const clause of module.functions.flatMap(({ clauses }) => clauses)) {
      const request = requests.find((reached) => reached.clause === clause)
      if (!clause.mentions(START) || (request === undefined && isOwnStart(clause.function))) continue
      const calls = clause.calls.filter((call) => isStart(call, clause) && whereRuns(call, clause).at === 'here')
      if (calls.length === 0 || clause.calls.some(({ callee }) => STOPS.has(callee)) || waitsForEnd(clause)) continue
      if (request === undefined && (own ??= ownStarts(module)).has(clause)) continue
      for (const call of calls) {
        if (isStoppedByHand(call, clause)) continue
        const lookup = lookupFor(call, clause)
        const isLazy = lookup !== null || isNamedByChance(call, clause)
        if (!isLazy && !isInRequest(request, module)) continue
        yield {
          at: call.at,
          evidence: lookup === null ? [call.at] : [call.at, lookup.at],
          message: message(call, clause, isLazy),
        }
      }
    }
  },
})

function isOwnStart({ name, isPublic }: FunctionFact): boolean {
  return isPublic && OWN_STARTS.test(name)
}

/** Clauses that a supervisor, the runtime or the process itself runs, and what they reach. */
function ownStarts(module: Module): Set<Clause> {
  const named = new Set<string>()
  for (const { clauses } of module.functions) {
    for (const each of clauses.flatMap(({ expressions }) => expressions)) {
      const [started, name, args] = each.kind === 'tuple' && each.elements.length === 3 ? each.elements : []
      const isMfa =
        started?.kind === 'module' && started.name === module.name && name?.kind === 'atom' && args?.kind === 'list'
      if (isMfa) named.add(name.value)
    }
  }
  const starts = module.functions.filter((fun) => isOwnStart(fun) || named.has(fun.name))
  const reached = [...serverCode(module), ...reach(starts.flatMap(({ clauses }) => clauses))]
  return new Set(reached.map(({ clause }) => clause))
}

/** A start of a server or an agent, or `M.start_link` of this module or another one of the project. */
function isStart({ callee, module: called, name, arity, isLocal }: Call, { module }: Clause): boolean {
  if (/^(GenServer|Agent)\.start(_link)?$/.test(callee)) return true
  if (name !== 'start_link') return false
  if (isLocal) return module.isProcess && module.has('start_link', arity)
  if (called === null || called.endsWith('Repo')) return false
  return (
    applicationOf({ name: called }) === applicationOf(module) ||
    module.file.modules.some((each) => each.name === called && each.isProcess)
  )
}

/** The look for that very process that has failed where it is started: here, or before a helper. */
function lookupFor(call: Call, clause: Clause): Call | null {
  const here = missesBefore(call, clause).find((miss) => isFor(miss, call, clause))
  if (here !== undefined && isRefusedOtherwise(call, here, clause)) return null
  const { function: fun, module } = clause
  if (here !== undefined || fun.isPublic) return here?.lookup ?? null
  for (const caller of module.functions.flatMap(({ clauses }) => clauses)) {
    for (const called of localCalls(caller)) {
      if (called.fun !== fun) continue
      const miss = missesBefore(called.by, caller).find((each) => isFor(each, call, clause))
      if (miss !== undefined) return miss.lookup
    }
  }
  return null
}

/** Where one runs already, whoever asks gets an error and not the process: it is not shared, and the link to its owner is meant. */
function isRefusedOtherwise(start: Call, { lookup }: Miss, clause: Clause): boolean {
  let inner: Expression = start
  for (const up of ancestors(start)) {
    const other = otherwise(up, inner)
    if (other !== null && [...partsOf(other.asked, clause)].includes(lookup)) {
      const results = other.bodies.flatMap(tails)
      return results.length > 0 && results.every(({ expression }) => isRefusal(expression, lookup, clause))
    }
    inner = up
  }
  return false
}

/** What a `case` or `if` decides by, and what else it would have run. */
function otherwise(
  up: Expression,
  inner: Expression,
): { asked: Expression; bodies: readonly (Expression | null)[] } | null {
  if (up.kind === 'case') {
    const others = up.branches.filter((branch) => branch !== inner)
    return { asked: up.subject, bodies: others.map(({ body }) => body) }
  }
  if (up.kind !== 'if' || up.condition === inner) return null
  return { asked: up.condition, bodies: [up.then === inner ? up.otherwise : up.then] }
}

function isRefusal(result: Expression | null, lookup: Call, clause: Clause): boolean {
  if (result?.kind !== 'tuple') return false
  const [tag] = result.elements
  return tag?.kind === 'atom' && tag.value === 'error' && !comesFrom(result, clause, (from) => from === lookup)
}

/** Whether the name that was asked for can be the one that the process is started under. */
function isFor(miss: Miss, start: Call, clause: Clause): boolean {
  const { asked } = miss
  const given = optionsOf(start, clause)
  const name = literalName(start, clause) ?? globalName(start, clause)
  const known = asked === null ? null : nameOf(asked, miss.clause.module, miss.clause)
  if (known !== null && (known === name || (given === undefined && known === start.module))) return true
  if (!miss.isSure) return false
  // `M.start_link(arg)` registers under a name that only M knows.
  if (given === undefined) return isUnnamed(start)
  return asked !== null && known === null && name === null && canonical(asked) === canonical(given)
}

/** `Process.monitor(pid)` and a `receive`: the process lives no longer than this function runs. */
function waitsForEnd(clause: Clause): boolean {
  return (
    clause.calls.some(({ callee }) => callee === 'Process.monitor') &&
    clause.expressions.some(({ kind }) => kind === 'receive')
  )
}

/** A server that the module stops by its name as well: whoever uses it begins and ends it by hand. */
function isStoppedByHand(start: Call, clause: Clause): boolean {
  const name = literalName(start, clause) ?? start.module
  return clause.module
    .callsOf(STOPS)
    .some(({ call: { args }, clause: at }) => args[0] !== undefined && nameOf(args[0], at.module, at) === name)
}

/** The alias or atom that the process is registered under. */
function literalName(call: Call, clause: Clause): string | null {
  const name = optionsOf(call, clause)
  return name === undefined ? null : nameOf(name, clause.module, clause)
}

/** The name inside of `name: {:global, name}`. */
function globalName(call: Call, clause: Clause): string | null {
  const name = optionsOf(call, clause)
  const term = name === undefined ? null : resolve(name, clause.module, clause)
  const [scope, own] = term?.kind === 'tuple' ? term.elements : []
  return scope?.kind === 'atom' && scope.value === 'global' && own ? nameOf(own, clause.module, clause) : null
}

function optionsOf(call: Call, clause: Clause): Expression | undefined {
  for (const arg of call.args) {
    const term = resolve(arg, clause.module, clause)
    if (term.kind === 'list' && term.get('name') !== undefined) return term.get('name')
  }
  return undefined
}

/** `M.start_link(arg)`: it registers under a name that only its own module knows. */
function isUnnamed({ module }: Call): boolean {
  return module !== 'GenServer' && module !== 'Agent'
}

/** A fixed name, given in a function that has another business and does not return what it started. */
function isNamedByChance(call: Call, clause: Clause): boolean {
  if (literalName(call, clause) === null || STARTS_BY_NAME.test(clause.function.name)) return false
  const isStarted = (each: Expression): boolean => each === call
  return !tails(clause.body).some(
    ({ expression }) =>
      expression === call || (expression && expression.kind !== 'call' && comesFrom(expression, clause, isStarted)),
  )
}

/** A LiveView lives as long as its page: what it starts for itself may as well. */
function isInRequest(request: Reached | undefined, module: Module): boolean {
  return request !== undefined && !module.is('LiveView') && !module.is('LiveComponent')
}

function message(call: Call, clause: Clause, isLazy: boolean): string {
  const what = startedBy(call, clause)
  const who = isLazy
    ? `whichever process calls \`${clause.function.id}\` first`
    : `the process that runs \`${clause.function.id}\``
  return call.name === 'start_link'
    ? `${what} is linked to ${who}, not to a supervisor: a crash there takes it along, with its state, a normal end leaves it behind, and nobody restarts it.`
    : `${what} is started by ${who}, not by a supervisor: when it crashes nobody restarts it, and at shutdown nobody stops it.`
}

/** What is started, by its name, its module, or as what it is. */
function startedBy(call: Call, clause: Clause): string {
  if (isUnnamed(call)) return `\`${call.module ?? clause.module.name}\``
  const name = literalName(call, clause)
  if (name !== null) return `\`${name}\``
  const module = call.module === 'GenServer' && call.args[0] ? nameOf(call.args[0], clause.module, clause) : null
  return module === null ? `The ${call.module === 'Agent' ? 'agent' : 'server'} started here` : `\`${module}\``
}
