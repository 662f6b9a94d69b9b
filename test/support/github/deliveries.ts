// Webhooks: signed, sent once, remembered. GitHub repeats nothing by itself.
import { createHmac, randomUUID } from 'node:crypto'
import type { Event } from './events.ts'
import type { Writer } from './json.ts'
import { checkPayload } from './openapi.ts'
import type { Installation, Permissions, Repository, World } from './world.ts'

export interface Delivery {
  id: number
  /** Stays the same when it is delivered again. */
  guid: string
  event: string
  action: string | null
  installation: Installation
  repository: Repository | null
  redelivery: boolean
  deliveredAt: Date
  /** Seconds. */
  duration: number
  /** `OK`, or what went wrong, in GitHub's words. */
  status: string
  statusCode: number
  request: { headers: Record<string, string>; payload: Record<string, unknown> }
  response: { headers: Record<string, string>; payload: string }
}

const ANSWER_WITHIN_MS = 10_000

// https://docs.github.com/webhooks/webhook-events-and-payloads: what an app must be allowed to read to hear of an event.
const READS: Record<string, string> = {
  pull_request: 'pull_requests',
  pull_request_review: 'pull_requests',
  pull_request_review_comment: 'pull_requests',
  issue_comment: 'issues',
  check_run: 'checks',
  check_suite: 'checks',
  merge_group: 'merge_queues',
  push: 'contents',
}
const ALWAYS_SENT = new Set(['installation', 'installation_repositories', 'installation_target'])

export type Webhooks = ReturnType<typeof createWebhooks>

export function createWebhooks(world: World, write: Writer, violations: string[]) {
  const deliveries: Delivery[] = []
  const underWay = new Set<Promise<unknown>>()
  let target: string | null = null
  let isLosing = false

  async function emit(event: Event): Promise<void> {
    if (isLosing) return
    const installation = receiver(event)
    if (!installation) return
    const payload = {
      ...(event.action !== null && { action: event.action }),
      ...event.payload,
      ...(event.repository && { repository: write.repository(event.repository) }),
      ...(event.account.kind === 'Organization' && { organization: write.organization(event.account) }),
      sender: write.account(event.sender),
      installation:
        event.name === 'installation' || event.name === 'installation_repositories'
          ? write.installation(installation)
          : { id: installation.id, node_id: `I_kwDO${installation.id}` },
    }
    violations.push(...checkPayload(event.name, event.action, payload))
    const sent = send({ ...event, installation, payload, guid: randomUUID(), redelivery: false })
    underWay.add(sent)
    await sent.finally(() => underWay.delete(sent))
  }

  function receiver(event: Event): Installation | undefined {
    const installation = world.installations.find(
      (one) =>
        one.account === event.account &&
        (event.repository === null || one.repositories === 'all' || one.repositories.has(event.repository)),
    )
    if (!installation || ALWAYS_SENT.has(event.name)) return installation
    if (installation.suspendedAt || !installation.events.includes(event.name)) return undefined
    return mayRead(installation.permissions, READS[event.name]) ? installation : undefined
  }

  async function send(what: {
    name: string
    action: string | null
    installation: Installation
    repository: Repository | null
    payload: Record<string, unknown>
    guid: string
    redelivery: boolean
  }): Promise<Delivery> {
    const body = JSON.stringify(what.payload)
    const signature = (hash: string) => createHmac(hash, world.app.webhookSecret).update(body).digest('hex')
    const headers = {
      accept: '*/*',
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/044aadd',
      'x-github-delivery': what.guid,
      'x-github-event': what.name,
      'x-github-hook-id': '1',
      'x-github-hook-installation-target-id': String(world.app.id),
      'x-github-hook-installation-target-type': 'integration',
      'x-hub-signature': `sha1=${signature('sha1')}`,
      'x-hub-signature-256': `sha256=${signature('sha256')}`,
    }
    const delivery: Delivery = {
      id: world.nextId(),
      guid: what.guid,
      event: what.name,
      action: what.action,
      installation: what.installation,
      repository: what.repository,
      redelivery: what.redelivery,
      deliveredAt: world.now(),
      duration: 0,
      status: 'failed to connect to host',
      statusCode: 502,
      request: { headers, payload: what.payload },
      response: { headers: {}, payload: '' },
    }
    deliveries.push(delivery)
    const started = performance.now()
    if (target) Object.assign(delivery, await post(target, headers, body))
    delivery.duration = Math.round(performance.now() - started) / 1000
    world.touch()
    return delivery
  }

  return {
    /** Every attempt, oldest first. */
    deliveries,
    emit,

    /** Where deliveries go from now on; null: there is nobody, and they fail. */
    deliverTo(url: string | null): void {
      target = url
      isLosing = false
    },

    get target(): string | null {
      return target
    },

    /** From now on GitHub forgets to deliver: nothing is sent, nothing is recorded. */
    lose(): void {
      isLosing = true
    },

    /** The same delivery again, as `POST /app/hook/deliveries/{id}/attempts` or the button on GitHub does. */
    redeliver(delivery: Delivery): Promise<Delivery> {
      const sent = send({
        ...delivery,
        name: delivery.event,
        payload: delivery.request.payload,
        redelivery: true,
      })
      underWay.add(sent)
      return sent.finally(() => underWay.delete(sent))
    },

    /** Settles when no delivery is under way any more. */
    async settled(): Promise<void> {
      while (underWay.size > 0) await Promise.allSettled(underWay)
    },
  }
}

function mayRead(permissions: Permissions, name: string | undefined): boolean {
  return name !== undefined && permissions[name] !== undefined
}

async function post(url: string, headers: Record<string, string>, body: string) {
  try {
    const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
    const payload = await response.text()
    return {
      status: response.ok ? 'OK' : `Invalid HTTP Response: ${response.status}`,
      statusCode: response.status,
      response: { headers: Object.fromEntries(response.headers), payload },
    }
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === 'TimeoutError'
    return isLate ? { status: 'timed out', statusCode: 504 } : { status: 'failed to connect to host', statusCode: 502 }
  }
}
