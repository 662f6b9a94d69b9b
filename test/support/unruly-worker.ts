// A pool's program that does to its thread what the path of the file says.
import type { FileReport } from '#engine'
import { announceStart } from '../../src/pool.ts'
import type { Task } from '../../src/pool.ts'

export default function misbehave(task: Task): FileReport {
  const { path } = task.file
  if (path === 'never begins') throw new Error('broken before it began')
  announceStart(task)
  if (path === 'loops') for (;;);
  if (path === 'throws') throw new Error('broken')
  if (path === 'eats memory') for (const eaten: unknown[] = []; ;) eaten.push(Array.from({ length: 1e6 }, () => eaten))
  return { path, outcome: 'read', reason: null, errorLines: [], findings: [], suppressions: [], failedRules: [], ms: 1 }
}
