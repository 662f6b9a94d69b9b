import {
  childLists,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  type Module,
  type Pair,
  resolve,
  type Tuple,
} from '#engine'
import { nameThroughRegistry } from '../principles.ts'

/** Uses of a registry that a plain name does not have: values, lists of all, messages to all. */
const MORE_THAN_NAMES = new Set([
  'Registry.count',
  'Registry.count_match',
  'Registry.count_select',
  'Registry.dispatch',
  'Registry.keys',
  'Registry.lookup',
  'Registry.match',
  'Registry.select',
  'Registry.update_value',
  'Registry.values',
])

/** `name: ...` */
const NAME = /\bname["']?:/

export default defineRule({
  id: 'registry-static-key',
  title: 'Registry for a name known at compile time',
  principles: [nameThroughRegistry],
  set: 'strict',
  precision: 'P2',
  severity: 'info',
  since: '0.1.0',

  why: `
    A Registry is for names that come into being at run time. A process of which there is one, under a key that is written
    in the code, gets nothing from it: every call looks the key up in a table of which the process would not need to
    know, the registry has to be started before it, and when the registry crashes the process dies with it.
  `,
  instead: 'Register it under an atom: `name: __MODULE__`.',
  ignoreWhen: 'When other code lists the registry, or finds this process in it by a key that it computes.',
  limits: 'What other files do with the registry is not known.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Scheduler do
          use GenServer

          def start_link(opts) do
            GenServer.start_link(__MODULE__, opts, name: {:via, Registry, {Shop.Registry, :scheduler}}) # finding
          end

          @impl true
          def init(opts), do: {:ok, opts}
        end
      `,
      good: elixir`
        defmodule Shop.Scheduler do
          use GenServer

          def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

          @impl true
          def init(opts), do: {:ok, opts}
        end
      `,
    },
  ],

  on: 'module',
  words: [':via'],
  *check({ module }) {
    const seen = new Set<Expression>()
    for (const clause of module.functions.flatMap(({ clauses }) => clauses)) {
      for (const each of clause.mentions(NAME) ? clause.expressions : []) {
        if (each.kind !== 'pair') continue
        const via = resolve(each.value, module, clause)
        const key = staticKey(via, clause)
        if (key === null || seen.has(via)) continue
        const started = startedUnder(each, module)
        if (started === null || isUsedForMore(module, key.registry)) continue
        seen.add(via)
        yield {
          at: via.range,
          evidence: [via.range, each.range],
          message: `There can only be one \`${started}\` under the key \`${key.text}\` of \`${key.registry}\`, so the registry does nothing that \`name: ${started}\` would not do.`,
        }
      }
    }
  },
})

/** The module that is started under a `name:`: this one by its `start_link`, or one in a child list. */
function startedUnder({ key, parent: options }: Pair, module: Module): string | null {
  if (key.kind !== 'atom' || key.value !== 'name' || options?.kind !== 'list') return null
  const { parent } = options
  if (parent?.kind === 'call') return module.isProcess && parent.name === 'start_link' ? module.name : null
  const [started] = parent?.kind === 'tuple' ? parent.elements : []
  const isChild = childLists(module).some(({ segments }) =>
    segments.some(({ list }) => list.elements.includes(parent!)),
  )
  return started?.kind === 'module' && isChild ? started.name : null
}

/** The registry and key of `{:via, Registry, {registry, key}}`, where both are written out. */
function staticKey(via: Expression, clause: Clause): { registry: string; text: string } | null {
  const inner = viaRegistry(via)
  if (inner === null || inner.elements.length !== 2) return null
  const [registry, key] = inner.elements.map((element) => resolve(element, clause.module, clause))
  if (registry?.kind !== 'module' || key === undefined) return null
  const isStatic = key.kind === 'module' || key.kind === 'atom' || (key.kind === 'text' && key.value !== null)
  return isStatic ? { registry: registry.name, text: key.text } : null
}

function viaRegistry(expression: Expression): Tuple | null {
  const [tag, through, inner] = expression.kind === 'tuple' ? expression.elements : []
  const isVia = tag?.kind === 'atom' && tag.value === 'via' && through?.kind === 'module' && through.name === 'Registry'
  return isVia && inner?.kind === 'tuple' ? inner : null
}

/** Whether the module reads the registry, or has names in it that are made at run time. */
function isUsedForMore(module: Module, registry: string): boolean {
  return module.functions.some(({ clauses }) =>
    clauses.some((clause) =>
      clause.expressions.some((each) => {
        if (each.kind === 'call') return MORE_THAN_NAMES.has(each.callee)
        const inner = viaRegistry(each)
        return inner !== null && staticKey(each, clause)?.registry !== registry
      }),
    ),
  )
}
