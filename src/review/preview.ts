// What a pull request's own configuration would change, once it counts. It never counts before it is merged.
import { isStanding } from './conclude.ts'
import type { ResolvedConfig } from './config.ts'
import type { Conclusion, ReviewPlan } from './plan.ts'

/** For the person who changes the configuration, to see what that does. */
export interface Preview {
  conclusion: Conclusion
  /** Findings that would stand. */
  findings: number
  /** Every setting that would have another value; undefined: it is not there. */
  changes: { key: string; from: unknown; to: unknown }[]
  problems: ResolvedConfig['problems']
}

/** `then` is the plan for the same pull request under the configuration that it brings. */
export function previewOf(now: ResolvedConfig, next: ResolvedConfig, then: ReviewPlan): Preview {
  const before = new Map(now.settings.map(({ key, value }) => [key, value]))
  const after = new Map(next.settings.map(({ key, value }) => [key, value]))
  const keys = [...new Set([...before.keys(), ...after.keys()])]
  return {
    conclusion: then.run.conclusion,
    findings: then.introduced.filter(isStanding).length,
    changes: keys
      .map((key) => ({ key, from: before.get(key), to: after.get(key) }))
      .filter(({ from, to }) => JSON.stringify(from) !== JSON.stringify(to)),
    problems: next.problems.filter(({ origin }) => origin === 'repository'),
  }
}
