// All that the stand-in GitHub knows, as plain values that refer to each other. It knows nothing of HTTP.
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import type { Git } from './git.ts'

export type Level = 'read' | 'write'
export type Permissions = Record<string, Level>
export type Role = 'none' | 'read' | 'triage' | 'write' | 'maintain' | 'admin'

interface Node {
  id: number
  nodeId: string
}

export interface Account extends Node {
  kind: 'User' | 'Organization' | 'Bot'
  /** A bot's ends in `[bot]`, as in REST; GraphQL leaves that off. */
  login: string
  createdAt: Date
}

export interface App extends Node {
  kind: 'App'
  slug: string
  name: string
  clientId: string
  owner: Account
  bot: Account
  permissions: Permissions
  events: string[]
  /** PEM, PKCS#8. */
  privateKey: string
  publicKey: KeyObject
  webhookSecret: string
  createdAt: Date
}

export interface Installation {
  id: number
  account: Account
  permissions: Permissions
  events: string[]
  repositories: 'all' | Set<Repository>
  suspendedAt: Date | null
  createdAt: Date
  updatedAt: Date
}

export interface Repository extends Node {
  kind: 'Repository'
  owner: Account
  name: string
  private: boolean
  parent: Repository | null
  git: Git
  roles: Map<Account, Role>
  pulls: Pull[]
  suites: CheckSuite[]
  runs: CheckRun[]
  groups: MergeGroup[]
  createdAt: Date
  updatedAt: Date
  pushedAt: Date
  deleted: boolean
}

export interface Pull extends Node {
  kind: 'Pull'
  repository: Repository
  number: number
  title: string
  body: string | null
  author: Account
  draft: boolean
  state: 'open' | 'closed'
  base: { ref: string; sha: string }
  /** `repository` is null once the fork was deleted. */
  head: { repository: Repository | null; owner: Account; ref: string; sha: string }
  /** What reading it still shows as its head, while GitHub lags behind what its own webhooks say; null: the head. */
  shownHead: string | null
  /** Every commit that was ever part of it: a review may name any of them. */
  commits: Set<string>
  reviews: Review[]
  threads: Thread[]
  comments: IssueComment[]
  /** Paths for which the files list leaves the patch out, as GitHub does for large files. */
  withoutPatch: Set<string>
  merged: { at: Date; by: Account; commit: string } | null
  createdAt: Date
  updatedAt: Date
  closedAt: Date | null
}

export type ReviewState = 'PENDING' | 'COMMENTED' | 'APPROVED' | 'CHANGES_REQUESTED' | 'DISMISSED'

export interface Review extends Node {
  kind: 'Review'
  pull: Pull
  user: Account
  body: string
  state: ReviewState
  commit: string
  reactions: Reaction[]
  createdAt: Date
  updatedAt: Date
  submittedAt: Date | null
}

export type Side = 'LEFT' | 'RIGHT'

/** Where a thread was opened. `line` null: it is about the whole file. */
export interface Anchor {
  path: string
  commit: string
  side: Side
  line: number | null
  startSide: Side | null
  startLine: number | null
  diffHunk: string
}

export interface Thread extends Node {
  kind: 'Thread'
  pull: Pull
  anchor: Anchor
  comments: ReviewComment[]
  resolvedBy: Account | null
}

export interface ReviewComment extends Node {
  kind: 'ReviewComment'
  thread: Thread
  review: Review
  user: Account
  /** The last to edit it. */
  editor?: Account
  body: string
  reactions: Reaction[]
  minimized: Minimized | null
  createdAt: Date
  updatedAt: Date
}

export interface IssueComment extends Node {
  kind: 'IssueComment'
  pull: Pull
  user: Account
  /** The last to edit it. */
  editor?: Account
  body: string
  reactions: Reaction[]
  minimized: Minimized | null
  createdAt: Date
  updatedAt: Date
}

export type Classifier = 'SPAM' | 'ABUSE' | 'OFF_TOPIC' | 'OUTDATED' | 'DUPLICATE' | 'RESOLVED' | 'LOW_QUALITY'
type Minimized = Classifier

export const REACTIONS = ['+1', '-1', 'laugh', 'confused', 'heart', 'hooray', 'rocket', 'eyes'] as const
export type ReactionContent = (typeof REACTIONS)[number]

export interface Reaction extends Node {
  kind: 'Reaction'
  user: Account
  content: ReactionContent
  createdAt: Date
}

export interface CheckSuite extends Node {
  kind: 'CheckSuite'
  repository: Repository
  headSha: string
  /** null for a fork's head: GitHub does not link those. */
  headBranch: string | null
  before: string | null
  createdAt: Date
  updatedAt: Date
}

export interface Annotation {
  path: string
  startLine: number
  endLine: number
  startColumn: number | null
  endColumn: number | null
  level: 'notice' | 'warning' | 'failure'
  title: string | null
  message: string
  rawDetails: string | null
}

export interface CheckRun extends Node {
  kind: 'CheckRun'
  suite: CheckSuite
  name: string
  headSha: string
  status: 'queued' | 'in_progress' | 'completed'
  conclusion: string | null
  externalId: string
  detailsUrl: string | null
  title: string | null
  summary: string | null
  text: string | null
  annotations: Annotation[]
  actions: { label: string; description: string; identifier: string }[]
  startedAt: Date
  completedAt: Date | null
}

export interface MergeGroup {
  headSha: string
  headRef: string
  baseSha: string
  baseRef: string
  pulls: Pull[]
}

export interface Token {
  value: string
  installation: Installation
  permissions: Permissions
  repositories: Repository[] | null
  expiresAt: Date
}

export type Entity =
  | Account
  | App
  | Repository
  | Pull
  | Review
  | Thread
  | ReviewComment
  | IssueComment
  | Reaction
  | CheckSuite
  | CheckRun

const PREFIXES = {
  User: 'U',
  Organization: 'O',
  Bot: 'BOT',
  App: 'A',
  Repository: 'R',
  Pull: 'PR',
  Review: 'PRR',
  Thread: 'PRRT',
  ReviewComment: 'PRRC',
  IssueComment: 'IC',
  Reaction: 'REA',
  CheckSuite: 'CS',
  CheckRun: 'CR',
} as const satisfies Record<Entity['kind'], string>

/** The permissions and events that the README asks a person to grant. */
export const PERMISSIONS: Permissions = {
  metadata: 'read',
  contents: 'read',
  issues: 'read',
  pull_requests: 'write',
  checks: 'write',
  merge_queues: 'read',
}
export const EVENTS = [
  'check_run',
  'check_suite',
  'issue_comment',
  'merge_group',
  'pull_request',
  'pull_request_review_comment',
]

export interface WorldOptions {
  /** The clock: tokens expire and everything is dated by it. */
  now?: () => Date
  /** Where `html_url`s lead. */
  webUrl?: string
  slug?: string
  permissions?: Permissions
  events?: string[]
}

// A key takes a while to find, and one is enough for all the worlds of a process.
let keys: { privateKey: KeyObject; publicKey: KeyObject } | null = null

export type World = ReturnType<typeof createWorld>

/** One app, no accounts, no repositories. */
export function createWorld(options: WorldOptions = {}) {
  const now = options.now ?? (() => new Date())
  const entities = new Map<string, Entity>()
  const accounts: Account[] = []
  const installations: Installation[] = []
  const repositories: Repository[] = []
  const formerNames = new Map<string, Repository>()
  const tokens = new Map<string, Token>()
  const listeners = new Set<() => void>()
  let lastId = 1000

  function nextId(): number {
    return (lastId += 1)
  }

  /** Gives a new value its ids and makes it findable by node id. */
  function add<E extends Entity>(entity: Omit<E, 'id' | 'nodeId'>): E {
    const id = nextId()
    const nodeId = `${PREFIXES[(entity as E).kind]}_kwDO${Buffer.from(String(id)).toString('base64url')}`
    const made = Object.assign(entity, { id, nodeId }) as E
    entities.set(nodeId, made)
    return made
  }

  function addAccount(login: string, kind: Account['kind']): Account {
    const account = add<Account>({ kind, login, createdAt: now() })
    accounts.push(account)
    return account
  }

  function account(login: string): Account | undefined {
    return accounts.find((one) => one.login.toLowerCase() === login.toLowerCase())
  }

  function createApp(slug: string): App {
    const { privateKey, publicKey } = (keys ??= generateKeyPairSync('rsa', { modulusLength: 2048 }))
    return add<App>({
      kind: 'App',
      slug,
      name: slug,
      clientId: `Iv23li${randomBytes(7).toString('hex')}`,
      owner: addAccount('otp-review-makers', 'Organization'),
      bot: addAccount(`${slug}[bot]`, 'Bot'),
      permissions: options.permissions ?? PERMISSIONS,
      events: options.events ?? EVENTS,
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      publicKey,
      webhookSecret: randomBytes(16).toString('hex'),
      createdAt: now(),
    })
  }

  return {
    now,
    webUrl: options.webUrl ?? 'https://github.com',
    /** Where the REST API answers; known once the server listens. */
    apiUrl: 'https://api.github.com',
    app: createApp(options.slug ?? 'otp-review'),
    /** What differs between installations in ways that GitHub does not document. */
    allows: { minimizingReviewComments: true },
    entities,
    installations,
    repositories,
    tokens,
    nextId,
    add,
    account,

    /** The user (or `...[bot]`) of this login, made when it is new. */
    user(login: string): Account {
      return account(login) ?? addAccount(login, login.endsWith('[bot]') ? 'Bot' : 'User')
    },

    /** The organisation of this login, made when it is new. */
    organization(login: string): Account {
      return account(login) ?? addAccount(login, 'Organization')
    },

    /** Finds a repository by its present name, or by one it had before. */
    repository(owner: string, name: string): Repository | undefined {
      const fullName = `${owner}/${name}`.toLowerCase()
      const present = repositories.find((one) => !one.deleted && fullNameOf(one).toLowerCase() === fullName)
      return present ?? formerNames.get(fullName)
    },

    rename(repository: Repository, owner: Account, name: string): void {
      formerNames.set(fullNameOf(repository).toLowerCase(), repository)
      repository.owner = owner
      repository.name = name
    },

    forget(entity: Entity): void {
      entities.delete(entity.nodeId)
    },

    /** The installation through which the app sees a repository. */
    installationOf(repository: Repository): Installation | undefined {
      return installations.find(
        (one) => one.account === repository.owner && (one.repositories === 'all' || one.repositories.has(repository)),
      )
    },

    /** Says that something changed, for those who wait for it. */
    touch(): void {
      for (const listener of listeners) listener()
    },

    onChange(listener: () => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export function fullNameOf(repository: Repository): string {
  return `${repository.owner.login}/${repository.name}`
}
