// What a change introduces, by the functions that review pull requests. Knows no files of today and prints nothing.
import type { FileReport } from '#engine'
import { readBases } from '../git/index.ts'
import { baseFiles, missingBases, traceChanges, withBases } from '../review/bases.ts'
import { isIgnored } from '../review/config.ts'
import type { ResolvedConfig } from '../review/config.ts'
import { review } from '../review/review.ts'
import type { Snapshot } from '../review/snapshot.ts'
import { issuesUrl, ruleDocsUrl, version } from '../release.ts'
import { analyseEach } from './analysis.ts'
import type { Analysed, Source } from './analysis.ts'
import { catalogue } from './catalogue.ts'
import { chooseRules } from './configuration.ts'
import type { Request } from './files.ts'

/** The reports of the changed files with what is new alone: findings, and suppressions on added lines. */
export async function analyseChange(
  root: string,
  read: Snapshot,
  configuration: ResolvedConfig,
  request: Request,
): Promise<{ snapshot: Snapshot; analysed: Analysed[] }> {
  const snapshot = withBases(read, await readBases(root, read, missingBases(read)))
  const select = chooseRules(configuration, request)
  const heads = snapshot.files.flatMap(({ path, source }): Source[] => {
    if (source === null) return []
    return [
      isIgnored(configuration, path) ? { path, text: '', unread: 'ignored by configuration' } : { path, text: source },
    ]
  })
  const terms = { projectFiles: snapshot.projectFiles, select, expected: heads.length, rules: request.rules }
  const analysed: Analysed[] = []
  for await (const one of analyseEach(heads, terms)) {
    analysed.push(one)
    request.onProgress(analysed.length, heads.length)
  }

  const reports = analysed.map(({ report }) => report)
  // An old finding can have come from any file; where nothing is found there is nothing to compare.
  const bases = reports.some(({ findings }) => findings.length > 0) ? baseFiles(snapshot) : []
  const headPaths = new Map(bases.map(({ path, headPath }) => [path, headPath]))
  const baseTerms = { ...terms, select: (path: string) => select(headPaths.get(path) ?? path) }
  const before: FileReport[] = []
  for await (const { report } of analyseEach(
    bases.map(({ path, source }) => ({ path, text: source })),
    baseTerms,
  )) {
    before.push(report)
  }

  const { introduced } = review({
    snapshot,
    head: reports,
    base: before,
    configuration,
    catalogue,
    accepted: [],
    engineVersion: version,
    docsUrl: ruleDocsUrl,
    issuesUrl,
  })
  const newIn = Map.groupBy(
    introduced.map(({ finding }) => finding),
    ({ path }) => path,
  )
  const changeOf = traceChanges(snapshot.files)
  const onlyNew = ({ source, report }: Analysed): Analysed => {
    const added = changeOf(report.path)?.diff.added
    const suppressions = report.suppressions.filter(({ line }) => added?.has(line))
    return { source, report: { ...report, findings: newIn.get(report.path) ?? [], suppressions } }
  }
  return { snapshot, analysed: analysed.map(onlyNew) }
}
