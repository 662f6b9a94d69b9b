import { describe, expect, test } from 'vitest'
import {
  analyse,
  type CataloguedRule,
  describe as describeRule,
  elixir,
  type FileReport,
  readProject,
  selectAll,
  type SourceToAnalyse,
  UNKNOWN_PROJECT,
} from '#engine'
import { ruleAbout, ruleOn } from './rules-for-tests.ts'

const source = elixir`
  defmodule Shop.Mail do
    alias Shop.Task, as: Other

    def send(order) do
      Task.start(fn -> order end)
      Other.start(order)
      order
      |> prepare()
      |> Task.async()
    end

    def deliver(order), do: Task.start(order)
  end
`

function look(rules: readonly CataloguedRule[], overrides: Partial<SourceToAnalyse> = {}): FileReport {
  return analyse(
    { path: 'lib/mail.ex', source, project: UNKNOWN_PROJECT, selection: selectAll(rules), ...overrides },
    rules,
  )
}

describe('a finding', () => {
  test('is the problem, stamped with rule, place and identity', () => {
    const [finding] = look([ruleAbout(['Task.async'])]).findings

    expect(finding).toEqual({
      rule: 'found',
      category: 'task',
      principles: ['P-X'],
      severity: 'warning',
      set: 'recommended',
      precision: 'P1',
      path: 'lib/mail.ex',
      range: { startLine: 9, startColumn: 8, endLine: 9, endColumn: 20 },
      message: 'Task.async',
      evidence: [{ startLine: 9, startColumn: 8, endLine: 9, endColumn: 20 }],
      related: [],
      edit: null,
      module: 'Shop.Mail',
      function: 'send/1',
      scope: { startLine: 1, startColumn: 1, endLine: 13, endColumn: 4 },
      fingerprint: expect.stringMatching(/^[0-9a-f]{24}$/),
      clauseFingerprint: expect.stringMatching(/^[0-9a-f]{24}$/),
      suppressed: null,
    })
  })

  test('says what the problem says where it says more', () => {
    const line = { startLine: 2, startColumn: 1, endLine: 2, endColumn: 5 }
    const more = {
      severity: 'info',
      evidence: [line],
      related: [{ range: line, message: 'here' }],
      scope: line,
    } as const
    const edit = { startLine: 2, endLine: 2, text: 'x' }
    const rule = ruleOn('module', () => [{ at: line, message: 'm', ...more, edit }])

    expect(look([rule]).findings[0]).toMatchObject({ ...more, edit, module: 'Shop.Mail', function: null })
  })

  test('stands by line, then rule, then column', () => {
    const second = ruleAbout(['Task.start'], { id: 'b' })
    const first = ruleAbout(['Task.async', 'Task.start'], { id: 'a' })
    const report = look([second, first])

    expect(report.findings.map(({ rule, range }) => `${range.startLine} ${rule}`)).toEqual([
      '5 a',
      '5 b',
      '9 a',
      '12 a',
      '12 b',
    ])
  })
})

describe('what a rule is shown', () => {
  const shown = (rule: CataloguedRule): string[] => look([rule]).findings.map((finding) => finding.message)

  test('calls of its callees, by name or by module', () => {
    expect(shown(ruleAbout(['Task.start']))).toEqual(['Task.start', 'Task.start'])
    expect(shown(ruleAbout(['Task.*']))).toEqual(['Task.start', 'Task.async', 'Task.start'])
    expect(shown(ruleAbout(['Shop.Task.start', 'prepare']))).toEqual(['Shop.Task.start', 'prepare'])
    expect(shown(ruleAbout([':ets.insert']))).toEqual([])
  })

  test('every call, where it names none', () => {
    const { callees: _callees, ...rule } = ruleAbout([])

    expect(shown(rule)).toEqual(['Task.start', 'Shop.Task.start', 'prepare', 'Task.async', 'Task.start'])
  })

  test('modules, clauses and child lists, with the project', () => {
    const project = { ...UNKNOWN_PROJECT, otp: 27 }
    const at = { startLine: 1, startColumn: 1, endLine: 1, endColumn: 2 }
    const rules = [
      ruleOn('module', ({ module, file, project }) => [{ at, message: `${module.name} ${file.path} ${project.otp}` }], {
        id: 'a',
      }),
      ruleOn('clause', ({ clause, module }) => [{ at: clause.head, message: `${module.name} ${clause.function.id}` }], {
        id: 'b',
      }),
      ruleOn('children', ({ list }) => [{ at: list.owner.at, message: list.owner.callee }], { id: 'c' }),
    ]
    const text = 'defmodule A do\ndef f, do: 1\ndef g, do: Supervisor.init([B], strategy: :one_for_one)\nend\n'

    expect(look(rules, { source: text, project }).findings.map((finding) => finding.message)).toEqual([
      'A lib/mail.ex 27',
      'A f/0',
      'A g/0',
      'Supervisor.init',
    ])
  })

  test('modules of its roles alone', () => {
    const text = 'defmodule A do\nuse GenServer\ndef f, do: g()\nend\ndefmodule B do\ndef f, do: g()\nend\n'
    const seen = (rule: CataloguedRule) => look([rule], { source: text }).findings.map((finding) => finding.module)

    expect(seen(ruleAbout(['g'], { roles: ['GenServer', 'Agent'] }))).toEqual(['A'])
    expect(
      seen(ruleOn('clause', ({ clause }) => [{ at: clause.head, message: '' }], { roles: ['GenServer'] })),
    ).toEqual(['A'])
    expect(seen(ruleAbout(['g'], { roles: ['Agent'] }))).toEqual([])
  })

  test('no protocol or implementation, and nothing that does not parse', () => {
    const text = elixir`
      defprotocol P do
        def f(x)
      end
      defimpl P, for: A do
        def f(x), do: Task.start(x)
      end
      defmodule A do
        def broken(x), do: Task.start(x,, 1)
        def fine(x), do: Task.start(x)
      end
      defmodule B do
        plug :x,, y
        def f(x), do: Task.start(x)
      end
    `
    const report = look([ruleAbout(['Task.start'])], { source: text })

    expect(report.findings.map((finding) => finding.function)).toEqual(['fine/1'])
    expect(report).toMatchObject({ outcome: 'partial', reason: 'syntax error', errorLines: [8, 12] })
  })
})

describe('a selection', () => {
  test('runs the rules it names', () => {
    const rules = [ruleAbout(['Task.start'], { id: 'a' }), ruleAbout(['Task.start'], { id: 'b' })]

    expect(look(rules, { selection: { b: 'recommended' } }).findings.map((finding) => finding.rule)).toEqual(['b', 'b'])
    expect(look(rules, { selection: {} }).findings).toEqual([])
  })

  test('wants strict problems or not', () => {
    const rule = ruleAbout(['Task.start', 'Task.async'], {
      *check({ call }) {
        yield { at: call.at, message: call.callee, set: call.name === 'async' ? 'strict' : 'recommended' }
      },
    })

    expect(look([rule], { selection: { found: 'recommended' } }).findings.map((finding) => finding.set)).toEqual([
      'recommended',
      'recommended',
    ])
    expect(look([rule], { selection: { found: 'strict' } }).findings.length).toBe(3)
  })
})

describe('a rule that throws', () => {
  const failing = (error: Error) =>
    ruleAbout(['Task.start', 'Task.async'], {
      id: 'failing',
      *check({ call }) {
        yield { at: call.at, message: 'before' }
        if (call.name === 'async') throw error
      },
    })

  test('is recorded once, what it found stays, and the others go on', () => {
    const report = look([failing(new Error('no such thing')), ruleAbout(['Task.start'])])

    expect(report.failedRules).toEqual([{ rule: 'failing', error: 'Error: no such thing' }])
    expect(report.findings.map((finding) => finding.rule)).toEqual(['failing', 'found', 'failing', 'failing', 'found'])
    expect(report.outcome).toBe('read')
  })

  test('because it goes too deep makes the file one that could not be read', () => {
    const deep = ruleAbout(['Task.start'], {
      check() {
        const descend = (): number => descend() + 1
        throw new Error(String(descend()))
      },
    })

    expect(look([deep])).toMatchObject({ outcome: 'failed', reason: 'crashed', failedRules: [{ rule: 'found' }] })
  })

  test('before it can be asked ends no run', () => {
    const impossible = {
      ...ruleAbout(['Task.start']),
      get check(): never {
        throw new Error('x')
      },
    } as unknown as CataloguedRule

    expect(() => look([impossible])).not.toThrow()
  })
})

describe('files that are not looked at', () => {
  const rule = ruleAbout(['Task.start'])

  test.each([
    ['test/mail_test.exs', 'skipped', 'test'],
    ['config/config.exs', 'skipped', 'script'],
    ['deps/a/lib/a.ex', 'skipped', 'vendored'],
    ['lib/a.pb.ex', 'skipped', 'generated'],
    ['lib/mail.ex', 'read', null],
  ] as const)('%s: %s %s', (path, outcome, reason) => {
    const report = look([rule], { path })

    expect(report).toMatchObject({ path, outcome, reason })
    expect(report.findings.length).toBe(outcome === 'read' ? 2 : 0)
  })

  test.each(['ExUnit.Case', 'ExUnit.CaseTemplate', 'Shop.DataCase', 'ShopWeb.ConnCase, async: true'])(
    'what uses %s is a test',
    (used) => {
      const text = source.replace('alias', `use ${used}\n  alias`)

      expect(look([rule], { source: text })).toMatchObject({ outcome: 'skipped', reason: 'test', findings: [] })
    },
  )

  test('a use case is business code', () => {
    expect(look([rule], { source: source.replace('alias', 'use Shop.UseCase\n  alias') }).outcome).toBe('read')
  })
})

describe('rules about the life of processes are off', () => {
  const rule = ruleAbout(['Task.start'], { scripts: 'off' })
  const count = (overrides: Partial<SourceToAnalyse>) => look([rule], overrides).findings.length

  test.each([
    ['in a Mix task', { source: source.replace('alias', 'use Mix.Task\n  alias') }],
    ['where Mix tasks live', { path: 'apps/shop/lib/mix/tasks/shop.mail.ex' }],
    ['in a release module', { source: source.replace('Shop.Mail', 'Shop.Release') }],
    ['in release tasks', { source: source.replace('Shop.Mail', 'Shop.ReleaseTasks') }],
    ['in seeds', { source: source.replace('Shop.Mail', 'Shop.Seeds') }],
    [
      'in the escript',
      { project: readProject([{ path: 'mix.exs', text: 'escript: [main_module: Shop.Mail]' }], 'lib/mail.ex') },
    ],
  ])('%s', (_, overrides) => {
    expect(count(overrides)).toBe(0)
  })

  test('and on elsewhere; other rules are on everywhere', () => {
    expect(count({})).toBe(2)
    expect(look([ruleAbout(['Task.start'])], { path: 'lib/mix/tasks/shop.mail.ex' }).findings.length).toBe(2)
  })
})

test('the same input gives the same report, but for the time it took', () => {
  const rules = [ruleAbout(['Task.start']), ruleAbout(['Task.async'], { id: 'other' })]
  const [a, b] = [look(rules), look(rules)]

  expect({ ...a, ms: 0 }).toEqual({ ...b, ms: 0 })
})

test('a report is plain data', () => {
  const report = look([ruleAbout(['Task.start'])])

  expect(structuredClone(report)).toEqual(report)
  expect(JSON.parse(JSON.stringify(report))).toEqual(report)
})

test('the description of a rule has no check and nothing that only the check needs', () => {
  const info = describeRule(ruleAbout(['Task.start'], { roles: ['GenServer'], words: ['x'], limits: 'l' }))

  expect(Object.keys(info)).not.toEqual(expect.arrayContaining(['check']))
  expect(JSON.parse(JSON.stringify(info))).toEqual(info)
  expect(info).toMatchObject({ id: 'found', limits: 'l' })
})
