// From a snapshot to the plan for it, by way of the threads that analyse. It reads nothing but the base texts it asks for.
import { readProject } from '#engine'
import type { FileReport, ProjectFacts, RuleInfo, Selection } from '#engine'
import type { Pool } from './pool.ts'
import { acceptancesIn } from './review/answer.ts'
import { baseFiles, missingBases, withBases } from './review/bases.ts'
import { isIgnored, resolveConfig, selectionFor } from './review/config.ts'
import type { ResolvedConfig } from './review/config.ts'
import type { ReviewPlan } from './review/plan.ts'
import { previewOf } from './review/preview.ts'
import type { Preview } from './review/preview.ts'
import { review } from './review/review.ts'
import type { ReviewInput } from './review/review.ts'
import type { Snapshot } from './review/snapshot.ts'

/** What reviews are made with. */
export interface Desk {
  pool: Pool
  catalogue: readonly RuleInfo[]
  engineVersion: string
  docsUrl: string
  issuesUrl: string
}

export type ReadBases = (snapshot: Snapshot, paths: readonly string[]) => Promise<ReadonlyMap<string, string | null>>

export interface Planned {
  plan: ReviewPlan
  /** What a draft is told once it is ready, if nothing else changes; null where that is no other plan. */
  whenReady: ReviewPlan | null
}

/** Plans a review: reads the files at the head, and those of the base only where the head has findings. */
export async function planReview(
  read: Snapshot,
  configuration: ResolvedConfig,
  readBases: ReadBases,
  desk: Desk,
): Promise<Planned> {
  const { pool, catalogue, engineVersion, docsUrl, issuesUrl } = desk
  const analyse = analyser(read, pool)
  let withTheirBases: Promise<Snapshot> | undefined
  const compare = () => (withTheirBases ??= readBases(read, missingBases(read)).then((texts) => withBases(read, texts)))

  const inputWith = async (chosen: ResolvedConfig, preview: Preview | null): Promise<ReviewInput> => {
    const analyseChosen = async (path: string, source: string, headPath: string): Promise<FileReport> =>
      isIgnored(chosen, headPath)
        ? leftOut(path)
        : analyse(path, source, headPath, selectionFor(chosen, headPath, catalogue))
    const head = await Promise.all(
      read.files.flatMap(({ path, source }) => (source === null ? [] : [analyseChosen(path, source, path)])),
    )
    let snapshot = read
    let base: FileReport[] = []
    if (head.some((report) => report.findings.length > 0)) {
      // Code may have moved between files, so an old finding can have come from any of them.
      snapshot = await compare()
      base = await Promise.all(
        baseFiles(snapshot).map(({ path, headPath, source }) => analyseChosen(path, source, headPath)),
      )
    }
    return {
      snapshot,
      head,
      base,
      configuration: chosen,
      catalogue,
      accepted: acceptancesIn(snapshot.conversations),
      preview,
      engineVersion,
      docsUrl,
      issuesUrl,
    }
  }

  /** What the configuration would do that this change brings. */
  const preview = async (): Promise<Preview | null> => {
    const { head: theirs, organisation } = read.config
    if (theirs === null || theirs.text === read.config.base?.text) return null
    const ids = catalogue.map(({ id }) => id)
    const next = resolveConfig({ base: theirs, organisation, head: null }, ids, read.repository.owner)
    return previewOf(configuration, next, review(await inputWith(next, null)))
  }

  const input = await inputWith(configuration, await preview())
  const { snapshot } = input
  const { subject } = snapshot
  const isWaiting = subject.kind === 'pull' && subject.draft && !configuration.config.drafts
  return {
    plan: review(input),
    whenReady: isWaiting
      ? review({ ...input, snapshot: { ...snapshot, subject: { ...subject, draft: false } } })
      : null,
  }
}

/** Each file is analysed once by the same rules, however many configurations choose them. */
function analyser(read: Snapshot, pool: Pool) {
  const project = projectReader(read.projectFiles)
  const reports = new Map<string, Map<string, Promise<FileReport>>>()
  return (path: string, source: string, headPath: string, selection: Selection): Promise<FileReport> => {
    const ofText = reports.get(source) ?? new Map<string, Promise<FileReport>>()
    reports.set(source, ofText)
    const key = [path, headPath, Object.entries(selection).join(' ')].join('\0')
    const known = ofText.get(key) ?? pool.analyse({ path, source, project: project(headPath), selection })
    ofText.set(key, known)
    return known
  }
}

/** Files of one folder share their project facts: to read `mix.lock` again for each would cost more than the rules. */
function projectReader(files: Snapshot['projectFiles']): (path: string) => ProjectFacts {
  const known = new Map<string, ProjectFacts>()
  return (path) => {
    const folder = path.slice(0, path.lastIndexOf('/') + 1)
    const project = known.get(folder) ?? readProject(files, path)
    known.set(folder, project)
    return project
  }
}

function leftOut(path: string): FileReport {
  return {
    path,
    outcome: 'skipped',
    reason: 'ignored by configuration',
    errorLines: [],
    findings: [],
    suppressions: [],
    failedRules: [],
    ms: 0,
  }
}
