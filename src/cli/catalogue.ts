// The rules as the command line asks for them: by id, or all. Runs none of them.
import { describe } from '#engine'
import type { RuleInfo } from '#engine'
import { rules } from '#rules'
import { nearest } from '../review/nearest.ts'
import { UsageError } from './usage-error.ts'

export const catalogue: readonly RuleInfo[] = rules.map(describe)

/** The rule with this id. Throws `UsageError` that names the nearest one. */
export function findRule(id: string): RuleInfo {
  const rule = catalogue.find((one) => one.id === id)
  if (rule) return rule
  const near = nearest(
    id,
    catalogue.map((one) => one.id),
  )
  const advice = near === null ? '`otp-review rules` lists them all.' : `Did you mean ${near}?`
  throw new UsageError(`There is no rule ${id}. ${advice}`)
}
