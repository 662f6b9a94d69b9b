// What all rules say about one repository, remembered until the engine or a rule changes.
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  analyse,
  type CataloguedRule,
  type Edit,
  type FileReport,
  type Finding,
  releaseTrees,
  selectAll,
} from '#engine'
import { suggestionComplaints } from '../../test/support/suggestion-proof.ts'
import { elixirFiles, nameOf, type Repository, scratch } from './repositories.ts'

export interface Hit {
  repository: string
  commit: string
  path: string
  line: number
  rule: string
  severity: Finding['severity']
  set: Finding['set']
  message: string
  module: string
  function: string | null
  endLine: number
  evidence: number[]
  edit: Edit | null
  /** Why its suggestion must not be made; empty where it is safe or there is none. */
  unsafe: string[]
}

export interface RepositoryHits {
  repository: string
  commit: string
  hits: Hit[]
  suppressed: number
  outcomes: Record<FileReport['outcome'], number>
  /** Rules that threw, and files whose reading failed for no fault of their own. */
  failures: string[]
  ms: number
}

const EXPECTED = new Set<FileReport['reason']>(['too large', 'binary', 'not UTF-8'])

/** Runs every rule at its strictest over the files of the commit. */
export async function findHits(
  repository: Repository,
  folder: string,
  rules: readonly CataloguedRule[],
): Promise<RepositoryHits> {
  const result: RepositoryHits = {
    repository: nameOf(repository),
    commit: repository.commit,
    hits: [],
    suppressed: 0,
    outcomes: { read: 0, partial: 0, skipped: 0, failed: 0 },
    failures: [],
    ms: 0,
  }
  const selection = selectAll(rules)
  for await (const file of elixirFiles(folder, repository.commit)) {
    const report = analyse({ ...file, selection }, rules)
    result.ms += report.ms
    result.outcomes[report.outcome]++
    if (report.outcome === 'failed' && !EXPECTED.has(report.reason))
      result.failures.push(`${file.path}: ${report.reason}`)
    for (const { rule, error } of report.failedRules) result.failures.push(`${file.path}: ${rule} threw ${error}`)
    for (const finding of report.findings) {
      if (finding.suppressed !== null) result.suppressed++
      else result.hits.push(toHit(repository, finding, suggestionComplaints(file, finding, rules)))
    }
    await releaseTrees()
  }
  return result
}

function toHit(repository: Repository, finding: Finding, unsafe: string[]): Hit {
  return {
    repository: nameOf(repository),
    commit: repository.commit,
    path: finding.path,
    line: finding.range.startLine,
    rule: finding.rule,
    severity: finding.severity,
    set: finding.set,
    message: finding.message,
    module: finding.module,
    function: finding.function,
    endLine: finding.range.endLine,
    evidence: finding.evidence.map(({ startLine }) => startLine),
    edit: finding.edit,
    unsafe,
  }
}

const root = join(import.meta.dirname, '../..')
const DECIDING = [
  'src/elixir/**/*.ts',
  'src/engine/**/*.ts',
  'rules/**/*.ts',
  'scripts/ecosystem/*.ts',
  'test/support/suggestion-proof.ts',
]

/** A name for the present state of everything that decides what is found. */
export function engineVersion(): string {
  const hash = createHash('sha256')
  for (const path of [...globSync(DECIDING, { cwd: root }).toSorted(), 'package-lock.json']) {
    hash.update(`${path}\0`).update(readFileSync(join(root, path)))
  }
  return hash.digest('hex').slice(0, 16)
}

function resultFile(repository: Repository, version: string): string {
  return join(
    scratch,
    'results',
    version,
    `${repository.owner}+${repository.name}@${repository.commit.slice(0, 12)}.json`,
  )
}

export function rememberedHits(repository: Repository, version: string): RepositoryHits | null {
  const file = resultFile(repository, version)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RepositoryHits) : null
}

export function rememberHits(repository: Repository, version: string, result: RepositoryHits): void {
  const file = resultFile(repository, version)
  mkdirSync(join(scratch, 'results', version), { recursive: true })
  writeFileSync(file, JSON.stringify(result))
}
