// What each rule costs while it runs. It changes nothing of what the rules say.
import type { CataloguedRule } from './rule.ts'

export interface RuleCost {
  rule: string
  /** Of its checks alone, by the clock. */
  ms: number
  /** How often it was asked. */
  checks: number
  findings: number
}

/** Rules that count what their checks cost. A fact that is worked out lazily is on the bill of the first rule that asks. */
export function meter(rules: readonly CataloguedRule[]): { rules: CataloguedRule[]; costs: readonly RuleCost[] } {
  const costs = rules.map(({ id }): RuleCost => ({ rule: id, ms: 0, checks: 0, findings: 0 }))
  const metered = rules.map((rule, index) => {
    const cost = costs[index]!
    const check = rule.check as (fact: unknown) => Iterable<unknown>
    return {
      ...rule,
      *check(fact: unknown) {
        cost.checks++
        let started = performance.now()
        for (const problem of check(fact)) {
          cost.ms += performance.now() - started
          cost.findings++
          yield problem
          started = performance.now()
        }
        cost.ms += performance.now() - started
      },
    } as CataloguedRule
  })
  return { rules: metered, costs }
}
