// Keeps the compiled code of the engine over collections of memory.
import { collectsSoon } from '#elixir'
import type { FileFacts } from './facts.ts'

let kept: FileFacts[] = []
let isFresh = false

/**
 * Keeps what is known of the files before a collection. One that finds no object of a shape left makes V8 drop all code
 * that was compiled for that shape (`--trace-deopt`: "embedded weak objects cleared"), and between two files there is
 * none of most: to compile it again took a quarter of a run. What is read earlier is let go, so that it dies young.
 */
export function keepWarm(facts: FileFacts): void {
  if (!collectsSoon()) {
    isFresh = false
    return
  }
  if (!isFresh) kept = []
  isFresh = true
  kept.push(facts)
}
