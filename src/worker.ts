// A worker thread of the pool: some files in, their findings out. It has the rules; they never travel.
import { analyse, releaseTrees } from '#engine'
import type { FileReport } from '#engine'
import { rules } from '#rules'
import { announceStart } from './pool.ts'
import type { Batch } from './pool.ts'

/** What the pool calls, once for each batch. */
export default async function analyseInThread(batch: Batch): Promise<FileReport[]> {
  announceStart(batch)
  const reports: FileReport[] = []
  for (const file of batch.files) {
    reports.push(analyse(file, rules))
    await releaseTrees()
  }
  return reports
}
