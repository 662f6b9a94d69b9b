import { expect, test } from 'vitest'
import { authorsOf } from '../../src/git/index.ts'
import { scratchClone } from './scratch-clone.ts'

test('the author of each line that is committed', async () => {
  const clone = scratchClone({ 'lib/a.ex': '\tone\ntwo\nauthor three\n' })
  clone.git(
    '-c',
    'user.name=x',
    'commit',
    '--quiet',
    '--allow-empty',
    '-m',
    'Empty',
    '--author',
    'Joe <joe@example.org>',
  )
  clone.write({ 'lib/a.ex': '\tone\nchanged\nauthor three\n', 'lib/new.ex': 'one\n' })

  const ada = { name: 'Ada', date: new Date().toISOString().slice(0, 10) }
  expect(await authorsOf(clone.root, 'lib/a.ex', [1, 2, 3])).toEqual(
    new Map([
      [1, ada],
      [3, ada],
    ]),
  )
  expect(await authorsOf(clone.root, 'lib/new.ex', [1])).toEqual(new Map())
})
