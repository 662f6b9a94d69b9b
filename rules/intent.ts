// Whether the author says that code is meant as it is. It knows no rule.
import type { Clause } from '#engine'

const ON_PURPOSE = /\b(?:on purpose|intentional(?:ly)?|deliberate(?:ly)?|by design|artificial(?:ly)?)\b/i

/** Whether a comment inside a clause, or between it and the definition above, says that this is on purpose. */
export function isOnPurpose(clause: Clause): boolean {
  return remarks(clause).some((text) => ON_PURPOSE.test(text))
}

const BLOCKS = /\b(?:block\w*|only returns?|returns? (?:only )?(?:after|once)|synchronous(?:ly)?|wait\w*)\b/i
const REASON = /\b(?:because|ensur\w+|guarantee\w*|must|since|so|to avoid|in order to|(?:during|in) `?init)\b/i

/** Whether a comment there says that code blocks, and why. */
export function saysWhyItBlocks(clause: Clause): boolean {
  const text = remarks(clause).join(' ')
  return text.split(/(?<=[.!?])\s/).some((sentence) => BLOCKS.test(sentence) && REASON.test(sentence))
}

/** The comments inside a clause, and those between it and the definition above; not those that ignore a finding. */
export function remarks({ start, range, module, file }: Clause): string[] {
  let from = module.range.startLine
  for (const fun of module.functions) {
    for (const other of fun.clauses) if (other.end <= start) from = Math.max(from, other.range.endLine)
  }
  return file.comments.flatMap(({ line, text }) =>
    line > from && line <= range.endLine && !text.includes('otp-review:ignore') ? [text] : [],
  )
}

/** `profile_import`, `benchmark_export`: somebody runs it by hand and looks on. */
export function isMeasuring({ function: { name } }: Clause): boolean {
  return /^(?:profile|benchmark)_/.test(name)
}
