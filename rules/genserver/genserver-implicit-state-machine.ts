import { callbacks, type Clause, defineRule, elixir, type Expression, type MapTerm, variablesIn, walk } from '#engine'
import { fastCallbacks } from '../principles.ts'

/** Enough clauses and states that a reader has to draw the machine to follow it. */
const CLAUSES = 4
const STATES = 3
const CHANGES = 2

const ASKS = new Set(['==', '===', 'in'])

const PLAIN = new Set(['nil', 'true', 'false'])

export default defineRule({
  id: 'genserver-implicit-state-machine',
  title: 'Many clauses switch on one state field',
  principles: [fastCallbacks],
  set: 'strict',
  precision: 'P3',
  severity: 'info',
  since: '0.1.0',

  why: `
    The field says in which state the server is, and each callback asks for it: that is a state machine, spread over
    the callbacks. :gen_statem knows the state itself. It calls a function for each state, ends a timeout when the
    state is left, and can postpone a message until a state that can answer it, all of which has to be written and
    cancelled by hand here.
  `,
  instead: 'Write it as `:gen_statem` (or GenStateMachine): the field becomes the state, the rest of the map its data.',
  ignoreWhen:
    'When the states only differ in what is displayed, or one event leads through all of them in a fixed order.',
  limits: 'Only literal atoms under one key, in the heads and guards of callbacks.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Terminal do
          use GenServer

          def init(opts), do: {:ok, %{phase: :idle, opts: opts}}

          def handle_call(:pay, _from, %{phase: :idle} = state), do: {:reply, :ok, %{state | phase: :dialing}} # finding
          def handle_call(:pay, _from, %{phase: :draining} = state), do: {:reply, {:error, :closing}, state}
          def handle_info(:connected, %{phase: :dialing} = state), do: {:noreply, %{state | phase: :up}}
          def handle_info(:close, %{phase: :up} = state), do: {:noreply, %{state | phase: :draining}}
        end
      `,
      good: elixir`
        defmodule Shop.Terminal do
          @behaviour :gen_statem

          def callback_mode, do: :state_functions
          def init(opts), do: {:ok, :idle, %{opts: opts}}

          def idle({:call, from}, :pay, data), do: {:next_state, :dialing, data, {:reply, from, :ok}}
          def dialing(:info, :connected, data), do: {:next_state, :up, data}
          def up(:info, :close, data), do: {:next_state, :draining, data}
          def draining({:call, from}, :pay, _data), do: {:keep_state_and_data, {:reply, from, {:error, :closing}}}
        end
      `,
    },
  ],

  on: 'module',
  roles: ['GenServer'],
  *check({ module }) {
    const clauses = callbacks(module).flatMap((fun) => (fun.name.startsWith('handle_') ? fun.clauses : []))
    for (const [key, asked] of questions(clauses)) {
      const states = new Set(asked.map(({ value }) => value))
      const asking = [...new Set(asked.map(({ clause }) => clause))]
      if (asking.length < CLAUSES || states.size < STATES) continue
      const changes = clauses.flatMap((clause) => changesOf(clause, key, states, asked))
      if (new Set(changes.map(({ clause }) => clause)).size < CHANGES) continue
      const [first] = asking.toSorted((a, b) => a.start - b.start)

      yield {
        at: first!.head,
        evidence: [...asking.map((clause) => clause.head), ...changes.map(({ at }) => at.range)],
        message:
          `${asking.length} clauses of \`${module.name}\` ask whether \`${key}\` is ${list(states)}, and set it to move on: ` +
          'a state machine by hand, without timeouts or postponed messages for each state.',
      }
    }
  },
})

/** A key of the state, and an atom that may stand under it. */
interface Entry {
  key: string
  value: string
}

interface Question {
  clause: Clause
  value: string
}

/** Which literal atoms the heads of clauses ask for, by the key of the state they stand under. */
function questions(clauses: readonly Clause[]): Map<string, Question[]> {
  const found = new Map<string, Question[]>()
  for (const clause of clauses) {
    const state = clause.params.at(-1)
    if (state === undefined) continue
    const inHead = walk(state).flatMap((each) => (each.kind === 'map' ? atomEntries(each) : []))
    for (const { key, value } of [...inHead, ...guardedEntries(clause, state)]) {
      const known = found.get(key)
      if (known === undefined) found.set(key, [{ clause, value }])
      else known.push({ clause, value })
    }
  }
  return found
}

/** `when state.phase == :idle`, `when state.phase in [:up, :draining]`. */
function guardedEntries({ guard }: Clause, state: Expression): Entry[] {
  if (guard === null) return []
  const names = new Set(variablesIn(state))
  return walk(guard).flatMap((each): Entry[] => {
    if (each.kind !== 'operator' || !ASKS.has(each.operator)) return []
    const [field, asked] = each.operands
    if (field?.kind !== 'field' || field.subject.kind !== 'variable' || !names.has(field.subject.name)) return []
    const values = asked?.kind === 'list' ? asked.elements : asked === undefined ? [] : [asked]
    return values.flatMap((value) =>
      value.kind === 'atom' && !PLAIN.has(value.value) ? [{ key: field.field, value: value.value }] : [],
    )
  })
}

/** Where a clause sets the key to one of the states other than the one it asked for. */
function changesOf(clause: Clause, key: string, states: ReadonlySet<string>, asked: readonly Question[]) {
  const own = new Set(asked.filter((question) => question.clause === clause).map(({ value }) => value))
  const isChange = (value: string): boolean => states.has(value) && !own.has(value)
  return clause.expressions.flatMap((each): { clause: Clause; at: Expression }[] => {
    if (each.kind === 'map') {
      return atomEntries(each).some((entry) => entry.key === key && isChange(entry.value)) ? [{ clause, at: each }] : []
    }
    if (each.kind !== 'call' || !/^(?:Map\.(?:put|replace!?)|Kernel\.put_in|put_in)$/.test(each.callee)) return []
    const value = each.args.at(-1)
    const names = each.args.some((arg) => [...walk(arg)].some((one) => isNamed(one, key)))
    return names && value?.kind === 'atom' && isChange(value.value) ? [{ clause, at: each }] : []
  })
}

function isNamed(expression: Expression, key: string): boolean {
  return (
    (expression.kind === 'atom' && expression.value === key) ||
    (expression.kind === 'field' && expression.field === key)
  )
}

function atomEntries(map: MapTerm): Entry[] {
  return map.entries.flatMap((entry) =>
    entry.kind === 'pair' && entry.key.kind === 'atom' && entry.value.kind === 'atom' && !PLAIN.has(entry.value.value)
      ? [{ key: entry.key.value, value: entry.value.value }]
      : [],
  )
}

function list(states: ReadonlySet<string>): string {
  const names = [...states].map((state) => `\`:${state}\``)
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}
