// What goes wrong on purpose: answers replaced, delayed, cut or dropped, before or after the request had its effect.

export interface RecordedRequest {
  method: string
  /** `/repos/{owner}/{repo}/pulls/{pull_number}`, `/graphql`; the path itself where GitHub has no such route. */
  route: string
  path: string
  query: Record<string, string>
  body: unknown
  by: 'app' | 'installation' | 'nobody'
  at: Date
  /** 0 while it is unanswered, and where the connection was dropped. */
  status: number
  ms: number
}

/** `'POST /repos/{owner}/{repo}/check-runs'`, a pattern for such a string, or a question about the request. */
export type Matcher = string | RegExp | ((request: RecordedRequest) => boolean)

export interface Fault {
  /** `before` (where not given): the request has no effect. `after`: it has, and only the answer is lost. */
  when?: 'before' | 'after'
  /** Answered instead of the true answer. */
  status?: number
  headers?: Record<string, string>
  body?: unknown
  delayMs?: number
  /** `drop`: no answer, the connection is closed. `cut`: half of the answer, then the connection is closed. */
  connection?: 'drop' | 'cut'
}

interface Planned {
  matcher: Matcher
  fault: Fault & { until?: Promise<void>; reached?: (request: RecordedRequest) => void }
  left: number
}

export type Faults = ReturnType<typeof createFaults>

export function createFaults() {
  let planned: Planned[] = []

  return {
    /** The next `times` requests that match go wrong in this way. Faults planned earlier come first. */
    next(matcher: Matcher, fault: Fault, times = 1): void {
      planned.push({ matcher, fault, left: times })
    },

    /** Every request that matches goes wrong in this way, until `clear()`. */
    always(matcher: Matcher, fault: Fault): void {
      planned.push({ matcher, fault, left: Infinity })
    },

    /** Stops the next request that matches, so that a test can act at exactly that moment. */
    hold(matcher: Matcher, when: 'before' | 'after' = 'before') {
      const reached = Promise.withResolvers<RecordedRequest>()
      const until = Promise.withResolvers<void>()
      planned.push({ matcher, fault: { when, until: until.promise, reached: reached.resolve }, left: 1 })
      return { reached: reached.promise, release: () => until.resolve() }
    },

    clear(): void {
      planned = []
    },

    /** How many of the next requests that were to go wrong did not come yet. */
    left(): number {
      return planned.reduce((sum, { left }) => sum + (left === Infinity ? 0 : left), 0)
    },

    take(request: RecordedRequest): Planned['fault'] | undefined {
      const hit = planned.find((one) => one.left > 0 && matches(one.matcher, request))
      if (hit) hit.left -= 1
      return hit?.fault
    },
  }
}

/** GitHub's refusal of too much at once; null: without a word on how long. */
export function secondaryLimit(retryAfterSeconds: number | null = 60, status: 403 | 429 = 403): Fault {
  return {
    status,
    headers: retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) },
    body: {
      message: SECONDARY,
      documentation_url:
        'https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits',
    },
  }
}

const SECONDARY = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'

/** GitHub's refusal when the hour's requests are used up. */
export function primaryLimit(resetsAt: Date, status: 403 | 429 = 403): Fault {
  return {
    status,
    headers: usedUp(resetsAt),
    body: {
      message: 'API rate limit exceeded for installation.',
      documentation_url: 'https://docs.github.com/rest/overview/rate-limits-for-the-rest-api',
    },
  }
}

function usedUp(resetsAt: Date): Record<string, string> {
  return {
    'x-ratelimit-limit': '5000',
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': String(Math.floor(resetsAt.getTime() / 1000)),
  }
}

/** GraphQL says 200 and refuses in the body. */
export function graphqlLimit(resetsAt?: Date): Fault {
  return {
    status: 200,
    ...(resetsAt !== undefined && { headers: usedUp(resetsAt) }),
    body: { errors: [{ type: 'RATE_LIMITED', message: 'API rate limit exceeded for installation.' }] },
  }
}

/** The same for too much at once, which has no type. */
export function graphqlSecondaryLimit(retryAfterSeconds: number): Fault {
  return {
    status: 200,
    headers: { 'retry-after': String(retryAfterSeconds) },
    body: { data: null, errors: [{ message: SECONDARY }] },
  }
}

export function unavailable(status = 502, when: 'before' | 'after' = 'before'): Fault {
  return { status, when, body: { message: 'Server Error' } }
}

/** Half of an answer, of the length that was announced. */
export function garbled(when: 'before' | 'after' = 'before'): Fault {
  return { status: 200, when, body: Buffer.from('{"id": 1, "data": {"repository": {"pullReq') }
}

/** A query or mutation by the name of its operation. */
export function operation(name: string): Matcher {
  return ({ body }) => new RegExp(`\\b(query|mutation) ${name}\\b`).test(documentOf(body))
}

/** Only requests about this repository. */
export function within(fullName: string, matcher: Matcher): Matcher {
  return (request) => {
    const { owner, name } = ((request.body as { variables?: object } | null)?.variables ?? {}) as Record<
      string,
      unknown
    >
    const isHere = request.path.startsWith(`/repos/${fullName}/`) || `${owner}/${name}` === fullName
    return isHere && matches(matcher, request)
  }
}

/** The one that comes after so many that match, too. */
export function after(count: number, matcher: Matcher): Matcher {
  let seen = 0
  return (request) => matches(matcher, request) && ++seen > count
}

export function matches(matcher: Matcher, request: RecordedRequest): boolean {
  if (typeof matcher === 'function') return matcher(request)
  const line = `${request.method} ${request.route}`
  return typeof matcher === 'string' ? matcher === line : matcher.test(line)
}

function documentOf(body: unknown): string {
  return (body as { query?: string } | null | undefined)?.query ?? ''
}
