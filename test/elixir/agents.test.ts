import { describe, expect, test } from 'vitest'
import { agentCode, runsInAgent, startsInAgent } from '#elixir'
import { moduleOf } from './read-source.ts'

const module = moduleOf(`defmodule A do
  use Agent
  def start_link(_), do: Agent.start_link(&open/0)
  def other(_), do: Agent.start_link(fn -> here() end)
  def put(x), do: Agent.update(A, fn s -> change(s, x) end)
  def direct(x), do: Agent.update(A, fn _ -> note(x) end)
  def both, do: seed()
  defp open, do: made() && seed()
  defp made, do: :ok
  defp seed, do: :ok
  defp here, do: :ok
  defp change(s, x), do: deep(s, x)
  defp deep(s, _x), do: s
  defp note(x), do: x
  defp aside, do: Task.async(fn -> here() end)
end`)
const names = (clauses: Iterable<{ function: { name: string } }>) => [...clauses].map((clause) => clause.function.name)

describe('what runs in an agent', () => {
  test('local functions that its closures call, also one call further', () => {
    expect(names(agentCode(module)).sort()).toEqual(['change', 'deep', 'here', 'made', 'note', 'open', 'seed'])
  })

  test('closures that it is given', () => {
    const inside = module.functions.flatMap(({ clauses }) =>
      clauses.flatMap((clause) => clause.calls.filter((call) => runsInAgent(call, clause)).map(({ name }) => name)),
    )

    expect(inside).toEqual(['here', 'change', 'note'])
  })

  test('a start that others run as well belongs to nobody', () => {
    const starts = module.functions.flatMap(({ clauses }) =>
      clauses.filter((clause) => startsInAgent(clause.body!, clause)),
    )

    expect(names(starts)).toEqual(['open', 'here'])
  })
})
