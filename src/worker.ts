// A worker thread of the pool: one file in, its findings out. It has the rules; they never travel.
import { analyse, releaseTrees } from '#engine'
import type { FileReport } from '#engine'
import { rules } from '#rules'
import { announceStart, selectionOf } from './pool.ts'
import type { Task } from './pool.ts'

/** What the pool calls, once for each file. */
export default async function analyseInThread(task: Task): Promise<FileReport> {
  announceStart(task)
  const report = analyse({ ...task.file, selection: selectionOf(task) }, rules)
  await releaseTrees()
  return report
}
