// Owns what GitHub tells us: verified webhooks become jobs, or are ignored. The only file that sees payloads; it does no work of its own.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { z } from 'zod'
import { readNote } from './github/index.ts'
import type { Job } from './job.ts'
import { readCommands } from './review/commands.ts'

/** GitHub sends nothing larger. */
export const MAX_BODY_BYTES = 25 * 1024 * 1024

/** What a delivery asks for. */
export type Intake =
  | { do: 'review'; job: Job }
  /** Waiting work for this merge group is of no use any more. */
  | { do: 'cancel'; job: Job }
  /** The account, or these repositories of it, no longer want to be served. */
  | { do: 'forget'; installation: number; repositories: readonly number[] | 'all' }
  | { do: 'ignore'; why: string }

export interface Delivery {
  /** `X-GitHub-Delivery`: stays the same when GitHub delivers again. */
  id: string
  event: string
  payload: unknown
}

export interface Served {
  appId: number
  /** In lower case; empty: everybody. */
  allowedAccounts: readonly string[]
}

const repository = z.object({ id: z.number(), name: z.string(), owner: z.object({ login: z.string() }) })
const installation = z.object({ id: z.number() })
const about = { action: z.string(), repository, installation }
// GitHub sends these events only to the app that owns the check; it does not always say which one that is.
const appOfCheck = z.object({ id: z.number() }).nullish()
const numbered = z.array(z.object({ number: z.number() })).catch([])
const commented = {
  comment: z.object({ body: z.string().nullish(), user: z.object({ type: z.string() }).nullish() }),
  changes: z
    .object({ body: z.object({ from: z.string() }) })
    .optional()
    .catch(undefined),
}

// Only the fields that are needed: a field that GitHub adds or empties elsewhere must not lose an event.
const payloads = {
  pull_request: z.object({
    ...about,
    number: z.number(),
    pull_request: z.object({ head: z.object({ sha: z.string() }) }),
    changes: z.object({ base: z.unknown() }).optional().catch(undefined),
  }),
  check_run: z.object({
    ...about,
    check_run: z.object({
      head_sha: z.string(),
      external_id: z.string().nullish(),
      app: appOfCheck,
      pull_requests: numbered,
    }),
  }),
  check_suite: z.object({
    ...about,
    check_suite: z.object({ head_sha: z.string(), app: appOfCheck }),
  }),
  merge_group: z.object({
    ...about,
    merge_group: z.object({ head_sha: z.string(), head_ref: z.string(), base_ref: z.string() }),
  }),
  issue_comment: z.object({
    ...about,
    ...commented,
    issue: z.object({ number: z.number(), pull_request: z.object({}).optional() }),
  }),
  pull_request_review_comment: z.object({
    ...about,
    ...commented,
    pull_request: z.object({ number: z.number() }),
  }),
  installation: z.object({
    action: z.string(),
    installation: z.object({ id: z.number(), account: z.object({ login: z.string() }) }),
  }),
  installation_repositories: z.object({
    action: z.string(),
    installation: z.object({ id: z.number(), account: z.object({ login: z.string() }) }),
    repositories_removed: z.array(z.object({ id: z.number() })).catch([]),
  }),
}

/** Pure: what this delivery asks for. Never throws; what it can not use is ignored with a reason from a small set. */
export function toJob(delivery: Delivery, served: Served): Intake {
  switch (delivery.event) {
    case 'pull_request':
      return read(payloads.pull_request, delivery, served, (it, base) => {
        const reason = pullReason(it.action, it.changes?.base !== undefined)
        if (reason === null) return ignore('action')
        return review({ ...base, kind: 'pull', number: it.number, head: it.pull_request.head.sha, reason })
      })

    case 'check_run':
      return read(payloads.check_run, delivery, served, (it, base) => {
        if (it.action !== 'rerequested' && it.action !== 'requested_action') return ignore('action')
        if (it.check_run.app && it.check_run.app.id !== served.appId) return ignore('other app')
        return again(base, it.check_run.head_sha, it.check_run.external_id, it.check_run.pull_requests)
      })

    case 'check_suite':
      return read(payloads.check_suite, delivery, served, (it, base) => {
        // `requested` follows every push and is answered by `pull_request`.
        if (it.action !== 'rerequested') return ignore('action')
        if (it.check_suite.app && it.check_suite.app.id !== served.appId) return ignore('other app')
        return review({ ...base, kind: 'commit', head: it.check_suite.head_sha })
      })

    case 'merge_group':
      return read(payloads.merge_group, delivery, served, (it, base) => {
        const { head_sha: head, head_ref: headRef, base_ref: baseRef } = it.merge_group
        const job: Job = { ...base, kind: 'group', head, headRef, baseRef, reason: 'queued' }
        if (it.action === 'checks_requested') return review(job)
        return it.action === 'destroyed' ? { do: 'cancel', job } : ignore('action')
      })

    case 'issue_comment':
      return read(payloads.issue_comment, delivery, served, (it, base) => {
        if (it.issue.pull_request === undefined) return ignore('no pull request')
        return asked(it, { ...base, kind: 'command', number: it.issue.number })
      })

    case 'pull_request_review_comment':
      return read(payloads.pull_request_review_comment, delivery, served, (it, base) =>
        asked(it, { ...base, kind: 'command', number: it.pull_request.number }),
      )

    case 'installation': {
      const it = payloads.installation.safeParse(delivery.payload)
      if (!it.success) return ignore('unreadable')
      const isGone = it.data.action === 'deleted' || it.data.action === 'suspend'
      if (isGone) return { do: 'forget', installation: it.data.installation.id, repositories: 'all' }
      return reconcile(delivery, served, it.data.installation)
    }

    case 'installation_repositories': {
      const it = payloads.installation_repositories.safeParse(delivery.payload)
      if (!it.success) return ignore('unreadable')
      if (it.data.action !== 'removed') return reconcile(delivery, served, it.data.installation)
      const repositories = it.data.repositories_removed.map((removed) => removed.id)
      return { do: 'forget', installation: it.data.installation.id, repositories }
    }

    // A renamed or transferred repository keeps its id, which is our key, and GitHub redirects the old name.
    default:
      return ignore('event')
  }
}

type Base = Pick<Extract<Job, { kind: 'pull' }>, 'delivery' | 'installation' | 'repository'>

function read<T extends { repository: z.infer<typeof repository>; installation: z.infer<typeof installation> }>(
  schema: z.ZodType<T>,
  delivery: Delivery,
  served: Served,
  decide: (payload: T, base: Base) => Intake,
): Intake {
  const parsed = schema.safeParse(delivery.payload)
  if (!parsed.success) return ignore('unreadable')
  const { id, name, owner } = parsed.data.repository
  if (!isServed(owner.login, served)) return ignore('account')
  return decide(parsed.data, {
    delivery: delivery.id,
    installation: parsed.data.installation.id,
    repository: { id, owner: owner.login, name },
  })
}

function isServed(account: string, served: Served): boolean {
  return served.allowedAccounts.length === 0 || served.allowedAccounts.includes(account.toLowerCase())
}

function pullReason(action: string, baseChanged: boolean): Extract<Job, { kind: 'pull' }>['reason'] | null {
  switch (action) {
    case 'opened':
    case 'synchronize':
    case 'reopened':
    case 'ready_for_review':
    case 'converted_to_draft':
    case 'closed':
      return action
    case 'edited':
      return baseChanged ? 'base changed' : null
    default:
      return null
  }
}

/** Somebody wants a check run anew. Which subject it was for stands in our own note, since GitHub links no heads of forks. */
function again(base: Base, head: string, externalId: string | null | undefined, linked: { number: number }[]): Intake {
  const note = readNote(externalId)
  const [first] = note?.pulls ?? []
  if (note?.group !== undefined && first !== undefined) {
    const baseRef = `refs/heads/${first.base}`
    return review({ ...base, kind: 'group', head, headRef: note.group, baseRef, reason: 'requested' })
  }
  const number = first?.number ?? linked[0]?.number
  if (number === undefined) return review({ ...base, kind: 'commit', head })
  return review({ ...base, kind: 'pull', number, head, reason: 'requested' })
}

interface Comment {
  action: string
  comment: { body?: string | null | undefined; user?: { type: string } | null | undefined }
  changes?: { body: { from: string } } | undefined
}

/** A command that is written, taken back or changed; which of them counts is read from GitHub. */
function asked({ action, comment, changes }: Comment, job: Job): Intake {
  if (action !== 'created' && action !== 'edited' && action !== 'deleted') return ignore('action')
  if (comment.user?.type === 'Bot') return ignore('bot')
  const texts = [comment.body ?? '', changes?.body.from ?? '']
  return texts.some((text) => readCommands(text).length > 0) ? review(job) : ignore('no command')
}

// Installed, unsuspended, more repositories, more permissions: there may be open pull requests that never got a check run.
function reconcile(delivery: Delivery, served: Served, it: { id: number; account: { login: string } }): Intake {
  if (!isServed(it.account.login, served)) return ignore('account')
  return review({ kind: 'reconcile', delivery: delivery.id, installation: it.id })
}

function review(job: Job): Intake {
  return { do: 'review', job }
}

function ignore(why: string): Intake {
  return { do: 'ignore', why }
}

export interface Intaker {
  served: Served
  /** Whether this signature was made over this body with one of our secrets. */
  verify(body: string, signature: string): Promise<boolean>
  /** Claims the delivery and does what it asks for, in one transaction. false: it was claimed before. */
  accept(delivery: string, intake: Intake): Promise<boolean>
  count(outcome: string, event: string): void
  log: Logger
}

/** Answers a webhook: verifies, claims, enqueues, 202. It reads nothing from GitHub and parses no Elixir. */
export function receiveWebhooks(
  intaker: Intaker,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const event = header(request, 'x-github-event')
    const id = header(request, 'x-github-delivery')
    const signature = header(request, 'x-hub-signature-256')

    const answer = (status: number, text: string, outcome: string) => {
      intaker.count(outcome, status < 300 ? event : '')
      // What is left of a refused body is not worth reading.
      if (!request.complete) response.setHeader('connection', 'close')
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
    }

    if (!/^application\/json\s*(;|$)/i.test(header(request, 'content-type'))) {
      return answer(415, 'Set the content type of the webhook to application/json.', 'refused')
    }
    if (Number(header(request, 'content-length')) > MAX_BODY_BYTES) return answer(413, 'Too large.', 'refused')
    if (signature === '') return answer(401, 'X-Hub-Signature-256 is missing.', 'refused')
    if (event === '' || !/^[\w-]{1,100}$/.test(id)) return answer(400, 'This is no GitHub webhook.', 'refused')

    const bytes = await readBody(request)
    if (bytes === 'too large') return answer(413, 'Too large.', 'refused')
    if (bytes === 'aborted') return void response.destroy()
    const body = bytes.toString('utf8')
    // An empty body can not be GitHub's, and the verifier throws on it.
    if (body === '' || !(await intaker.verify(body, signature))) {
      return answer(401, 'The signature does not fit: compare WEBHOOK_SECRET with the app’s settings page.', 'refused')
    }

    const payload = parse(body)
    if (payload === undefined) return answer(400, 'The body is no JSON.', 'refused')
    const intake = toJob({ id, event, payload }, intaker.served)
    if (intake.do === 'ignore') {
      intaker.log.debug({ delivery: id, event, why: intake.why }, 'delivery ignored')
      return answer(202, 'Ignored.', `ignored: ${intake.why}`)
    }

    try {
      const isNew = await intaker.accept(id, intake)
      return answer(202, isNew ? 'Accepted.' : 'Known already.', isNew ? 'accepted' : 'duplicate')
    } catch (err) {
      // Not claimed, so GitHub's list of failed deliveries keeps it for us.
      intaker.log.error({ delivery: id, event, err }, 'delivery not stored')
      return answer(503, 'The queue is not available.', 'failed')
    }
  }
}

function header(request: IncomingMessage, name: string): string {
  const value = request.headers[name]
  return typeof value === 'string' ? value : ''
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer | 'too large' | 'aborted'> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    // Leaving the loop must not destroy the request: its socket carries the answer.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MAX_BODY_BYTES) return 'too large'
      chunks.push(chunk)
    }
  } catch {
    return 'aborted'
  }
  return Buffer.concat(chunks)
}
