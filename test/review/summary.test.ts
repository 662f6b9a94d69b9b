import type { FileReport, Finding } from '#engine'
import { expect, test } from 'vitest'
import { bottleneck, fastInit, neverCallYourself, principles } from '../../rules/principles.ts'
import { resolveConfig } from '../../src/review/config.ts'
import { byteLength } from '../../src/review/escape.ts'
import type { Introduced } from '../../src/review/plan.ts'
import { summarise } from '../../src/review/summary.ts'
import type { SummaryInput } from '../../src/review/summary.ts'
import { changedFile, fileReport, finding, lines, snapshot } from '../support/builders.ts'
import { HOSTILE } from '../support/hostile.ts'
import { render } from '../support/rendered.ts'
import { ruleInfo } from '../support/rule-info.ts'

const CATALOGUE = [
  ruleInfo(),
  ruleInfo({
    id: 'genserver-self-call',
    title: 'A server calls itself',
    principles: [neverCallYourself],
    severity: 'error',
  }),
  ruleInfo({ id: 'genserver-blocking-init', principles: [fastInit] }),
]

const UNSUPERVISED = { line: 12 }
const SELF_CALL: Partial<Finding> = {
  rule: 'genserver-self-call',
  severity: 'error',
  range: lines(41, 43),
  message:
    '`Shop.Stock.totals/0` sends a `GenServer.call` to `Shop.Stock`: it exits with `:calling_self` as soon as it gets here.',
}
const BLOCKING_INIT = {
  rule: 'genserver-blocking-init',
  path: 'lib/shop/rates.ex',
  line: 9,
  message:
    '`init/1` of `Shop.Rates` waits for a network answer (`Req.get!`): its supervisor starts no further child until this returns.',
}

function introduced(of: Parameters<typeof finding>[0], overrides: Partial<Introduced> = {}): Introduced {
  const placement = { at: 'line', startLine: 1, endLine: 1 } as const
  return { finding: finding(of), placement, said: false, accepted: null, ...overrides }
}

function configured(text: string): SummaryInput['configuration'] {
  const base = { path: '.github/otp-review.yml', text }
  return resolveConfig(
    { base, organisation: null, head: null },
    CATALOGUE.map((rule) => rule.id),
  )
}

function summaryOf(overrides: Partial<SummaryInput> = {}) {
  const files = ['lib/shop/stock.ex', 'lib/shop/rates.ex'].map((path) => changedFile({ path, base: null, head: 'x' }))
  return summarise({
    snapshot: snapshot({ files }),
    reports: files.map(({ path }) => fileReport(path)),
    introduced: [],
    suppressionProblems: [],
    notAnnotated: 0,
    preview: null,
    configuration: configured(''),
    conclusion: 'success',
    catalogue: CATALOGUE,
    engineVersion: '0.1.0',
    docsUrl: 'https://otp-review.example/rules',
    ...overrides,
  })
}

function snapshotWith(overrides: Parameters<typeof snapshot>[0]) {
  return snapshot({ files: [changedFile({ path: 'lib/a.ex', base: null, head: 'x' })], ...overrides })
}

test('a clean change: what was read, so that silence can be trusted', () => {
  expect(summaryOf()).toMatchInlineSnapshot(`
    {
      "summary": "This change introduces no problem that the rules know.

    otp-review 0.1.0 read 2 Elixir files with 3 rules (profile \`recommended\`).",
      "text": null,
      "title": "Nothing to report in 2 Elixir files",
    }
  `)
})

test('a change without Elixir', () => {
  expect(summaryOf({ snapshot: snapshot({ otherFiles: 3 }), reports: [] })).toMatchInlineSnapshot(`
    {
      "summary": "This change touches no Elixir file.

    otp-review 0.1.0 read 0 Elixir files. Not Elixir: 3 files.",
      "text": null,
      "title": "No Elixir changes",
    }
  `)
})

test('a change of tests and generated files only', () => {
  const reports = [
    fileReport('test/a_test.exs', [], { outcome: 'skipped', reason: 'test' }),
    fileReport('test/b_test.exs', [], { outcome: 'skipped', reason: 'test' }),
    fileReport('lib/a.pb.ex', [], { outcome: 'skipped', reason: 'generated' }),
  ]

  expect(summaryOf({ reports })).toMatchInlineSnapshot(`
    {
      "summary": "No Elixir file in this change was reviewed.

    otp-review 0.1.0 read 0 Elixir files. Left out on purpose: 3 files (1 generated, 2 test).",
      "text": null,
      "title": "No Elixir file to review",
    }
  `)
})

test('findings: by principle, the weightiest first, each with its line and its rule', () => {
  const { title, summary, text } = summaryOf({
    introduced: [introduced(UNSUPERVISED), introduced(BLOCKING_INIT), introduced(SELF_CALL)],
    conclusion: 'failure',
  })

  expect(title).toBe('1 error, 2 warnings')
  expect(summary).toMatchInlineSnapshot(`
    "This change introduces 1 error and 2 warnings. The check fails: \`fail_on\` is \`error\`.

    ### A process must not call itself

    It handles one message at a time, so the answer that it waits for could never come. [GenServer](https://hexdocs.pm/elixir/GenServer.html)

    | | Where | What | Rule |
    |---|---|---|---|
    | error | [\`lib/shop/stock.ex:41\`](https://github.com/acme/shop/blob/ead0ead0ead0ead0ead0ead0ead0ead0ead0ead0/lib/shop/stock.ex#L41-L43) | \`Shop.Stock.totals/0\` sends a \`GenServer.call\` to \`Shop.Stock\`: it exits with \`:calling_self\` as soon as it gets here. | [\`genserver-self-call\`](https://otp-review.example/rules/genserver-self-call.md) |

    ### Keep init/1 fast

    It blocks the supervisor. Do post-init work in \`handle_continue/2\`. [GenServer: init/1](https://hexdocs.pm/elixir/GenServer.html#c:init/1) · [GenServer: handle\\_continue/2](https://hexdocs.pm/elixir/GenServer.html#c:handle_continue/2)

    | | Where | What | Rule |
    |---|---|---|---|
    | warning | [\`lib/shop/rates.ex:9\`](https://github.com/acme/shop/blob/ead0ead0ead0ead0ead0ead0ead0ead0ead0ead0/lib/shop/rates.ex#L9) | \`init/1\` of \`Shop.Rates\` waits for a network answer (\`Req.get!\`): its supervisor starts no further child until this returns. | [\`genserver-blocking-init\`](https://otp-review.example/rules/genserver-blocking-init.md) |

    ### Task.Supervisor, not Task.async

    Use \`Task.Supervisor\`. A \`Task.async\` is linked: if the task crashes, the caller crashes. [Task: dynamically supervised tasks](https://hexdocs.pm/elixir/Task.html#module-dynamically-supervised-tasks)

    | | Where | What | Rule |
    |---|---|---|---|
    | warning | [\`lib/shop/stock.ex:12\`](https://github.com/acme/shop/blob/ead0ead0ead0ead0ead0ead0ead0ead0ead0ead0/lib/shop/stock.ex#L12) | \`Task.start/1\` starts a process that no supervisor owns. | [\`task-unsupervised\`](https://otp-review.example/rules/task-unsupervised.md) |

    otp-review 0.1.0 read 2 Elixir files with 3 rules (profile \`recommended\`)."
  `)
  expect(text).toMatchInlineSnapshot(`
    "### The rules behind it

    **A server calls itself** · [\`genserver-self-call\`](https://otp-review.example/rules/genserver-self-call.md)

    A bare spawn has no parent that can restart it, drain it at shutdown, or show it in the tree. Start it under a Task.Supervisor: \`Task.Supervisor.start_child(Shop.Tasks, fun)\`. It is then drained at shutdown.

    **Process started outside a supervisor** · [\`genserver-blocking-init\`](https://otp-review.example/rules/genserver-blocking-init.md)

    A bare spawn has no parent that can restart it, drain it at shutdown, or show it in the tree. Start it under a Task.Supervisor: \`Task.Supervisor.start_child(Shop.Tasks, fun)\`. It is then drained at shutdown.

    **Process started outside a supervisor** · [\`task-unsupervised\`](https://otp-review.example/rules/task-unsupervised.md)

    A bare spawn has no parent that can restart it, drain it at shutdown, or show it in the tree. Start it under a Task.Supervisor: \`Task.Supervisor.start_child(Shop.Tasks, fun)\`. It is then drained at shutdown."
  `)
})

test('findings as they are rendered', () => {
  const { summary } = summaryOf({ introduced: [introduced(SELF_CALL)], conclusion: 'failure' })

  expect(render(summary).html).toMatchInlineSnapshot(`
    "<p>This change introduces 1 error. The check fails: <code>fail_on</code> is <code>error</code>.</p>
    <h3>A process must not call itself</h3>
    <p>It handles one message at a time, so the answer that it waits for could never come. <a href="https://hexdocs.pm/elixir/GenServer.html">GenServer</a></p>
    <table>
    <thead>
    <tr>
    <th></th>
    <th>Where</th>
    <th>What</th>
    <th>Rule</th>
    </tr>
    </thead>
    <tbody><tr>
    <td>error</td>
    <td><a href="https://github.com/acme/shop/blob/ead0ead0ead0ead0ead0ead0ead0ead0ead0ead0/lib/shop/stock.ex#L41-L43"><code>lib/shop/stock.ex:41</code></a></td>
    <td><code>Shop.Stock.totals/0</code> sends a <code>GenServer.call</code> to <code>Shop.Stock</code>: it exits with <code>:calling_self</code> as soon as it gets here.</td>
    <td><a href="https://otp-review.example/rules/genserver-self-call.md"><code>genserver-self-call</code></a></td>
    </tr>
    </tbody></table>
    <p>otp-review 0.1.0 read 2 Elixir files with 3 rules (profile <code>recommended</code>).</p>
    "
  `)
})

test('what was left, what is wrong and what was not analysed stands in the text', () => {
  const reports: FileReport[] = [
    fileReport('lib/shop/stock.ex', [], { failedRules: [{ rule: 'genserver-self-call', error: 'TypeError: x' }] }),
    fileReport('lib/shop/rates.ex', [], { outcome: 'partial', reason: 'syntax error', errorLines: [3, 9] }),
    fileReport('lib/shop/slow.ex', [], { outcome: 'failed', reason: 'time limit' }),
  ]
  const wrong = {
    line: 3,
    rule: 'task-unsupervised',
    reason: 'x',
    syntax: 'ours',
    silenced: 0,
    problem: 'suppression-unused',
  } as const

  const { title, summary, text } = summaryOf({
    reports,
    snapshot: snapshotWith({ notRead: [{ path: 'lib/big.ex', reason: 'over 400 kB' }] }),
    introduced: [
      introduced({ line: 99 }, { accepted: { by: 'maria', reason: 'until the migration, see ADR 7' } }),
      introduced({ line: 8, suppressed: { line: 7, reason: 'boots a legacy device' } }),
    ],
    suppressionProblems: [{ path: 'lib/shop/stock.ex', suppression: wrong }],
    configuration: configured('profil: strict'),
    conclusion: 'neutral',
  })

  expect(title).toBe('1 accepted, 1 ignored, 1 ignore comment to correct; 2 files not read')
  expect(summary).toMatchInlineSnapshot(`
    "This change introduces no problem that the rules know. Not everything could be analysed: see below.

    otp-review 0.1.0 read 2 Elixir files with 3 rules (profile \`recommended\`), 1 of them only in part. Not read: 2 files."
  `)
  expect(text).toMatchInlineSnapshot(`
    "### Accepted

    | Where | Rule | By | Reason |
    |---|---|---|---|
    | [\`lib/shop/stock.ex:99\`](https://github.com/acme/shop/blob/ead0ead0ead0ead0ead0ead0ead0ead0ead0ead0/lib/shop/stock.ex#L99) | [\`task-unsupervised\`](https://otp-review.example/rules/task-unsupervised.md) | \`maria\` | until the migration, see ADR 7 |

    ### Ignored in the code

    | Where | Rule | Reason |
    |---|---|---|
    | [\`lib/shop/stock.ex:7\`](https://github.com/acme/shop/blob/ead0ead0ead0ead0ead0ead0ead0ead0ead0ead0/lib/shop/stock.ex#L7) | [\`task-unsupervised\`](https://otp-review.example/rules/task-unsupervised.md) | boots a legacy device |

    ### Ignore comments to correct

    | Where | What |
    |---|---|
    | [\`lib/shop/stock.ex:3\`](https://github.com/acme/shop/blob/ead0ead0ead0ead0ead0ead0ead0ead0ead0ead0/lib/shop/stock.ex#L3) | This comment silences nothing: \`task-unsupervised\` finds nothing here. Delete the comment. |

    ### Configuration

    | Where | What |
    |---|---|
    | \`.github/otp-review.yml:1\` | \`profil\` is not a setting. Did you mean \`profile\`? It does not count. |

    ### Not analysed

    | File | Why |
    |---|---|
    | \`lib/big.ex\` | over 400 kB |
    | \`lib/shop/rates.ex\` | read but for the code around lines 3, 9, which does not parse |
    | \`lib/shop/slow.ex\` | the analysis took too long |
    | \`lib/shop/stock.ex\` | the rule \`genserver-self-call\` failed here; the others ran |"
  `)
})

test.each([
  ['fail_on: warning', 'failure', 'This change introduces 1 warning. The check fails: `fail_on` is `warning`.'],
  [
    'fail_on: warning\noverrides: [{ paths: [a/**], fail_on: never }]',
    'failure',
    'The check fails: `fail_on` is `warning` where no override says otherwise.',
  ],
  ['', 'neutral', 'This change introduces 1 warning. None of it fails the check.'],
  [
    'mode: observe',
    'neutral',
    'This change introduces 1 warning. The check only observes (`mode: observe`), so it does not fail.',
  ],
] as const)('with %j a warning concludes %s, and the summary says why', (text, conclusion, sentence) => {
  expect(summaryOf({ introduced: [introduced({})], configuration: configured(text), conclusion }).summary).toContain(
    sentence,
  )
})

test('our own failure that blocks is called that', () => {
  const reports = [fileReport('lib/a.ex', [], { outcome: 'failed', reason: 'crashed' })]
  const { title, summary } = summaryOf({ reports, configuration: configured('on_error: block'), conclusion: 'failure' })

  expect(title).toBe('1 Elixir file could not be read')
  expect(summary).toContain(
    'The check fails because something went wrong on our side: `on_error` is `block`. Not everything could be analysed: see below.',
  )
})

test.each([
  [
    '',
    {},
    '1 finding stands only here: a pull request gets at most 10 comments, 3 of one rule, one of a rule in a function, and only on lines that it adds.',
  ],
  ['comments: { max: 0 }', {}, 'The configuration asks for no comments.'],
  ['', { draft: true }, 'Comments follow when the draft is ready for review.'],
  ['', { comments: false }, 'This pull request is older than the installation: comments begin with its next push.'],
] as const)('findings without a comment are explained: %j %j', (text, subject, sentence) => {
  const pull = snapshot().subject as Extract<SummaryInput['snapshot']['subject'], { kind: 'pull' }>
  const left = introduced({}, { placement: { at: 'summary' } })
  const summaryWith = (introduced: Introduced[]) =>
    summaryOf({
      introduced,
      snapshot: snapshotWith({ subject: { ...pull, ...subject } }),
      configuration: configured(text),
      conclusion: 'neutral',
    })

  expect(summaryWith([left]).summary).toContain(sentence)
  expect(summaryWith([introduced({})]).summary).not.toContain(sentence)
  expect(summaryWith([{ ...left, said: true }]).summary).not.toContain(sentence)
  expect(summaryWith([introduced({ severity: 'info' }, { placement: { at: 'summary' } })]).summary).not.toContain(
    sentence,
  )
})

test('a list of files that GitHub cut is no silence', () => {
  const { title, summary } = summaryOf({ snapshot: snapshotWith({ listCutAt: 3000 }), conclusion: 'neutral' })

  expect(title).toBe('Nothing to report in 2 Elixir files; not all files read')
  expect(summary).toContain('GitHub lists only the first 3,000 changed files; those beyond were not read.')
})

test('a principle’s explanation does not repeat its title', () => {
  const headlines = principles.map((principle) => {
    const catalogue = [ruleInfo({ principles: [principle] })]
    const { summary } = summaryOf({ introduced: [introduced({})], catalogue, conclusion: 'neutral' })
    const [, title, explanation] = /### (.*)\n\n(.*)\n/.exec(
      render(summary).html.replace(/<h3>(.*)<\/h3>\s*<p>(.*)<\/p>/, '### $1\n\n$2'),
    )!
    return `${title} | ${explanation!
      .replace(/<a .*/, '')
      .replace(/<[^>]*>/g, '')
      .trim()}`
  })

  expect(headlines.join('\n')).toMatchInlineSnapshot(`
    "A GenServer is a bottleneck by design | One process, one message at a time. Ask first whether you need serialised access, whether this will limit throughput, and whether reads can go round it.
    Modules organise code, processes model run time | Do not wrap stateless functions in a GenServer, and do not create one &quot;for organisation&quot;. Modules and functions organise code; processes model run-time properties.
    One process owns the table | Writes go through it; reads go straight to ETS.
    The database is the source of truth for domain entities | Processes are for infrastructure.
    When in doubt, call | Use call when you need an answer or back-pressure, with a timeout you chose; cast is fire-and-forget. When in doubt, call.
    Keep init/1 fast | It blocks the supervisor. Do post-init work in handle_continue/2.
    Keep callbacks fast | Everybody else is waiting. Offload heavy work to a supervised task.
    A process must not call itself | It handles one message at a time, so the answer that it waits for could never come.
    Every message needs a clause | Every message a process can receive needs a clause: replies of tasks, :DOWN, :EXIT, timers.
    Task.Supervisor, not Task.async | Use Task.Supervisor. A Task.async is linked: if the task crashes, the caller crashes.
    Work that must not be lost belongs in a job queue | Work that must not be lost belongs in a persistent job queue (Oban), not in a task or a GenServer.
    Start every long-lived process in a supervision tree | Its supervisor restarts it after a crash and stops it in order.
    Supervision strategies encode dependencies | Start order matters; restart limits stop restart loops. Think about failure cascades before coding.
    Name dynamic processes through Registry | Never create atoms dynamically.
    Registry is one node | :pg is the cluster.
    Pick the storage by need | ETS for shared memory, persistent_term for data that almost never changes, DETS for small disk tables (2 GB), Mnesia for transactions.
    An Agent is for simple state | The function you pass runs inside the agent and blocks it.
    Broadway is NOT a job queue | Broadway ingests from external queues; Oban runs background jobs.
    Broadway processors are for run time, not code organisation | Your errors become failed messages, not restarts; expected failures are handled in the producer.
    :sys is for debugging | Turn tracing off when done.
    Telemetry handlers run in the emitting process | Telemetry handlers run in the process that emits the event, and are removed when they fail.
    Sending a message copies it | A closure copies every variable it mentions.
    Keep all direct interaction with a process in one module | Its messages can then change in one place."
  `)
})

test('5,000 findings fit, whole rows only, and the rest is counted', () => {
  const found = Array.from({ length: 5_000 }, (_, index) =>
    introduced(
      { ...[UNSUPERVISED, SELF_CALL, BLOCKING_INIT][index % 3], line: index + 1, path: `lib/file_${index}.ex` },
      { placement: { at: 'summary' } },
    ),
  )
  const left = found.map((each) => ({ ...each, accepted: { by: 'maria', reason: 'known' } }))
  const input = { introduced: [...found, ...left], conclusion: 'failure' } as const
  const { title, summary, text } = summaryOf(input)

  expect(title).toBe('1,667 errors, 3,333 warnings, 5,000 accepted')
  for (const part of [summary, text!]) {
    expect(byteLength(part)).toBeLessThan(65_000)
    const shown = part.match(/^\| .*\[`lib\/file_.* \|$/gm)!.length
    const missing = [...part.matchAll(/^([\d,]+) more rows did not fit here\.$/gm)].map(([, number]) =>
      Number(number!.replace(',', '')),
    )
    expect(shown + missing.reduce((sum, number) => sum + number, 0)).toBe(5_000)
  }
  expect(byteLength(summary)).toBeGreaterThan(55_000)
  expect(summary).toMatch(/otp-review 0\.1\.0 read 2 Elixir files/)
  expect(render(summary).elements).not.toContain('script')
})

test('the same findings in another order give the same texts', () => {
  const found = [UNSUPERVISED, SELF_CALL, BLOCKING_INIT, { line: 13 }].map((of) => introduced(of))

  expect(summaryOf({ introduced: found.toReversed() })).toEqual(summaryOf({ introduced: found }))
})

test.each(HOSTILE)('hostile names, reasons and values are inert: %j', (text) => {
  const path = `lib/${text}.ex`
  const {
    title,
    summary,
    text: details,
  } = summaryOf({
    snapshot: snapshotWith({ notRead: [{ path: text, reason: text }] }),
    reports: [
      fileReport(path, [], { outcome: 'partial', reason: 'syntax error', errorLines: [1] }),
      fileReport(path, [], { failedRules: [{ rule: 'genserver-self-call', error: text }] }),
    ],
    introduced: [
      introduced({ path, message: `\`${text}\` and ${text}` }),
      introduced({ path, suppressed: { line: 1, reason: text } }),
      introduced({ path }, { accepted: { by: text, reason: text } }),
    ],
    suppressionProblems: [
      {
        path,
        suppression: {
          line: 3,
          rule: text,
          reason: text,
          syntax: 'ours',
          silenced: 0,
          problem: 'suppression-unknown-rule',
        },
      },
    ],
    configuration: configured(`${JSON.stringify(text)}: ${JSON.stringify(text)}`),
    conclusion: 'neutral',
    preview: { conclusion: 'failure', findings: 1, changes: [{ key: text, from: text, to: [text] }], problems: [] },
  })

  expect(title).toMatch(/^[ -~]+$/)
  for (const part of [summary, details!]) {
    const { elements, found, comments, links } = render(part)
    expect(
      elements.filter(
        (name) =>
          !['a', 'code', 'h3', 'p', 'span', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr'].includes(name),
      ),
    ).toEqual([])
    expect(found).toEqual([])
    expect(comments).toEqual([])
    expect(
      links.filter(
        (link) => !/^https:\/\/(github\.com\/acme\/shop\/blob|otp-review\.example|hexdocs\.pm)\//.test(link),
      ),
    ).toEqual([])
  }
  // One row each, however many lines and pipes the names have.
  expect(render(summary).html.match(/<td>/g)).toHaveLength(4)
  expect(render(details!).html.match(/<tr>/g)).toHaveLength(6 + 1 + 1 + 1 + 1 + 1 + 3)
})

test('what the configuration of a change would do is told before it counts', () => {
  const changes = [
    { key: 'profile', from: 'recommended', to: 'strict' },
    { key: 'overrides[0].paths[0]', from: undefined, to: 'apps/billing/**' },
    { key: 'drafts', from: false, to: true },
  ]
  const problems = [{ origin: 'repository' as const, path: '.github/otp-review.yml', line: 3, message: 'No.' }]

  const { text } = summaryOf({ preview: { conclusion: 'failure', findings: 2, changes, problems } })

  expect(text).toMatchInlineSnapshot(`
    "### The configuration in this pull request

    It counts once it is on the base branch. This check would then conclude \`failure\`, with 2 findings. 1 entry of it would not count: see the annotations.

    | Setting | Now | Then |
    |---|---|---|
    | \`profile\` | \`recommended\` | \`strict\` |
    | \`overrides[0].paths[0]\` |  | \`apps/billing/**\` |
    | \`drafts\` | \`false\` | \`true\` |"
  `)
  expect(summaryOf({ preview: { conclusion: 'success', findings: 0, changes: [], problems: [] } }).text).toContain(
    'No setting changes its value.',
  )
})

test('a permission that is missing is named with what does not work, and what to do', () => {
  const { summary } = summaryOf({ snapshot: snapshotWith({ lacking: ['merge_queues:read', 'checks:write'] }) })

  expect(summary).toContain(
    'A merge queue that requires this check would wait for ever: the app lacks the permission `merge_queues:read` here. An owner of this account can accept it in the settings of the installation.',
  )
  expect(summary).not.toContain('checks:write')
})

test('findings that are too many to annotate are counted', () => {
  const { summary } = summaryOf({ introduced: [introduced(SELF_CALL)], notAnnotated: 4_700, conclusion: 'failure' })

  expect(summary).toContain('4,700 more findings without an annotation: too many for GitHub.')
})

test('a local clone has no lines to link to', () => {
  const { summary } = summaryOf({
    snapshot: snapshotWith({ subject: { kind: 'local' }, repository: { id: 0, owner: '', name: '', url: '' } }),
    introduced: [introduced({})],
    conclusion: 'neutral',
  })

  expect(summary).toContain('| warning | `lib/shop/stock.ex:1` |')
})

test('a long path keeps its end, and no link that GitHub would refuse', () => {
  const { summary } = summaryOf({
    introduced: [introduced({ path: `${'a/'.repeat(2_000)}stock.ex` })],
    conclusion: 'neutral',
  })

  expect(summary).toMatch(/\| `…[a/]{80,}stock\.ex:1` \|/)
})

test('the explanation of the first principle stands over its findings', () => {
  const catalogue = [ruleInfo({ principles: [bottleneck, fastInit] })]
  const { summary } = summaryOf({ catalogue, introduced: [introduced({})], conclusion: 'neutral' })

  expect(summary.match(/^### .*$/gm)).toEqual(['### A GenServer is a bottleneck by design'])
})
