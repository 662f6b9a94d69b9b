// The check run of a review: begun before the work, concluded whatever happens. Texts and conclusion come from the plan.
import { createHash } from 'node:crypto'
import type { PlannedAnnotation, PlannedRun } from '../review/plan.ts'
import type { Snapshot } from '../review/snapshot.ts'
import type { Client } from './client.ts'
import { GitHubUnavailableError } from './errors.ts'
import { withinLimit } from './limits.ts'

/** A check run that is in progress; `concludeRun` ends it. */
export interface Run {
  id: number
  repository: { owner: string; name: string }
  /** It may carry annotations of an earlier attempt. */
  resumed: boolean
  /** What it is to note about itself from now on; where absent it keeps its note. */
  note?: string
}

/** What a run is begun with; a context and a snapshot are both that. */
export interface RunSubject {
  subject: { kind: 'pull' | 'local' } | { kind: 'group'; headRef: string; pulls: readonly number[] }
  repository: { owner: string; name: string }
  head: string
  base: { ref: string }
  config: Snapshot['config']
  pullsOnHead: readonly { number: number; baseRef: string }[]
  /** null where they are not known: then they are asked for. */
  runs: Snapshot['runs'] | null
}

export interface RunOptions {
  name: string
  /** What was accepted when the run began: another set can have another result. */
  accepted?: readonly string[]
  /** Where the run's link leads: the review, or a page of ours. */
  detailsUrl?: string
}

/** What a run of ours notes about itself: GitHub links no runs to pull requests from forks. */
export interface RunNote {
  /** Those whose head it is on; the first is the one that it was made for. */
  pulls: { number: number; base: string }[]
  /** The queue's branch, where it is on a merge group. */
  group?: string
  /** Digests of the configuration and of what was accepted. */
  config: string
  accepted: string
}

/** The button under every concluded run; its identifier comes back in `check_run.requested_action`. */
const CHECK_AGAIN = {
  identifier: 'check-again',
  label: 'Check again',
  description: 'Reads the pull request anew.',
} as const

/** GitHub does not say how long a note may be. */
const MOST_NOTED = 5
const BATCH = 50
const PAGE = 100
const TITLE = 255
const ANNOTATION_BYTES = 64_000

/** The unfinished run of this name on this head, or a new one. A finished run never goes back: GitHub would not show it. */
export async function beginRun(client: Client, subject: RunSubject, options: RunOptions): Promise<Run> {
  const repository = { owner: subject.repository.owner, name: subject.repository.name }
  const runs = subject.runs ?? (await listUnfinished(client, subject.head, repository, options.name))
  const [unfinished, ...others] = runs.filter(
    (run) => run.name === options.name && run.status !== 'completed' && mayTakeUp(subject, run.externalId),
  )
  if (!unfinished) return createRun(client, subject, repository, options)

  // A lost answer can have left two; neither may stay pending.
  for (const run of others) await closeRun(client, repository, run.id)
  return resume(unfinished.id, subject, repository, options)
}

/** Whether the newest run that was made for this very subject is concluded: same head, base, configuration and acceptances. */
export function hasResult(subject: RunSubject, { name, accepted }: RunOptions): boolean {
  const now = noteOf(subject, accepted)
  const newest = subject.runs?.find(
    (run) => run.name === name && readNote(run.externalId)?.pulls[0]?.number === now.pulls[0]?.number,
  )
  if (newest?.status !== 'completed') return false
  const then = readNote(newest.externalId)
  return then?.pulls[0]?.base === now.pulls[0]?.base && then?.config === now.config && then?.accepted === now.accepted
}

/** The note of a run; null where it is not ours, or of a release that wrote it differently. */
export function readNote(externalId: string | null | undefined): RunNote | null {
  try {
    const { pulls, group, config, accepted } = JSON.parse(externalId ?? '') as Record<string, unknown>
    if (!Array.isArray(pulls)) return null
    return {
      pulls: pulls.filter((pull): pull is RunNote['pulls'][number] => typeof pull?.number === 'number'),
      ...(typeof group === 'string' && { group }),
      config: String(config),
      accepted: typeof accepted === 'string' ? accepted : digest([]),
    }
  } catch {
    return null
  }
}

/** Sends the annotations, 50 at a time, and with the last of them the conclusion. Can be repeated after a crash. */
export async function concludeRun(client: Client, run: Run, plan: PlannedRun): Promise<void> {
  let annotations = run.resumed ? await notYetSent(client, run, plan.annotations) : plan.annotations
  let attempts = 0
  for (;;) {
    const batch = annotations.slice(0, BATCH)
    const last = annotations.length <= BATCH
    try {
      await updateRun(client, run, plan, batch, last)
      if (last) return
      annotations = annotations.slice(BATCH)
      attempts = 0
    } catch (error) {
      if (!(error instanceof GitHubUnavailableError) || ++attempts > 1) throw error
      // GitHub appends whatever arrives, so the run itself says whether this batch did.
      await client.wait(2)
      annotations = await notYetSent(client, run, plan.annotations)
    }
  }
}

async function createRun(
  client: Client,
  subject: RunSubject,
  repository: Run['repository'],
  options: RunOptions,
): Promise<Run> {
  const { name, accepted, detailsUrl } = options
  const create = async () => {
    const { data } = await client.rest.rest.checks.create({
      owner: repository.owner,
      repo: repository.name,
      name,
      head_sha: subject.head,
      status: 'in_progress',
      external_id: JSON.stringify(noteOf(subject, accepted)),
      ...(detailsUrl !== undefined && { details_url: detailsUrl }),
    })
    return { id: data.id, repository, resumed: false }
  }
  try {
    return await create()
  } catch (error) {
    if (!(error instanceof GitHubUnavailableError)) throw error
    await client.wait(2)
    const unfinished = await listUnfinished(client, subject.head, repository, name)
    const found = unfinished.find(({ externalId }) => mayTakeUp(subject, externalId))
    return found === undefined ? create() : resume(found.id, subject, repository, options)
  }
}

/** The base, the configuration or what is accepted can have changed since the run was begun. */
function resume(id: number, subject: RunSubject, repository: Run['repository'], { accepted }: RunOptions): Run {
  const isKnown = subject.subject.kind !== 'local'
  return { id, repository, resumed: true, ...(isKnown && { note: JSON.stringify(noteOf(subject, accepted)) }) }
}

/** Not the run that is under way for another pull request with the same commit. */
function mayTakeUp(subject: RunSubject, externalId: string | undefined): boolean {
  const note = readNote(externalId)
  if (note === null || subject.subject.kind === 'local') return true
  const now = noteOf(subject)
  return note.group === now.group && note.pulls[0]?.number === now.pulls[0]?.number
}

async function listUnfinished(
  client: Client,
  head: string,
  { owner, name: repo }: Run['repository'],
  name: string,
): Promise<{ id: number; name: string; status: string; externalId: string }[]> {
  const { data } = await client.rest.rest.checks.listForRef({
    owner,
    repo,
    ref: head,
    check_name: name,
    app_id: client.appId,
    filter: 'all',
    status: 'in_progress',
    per_page: PAGE,
  })
  return data.check_runs.map(({ id, external_id }) => ({
    id,
    name,
    status: 'in_progress',
    externalId: external_id ?? '',
  }))
}

/** Neutral, since a cancelled run would block the merge. */
async function closeRun(client: Client, { owner, name }: Run['repository'], id: number): Promise<void> {
  await client.rest.rest.checks.update({
    owner,
    repo: name,
    check_run_id: id,
    status: 'completed',
    conclusion: 'neutral',
    output: { title: 'Superseded', summary: 'Another run on this commit has the result.' },
  })
}

async function updateRun(
  client: Client,
  { id, repository, note }: Run,
  plan: PlannedRun,
  annotations: PlannedAnnotation[],
  last: boolean,
): Promise<void> {
  await client.rest.rest.checks.update({
    owner: repository.owner,
    repo: repository.name,
    check_run_id: id,
    ...(note !== undefined && { external_id: note }),
    ...(last
      ? { status: 'completed' as const, conclusion: plan.conclusion, actions: [CHECK_AGAIN] }
      : { status: 'in_progress' as const }),
    output: {
      title: plan.title.slice(0, TITLE),
      summary: withinLimit(plan.summary),
      ...(plan.text !== null && { text: withinLimit(plan.text) }),
      ...(annotations.length > 0 && { annotations: annotations.map(toAnnotation) }),
    },
  })
}

function toAnnotation(annotation: PlannedAnnotation) {
  return {
    path: annotation.path,
    start_line: annotation.startLine,
    end_line: annotation.endLine,
    annotation_level: annotation.level,
    title: annotation.title.slice(0, TITLE),
    message: withinLimit(annotation.message, ANNOTATION_BYTES),
  }
}

/** The planned annotations that the run does not list, each as often as it is missing. */
async function notYetSent(
  client: Client,
  { id, repository }: Run,
  planned: PlannedAnnotation[],
): Promise<PlannedAnnotation[]> {
  if (planned.length === 0) return []
  const sent = new Map<string, number>()
  for (let page = 1; ; page++) {
    const { data } = await client.rest.rest.checks.listAnnotations({
      owner: repository.owner,
      repo: repository.name,
      check_run_id: id,
      per_page: PAGE,
      page,
    })
    for (const annotation of data) {
      const key = keyOf(annotation)
      sent.set(key, (sent.get(key) ?? 0) + 1)
    }
    if (data.length < PAGE) break
  }
  return planned.filter((annotation) => {
    const key = keyOf(toAnnotation(annotation))
    const count = sent.get(key) ?? 0
    sent.set(key, count - 1)
    return count <= 0
  })
}

function keyOf({
  path,
  start_line,
  end_line,
  title,
}: {
  path: string
  start_line: number
  end_line: number
  title: string | null
}): string {
  return JSON.stringify([path, start_line, end_line, title])
}

function noteOf({ subject, base, config, pullsOnHead }: RunSubject, accepted: readonly string[] = []): RunNote {
  const pulls =
    subject.kind === 'group'
      ? subject.pulls.map((number) => ({ number, base: base.ref }))
      : pullsOnHead.map(({ number, baseRef }) => ({ number, base: baseRef }))
  return {
    pulls: pulls.slice(0, MOST_NOTED),
    ...(subject.kind === 'group' && { group: subject.headRef }),
    config: digest([config.base?.text ?? null, config.organisation?.text ?? null]),
    accepted: digest(accepted.toSorted()),
  }
}

function digest(parts: readonly (string | null)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)
}
