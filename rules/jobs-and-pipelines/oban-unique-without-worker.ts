import {
  type Clause,
  defineRule,
  type Edit,
  elixir,
  type Expression,
  type List,
  type Module,
  type Pair,
  resolve,
} from '#engine'
import { replaceIn } from '../edits.ts'
import { durableWork } from '../principles.ts'
import { listNames } from '../wording.ts'

export default defineRule({
  id: 'oban-unique-without-worker',
  title: 'Uniqueness that ignores the worker',
  principles: [durableWork],
  set: 'recommended',
  precision: 'P1',
  severity: 'warning',
  since: '0.1.0',

  why: `
    A unique job is not inserted when another one agrees with it in all of the named fields. A list of fields replaces
    the default, which has the worker in it. Without the worker any job of any other worker with equal args, often
    just %{"id" => 1}, blocks this one, and insert answers with that other job as if all were well.
  `,
  instead: 'Keep `:worker` among the fields: `fields: [:worker, :args]`.',
  ignoreWhen:
    'When different workers must really exclude each other; a comment right above that speaks of any or all workers silences the rule by itself.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Workers.Report do
          use Oban.Worker, unique: [period: 300, fields: [:args]] # finding

          @impl Oban.Worker
          def perform(%Oban.Job{args: %{"id" => id}}), do: Shop.Reports.build(id)
        end
      `,
      good: elixir`
        defmodule Shop.Workers.Report do
          use Oban.Worker, unique: [period: 300, fields: [:worker, :args]]

          @impl Oban.Worker
          def perform(%Oban.Job{args: %{"id" => id}}), do: Shop.Reports.build(id)
        end
      `,
    },
  ],

  on: 'module',
  words: [['unique'], ['fields']],
  *check({ module }) {
    const use = module.use('Oban.Worker') ?? module.use('Oban.Pro.Worker')
    const given = use === undefined || use.options === null ? null : resolve(use.options, module)
    const options = given?.kind === 'list' ? given : null
    const found: { pair: Pair; worker: string | null }[] = (
      options === null ? [] : fieldsIn(options, module, null)
    ).map((pair) => ({ pair, worker: module.name }))
    for (const fun of module.functions) {
      for (const clause of fun.clauses) {
        for (const call of clause.mentions(NEW) ? clause.calls : []) {
          const given = call.name === 'new' && call.arity === 2 ? resolve(call.args[1]!, module, clause) : undefined
          if (given?.kind !== 'list') continue
          const worker = call.isLocal ? module.name : call.callee === 'Oban.Job.new' ? null : call.module
          found.push(...fieldsIn(given, module, clause).map((pair) => ({ pair, worker })))
        }
      }
    }
    // An attribute can stand for the options of several jobs.
    for (const { pair, worker } of new Map(found.map((each) => [each.pair.start, each])).values()) {
      if (isForAnyWorker(pair, module)) continue
      yield {
        at: pair.range,
        message:
          `\`${pair.text.replaceAll(/\s+/g, ' ')}\` leaves out \`:worker\`: a job of any other worker ${agreeing(pair)} ` +
          `keeps this job${worker === null ? '' : ` of \`${worker}\``} from being inserted.`,
        edit: withWorker(pair, module),
      }
    }
  },
})

const NEW = /\bnew\b/

const FIELDS = new Set(['args', 'meta', 'queue', 'worker'])

/** The `fields:` pair of a literal `unique:` list that does not name the worker. */
function fieldsIn(options: List, module: Module, clause: Clause | null): Pair[] {
  const given = options.get('unique')
  const unique = given === undefined ? undefined : resolve(given, module, clause)
  const pair = unique?.kind === 'list' ? unique.pair('fields') : undefined
  if (unique?.kind !== 'list' || pair === undefined) return []
  const fields = atomsOf(resolve(pair.value, module, clause))
  if (fields === null || fields.includes('worker') || !fields.every((field) => FIELDS.has(field))) return []
  // A slug of one's own in the meta is as particular as the worker.
  const isOwnKey = fields.length === 1 && fields[0] === 'meta' && unique.get('keys') !== undefined
  return isOwnKey ? [] : [pair]
}

/** In what another job must agree: `with the same :movie_id`, where keys choose among the args. */
function agreeing({ value, parent }: Pair): string {
  const chosen = parent?.kind === 'list' ? parent.get('keys') : undefined
  const keys = chosen === undefined ? null : atomsOf(chosen)
  const isArgsAlone = atomsOf(value)?.join() === 'args'
  return keys !== null && isArgsAlone
    ? `with the same ${listNames(keys.map((key) => `:${key}`))}`
    : 'that agrees in these fields'
}

/** `[:args, :queue]` or `~w(args queue)a`. */
function atomsOf(fields: Expression): string[] | null {
  if (fields.kind === 'text')
    return fields.sigil === 'w' && fields.value !== null && fields.text.endsWith('a') ? fields.value.split(/\s+/) : null
  if (fields.kind !== 'list' || fields.tail !== null) return null
  const atoms = fields.elements.flatMap((each) => (each.kind === 'atom' ? [each.value] : []))
  return atoms.length === fields.elements.length && atoms.length > 0 ? atoms : null
}

/** `# one import at a time, whichever worker runs it`, right above or beside. */
function isForAnyWorker({ range: { startLine } }: Pair, { file }: Module): boolean {
  return file.comments.some(({ line, text }) => line <= startLine && line > startLine - 4 && FOR_ANY_WORKER.test(text))
}

const FOR_ANY_WORKER =
  /\b(?:on purpose|intentional(?:ly)?|deliberate(?:ly)?|(?:any|all|both|every|across|whichever|whatever|regardless of|different)(?: of)?(?: the| which)? workers?)\b/i

function withWorker(pair: Pair, module: Module): Edit | null {
  const { value } = pair
  if (value.kind !== 'list' || value.elements.length === 0) return null
  const [first] = value.elements
  return value.range.startLine === value.range.endLine
    ? replaceIn(module.file, first!.range, `:worker, ${first!.text}`)
    : null
}
