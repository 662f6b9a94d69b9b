import {
  type Child,
  type ChildList,
  childLists,
  defineRule,
  type Edit,
  elixir,
  type List,
  type Module,
  reach,
  walk,
  whereRuns,
} from '#engine'
import { moveElement } from '../edits.ts'
import { strategiesEncodeDependencies } from '../principles.ts'

/** What a child provides that others need from their first moment on. */
type Part =
  | 'endpoint'
  | 'pubsub'
  | 'repo'
  | 'oban'
  | 'task-supervisor'
  | 'registry'
  | 'finch'
  | 'presence'
  | 'subscriber'
  | 'other'

/** [starts too early, what it needs]: the second must stand first. */
const PAIRS: readonly (readonly [Part, Part])[] = [
  ['endpoint', 'pubsub'],
  ['endpoint', 'repo'],
  ['endpoint', 'oban'],
  ['endpoint', 'task-supervisor'],
  ['endpoint', 'registry'],
  ['endpoint', 'finch'],
  ['endpoint', 'presence'],
  ['oban', 'repo'],
  ['presence', 'pubsub'],
  ['subscriber', 'pubsub'],
]

const SUBSCRIBES = new Set(['Phoenix.PubSub.subscribe'])

/** Nothing works without these; the others are needed by some requests only. */
const VITAL: ReadonlySet<Part> = new Set(['pubsub', 'repo', 'registry', 'presence'])

const PARTS: ReadonlyMap<string, Part> = new Map([
  ['Phoenix.PubSub', 'pubsub'],
  ['Oban', 'oban'],
  ['Task.Supervisor', 'task-supervisor'],
  ['Registry', 'registry'],
  ['Finch', 'finch'],
])

const PARTS_BY_LAST_NAME: ReadonlyMap<string, Part> = new Map([
  ['Endpoint', 'endpoint'],
  ['Repo', 'repo'],
  ['Oban', 'oban'],
  ['Presence', 'presence'],
])

export default defineRule({
  id: 'children-start-order',
  title: 'A child starts before what it needs',
  principles: [strategiesEncodeDependencies],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    A supervisor starts its children in list order and stops them in reverse. A child that stands before what it
    needs serves its first requests, or its first jobs, while that is not there yet, and at shutdown it loses it
    while it still has work. The endpoint opens the port as soon as it starts, so it belongs at the end.
  `,
  instead: 'Move the dependency up, before the child that needs it; the endpoint comes last.',
  ignoreWhen: 'When the later child provably is not used by the earlier one.',
  limits:
    'Only well-known pairs in one literal list are compared: endpoint, PubSub, Repo, Oban, Registry, Task.Supervisor, Finch, and a Presence where PubSub stands in the list as well. Where one of the same kind stands before the endpoint, a second PubSub, Registry, Finch or task supervisor below it is left alone. A server of the same file that subscribes in `init/1` counts too.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Application do
          use Application

          def start(_type, _args) do
            children = [
              ShopWeb.Endpoint,
              {Phoenix.PubSub, name: Shop.PubSub}, # finding
              Shop.Repo # finding
            ]

            Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
          end
        end
      `,
      good: elixir`
        defmodule Shop.Application do
          use Application

          def start(_type, _args) do
            children = [
              Shop.Repo,
              {Phoenix.PubSub, name: Shop.PubSub},
              ShopWeb.Endpoint
            ]

            Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
          end
        end
      `,
    },
  ],

  on: 'children',
  *check({ list, module }) {
    for (const { list: literal, children } of list.segments) {
      if (!isFirstOwner(list, literal)) continue
      const parts = children.map((child) => (isOtherPresence(child, list) ? 'other' : partOf(child, module)))
      for (const [position, later] of children.entries()) {
        const early = firstInNeed(parts, position)
        if (early < 0) continue
        const needy = children[early]!
        yield {
          at: later.range,
          evidence: [later.range, needy.range],
          severity: VITAL.has(parts[position]!) ? 'warning' : 'info',
          scope: literal.range,
          related: [{ range: needy.range, message: `\`${show(needy)}\` starts here` }],
          message: `\`${show(later)}\` starts after \`${show(needy)}\`, ${consequence(parts[early]!, parts[position]!)}.`,
          edit: reorder(literal, children, parts, early, position),
        }
      }
    }
  },
})

/** A list that is given to two supervisors, one in each branch, is looked at once. */
function isFirstOwner({ owner, module }: ChildList, literal: List): boolean {
  const first = childLists(module).find(({ segments }) => segments.some((segment) => segment.list === literal))
  return first?.owner === owner
}

/**
 * A presence subscribes when it starts. Where no PubSub stands in the list, the endpoint may be what starts it, as in
 * older applications; and one that is given a name is a server of the application's own.
 */
function isOtherPresence({ module: name, expression }: Child, { segments }: ChildList): boolean {
  if (name?.endsWith('Presence') !== true) return false
  const isNamed = [...walk(expression)].some((each) => each.kind === 'list' && each.pair('name') !== undefined)
  return isNamed || !segments.some(({ children }) => children.some((child) => child.module === 'Phoenix.PubSub'))
}

function partOf({ module: name }: Child, module: Module): Part {
  if (name === null) return 'other'
  const known = PARTS.get(name) ?? PARTS_BY_LAST_NAME.get(name.slice(name.lastIndexOf('.') + 1))
  if (known !== undefined) return known
  const defined = module.file.modules.find((other) => other.name === name)
  if (defined?.is('Endpoint') === true) return 'endpoint'
  return defined !== undefined && subscribesAtOnce(defined) ? 'subscriber' : 'other'
}

/** A server of the same file that subscribes before its `init/1` returns. */
function subscribesAtOnce(module: Module): boolean {
  return reach(module.clauses('init', 1)).some(({ clause }) =>
    clause.callsOf(SUBSCRIBES).some((call) => whereRuns(call, clause).at === 'here'),
  )
}

/** The first child above that needs this one; -1 for none. */
function firstInNeed(parts: readonly Part[], position: number): number {
  const part = parts[position]!
  return parts.findIndex((early, index) => {
    if (index >= position || !PAIRS.some(([needy, needed]) => needy === early && needed === part)) return false
    // Of two of a kind one stands right, and which of them is meant is not known here. Requests query any repo.
    if (early !== 'endpoint') return parts.indexOf(part) === position
    // With an endpoint below as well, the one above is there for something else, health checks for instance.
    return !parts.includes('endpoint', position) && (part === 'repo' || parts.indexOf(part) > index)
  })
}

/** The child as written, where that is short. */
function show({ expression, module }: Child): string {
  const { text } = expression
  return text.length <= 70 && !/[\n`]/.test(text) ? text : (module ?? text)
}

/** The rest of the sentence: what that does to the child that starts too early. */
function consequence(early: Part, part: Part): string {
  if (early === 'presence' || early === 'subscriber')
    return 'which subscribes to it when it starts: that fails, and the supervisor with it'
  const work = early === 'oban' ? 'runs jobs' : 'serves requests'
  return `which ${work} as soon as it starts: until then, and again at shutdown, ${FAILURES[part]}`
}

const FAILURES: Readonly<Record<Part, string>> = {
  pubsub: 'every broadcast and subscription raises',
  repo: 'every query raises',
  registry: 'every lookup in it raises',
  presence: 'whoever tracks or lists presences fails',
  oban: 'inserting a job raises',
  'task-supervisor': 'starting a task under it exits',
  finch: 'requests through it raise',
  endpoint: '',
  subscriber: '',
  other: '',
}

/**
 * An endpoint moves down below what it needs; any other child that is needed moves up, unless it passes one of a kind
 * that is not known and may be what it needs itself.
 */
function reorder(
  list: List,
  children: readonly Child[],
  parts: readonly Part[],
  early: number,
  later: number,
): Edit | null {
  const needy = children[early]!
  if (parts[early] !== 'endpoint') {
    const isKnown = parts.slice(early, later).every((part) => part !== 'other')
    return isKnown ? moveElement(list, later, early) : null
  }
  // Another endpoint in between would stay above what it needs.
  if (parts.slice(early + 1, later).includes('endpoint')) return null
  // As far down as a suggestion can take it.
  for (let last = children.length - 1; last >= later; last--) {
    if (!PAIRS.some(([from, to]) => from === 'endpoint' && to === parts[last])) continue
    if (children.slice(early + 1, last + 1).some(({ expression }) => mentions(expression, needy.module))) continue
    const edit = moveElement(list, early, last)
    if (edit !== null) return edit
  }
  return null
}

/** `{Absinthe.Subscription, ShopWeb.Endpoint}` has to stand below the endpoint. */
function mentions(expression: Child['expression'], module: string | null): boolean {
  for (const each of walk(expression)) if (each.kind === 'module' && each.name === module) return true
  return false
}
