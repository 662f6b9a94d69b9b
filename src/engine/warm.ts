// Keeps the compiled code of the engine over collections of memory.
import { collectsSoon } from '#elixir'
import type { FileFacts } from './facts.ts'

/** Source characters of a file that is worth its memory: half of all files are smaller than a tenth of this. */
const LARGEST = 30_000

let kept: FileFacts[] = []
let isFresh = false

/**
 * Keeps what is known of the files before a collection. One that finds no object of a shape left makes V8 drop all code
 * that was compiled for that shape (`--trace-deopt`: "embedded weak objects cleared"), and between two files there is
 * none of most: to compile it again took a quarter of a run. What is read earlier is let go, so that it dies young.
 */
export function keepWarm(facts: FileFacts, { length }: string): void {
  if (!collectsSoon()) {
    isFresh = false
    return
  }
  if (length > LARGEST) return
  if (!isFresh) kept = []
  isFresh = true
  kept.push(facts)
}
