import { expect, test } from 'vitest'
import { type CataloguedRule, defineRule } from '#engine'
import { taskSupervisor } from '../../rules/principles.ts'
import { complaints } from './cases.ts'
import { readCases } from './markdown-cases.ts'

test('a rule that finds what is marked and nothing else has no complaints', () => {
  expect(judge('spawn(f) # finding', 'start(f)')).toEqual([])
})

test('a marked line without a finding is missing', () => {
  expect(judge('start(f) # finding')).toEqual(['Missing: x.md:4 "One" on `start(f) # finding`'])
})

test('a finding on an unmarked line is noise', () => {
  expect(judge('spawn(f)')).toEqual(['Noisy: x.md:4 "One" (process-spawned, warning) A spawn.'])
})

test('a line can ask for two findings, and for a severity', () => {
  expect(judge('{spawn(f), spawn(g)} # finding x2')).toEqual([])
  expect(judge('{spawn(f), spawn(g)} # finding')).toHaveLength(1)
  expect(judge('spawn(f) # finding: warning')).toEqual([])
  expect(judge('spawn(f) # finding: error')).toEqual([
    'Missing: x.md:4 "One" as error on `spawn(f) # finding: error`',
    'Noisy: x.md:4 "One" (process-spawned, warning) A spawn.',
  ])
})

test('a suppressed finding is silence', () => {
  expect(judge('# otp-review:ignore process-spawned -- a test', 'spawn(f)')).toEqual([])
})

test('problems of the strict set want a strict fence', () => {
  expect(judge('spawn_link(f)')).toEqual([])
  expect(judgeFence('elixir strict', 'spawn_link(f) # finding')).toEqual([])
})

test('a typo does not pass as silence', () => {
  expect(judge('start(f')[0]).toMatch(/^Not read: .* was partial \(syntax error\) at line/)
  expect(judgeFence('elixir partial', 'start(f')).toEqual([])
})

test('a file that is skipped unsaid does not pass as silence', () => {
  expect(judgeFence('elixir test/a_test.exs', 'start(f)')[0]).toContain('was skipped (test)')
  expect(judgeFence('elixir test/a_test.exs skipped', 'start(f)')).toEqual([])
})

test('a rule that throws is a complaint', () => {
  expect(judge('throw_now()')).toEqual(['Threw: x.md:2 "One" process-spawned: Error: thrown'])
})

function judge(...body: string[]): string[] {
  return judgeFence('elixir', ...body)
}

function judgeFence(info: string, ...body: string[]): string[] {
  const [each] = readCases('x.md', ['## One', `\`\`\`${info}`, 'def run(f, g) do', ...body, 'end', '```'].join('\n'))
  return complaints(rule, each!)
}

const rule: CataloguedRule = {
  ...defineRule({
    id: 'process-spawned',
    title: 'A spawn',
    principles: [taskSupervisor],
    set: 'recommended',
    precision: 'P1',
    severity: 'warning',
    since: '0.1.0',
    why: 'It is a test.',
    instead: 'Nothing.',
    examples: [{ bad: '', good: '' }],
    on: 'call',
    *check({ call }) {
      if (call.name === 'spawn') yield { at: call.at, message: 'A spawn.' }
      if (call.name === 'spawn_link') yield { at: call.at, message: 'A strict spawn.', set: 'strict' }
      if (call.name === 'throw_now') throw new Error('thrown')
    },
  }),
  category: 'task',
}
