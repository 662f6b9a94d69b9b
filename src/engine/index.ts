// The engine's public face: the rule contract, the run over one file, and what it says.
import type { CataloguedRule, RuleInfo } from './rule.ts'

export * from '#elixir'
export * from './analyse.ts'
export * from './costs.ts'
export * from './finding.ts'
export * from './rule.ts'

/** All of a rule but its check and what that needs: plain data for the review, the pages and the formats. */
export function describe(rule: CataloguedRule): RuleInfo {
  const { on: _on, callees: _callees, roles: _roles, words: _words, check: _check, ...info } = rule
  return info
}
