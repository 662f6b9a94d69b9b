// A pool's program that reads files as ours does, and fails on some of them with all of their text in its message.
import type { FileReport } from '#engine'
import { announceStart } from '../../src/pool.ts'
import type { Batch } from '../../src/pool.ts'
import analyse from '../../src/worker.ts'

export default async function quote(batch: Batch): Promise<FileReport[]> {
  const quoted = batch.files.find(({ path }) => path.endsWith('quoted.ex'))
  if (quoted === undefined) return analyse(batch)
  announceStart(batch)
  throw new SyntaxError(`this can not be read: ${quoted.source}`)
}
