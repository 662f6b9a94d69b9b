// What a project's own files say of it: versions, dependencies, generated files. Plain data that travels to the worker.

/** Facts of the Mix project around a file. Unknown versions are null: rules then assume Elixir 1.15 and OTP 25. */
export interface ProjectFacts {
  /** Folder of the nearest `mix.exs`, '' for the repository root or where there is none. */
  root: string
  /** Lowest versions the project says it runs on, as [major, minor]. */
  elixir: readonly [number, number] | null
  otp: number | null
  /** Dependencies by name with their locked version, '' where only `mix.exs` names them. */
  deps: Readonly<Record<string, string>>
  /** Whether any `mix.exs` was at hand: without one nothing is known of dependencies. */
  hasMix: boolean
  /** Patterns of `.gitattributes` marked `linguist-generated`, relative to the folder of that file. */
  generated: readonly { folder: string; pattern: string }[]
  /** The module of `escript: [main_module: M]`. */
  escript: string | null
}

export const UNKNOWN_PROJECT: ProjectFacts = {
  root: '',
  elixir: null,
  otp: null,
  deps: {},
  hasMix: false,
  generated: [],
  escript: null,
}

/** The project facts for one file out of the project files above it. Nothing in them can make it throw. */
export function readProject(files: readonly { path: string; text: string }[], path: string): ProjectFacts {
  const above = (name: string): { folder: string; text: string }[] =>
    files
      .filter((file) => file.path === name || file.path.endsWith(`/${name}`))
      .map((file) => ({
        folder: file.path.slice(0, file.path.length - name.length).replace(/\/$/, ''),
        text: file.text,
      }))
      .filter(({ folder }) => folder === '' || path.startsWith(`${folder}/`))
      .sort((a, b) => b.folder.length - a.folder.length)

  // No pattern here may cross lines by white space: on a file of blank lines that would take the square of its length.
  const mixes = above('mix.exs')
  const deps: Record<string, string> = {}
  for (const { text } of mixes) {
    for (const [, name] of text.matchAll(/\{[ \t]*:([a-z_][a-z0-9_]*)[ \t]*,/g)) deps[name!] ??= ''
  }
  for (const { text } of above('mix.lock')) {
    for (const [, name, version] of text.matchAll(
      /^[ \t]*"([a-z0-9_]+)":[ \t]*\{:hex,[ \t]*:[a-z0-9_]+,[ \t]*"([^"]+)"/gm,
    )) {
      deps[name!] = version!
    }
    for (const [, name] of text.matchAll(/^[ \t]*"([a-z0-9_]+)":[ \t]*\{:(?:git|path),/gm)) deps[name!] ??= ''
  }
  /** The first of what a pattern finds in some files, the nearest first. */
  const find = (found: readonly { text: string }[], pattern: RegExp): string | null =>
    found.map(({ text }) => pattern.exec(text)?.[1]).find((each) => each !== undefined) ?? null
  const tools = [...above('.tool-versions'), ...above('mise.toml')]
  const requirement = find(mixes, /\belixir:[ \t]*"([^"\n]+)"/)
  const lowest = requirement === null ? null : /(\d+)\.(\d+)/.exec(requirement)
  const otp =
    find(tools, /^[ \t]*"?erlang"?[ \t=]*"?(?:ref:OTP-)?(\d+)/m) ??
    find(tools, /^[ \t]*"?elixir"?[ \t=]*"?\S*-otp-(\d+)/m)
  return {
    root: mixes[0]?.folder ?? '',
    elixir: lowest === null ? null : [Number(lowest[1]), Number(lowest[2])],
    otp: otp === null ? null : Number(otp),
    deps,
    hasMix: mixes.length > 0,
    generated: above('.gitattributes').flatMap(({ folder, text }) =>
      text
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(([, ...attributes]) =>
          attributes.some((each) => each === 'linguist-generated' || each === 'linguist-generated=true'),
        )
        .map(([pattern]) => ({ folder, pattern: pattern! })),
    ),
    escript: find(mixes, /\bmain_module:[ \t]*([A-Z][\w.]*)/),
  }
}

/** Why no rule runs on a file, by its path and first lines; null for code that is reviewed. */
export type NotReviewed = 'test' | 'script' | 'generated' | 'vendored' | 'template' | 'too large' | 'binary'

/** Files larger than this (in bytes of UTF-8, about) are not read. */
export const MAX_SOURCE_BYTES = 400_000

/** Decides by path, size and first lines alone; `use ExUnit.Case` is for the engine to see. */
export function notReviewed(path: string, source: string, project: ProjectFacts): NotReviewed | null {
  const folders = path.split('/')
  const name = folders.pop() ?? ''
  const isInProject = project.root !== '' && path.startsWith(`${project.root}/`)
  const depth = isInProject ? project.root.split('/').length : 0
  const lib = folders.indexOf('lib', depth)
  // What a folder is for is said above `lib`: `lib/shop/vendor` holds the shop's own code about vendors.
  const above = new Set(lib < 0 ? folders : folders.slice(0, lib))
  const isAbove = (...names: readonly string[]): boolean => names.some((each) => above.has(each))

  if (isAbove('deps', 'vendor') || folders.includes('_build') || folders.includes('node_modules')) return 'vendored'
  if (/(?:^|\/)(?:installer|priv)\/templates\//.test(path)) return 'template'
  if (isAbove('test', 'tests', 'spec', 'test_support')) return 'test'
  if ([...above].some((each) => /^(?:integration_tests?|test_integrations?)$/.test(each))) return 'test'
  if (['_test.exs', '_test.ex', '_case.ex'].some((ending) => name.endsWith(ending))) return 'test'
  if (isAbove('examples', 'example', 'config', 'rel') || [...above].some((each) => each.startsWith('bench')))
    return 'script'
  // `elixirc_paths(:dev)` is `["lib", "dev"]` where a library has something to try it with.
  if (['dev', 'doc', 'docs'].includes(folders[depth] ?? '') || (folders[depth] === 'demo' && lib < 0)) return 'script'
  if (name.endsWith('.exs') || /(?:^|\/)priv\/(?:\w+\/)?(?:repo|migrations|seeds)\//.test(path)) return 'script'
  if (name.endsWith('.pb.ex')) return 'generated'
  if (source.length > MAX_SOURCE_BYTES || Buffer.byteLength(source) > MAX_SOURCE_BYTES) return 'too large'
  if (source.includes('\0')) return 'binary'
  if (source.split('\n', 5).some((line) => /^\s*#.*\b(?:generated|do not edit)\b/i.test(line))) return 'generated'
  if (project.generated.some(({ folder, pattern }) => matchesAttribute(path, folder, pattern))) return 'generated'
  return null
}

/** The part of gitattributes patterns that projects use for generated files: names, folders, `?`, `*` and `**`. */
function matchesAttribute(path: string, folder: string, pattern: string): boolean {
  if (folder !== '' && !path.startsWith(`${folder}/`)) return false
  const relative = folder === '' ? path : path.slice(folder.length + 1)
  const anchored = pattern.replace(/^\//, '')
  // A pattern without a slash is about names, wherever they stand.
  return matchesGlob(relative, anchored === pattern && !pattern.includes('/') ? `**/${pattern}` : anchored)
}

/** Longer patterns match nothing. */
const MAX_PATTERN = 300

/**
 * Whether a path, or a folder above it, matches. Patterns come from strangers, so all ways to match are followed side
 * by side, a character at a time: a regular expression would try them one after the other, and take for ever.
 */
function matchesGlob(path: string, pattern: string): boolean {
  if (pattern.length > MAX_PATTERN) return false
  const tokens = pattern.match(/\*\*\/?|[^]/gu) ?? []
  let positions = new Set<number>()
  /** A star can stand for nothing. */
  const arrive = (at: number, reached: Set<number>): void => {
    reached.add(at)
    if (tokens[at]?.startsWith('*') === true) arrive(at + 1, reached)
  }
  arrive(0, positions)
  for (const [index, char] of [...path, '/'].entries()) {
    if (char === '/' && index > 0 && positions.has(tokens.length)) return true
    const reached = new Set<number>()
    for (const at of positions) {
      const token = tokens[at]
      if (token === char || (token === '?' && char !== '/')) arrive(at + 1, reached)
      else if (token === '**' || (token === '*' && char !== '/')) arrive(at, reached)
      else if (token === '**/') {
        reached.add(at)
        if (char === '/') arrive(at + 1, reached)
      }
    }
    positions = reached
  }
  return false
}
