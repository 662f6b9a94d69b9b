import { expect, test } from 'vitest'
import { tell, transcript } from '../../scripts/transcript.ts'

test('the whole life of a pull request: said once, concluded always, at the price of a few requests', async () => {
  const steps = await tell()

  const conclusions = steps.map(({ run }) => `${run.conclusion}: ${run.title}`)
  expect(conclusions).toEqual([
    'failure: 1 error, 1 warning',
    ...Array<string>(4).fill('neutral: 1 warning'),
    'failure: 1 error, 1 warning',
    ...Array<string>(4).fill('neutral: 1 warning, 1 accepted'),
  ])
  expect(steps.map(({ threads }) => threads.length)).toEqual(Array(10).fill(2))
  expect(steps.at(-1)!.conversation).toHaveLength(3)
  const [accepting, ...others] = steps.toSorted((a, b) => b.requests.length - a.requests.length)
  expect(accepting!.requests.length).toBeLessThanOrEqual(13)
  expect(Math.max(...others.map(({ requests }) => requests.length))).toBeLessThanOrEqual(8)
  const page = transcript(steps)
  expect(page).toContain('## 10. It is merged')
  expect(page).not.toMatch(/\b[0-9a-f]{40}\b/)
}, 60_000)
