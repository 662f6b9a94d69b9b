// The waits that GitHub asked one installation for: nothing goes out before they are over. Knows no request.
import type { RateLimitedError } from './errors.ts'

export interface Gate {
  /** Resolves when a request may go out. Throws where that is later than a worker should be held. */
  pass(): Promise<void>
  /** Lets nothing out while a request that was refused waits for its second try. */
  hold(seconds: number): void
  /** Lets nothing out until the limit has ended. */
  close(limit: RateLimitedError): void
  /** When to come back where GitHub does not say: in a minute, and later each time that it refuses again soon after. */
  guess(): Date
}

const SHORTEST_SECONDS = 60
const LONGEST_SECONDS = 3600

/** `wait` is how seconds pass. */
export function createGate(wait: (seconds: number) => Promise<void>): Gate {
  const holds = new Set<Promise<void>>()
  let limit: RateLimitedError | null = null
  let guessed = { seconds: 0, until: 0 }

  return {
    async pass() {
      while (holds.size > 0) await Promise.all(holds)
      if (limit !== null && limit.retryAt.getTime() > Date.now()) throw limit
    },
    hold(seconds) {
      const held: Promise<void> = wait(seconds).finally(() => holds.delete(held))
      holds.add(held)
    },
    close(next) {
      if (limit === null || next.retryAt > limit.retryAt) limit = next
    },
    // https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
    guess() {
      const now = Date.now()
      if (now >= guessed.until) {
        const isAgain = now < guessed.until + guessed.seconds * 1000
        const seconds = isAgain ? Math.min(2 * guessed.seconds, LONGEST_SECONDS) : SHORTEST_SECONDS
        guessed = { seconds, until: now + seconds * 1000 }
      }
      return new Date(guessed.until)
    },
  }
}
