// A GitHub of our own: stateful, over real git repositories, on a loopback port. Every request is checked against GitHub's
// published descriptions, and a test that broke one of them fails when the stand-in is closed.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHandles, type RepositoryHandle, type RepositoryOptions } from './conversation.ts'
import { createWebhooks, type Webhooks } from './deliveries.ts'
import type { GitHub } from './events.ts'
import { createFaults, type Faults, type RecordedRequest } from './faults.ts'
import { createWriter } from './json.ts'
import { listen } from './server.ts'
import { type App, createWorld, type Installation, type World, type WorldOptions } from './world.ts'

export type { CommentView, PullHandle, RepositoryHandle, RepositoryOptions, ReviewView } from './conversation.ts'
export type { Delivery, Webhooks } from './deliveries.ts'
export type { Fault, Faults, Matcher, RecordedRequest } from './faults.ts'
export {
  after,
  garbled,
  graphqlLimit,
  graphqlSecondaryLimit,
  matches,
  operation,
  primaryLimit,
  secondaryLimit,
  unavailable,
  within,
} from './faults.ts'
export type { Content, Files } from './git.ts'
export type { CheckRun, Installation, Permissions, Role } from './world.ts'

export interface StandInOptions extends WorldOptions {
  /** Where webhooks go; can be said later with `webhooks.deliverTo`. */
  webhookUrl?: string
}

export interface StandIn extends AsyncDisposable {
  /** The REST root; GraphQL is at `/graphql` below it, and both again where GitHub Enterprise Server has them (`/api/v3`). */
  url: string
  /** What the app needs to know of itself. */
  app: { appId: number; clientId: string; slug: string; privateKey: string; webhookSecret: string }
  world: World
  webhooks: Webhooks
  faults: Faults
  /** Every request so far; `requests.length = 0` starts again. */
  requests: RecordedRequest[]
  /** What was sent that GitHub would not understand. Must be empty in the end. */
  violations: string[]
  /** The repository, with a first commit on `main`, its owner, and the app installed there. */
  repository: (fullName: string, options?: RepositoryOptions) => Promise<RepositoryHandle>
  installation: (login: string) => Installation
  /** The app is taken away from an account, suspended, or brought back; it hears of it. */
  uninstall: (login: string) => Promise<void>
  suspend: (login: string) => Promise<void>
  unsuspend: (login: string) => Promise<void>
  /** Requests that count against the limit of a review: all but the minting of tokens and what recovery asks. */
  countApiRequests: () => number
  /** Settles when `check` gives something; looks again after every change. Fails on a violation and when it takes too long. */
  until: <T>(
    what: string,
    check: () => T | null | undefined | false | Promise<T | null | undefined | false>,
    withinMs?: number,
  ) => Promise<T>
  close: () => Promise<void>
}

const PATIENCE_MS = 50_000

/** Starts a GitHub with one app and nobody in it. */
export async function startGitHub(options: StandInOptions = {}): Promise<StandIn> {
  const directory = await mkdtemp(join(tmpdir(), 'github-'))
  const violations: string[] = []
  const world = createWorld(options)
  const write = createWriter(world)
  const webhooks = createWebhooks(world, write, violations)
  const faults = createFaults()
  const github: GitHub = { world, write, emit: webhooks.emit }
  const server = await listen(github, webhooks, faults, violations)
  const handles = createHandles(github, directory, until)
  if (options.webhookUrl) webhooks.deliverTo(options.webhookUrl)

  async function until<T>(
    what: string,
    check: () => T | null | undefined | false | Promise<T | null | undefined | false>,
    withinMs = PATIENCE_MS,
  ): Promise<T> {
    const isLate = AbortSignal.timeout(withinMs)
    for (;;) {
      const changed = nextChange(world, isLate)
      const found = await check()
      if (found) {
        changed.forget()
        return found
      }
      if (violations.length > 0) throw new Error(`While waiting for ${what}:\n${violations.join('\n')}`)
      if (isLate.aborted)
        throw new Error(`Waited ${withinMs} ms for ${what}. The requests so far:\n${listed(server.requests)}`)
      await changed.promise
    }
  }

  async function close(): Promise<void> {
    await webhooks.settled()
    await server.close()
    for (const repository of world.repositories) repository.git.close()
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
    if (violations.length > 0) throw new Error(`GitHub would not understand:\n${violations.join('\n')}`)
  }

  return {
    url: server.url,
    app: describeApp(world.app),
    world,
    webhooks,
    faults,
    requests: server.requests,
    violations,
    ...handles,
    countApiRequests: () => server.requests.filter((one) => !isApart(one)).length,
    until,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function isApart({ by, route, body }: RecordedRequest): boolean {
  if (by === 'app' || route.endsWith('/access_tokens')) return true
  return /query OpenPulls\b/.test((body as { query?: string } | null)?.query ?? '')
}

function describeApp(app: App): StandIn['app'] {
  const { id: appId, clientId, slug, privateKey, webhookSecret } = app
  return { appId, clientId, slug, privateKey, webhookSecret }
}

function nextChange(world: World, isLate: AbortSignal) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = world.onChange(() => forget())
  const forget = () => {
    stop()
    isLate.removeEventListener('abort', forget)
    resolve()
  }
  isLate.addEventListener('abort', forget)
  return { promise, forget }
}

function listed(requests: readonly RecordedRequest[]): string {
  return requests.map((one) => `${one.status} ${one.method} ${one.path}`).join('\n') || '(none)'
}
