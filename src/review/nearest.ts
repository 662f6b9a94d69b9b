// "Did you mean": the known name that a mistyped one is closest to.

/** Null where none is close enough to be meant: one slip in three letters, or its beginning. */
export function nearest(name: string, known: Iterable<string>): string | null {
  const wanted = name.slice(0, 64).toLowerCase()
  let best: string | null = null
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1
  for (const candidate of known) {
    const distance = distanceTo(candidate.toLowerCase(), wanted, least)
    if (distance >= least) continue
    least = distance
    best = candidate
  }
  return best
}

function distanceTo(candidate: string, wanted: string, limit: number): number {
  const isShortened = wanted.length >= 3 && candidate.startsWith(wanted)
  return isShortened ? 1 : editDistance(wanted, candidate, limit)
}

/** Insertions, deletions and replacements that turn `a` into `b`; any number from `limit` on means "too many". */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}
