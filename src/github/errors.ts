// What can go wrong between us and GitHub, as a closed set. It knows no job: nobody above this folder sees a status code.

/** The pull request moved while we read it: nothing was posted. */
export class StaleHeadError extends Error {
  override name = 'StaleHeadError'
  readonly expected: string
  /** The head or base that GitHub has now; null where it did not say. */
  readonly actual: string | null

  constructor(expected: string, actual: string | null, options?: ErrorOptions) {
    super('The pull request moved while it was being reviewed.', options)
    this.expected = expected
    this.actual = actual
  }
}

/** The installation did not grant a permission; the owner can. */
export class MissingPermissionError extends Error {
  override name = 'MissingPermissionError'
  /** As GitHub names it, with the access needed: `pull_requests:write`. */
  readonly permission: string

  constructor(permission: string, options?: ErrorOptions) {
    super(`The installation lacks the permission ${permission}: its owner can grant it in the App's settings.`, options)
    this.permission = permission
  }
}

/** The repository, the pull request or the installation is no longer there for us. */
export class GoneError extends Error {
  override name = 'GoneError'

  constructor(options?: ErrorOptions) {
    super('GitHub does not have it any more, or does not show it to this installation.', options)
  }
}

/** GitHub asked us to wait for longer than a worker should be held. */
export class RateLimitedError extends Error {
  override name = 'RateLimitedError'
  readonly retryAt: Date

  constructor(retryAt: Date, options?: ErrorOptions) {
    super(`GitHub asks to wait until ${retryAt.toISOString()}.`, options)
    this.retryAt = retryAt
  }
}

/** No answer, half an answer, or GitHub's own failure. Whether a write took effect is not known. */
export class GitHubUnavailableError extends Error {
  override name = 'GitHubUnavailableError'

  constructor(options?: ErrorOptions) {
    const isUntrusted = codesOf(options?.cause).some((code) => UNTRUSTED.has(code))
    super(isUntrusted ? HOW_TO_TRUST : 'GitHub did not answer, or failed.', options)
  }
}

const UNTRUSTED: ReadonlySet<unknown> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])
const HOW_TO_TRUST =
  "GitHub's certificate is not trusted: set NODE_EXTRA_CA_CERTS to a file with the certificate of its authority, and start again."

/** Of an error and all that caused it. */
function codesOf(error: unknown): unknown[] {
  return error instanceof Error ? [(error as { code?: unknown }).code, ...codesOf(error.cause)] : []
}

/** GitHub understood and would not do it, now or later. */
export class RefusedError extends Error {
  override name = 'RefusedError'

  constructor(reason: string, options?: ErrorOptions) {
    super(`GitHub refused: ${reason}`, options)
  }
}

/** GitHub does not take our key or token. */
export class CredentialsError extends Error {
  override name = 'CredentialsError'

  constructor(options?: ErrorOptions) {
    super(
      "GitHub does not accept the App's credentials: check the App's id, its private key and this machine's clock.",
      options,
    )
  }
}

const NAMED = [
  StaleHeadError,
  MissingPermissionError,
  GoneError,
  RateLimitedError,
  GitHubUnavailableError,
  RefusedError,
  CredentialsError,
]

/** One entry of `errors` in a GraphQL answer. */
export interface GraphQLProblem {
  type?: string
  message: string
  path?: readonly (string | number)[]
  extensions?: { code?: string }
}

type Headers = Record<string, string | number | undefined>

/** What the library's errors have in common. */
interface Failure extends Error {
  status?: number
  request?: { method?: string; url?: string }
  response?: { status: number; headers?: Headers; data?: unknown } | undefined
}

/**
 * What GitHub says of a failure, in a line. The library puts the whole answer into the message, and that quotes what was
 * sent: other people's code.
 */
export function reasonOf({ message, response }: Failure): string {
  if (response === undefined) return message
  const { data } = response
  if (typeof data !== 'object' || data === null || !('message' in data)) return `status ${response.status}`
  const { message: first, errors } = data as { message: unknown; errors?: unknown }
  const others = (Array.isArray(errors) ? errors : []).map((each: unknown) => {
    const { message: text, resource, field, code } = Object(each) as Record<string, unknown>
    return typeof each === 'string' ? each : (text ?? [resource, field, code].filter(Boolean).join(' '))
  })
  return [first, ...others].map((text) => String(text).split('\n', 1)[0]!.slice(0, 200)).join('; ')
}

/** Any failure of a call as one of ours; a mistake in our own program stays what it is. `guess`: see `Gate`. */
export function toNamedError(error: unknown, guess: () => Date): unknown {
  if (NAMED.some((named) => error instanceof named)) return error
  if (!(error instanceof Error)) return error
  const failure: Failure = error
  const options = { cause: error }

  const limited = () => new RateLimitedError(retryAt(failure.response?.headers ?? {}) ?? guess(), options)

  // The throttling plugin's own error for a GraphQL answer that says RATE_LIMITED has no status.
  if (failure.message === 'GraphQL Rate Limit Exceeded') return limited()
  if (failure.status === undefined) return error
  if (isPrimaryLimit(failure) || isSecondaryLimit(failure)) return limited()
  if (failure.status >= 500) return new GitHubUnavailableError(options)
  if (failure.status === 401) return new CredentialsError(options)
  if (failure.status === 404 || failure.status === 410 || failure.status === 451) return new GoneError(options)
  if (failure.status === 422 && /submitted too quickly/i.test(failure.message)) return limited()
  if (failure.status !== 403) return new RefusedError(failure.message, options)
  if (/suspended|archived|access blocked/i.test(failure.message)) return new GoneError(options)
  if (/\block(ed)?\b/i.test(failure.message)) return new RefusedError(failure.message, options)
  return new MissingPermissionError(permissionOf(failure), options)
}

/** The same for a problem in a GraphQL answer, which fails with status 200, where it is no limit. */
export function fromGraphQL(problem: GraphQLProblem, access: 'read' | 'write'): Error {
  const options = { cause: new Error(problem.message) }
  if (problem.type === 'NOT_FOUND') return new GoneError(options)
  if (problem.type === 'FORBIDDEN') return new MissingPermissionError(permissionAt(problem.path ?? [], access), options)
  if (problem.type === 'UNPROCESSABLE' || problem.extensions?.code) return new RefusedError(problem.message, options)
  return new GitHubUnavailableError(options)
}

/** A limit in a GraphQL answer; the secondary one has no type of its own. */
export function isLimit({ type, message }: GraphQLProblem): boolean {
  return type === 'RATE_LIMITED' || SECONDARY.test(message)
}

function isPrimaryLimit({ status, response }: Failure): boolean {
  return (status === 403 || status === 429) && String(response?.headers?.['x-ratelimit-remaining']) === '0'
}

/** Too much at once, as opposed to too much in an hour. It shows in the status, in a header or only in the message. */
export function isSecondaryLimit(failure: Failure): boolean {
  if (isPrimaryLimit(failure)) return false
  if (failure.status === 429) return true
  if (failure.status !== 403) return false
  return failure.response?.headers?.['retry-after'] !== undefined || SECONDARY.test(failure.message)
}

const SECONDARY = /rate limit|abuse detection/i

// https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
/** When a limit ends; null where GitHub does not say. */
export function retryAt(headers: Headers): Date | null {
  const after = Number(headers['retry-after'])
  if (after > 0) return new Date(Date.now() + after * 1000)
  const reset = (Number(headers['x-ratelimit-reset']) + 1) * 1000
  // By a clock that is ahead of GitHub's it is over before it began.
  return String(headers['x-ratelimit-remaining']) === '0' && reset > Date.now() ? new Date(reset) : null
}

function permissionOf({ request, response }: Failure): string {
  const accepted = String(response?.headers?.['x-accepted-github-permissions'] ?? '')
  const named = /^(\w+)=(\w+)/.exec(accepted)
  if (named) return `${named[1]}:${named[2]}`
  const url = request?.url ?? ''
  const access = request?.method === 'GET' ? 'read' : 'write'
  if (/\/check-(runs|suites)/.test(url)) return `checks:${access}`
  if (/\/(pulls|issues)\b/.test(url)) return `pull_requests:${access}`
  return `contents:${access}`
}

function permissionAt(path: readonly (string | number)[], access: 'read' | 'write'): string {
  if (access === 'write') return 'pull_requests:write'
  if (path.includes('checkSuites')) return 'checks:read'
  return path.at(-1) === 'pullRequest' || path.includes('reviewThreads') ? 'pull_requests:read' : 'contents:read'
}
