import { expect, test } from 'vitest'
import { listSuppressions } from '../../src/cli/suppressions.ts'
import { suppressionList } from '../../src/output/suppression-list.ts'
import { scratchClone } from '../git/scratch-clone.ts'
import { callsItself, callsNobody } from './elixir-samples.ts'

const ignore = '  # otp-review:ignore genserver-self-call -- shows the crash\n'
const needed = callsItself.replace('  def handle_call(:report', `${ignore}  def handle_call(:report`)

test('each with its reason, its author, and whether it is still needed', async () => {
  const clone = scratchClone({ 'lib/a.ex': needed, 'lib/b.ex': ignore + callsNobody })
  clone.write({ 'lib/c.ex': needed, 'lib/b.ex': `# otp-review:ignore genserver-self-call\n${ignore}${callsNobody}` })

  const { suppressions } = await listSuppressions({ paths: [], rule: [], cwd: clone.root, onProgress: () => {} })

  const ada = { name: 'Ada', date: new Date().toISOString().slice(0, 10) }
  const common = { rule: 'genserver-self-call', reason: 'shows the crash' }
  expect(suppressions).toEqual([
    { ...common, path: 'lib/a.ex', line: 12, author: ada, needed: 'yes' },
    { ...common, path: 'lib/b.ex', line: 2, author: ada, needed: 'no' },
    { ...common, path: 'lib/c.ex', line: 12, author: null, needed: 'yes' },
  ])
  expect(suppressionList(suppressions, (path) => path))
    .toBe(`lib/a.ex:12  genserver-self-call  needed  (Ada, ${ada.date})
  shows the crash

lib/b.ex:2  genserver-self-call  not needed  (Ada, ${ada.date})
  shows the crash

lib/c.ex:12  genserver-self-call  needed  (not committed)
  shows the crash

3 in all, 1 not needed.
`)
})

test('where the rule does not run, nothing is said about the need', async () => {
  const clone = scratchClone({
    'lib/a.ex': needed,
    '.github/otp-review.yml': 'rules: { genserver-self-call: "off" }\n',
  })

  const { suppressions } = await listSuppressions({ paths: [], rule: [], cwd: clone.root, onProgress: () => {} })

  expect(suppressions).toMatchObject([{ needed: 'unknown' }])
})
