// Runs the engine over many files, holding few texts at a time. Decides nothing about what is found.
import { availableParallelism } from 'node:os'
import { analyse, readProject, releaseTrees } from '#engine'
import type { CataloguedRule, FileReport, NotReadReason, ProjectFacts, Selection, SourceToAnalyse } from '#engine'
import { rules as allRules } from '#rules'

/** Below this many files, starting threads takes longer than they save. */
const FEW_FILES = 300
const FILE_TIME_LIMIT_MS = 10_000
/** Texts that each thread has waiting: two batches. */
const AHEAD = 32

export interface Source {
  path: string
  text: string
  /** Why it is not analysed, and stands in the report all the same. */
  unread?: NotReadReason
}

/** What decides how a file is analysed: the project around it, and the rules that run there. */
export interface Terms {
  projectFiles: readonly { path: string; text: string }[]
  select: (path: string) => Selection
  /** About how many files come. */
  expected: number
  /** Rules instead of ours, such as those that count what they cost: they stay in this thread. */
  rules?: readonly CataloguedRule[] | undefined
}

export interface Analysed {
  source: Source
  report: FileReport
}

/** One file after another, in their order. */
export async function* analyseEach(
  sources: AsyncIterable<Source> | Iterable<Source>,
  terms: Terms,
): AsyncGenerator<Analysed> {
  const threads = availableParallelism()
  const analysed =
    terms.expected < FEW_FILES || threads === 1 || terms.rules !== undefined
      ? analyseHere(sources, terms)
      : analyseInThreads(sources, terms, threads)
  yield* analysed
}

async function* analyseHere(sources: AsyncIterable<Source> | Iterable<Source>, terms: Terms): AsyncGenerator<Analysed> {
  const prepare = preparer(terms)
  const { rules = allRules } = terms
  for await (const source of sources) {
    yield { source, report: unreadReport(source) ?? analyse(prepare(source), rules) }
    await releaseTrees()
  }
}

async function* analyseInThreads(
  sources: AsyncIterable<Source> | Iterable<Source>,
  terms: Terms,
  threads: number,
): AsyncGenerator<Analysed> {
  const prepare = preparer(terms)
  const { startPool } = await import('../pool.ts')
  const pool = startPool({ threads, fileTimeLimitMs: FILE_TIME_LIMIT_MS })
  const running: Promise<Analysed>[] = []
  const start = async (source: Source) => ({
    source,
    report: unreadReport(source) ?? (await pool.analyse(prepare(source))),
  })
  try {
    for await (const source of sources) {
      const next = start(source)
      // It is awaited in its turn, unless one before it fails first.
      next.catch(() => {})
      running.push(next)
      const first = running.length > threads * AHEAD ? running.shift() : undefined
      if (first) yield await first
    }
    for (const rest of running) yield await rest
  } finally {
    await pool.close()
  }
}

/** Files of one folder share their project facts: reading `mix.lock` again for each would cost more than the rules. */
function preparer({ projectFiles, select }: Terms): (source: Source) => SourceToAnalyse {
  const known = new Map<string, ProjectFacts>()
  return ({ path, text }) => {
    const folder = path.slice(0, path.lastIndexOf('/') + 1)
    const project = known.get(folder) ?? readProject(projectFiles, path)
    known.set(folder, project)
    return { path, source: text, project, selection: select(path) }
  }
}

function unreadReport({ path, unread }: Source): FileReport | null {
  if (unread === undefined) return null
  return {
    path,
    outcome: 'skipped',
    reason: unread,
    errorLines: [],
    findings: [],
    suppressions: [],
    failedRules: [],
    ms: 0,
  }
}
