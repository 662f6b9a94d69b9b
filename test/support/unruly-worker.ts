// A pool's program that does to its thread what the name of the file says.
import type { FileReport } from '#engine'
import { announceStart } from '../../src/pool.ts'
import type { Batch } from '../../src/pool.ts'

export default function misbehave(batch: Batch): FileReport[] {
  announceStart(batch)
  return batch.files.map(({ path }) => misbehaveAt(path))
}

function misbehaveAt(path: string): FileReport {
  const does = (what: string) => path.endsWith(`${what}.ex`)
  if (does('loops')) for (;;);
  if (does('throws')) throw new Error('broken')
  if (does('exits')) process.exit(7)
  // In small pieces: what asks for much at once takes the whole process down, whatever limit its thread has.
  if (does('eats memory')) for (const eaten: unknown[] = []; ;) eaten.push(Array.from({ length: 1e4 }, () => eaten))
  return { path, outcome: 'read', reason: null, errorLines: [], findings: [], suppressions: [], failedRules: [], ms: 1 }
}
