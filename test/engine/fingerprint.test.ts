import { describe, expect, test } from 'vitest'
import { analyse, type Finding, UNKNOWN_PROJECT } from '#engine'
import { ruleAbout, ruleOn } from './rules-for-tests.ts'

const rule = ruleAbout(['Task.start'])

function findingsIn(source: string, path = 'lib/a.ex', of = rule as Parameters<typeof analyse>[1][number]): Finding[] {
  return analyse({ path, source, project: UNKNOWN_PROJECT, selection: { [of.id]: 'strict' } }, [of]).findings
}

const inFunction = (body: string, name = 'Shop.Mail', head = 'send(order)'): string =>
  `defmodule ${name} do\n  def ${head} do\n    ${body}\n  end\nend\n`

const only = (source: string, path?: string): Finding => findingsIn(source, path)[0]!

const sent = only(inFunction('Task.start(fn -> log(order) end)'))

describe('the fingerprint stays', () => {
  test.each([
    ['moved down', `# a\n\n\n${inFunction('Task.start(fn -> log(order) end)')}`],
    ['with other code around', inFunction('x = 1\n    Task.start(fn -> log(order) end)\n    x')],
    ['reformatted', inFunction('Task.start( fn ->\n      log( order )  # now\n    end )')],
    ['in a pipe', inFunction('fn -> log(order) end |> Task.start()')],
    ['under an alias', `alias Task, as: T\n${inFunction('T.start(fn -> log(order) end)')}`],
    ['with another parameter', inFunction('Task.start(fn -> log(order) end)', 'Shop.Mail', 'send(other)')],
  ])('%s', (_, source) => {
    expect(only(source).fingerprint).toBe(sent.fingerprint)
  })

  test('in a renamed file', () => {
    expect(only(inFunction('Task.start(fn -> log(order) end)'), 'lib/b.ex').fingerprint).toBe(sent.fingerprint)
  })

  test('twice for the same code twice', () => {
    const [a, b] = findingsIn(inFunction('Task.start(f)\n    Task.start(f)'))

    expect(a!.fingerprint).toBe(b!.fingerprint)
  })
})

describe('the fingerprint changes', () => {
  test.each([
    ['with the code', inFunction('Task.start(fn -> log(other) end)')],
    ['with the function', inFunction('Task.start(fn -> log(order) end)', 'Shop.Mail', 'deliver(order)')],
    ['with the arity', inFunction('Task.start(fn -> log(order) end)', 'Shop.Mail', 'send(order, x)')],
    ['with the module', inFunction('Task.start(fn -> log(order) end)', 'Shop.Post')],
  ])('%s', (_, source) => {
    expect(only(source).fingerprint).not.toBe(sent.fingerprint)
  })

  test('with the rule', () => {
    const [other] = findingsIn(
      inFunction('Task.start(fn -> log(order) end)'),
      'lib/a.ex',
      ruleAbout(['Task.start'], { id: 'other' }),
    )

    expect(other!.fingerprint).not.toBe(sent.fingerprint)
    expect(other!.clauseFingerprint).not.toBe(sent.clauseFingerprint)
  })
})

describe('the fingerprint of the clause', () => {
  const whole = only(inFunction('Shop.Mail.log(order)\n    Task.start(order)'))

  test('stays in a renamed module or function', () => {
    for (const source of [
      inFunction('Shop.Post.log(order)\n    Task.start(order)', 'Shop.Post'),
      inFunction('__MODULE__.log(order)\n    Task.start(order)', 'Shop.Post'),
      inFunction('Shop.Mail.log(order)\n    Task.start(order)', 'Shop.Mail', 'deliver(order)'),
    ]) {
      expect(only(source).clauseFingerprint).toBe(whole.clauseFingerprint)
    }
  })

  test('changes with anything in it', () => {
    for (const source of [
      inFunction('Shop.Mail.log(other)\n    Task.start(order)'),
      inFunction('Shop.Mail.log(order)\n    Task.start(order)', 'Shop.Mail', 'send(other)'),
      inFunction('Shop.Mail.log(order)\n    Task.start(order)', 'Shop.Mail', 'send(order) when order'),
      inFunction('Shop.Mailer.log(order)\n    Task.start(order)'),
    ]) {
      expect(only(source).clauseFingerprint).not.toBe(whole.clauseFingerprint)
    }
  })

  test('is that of the module where the finding is about no clause', () => {
    const about = ruleOn('module', ({ module }) => [
      { at: { ...module.range, endLine: module.range.startLine }, message: '' },
    ])
    const of = (source: string) => findingsIn(source, 'lib/a.ex', about)[0]!

    const before = of('defmodule A do\ndef f, do: 1\ndef g, do: 2\nend\n')
    expect(of('defmodule B do\n\ndef f,\n do: 1\n\ndef g, do: 2\nend\n').clauseFingerprint).toBe(
      before.clauseFingerprint,
    )
    expect(of('defmodule A do\ndef f, do: 1\nend\n').clauseFingerprint).not.toBe(before.clauseFingerprint)
    expect(before).toMatchObject({ module: 'A', function: null })
  })
})

test('a finding in the head of a function belongs to it', () => {
  const about = ruleOn('module', ({ module }) => [{ at: module.functions[0]!.head!.range, message: '' }])
  const [finding] = findingsIn('defmodule A do\ndef f(a, b \\\\ 1)\ndef f(a, b), do: a\nend\n', 'lib/a.ex', about)

  expect(finding).toMatchObject({ module: 'A', function: 'f/2' })
})

test('a finding in a nested module belongs to it', () => {
  const [finding] = findingsIn('defmodule A do\ndefmodule B do\ndef f, do: Task.start(1)\nend\ndef g, do: 1\nend\n')

  expect(finding).toMatchObject({ module: 'A.B', function: 'f/0', scope: { startLine: 2, endLine: 4 } })
})
