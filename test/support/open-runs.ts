// Open check runs and plans remembered in memory, for tests of a job without a database.
import type { CheckedJob, OpenRuns, Plans } from '../../src/ledger.ts'

/** Forgets when the test ends. */
export function rememberRuns(): OpenRuns {
  const open = new Set<string>()
  const keyOf = ({ repository, ...job }: CheckedJob) =>
    `${repository.id}/${job.kind === 'pull' ? job.number : job.head} `
  return {
    heads: async (job) => [...open].filter((one) => one.startsWith(keyOf(job))).map((one) => one.split(' ')[1]!),
    begin: async (job, head) => void open.add(keyOf(job) + head),
    end: async (job, head) => void open.delete(keyOf(job) + head),
  }
}

/** The same for plans that wait to be published. */
export function rememberPlans(): Plans {
  const kept = new Map<string, string>()
  const keyOf = ({ repository, ...job }: CheckedJob) =>
    `${repository.id}/${job.kind === 'pull' ? job.number : job.head}`
  return {
    find: async (job) => kept.get(keyOf(job)) ?? null,
    keep: async (job, plan) => void kept.set(keyOf(job), plan),
    drop: async (job) => void kept.delete(keyOf(job)),
  }
}
