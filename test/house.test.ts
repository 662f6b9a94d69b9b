// What holds for every rule, whoever wrote it.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readAccepted } from '../scripts/ecosystem/accepted.ts'
import { precisionPage, readElsewhere } from '../scripts/ecosystem/precision.ts'
import { nameOf, repositories } from '../scripts/ecosystem/repositories.ts'
import { principles } from '../rules/principles.ts'
import { rules } from '#rules'
import { caseFileOf, casesOf, examplesOf, report } from './support/cases.ts'

const root = join(import.meta.dirname, '..')
const FEWEST_CASES = 4

describe.each(rules.map((rule) => ({ id: rule.id, rule })))('$id', ({ id, rule }) => {
  const cases = casesOf(rule)

  test('is named after the offence, and its file after the rule', () => {
    expect(id).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)+$/)
    expect(id).not.toMatch(/^(avoid|no|prefer|use)-/)
    expect(existsSync(join(root, `rules/${rule.category}/${id}.ts`))).toBe(true)
  })

  test('says what happens, what to write instead, and since when', () => {
    expect(rule.title.trim()).toMatch(/^\S.*[^.]$/)
    expect(rule.why.trim()).not.toBe('')
    expect(rule.instead.trim()).not.toBe('')
    expect(rule.since).toMatch(/^\d+\.\d+\.\d+$/)
    for (const principle of rule.principles) expect(principles).toContain(principle)
  })

  test('is no louder than it is sure', () => {
    const isQuiet = rule.set === 'strict' || rule.severity === 'info'
    expect(rule.precision !== 'P3' || isQuiet).toBe(true)
  })

  test('has a bad example with a finding and a good one without', () => {
    for (const { name, sources } of examplesOf(rule)) {
      const found = sources.some(({ expected }) => expected.length > 0)
      expect({ name, found }).toEqual({ name, found: name.endsWith('bad') })
    }
  })

  test(`has a case file with at least ${FEWEST_CASES} cases each way`, () => {
    const [heading] = readFileSync(join(root, caseFileOf(rule)), 'utf8').split('\n')
    const found = cases.filter(({ sources }) => sources.some(({ expected }) => expected.length > 0))

    expect(heading).toBe(`# ${id}`)
    expect(found.length).toBeGreaterThanOrEqual(FEWEST_CASES)
    expect(cases.length - found.length).toBeGreaterThanOrEqual(FEWEST_CASES)
  })

  test('speaks in at most three whole sentences', () => {
    const messages = [...examplesOf(rule), ...cases].flatMap((each) =>
      each.sources.flatMap((source) => report([rule], each, source).findings.map(({ message }) => message)),
    )

    expect(messages.filter((message) => !isWellSaid(message))).toEqual([])
  })

  test('has a page', () => {
    expect(existsSync(join(root, `docs/rules/${id}.md`))).toBe(true)
  })
})

test('no rule id is taken twice', () => {
  expect(rules.map(({ id }) => id)).toEqual([...new Set(rules.map(({ id }) => id))])
})

test('every case file belongs to a rule', () => {
  const known = new Set(rules.map(caseFileOf))

  expect(globSync('test/rules/*/*.md', { cwd: root }).filter((path) => !known.has(path))).toEqual([])
})

test('generated files are fresh', () => {
  const check = (): string =>
    execFileSync(process.execPath, ['scripts/generate.ts', '--check'], { cwd: root, stdio: 'pipe' }).toString()

  expect(check).not.toThrow()
})

test('accepted findings are about pinned code and existing rules, and all of the recommended profile were read', () => {
  const commits = new Map(repositories.map((each) => [nameOf(each), each.commit]))
  const ids = new Set(rules.map(({ id }) => id))

  for (const each of readAccepted()) {
    expect(ids).toContain(each.rule)
    expect(commits.get(each.repository)).toBe(each.commit)
    if (each.verdict === null && each.set === 'strict') continue
    expect([true, false, 'debatable']).toContain(each.verdict)
    expect(each.reason.trim()).not.toBe('')
  }
})

test('the table of precision is the one of the accepted findings', () => {
  // `npm run ecosystem -- --write` writes it.
  const page = readFileSync(join(root, 'docs/precision.md'), 'utf8')

  expect(page).toBe(precisionPage(rules, readAccepted(), repositories, readElsewhere()))
})

function isWellSaid(message: string): boolean {
  const prose = message.replaceAll(/`[^`]*`/g, 'code')
  const sentences = prose.split(/(?<=[.!?])\s+/)
  return message === message.trim() && !message.includes('\n') && prose.endsWith('.') && sentences.length <= 3
}
