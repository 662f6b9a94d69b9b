import type { FileReport, Finding } from '#engine'
import { expect, test } from 'vitest'
import { conclude, strictest } from '../../src/review/conclude.ts'
import type { Outcome } from '../../src/review/conclude.ts'
import { resolveConfig } from '../../src/review/config.ts'
import type { Introduced } from '../../src/review/plan.ts'
import { fileReport, finding, snapshot } from '../support/builders.ts'

function introduced(of: Partial<Finding>, overrides: Partial<Introduced> = {}): Introduced {
  return { finding: finding(of), placement: { at: 'summary' }, said: false, accepted: null, ...overrides }
}

function configured(text: string): Outcome['configuration'] {
  return resolveConfig({ base: { path: 'otp-review.yml', text }, organisation: null, head: null }, [])
}

function concluded(overrides: Partial<Outcome> = {}) {
  return conclude({
    introduced: [],
    reports: [fileReport('lib/a.ex')],
    snapshot: snapshot(),
    suppressionProblems: 0,
    configuration: configured(''),
    ...overrides,
  })
}

const error = introduced({ severity: 'error' })
const warning = introduced({ severity: 'warning' })
const info = introduced({ severity: 'info' })

test('nothing found, and nothing to read, is a success', () => {
  expect(concluded()).toBe('success')
  expect(concluded({ reports: [] })).toBe('success')
})

test.each([
  ['', 'failure', 'neutral', 'success'],
  ['fail_on: error', 'failure', 'neutral', 'success'],
  ['fail_on: warning', 'failure', 'failure', 'success'],
  ['fail_on: never', 'neutral', 'neutral', 'success'],
  ['mode: observe\nfail_on: warning', 'neutral', 'neutral', 'success'],
])('with %j an error concludes %s, a warning %s, an info %s', (text, onError, onWarning, onInfo) => {
  const configuration = configured(text)

  expect(concluded({ configuration, introduced: [info, error] })).toBe(onError)
  expect(concluded({ configuration, introduced: [info, warning] })).toBe(onWarning)
  expect(concluded({ configuration, introduced: [info] })).toBe(onInfo)
})

test('what fails a check can differ by path', () => {
  const configuration = configured('overrides: [{ paths: ["apps/billing/**"], fail_on: warning }]')
  const at = (path: string) => concluded({ configuration, introduced: [introduced({ severity: 'warning', path })] })

  expect(at('apps/billing/lib/a.ex')).toBe('failure')
  expect(at('apps/shop/lib/a.ex')).toBe('neutral')
})

test('accepted and suppressed findings do not count', () => {
  const accepted = introduced({ severity: 'error' }, { accepted: { by: 'maria', reason: 'known' } })
  const suppressed = introduced({ severity: 'error', suppressed: { line: 1, reason: 'known' } })

  expect(concluded({ introduced: [accepted, suppressed] })).toBe('success')
  expect(concluded({ introduced: [accepted, suppressed, error] })).toBe('failure')
})

test('a finding that was said before counts like a new one', () => {
  expect(concluded({ introduced: [introduced({ severity: 'error' }, { said: true })] })).toBe('failure')
})

test('a wrong ignore comment never fails a check', () => {
  expect(concluded({ suppressionProblems: 1, configuration: configured('fail_on: warning') })).toBe('neutral')
})

const broken: [string, Partial<FileReport>][] = [
  ['a time limit', { outcome: 'failed', reason: 'time limit' }],
  ['a crash', { outcome: 'failed', reason: 'crashed' }],
  ['a file nested too deeply', { outcome: 'failed', reason: 'too deep' }],
  ['a rule that throws', { failedRules: [{ rule: 'task-unsupervised', error: 'TypeError' }] }],
]

test.each(broken)('%s is our failure: neutral, unless it shall block', (_name, overrides) => {
  const reports = [fileReport('lib/a.ex', [], overrides)]

  expect(concluded({ reports })).toBe('neutral')
  expect(concluded({ reports, configuration: configured('on_error: block') })).toBe('failure')
  expect(concluded({ reports, configuration: configured('on_error: block\nmode: observe') })).toBe('neutral')
  expect(concluded({ reports, introduced: [error] })).toBe('failure')
})

test('what nobody could read is no success, and blocks nothing', () => {
  const configuration = configured('on_error: block')

  expect(
    concluded({ configuration, snapshot: snapshot({ notRead: [{ path: 'lib/b.ex', reason: 'over 400 kB' }] }) }),
  ).toBe('neutral')
  expect(concluded({ configuration, snapshot: snapshot({ listCutAt: 3000 }) })).toBe('neutral')
  expect(
    concluded({ configuration, reports: [fileReport('lib/a.ex', [], { outcome: 'failed', reason: 'binary' })] }),
  ).toBe('neutral')
})

test('broken Elixir and files left out on purpose are normal', () => {
  const reports = [
    fileReport('lib/a.ex', [], { outcome: 'partial', reason: 'syntax error', errorLines: [3] }),
    fileReport('test/a_test.exs', [], { outcome: 'skipped', reason: 'test' }),
  ]

  expect(concluded({ reports, configuration: configured('on_error: block') })).toBe('success')
})

test('several pull requests on one commit share the strictest conclusion', () => {
  expect(strictest(['success', 'failure', 'neutral'])).toBe('failure')
  expect(strictest(['success', 'neutral'])).toBe('neutral')
  expect(strictest(['success'])).toBe('success')
  expect(strictest([])).toBe('success')
})
