// Our one comment in the conversation: what was accepted, what was explained, what we did not understand. Decides nothing.
import type { RuleInfo } from '#engine'
import { accepts } from './commands.ts'
import { byteLength, cell, cut, inlineCode, link, prose } from './escape.ts'
import { readHidden, writeHidden } from './marker.ts'
import type { Conversation } from './snapshot.ts'
import { count, ruleLink } from './speech.ts'

/** Findings of a rule that somebody with the right to do so took on, with a reason. */
export interface Acceptance {
  /** The comment that says so (its node id): without it nothing is accepted. */
  comment: string
  rule: string
  by: string
  reason: string
  /** The findings that stood when it was written, one entry each: a new one needs a new comment. */
  fingerprints: string[]
}

/** What our comment remembers between two commands. */
export interface Answer {
  acceptances: Acceptance[]
  /** Rules that somebody asked about, the latest last. */
  explained: string[]
}

export interface AnswerInput extends Answer {
  /** What was wrong with the latest commands: prose. */
  problems: readonly string[]
  catalogue: readonly RuleInfo[]
  docsUrl: string
}

const KIND = 'otp-review-answer'
const VERSION = 1
const MOST_EXPLAINED = 3
// GitHub takes 65,536 characters.
const LONGEST_BODY = 60_000
const LONGEST_REASON = 300

/** What our comment remembers; nothing where there is none, or where it makes no sense. */
export function readAnswer(body: string | null): Answer {
  const read = body === null ? null : readHidden(KIND, body)
  const acceptances = Array.isArray(read?.['accepted']) ? read['accepted'].flatMap(readAcceptance) : []
  const explained = Array.isArray(read?.['explained'])
    ? read['explained'].filter((each) => typeof each === 'string')
    : []
  return { acceptances, explained }
}

/** The acceptances that still count: the comments that say so are there, and still say so. */
export function acceptancesIn(conversations: readonly Conversation[]): Acceptance[] {
  return conversations.flatMap(({ answer, asked }) =>
    readAnswer(answer?.body ?? null).acceptances.filter(({ comment, rule }) =>
      asked.some((each) => each.nodeId === comment && accepts(each.body, rule)),
    ),
  )
}

/** The whole comment. */
export function answerBody({ acceptances, explained, problems, catalogue, docsUrl }: AnswerInput): string {
  const latest = explained.slice(-MOST_EXPLAINED)
  const explanations = latest.flatMap((id) => {
    const info = catalogue.find((each) => each.id === id)
    return info === undefined ? [] : [explanation(info, docsUrl)]
  })
  const parts = [
    acceptedTable(acceptances, docsUrl),
    ...explanations,
    problems.map((problem) => `- ${problem}`).join('\n'),
  ].filter((part) => part !== '')
  const text = parts.length > 0 ? parts.join('\n\n') : 'Nothing is accepted in this pull request any more.'
  return `${text}\n\n${writeHidden(KIND, { v: VERSION, accepted: acceptances, explained: latest })}`
}

/** Whether GitHub takes the comment: an acceptance has to fit with all its fingerprints, or it would cover too little. */
export function canSay(input: AnswerInput): boolean {
  return byteLength(answerBody(input)) <= LONGEST_BODY
}

function acceptedTable(acceptances: readonly Acceptance[], docsUrl: string): string {
  if (acceptances.length === 0) return ''
  const rows = acceptances.map(({ rule, fingerprints, by, reason }) => {
    const cells = [ruleLink(rule, docsUrl), count(fingerprints.length, 'finding'), inlineCode(by), prose(reason)]
    return `| ${cells.map(cell).join(' | ')} |`
  })
  return [
    'Accepted in this pull request:',
    ['| Rule | What | By | Reason |', '|---|---|---|---|', ...rows].join('\n'),
    'They pass the check and stay listed in it. Deleting the comment that accepted them withdraws that; a new finding of the rule needs a new comment.',
  ].join('\n\n')
}

function explanation({ id, title, why, instead, principles }: RuleInfo, docsUrl: string): string {
  const [principle] = principles
  const sources = principle.sources.map((source) => link(prose(source.title), source.url)).join(' · ')
  return [
    `**${prose(title)}** · ${ruleLink(id, docsUrl)}`,
    `${prose(why)} ${prose(instead)}`,
    `${prose(principle.title)}: ${sources}`,
  ].join('\n\n')
}

function readAcceptance(entry: unknown): Acceptance[] {
  if (typeof entry !== 'object' || entry === null) return []
  const { comment, rule, by, reason, fingerprints } = entry as Record<string, unknown>
  if (typeof comment !== 'string' || typeof rule !== 'string' || !Array.isArray(fingerprints)) return []
  return [
    {
      comment,
      rule,
      by: String(by),
      reason: cut(String(reason), LONGEST_REASON),
      fingerprints: fingerprints.filter((each) => typeof each === 'string'),
    },
  ]
}
