// What the services' logs say of their jobs.
import type { ServiceProcess } from '../support/service-process.ts'

export interface FinishedJob {
  /** The pull request. */
  subject: string
  /** Milliseconds since 1970. */
  from: number
  to: number
}

/** The reviews that a service has done so far. */
export function finishedJobs(service: ServiceProcess): FinishedJob[] {
  const lines = service.lines({ msg: 'job done' }) as { time: number; ms: number; repo: string; pr: number }[]
  return lines.map(({ time, ms, repo, pr }) => ({ subject: `${repo}#${pr}`, from: time - ms, to: time }))
}

/** The pull requests that two jobs were about at the same time. */
export function overlaps(jobs: readonly FinishedJob[]): string[] {
  const bySubject = Map.groupBy(jobs, ({ subject }) => subject)
  return [...bySubject].flatMap(([subject, own]) => {
    const sorted = own.toSorted((a, b) => a.from - b.from)
    // The clock of the log has whole milliseconds.
    return sorted.some((job, index) => index > 0 && job.from + 2 < sorted[index - 1]!.to) ? [subject] : []
  })
}
