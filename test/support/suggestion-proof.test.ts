import { expect, test } from 'vitest'
import { UNKNOWN_PROJECT } from '#elixir'
import { analyse, type CataloguedRule, defineRule, type Edit, selectAll } from '#engine'
import { taskSupervisor } from '../../rules/principles.ts'
import { suggestionComplaints } from './suggestion-proof.ts'

const source = `defmodule Shop.Mailer do
  def deliver(order) do
    result = order
    spawn(fn -> send_mail(order) end) # legacy
    result
  end
end
`

test('a suggestion that cures the finding and keeps the rest has no complaints', () => {
  expect(proof({ startLine: 4, endLine: 4, text: '    start(fn -> send_mail(order) end) # legacy' })).toEqual([])
})

test.each<[string, Edit, string]>([
  ['the finding stays', { startLine: 4, endLine: 4, text: '    spawn(fn -> nil end) # legacy' }, 'is still found'],
  ['another finding comes', { startLine: 5, endLine: 5, text: '    spawn(f)' }, 'is still found'],
  ['it does not parse', { startLine: 4, endLine: 4, text: '    start(fn -> # legacy' }, 'does not parse'],
  ['a comment is lost', { startLine: 4, endLine: 4, text: '    start(f)' }, 'it loses the comment "# legacy"'],
  ['the indentation is lost', { startLine: 4, endLine: 4, text: 'start(f) # legacy' }, 'is indented by 0'],
  ['a name is taken', { startLine: 4, endLine: 4, text: '    result = start(f) # legacy' }, 'it binds `result`'],
  ['nothing changes', { startLine: 5, endLine: 5, text: '    result' }, 'it changes nothing'],
  ['it is too long', { startLine: 1, endLine: 7, text: '' }, 'it replaces 7 lines'],
  ['it is outside', { startLine: 4, endLine: 40, text: '' }, 'it replaces lines 4 to 40'],
])('a complaint where %s', (_, edit, complaint) => {
  expect(proof(edit).join('\n')).toContain(complaint)
})

function proof(edit: Edit): string[] {
  const rule: CataloguedRule = {
    ...defineRule({
      id: 'process-spawned',
      title: 'A spawn',
      principles: [taskSupervisor],
      set: 'recommended',
      precision: 'P1',
      severity: 'warning',
      since: '0.1.0',
      why: 'It is a test.',
      instead: 'Nothing.',
      examples: [{ bad: '', good: '' }],
      on: 'call',
      *check({ call }) {
        if (call.name === 'spawn') yield { at: call.at, message: 'A spawn.', edit }
      },
    }),
    category: 'task',
  }
  const input = { path: 'lib/shop/mailer.ex', source, project: UNKNOWN_PROJECT }
  const [finding] = analyse({ ...input, selection: selectAll([rule]) }, [rule]).findings
  return suggestionComplaints(input, finding!, [rule])
}
