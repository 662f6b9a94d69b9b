import {
  attachments,
  canonical,
  type Clause,
  defineRule,
  elixir,
  type Expression,
  type FunctionFact,
  type Pair,
  resolve,
  SOME_PARTS,
  type TelemetryEvent,
  variablesIn,
  walk,
} from '#engine'
import { telemetryHandlers } from '../principles.ts'

export default defineRule({
  id: 'telemetry-handler-can-detach',
  title: 'A handler that fails is removed for good',
  principles: [telemetryHandlers],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',

  why: `
    When a handler raises, telemetry detaches it, from all of its events and until somebody attaches it again. A handler
    without a clause for one of its events, or for some metadata, works until the first such event and is silent from
    then on.
  `,
  instead:
    'Add a last clause that takes everything: `def handle_event(_event, _measurements, _metadata, _config), do: :ok`.',
  limits: 'Events built at run time, and handlers in other modules, are not compared.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.JobLog do
          def attach do
            events = [[:oban, :job, :stop], [:oban, :job, :exception]]
            :telemetry.attach_many("shop-jobs", events, &__MODULE__.handle/4, nil) # finding
          end

          def handle([:oban, :job, :stop], measurements, _metadata, _config) do
            Shop.Metrics.observe(measurements.duration)
          end
        end
      `,
      good: elixir`
        defmodule Shop.JobLog do
          def attach do
            events = [[:oban, :job, :stop], [:oban, :job, :exception]]
            :telemetry.attach_many("shop-jobs", events, &__MODULE__.handle/4, nil)
          end

          def handle([:oban, :job, :stop], measurements, _metadata, _config) do
            Shop.Metrics.observe(measurements.duration)
          end

          def handle(_event, _measurements, _metadata, _config), do: :ok
        end
      `,
    },
  ],

  on: 'module',
  words: ['attach', 'attach_many'],
  *check({ module }) {
    for (const { call, events, function: handler } of attachments(module)) {
      if (events === null || handler === undefined || handler.clauses.length === 0) continue
      if (handler.clauses.some((clause) => clause.hasError) || handler.module.hasUnknownDefinitions) continue
      const { clauses } = handler
      const missed = events.find(
        (event) => !clauses.some((clause) => takes(clause, event)) && !takeTogether(clauses, event),
      )
      if (missed === undefined) continue
      const shown = `[${missed.map((part) => (part === SOME_PARTS ? '...' : part === null ? '_' : `:${part}`)).join(', ')}]`
      const advice = `End with \`${handler.isPublic ? 'def' : 'defp'} ${handler.name}(_event, _measurements, _metadata, _config), do: :ok\`.`
      const isNamed = clauses.some((clause) => isFor(clause, missed))
      yield {
        at: call.at,
        evidence: [call.at, ...handler.clauses.map((clause) => clause.head)],
        message: isNamed
          ? `\`${handler.id}\` takes \`${shown}\` only with certain values. The first event with others raises, and telemetry detaches ${scope(handler, events.length)}. ${advice}`
          : `\`${handler.id}\` has no clause for \`${shown}\`. The first such event raises, and telemetry detaches ${scope(handler, events.length)}. ${advice}`,
      }
    }
  },
})

function scope(handler: FunctionFact, events: number): string {
  if (events === 1) return `\`${handler.name}\``
  return `\`${handler.name}\` from ${events === 2 ? 'both' : `all ${events}`} events`
}

/** Whether the clause takes some events of that name. */
function isFor(clause: Clause, event: TelemetryEvent): boolean {
  const onEvent = conditionsOf(clause.guard).filter((condition) => !isVarying(condition, clause))
  return matchesEvent(clause, event) && onEvent.every((condition) => holds(condition, clause, event))
}

/** Whether the clause takes every event of that name, whatever it brings along. */
function takes(clause: Clause, event: TelemetryEvent): boolean {
  if (!matchesEvent(clause, event) || !guardHolds(clause, event)) return false
  return clause.params.slice(1, 3).every((param) => demandsOf(param).length === 0)
}

function matchesEvent(clause: Clause, event: TelemetryEvent): boolean {
  const [param] = clause.params
  return param !== undefined && matches(resolve(param, clause.module), event)
}

function matches(pattern: Expression, event: TelemetryEvent): boolean {
  if (pattern.kind === 'match') return matches(pattern.pattern, event) && matches(pattern.value, event)
  if (pattern.kind !== 'list') return true
  const { elements, tail } = pattern
  if (event[0] === SOME_PARTS) {
    const known = event.slice(1)
    const last = elements.slice(-known.length)
    return (
      tail !== null || (last.length === known.length && last.every((element, index) => isPart(element, known[index])))
    )
  }
  if (tail === null ? elements.length !== event.length : elements.length > event.length) return false
  return elements.every((element, index) => isPart(element, event[index]))
}

function isPart(element: Expression, part: TelemetryEvent[number] | undefined): boolean {
  return element.kind !== 'atom' || part === null || part === element.value
}

/**
 * A guard on the event is worked out, or taken to hold where it cannot be, as one on the config: that is the same each
 * time. A guard on what an event brings along can fail.
 */
function guardHolds(clause: Clause, event: TelemetryEvent): boolean {
  return conditionsOf(clause.guard).every((condition) => holds(condition, clause, event))
}

function conditionsOf(guard: Expression | null): Expression[] {
  if (guard?.kind === 'operator' && (guard.operator === 'and' || guard.operator === '&&'))
    return guard.operands.flatMap(conditionsOf)
  return guard === null ? [] : [guard]
}

/** Whether a condition looks at what an event brings along. */
function isVarying(condition: Expression, { params }: Clause): boolean {
  const varying = new Set(params.slice(1, 3).flatMap(variablesIn))
  return variablesIn(condition).some((name) => varying.has(name))
}

function holds(guard: Expression, clause: Clause, event: TelemetryEvent): boolean {
  const { params, module } = clause
  const [param, measurements, metadata] = params
  if (param === undefined || measurements === undefined || metadata === undefined) return true
  if (isMapTest(guard, [measurements, metadata])) return true
  if (isVarying(guard, clause)) return false
  const [subject, given] = guard.kind === 'operator' ? guard.operands : []
  if (guard.kind !== 'operator' || guard.operands.length !== 2 || subject?.kind !== 'variable' || given === undefined)
    return true
  const allowed = resolve(given, module)
  const part = partOf(param, subject.name, event)
  if (part === undefined || part === null || part === SOME_PARTS) return true
  const isGiven = (each: Expression): boolean =>
    typeof part === 'string' ? each.kind !== 'atom' || each.value === part : each.kind !== 'list' || matches(each, part)
  if (guard.operator === 'in' && allowed.kind === 'list') return allowed.elements.some(isGiven)
  return guard.operator !== '==' || isGiven(allowed)
}

/** `is_map(metadata)`: both are always maps. */
function isMapTest(guard: Expression, maps: readonly Expression[]): boolean {
  const [tested] = guard.kind === 'call' && guard.name === 'is_map' ? guard.args : []
  return tested?.kind === 'variable' && maps.some((map) => map.kind === 'variable' && map.name === tested.name)
}

/** The event, or the part of it, that a variable of the pattern stands for; null for a part that is not known. */
function partOf(
  param: Expression,
  name: string,
  event: TelemetryEvent,
): TelemetryEvent[number] | undefined | TelemetryEvent {
  const sides = param.kind === 'match' ? [param.pattern, param.value] : [param]
  if (sides.some((side) => side.kind === 'variable' && side.name === name)) return event
  const list = sides.find((side) => side.kind === 'list')
  const position =
    list?.kind === 'list' ? list.elements.findIndex((each) => each.kind === 'variable' && each.name === name) : -1
  return position < 0 || event[0] === SOME_PARTS ? undefined : event[position]
}

/** Who writes a clause for each of so many atoms means all there are. */
const MANY = 3

/** One clause for `%{hit: true}` and one for `%{hit: false}`: together they take what a flag can be. So do those for many atoms. */
function takeTogether(clauses: readonly Clause[], event: TelemetryEvent): boolean {
  const flags = new Map<string, Set<string>>()
  for (const clause of clauses) {
    if (!matchesEvent(clause, event) || !guardHolds(clause, event)) continue
    const demands = clause.params
      .slice(1, 3)
      .flatMap((param, index) => demandsOf(param).map(({ key, value }) => [index, canonical(key), value] as const))
    const [index, key, value] = demands[0] ?? []
    if (demands.length !== 1 || value?.kind !== 'atom') continue
    const place = `${index} ${key}`
    flags.set(place, (flags.get(place) ?? new Set()).add(value.value))
  }
  return [...flags.values()].some((values) => values.size >= MANY || (values.has('true') && values.has('false')))
}

/** A map pattern with a literal value (`%{result: :ok}`) fails for every other value. */
function demandsOf(pattern: Expression): Pair[] {
  return walk(pattern).filter(
    (each) => each.kind === 'pair' && ['atom', 'number', 'text', 'module'].includes(each.value.kind),
  ) as Pair[]
}
