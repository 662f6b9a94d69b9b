// A pool's program that reads files as ours does, and fails on some of them with all of their text in its message.
import type { FileReport } from '#engine'
import { announceStart } from '../../src/pool.ts'
import type { Task } from '../../src/pool.ts'
import analyse from '../../src/worker.ts'

export default async function quote(task: Task): Promise<FileReport> {
  const { path, source } = task.file
  if (!path.endsWith('quoted.ex')) return analyse(task)
  announceStart(task)
  throw new SyntaxError(`this can not be read: ${source}`)
}
