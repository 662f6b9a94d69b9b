// Which of some words stand in a text, and where. It knows nothing of what they mean.

/** The words found in one text. */
export class FoundWords {
  private readonly offsets: ReadonlyMap<string, readonly number[]>

  constructor(offsets: ReadonlyMap<string, readonly number[]>) {
    this.offsets = offsets
  }
  has(word: string): boolean {
    return this.offsets.has(word)
  }
  /** Where any of these words begins, in order. */
  placesOf(words: Iterable<string>): Places {
    const all: number[] = []
    let lists = 0
    for (const word of words) {
      const offsets = this.offsets.get(word)
      if (offsets === undefined) continue
      lists++
      for (const offset of offsets) all.push(offset)
    }
    return new Places(lists < 2 ? all : Int32Array.from(all).sort())
  }
}

/** Offsets in ascending order. */
export class Places {
  private readonly offsets: ArrayLike<number>

  constructor(offsets: ArrayLike<number>) {
    this.offsets = offsets
  }
  /** Whether one of them lies in the span. */
  touch(start: number, end: number): boolean {
    const { offsets } = this
    let low = 0
    let high = offsets.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (offsets[middle]! < start) low = middle + 1
      else high = middle
    }
    return low < offsets.length && offsets[low]! < end
  }
}

/** Finds words in a text, each as a whole: `call` is not in `callback`; signs (`:"`) anywhere. All in one pass. */
export function wordFinder(words: Iterable<string>): (text: string) => FoundWords {
  const all = [...new Set(words)]
  if (all.length === 0) return () => new FoundWords(new Map())
  const named = all.filter((word) => /^\w+$/.test(word))
  const signs = all.filter((word) => !/^\w+$/.test(word)).map((sign) => sign.replaceAll(/\W/g, '\\$&'))
  const pattern = new RegExp([...(named.length === 0 ? [] : [`\\b(?:${named.join('|')})\\b`]), ...signs].join('|'), 'g')
  return (text) => {
    const found = new Map<string, number[]>()
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const offsets = found.get(match[0])
      if (offsets === undefined) found.set(match[0], [match.index])
      else offsets.push(match.index)
    }
    return new FoundWords(found)
  }
}
