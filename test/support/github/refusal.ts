// GitHub's answers, good and bad.

export interface Answer {
  status: number
  body?: unknown
  headers?: Record<string, string>
}

/** GitHub says no: what the real service would answer. */
export class Refusal extends Error {
  readonly status: number
  readonly body: Record<string, unknown>

  constructor(status: number, message: string, more: Record<string, unknown> = {}) {
    super(message)
    this.status = status
    this.body = { message, ...more, documentation_url: 'https://docs.github.com/rest', status: String(status) }
  }
}

/** A request that no client of GitHub may send, or something that the stand-in cannot do: always a failure of the test. */
export class Violation extends Error {}

export const notFound = () => new Refusal(404, 'Not Found')
export const notAccessible = () => new Refusal(403, 'Resource not accessible by integration')

/** As GitHub answers when a value is well-formed but not acceptable. */
export function unprocessable(...errors: unknown[]): Refusal {
  return new Refusal(422, 'Unprocessable Entity', { errors })
}

export function validationFailed(resource: string, field: string, message: string): Refusal {
  return new Refusal(422, 'Validation Failed', { errors: [{ resource, code: 'custom', field, message }] })
}
