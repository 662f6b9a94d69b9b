// Which of several rules speaks about one expression. It runs after suppression: a suppressed winner still silences.
import type { Range } from '#elixir'
import type { Finding } from './finding.ts'

/** In each row the earlier rule wins. */
const ORDERS: readonly (readonly string[])[] = [
  [
    'task-message-unhandled',
    'genserver-offloaded-reply-lost',
    'oban-detached-work',
    'task-async-discarded',
    'task-for-durable-work',
    'task-unsupervised',
  ],
  ['genserver-blocking-init', 'genserver-sleep-in-callback', 'genserver-blocking-callback'],
  ['genserver-stateless', 'genserver-key-value-store'],
  ['start-link-outside-supervisor', 'ets-owner-short-lived'],
  ['supervisor-fails-to-start', 'supervisor-restart-intensity'],
]

/** The findings without those that a stronger rule already makes about the same expression. */
export function applyPrecedence(findings: readonly Finding[]): Finding[] {
  const silenced = new Set<Finding>()
  for (const order of ORDERS) {
    const stronger: Span[] = []
    for (const rule of order) {
      const own = findings.filter((finding) => finding.rule === rule)
      if (own.length === 0) continue
      const isTaken = overlapWith(stronger)
      for (const finding of own) if (isTaken(spanOf(finding.range))) silenced.add(finding)
      stronger.push(...own.map((finding) => spanOf(finding.range)))
    }
  }
  return findings.filter((finding) => !silenced.has(finding))
}

/** A range as two numbers that compare like the places they stand for. */
interface Span {
  start: number
  end: number
}

function spanOf({ startLine, startColumn, endLine, endColumn }: Range): Span {
  return { start: startLine * LINE + startColumn, end: endLine * LINE + endColumn }
}

/** More than the columns of any line. */
const LINE = 2 ** 24

/** Tells whether a span overlaps any of the given ones. Files with thousands of findings exist. */
function overlapWith(spans: readonly Span[]): (span: Span) => boolean {
  const sorted = spans.toSorted((a, b) => a.start - b.start)
  const furthest: number[] = []
  for (const { end } of sorted) furthest.push(Math.max(end, furthest.at(-1) ?? 0))
  return ({ start, end }) => {
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (sorted[middle]!.start < end) low = middle + 1
      else high = middle
    }
    return low > 0 && furthest[low - 1]! > start
  }
}
