// Owns what GitHub tells us: verified webhooks become jobs, or are ignored. The only file that sees payloads; it does no work of its own.
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { z } from 'zod'
import { createReceiver, MAX_BODY_BYTES } from './bodies.ts'
import { readNote } from './github/index.ts'
import type { Job } from './job.ts'
import { readCommands } from './review/commands.ts'
import { isServed } from './settings.ts'

/** What a delivery asks for. */
export type Intake =
  | { do: 'review'; job: Job }
  /** Waiting work for this merge group is of no use any more. */
  | { do: 'cancel'; job: Job }
  /** The account, or these repositories of it, no longer want to be served. */
  | { do: 'forget'; installation: number; repositories: readonly number[] | 'all' }
  /** `account`: it is not one of those that are served. */
  | { do: 'ignore'; why: string; account?: string }

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

// PostgreSQL takes neither, and a delivery that can not be stored would be asked for again.
const text = z.string().refine((value) => value.isWellFormed() && !value.includes('\0'))
const id = z.int().positive()
const repository = z.object({ id, name: text, owner: z.object({ login: text }) })
const installation = z.object({ id })
const installedBy = z.object({ id, account: z.object({ login: text }) })
const about = { action: z.string(), repository, installation }
// GitHub sends these events only to the app that owns the check; it does not always say which one that is.
const appOfCheck = z.object({ id: z.number() }).nullish()
const numbered = z.array(z.object({ number: id })).catch([])
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
    number: id,
    pull_request: z.object({ head: z.object({ sha: text }) }),
    changes: z.object({ base: z.unknown() }).optional().catch(undefined),
  }),
  check_run: z.object({
    ...about,
    check_run: z.object({
      head_sha: text,
      external_id: z.string().nullish(),
      app: appOfCheck,
      pull_requests: numbered,
    }),
  }),
  check_suite: z.object({
    ...about,
    check_suite: z.object({ head_sha: text, app: appOfCheck }),
  }),
  merge_group: z.object({
    ...about,
    merge_group: z.object({ head_sha: text, head_ref: text, base_ref: text }),
  }),
  issue_comment: z.object({
    ...about,
    ...commented,
    issue: z.object({ number: id, pull_request: z.object({}).optional() }),
  }),
  pull_request_review_comment: z.object({
    ...about,
    ...commented,
    pull_request: z.object({ number: id }),
  }),
  installation: z.object({ action: z.string(), installation: installedBy }),
  installation_repositories: z.object({
    action: z.string(),
    installation: installedBy,
    repositories_removed: z.array(z.object({ id })).catch([]),
  }),
  installation_target: z.object({ action: z.string(), installation, account: z.object({ login: text }) }),
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
      return reconcile(delivery, served, it.data.installation.id, it.data.installation.account.login)
    }

    case 'installation_repositories': {
      const it = payloads.installation_repositories.safeParse(delivery.payload)
      if (!it.success) return ignore('unreadable')
      const { id, account } = it.data.installation
      if (it.data.action !== 'removed') return reconcile(delivery, served, id, account.login)
      const repositories = it.data.repositories_removed.map((removed) => removed.id)
      return { do: 'forget', installation: id, repositories }
    }

    case 'installation_target': {
      const it = payloads.installation_target.safeParse(delivery.payload)
      if (!it.success) return ignore('unreadable')
      if (it.data.action !== 'renamed') return ignore('action')
      return reconcile(delivery, served, it.data.installation.id, it.data.account.login)
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
  if (!isServed(owner.login, served.allowedAccounts)) return unserved(owner.login)
  return decide(parsed.data, {
    delivery: delivery.id,
    installation: parsed.data.installation.id,
    repository: { id, owner: owner.login, name },
  })
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

// Installed, unsuspended, renamed, more repositories, more permissions: there may be open pull requests that never got a
// check run.
function reconcile(delivery: Delivery, served: Served, installation: number, account: string): Intake {
  if (!isServed(account, served.allowedAccounts)) return unserved(account)
  return review({ kind: 'reconcile', delivery: delivery.id, installation })
}

function review(job: Job): Intake {
  return { do: 'review', job }
}

function ignore(why: string): Intake {
  return { do: 'ignore', why }
}

function unserved(account: string): Intake {
  return { do: 'ignore', why: 'account', account }
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

interface Refusal {
  status: number
  text: string
}

const TOO_LARGE: Refusal = { status: 413, text: 'Too large.' }
const LOST = { 'too large': TOO_LARGE, 'too much': { status: 503, text: 'Too many large bodies at once.' } }

/** Answers a webhook: verifies, claims, enqueues, 202. It reads nothing from GitHub and parses no Elixir. */
export function receiveWebhooks(
  intaker: Intaker,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { served, verify, log } = intaker
  const receive = createReceiver()

  async function understand(body: Buffer, { id, event, signature }: Head): Promise<Intake | Refusal> {
    // The verifier takes text, and throws on none.
    const text = isUtf8(body) ? body.toString('utf8') : ''
    if (text === '' || !(await verify(text, signature))) {
      return {
        status: 401,
        text: 'The signature does not fit: compare WEBHOOK_SECRET with the app’s settings page.',
      }
    }
    const payload = parse(text)
    if (payload === undefined) return { status: 400, text: 'The body is no JSON.' }
    return toJob({ id, event, payload }, served)
  }

  return async (request, response) => {
    const head = readHead(request)
    const { id, event } = head

    const answer = (status: number, text: string, outcome: string) => {
      intaker.count(outcome, status < 300 ? event : '')
      // What is left of a refused body is not worth reading.
      if (!request.complete) response.setHeader('connection', 'close')
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
    }
    const refuse = ({ status, text }: Refusal) => answer(status, text, 'refused')

    const wrong = problemOf(head)
    if (wrong !== null) return refuse(wrong)
    const intake = await receive(request, (body) => understand(body, head))
    if (intake === 'aborted') return void response.destroy()
    if (typeof intake === 'string') return refuse(LOST[intake])
    if ('status' in intake) return refuse(intake)

    if (intake.do === 'ignore') {
      const { why, account } = intake
      if (account !== undefined && event.startsWith('installation')) {
        log.warn(
          { delivery: id, account },
          'account not served: add it to ALLOWED_ACCOUNTS, or have it uninstall the app',
        )
      } else log.debug({ delivery: id, event, why, account }, 'delivery ignored')
      return answer(202, 'Ignored.', `ignored: ${why}`)
    }

    try {
      const isNew = await intaker.accept(id, intake)
      return answer(202, isNew ? 'Accepted.' : 'Known already.', isNew ? 'accepted' : 'duplicate')
    } catch (err) {
      // Not claimed, so GitHub's list of failed deliveries keeps it for us.
      log.error({ delivery: id, event, err }, 'delivery not stored')
      return answer(503, 'The queue is not available.', 'failed')
    }
  }
}

interface Head {
  event: string
  id: string
  signature: string
  type: string
  /** NaN where it is not announced. */
  bytes: number
}

function readHead({ headers }: IncomingMessage): Head {
  const header = (name: string) => {
    const value = headers[name]
    return typeof value === 'string' ? value : ''
  }
  return {
    event: header('x-github-event'),
    id: header('x-github-delivery'),
    signature: header('x-hub-signature-256'),
    type: header('content-type'),
    bytes: Number(headers['content-length']),
  }
}

/** What shows before the body is read. */
function problemOf({ event, id, signature, type, bytes }: Head): Refusal | null {
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return { status: 415, text: 'Set the content type of the webhook to application/json.' }
  }
  if (bytes > MAX_BODY_BYTES) return TOO_LARGE
  if (signature === '') return { status: 401, text: 'X-Hub-Signature-256 is missing.' }
  if (event === '' || !/^[\w-]{1,100}$/.test(id)) return { status: 400, text: 'This is no GitHub webhook.' }
  return null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
