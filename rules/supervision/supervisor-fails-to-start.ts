import {
  type Call,
  type Child,
  childId,
  childLists,
  type Clause,
  defineRule,
  type Edit,
  elixir,
  type Expression,
  type List,
  type Problem,
  resolve,
} from '#engine'
import { replaceIn } from '../edits.ts'
import { strategiesEncodeDependencies } from '../principles.ts'
import { spotOf } from '../wording.ts'

const STRATEGIES = new Set(['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'])

export default defineRule({
  id: 'supervisor-fails-to-start',
  title: 'Flags or children the supervisor rejects',
  principles: [strategiesEncodeDependencies],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    A supervisor checks its flags and its children before it starts any of them. Without a strategy it raises
    ArgumentError. A DynamicSupervisor has no order of children, so it knows :one_for_one alone. Children are told apart
    by their ids, so two of one id are refused. What fails here fails at every start, and takes the tree above along.
  `,
  instead:
    'Give the supervisor a strategy that it knows, `:one_for_one` where in doubt, and each child an id of its own: `Supervisor.child_spec({Task, fun}, id: :seed)`.',
  limits: 'Options and lists that are computed are not known; nor are the ids of modules in other files.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Supervisor do
          use Supervisor

          def start_link(arg), do: Supervisor.start_link(__MODULE__, arg, name: __MODULE__)

          @impl true
          def init(_arg) do
            children = [
              {Task, fn -> Shop.Cache.warm() end},
              {Task, fn -> Shop.Search.warm() end} # finding
            ]

            Supervisor.init(children, max_restarts: 5) # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.Supervisor do
          use Supervisor

          def start_link(arg), do: Supervisor.start_link(__MODULE__, arg, name: __MODULE__)

          @impl true
          def init(_arg) do
            children = [
              {Task, fn -> Shop.Cache.warm() end},
              Supervisor.child_spec({Task, fn -> Shop.Search.warm() end}, id: :warm_search)
            ]

            Supervisor.init(children, strategy: :one_for_one, max_restarts: 5)
          end
        end
      `,
    },
  ],

  on: 'module',
  words: ['Supervisor', 'DynamicSupervisor'],
  *check({ module }) {
    const lists = new Set<List>()
    for (const { owner, clause, options, segments } of childLists(module)) {
      // `Supervisor.start_link(Module, argument)` takes no options: only what is given children is looked at.
      const isGivenChildren = owner.callee === 'Supervisor.init' || segments.length > 0
      if (options !== null && isGivenChildren) yield* rejectedStrategy(owner, options, clause)
      for (const { list, children } of segments) {
        if (lists.has(list)) continue
        lists.add(list)
        yield* sameIds(children, clause)
      }
    }
    for (const { clauses } of module.functions) {
      for (const clause of clauses) yield* clause.expressions.flatMap((each) => dynamicStrategy(each, clause))
    }
  },
})

/** `Supervisor.init(children, options)` and `Supervisor.start_link(children, options)`. */
function* rejectedStrategy(owner: Call, options: List, clause: Clause): Iterable<Problem> {
  const strategy = options.get('strategy')
  const at = owner.at
  if (strategy === undefined) {
    if (options.tail !== null || !options.elements.every(isOption)) return
    yield {
      at,
      evidence: [at, options.range],
      message: `\`${owner.callee}/2\` gets no \`:strategy\` here and raises ArgumentError: this supervisor never starts.`,
      edit: withStrategy(options, clause),
    }
    return
  }
  const value = resolve(strategy, clause.module, clause)
  if (value.kind !== 'atom' || STRATEGIES.has(value.value)) return
  yield {
    at,
    evidence: [at, strategy.range],
    message: `There is no strategy \`${value.text}\`. \`${owner.callee}/2\` fails with \`invalid_strategy\`, and this supervisor never starts. Write \`:one_for_one\`, \`:rest_for_one\` or \`:one_for_all\`.`,
  }
}

function isOption(element: Expression): boolean {
  if (element.kind === 'pair') return element.key.kind === 'atom'
  return element.kind === 'tuple' && element.elements.length === 2 && element.elements[0]?.kind === 'atom'
}

/** The strategy before the other options, in their manner: on a line of its own where they are. */
function withStrategy(options: List, { file }: Clause): Edit | null {
  const [first] = options.elements
  if (first === undefined)
    return options.text === '[]' ? replaceIn(file, options.range, '[strategy: :one_for_one]') : null
  if (first.kind !== 'pair') return null
  const { startLine, startColumn } = first.range
  const indent = file.line(startLine).slice(0, startColumn - 1)
  const separator = indent.trim() === '' ? `,\n${indent}` : ', '
  const start = file.offsetAt(startLine, startColumn)
  return replaceIn(file, file.rangeOf(start, start), `strategy: :one_for_one${separator}`)
}

/** `DynamicSupervisor.init(options)`, `.start_link(options)`, and `{DynamicSupervisor, options}` as a child. */
function dynamicStrategy(expression: Expression, clause: Clause): Problem[] {
  const options = dynamicOptions(expression)
  if (options === undefined) return []
  const list = resolve(options, clause.module, clause)
  const strategy = list.kind === 'list' ? list.get('strategy') : undefined
  const value = strategy === undefined ? undefined : resolve(strategy, clause.module, clause)
  if (strategy === undefined || value?.kind !== 'atom' || value.value === 'one_for_one') return []
  const at = spotOf(expression)
  return [
    {
      at,
      evidence: [at, strategy.range],
      message: `A DynamicSupervisor knows \`:one_for_one\` only: with \`${value.text}\` it fails with \`invalid_strategy\` and never starts.`,
      edit: strategy === value ? replaceIn(clause.file, value.range, ':one_for_one') : null,
    },
  ]
}

function dynamicOptions(expression: Expression): Expression | undefined {
  if (expression.kind === 'call') {
    const isOwner =
      expression.arity === 1 && /^DynamicSupervisor\.(init|start_link|child_spec)$/.test(expression.callee)
    return isOwner ? expression.args[0] : undefined
  }
  if (expression.kind !== 'tuple' || expression.elements.length !== 2) return undefined
  const [started, options] = expression.elements
  return started?.kind === 'module' && started.name === 'DynamicSupervisor' ? options : undefined
}

function* sameIds(children: readonly Child[], clause: Clause): Iterable<Problem> {
  const firsts = new Map<string, Child>()
  for (const child of children) {
    const id = childId(child, clause)
    const first = id === null ? undefined : firsts.get(id)
    if (first !== undefined) {
      yield {
        at: child.range,
        evidence: [child.range, first.range],
        related: [{ range: first.range, message: 'The same id' }],
        message: `This child has the id \`${child.id?.text ?? id}\`, and so has the one on line ${first.range.startLine}. The supervisor fails with \`duplicate_child_name\` and never starts. Give one of them an id of its own: \`Supervisor.child_spec(child, id: ...)\`.`,
      }
    } else if (id !== null) firsts.set(id, child)
  }
}
