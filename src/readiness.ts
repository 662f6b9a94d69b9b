// Owns whether this process can do its work, for whoever decides where deliveries go. It changes nothing.
import type { Logger } from 'pino'
import { CredentialsError, GoneError } from './github/index.ts'
import type { Clients } from './github/index.ts'
import type { Queue } from './queue.ts'

export interface Readiness {
  /** null: it takes deliveries and does the work; else why not. */
  problem(): Promise<string | null>
  /** From now on it is stopping. */
  stop(): void
}

const ASK_EVERY_MS = 300_000

/** Asks GitHub now and then whether it takes our key. That GitHub is down is no reason to turn deliveries away: they wait in the queue. */
export function watchReadiness(clients: Clients, queue: Queue, log: Logger): Readiness {
  let isStopping = false
  let isRefused = false

  async function askForCredentials(): Promise<void> {
    try {
      await clients.app.rest.apps.getAuthenticated()
      isRefused = false
    } catch (err) {
      // A wrong id is told as an app that is not there.
      if (err instanceof CredentialsError || err instanceof GoneError) isRefused = true
      if (!isStopping) log.warn({ err }, 'GitHub could not be asked who we are')
    }
  }
  void askForCredentials()
  const timer = setInterval(() => void askForCredentials(), ASK_EVERY_MS)

  return {
    problem: async () => {
      if (isStopping) return 'stopping'
      if (isRefused) return 'GitHub does not accept APP_ID with PRIVATE_KEY'
      return queue.check().then(
        () => null,
        () => 'the database does not answer',
      )
    },
    stop: () => {
      isStopping = true
      clearInterval(timer)
    },
  }
}
