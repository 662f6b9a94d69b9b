// A change of real Elixir, reviewed with the real rules, without a pull request around it.
import { readProject } from '#elixir'
import { analyse, describe, type CataloguedRule, type RuleSet } from '#engine'
import { rules as all } from '#rules'
import { baseFiles, missingBases, withBases } from '../../src/review/bases.ts'
import { resolveConfig } from '../../src/review/config.ts'
import type { ReviewPlan } from '../../src/review/plan.ts'
import { review } from '../../src/review/review.ts'
import type { ChangedFile } from '../../src/review/snapshot.ts'
import { changedFile, snapshot } from './builders.ts'

/** One file's texts, null where it is not there, and the path that it had where it was renamed. */
export interface FileChange {
  base: string | null
  head: string | null
  previousPath?: string
  projectFiles?: { path: string; text: string }[]
}

export interface ChangeOptions {
  rules?: readonly CataloguedRule[]
  set?: RuleSet
  projectFiles?: { path: string; text: string }[]
}

/** The plan for a pull request that changes these files and nothing else. */
export function reviewChange(changes: Record<string, FileChange>, options: ChangeOptions = {}): ReviewPlan {
  const { rules = all, set = 'recommended', projectFiles = [] } = options
  const files = Object.entries(changes).map(([path, texts]): ChangedFile => changedFile({ path, ...texts }))
  const whole = withBases(snapshot({ files, projectFiles }), new Map())
  const missing = missingBases(whole)
  if (missing.length > 0) throw new Error(`no base for ${missing.join(', ')}`)

  const selection = Object.fromEntries(
    rules.flatMap((rule) => (set === 'strict' || rule.set === set ? [[rule.id, set] as const] : [])),
  )
  const read = (path: string, source: string, asPath: string) =>
    analyse({ path, source, project: readProject(projectFiles, asPath), selection }, rules)
  return review({
    snapshot: whole,
    head: files.flatMap(({ path, source }) => (source === null ? [] : [read(path, source, path)])),
    base: baseFiles(whole).map(({ path, headPath, source }) => read(path, source, headPath)),
    configuration: resolveConfig(
      { base: { path: 'c', text: `profile: ${set}` }, organisation: null, head: null },
      rules.map(({ id }) => id),
    ),
    catalogue: rules.map(describe),
    accepted: [],
    engineVersion: '0.1.0',
    docsUrl: 'https://example.com/rules',
    issuesUrl: 'https://example.com/issues/new',
  })
}

/** `lib/shop/stock.ex:12 genserver-self-call`, for everything that the change introduces. */
export function introducedBy(changes: Record<string, FileChange>, options?: ChangeOptions): string[] {
  return reviewChange(changes, options)
    .introduced.map(({ finding: { path, range, rule } }) => `${path}:${range.startLine} ${rule}`)
    .toSorted()
}
