// Reads the Markdown case files under test/rules: Elixir in fences, `# finding` on each line that gets a finding.
import { SEVERITIES, type FileReport, type Severity } from '#engine'

/** One `## heading` with its fences. */
export interface Case {
  /** Where it stands, for people: a Markdown file, or the rule whose example it is. */
  origin: string
  name: string
  sources: CaseSource[]
  projectFiles: { path: string; text: string }[]
}

/** One Elixir file of a case, complete: a snippet already stands in its module. */
export interface CaseSource {
  path: string
  text: string
  /** Lines that the origin has above line 1 of `text`; negative where the reader put a module head before it. */
  linesAbove: number
  expected: Expected[]
  /** Whether problems of the strict set are wanted. */
  strict: boolean
  /** A typo in a case must not pass as silence, so anything but `read` has to be said. */
  outcome: FileReport['outcome']
}

/** One finding that a `# finding` comment asks for. */
interface Expected {
  /** 1-based, in the source. */
  line: number
  /** null: any. */
  severity: Severity | null
}

class CaseError extends Error {
  override name = 'CaseError'
}

const PROJECT_FILES = ['mix.exs', 'mix.lock', '.tool-versions', 'mise.toml', '.gitattributes']
const WHOLE_FILE = /^(defmodule|defprotocol|defimpl)\b/m

/** Throws a CaseError that names the line wherever the file is not what its author can have meant. */
export function readCases(origin: string, markdown: string): Case[] {
  const cases: Case[] = []
  const lines = markdown.split('\n')
  let index = 0
  while (index < lines.length) {
    const line = lines[index]!
    const heading = /^## +(.+?) *$/.exec(line)
    if (heading !== null) {
      const name = heading[1]!
      if (cases.some((other) => other.name === name)) fail(index, `there is another case "${name}"`)
      cases.push({ origin, name, sources: [], projectFiles: [] })
    }
    const fence = /^(```+) *(.*?) *$/.exec(line)
    if (fence === null) {
      index++
      continue
    }
    const end = lines.indexOf(fence[1]!, index + 1)
    if (end < 0) fail(index, 'this fence is never closed')
    const current = cases.at(-1)
    if (current === undefined) return fail(index, 'a fence needs a `## heading` above it')
    const body = lines.slice(index + 1, end).join('\n')
    addFence(current, fence[2]!, body, index + 1)
    index = end + 1
  }
  for (const { name, sources } of cases) {
    if (sources.length === 0) throw new CaseError(`${origin}: the case "${name}" has no Elixir fence`)
  }
  return cases

  function addFence(current: Case, info: string, body: string, linesAbove: number): void {
    try {
      const projectFile = projectFileOf(info)
      if (projectFile !== null) current.projectFiles.push({ path: projectFile, text: `${body}\n` })
      else current.sources.push(readSource(info, body, linesAbove, current.sources.length + 1))
    } catch (error) {
      if (error instanceof CaseError) fail(linesAbove - 1, error.message)
      throw error
    }
  }

  function fail(at: number, what: string): never {
    throw new CaseError(`${origin}:${at + 1}: ${what}`)
  }
}

/** Both ```` ```mix.exs ```` and ```` ```elixir apps/web/mix.exs ```` name a project file. */
function projectFileOf(info: string): string | null {
  const words = info.split(/ +/)
  const path = words.length === 1 ? words[0]! : words[0] === 'elixir' && words.length === 2 ? words[1]! : ''
  return PROJECT_FILES.includes(path.split('/').at(-1)!) ? path : null
}

/** A source out of a fence, or out of an example (whose info is `elixir`). */
export function readSource(info: string, body: string, linesAbove: number, ordinal = 1): CaseSource {
  const { path, use, strict, outcome } = readInfo(info)
  const own = path ?? `lib/my_app/sample${ordinal === 1 ? '' : `_${ordinal}`}.ex`
  const isWhole = WHOLE_FILE.test(body) || own.endsWith('.exs')
  if (isWhole && use !== null) throw new CaseError(`a whole module writes its own \`${use}\``)
  const head = isWhole ? [] : ['defmodule MyApp.Sample do', ...(use === null ? [] : [`  ${use}`])]
  const text = `${[...head, body, ...(isWhole ? [] : ['end'])].join('\n').trimEnd()}\n`
  return { path: own, text, linesAbove: linesAbove - head.length, expected: readExpected(text), strict, outcome }
}

function readInfo(info: string): {
  path: string | null
  use: string | null
  strict: boolean
  outcome: FileReport['outcome']
} {
  const [, language, rest] = /^(\S*) *(.*)$/.exec(info)!
  if (language !== 'elixir')
    throw new CaseError(`a fence is \`elixir\` or a project file (${PROJECT_FILES.join(', ')}), not \`${language}\``)
  const [, words, use] = /^(.*?)(use [A-Z].*)?$/.exec(rest!)!
  let path: string | null = null
  let strict = false
  let outcome: FileReport['outcome'] = 'read'
  for (const word of words!.split(' ').filter((each) => each !== '')) {
    if (word === 'strict') strict = true
    else if (word === 'partial' || word === 'skipped' || word === 'failed') outcome = word
    else if (/\.exs?$/.test(word)) path = word
    else
      throw new CaseError(
        `\`${word}\` is neither a path (lib/....ex), nor strict, partial, skipped, failed, nor \`use Module\` at the end`,
      )
  }
  return { path, use: use ?? null, strict, outcome }
}

function readExpected(text: string): Expected[] {
  return text.split('\n').flatMap((line, index) => {
    const comment = /#\s*finding\b(?![^#]*#)(.*)$/.exec(line)
    if (comment === null) return []
    const marker = /^(?: x([2-9]))?(?:: (\w+))?\s*$/.exec(comment[1]!)
    const severity = SEVERITIES.find((each) => each === marker?.[2]) ?? null
    if (marker === null || (marker[2] !== undefined && severity === null)) {
      throw new CaseError(`\`${comment[0]}\` is not \`# finding\`, \`# finding x2\` or \`# finding: warning\``)
    }
    return Array.from({ length: Number(marker[1] ?? 1) }, () => ({ line: index + 1, severity }))
  })
}
