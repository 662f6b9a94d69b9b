import { expect, test } from 'vitest'
import { bottleneck, fastInit, neverCallYourself, principles } from '../../rules/principles.ts'
import { readMarker, writeMarker } from '../../src/review/marker.ts'
import {
  annotationOf,
  brokenRun,
  commentBody,
  configAnnotation,
  fixedBody,
  refusedSentence,
  returnedBody,
  reviewBody,
  supersededRun,
  suppressionAnnotation,
  suppressionProblem,
  unpermittedRun,
  withdrawnBody,
  withMissingPermission,
} from '../../src/review/speech.ts'
import type { CommentInput } from '../../src/review/speech.ts'
import { finding, lines, said } from '../support/builders.ts'
import { HOSTILE } from '../support/hostile.ts'
import { render } from '../support/rendered.ts'
import { ruleInfo } from '../support/rule-info.ts'

const HEAD = 'ead0'.repeat(10)
const FIXED_IN = 'f1fed0'.repeat(6) + 'f1fe'

const blockingInit = ruleInfo({
  id: 'genserver-blocking-init',
  title: '`init/1` does slow work',
  principles: [fastInit],
  instead:
    'Return `{:ok, state, {:continue, :load}}` and do the work in `handle_continue/2`, which runs before any other message.',
})

const blocked = finding({
  rule: 'genserver-blocking-init',
  category: 'genserver',
  path: 'lib/shop/rates.ex',
  line: 9,
  module: 'Shop.Rates',
  function: 'init/1',
  message:
    '`init/1` of `Shop.Rates` waits for a network answer (`Req.get!`): its supervisor starts no further child until this returns, at boot and at every restart.',
})

function input(overrides: Partial<CommentInput> = {}): CommentInput {
  return {
    finding: blocked,
    info: blockingInit,
    suggestion: null,
    docsUrl: 'https://otp-review.example/rules',
    issuesUrl: 'https://otp-review.example/issues/new',
    engineVersion: '0.1.0',
    sha: HEAD,
    ...overrides,
  }
}

/** Sentences outside of code, in the paragraphs before the principle. */
function sentenceCount(body: string): number {
  const prose = render(body.split('\n\n**')[0]!)
    .html.replace(/<(code|pre)\b[\s\S]*?<\/\1>/g, 'x')
    .replace(/<[^>]*>/g, ' ')
  return prose.match(/[.!?](?=\s|$)/g)?.length ?? 0
}

test('a comment says what the code does, what to write, the principle, and the ways out', () => {
  expect(commentBody(input())).toMatchInlineSnapshot(`
    "\`init/1\` of \`Shop.Rates\` waits for a network answer (\`Req.get!\`): its supervisor starts no further child until this returns, at boot and at every restart. Return \`{:ok, state, {:continue, :load}}\` and do the work in \`handle_continue/2\`, which runs before any other message.

    **Keep init/1 fast** · [\`genserver-blocking-init\`](https://otp-review.example/rules/genserver-blocking-init.md)

    <sub>To keep this code, write \`# otp-review:ignore genserver-blocking-init -- reason\` above the line. [Is this wrong?](https://otp-review.example/issues/new?title=genserver-blocking-init%3A+wrong+finding&body=Rule%3A+genserver-blocking-init%0AVersion%3A+0.1.0%0A%0AWhat+the+code+does%2C+and+why+the+finding+is+wrong+%28the+smallest+example+that+shows+it%29%3A%0A)</sub>

    <!-- otp-review {"v":1,"rule":"genserver-blocking-init","fingerprint":"tokens of genserver-blocking-init Shop.Rates init/1","clause":"clause of genserver-blocking-init Shop.Rates init/1","module":"Shop.Rates","function":"init/1","sha":"ead0ead0ead0ead0ead0ead0ead0ead0ead0ead0","state":"open"} -->"
  `)
})

test('a comment as it is rendered', () => {
  expect(render(commentBody(input())).html).toMatchInlineSnapshot(`
    "<p><code>init/1</code> of <code>Shop.Rates</code> waits for a network answer (<code>Req.get!</code>): its supervisor starts no further child until this returns, at boot and at every restart. Return <code>{:ok, state, {:continue, :load}}</code> and do the work in <code>handle_continue/2</code>, which runs before any other message.</p>
    <p><strong>Keep init/1 fast</strong> · <a href="https://otp-review.example/rules/genserver-blocking-init.md"><code>genserver-blocking-init</code></a></p>
    <p><sub>To keep this code, write <code># otp-review:ignore genserver-blocking-init -- reason</code> above the line. <a href="https://otp-review.example/issues/new?title=genserver-blocking-init%3A+wrong+finding&amp;body=Rule%3A+genserver-blocking-init%0AVersion%3A+0.1.0%0A%0AWhat+the+code+does%2C+and+why+the+finding+is+wrong+%28the+smallest+example+that+shows+it%29%3A%0A">Is this wrong?</a></sub></p>
    <!-- otp-review {"v":1,"rule":"genserver-blocking-init","fingerprint":"tokens of genserver-blocking-init Shop.Rates init/1","clause":"clause of genserver-blocking-init Shop.Rates init/1","module":"Shop.Rates","function":"init/1","sha":"ead0ead0ead0ead0ead0ead0ead0ead0ead0ead0","state":"open"} -->"
  `)
})

test('a comment with a suggestion leaves the advice to it', () => {
  const info = ruleInfo()
  const suggestion = '    Task.Supervisor.start_child(Shop.Tasks, fn ->'

  expect(commentBody(input({ finding: finding({ line: 12 }), info, suggestion }))).toMatchInlineSnapshot(`
    "\`Task.start/1\` starts a process that no supervisor owns.

    \`\`\`suggestion
        Task.Supervisor.start_child(Shop.Tasks, fn ->
    \`\`\`

    **Task.Supervisor, not Task.async** · [\`task-unsupervised\`](https://otp-review.example/rules/task-unsupervised.md)

    <sub>To keep this code, write \`# otp-review:ignore task-unsupervised -- reason\` above the line. [Is this wrong?](https://otp-review.example/issues/new?title=task-unsupervised%3A+wrong+finding&body=Rule%3A+task-unsupervised%0AVersion%3A+0.1.0%0A%0AWhat+the+code+does%2C+and+why+the+finding+is+wrong+%28the+smallest+example+that+shows+it%29%3A%0A)</sub>

    <!-- otp-review {"v":1,"rule":"task-unsupervised","fingerprint":"tokens of task-unsupervised Shop.Stock reserve/2","clause":"clause of task-unsupervised Shop.Stock reserve/2","module":"Shop.Stock","function":"reserve/2","sha":"ead0ead0ead0ead0ead0ead0ead0ead0ead0ead0","state":"open"} -->"
  `)
})

test('an edit that GitHub must not offer is shown as code', () => {
  const edit = { startLine: 12, endLine: 12, text: '    Task.Supervisor.start_child(Shop.Tasks, fn ->' }
  const body = commentBody(input({ finding: finding({ line: 12, edit }), info: ruleInfo() }))

  expect(body).toContain('```elixir\n    Task.Supervisor.start_child(Shop.Tasks, fn ->\n```')
  expect(body).toContain('Start it under a Task.Supervisor')
  expect(body).not.toContain('```suggestion')
})

test('a suggestion that hides something is shown as code, with what it hides', () => {
  const body = commentBody(input({ suggestion: 'if role == "\u202Eadmin", do: :ok' }))

  expect(body).not.toContain('suggestion\n')
  expect(body).toContain('```elixir\nif role == "\\u{202E}admin", do: :ok\n```')
})

test('a comment on another line of the finding names its line', () => {
  expect(commentBody(input({ seeLine: 40 }))).toContain('at every restart. (See line 40.) Return `{:ok')
})

test('places that the message speaks of are listed', () => {
  const related = [
    { range: lines(17), message: 'The clause that would have to match.' },
    { range: lines(22), message: '`@maria` sends it here.' },
  ]

  expect(commentBody(input({ finding: { ...blocked, related } }))).toContain(
    '- Line 17: The clause that would have to match.\n- Line 22: `@maria` sends it here.',
  )
})

test('a comment has at most three sentences, the finding’s own first', () => {
  const long = { ...blocked, message: 'One `a. b`. Two! Three.' }

  expect(sentenceCount(commentBody(input()))).toBe(2)
  expect(commentBody(input({ finding: long }))).toMatch(/^One `a\. b`\. Two! Three\.\n\n\*\*/)
  expect(commentBody(input({ finding: { ...blocked, message: 'One. Two.' }, info: ruleInfo() }))).toMatch(
    /^One\. Two\. Start it under a Task\.Supervisor: `Task\.Supervisor\.start_child\(Shop\.Tasks, fun\)`\.\n\n/,
  )
})

test('advice about an example is left out where the message gives it in the names of the code', () => {
  const info = ruleInfo({ instead: 'Start it with `Task.Supervisor.start_child(MyApp.TaskSupervisor, fun)`.' })
  const bodyOf = (message: string) => commentBody(input({ info, finding: { ...blocked, message } }))
  const owned = bodyOf('Nobody owns it. `Task.Supervisor.start_child(Shop.TaskSupervisor, ...)` gives it an owner.')
  const unowned = bodyOf('Nobody owns it. A supervisor does.')

  expect(owned).not.toContain('MyApp')
  expect(unowned).toContain('MyApp')
})

test('every principle reads as the headline of a comment', () => {
  for (const principle of principles) {
    const { text, elements } = render(commentBody(input({ info: ruleInfo({ principles: [principle] }) })))

    expect(text).toContain(principle.title)
    expect(elements).not.toContain('em')
  }
})

test('the link for a wrong finding opens an issue that says nothing of the code', () => {
  const address = render(commentBody(input())).links.find((link) => link.includes('/issues/new'))!
  const { searchParams } = new URL(address)

  expect(searchParams.get('title')).toBe('genserver-blocking-init: wrong finding')
  expect(searchParams.get('body')).toMatchInlineSnapshot(`
    "Rule: genserver-blocking-init
    Version: 0.1.0

    What the code does, and why the finding is wrong (the smallest example that shows it):
    "
  `)
  expect(address).not.toMatch(/Shop|rates|Req/)
})

test('a fixed comment says where, keeps what it said, and offers nothing any more', () => {
  const body = commentBody(input({ suggestion: 'x = 1' }))

  expect(fixedBody(said(blocked, { body }), FIXED_IN)).toMatchInlineSnapshot(`
    "Fixed in f1fed0f1.

    <details><summary>What it was</summary>

    \`init/1\` of \`Shop.Rates\` waits for a network answer (\`Req.get!\`): its supervisor starts no further child until this returns, at boot and at every restart.

    \`\`\`elixir
    x = 1
    \`\`\`

    **Keep init/1 fast** · [\`genserver-blocking-init\`](https://otp-review.example/rules/genserver-blocking-init.md)

    </details>

    <!-- otp-review {"v":1,"rule":"genserver-blocking-init","fingerprint":"tokens of genserver-blocking-init Shop.Rates init/1","clause":"clause of genserver-blocking-init Shop.Rates init/1","module":"Shop.Rates","function":"init/1","sha":"f1fed0f1fed0f1fed0f1fed0f1fed0f1fed0f1fe","state":"fixed"} -->"
  `)
})

test('a comment that is fixed again does not pile up', () => {
  const once = fixedBody(said(blocked, { body: commentBody(input()) }), HEAD)
  const twice = fixedBody(said(blocked, { body: once.replaceAll('\n', '\r\n') }), FIXED_IN)

  expect(twice.match(/<details>/g)).toHaveLength(1)
  expect(twice.replaceAll(FIXED_IN, HEAD).replaceAll(FIXED_IN.slice(0, 8), HEAD.slice(0, 8))).toBe(once)
})

test('a withdrawn comment says why', () => {
  const body = withdrawnBody(
    said(blocked, { body: commentBody(input()) }),
    HEAD,
    'it is ignored in the code: boots @maria’s device.',
  )

  expect(body.split('\n')[0]).toBe(
    'Not reported any more as of ead0ead0, because it is ignored in the code: boots @&#8203;maria’s device.',
  )
  expect(readMarker(body)?.state).toBe('withdrawn')
})

test('a finding that is back is said in short', () => {
  expect(returnedBody(input())).toMatchInlineSnapshot(`
    "This is back as of ead0ead0, on line 9. \`init/1\` of \`Shop.Rates\` waits for a network answer (\`Req.get!\`): its supervisor starts no further child until this returns, at boot and at every restart. Return \`{:ok, state, {:continue, :load}}\` and do the work in \`handle_continue/2\`, which runs before any other message.

    **Keep init/1 fast** · [\`genserver-blocking-init\`](https://otp-review.example/rules/genserver-blocking-init.md)

    <!-- otp-review {"v":1,"rule":"genserver-blocking-init","fingerprint":"tokens of genserver-blocking-init Shop.Rates init/1","clause":"clause of genserver-blocking-init Shop.Rates init/1","module":"Shop.Rates","function":"init/1","sha":"ead0ead0ead0ead0ead0ead0ead0ead0ead0ead0","state":"open"} -->"
  `)
})

test('the text of a review counts what it says', () => {
  expect(reviewBody({ error: 1, warning: 2, info: 0, elsewhere: 0 })).toBe(
    'This pull request introduces 1 error and 2 warnings in its OTP design.',
  )
  expect(reviewBody({ error: 0, warning: 1, info: 0, elsewhere: 1 })).toBe(
    'This pull request introduces 1 warning in its OTP design. 1 more finding stands in the check run.',
  )
  expect(refusedSentence(2)).toBe('GitHub refused 2 comments: the findings are annotated here instead.')
})

test('an annotation is plain text on the finding’s own lines', () => {
  const info = ruleInfo({ title: 'A server calls itself', id: 'genserver-self-call', principles: [neverCallYourself] })

  expect(
    annotationOf(finding({ severity: 'error', range: lines(41, 43), message: 'It calls\n`itself`.' }), info),
  ).toEqual({
    path: 'lib/shop/stock.ex',
    startLine: 41,
    endLine: 43,
    level: 'failure',
    title: 'A server calls itself (genserver-self-call)',
    message:
      'It calls `itself`.\n\nStart it under a Task.Supervisor: `Task.Supervisor.start_child(Shop.Tasks, fun)`. It is then drained at shutdown.\n\nA process must not call itself.',
  })
  expect(annotationOf(finding({ severity: 'info' }), info).level).toBe('notice')
  expect(annotationOf(finding({ severity: 'warning' }), info).level).toBe('warning')
})

test('a problem of the configuration and of an ignore comment stand on their own lines', () => {
  const problem = {
    origin: 'repository' as const,
    path: '.github/otp-review.yml',
    line: 3,
    message: '`profil` is not a setting.',
  }
  const comment = {
    line: 7,
    rule: 'task-unsupervised',
    reason: 'x',
    syntax: 'ours' as const,
    silenced: 0,
    problem: 'suppression-unused' as const,
  }

  expect(configAnnotation(problem)).toEqual({
    path: '.github/otp-review.yml',
    startLine: 3,
    endLine: 3,
    level: 'warning',
    title: 'Configuration of otp-review',
    message: '`profil` is not a setting.',
  })
  expect(suppressionAnnotation('lib/a.ex', comment)).toMatchObject({
    startLine: 7,
    message: 'This comment silences nothing: `task-unsupervised` finds nothing here. Delete the comment.',
  })
  expect(suppressionProblem({ ...comment, problem: 'suppression-without-reason' })).toBe(
    'Without a reason this comment silences nothing. Write `# otp-review:ignore task-unsupervised -- reason`.',
  )
  expect(suppressionProblem({ ...comment, rule: 'tsk', problem: 'suppression-unknown-rule' })).toBe(
    '`tsk` is not a rule of this version. Correct the name, or delete the comment.',
  )
  expect(suppressionProblem({ ...comment, rule: null, problem: 'suppression-unknown-rule' })).toBe(
    'This comment names no rule. Write `# otp-review:ignore RULE -- reason`.',
  )
})

test('a run that we could not finish says so, with a reference', () => {
  expect(brokenRun('72d3162e', 'neutral')).toMatchInlineSnapshot(`
    {
      "annotations": [],
      "conclusion": "neutral",
      "summary": "Something went wrong on our side, so this commit was not reviewed. It does not block the merge. Press "Check again"; if that fails too, report it with the reference \`72d3162e\`.",
      "text": null,
      "title": "otp-review could not finish",
    }
  `)
  expect(brokenRun('72d3162e', 'block')).toMatchObject({
    conclusion: 'failure',
    summary: expect.stringContaining('so the check fails'),
  })
  expect(supersededRun(HEAD)).toMatchObject({
    conclusion: 'neutral',
    summary: 'The pull request has moved on; the review is on ead0ead0.',
  })
})

test('a missing permission is named, with what to do', () => {
  const { summary } = unpermittedRun('contents: read')

  expect(summary).toMatchInlineSnapshot(
    `"This commit was not reviewed: the app lacks the permission \`contents: read\` here. An owner of this account can accept it in the settings of the installation."`,
  )
  expect(withMissingPermission(brokenRun('1', 'neutral'), null)).toEqual(brokenRun('1', 'neutral'))
  expect(withMissingPermission(unpermittedRun('x'), 'pull_requests: write').summary).toMatch(
    /\n\nNo comments were posted: the app lacks the permission `pull_requests: write` here\./,
  )
})

test('the marker holds what matching needs, and survives being read back', () => {
  const marker = readMarker(commentBody(input()))

  expect(marker).toEqual({
    v: 1,
    rule: 'genserver-blocking-init',
    fingerprint: blocked.fingerprint,
    clause: blocked.clauseFingerprint,
    module: 'Shop.Rates',
    function: 'init/1',
    sha: HEAD,
    state: 'open',
  })
  expect(readMarker(commentBody(input()).replaceAll('\n', '\r\n') + '\n')).toEqual(marker)
})

test.each(HOSTILE)('no name ends the marker, or puts anything in it: %j', (text) => {
  const marker = {
    v: 1,
    rule: 'a-b--c',
    fingerprint: text,
    clause: text,
    module: text,
    function: text,
    sha: HEAD,
    state: 'open' as const,
  }
  const written = writeMarker(marker)

  expect(readMarker(written)).toEqual(marker)
  expect(render(`${written}\n\nafter`)).toMatchObject({ elements: ['p'], text: 'after', comments: [written] })
  expect(written).toMatch(/^[ -~]+$/)
})

test('only the last line is read as a marker', () => {
  const real = {
    v: 1,
    rule: 'a',
    fingerprint: 'b',
    clause: 'c',
    module: 'D',
    function: null,
    sha: HEAD,
    state: 'open' as const,
  }
  const spoof = writeMarker({ ...real, rule: 'spoof', state: 'fixed' })

  expect(readMarker(`${spoof}\n\n${writeMarker(real)}`)).toEqual(real)
  expect(readMarker(`${spoof}\n\nquoted by someone`)).toBe(null)
  expect(readMarker(`see ${spoof}`)).toBe(null)
})

test.each([
  '',
  'text',
  '<!-- otp-review -->',
  '<!-- otp-review {} -->',
  '<!-- otp-review {"v":1} -->',
  '<!-- otp-review {"v":"1","rule":"a"} -->',
  '<!-- otp-review {"v":1,"rule":{}} -->',
  '<!-- otp-review {"v":1,"rule":"a" -->',
  '<!-- otp-review [1] -->',
  '<!-- other {"v":1,"rule":"a"} -->',
])('garbage is no marker: %j', (body) => {
  expect(readMarker(body)).toBe(null)
})

test('a marker of another version is read as far as it goes', () => {
  expect(readMarker('<!-- otp-review {"v":7,"rule":"a","state":"gone"} -->')).toEqual({
    v: 7,
    rule: 'a',
    fingerprint: '',
    clause: '',
    module: '',
    function: null,
    sha: '',
    state: 'open',
  })
})

test.each(HOSTILE)('a comment about hostile code is inert: %j', (text) => {
  const hostile = finding({
    message: `\`${text}\` of ${text} waits.`,
    module: text,
    function: text,
    fingerprint: text,
    related: [{ range: lines(3), message: text }],
    edit: { startLine: 1, endLine: 1, text },
  })
  const wanted = ['a', 'code', 'li', 'p', 'pre', 'strong', 'sub', 'ul', 'span', 'details', 'summary']

  for (const suggestion of [text, null]) {
    const body = commentBody(input({ finding: hostile, suggestion }))
    for (const each of [body, fixedBody(said(hostile, { body }), HEAD), returnedBody(input({ finding: hostile }))]) {
      const { elements, found, comments, links } = render(each)

      expect(elements.filter((name) => !wanted.includes(name))).toEqual([])
      expect(found).toEqual([])
      expect(comments).toHaveLength(1)
      expect(links.every((link) => link.startsWith('https://otp-review.example/'))).toBe(true)
      expect(readMarker(each)).toMatchObject({ rule: hostile.rule, module: text })
    }
  }
})

test('the largest comment stays within what GitHub takes', () => {
  const long = '\u202E@`'.repeat(40_000)
  const related = Array.from({ length: 100 }, () => ({ range: lines(3), message: long }))
  const edit = { startLine: 1, endLine: 6, text: long }
  const largest = finding({
    fingerprint: 'a',
    clauseFingerprint: 'b',
    message: long,
    module: long,
    function: long,
    related,
    edit,
  })
  const body = commentBody(input({ finding: largest, suggestion: long, info: ruleInfo({ principles: [bottleneck] }) }))

  expect(body.length).toBeLessThan(60_000)
  expect(fixedBody(said(largest, { body, marker: readMarker(body)! }), HEAD).length).toBeLessThan(60_000)
  expect(returnedBody(input({ finding: largest })).length).toBeLessThan(60_000)
  expect(annotationOf(largest, ruleInfo()).message.length).toBeLessThan(60_000)
})
