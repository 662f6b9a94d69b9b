// Small rules, so that a test of the engine states only what it is about.
import type { CataloguedRule, Facts, Problem, Rule } from '#engine'

type CallRule = Rule<'call'> & { category: 'task' }

/** A rule about calls: it finds each call of these functions, unless told otherwise. */
export function ruleAbout(callees: readonly string[], overrides: Partial<CallRule> = {}): CallRule {
  return {
    id: 'found',
    category: 'task',
    title: 'x',
    principles: [{ id: 'P-X', title: 'x', text: 'x', sources: [] }],
    set: 'recommended',
    precision: 'P1',
    severity: 'warning',
    since: '0.1.0',
    why: 'x',
    instead: 'x',
    examples: [{ bad: '', good: '' }],
    on: 'call',
    callees,
    *check({ call }: Facts['call']): Iterable<Problem> {
      yield { at: call.at, message: call.callee }
    },
    ...overrides,
  }
}

/** The same, about any kind of fact. */
export function ruleOn<K extends keyof Facts>(
  on: K,
  check: (fact: Facts[K]) => Iterable<Problem>,
  overrides: Partial<Rule<K>> = {},
): CataloguedRule {
  const { callees: _callees, ...rest } = ruleAbout([])
  return { ...rest, on, check, ...overrides } as unknown as CataloguedRule
}
