import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const program = new URL('../support/reading-process.ts', import.meta.url).pathname

test('compiled code outlives a collection of memory', () => {
  const output = execFileSync(process.execPath, ['--trace-deopt', '--trace-gc', program], {
    encoding: 'utf8',
    maxBuffer: 100_000_000,
  })
  // By the third pass the engine is compiled; what is dropped from then on was in use.
  const [, later = ''] = output.split('pass 2\n')

  expect(later.match(/Mark-Compact/g)?.length).toBeGreaterThan(1)
  expect(later.match(/embedded weak objects cleared/g)?.length ?? 0).toBeLessThan(60)
}, 60_000)
