import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import type { CataloguedRule, Rule } from '#engine'
import { complaints } from '../support/cases.ts'
import { readCases } from '../support/markdown-cases.ts'
import { scratchFolder } from '../git/scratch-clone.ts'

const root = join(import.meta.dirname, '../..')

/** A checkout that a new rule can be written into. */
function scratchCheckout(): string {
  const folder = scratchFolder().root
  for (const path of ['scripts', 'rules']) mkdirSync(join(folder, path))
  for (const path of ['package.json', 'scripts/new-rule.ts', 'rules/principles.ts'])
    copyFileSync(join(root, path), join(folder, path))
  for (const path of ['src', 'node_modules']) symlinkSync(join(root, path), join(folder, path))
  return folder
}

test('what it writes runs as it is: its cases pass', async () => {
  const checkout = scratchCheckout()

  execFileSync(process.execPath, ['scripts/new-rule.ts', 'task/task-scratch'], { cwd: checkout })

  const path = join(checkout, 'rules/task/task-scratch.ts')
  const module = (await import(pathToFileURL(path).href)) as { default: Rule<'call'> }
  const rule: CataloguedRule = { ...module.default, category: 'task' }
  const cases = readCases('task-scratch.md', readFileSync(join(checkout, 'test/rules/task/task-scratch.md'), 'utf8'))
  expect(cases).toHaveLength(9)
  expect(cases.flatMap((each) => complaints(rule, each))).toEqual([])
  const flagged = cases.filter(({ sources }) => sources.some(({ expected }) => expected.length > 0))
  expect([flagged.length >= 4, cases.length - flagged.length >= 4]).toEqual([true, true])
})

test.for([
  ['tasks/task-scratch', /The category must be one of genserver, task,/],
  ['task/scratch', /two or more lower-case words/],
  ['task/no-scratch', /names the offence/],
  ['', /The category must be one of/],
] as const)('%s is refused', ([argument, message]) => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/new-rule.ts'), argument], {
    encoding: 'utf8',
  })

  expect([status, stderr]).toEqual([2, expect.stringMatching(message)])
})
