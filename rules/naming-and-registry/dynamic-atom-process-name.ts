import {
  boundValue,
  canonical,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  type Module,
  type Naming,
  namings,
  type Problem,
  tails,
  variablesIn,
  walk,
} from '#engine'
import { type Entity, entityIn } from '../entities.ts'
import { nameThroughRegistry } from '../principles.ts'
import { applicationOf, spotOf } from '../wording.ts'

/** Functions that make an atom of a string. */
const MAKERS = new Set([
  'String.to_atom',
  'List.to_atom',
  'Module.concat',
  ':erlang.binary_to_atom',
  ':erlang.list_to_atom',
])

/** What stands in a clause that makes an atom. */
const MAKES = /:["'][^]*#\{|\b(?:(?:binary_|list_)?to_atom|concat)\b/

export default defineRule({
  id: 'dynamic-atom-process-name',
  title: 'A process name built as an atom at run time',
  principles: [nameThroughRegistry],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',
  credo: ['UnsafeToAtom'],

  why: `
    Atoms are never collected, and a node has room for about a million. A name built from an id makes one atom for
    each entity that ever lived, so the table only grows, and when it is full the whole node stops. A Registry keeps
    names as ordinary terms and drops them when the process ends.
  `,
  instead:
    'Name it `{:via, Registry, {MyApp.Registry, {__MODULE__, id}}}`, with `{Registry, keys: :unique, name: MyApp.Registry}` in the tree.',
  ignoreWhen: 'When the set of ids is fixed, for instance read once from configuration.',
  limits:
    'Reported are names that are visibly made of something without end: an id that comes out of a request, a message or a string, that is named after what comes and goes (`user_id`, `room.id`, `"order_" <> id`), or that callers start children for. Any other id, key or topic can be one of a few that configuration names, and is reported in the strict profile only. A prefix, a module, an index, the id of a node, shard or other part of the deployment, and what is read from configuration are taken to be bounded.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Cart do
          use GenServer

          def start_link(user_id) do
            GenServer.start_link(__MODULE__, user_id, name: :"cart_#{user_id}") # finding
          end

          def init(user_id), do: {:ok, %{user_id: user_id, items: []}}
        end
      `,
      good: elixir`
        defmodule Shop.Cart do
          use GenServer

          def start_link(user_id) do
            GenServer.start_link(__MODULE__, user_id, name: via(user_id))
          end

          def init(user_id), do: {:ok, %{user_id: user_id, items: []}}

          defp via(user_id), do: {:via, Registry, {Shop.Registry, {__MODULE__, user_id}}}
        end
      `,
    },
  ],

  on: 'module',
  // What makes an atom at run time; the first two begin a quoted one.
  words: [':"', `:'`, 'to_atom', 'list_to_atom', 'binary_to_atom', 'concat'],
  *check({ module }) {
    // Stages of a pipeline are set up, not born: as many as the deployment has.
    if (module.is('GenStage') || !module.functions.some(({ clauses }) => clauses.some(mayMakeAtom))) return
    const found = new Map<Expression | string, { made: Made; entity: Entity; uses: Naming[] }>()
    // Where names are given before where they are called: the same name written again for each call is one decision.
    const inOrder = namings(module).toSorted((a, b) => Number(a.as === 'target') - Number(b.as === 'target'))
    for (const naming of inOrder) {
      const made = atomBehind(naming.name, naming.clause)
      const entity = made === null ? null : entityIn(made.atom, made.clause)
      if (made === null || entity === null) continue
      const text = canonical(made.atom)
      const known = found.get(made.atom) ?? (naming.as === 'target' ? found.get(text) : undefined)
      if (known === undefined) {
        const first = { made, entity, uses: [naming] }
        found.set(made.atom, first)
        if (!found.has(text)) found.set(text, first)
      } else known.uses.push(naming)
    }
    for (const { made, entity, uses } of new Set(found.values())) {
      // Who goes through what there is and calls each under its name has not chosen how many there are.
      const isChosenHere = made.isHelper || uses.some(({ as }) => as !== 'target')
      if (isChosenHere || isGiven(entity.part, made.clause)) yield problem(made.atom, entity, uses, module)
    }
  },
})

/** Where the atom is made: `isHelper` in a function of its own. */
interface Made {
  atom: Expression
  clause: Clause
  isHelper: boolean
}

/** The expression that makes the atom: written in place, in a variable, or in a function of this module. */
function atomBehind(name: Expression, clause: Clause): Made | null {
  if (makesAtom(name)) return { atom: name, clause, isHelper: false }
  if (name.kind === 'variable') {
    const value = boundValue(name, clause)
    return value === undefined ? null : atomBehind(value, clause)
  }
  // `opts[:name] || :"room_#{id}"`, `Keyword.get(opts, :name, :"room_#{id}")`.
  const fallback =
    name.kind === 'operator' && name.operator === '||'
      ? name.operands[1]
      : name.kind === 'call' && /^(Keyword|Map)\.get$/.test(name.callee)
        ? name.args[2]
        : undefined
  if (fallback !== undefined) return atomBehind(fallback, clause)
  if (name.kind !== 'call' || !name.isLocal) return null
  for (const helper of clause.module.clauses(name.name, name.arity)) {
    for (const { expression } of tails(helper.body)) {
      const value = expression?.kind === 'variable' ? boundValue(expression, helper) : expression
      if (value && helper !== clause && makesAtom(value)) return { atom: value, clause: helper, isHelper: true }
    }
  }
  return null
}

/** Whether the caller of the function says which entity it is: with any id it likes. */
function isGiven(entity: Expression, { params }: Clause): boolean {
  const given = new Set(params.flatMap(variablesIn))
  return [...walk(entity)].some((each) => each.kind === 'variable' && given.has(each.name))
}

function mayMakeAtom(clause: Clause): boolean {
  return clause.mentions(MAKES) && clause.expressions.some(makesAtom)
}

function makesAtom(expression: Expression): boolean {
  return expression.kind === 'dynamic-atom' || (expression.kind === 'call' && MAKERS.has(expression.callee))
}

function problem(atom: Expression, { part, isUnbounded }: Entity, uses: readonly Naming[], module: Module): Problem {
  const entity = part.text
  const isTable = uses.every(({ as }) => as === 'table')
  const registry = registryOf(module)
  const cost = `is a new atom for every \`${entity}\`, and atoms are never collected`
  const growth = 'the atom table grows until the node stops'
  return {
    at: spotOf(atom),
    evidence: [spotOf(atom), ...uses.map(({ use }) => spotOf(use))],
    ...(isUnbounded ? {} : { set: 'strict' as const }),
    message: isTable
      ? `This table name ${cost}. Unless the set of ids is fixed, ${growth}. Without \`:named_table\` the reference that \`:ets.new/2\` returns needs no name.`
      : `This process name ${cost}: unless the set of ids is fixed, ${growth}. \`{:via, Registry, {${registry}, {__MODULE__, ${entity}}}}\` makes none, with \`{Registry, keys: :unique, name: ${registry}}\` in the tree.`,
  }
}

/** The registry that the module uses already, else the one that its application would have. */
function registryOf(module: Module): string {
  for (const { clauses } of module.functions) {
    for (const each of clauses.flatMap(({ expressions }) => expressions)) {
      if (each.kind === 'call' && each.module === 'Registry' && each.args[0]?.kind === 'module')
        return each.args[0].name
      const [tag, registry, key] = each.kind === 'tuple' ? each.elements : []
      const isVia =
        tag?.kind === 'atom' && tag.value === 'via' && registry?.kind === 'module' && registry.name === 'Registry'
      const name = isVia && key?.kind === 'tuple' ? key.elements[0] : undefined
      if (name?.kind === 'module') return name.name
    }
  }
  return `${applicationOf(module)}.Registry`
}
