// Path patterns of the configuration. Knows no file system, and takes time linear in the pattern for each character of a path.

const MAX_LENGTH = 200
const MAX_ALTERNATIVES = 50

/**
 * Whether `path` is covered: `*` and `?` stay within a folder, `**` spans folders, `{a,b}` gives alternatives.
 * A pattern without wildcards names a file, or a folder with all in it.
 */
export function matchesGlob(glob: string, path: string): boolean {
  const names = path.split('/')
  return (expand(glob) ?? []).some((pattern) => matchRun(segments(pattern), names, '**', matchesName))
}

/** Why a pattern can't be used, for the person who wrote it; null where it can. */
export function whyNotGlob(glob: string): string | null {
  if (glob === '') return 'it is empty'
  if (glob.length > MAX_LENGTH) return `it is longer than ${MAX_LENGTH} characters`
  if (/^!|[[\]()\\]/.test(glob)) return 'only `*`, `**`, `?` and `{a,b}` have a meaning here'
  if (expand(glob) === null)
    return `its braces are not closed, are nested, or give more than ${MAX_ALTERNATIVES} patterns`
  return null
}

function segments(pattern: string): string[] {
  const relative = pattern.replace(/^(?:\.?\/)+/, '')
  const folder = relative.endsWith('/') || !/[*?]/.test(relative)
  return (folder ? `${relative.replace(/\/+$/, '')}/**` : relative).split('/')
}

function matchesName(pattern: string, name: string): boolean {
  return matchRun(pattern, name, '*', (expected, character) => expected === '?' || expected === character)
}

/**
 * Greedy matching with one point to go back to: a later star makes every earlier choice good enough, so nothing is
 * tried twice. Backtracking matchers take minutes for `*a*a*a*a*b`.
 */
function matchRun<T extends string>(
  pattern: ArrayLike<T>,
  items: ArrayLike<T>,
  star: string,
  matches: (expected: T, item: T) => boolean,
): boolean {
  let at = 0
  let item = 0
  let afterStar = -1
  let retry = 0
  while (item < items.length) {
    if (pattern[at] === star) {
      afterStar = ++at
      retry = item
    } else if (at < pattern.length && matches(pattern[at]!, items[item]!)) {
      at++
      item++
    } else if (afterStar !== -1) {
      at = afterStar
      item = ++retry
    } else {
      return false
    }
  }
  while (pattern[at] === star) at++
  return at === pattern.length
}

/** `lib/{a,b}` gives `lib/a` and `lib/b`; null where the braces make no sense. */
function expand(glob: string): string[] | null {
  const open = glob.indexOf('{')
  if (open === -1) return glob.includes('}') ? null : [glob]
  const close = glob.indexOf('}', open)
  const inner = glob.slice(open + 1, close)
  if (close === -1 || inner.includes('{') || glob.lastIndexOf('}', open) !== -1) return null
  const rest = expand(glob.slice(close + 1))
  if (rest === null) return null
  const patterns = inner.split(',').flatMap((choice) => rest.map((tail) => glob.slice(0, open) + choice + tail))
  return patterns.length > MAX_ALTERNATIVES ? null : patterns
}
