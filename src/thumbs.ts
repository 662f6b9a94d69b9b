// Owns which thumbs-down on our comments were counted. Forgets with the process, as counters do.
import { LRUCache } from 'lru-cache'
import type { Said } from './review/snapshot.ts'

const MOST_COMMENTS = 10_000

/** Gives the rules of thumbs-down that it was not shown before, one for each. */
export function watchThumbs(): (said: readonly Said[]) => string[] {
  const seen = new LRUCache<number, number>({ max: MOST_COMMENTS })
  return (said) =>
    said.flatMap(({ id, thumbsDown, marker }) => {
      const fresh = Math.max(0, thumbsDown - (seen.get(id) ?? 0))
      if (fresh > 0) seen.set(id, thumbsDown)
      return Array<string>(fresh).fill(marker.rule)
    })
}
