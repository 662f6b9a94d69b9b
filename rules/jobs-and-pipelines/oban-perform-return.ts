import {
  type Clause,
  defineRule,
  type Edit,
  elixir,
  type Expression,
  type Module,
  type ProjectFacts,
  results,
  type Severity,
  type Tail,
} from '#engine'
import { replaceIn } from '../edits.ts'
import { durableWork } from '../principles.ts'
import { quote } from '../wording.ts'

export default defineRule({
  id: 'oban-perform-return',
  title: '`perform/1` returns something Oban takes for success',
  principles: [durableWork],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    Oban decides by the value of perform/1 what becomes of a job. Only {:error, reason} is retried, {:cancel, reason}
    given up and {:snooze, seconds} run again later. Every value it does not know, :error and false among them, is
    logged as unexpected, and the job counts as completed: there is no retry, and nothing shows that it failed.
  `,
  instead:
    'Return `{:error, reason}` to retry, `{:cancel, reason}` to give up, `{:snooze, seconds}` to wait, `:ok` or `{:ok, value}` for success.',
  limits: 'Only values that are written out are judged; what a call of another module returns is not known.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Workers.Export do
          use Oban.Worker, queue: :exports

          @impl Oban.Worker
          def perform(%Oban.Job{args: %{"id" => id}}) do
            if Shop.Exports.ready?(id) do
              Shop.Exports.run(id)
            else
              :error # finding
            end
          end
        end
      `,
      good: elixir`
        defmodule Shop.Workers.Export do
          use Oban.Worker, queue: :exports

          @impl Oban.Worker
          def perform(%Oban.Job{args: %{"id" => id}}) do
            if Shop.Exports.ready?(id) do
              Shop.Exports.run(id)
            else
              {:error, :not_ready}
            end
          end
        end
      `,
    },
  ],

  on: 'module',
  roles: ['Oban.Worker'],
  *check({ module, project }) {
    const seen = new Set<Expression>()
    for (const perform of entries(module)) {
      for (const { tail, clause, hops } of results(perform)) {
        const verdict = judge(tail)
        const at = tail.expression ?? tail.impliedBy
        if (verdict === null || at === null || seen.has(at)) continue
        if (verdict.consequence === DEPRECATED && !knowsCancel(project)) continue
        seen.add(at)
        yield {
          at: at.range,
          evidence: [at.range, perform.head, ...hops.map((hop) => hop.range)],
          severity: verdict.severity,
          ...(verdict.isStrict ? { set: 'strict' as const } : {}),
          message: `${subject(tail, perform)} returns \`${verdict.shown}\`${verdict.consequence}`,
          edit: tail.expression === null ? null : cancelled(tail.expression, clause),
        }
      }
    }
  },
})

/** The clauses whose value Oban gets. What a wrapper around `Oban.Worker` makes of it is not known. */
function entries(module: Module): readonly Clause[] {
  if (module.use('Oban.Worker') !== undefined) return module.clauses('perform', 1)
  return module.use('Oban.Pro.Worker') === undefined ? [] : module.clauses('process', 1)
}

/** `{:cancel, reason}` came with Oban 2.13, which deprecated `:discard`; a version that is not locked is taken to be newer. */
function knowsCancel({ deps }: ProjectFacts): boolean {
  const [, minor] = /^2\.(\d+)\./.exec(deps['oban'] ?? '') ?? []
  return minor === undefined || Number(minor) >= 13
}

function subject({ expression, impliedBy }: Tail, { function: fun, module }: Clause): string {
  const callback = `\`${fun.id}\` of \`${module.name}\``
  return expression === null && impliedBy?.kind === 'if' ? `Without an \`else\` here, ${callback}` : callback
}

interface Verdict {
  severity: Severity
  isStrict: boolean
  shown: string
  consequence: string
}

const COMPLETES = '. Oban does not know that value, logs it and completes the job: it is never retried.'
const LOGGED = '. Oban does not know that value: it completes the job, but logs the value as unexpected each time.'
const NOT_CANCELLED = '. Oban does not know that value, logs it and completes the job instead of cancelling it.'
const NOT_SNOOZED = '. Oban does not know that value, logs it and completes the job: it does not run again.'
const DEPRECATED =
  '. Oban deprecates it: write `{:cancel, reason}`. With that the job ends as `cancelled` instead of `discarded`.'

/** `{:canceled, reason}` is none of Oban's words. */
const MEANT_TO_CANCEL = /^(?:cancel|discard|abort)/

function judge(tail: Tail): Verdict | null {
  if (tail.isUnknown) return null
  const { expression } = tail
  if (expression === null) return { severity: 'info', isStrict: true, shown: 'nil', consequence: LOGGED }
  const shown = quote(expression)
  const failing = { severity: 'error', isStrict: false, shown, consequence: COMPLETES } as const
  const odd = { ...failing, severity: 'info', consequence: LOGGED } as const
  const deprecated = { ...odd, consequence: DEPRECATED } as const
  if (expression.kind === 'atom') {
    if (expression.value === 'ok') return null
    if (expression.value === 'discard') return deprecated
    if (expression.value === 'cancel') return { ...failing, consequence: NOT_CANCELLED }
    if (MEANT_TO_CANCEL.test(expression.value)) return { ...odd, consequence: NOT_CANCELLED }
    if (expression.value === 'snooze') return { ...failing, consequence: NOT_SNOOZED }
    return ['error', 'false', 'nil'].includes(expression.value) ? failing : odd
  }
  if (expression.kind !== 'tuple') return odd
  const [tag, value] = expression.elements
  // A computed tag can be any of the known ones.
  if (tag !== undefined && tag.kind !== 'atom') return tag.kind === 'text' || tag.kind === 'number' ? odd : null
  if (tag === undefined) return odd
  const size = expression.elements.length
  switch (tag.value) {
    case 'ok':
      return size === 2 ? null : odd
    case 'error':
      return size === 2 ? null : size === 1 ? failing : { ...odd, consequence: COMPLETES }
    case 'cancel':
      return size === 2 ? null : { ...(size === 1 ? failing : odd), consequence: NOT_CANCELLED }
    case 'discard':
      return deprecated
    case 'snooze':
      if (size === 2 && value?.kind !== 'text') return null
      return { ...(size === 2 ? failing : odd), consequence: NOT_SNOOZED }
    default:
      if (MEANT_TO_CANCEL.test(tag.value)) return { ...odd, consequence: NOT_CANCELLED }
      return size === 2 && /^(err|fail|retry)/.test(tag.value) ? failing : odd
  }
}

/** `{:discard, reason}` becomes `{:cancel, reason}`. */
function cancelled(tail: Expression, clause: Clause): Edit | null {
  const [tag] = tail.kind === 'tuple' ? tail.elements : []
  if (tag?.kind !== 'atom' || tag.value !== 'discard' || tail.range.startLine !== tail.range.endLine) return null
  return replaceIn(clause.file, tag.range, ':cancel')
}
