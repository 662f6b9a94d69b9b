// Comments that silence a finding: ours need a rule and a reason, and are counted; Credo's are respected where equal.
import type { Comment, SourceFile } from '#elixir'
import type { Finding, Suppression } from './finding.ts'
import type { CataloguedRule } from './rule.ts'

const OURS = /^otp-review:ignore(?![\w-])(?<words>.*)$/
const CREDO =
  /^credo:disable-for-(?<what>next-line|previous-line|this-file|lines:(?<count>-?\d+))\s*(?<check>[\w.]+|\/.*\/)?/

/** Whether a text can have comments that matter here. */
export function hasSuppressions(source: string): boolean {
  return /otp-review:ignore|credo:disable/.test(source)
}

/** A comment, the lines on which it silences findings, and of which rules. */
interface Silencer {
  suppression: Suppression
  from: number
  to: number
  silences(rule: CataloguedRule): boolean
}

/**
 * Marks the findings that comments silence, and accounts for every comment. A comment of ours stands on, or right
 * above, the first line of the finding's primary or of any evidence range. `ran`: the rules that looked at all of the
 * file; a comment is called unused only if its rule did.
 */
export function suppress(
  findings: readonly Finding[],
  file: SourceFile,
  rules: readonly CataloguedRule[],
  ran: ReadonlySet<string>,
): Suppression[] {
  if (!hasSuppressions(file.source)) return []
  const byId = new Map(rules.map((rule) => [rule.id, rule]))
  const silencers = readSilencers(file, byId, ran)
  const near = byLine(silencers)

  for (const finding of findings) {
    const rule = byId.get(finding.rule)
    if (rule === undefined) continue
    file.deadline.tick()
    const lines = [finding.range, ...finding.evidence].map((range) => range.startLine)
    for (const { suppression, silences } of near(lines)) {
      if (!silences(rule)) continue
      suppression.silenced = (suppression.silenced ?? 0) + 1
      finding.suppressed ??= { line: suppression.line, reason: suppression.reason ?? '' }
    }
  }
  for (const { suppression } of silencers) {
    if (suppression.syntax === 'ours' && suppression.problem === null && suppression.silenced === 0) {
      suppression.problem = 'suppression-unused'
    }
  }
  return silencers.map(({ suppression }) => suppression)
}

/** Finds the silencers of any of some lines, in source order: one that covers few lines by line, the others one by one. */
function byLine(silencers: readonly Silencer[]): (lines: readonly number[]) => Iterable<Silencer> {
  const narrow = new Map<number, Silencer[]>()
  const wide: Silencer[] = []
  for (const silencer of silencers) {
    if (silencer.to - silencer.from > 5) wide.push(silencer)
    else
      for (let line = silencer.from; line <= silencer.to; line++)
        narrow.set(line, [...(narrow.get(line) ?? []), silencer])
  }
  return (lines) => {
    const found = new Set(lines.flatMap((line) => narrow.get(line) ?? []))
    for (const each of wide) if (lines.some((line) => line >= each.from && line <= each.to)) found.add(each)
    return found.size < 2 ? found : [...found].sort((a, b) => a.suppression.line - b.suppression.line)
  }
}

function readSilencers(
  file: SourceFile,
  byId: ReadonlyMap<string, CataloguedRule>,
  ran: ReadonlySet<string>,
): Silencer[] {
  const ownLines = new Set(file.comments.filter((comment) => !comment.isTrailing).map((comment) => comment.line))
  /** The first line below that is no comment: several ignores can stand above one line. */
  const lineBelow = (line: number): number => {
    let below = line + 1
    while (ownLines.has(below)) below++
    return below
  }
  const isRead = file.errorLines.length === 0
  const silencers: Silencer[] = []
  // From the last to the first, so that a comment in a long run of comments finds the line below in one step.
  let lastBelow = { line: 0, below: 0 }
  for (const comment of file.comments.toReversed()) {
    const below = lastBelow.line === comment.line + 1 ? lastBelow.below : lineBelow(comment.line)
    if (!comment.isTrailing) lastBelow = { line: comment.line, below }
    const words = OURS.exec(comment.text)?.groups?.['words']
    const silencer =
      words === undefined
        ? readCredo(comment)
        : readOurs(comment, words, comment.isTrailing ? comment.line : below, byId)
    if (silencer === null) continue
    const { suppression } = silencer
    if (suppression.rule !== null && (!isRead || !ran.has(suppression.rule))) suppression.silenced = null
    silencers.push(silencer)
  }
  return silencers.reverse()
}

function readOurs(
  { line }: Comment,
  words: string,
  target: number,
  byId: ReadonlyMap<string, CataloguedRule>,
): Silencer {
  const [, named = '', given] = /^(.*?)(?:(?:^|\s)--\s*(.*))?$/.exec(words.trim()) ?? []
  const rule = /^\S+/.exec(named)?.[0] ?? null
  const reason = given?.trim() || null
  const isKnown = rule !== null && byId.has(rule)
  const suppression: Suppression = {
    line,
    rule,
    reason,
    syntax: 'ours',
    silenced: isKnown ? 0 : null,
    // Words between the rule and the dashes are no reason, and a second rule would silence nothing.
    problem: !isKnown
      ? 'suppression-unknown-rule'
      : reason === null || named.trim() !== rule
        ? 'suppression-without-reason'
        : null,
  }
  return { suppression, from: line, to: target, silences: ({ id }) => suppression.problem === null && id === rule }
}

function readCredo({ line, text }: Comment): Silencer | null {
  const groups = CREDO.exec(text)?.groups
  if (groups === undefined) return null
  const { what, count, check } = groups
  const suppression: Suppression = { line, rule: null, reason: text, syntax: 'credo', silenced: 0, problem: null }
  const last = check?.slice(check.lastIndexOf('.') + 1)
  const silences = ({ credo = [] }: CataloguedRule): boolean =>
    credo.some((name) => last === undefined || name === last)
  const distance = Number(count)
  switch (what) {
    case 'this-file':
      return { suppression, from: 1, to: Number.POSITIVE_INFINITY, silences }
    case 'next-line':
      return { suppression, from: line + 1, to: line + 1, silences }
    case 'previous-line':
      return { suppression, from: line - 1, to: line - 1, silences }
    default:
      return distance > 0
        ? { suppression, from: line + 1, to: line + distance, silences }
        : { suppression, from: line + distance, to: line - 1, silences }
  }
}
