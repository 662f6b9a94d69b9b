// What a case says of itself, for the table.
import type { TestContext } from 'vitest'

export interface Row {
  /** null where no database is in play. */
  database: 'PGlite' | 'PostgreSQL' | null
  runs: number
  injected: string
  /** What was seen, in numbers where there are any. */
  outcome: string
  /** Milliseconds, or a text where one number does not say it. */
  took: number | string
}

declare module 'vitest' {
  interface TaskMeta {
    row?: Row
  }
}

/** Puts the case into the table; to be called when all was checked. */
export function report({ task }: TestContext, row: Row): void {
  task.meta.row = row
}

/** The `q`-quantile of some times, in whole milliseconds. */
export function quantile(times: readonly number[], q: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0)
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
