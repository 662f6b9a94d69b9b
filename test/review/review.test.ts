import { describe, expect, test } from 'vitest'
import type { Finding } from '#engine'
import { withBases } from '../../src/review/bases.ts'
import { resolveConfig } from '../../src/review/config.ts'
import { readMarker } from '../../src/review/marker.ts'
import type { ReviewPlan } from '../../src/review/plan.ts'
import { review, withUnplaced } from '../../src/review/review.ts'
import type { ReviewInput } from '../../src/review/review.ts'
import type { Said, Snapshot } from '../../src/review/snapshot.ts'
import { changedFile, fileReport, finding, lines, ruleInfo, said, snapshot } from '../support/builders.ts'
import { processorMs } from '../support/processor-time.ts'

const path = 'lib/shop/stock.ex'
const numbered = (count: number) => Array.from({ length: count }, (_, at) => `line ${at + 1}\n`).join('')
/** Lines 21 to 40 of the head are new. */
const grown = changedFile({ path, base: numbered(20), head: numbered(40) })
const head = snapshot().head

interface Given extends Partial<Omit<ReviewInput, 'snapshot'>> {
  findings?: Finding[]
  said?: Said[]
  config?: string
  pull?: Partial<Extract<Snapshot['subject'], { kind: 'pull' }>>
  snapshot?: Partial<Snapshot>
  /** As where nothing was found: nobody asked for the texts before the change. */
  withoutBases?: true
}

function planFor({
  findings = [],
  said = [],
  config,
  pull,
  snapshot: overrides,
  withoutBases,
  ...rest
}: Given): ReviewPlan {
  const plain = snapshot()
  const read = snapshot({
    files: [grown],
    said,
    subject: { ...plain.subject, ...pull } as Snapshot['subject'],
    config: { ...plain.config, base: config === undefined ? null : { path: '.github/otp-review.yml', text: config } },
    ...overrides,
  })
  const catalogue = rest.catalogue ?? [ruleInfo(), ruleInfo({ id: 'genserver-self-call', severity: 'error' })]
  return review({
    snapshot: withoutBases ? read : withBases(read, new Map()),
    head: [fileReport(path, findings)],
    base: [],
    configuration: resolveConfig(
      read.config,
      catalogue.map((rule) => rule.id),
      'acme',
    ),
    catalogue,
    accepted: [],
    engineVersion: '0.1.0',
    docsUrl: 'https://example.com/rules',
    issuesUrl: 'https://example.com/issues/new',
    ...rest,
  })
}

const one = finding({ line: 25 })
const closed = (of: Finding, state: 'fixed' | 'withdrawn', overrides: Partial<Omit<Said, 'marker'>> = {}) =>
  said(of, { minimized: true, ...overrides, marker: { state } })

describe('a new finding', () => {
  test('is said on its line, and fails the check as configured', () => {
    const plan = planFor({ findings: [finding({ line: 25, severity: 'error' })] })

    expect(plan.comments).toMatchObject([{ path, startLine: null, line: 25, fingerprint: one.fingerprint }])
    expect(plan.comments[0]?.body).toContain('starts a process that no supervisor owns')
    expect(plan.run).toMatchObject({ conclusion: 'failure', annotations: [] })
    expect(plan.body).not.toBe('')
    expect(plan.introduced).toMatchObject([{ placement: { at: 'line', startLine: 25 }, said: false, accepted: null }])
  })

  test('carries all that finds it again', () => {
    const [comment] = planFor({ findings: [one] }).comments

    expect(readMarker(comment?.body ?? '')).toEqual({
      v: 1,
      rule: one.rule,
      fingerprint: one.fingerprint,
      clause: one.clauseFingerprint,
      module: one.module,
      function: one.function,
      sha: head,
      state: 'open',
    })
  })

  test('is said with its suggestion on the lines that this replaces', () => {
    const edit = { startLine: 24, endLine: 26, text: 'better' }

    const [comment] = planFor({ findings: [finding({ line: 25, edit })] }).comments

    expect(comment).toMatchObject({ startLine: 24, line: 26 })
    expect(comment?.body).toContain('```suggestion\nbetter\n```')
  })

  test('whose first line is old is said where it became true, with a pointer to the line', () => {
    const [comment] = planFor({ findings: [finding({ line: 3, evidence: [lines(3), lines(30)] })] }).comments

    expect(comment).toMatchObject({ line: 30 })
    expect(comment?.body).toContain('line 3')
  })

  test('that a deletion made true is annotated', () => {
    const file = changedFile({ path, base: numbered(20), head: numbered(20).replace('line 9\n', '') })

    const plan = planFor({ findings: [finding({ line: 4 })], snapshot: { files: [file] } })

    expect(plan.comments).toEqual([])
    expect(plan.run.annotations).toMatchObject([{ path, startLine: 4, level: 'warning' }])
    expect(plan.introduced).toMatchObject([{ placement: { at: 'summary' } }])
  })

  test('of little weight never opens a comment, and never fails the check', () => {
    const plan = planFor({ findings: [finding({ line: 25, severity: 'info' })] })

    expect(plan.comments).toEqual([])
    expect(plan.run).toMatchObject({ conclusion: 'success', annotations: [{ level: 'notice', startLine: 25 }] })
  })

  test('has the severity that the configuration gives it', () => {
    const plan = planFor({ findings: [one], config: 'rules:\n  task-unsupervised: error\n' })

    expect(plan.run.conclusion).toBe('failure')
    expect(plan.introduced[0]?.finding.severity).toBe('error')
  })
})

test('findings without the texts before the change are a mistake of the caller, not silence', () => {
  expect(() => planFor({ findings: [one], withoutBases: true })).toThrow('withBases')
})

test('an old finding is nowhere', () => {
  const plan = planFor({ findings: [finding({ line: 3 }), one], base: [fileReport(path, [finding({ line: 3 })])] })

  expect(plan.introduced.map(({ finding }) => finding.range.startLine)).toEqual([25])
})

test('without findings nothing is said, and the check succeeds', () => {
  const plan = planFor({})

  expect(plan).toMatchObject({ body: '', comments: [], replies: [], edits: [], introduced: [] })
  expect(plan.run).toMatchObject({ conclusion: 'success', annotations: [] })
})

test('findings beyond the caps are annotated, and counted in the review', () => {
  const findings = [25, 26, 27, 28, 29].map((line) =>
    finding({ line, function: `f${line}/0`, fingerprint: `f${line}` }),
  )

  const plan = planFor({ findings })

  expect(plan.comments.map(({ line }) => line)).toEqual([25, 26, 27])
  expect(plan.run.annotations.map(({ startLine }) => startLine)).toEqual([28, 29])
  expect(plan.body).toContain('3 warnings')
  expect(plan.body).toContain('2 more findings')
})

test('every introduced finding is a comment, was said, or stands in the check run', () => {
  const findings = Array.from({ length: 20 }, (_, at) =>
    finding({
      line: at + 21,
      rule: at % 2 === 0 ? one.rule : 'genserver-self-call',
      function: `f${at}/0`,
      fingerprint: `${at}`,
    }),
  )

  const plan = planFor({ findings, said: [said(findings[0] as Finding)], config: 'comments:\n  max: 4\n' })

  expect(plan.comments).toHaveLength(3)
  expect(plan.comments.length + plan.run.annotations.length + 1).toBe(plan.introduced.length)
  expect(plan.introduced).toHaveLength(20)
})

describe('suppressed and accepted findings', () => {
  test('are listed with their reasons, and neither said nor counted', () => {
    const suppressed = finding({ line: 25, severity: 'error', suppressed: { line: 24, reason: 'legacy boot script' } })
    const taken = finding({ line: 30, severity: 'error', function: 'other/0', fingerprint: 'taken' })
    const accepted = [{ rule: taken.rule, fingerprints: ['taken'], by: 'maria', reason: 'moves to Oban next week' }]

    const plan = planFor({ findings: [suppressed, taken], accepted })

    expect(plan).toMatchObject({ comments: [], run: { conclusion: 'success', annotations: [] } })
    expect(plan.introduced).toMatchObject([{ accepted: null }, { accepted: { by: 'maria' } }])
    expect(plan.run.text).toContain('legacy boot script')
    expect(plan.run.text).toContain('moves to Oban next week')
  })

  test('an accept counts for the findings that stood then, and for its own rule', () => {
    const plan = (accepted: ReviewInput['accepted']) => planFor({ findings: [one], accepted })
    const accept = { by: 'maria', reason: 'known' }

    expect(plan([{ ...accept, rule: one.rule, fingerprints: ['another'] }]).comments).toHaveLength(1)
    expect(plan([{ ...accept, rule: 'genserver-self-call', fingerprints: [one.fingerprint] }]).comments).toHaveLength(1)
  })
})

describe('what was said once', () => {
  test('is not said again', () => {
    const plan = planFor({ findings: [one], said: [said(one)] })

    expect(plan).toMatchObject({ body: '', comments: [], replies: [], edits: [] })
    expect(plan.run.annotations).toEqual([])
    expect(plan.introduced).toMatchObject([{ said: true }])
    expect(plan.run.conclusion).toBe('neutral')
  })

  test('is not said again on another line, and annotated where GitHub folds the comment up', () => {
    const plan = planFor({ findings: [finding({ line: 33 })], said: [said(one, { line: null })] })

    expect(plan).toMatchObject({ comments: [], replies: [], edits: [] })
    expect(plan.run.annotations).toMatchObject([{ startLine: 33 }])
  })

  test('takes its place among the most comments', () => {
    const other = finding({ line: 30, function: 'other/0', fingerprint: 'other' })

    const plan = planFor({ findings: [one, other], said: [said(one)], config: 'comments:\n  max: 1\n' })

    expect(plan.comments).toEqual([])
  })

  test('is said by an older release too, whose fingerprints were others', () => {
    const old = said(one, { marker: { v: 0, fingerprint: '?', clause: '?', module: '?' } })

    expect(planFor({ findings: [one], said: [old] })).toMatchObject({ comments: [], replies: [], edits: [] })
  })
})

describe('a finding that is gone', () => {
  test('is edited to say in which commit, and folded up', () => {
    const { edits } = planFor({ said: [said(one)] })

    expect(edits).toMatchObject([{ nodeId: 'PRRC_1', minimize: 'RESOLVED' }])
    expect(edits[0]?.body).toContain(head.slice(0, 8))
    expect(readMarker(edits[0]?.body ?? '')).toMatchObject({ state: 'fixed', sha: head, fingerprint: one.fingerprint })
  })

  test('is edited once', () => {
    expect(planFor({ said: [closed(one, 'fixed')] }).edits).toEqual([])
    expect(planFor({ said: [closed(one, 'withdrawn')] }).edits).toEqual([])
  })

  test('is not folded up twice', () => {
    expect(planFor({ said: [said(one, { minimized: true })] }).edits).toMatchObject([{ minimize: null }])
  })

  test('with its file is fixed', () => {
    const files = [changedFile({ path, base: numbered(20), head: null })]

    expect(planFor({ said: [said(one)], head: [], snapshot: { files } }).edits).toMatchObject([
      { minimize: 'RESOLVED' },
    ])
    expect(planFor({ said: [said(one, { path: 'lib/gone.ex' })] }).edits).toMatchObject([{ minimize: 'RESOLVED' }])
  })

  test('in a file that is as in the base is fixed, or is in the base; either way the file was not reviewed', () => {
    const files = [changedFile({ path, base: numbered(20), head: numbered(20), status: 'unchanged' })]
    const known = { findings: [finding({ line: 3 })], base: [fileReport(path, [finding({ line: 3 })])] }

    const fixed = planFor({ said: [said(one)], snapshot: { files } })
    const inBase = planFor({ said: [said(one)], snapshot: { files }, ...known })

    expect(fixed.edits).toMatchObject([{ minimize: 'RESOLVED' }])
    expect(inBase.edits).toMatchObject([
      { minimize: 'OUTDATED', body: expect.stringContaining('the base branch has it') },
    ])
    expect(fixed.run).toMatchObject({ conclusion: 'success', title: 'No Elixir changes' })
  })

  test.each<[string, Given]>([
    ['the file could not be read', { snapshot: { notRead: [{ path, reason: 'over 400 kB' }] }, head: [] }],
    ['the file was read in part', { head: [fileReport(path, [], { outcome: 'partial', reason: 'syntax error' })] }],
    ['the analysis failed', { head: [fileReport(path, [], { outcome: 'failed', reason: 'time limit' })] }],
    ['the rule failed', { head: [fileReport(path, [], { failedRules: [{ rule: one.rule, error: 'TypeError' }] })] }],
    ['its text before the change is not known', { findings: [one], snapshot: { files: [{ ...grown, patch: null }] } }],
    [
      'its text before the change could not be analysed',
      { findings: [one], base: [fileReport(path, [], { outcome: 'failed', reason: 'crashed' })] },
    ],
    [
      'its file turned from a link into one',
      { snapshot: { files: [], notRead: [{ path, reason: 'turned from a link into a file' }] }, head: [] },
    ],
    ['GitHub did not list all files', { snapshot: { files: [], listCutAt: 3000 }, head: [] }],
  ])('is left alone where %s', (_, given) => {
    expect(planFor({ said: [said(one)], ...given }).edits).toEqual([])
  })

  test.each<[string, Given, string]>([
    ['the rule was switched off', { config: 'rules:\n  task-unsupervised: off\n' }, 'rule'],
    ['the file was taken out', { config: 'paths:\n  ignore: ["lib/**"]\n' }, 'configuration'],
    [
      'it was ignored',
      { findings: [finding({ line: 25, suppressed: { line: 24, reason: 'boots once' } })] },
      'boots once',
    ],
    [
      'the base branch has it now',
      { findings: [finding({ line: 3 })], base: [fileReport(path, [finding({ line: 3 })])] },
      'base branch',
    ],
  ])('from the review is withdrawn, not called fixed: %s', (_, given, reason) => {
    const { edits } = planFor({ said: [said(one)], ...given })

    expect(edits).toMatchObject([{ minimize: 'OUTDATED' }])
    expect(edits[0]?.body).toContain(reason)
    expect(readMarker(edits[0]?.body ?? '')?.state).toBe('withdrawn')
  })
})

test('a comment of an older release is not withdrawn: by rule alone an old finding is not the same', () => {
  const old = finding({ line: 3, function: 'old/0', fingerprint: 'old' })
  const legacy = said(one, { marker: { v: 0, fingerprint: '?', clause: '?', module: '?' } })

  expect(planFor({ findings: [old], base: [fileReport(path, [old])], said: [legacy] }).edits).toEqual([])
})

describe('a finding that came back', () => {
  test('is said again in its own thread', () => {
    const plan = planFor({ findings: [one], said: [closed(one, 'fixed', { id: 12 })] })

    expect(plan).toMatchObject({ comments: [], edits: [], replies: [{ commentId: 12, fingerprint: one.fingerprint }] })
    expect(readMarker(plan.replies[0]?.body ?? '')).toMatchObject({ state: 'open', sha: head })
  })

  test('is said with its new line, and no other pointer', () => {
    const { replies } = planFor({ findings: [finding({ line: 33 })], said: [closed(one, 'fixed')] })

    expect(replies[0]?.body).toContain('on line 33')
    expect(replies[0]?.body).not.toContain('See line')
  })

  test('and is ignored in the code is not said', () => {
    const ignored = finding({ line: 25, suppressed: { line: 24, reason: 'boots once' } })

    expect(planFor({ findings: [ignored], said: [closed(one, 'fixed')] }).replies).toEqual([])
  })

  test('is said once: the reply is our last word', () => {
    const thread = { threadId: 'T' }
    const answered = [closed(one, 'fixed', { ...thread, id: 12 }), said(one, { ...thread, id: 15 })]

    expect(planFor({ findings: [one], said: answered })).toMatchObject({ comments: [], replies: [], edits: [] })
    expect(planFor({ said: answered }).edits).toMatchObject([{ nodeId: 'PRRC_15', minimize: 'RESOLVED' }])
  })

  test('goes to the first comment of its thread: GitHub takes no reply to a reply', () => {
    const thread = { threadId: 'T' }
    const twice = [closed(one, 'fixed', { ...thread, id: 15 }), closed(one, 'fixed', { ...thread, id: 12 })]

    expect(planFor({ findings: [one], said: twice }).replies).toMatchObject([{ commentId: 12 }])
  })
})

describe('a thread that people answered', () => {
  const answered = { answered: true }

  test('is not touched when the finding is gone', () => {
    expect(planFor({ said: [said(one, answered)] }).edits).toEqual([])
  })

  test('is not touched when the finding is back; the check run says it', () => {
    const plan = planFor({ findings: [one], said: [closed(one, 'fixed', answered)] })

    expect(plan).toMatchObject({ comments: [], replies: [], edits: [] })
    expect(plan.run.annotations).toMatchObject([{ startLine: 25 }])
  })
})

describe('only a check run', () => {
  const gone = finding({ function: 'gone/0', fingerprint: 'gone', clauseFingerprint: 'gone' })
  const back = finding({ line: 30, function: 'back/0', fingerprint: 'back', clauseFingerprint: 'back' })
  const headRef = 'refs/heads/gh-readonly-queue/main/pr-7-abc'
  const group: Snapshot['subject'] = { kind: 'group', headRef, pulls: [7] }

  test.each<[string, Given, string]>([
    ['observing', { config: 'mode: observe\n' }, 'neutral'],
    ['no comments are wanted', { config: 'comments:\n  max: 0\n' }, 'failure'],
    ['a draft', { pull: { draft: true } }, 'failure'],
    ['opened before the installation', { pull: { comments: false } }, 'failure'],
    ['closed', { pull: { state: 'closed' } }, 'failure'],
    ['merged', { pull: { state: 'merged' } }, 'failure'],
    ['a merge group', { snapshot: { subject: group } }, 'failure'],
  ])('%s', (_, given, conclusion) => {
    const findings = [finding({ line: 25, severity: 'error' }), back]

    const plan = planFor({ findings, said: [said(gone), closed(back, 'fixed', { id: 2 })], ...given })

    expect(plan).toMatchObject({ body: '', comments: [], replies: [], edits: [] })
    expect(plan.run.conclusion).toBe(conclusion)
    expect(plan.run.annotations.map(({ startLine }) => startLine)).toEqual([25, 30])
  })

  test('but a draft gets comments where the configuration says so', () => {
    expect(planFor({ findings: [one], pull: { draft: true }, config: 'drafts: true\n' }).comments).toHaveLength(1)
  })
})

describe('what is wrong with our own comments and files', () => {
  test('a bad ignore comment is annotated where the change wrote it, and fails no check', () => {
    const suppression = {
      rule: one.rule,
      reason: 'x',
      syntax: 'ours',
      silenced: 0,
      problem: 'suppression-unused',
    } as const
    const report = fileReport(path, [], { suppressions: [3, 25].map((line) => ({ ...suppression, line })) })

    const { run } = planFor({ head: [report], config: 'fail_on: warning\n' })

    expect(run.annotations).toMatchObject([{ path, startLine: 25, level: 'warning' }])
    expect(run.conclusion).toBe('neutral')
  })

  test('without findings no base was read, and old ignore comments stay old', () => {
    const suppression = {
      rule: one.rule,
      reason: 'x',
      syntax: 'ours',
      silenced: 0,
      problem: 'suppression-unused',
    } as const

    const plan = planFor({
      head: [fileReport(path, [], { suppressions: [3, 25].map((line) => ({ ...suppression, line })) })],
      withoutBases: true,
    })

    expect(plan.run.annotations).toMatchObject([{ startLine: 25 }])
  })

  test('a problem of the configuration is annotated on its line', () => {
    const { run } = planFor({ config: 'mode: enforce\nprofil: strict\n' })

    expect(run.annotations).toMatchObject([{ path: '.github/otp-review.yml', startLine: 2 }])
  })
})

test("a problem of the organisation's configuration is no line of this repository", () => {
  const texts = { base: { path: '.github/otp-review.yml', text: 'extends: .github\n' }, head: null }
  const config = { ...texts, organisation: { path: '.github/otp-review.yml', text: 'profil: strict\n' } }

  const { run } = planFor({ configuration: resolveConfig(config, [], 'acme') })

  expect(run.annotations).toEqual([])
  expect(run.text).toContain('profil')
})

describe('comments that GitHub refused', () => {
  const two = finding({ line: 30, function: 'other/0', fingerprint: 'other' })
  const plan = planFor({ findings: [one, two] })

  test('become annotations, and the summary says so', () => {
    const run = withUnplaced(plan, [two.fingerprint])

    expect(run.annotations).toMatchObject([{ path, startLine: 30 }])
    expect(run.summary).toContain('GitHub refused 1 comment')
    expect(run.conclusion).toBe(plan.run.conclusion)
  })

  test('of which there are none change nothing', () => {
    expect(withUnplaced(plan, [])).toBe(plan.run)
    expect(withUnplaced(plan, ['unknown'])).toBe(plan.run)
  })
})

test('the same input gives the same plan, and the plan is plain data', () => {
  const given = { findings: [one, finding({ line: 30, function: 'b/0' })], said: [said(one)] }

  expect(planFor(given)).toEqual(planFor(given))
  expect(JSON.parse(JSON.stringify(planFor(given)))).toEqual(planFor(given))
})

test('five thousand findings in a hundred files take no time', () => {
  const files = Array.from({ length: 100 }, (_, at) =>
    changedFile({ path: `lib/f${at}.ex`, base: '', head: numbered(50) }),
  )
  const reports = files.map((file, at) =>
    fileReport(
      file.path,
      Array.from({ length: 50 }, (_, line) => finding({ line: line + 1, module: `M${at}`, fingerprint: `${at}` })),
    ),
  )
  const comments = reports.map(({ findings }, at) => said(findings[7] as Finding, { id: at + 1 }))
  let plan!: ReviewPlan

  const ms = processorMs(() => (plan = planFor({ head: reports, snapshot: { files, said: comments } })))

  expect(plan.introduced).toHaveLength(5000)
  expect(ms).toBeLessThan(3000)
})
