// Every sentence that we say in a pull request. Knows how a finding reads, and not where or whether it is said.
import { SEVERITIES } from '#engine'
import type { Finding, RuleInfo, Severity, Suppression } from '#engine'
import type { ConfigProblem } from './config.ts'
import { codeBlock, cut, hasUnseen, inlineCode, link, oneLine, prose, suggestionBlock } from './escape.ts'
import { markerOf, writeMarker } from './marker.ts'
import type { Conclusion, PlannedAnnotation, PlannedRun } from './plan.ts'
import type { Marker, Said } from './snapshot.ts'

const MOST_SENTENCES = 3
const MOST_RELATED = 3
// Escaping can make text eight times as long, and GitHub takes 65,536 characters.
const LONGEST_MESSAGE = 1_000
const LONGEST_CODE = 5_000
const SAID_BEFORE = '<details><summary>What it was</summary>'

const LOST: Readonly<Record<string, string>> = {
  'merge_queues:read': 'A merge queue that requires this check would wait for ever',
  'issues:read': 'Commands below a pull request are not heard',
}

const LIST = new Intl.ListFormat('en')

const LEVELS: Record<Severity, PlannedAnnotation['level']> = { error: 'failure', warning: 'warning', info: 'notice' }

/** What a comment needs to know. `issuesUrl` is the page on which an issue is opened, `docsUrl` the folder of the rule pages. */
export interface CommentInput {
  finding: Finding
  info: RuleInfo
  /** The text that GitHub may offer to commit on the comment's lines; null where that is not safe. */
  suggestion: string | null
  /** Where the finding itself stands, when the comment can't stand there. */
  seeLine?: number
  docsUrl: string
  issuesUrl: string
  engineVersion: string
  sha: string
}

/** A whole review comment: what this code does, what to write instead, the principle, the ways out, our marker. */
export function commentBody(input: CommentInput): string {
  const { finding, info, suggestion, sha } = input
  const offered = suggestion !== null && !hasUnseen(suggestion) && suggestion.length <= LONGEST_CODE ? suggestion : null
  const code = offered === null ? (suggestion ?? finding.edit?.text ?? null) : null
  return body(
    [
      whatAndInstead(input, offered === null),
      related(finding),
      offered !== null && suggestionBlock(offered),
      code !== null && codeBlock(cut(code, LONGEST_CODE), 'elixir'),
      principleLine(input),
      `<sub>To keep this code, write ${inlineCode(`# otp-review:ignore ${info.id} -- reason`)} above the line. ${link('Is this wrong?', reportUrl(input))}</sub>`,
    ],
    markerOf(finding, sha),
  )
}

/** The reply in the old thread of a finding that was fixed once and is there again. */
export function returnedBody(input: CommentInput): string {
  const { finding, sha } = input
  const back = `This is back as of ${shortSha(sha)}, on line ${finding.range.startLine}.`
  return body([`${back} ${whatAndInstead(input, true, 1)}`, principleLine(input)], markerOf(finding, sha))
}

/** The new text of a comment whose finding is gone: the old one stays readable, with nothing in it to do. */
export function fixedBody(said: Said, sha: string): string {
  return body([`Fixed in ${shortSha(sha)}.`, saidBefore(said)], { ...said.marker, sha, state: 'fixed' })
}

/** The same for a finding that is not reported any more; `reason` is prose that follows "because". */
export function withdrawnBody(said: Said, sha: string, reason: string): string {
  const why = `Not reported any more as of ${shortSha(sha)}, because ${prose(cut(reason, LONGEST_MESSAGE).replace(/[.\s]+$/, ''))}.`
  return body([why, saidBefore(said)], { ...said.marker, sha, state: 'withdrawn' })
}

/** Comments in one review by severity, and how many findings stand only in the check run. */
export type ReviewCounts = Record<Severity, number> & { elsewhere: number }

/** The text above the comments of one review. Without the permission for a check run there is no other place to say so. */
export function reviewBody({ elsewhere, ...found }: ReviewCounts, lacking: readonly string[] = []): string {
  if (lacking.includes('checks:write')) {
    return `This pull request introduces ${inWords(found)} in its OTP design. There is no check run: ${permissionSentence('checks:write')}`
  }
  const more =
    elsewhere === 0
      ? ''
      : ` ${count(elsewhere, 'more finding')} ${elsewhere === 1 ? 'stands' : 'stand'} in the check run.`
  return `This pull request introduces ${inWords(found)} in its OTP design.${more}`
}

/** What GitHub shows beside the line in the check run; plain text. */
export function annotationOf(finding: Finding, info: RuleInfo): PlannedAnnotation {
  const { path, range, severity, message } = finding
  const instead = sentences(info.instead).join(' ')
  return {
    path,
    startLine: range.startLine,
    endLine: range.endLine,
    level: LEVELS[severity],
    title: cut(oneLine(`${info.title} (${info.id})`), 255),
    message: [cut(message, LONGEST_MESSAGE), instead, `${info.principles[0].title}.`].map(oneLine).join('\n\n'),
  }
}

/** A problem of the configuration, on its own line. */
export function configAnnotation({ path, line, message }: ConfigProblem): PlannedAnnotation {
  const text = oneLine(message)
  return { path, startLine: line, endLine: line, level: 'warning', title: 'Configuration of otp-review', message: text }
}

/** An ignore comment that is wrong itself. */
export function suppressionAnnotation(path: string, suppression: Suppression): PlannedAnnotation {
  const { line } = suppression
  const message = oneLine(suppressionProblem(suppression))
  return { path, startLine: line, endLine: line, level: 'warning', title: 'Ignore comment of otp-review', message }
}

/** What is wrong with an ignore comment, and what to do; prose. */
export function suppressionProblem({ problem, rule }: Suppression): string {
  const name = inlineCode(cut(rule ?? '', 80))
  if (problem === 'suppression-unused')
    return `This comment silences nothing: ${name} finds nothing here. Delete the comment.`
  if (problem === 'suppression-without-reason') {
    return `Without a reason this comment silences nothing. Write ${inlineCode(`# otp-review:ignore ${cut(rule ?? 'RULE', 80)} -- reason`)}.`
  }
  if (rule === null) return 'This comment names no rule. Write `# otp-review:ignore RULE -- reason`.'
  return `${name} is not a rule of this version. Correct the name, or delete the comment.`
}

/** The check run of a review that we could not finish; `reference` is in our log. */
export function brokenRun(reference: string, onError: 'neutral' | 'block'): PlannedRun {
  const passes =
    onError === 'block'
      ? 'The configuration says `on_error: block`, so the check fails.'
      : 'It does not block the merge.'
  return {
    conclusion: onError === 'block' ? 'failure' : 'neutral',
    title: 'otp-review could not finish',
    summary: `Something went wrong on our side, so this commit was not reviewed. ${passes} Press "Check again"; if that fails too, report it with the reference ${inlineCode(reference)}.`,
    text: null,
    annotations: [],
  }
}

/** The check run of a commit that is no longer the one to review. */
export function supersededRun(head: string): PlannedRun {
  return {
    conclusion: 'neutral',
    title: 'Superseded',
    summary: `The pull request has moved on; the review is on ${shortSha(head)}.`,
    text: null,
    annotations: [],
  }
}

/** The check run of a commit that we were not allowed to read. */
export function unpermittedRun(permission: string): PlannedRun {
  return {
    conclusion: 'neutral',
    title: 'A permission is missing',
    summary: `This commit was not reviewed: ${permissionSentence(permission)}`,
    text: null,
    annotations: [],
  }
}

/** The run of a review whose comments GitHub did not take for want of a permission; null: none was missing. */
export function withMissingPermission(run: PlannedRun, permission: string | null): PlannedRun {
  if (permission === null) return run
  return { ...run, summary: `${run.summary}\n\nNo comments were posted: ${permissionSentence(permission)}` }
}

/** What does not work for want of a permission that no review needs; one sentence each. */
export function lackingSentences(lacking: readonly string[]): string[] {
  return lacking.flatMap((permission) => {
    const lost = LOST[permission]
    return lost === undefined ? [] : [`${lost}: ${permissionSentence(permission)}`]
  })
}

function permissionSentence(permission: string): string {
  return `the app lacks the permission ${inlineCode(permission)} here. An owner of this account can accept it in the settings of the installation.`
}

/** Why a command about a rule can do nothing; `meant` is the name that is nearest. Prose. */
export function unknownRule(rule: string, meant: string | null): string {
  const advice = meant === null ? 'The rule pages list them all.' : `Did you mean ${inlineCode(meant)}?`
  return `${inlineCode(rule)} is not a rule of this version. ${advice}`
}

/** Why nothing was accepted: there is nothing to accept. */
export function nothingToAccept(rule: string): string {
  return `No finding of ${inlineCode(rule)} stands here, so there is nothing to accept.`
}

/** Why nothing was accepted: the findings are younger than the comment. */
export function acceptedTooLate(rule: string): string {
  return `The commits here are newer than the comment that accepts ${inlineCode(rule)}. Look at the check run, and write it again.`
}

/** Why nothing was accepted: a comment is too short to remember it all. */
export function acceptedTooMuch(rule: string): string {
  return `There are more findings of ${inlineCode(rule)} than can be accepted in comments. Switch the rule off for these paths in ${inlineCode('.github/otp-review.yml')} on the base branch instead.`
}

/** Heads the summary where another pull request with the same commit decides. */
export function sharedHeadSentence(number: number, conclusion: Conclusion): string {
  return `Pull request #${number} has the same commit, and its result counts for both: ${conclusion}.`
}

/** Added to the summary of a run when GitHub refused comments. */
export function refusedSentence(refused: number): string {
  return `GitHub refused ${count(refused, 'comment')}: ${refused === 1 ? 'the finding is' : 'the findings are'} annotated here instead.`
}

/** `1 error, 2 warnings`; empty where there are none. */
export function countFindings(found: Record<Severity, number>): string {
  return counted(found).join(', ')
}

/** The same in a sentence: `1 error and 2 warnings`. */
export function inWords(found: Record<Severity, number>): string {
  return LIST.format(counted(found))
}

/** `1 file`, `2 files`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? noun : plural}`
}

/** A rule's name as a link to its page. */
export function ruleLink(id: string, docsUrl: string): string {
  return link(inlineCode(id), `${docsUrl}/${id}.md`)
}

function counted(found: Record<Severity, number>): string[] {
  return SEVERITIES.filter((severity) => found[severity] > 0).map((severity) => count(found[severity], severity))
}

function body(parts: readonly (string | false)[], marker: Marker): string {
  return [...parts.filter((part) => part !== false && part !== ''), writeMarker(marker)].join('\n\n')
}

/** At most three sentences: the finding's own first, then the rule's advice where no suggestion gives it. */
function whatAndInstead({ finding, info, seeLine }: CommentInput, withInstead: boolean, spent = 0): string {
  const what = cut(finding.message, LONGEST_MESSAGE)
  const instead = withInstead ? [adviceFor(what, info, spent)] : []
  const see = seeLine === undefined ? [] : [`(See line ${seeLine}.)`]
  return prose([...sentences(what), ...see, ...instead.filter((advice) => advice !== '')].join(' '))
}

/**
 * What to write instead in general, as far as the finding's own message leaves room for it; '' where it leaves none, and
 * where the message says in the code's own names what this says of `MyApp`.
 */
export function adviceFor(message: string, { instead }: RuleInfo, spent = 0): string {
  const [, example] = /(`[^`]+)MyApp/.exec(instead) ?? []
  if (example !== undefined && message.includes(example)) return ''
  return sentences(instead)
    .slice(0, Math.max(0, MOST_SENTENCES - spent - sentences(message).length))
    .join(' ')
}

function related({ related }: Finding): string {
  return related
    .slice(0, MOST_RELATED)
    .map(({ range, message }) => `- Line ${range.startLine}: ${prose(cut(message, 200))}`)
    .join('\n')
}

function principleLine({ info, docsUrl }: CommentInput): string {
  return `**${prose(info.principles[0].title)}** · ${ruleLink(info.id, docsUrl)}`
}

/** Opens an issue about the rule. It says nothing of the code: the repository may be private. */
function reportUrl({ info, issuesUrl, engineVersion }: CommentInput): string {
  const url = new URL(issuesUrl)
  url.searchParams.set('title', `${info.id}: wrong finding`)
  url.searchParams.set(
    'body',
    `Rule: ${info.id}\nVersion: ${engineVersion}\n\nWhat the code does, and why the finding is wrong (the smallest example that shows it):\n`,
  )
  return url.href
}

function saidBefore({ body: before }: Said): string {
  const text = before
    .replaceAll('\r\n', '\n')
    .replace(/\n*<!-- otp-review .*-->\s*$/, '')
    .replace(/^<sub>.*<\/sub>$/gm, '')
    // A suggestion could still be committed.
    .replace(/^(`{3,})suggestion$/gm, '$1elixir')
  const start = text.indexOf(SAID_BEFORE)
  const first = start === -1 ? text : text.slice(start + SAID_BEFORE.length).replace(/<\/details>\s*$/, '')
  return `${SAID_BEFORE}\n\n${first.trim()}\n\n</details>`
}

/** Short enough to read; GitHub makes a link of it. */
function shortSha(sha: string): string {
  return /^[0-9a-f]{8,64}$/.test(sha) ? sha.slice(0, 8) : inlineCode(sha)
}

/** Sentences end outside of code spans. */
function sentences(text: string): string[] {
  return text
    .replace(/\s+/g, ' ')
    .trim()
    .split(/(?<=[.!?]) (?=(?:[^`]*`[^`]*`)*[^`]*$)/)
}
