// Owns the operator's settings: the environment, checked once at start. It does not know a repository's own configuration.
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { z } from 'zod'
import * as release from './release.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export interface Settings {
  app: { id: number; privateKey: string }
  /** The secrets that may sign a webhook: the present one first, then the one that is being rotated out. */
  webhookSecrets: readonly [string, ...string[]]
  /** Base of the REST API: `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise Server. */
  apiUrl: string
  /** Every request to GitHub goes through it, null for a direct connection. */
  proxy: string | null
  /** `keepAliveMs`: how long an idle connection stays open. */
  http: { host: string; port: number; webhookPath: string; keepAliveMs: number }
  /** PostgreSQL where `url` is set, else an embedded database in `directory` (null: in memory, for tests). */
  database: { url: string | null; directory: string | null; schema: string }
  log: { level: (typeof LOG_LEVELS)[number]; format: 'json' | 'pretty' }
  /** Accounts that are served, in lower case; empty: every account that installs the app. */
  allowedAccounts: readonly string[]
  ruleDocsUrl: string
  issuesUrl: string
  /** Jobs at once. */
  concurrency: number
  /** Threads that analyse files. */
  threads: number
  fileTimeLimitMs: number
  /** How long running jobs may go on after a request to stop. */
  graceMs: number
}

/** What is wrong with the environment, a line for each, saying what to do. */
export class SettingsError extends Error {
  override name = 'SettingsError'
  readonly problems: readonly string[]
  /** No credential is set at all: this app was never registered. */
  readonly unregistered: boolean

  constructor(problems: readonly string[], unregistered: boolean) {
    super(['otp-review can not start:', ...problems.map((problem) => `  - ${problem}`)].join('\n'))
    this.problems = problems
    this.unregistered = unregistered
  }
}

const HOW_TO = {
  APP_ID: 'set APP_ID to the number on your GitHub App’s settings page ("About", App ID)',
  PRIVATE_KEY:
    'set PRIVATE_KEY to the .pem file that "Generate a private key" on that page downloads (its text, or base64 of it), or PRIVATE_KEY_PATH to its path',
  WEBHOOK_SECRET:
    'set WEBHOOK_SECRET to the webhook secret of that page; `openssl rand -hex 32` makes one to enter in both places',
}

// Probot signs with this one where no secret is set, so anyone can forge a delivery to such a service.
const DEFAULT_SECRET = 'development'

const url = z.url({ protocol: /^https?$/, error: 'must be an http or https address' })
const count = (least: number, most: number) =>
  z.coerce
    .number({ error: 'must be a number' })
    .int('must be a whole number')
    .min(least, `must be at least ${least}`)
    .max(most, `must be at most ${most}`)

const secret = z
  .string()
  .refine(
    (value) => value !== DEFAULT_SECRET,
    `must not be "${DEFAULT_SECRET}", which everybody knows; ${HOW_TO.WEBHOOK_SECRET}`,
  )

/** Every variable that is read, by its name, with its default. */
export const environment = z.object({
  APP_ID: z.coerce.number(HOW_TO.APP_ID).int(HOW_TO.APP_ID).positive(HOW_TO.APP_ID).optional(),
  PRIVATE_KEY: z.string().optional(),
  PRIVATE_KEY_PATH: z.string().optional(),
  WEBHOOK_SECRET: secret.optional(),
  WEBHOOK_SECRET_PREVIOUS: secret.optional(),
  WEBHOOK_PATH: z.string().startsWith('/', 'must begin with /').default('/api/github/webhooks'),
  GITHUB_API_URL: url.optional(),
  GHE_HOST: z.string().optional(),
  GHE_PROTOCOL: z.enum(['http', 'https'], 'must be http or https').default('https'),
  PROXY_URL: url.optional(),
  HTTPS_PROXY: url.optional(),
  https_proxy: url.optional(),
  HOST: z.string().default('localhost'),
  PORT: count(0, 65_535).default(3000),
  // Longer than load balancers keep one, most of them 60 seconds, so that it is never us who closes it on a request.
  KEEP_ALIVE_SECONDS: count(1, 3600).default(75),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be an address like postgres://user:password@host:5432/database')
    .optional(),
  DATABASE_SCHEMA: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,40}$/, 'must be a plain lower-case name')
    .default('otp_review'),
  DATA_DIR: z.string().default('./data'),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  LOG_FORMAT: z.enum(['json', 'pretty'], 'must be json or pretty').optional(),
  ALLOWED_ACCOUNTS: z.string().default(''),
  RULE_DOCS_URL: url.default(release.ruleDocsUrl),
  ISSUES_URL: url.default(release.issuesUrl),
  CONCURRENCY: count(1, 100).default(4),
  // One core stays for deliveries and the database.
  THREADS: count(1, 64).default(Math.min(Math.max(availableParallelism() - 1, 1), 4)),
  FILE_TIME_LIMIT_MS: count(100, 60_000).default(5_000),
  GRACE_SECONDS: count(1, 600).default(25),
  NODE_ENV: z.string().optional(),
})

/** Reads and checks everything at once. Throws a SettingsError that names all that is wrong, not the first only. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  // Compose files and manifests pass unset variables on as empty ones.
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''),
  )
  const parsed = environment.safeParse(given)
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => sentence(String(issue.path[0]), issue.message))
  const { key, problem } = readPrivateKey(given)
  if (problem) problems.push(problem)
  for (const name of ['APP_ID', 'PRIVATE_KEY', 'WEBHOOK_SECRET'] as const) {
    const isGiven = given[name] !== undefined || (name === 'PRIVATE_KEY' && given['PRIVATE_KEY_PATH'] !== undefined)
    if (!isGiven) problems.push(HOW_TO[name])
  }
  const unregistered = !given['APP_ID'] && !given['PRIVATE_KEY'] && !given['PRIVATE_KEY_PATH']
  if (!parsed.success || problems.length > 0) throw new SettingsError(problems, unregistered)

  const it = parsed.data
  return {
    app: { id: it.APP_ID!, privateKey: key! },
    webhookSecrets: it.WEBHOOK_SECRET_PREVIOUS
      ? [it.WEBHOOK_SECRET!, it.WEBHOOK_SECRET_PREVIOUS]
      : [it.WEBHOOK_SECRET!],
    apiUrl: (
      it.GITHUB_API_URL ?? (it.GHE_HOST ? `${it.GHE_PROTOCOL}://${it.GHE_HOST}/api/v3` : 'https://api.github.com')
    ).replace(/\/+$/, ''),
    proxy: it.PROXY_URL ?? it.HTTPS_PROXY ?? it.https_proxy ?? null,
    http: {
      host: it.HOST,
      port: it.PORT,
      webhookPath: it.WEBHOOK_PATH,
      keepAliveMs: it.KEEP_ALIVE_SECONDS * 1000,
    },
    database: {
      url: it.DATABASE_URL ?? null,
      directory: it.DATABASE_URL ? null : it.DATA_DIR,
      schema: it.DATABASE_SCHEMA,
    },
    log: { level: it.LOG_LEVEL, format: it.LOG_FORMAT ?? (it.NODE_ENV === 'production' ? 'json' : 'pretty') },
    allowedAccounts: it.ALLOWED_ACCOUNTS.split(',')
      .map((name) => name.trim().toLowerCase())
      .filter((name) => name !== ''),
    ruleDocsUrl: it.RULE_DOCS_URL.replace(/\/+$/, ''),
    issuesUrl: it.ISSUES_URL,
    concurrency: it.CONCURRENCY,
    threads: it.THREADS,
    fileTimeLimitMs: it.FILE_TIME_LIMIT_MS,
    graceMs: it.GRACE_SECONDS * 1000,
  }
}

/** Whether this account, an organisation or a person, is one of those that are served. */
export function isServed(account: string, allowed: Settings['allowedAccounts']): boolean {
  return allowed.length === 0 || allowed.includes(account.toLowerCase())
}

function sentence(name: string, message: string): string {
  return message.startsWith('set ') ? message : `${name} ${message}`
}

function readPrivateKey(given: Readonly<Record<string, string | undefined>>): { key?: string; problem?: string } {
  const name = given['PRIVATE_KEY'] ? 'PRIVATE_KEY' : 'PRIVATE_KEY_PATH'
  const value = given[name]
  if (value === undefined) return {}
  try {
    return { key: toPem(name === 'PRIVATE_KEY' ? value : readFileSync(value, 'utf8')) }
  } catch (error) {
    const reason =
      error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'names no file' : 'holds no private key'
    return { problem: `${name} ${reason}; ${HOW_TO.PRIVATE_KEY}` }
  }
}

/** Accepts a PEM text, one whose line ends are written as \n, and base64 of either; throws on anything else. */
function toPem(value: string): string {
  const text = value.includes('-----BEGIN') ? value : Buffer.from(value, 'base64').toString('utf8')
  return createPrivateKey(text.replaceAll('\\n', '\n')).export({ type: 'pkcs8', format: 'pem' }).toString()
}
