// The findings that somebody has read, with what they thought of them.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RuleSet, Severity } from '#engine'
import type { Hit } from './hits.ts'

/** `debatable`: the code does what the message says, but leaving it as it is can be defended. null: not read yet. */
export type Verdict = true | false | 'debatable' | null

export interface Accepted {
  repository: string
  commit: string
  path: string
  line: number
  rule: string
  severity: Severity
  /** `strict`: only the strict profile says it. */
  set: RuleSet
  verdict: Verdict
  reason: string
}

export interface Comparison {
  /** Both found and accepted; the severity is the present one. */
  kept: { hit: Hit; accepted: Accepted }[]
  added: Hit[]
  removed: Accepted[]
  /** Kept, with another severity or set than was accepted. */
  changed: { hit: Hit; accepted: Accepted }[]
}

const file = join(import.meta.dirname, '../../test/ecosystem/accepted.json')

export function readAccepted(): Accepted[] {
  return JSON.parse(readFileSync(file, 'utf8')) as Accepted[]
}

export function writeAccepted(list: readonly Accepted[]): void {
  writeFileSync(file, `${JSON.stringify(list.toSorted(byPlace), null, 2)}\n`)
}

/** As a multiset: two findings of one rule on one line are two. */
export function compare(accepted: readonly Accepted[], hits: readonly Hit[]): Comparison {
  const left = Map.groupBy(accepted, keyOf)
  const kept: Comparison['kept'] = []
  const added: Hit[] = []
  for (const hit of hits) {
    const partner = left.get(keyOf(hit))?.shift()
    if (partner === undefined) added.push(hit)
    else kept.push({ hit, accepted: partner })
  }
  const changed = kept.filter(({ hit, accepted }) => hit.severity !== accepted.severity || hit.set !== accepted.set)
  return { kept, added, removed: [...left.values()].flat(), changed }
}

/** The list that `compare` finds nothing to say about: verdicts are kept, what is new is unread. */
export function update({ kept, added }: Comparison): Accepted[] {
  return [
    ...kept.map(({ hit, accepted }) => ({ ...accepted, severity: hit.severity, set: hit.set })),
    ...added.map(({ repository, commit, path, line, rule, severity, set }) => ({
      repository,
      commit,
      path,
      line,
      rule,
      severity,
      set,
      verdict: null,
      reason: '',
    })),
  ].toSorted(byPlace)
}

type Place = Pick<Accepted, 'repository' | 'commit' | 'path' | 'line' | 'rule'>

/** `owner/name:path:line`, as people pass it on the command line. */
export function placeOf({ repository, path, line }: Place): string {
  return `${repository}:${path}:${line}`
}

function keyOf(each: Place): string {
  return `${each.rule} ${placeOf(each)} ${each.commit}`
}

export function byPlace(a: Place, b: Place): number {
  return order(a.rule, b.rule) || order(a.repository, b.repository) || order(a.path, b.path) || a.line - b.line
}

/** Not by locale: the file must be the same on every machine. */
function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
