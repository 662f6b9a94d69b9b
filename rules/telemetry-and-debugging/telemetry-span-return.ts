import { type Clause, defineRule, type Edit, elixir, type Expression, type Tail, tails } from '#engine'
import { telemetryHandlers } from '../principles.ts'
import { quote } from '../wording.ts'

export default defineRule({
  id: 'telemetry-span-return',
  title: '`:telemetry.span/3` function returns the wrong shape',
  principles: [telemetryHandlers],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    The function given to :telemetry.span/3 must return {result, metadata} or {result, measurements, metadata}: span
    takes it apart, emits the stop event and returns the result. Any other value raises a TryClauseError after the work
    is done, and the span gets neither its stop event nor its exception event.
  `,
  instead: 'Return `{result, metadata}`, for instance `{:ok, %{}}`.',
  limits: 'Only values that are written out are judged.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Sync do
          def run do
            :telemetry.span([:shop, :sync], %{}, fn ->
              Shop.Catalogue.sync!()
              :ok # finding
            end)
          end
        end
      `,
      good: elixir`
        defmodule Shop.Sync do
          def run do
            :telemetry.span([:shop, :sync], %{}, fn ->
              Shop.Catalogue.sync!()
              {:ok, %{}}
            end)
          end
        end
      `,
    },
  ],

  on: 'call',
  callees: [':telemetry.span'],
  *check({ call, clause }) {
    const fun = call.args[2]
    if (call.arity !== 3 || fun?.kind !== 'fn') return
    for (const branch of fun.branches) {
      for (const tail of tails(branch.body)) {
        const at = tail.expression ?? tail.impliedBy
        if (!isWrong(tail) || at === null) continue
        const shown = tail.expression === null ? 'nil' : quote(tail.expression)
        yield {
          at: at.range,
          evidence: [at.range, call.at],
          message: `\`:telemetry.span/3\` expects \`{result, metadata}\` from this function and gets \`${shown}\`: it raises after the work is done.`,
          edit: withMetadata(tail.expression, clause),
        }
      }
    }
  },
})

function isWrong({ expression, impliedBy, isUnknown }: Tail): boolean {
  if (isUnknown) return false
  if (expression === null) return impliedBy !== null
  if (expression.kind !== 'tuple')
    return ['atom', 'module', 'text', 'number', 'list', 'map', 'binary', 'fn', 'capture'].includes(expression.kind)
  const { elements } = expression
  if (elements.length !== 2 && elements.length !== 3) return true
  // Measurements and metadata are maps; only of what is written out it is known that it is none.
  return elements
    .slice(1)
    .some(({ kind }) => ['atom', 'module', 'text', 'number', 'list', 'tuple', 'fn', 'binary'].includes(kind))
}

function withMetadata(expression: Expression | null, clause: Clause): Edit | null {
  if (expression?.kind !== 'atom' || expression.value !== 'ok') return null
  const { startLine, startColumn, endColumn } = expression.range
  const line = clause.file.line(startLine)
  if (line.slice(0, startColumn - 1).trim() !== '' || !/^\s*(#.*)?$/.test(line.slice(endColumn - 1))) return null
  return {
    startLine,
    endLine: startLine,
    text: `${line.slice(0, startColumn - 1)}{:ok, %{}}${line.slice(endColumn - 1)}`,
  }
}
