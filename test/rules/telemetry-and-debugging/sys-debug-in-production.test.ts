import { expect, test } from 'vitest'
import { readProject } from '#elixir'
import { analyse } from '#engine'
import { rules } from '#rules'
import { suggestionComplaints } from '../../support/suggestion-proof.ts'

const path = 'lib/shop/cart.ex'
const rule = rules.find(({ id }) => id === 'sys-debug-in-production')!

function findingIn(body: string) {
  const source = `defmodule Shop.Cart do\n  use GenServer\n\n  def init(opts) do\n${body}\n    {:ok, opts}\n  end\nend\n`
  const input = { path, source, project: readProject([], path) }
  const [finding] = analyse({ ...input, selection: { [rule.id]: 'recommended' } }, [rule]).findings
  return { finding: finding!, input }
}

test('a line that only switches tracing on can be deleted', () => {
  const { finding, input } = findingIn('    :sys.trace(self(), true)')

  expect(finding.edit).toEqual({ startLine: 5, endLine: 6, text: '    {:ok, opts}' })
  expect(suggestionComplaints(input, finding, rules)).toEqual([])
})

test.each([
  '    :ok = :sys.trace(self(), true)',
  '    :sys.trace(self(), true) # while we look for it',
  '    :sys.trace(\n      self(),\n      true\n    )',
])('what is more than that stays: %s', (body) => {
  expect(findingIn(body).finding.edit).toBeNull()
})
