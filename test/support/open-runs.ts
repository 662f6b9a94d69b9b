// Open check runs remembered in memory, for tests of a job without a database.
import type { CheckedJob, OpenRuns } from '../../src/ledger.ts'

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
