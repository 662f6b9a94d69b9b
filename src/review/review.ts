// From what was read and found to what is said and concluded. Pure: no clock, no network, no file.
import type { FileReport, Finding, RuleInfo, Suppression } from '#engine'
import { followPaths, traceChanges } from './bases.ts'
import type { Change } from './bases.ts'
import { conclude, isStanding } from './conclude.ts'
import { isIgnored, newRules, selectionFor, severityOf } from './config.ts'
import type { ResolvedConfig } from './config.ts'
import { inlineCode } from './escape.ts'
import { judge } from './introduced.ts'
import type { Verdict } from './introduced.ts'
import { isLegacy, matchSaid, readThreads } from './match.ts'
import type { Thread } from './match.ts'
import { byWeight, IN_SUMMARY, place, selectForComments } from './place.ts'
import type {
  Introduced,
  PlannedAnnotation,
  PlannedComment,
  PlannedEdit,
  PlannedReply,
  PlannedRun,
  Placement,
  PublicPlan,
  ReviewPlan,
} from './plan.ts'
import type { Preview } from './preview.ts'
import type { ChangedFile, Said, Snapshot } from './snapshot.ts'
import {
  annotationOf,
  commentBody,
  configAnnotation,
  fixedBody,
  refusedSentence,
  returnedBody,
  reviewBody,
  suppressionAnnotation,
  withdrawnBody,
} from './speech.ts'
import type { CommentInput, ReviewCounts } from './speech.ts'
import { summarise } from './summary.ts'

/** Each costs GitHub and the reader; 50 go into one request. */
const MOST_ANNOTATIONS = 300

/** Findings of a rule that someone with the right to do so took on, with a reason. */
interface Accepted {
  rule: string
  /** Those that stood when it was written: a new one needs a new accept. */
  fingerprints: readonly string[]
  by: string
  reason: string
}

export interface ReviewInput {
  /** From `withBases`, unless there are no findings. */
  snapshot: Snapshot
  head: readonly FileReport[]
  /** Of the base texts that `baseFiles` names, under their paths in the base. */
  base: readonly FileReport[]
  configuration: ResolvedConfig
  catalogue: readonly RuleInfo[]
  accepted: readonly Accepted[]
  /** What the configuration of this change would do; null or absent where the change has none. */
  preview?: Preview | null
  engineVersion: string
  /** The folder of the rule pages. */
  docsUrl: string
  /** The page on which an issue is opened. */
  issuesUrl: string
}

/** An introduced finding with all that decides what becomes of it. */
interface Case extends Introduced {
  suggestion: string | null
  thread: Thread | null
}

/** What to say, where, and what the check run concludes. The same input gives the same plan. */
export function review(input: ReviewInput): ReviewPlan {
  const { snapshot, configuration } = input
  const reports = input.head.map((report) => withSeverities(report, input))
  const changeOf = traceChanges(snapshot.files)
  const verdicts = judge(reports, input.base, snapshot.files, changeOf)
  const isNew = (finding: Finding) => verdicts.get(finding) === 'introduced'
  const findings = [...verdicts.keys()]
  const threads = readThreads(snapshot.said)
  const threadOf = matchSaid(findings, threads, snapshot.files, isNew)

  const speaks = mayComment(snapshot, configuration)
  const acceptances = matchAccepted(findings.filter(isNew), threadOf, input.accepted)
  const cases = placeAll(findings.filter(isNew), { acceptances, input, changeOf, threadOf, speaks })
  const commented = cases.filter(isCommented)
  const suppressionProblems = wrongSuppressions(reports, changeOf)

  const annotated = cases.filter(isAnnotated)
  const isChanged = ({ status }: ChangedFile) => status !== 'unchanged'
  const changed = new Set(snapshot.files.filter(isChanged).map(({ path }) => path))
  const outcome = {
    ...input,
    snapshot: { ...snapshot, files: snapshot.files.filter(isChanged) },
    preview: input.preview ?? null,
    reports: reports.filter(({ path }) => changed.has(path)),
    introduced: cases.map(toIntroduced),
    suppressionProblems,
    notAnnotated: Math.max(0, annotated.length - MOST_ANNOTATIONS),
  }
  const conclusion = conclude({ ...outcome, suppressionProblems: suppressionProblems.length })
  return {
    head: snapshot.head,
    body: commented.length === 0 ? '' : reviewBody(countFound(cases), snapshot.lacking),
    comments: commented.map((each) => toComment(each, input)),
    replies: speaks ? cases.filter(hasReturned).map((each) => toReply(each, input)) : [],
    edits: speaks ? closeThreads(threads, { acceptances, input, reports, verdicts, threadOf }) : [],
    run: {
      conclusion,
      ...summarise({ ...outcome, conclusion }),
      annotations: [
        ...annotated.slice(0, MOST_ANNOTATIONS).map(({ finding }) => toAnnotation(finding, input)),
        ...suppressionProblems
          .slice(0, MOST_ANNOTATIONS)
          .map(({ path, suppression }) => suppressionAnnotation(path, suppression)),
        ...configProblems(input).map(configAnnotation),
      ],
    },
    introduced: outcome.introduced,
  }
}

/** What is wrong on lines that this commit has: not in the organisation's own file, and in the file as this change leaves it. */
function configProblems({ configuration, preview }: ReviewInput): ResolvedConfig['problems'] {
  return preview?.problems ?? configuration.problems.filter(({ origin }) => origin === 'repository')
}

/** The check run of a plan some of whose comments GitHub refused: their findings stand there instead. */
export function withUnplaced({ comments, run }: PublicPlan, refusedFingerprints: readonly string[]): PlannedRun {
  const refused = comments.filter(({ fingerprint }) => refusedFingerprints.includes(fingerprint))
  if (refused.length === 0) return run
  return {
    ...run,
    summary: `${run.summary}\n\n${refusedSentence(refused.length)}`,
    annotations: [...refused.map(({ annotation }) => annotation), ...run.annotations],
  }
}

function withSeverities(report: FileReport, { configuration, catalogue, engineVersion }: ReviewInput): FileReport {
  const recent = newRules(catalogue, engineVersion)
  const findings = report.findings.map((finding) => ({
    ...finding,
    severity: severityOf(configuration, finding, recent),
  }))
  return { ...report, findings }
}

/** Whether this pull request gets comments at all, and not just a check run. */
function mayComment({ subject }: Snapshot, { config }: ResolvedConfig): boolean {
  if (subject.kind !== 'pull' || subject.state !== 'open' || !subject.comments) return false
  if (subject.draft && !config.drafts) return false
  return config.mode === 'enforce' && config.comments.max > 0
}

interface Matched {
  acceptances: ReadonlyMap<Finding, NonNullable<Introduced['accepted']>>
  input: ReviewInput
  changeOf: (path: string) => Change | null
  threadOf: ReadonlyMap<Finding, Thread>
  speaks: boolean
}

/** Every introduced finding, weightiest first, with its place: the line of a comment old or new, else the summary. */
function placeAll(introduced: readonly Finding[], matched: Matched): Case[] {
  const { acceptances, input, changeOf, threadOf, speaks } = matched
  const cases = introduced.toSorted(byWeight).map((finding): Case => {
    const thread = threadOf.get(finding) ?? null
    const change = changeOf(finding.path)
    return {
      finding,
      thread,
      said: thread !== null,
      accepted: acceptances.get(finding) ?? null,
      ...(thread === null && change !== null
        ? place(finding, change)
        : { ...IN_SUMMARY, placement: placeOf(thread, speaks) }),
    }
  })

  const standing = cases.filter(({ thread }) => thread?.last.marker.state === 'open').map(({ finding }) => finding)
  const candidates = cases.filter((each) => isStanding(each) && isCommented(each) && each.finding.severity !== 'info')
  const most = speaks ? input.configuration.config.comments.max : 0
  const chosen = selectForComments(
    candidates.map(({ finding }) => finding),
    standing,
    most,
  )
  return cases.map((each) => (each.said || chosen.has(each.finding) ? each : { ...each, ...IN_SUMMARY }))
}

/** Where the thread of a finding is to be seen. GitHub folds up those whose line is gone; a closed one opens by our reply. */
function placeOf(thread: Thread | null, speaks: boolean): Placement {
  if (thread === null || thread.last.line === null) return { at: 'summary' }
  // What is said there now is said where nobody looks, or not at all.
  const isHidden = thread.answered || thread.resolved || !speaks
  if (thread.last.marker.state !== 'open' && isHidden) return { at: 'summary' }
  return { at: 'line', startLine: thread.last.line, endLine: thread.last.line }
}

/**
 * Who took on which finding. Each acceptance covers as many findings as stood then: equal ones, and one that was edited
 * since and is known by the comment in which it was said.
 */
function matchAccepted(
  introduced: readonly Finding[],
  threadOf: ReadonlyMap<Finding, Thread>,
  accepted: readonly Accepted[],
): Matched['acceptances'] {
  const left = accepted.map((each) => ({ ...each, fingerprints: [...each.fingerprints] }))
  const found = new Map<Finding, NonNullable<Introduced['accepted']>>()
  const take = (finding: Finding, fingerprint: string | undefined) => {
    if (fingerprint === undefined || finding.suppressed !== null || found.has(finding)) return
    const by = left.find(({ rule, fingerprints }) => rule === finding.rule && fingerprints.includes(fingerprint))
    if (by === undefined) return
    by.fingerprints.splice(by.fingerprints.indexOf(fingerprint), 1)
    found.set(finding, { by: by.by, reason: by.reason })
  }
  for (const finding of introduced) take(finding, finding.fingerprint)
  for (const finding of introduced) take(finding, threadOf.get(finding)?.last.marker.fingerprint)
  return found
}

/** Whether it is said now, for the first time. */
function isCommented({ said, placement }: Case): boolean {
  return !said && placement.at === 'line'
}

/** Whether it was said and fixed, and is there again. Where people answered, our part is over. */
function hasReturned(each: Case): each is Case & { thread: Thread } {
  return isStanding(each) && each.thread !== null && each.thread.last.marker.state !== 'open' && !each.thread.answered
}

/** Whether nothing in the diff shows it. */
function isAnnotated(each: Case): boolean {
  return isStanding(each) && each.placement.at === 'summary'
}

function toIntroduced({ finding, placement, said, accepted }: Case): Introduced {
  return { finding, placement, said, accepted }
}

function toComment(each: Case, input: ReviewInput): PlannedComment {
  const { finding, placement } = each
  if (placement.at !== 'line') throw new Error('a finding without a line can not be commented on')
  const { startLine, endLine } = placement
  return {
    path: finding.path,
    startLine: startLine === endLine ? null : startLine,
    line: endLine,
    body: commentBody(toCommentInput(each, input)),
    fingerprint: finding.fingerprint,
    annotation: toAnnotation(finding, input),
  }
}

function toReply(each: Case & { thread: Thread }, input: ReviewInput): PlannedReply {
  return {
    commentId: each.thread.first.id,
    body: returnedBody(toCommentInput(each, input)),
    fingerprint: each.finding.fingerprint,
  }
}

function toCommentInput({ finding, placement, suggestion, said }: Case, input: ReviewInput): CommentInput {
  const { docsUrl, issuesUrl, engineVersion, snapshot } = input
  const { startLine } = finding.range
  const isThere = placement.at === 'line' && placement.startLine <= startLine && startLine <= placement.endLine
  return {
    finding,
    info: infoOf(finding, input),
    suggestion,
    ...(!isThere && !said && { seeLine: startLine }),
    docsUrl,
    issuesUrl,
    engineVersion,
    sha: snapshot.head,
  }
}

function toAnnotation(finding: Finding, input: ReviewInput): PlannedAnnotation {
  return annotationOf(finding, infoOf(finding, input))
}

function infoOf({ rule }: Finding, { catalogue }: ReviewInput): RuleInfo {
  const info = catalogue.find(({ id }) => id === rule)
  if (info === undefined) throw new Error(`the catalogue has no rule ${rule}`)
  return info
}

/** Comments of this review by severity; `elsewhere` are those that nobody sees in the diff. */
function countFound(cases: readonly Case[]): ReviewCounts {
  const counts = { error: 0, warning: 0, info: 0, elsewhere: cases.filter(isAnnotated).length }
  for (const { finding } of cases.filter(isCommented)) counts[finding.severity] += 1
  return counts
}

/** Ignore comments that are wrong themselves, where this change wrote them. */
function wrongSuppressions(
  reports: readonly FileReport[],
  changeOf: (path: string) => Change | null,
): { path: string; suppression: Suppression }[] {
  return reports.flatMap(({ path, suppressions }) =>
    suppressions
      .filter(({ problem, line }) => problem !== null && changeOf(path)?.diff.added.has(line))
      .map((suppression) => ({ path, suppression })),
  )
}

interface Now {
  acceptances: Matched['acceptances']
  input: ReviewInput
  reports: readonly FileReport[]
  verdicts: ReadonlyMap<Finding, Verdict>
  threadOf: ReadonlyMap<Finding, Thread>
}

/** New words for the open threads whose finding is gone, or not ours to report any more. Answered ones stay. */
function closeThreads(threads: readonly Thread[], now: Now): PlannedEdit[] {
  const { head } = now.input.snapshot
  const findingOf = new Map([...now.threadOf].map(([finding, thread]) => [thread, finding]))
  const follow = followPaths(now.input.snapshot.files)

  return threads.flatMap((thread) => {
    const { last, answered } = thread
    if (answered || last.marker.state !== 'open') return []
    const finding = findingOf.get(thread)
    const ending =
      finding === undefined ? endingOf(last, follow(last.path), now) : endingOfStanding(finding, thread, now)
    if (ending === null) return []
    const body = ending === 'fixed' ? fixedBody(last, head) : withdrawnBody(last, head, ending.because)
    const minimize = ending === 'fixed' ? 'RESOLVED' : 'OUTDATED'
    const { nodeId, threadId, minimized } = last
    return [{ nodeId, threadId, body, minimize: minimized ? null : minimize }]
  })
}

type Ending = 'fixed' | { because: string } | null

/** A finding that is still in the code, and yet no longer reported. */
function endingOfStanding(finding: Finding, thread: Thread, { acceptances, verdicts }: Now): Ending {
  if (finding.suppressed !== null) return { because: `it is ignored in the code: ${finding.suppressed.reason}` }
  const accepted = acceptances.get(finding)
  if (accepted !== undefined) return { because: `${inlineCode(accepted.by)} accepted it: ${accepted.reason}` }
  if (verdicts.get(finding) !== 'known' || isLegacy(thread)) return null
  return { because: 'the base branch has it too' }
}

/** A finding that was not found: fixed only where we looked for it. */
function endingOf({ path: said, marker: { rule } }: Said, file: ChangedFile | null, { input, reports }: Now): Ending {
  const { snapshot, configuration, catalogue } = input
  const path = file?.path ?? said
  if (snapshot.notRead.some((each) => each.path === path)) return null
  if (file === null) return snapshot.listCutAt === undefined ? 'fixed' : null
  if (file.status === 'removed') return 'fixed'

  if (isIgnored(configuration, path)) return { because: 'the configuration leaves this file out' }
  const runs = selectionFor(configuration, path, catalogue)[rule] !== undefined
  if (!runs) return { because: 'this rule does not run here' }

  const report = reports.find((each) => each.path === path)
  const wasLookedFor = report?.outcome === 'read' && report.failedRules.every((failed) => failed.rule !== rule)
  return wasLookedFor ? 'fixed' : null
}
