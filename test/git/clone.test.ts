import { join } from 'node:path'
import { realpathSync } from 'node:fs'
import { expect, test } from 'vitest'
import { findClone, listFiles } from '../../src/git/index.ts'
import { scratchClone, scratchFolder } from './scratch-clone.ts'

test('the clone around a folder, null outside of one', async () => {
  const clone = scratchClone({ 'apps/shop/lib/a.ex': '1\n' })

  expect(await findClone(join(clone.root, 'apps/shop'))).toBe(realpathSync(clone.root))
  expect(await findClone(scratchFolder().root)).toBe(null)
})

test('tracked and untracked files are listed, ignored ones and other kinds are not', async () => {
  const clone = scratchClone({ '.gitignore': '/deps/\n', 'lib/b.ex': '1\n', 'lib/a.exs': '1\n', 'README.md': '1\n' })
  clone.write({ 'lib/new.ex': '1\n', 'deps/x/lib/x.ex': '1\n' })

  expect(await listFiles(clone.root, [''], ['*.ex', '*.exs'])).toEqual(['lib/a.exs', 'lib/b.ex', 'lib/new.ex'])
})

test('only what stands below the given folders is listed, whatever their names', async () => {
  const clone = scratchClone({ 'apps/[a]*/x.ex': '1\n', 'apps/a/x.ex': '1\n', 'apps/ab/x.ex': '1\n' })

  expect(await listFiles(clone.root, ['apps/[a]*'], ['*.ex'])).toEqual(['apps/[a]*/x.ex'])
  expect(await listFiles(clone.root, ['apps/a'], ['*.ex'])).toEqual(['apps/a/x.ex'])
})
