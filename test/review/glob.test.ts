import fc from 'fast-check'
import picomatch from 'picomatch'
import { expect, test } from 'vitest'
import { matchesGlob, whyNotGlob } from '../../src/review/glob.ts'
import { processorMs } from '../support/processor-time.ts'

test.each([
  ['lib/*.ex', 'lib/a.ex', true],
  ['lib/*.ex', 'lib/a/b.ex', false],
  ['lib/**/*.ex', 'lib/a.ex', true],
  ['lib/**/*.ex', 'lib/a/b/c.ex', true],
  ['**/legacy/**', 'apps/shop/legacy/a.ex', true],
  ['lib/a?.ex', 'lib/ab.ex', true],
  ['lib/a?.ex', 'lib/a/.ex', false],
  ['{lib,test}/{a,b}.ex', 'test/b.ex', true],
  ['{lib,test}/{a,b}.ex', 'test/c.ex', false],
  ['lib/a', 'lib/a', true],
  ['lib/a', 'lib/a/b/c.ex', true],
  ['lib/a/', 'lib/a/b.ex', true],
  ['lib/a', 'lib/ab.ex', false],
  ['lib/a.ex', 'libxaxex', false],
  ['lib/**', '.github/x', false],
  ['**', '.formatter.exs', true],
])('%s on %s: %s', (glob, path, expected) => {
  expect(matchesGlob(glob, path)).toBe(expected)
})

test('agrees with picomatch', () => {
  const part = fc.constantFrom('a', 'b', 'ab', '*', '?', '**', 'a*', '*b', 'a*b', '{a,b}', '*a*')
  const name = fc.constantFrom('a', 'b', 'ab', 'aab', 'abb', 'c')

  fc.assert(
    fc.property(
      fc.array(part, { minLength: 1, maxLength: 5 }),
      fc.array(name, { minLength: 1, maxLength: 6 }),
      (parts, names) => {
        // A last segment without a wildcard covers a folder here.
        const glob = [...parts, '*'].join('/')
        const path = names.join('/')

        expect(matchesGlob(glob, path)).toBe(picomatch(glob, { dot: true, noextglob: true })(path))
      },
    ),
    { numRuns: 2_000 },
  )
})

test.each([
  '',
  '!lib/**',
  'lib/[ab].ex',
  '+(a|b)',
  'a\\b',
  '{a',
  'a}',
  '{a,{b,c}}',
  'a'.repeat(201),
  '{a,b}'.repeat(6),
])('refused, with a reason: %j', (glob) => {
  expect(whyNotGlob(glob)).toMatch(/\w/)
})

test('hostile patterns cost milliseconds', () => {
  const attacks: [string, string][] = [
    [`${'*a'.repeat(90)}b`, 'a'.repeat(4_000)],
    [`${'**/a/'.repeat(35)}b*`, 'a/'.repeat(2_000)],
    [`*${'a'.repeat(190)}b`, 'a'.repeat(4_000)],
    ['{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}*b', 'a'.repeat(4_000)],
  ]

  const ms = processorMs(() => {
    for (const [glob, path] of attacks) {
      expect(whyNotGlob(glob)).toBe(null)
      expect(matchesGlob(glob, path)).toBe(false)
    }
  })
  expect(ms).toBeLessThan(250)
})
