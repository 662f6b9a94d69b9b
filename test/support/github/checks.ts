// Check suites and check runs: their life cycle and their limits.
import type { GitHub } from './events.ts'
import { suiteState } from './json.ts'
import { Refusal } from './refusal.ts'
import type { Account, Annotation, CheckRun, CheckSuite, Repository } from './world.ts'

/** What a request may set, in GitHub's own words. */
export interface RunFields {
  name?: string
  head_sha?: string
  details_url?: string
  external_id?: string
  status?: 'queued' | 'in_progress' | 'completed'
  started_at?: string
  conclusion?: string
  completed_at?: string
  output?: {
    title?: string
    summary: string
    text?: string
    annotations?: {
      path: string
      start_line: number
      end_line: number
      start_column?: number
      end_column?: number
      annotation_level: Annotation['level']
      message: string
      title?: string
      raw_details?: string
    }[]
  }
  actions?: { label: string; description: string; identifier: string }[]
}

const LONGEST_TITLE = 255
const LARGEST_MESSAGE = 64 * 1024
const MOST_ANNOTATIONS = 50
const MOST_ACTIONS = 3
const ACTION_LENGTHS = { label: 20, description: 40, identifier: 20 }

/** The suite of the app on a commit, made when there is none. */
export function suiteOn(
  { world }: GitHub,
  repository: Repository,
  headSha: string,
  pushed: { branch: string; before: string | null } | null = null,
): CheckSuite {
  const known = repository.suites.find((one) => one.headSha === headSha)
  if (known) return known
  const at = world.now()
  const suite = world.add<CheckSuite>({
    kind: 'CheckSuite',
    repository,
    headSha,
    headBranch: pushed?.branch ?? null,
    before: pushed?.before ?? null,
    createdAt: at,
    updatedAt: at,
  })
  repository.suites.push(suite)
  return suite
}

export async function createRun(github: GitHub, repository: Repository, fields: RunFields): Promise<CheckRun> {
  const { world } = github
  const commit = await repository.git.commit(fields.head_sha ?? '')
  if (!commit) throw new Refusal(422, `No commit found for SHA: ${fields.head_sha}`)
  checkLimits(fields)
  const run = world.add<CheckRun>({
    kind: 'CheckRun',
    suite: suiteOn(github, repository, commit.oid),
    name: fields.name ?? '',
    headSha: commit.oid,
    status: 'queued',
    conclusion: null,
    externalId: '',
    detailsUrl: null,
    title: null,
    summary: null,
    text: null,
    annotations: [],
    actions: [],
    startedAt: world.now(),
    completedAt: null,
  })
  repository.runs.push(run)
  apply(github, run, fields)
  await announceRun(github, run, 'created', world.app.bot)
  if (run.status === 'completed') await announceCompleted(github, run)
  return run
}

export async function updateRun(github: GitHub, run: CheckRun, fields: RunFields): Promise<void> {
  checkLimits(fields)
  const wasCompleted = run.status === 'completed'
  apply(github, run, fields)
  if (!wasCompleted && run.status === 'completed') await announceCompleted(github, run)
}

/** Somebody pressed a button: GitHub tells the app, and changes nothing itself. */
export async function announceRun(
  { world, write, emit }: GitHub,
  run: CheckRun,
  action: 'created' | 'completed' | 'rerequested' | 'requested_action',
  sender: Account,
  identifier?: string,
): Promise<void> {
  const { repository } = run.suite
  await emit({
    name: 'check_run',
    action,
    account: repository.owner,
    repository,
    sender,
    payload: {
      check_run: { ...write.run(run), check_suite: write.suite(run.suite) },
      ...(identifier !== undefined && { requested_action: { identifier } }),
    },
  })
  world.touch()
}

export async function announceSuite(
  { world, write, emit }: GitHub,
  suite: CheckSuite,
  action: 'requested' | 'rerequested' | 'completed',
  sender: Account,
): Promise<void> {
  const { repository } = suite
  const payload = { check_suite: await write.fullSuite(suite) }
  await emit({ name: 'check_suite', action, account: repository.owner, repository, sender, payload })
  world.touch()
}

async function announceCompleted(github: GitHub, run: CheckRun): Promise<void> {
  const bot = github.world.app.bot
  await announceRun(github, run, 'completed', bot)
  if (suiteState(run.suite).status === 'completed') await announceSuite(github, run.suite, 'completed', bot)
}

function apply({ world }: GitHub, run: CheckRun, fields: RunFields): void {
  run.name = fields.name ?? run.name
  run.externalId = fields.external_id ?? run.externalId
  run.detailsUrl = fields.details_url ?? run.detailsUrl
  run.actions = fields.actions ?? run.actions
  if (fields.started_at) run.startedAt = new Date(fields.started_at)
  // A finished run does not go back: only another conclusion can replace its own.
  if (run.status !== 'completed') run.status = fields.status ?? run.status
  if (fields.conclusion) {
    run.status = 'completed'
    run.conclusion = fields.conclusion
    run.completedAt = fields.completed_at ? new Date(fields.completed_at) : world.now()
  }
  if (fields.output) {
    run.title = fields.output.title ?? run.title
    run.summary = fields.output.summary
    run.text = fields.output.text ?? run.text
    run.annotations.push(...(fields.output.annotations ?? []).map(toAnnotation))
  }
  run.suite.updatedAt = world.now()
}

function toAnnotation(one: NonNullable<NonNullable<RunFields['output']>['annotations']>[number]): Annotation {
  return {
    path: one.path,
    startLine: one.start_line,
    endLine: one.end_line,
    startColumn: one.start_column ?? null,
    endColumn: one.end_column ?? null,
    level: one.annotation_level,
    title: one.title ?? null,
    message: one.message,
    rawDetails: one.raw_details ?? null,
  }
}

// Lengths that GitHub names in prose only; what its description holds was checked before.
function checkLimits({ output, actions = [] }: RunFields): void {
  const annotations = output?.annotations ?? []
  if (annotations.length > MOST_ANNOTATIONS) tooMany(MOST_ANNOTATIONS, annotations.length)
  if (actions.length > MOST_ACTIONS) tooMany(MOST_ACTIONS, actions.length)
  for (const title of [output?.title, ...annotations.map((one) => one.title)])
    if (title !== undefined && title.length > LONGEST_TITLE)
      invalid(`Only ${LONGEST_TITLE} characters are allowed in a title.`)
  for (const one of annotations) {
    for (const text of [one.message, one.raw_details ?? ''])
      if (Buffer.byteLength(text) > LARGEST_MESSAGE) invalid('Only 64 KB are allowed in an annotation.')
    if (one.end_line < one.start_line) invalid('`end_line` must not be before `start_line`.')
    const hasColumns = one.start_column !== undefined || one.end_column !== undefined
    if (hasColumns && one.start_line !== one.end_line) invalid('Columns are allowed on one line only.')
  }
  for (const action of actions)
    for (const [field, longest] of Object.entries(ACTION_LENGTHS))
      if (action[field as keyof typeof action].length > longest)
        invalid(`Only ${longest} characters are allowed in an action's ${field}.`)
}

function tooMany(allowed: number, supplied: number): never {
  invalid(`No more than ${allowed} items are allowed; ${supplied} were supplied.`)
}

function invalid(message: string): never {
  throw new Refusal(422, `Invalid request.\n\n${message}`)
}
