// What the rest of the program may use of GitHub.
export { createClients } from './client.ts'
export type { Client, ClientOptions, Clients, RequestRecord } from './client.ts'
export { beginRun, concludeRun, hasResult, readNote } from './check-run.ts'
export type { Run, RunOptions, RunSubject } from './check-run.ts'
export { readContext } from './context.ts'
export { ACCESS, react, readAccess, sayAnswer } from './conversation.ts'
export type { Access, Reaction } from './conversation.ts'
export type { Context, GroupTarget, PullTarget } from './context.ts'
export {
  CredentialsError,
  GitHubUnavailableError,
  GoneError,
  MissingPermissionError,
  RateLimitedError,
  RefusedError,
  StaleHeadError,
} from './errors.ts'
export { concludeLeftRuns } from './left-runs.ts'
export { publish } from './publish.ts'
export type { Published } from './publish.ts'
export { readBases, readSnapshot } from './read.ts'
export { askForDelivery, listDeliveries, listInstalled, readInstalled, searchOpenPulls } from './recovery.ts'
export type { DeliveryAttempt, Installed, OpenPull } from './recovery.ts'
export { readSubjects } from './subjects.ts'
export type { ReadMarker } from './threads.ts'
