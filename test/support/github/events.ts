// Something happened that apps may hear of.
import type { Writer } from './json.ts'
import type { Account, Repository, World } from './world.ts'

export interface Event {
  name: string
  action: string | null
  /** Whose installation hears of it. */
  account: Account
  repository: Repository | null
  sender: Account
  /** The event's own part of the payload; repository, sender and installation are added on delivery. */
  payload: Record<string, unknown>
}

/** What every part of the stand-in works on. */
export interface GitHub {
  world: World
  write: Writer
  /** Settles when the webhook has been delivered, or was not wanted. */
  emit: (event: Event) => Promise<void>
}
