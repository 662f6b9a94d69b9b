import { expect, test } from 'vitest'
import { reviewHistory } from '../../src/cli/history.ts'
import { history } from '../../src/output/history.ts'
import { scratchClone, scratchFolder } from '../git/scratch-clone.ts'
import { callsItself, callsNobody } from './elixir-samples.ts'

const request = (cwd: string) => ({ paths: [], rule: [], cwd, onProgress: () => {} })

test('what each of the last merges introduced, newest first', async () => {
  const clone = scratchClone({ 'lib/a.ex': callsNobody, 'lib/b.ex': callsNobody.replace('Stock', 'Shelf') })
  clone.commit({ 'lib/a.ex': callsItself }, 'Report on the stock (#1)')
  clone.git('switch', '--quiet', '--create', 'shelf')
  clone.commit({ 'lib/b.ex': callsItself.replace('Stock', 'Shelf') })
  clone.commit({ 'lib/b.ex': `# Shelves.\n${callsItself.replace('Stock', 'Shelf')}` })
  clone.git('switch', '--quiet', 'main')
  clone.git('merge', '--quiet', '--no-ff', 'shelf', '-m', 'Merge the shelf')
  clone.commit({ 'lib/a.ex': `# Stock.\n${callsItself}` }, 'A comment (#3)')

  const merges = await reviewHistory(request(clone.root), 3)

  const told = merges.map(({ subject, findings }) => [
    subject,
    findings.map(({ path, range }) => `${path}:${range.startLine}`),
  ])
  expect(told).toEqual([
    ['A comment (#3)', []],
    ['Merge the shelf', ['lib/b.ex:13']],
    ['Report on the stock (#1)', ['lib/a.ex:12']],
  ])
  expect(history(merges, 100)).toMatch(
    / {2}Merge the shelf\n {2}lib\/b\.ex:13 {2}error {2}genserver-self-call\n[^]*\n2 findings in 2 of the last 3 merges\.\n$/,
  )
})

test('a rule that does not exist is refused, merges or not', async () => {
  const clone = scratchClone({ 'lib/a.ex': callsNobody })

  const listed = reviewHistory({ ...request(clone.root), rule: ['genserver-self-cal'] }, 1)

  await expect(listed).rejects.toThrow('Did you mean genserver-self-call?')
})

test('outside of a clone it is refused', async () => {
  await expect(reviewHistory(request(scratchFolder().root), 1)).rejects.toThrow(/is not in a git clone/)
})
