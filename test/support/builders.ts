// Small values of the kinds that flow between the parts, so that a test states only what it is about.
import type { FileReport, Finding, RuleInfo } from '#engine'
import type { Range } from '#elixir'
import { diffTexts } from '../../src/diff/index.ts'
import type { Hunk } from '../../src/diff/index.ts'
import type { ChangedFile, Marker, Said, Snapshot } from '../../src/review/snapshot.ts'

/** Whole lines. */
export function lines(startLine: number, endLine = startLine): Range {
  return { startLine, startColumn: 1, endLine, endColumn: 200 }
}

/** A warning in `Shop.Stock.reserve/2` of `lib/shop/stock.ex`, on line 1 until told otherwise. */
export function finding(overrides: Partial<Finding> & { line?: number } = {}): Finding {
  const { line = 1, ...rest } = overrides
  const base = {
    rule: 'task-unsupervised',
    path: 'lib/shop/stock.ex',
    range: lines(line),
    module: 'Shop.Stock',
    function: 'reserve/2',
    ...rest,
  }
  const identity = [base.rule, base.module, base.function].join(' ')
  return {
    category: 'task',
    principles: ['P-TASK'],
    severity: 'warning',
    set: 'recommended',
    precision: 'P1',
    message: '`Task.start/1` starts a process that no supervisor owns.',
    evidence: [base.range],
    related: [],
    edit: null,
    scope: lines(1, 1000),
    fingerprint: `tokens of ${identity}`,
    clauseFingerprint: `clause of ${identity}`,
    suppressed: null,
    ...base,
  }
}

/** A recommended rule that has been there since the first release. */
export function ruleInfo(overrides: Partial<RuleInfo> = {}): RuleInfo {
  return {
    id: 'task-unsupervised',
    category: 'task',
    title: 'Process started outside a supervisor',
    principles: [
      {
        id: 'P-TREE',
        title: 'Start every long-lived process in a supervision tree',
        text: 'What no supervisor owns, nothing restarts.',
        sources: [{ title: 'Process anti-patterns', url: 'https://hexdocs.pm/elixir/process-anti-patterns.html' }],
      },
    ],
    set: 'recommended',
    precision: 'P1',
    severity: 'warning',
    since: '0.1.0',
    why: 'A bare spawn has no parent that can restart it.',
    instead: 'Start it under a `Task.Supervisor`.',
    examples: [{ bad: 'spawn(f) # finding', good: 'Task.Supervisor.start_child(s, f)' }],
    ...overrides,
  }
}

/** A file that was read without trouble. */
export function fileReport(path: string, findings: Finding[] = [], overrides: Partial<FileReport> = {}): FileReport {
  return {
    path,
    outcome: 'read',
    reason: null,
    errorLines: [],
    findings: findings.map((each) => ({ ...each, path })),
    suppressions: [],
    failedRules: [],
    ms: 1,
    ...overrides,
  }
}

/** One file's change, from its texts: null where it was not there. The patch is as git writes it. */
export function changedFile(
  change: { path: string; base: string | null; head: string | null } & Partial<ChangedFile>,
): ChangedFile {
  const { base, head, ...overrides } = change
  const hunks = diffTexts(base ?? '', head ?? '')
  const count = (kind: string) => hunks.flatMap((hunk) => hunk.lines).filter((line) => line.kind === kind).length
  return {
    previousPath: null,
    status: statusOf(change),
    additions: count('added'),
    deletions: count('removed'),
    patch: hunks.length === 0 ? null : formatPatch(hunks),
    blob: 'b10b'.repeat(10),
    source: head,
    ...overrides,
  }
}

function statusOf(change: {
  base: string | null
  head: string | null
  previousPath?: string | null
}): ChangedFile['status'] {
  if (change.base === null) return 'added'
  if (change.head === null) return 'removed'
  return change.previousPath === undefined || change.previousPath === null ? 'modified' : 'renamed'
}

/** Hunks as text, without file headers and without a final line feed, as GitHub gives them. */
function formatPatch(hunks: readonly Hunk[]): string {
  const side = (start: number, count: number) =>
    count === 1 ? `${start}` : `${count === 0 ? start - 1 : start},${count}`
  const signs = { context: ' ', added: '+', removed: '-' }
  return hunks
    .flatMap(({ baseStart, baseCount, headStart, headCount, section, lines }) => [
      `@@ -${side(baseStart, baseCount)} +${side(headStart, headCount)} @@${section === '' ? '' : ` ${section}`}`,
      ...lines.map(({ kind, text }) =>
        text.endsWith('\n') ? signs[kind] + text.slice(0, -1) : `${signs[kind]}${text}\n\\ No newline at end of file`,
      ),
    ])
    .join('\n')
}

/** An open pull request, number 7 of `acme/shop`, with these changed files. */
export function snapshot(overrides: Partial<Snapshot> = {}): Snapshot {
  return {
    version: 1,
    subject: {
      kind: 'pull',
      number: 7,
      draft: false,
      state: 'open',
      author: 'maria',
      createdAt: '2026-11-20T09:00:00Z',
      headRepository: 'acme/shop',
      comments: true,
    },
    repository: { id: 1, owner: 'acme', name: 'shop', url: 'https://github.com/acme/shop' },
    app: { id: 99, slug: 'otp-review', login: 'otp-review' },
    head: 'ead0'.repeat(10),
    base: { ref: 'main', sha: 'ba5e'.repeat(10) },
    files: [],
    otherFiles: 0,
    notRead: [],
    projectFiles: [],
    config: { base: null, organisation: null, head: null },
    said: [],
    conversations: [],
    lacking: [],
    runs: [],
    pullsOnHead: [],
    ...overrides,
  }
}

/** The comment in which a finding was said: open, unanswered, on the finding's line. */
export function said(of: Finding, overrides: Partial<Omit<Said, 'marker'>> & { marker?: Partial<Marker> } = {}): Said {
  const { marker, id = 1, ...rest } = overrides
  return {
    id,
    nodeId: `PRRC_${id}`,
    threadId: `PRRT_${id}`,
    path: of.path,
    line: of.range.startLine,
    body: of.message,
    answered: false,
    resolved: false,
    minimized: false,
    thumbsDown: 0,
    marker: {
      v: 1,
      rule: of.rule,
      fingerprint: of.fingerprint,
      clause: of.clauseFingerprint,
      module: of.module,
      function: of.function,
      sha: '01d0'.repeat(10),
      state: 'open',
      ...marker,
    },
    ...rest,
  }
}
