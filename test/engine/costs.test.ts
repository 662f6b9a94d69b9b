import { expect, test } from 'vitest'
import { analyse, meter, selectAll, UNKNOWN_PROJECT } from '#engine'
import { ruleAbout } from './rules-for-tests.ts'

test('metered rules say the same, and count how often they were asked and what they found', () => {
  const rules = [ruleAbout(['f']), { ...ruleAbout(['g']), id: 'other' }]
  const metered = meter(rules)
  const source = 'defmodule A do\ndef a, do: f()\ndef b, do: f()\nend\n'
  const [plain, counted] = [rules, metered.rules].map((some) =>
    analyse({ path: 'lib/a.ex', source, project: UNKNOWN_PROJECT, selection: selectAll(some) }, some),
  )

  expect(counted?.findings).toEqual(plain?.findings)
  expect(metered.costs).toEqual([
    { rule: rules[0]!.id, ms: expect.any(Number), checks: 2, findings: 2 },
    { rule: 'other', ms: 0, checks: 0, findings: 0 },
  ])
  expect(metered.costs[0]!.ms).toBeGreaterThan(0)
})
