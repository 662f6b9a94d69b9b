import { mkdirSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mainLine, readBases, readCommit, readWorkingTree } from '../../src/git/index.ts'
import { scratchClone } from './scratch-clone.ts'

const stock = [
  'defmodule Shop.Stock do',
  '  def count, do: 1',
  '  def total, do: 2',
  '  def price, do: 3',
  'end',
  '',
].join('\n')

test('committed, uncommitted and untracked changes are all part of the working tree', async () => {
  const clone = scratchClone({ 'lib/a.ex': 'a = 1\n', 'lib/b.ex': 'b = 1\n' })
  clone.git('switch', '--quiet', '--create', 'feature')
  clone.commit({ 'lib/a.ex': 'a = 2\n' })
  clone.write({ 'lib/b.ex': 'b = 2\n', 'lib/new.ex': 'n = 1\n' })

  const snapshot = await readWorkingTree(clone.root, 'main')

  expect(snapshot.files).toEqual([
    {
      path: 'lib/a.ex',
      previousPath: null,
      status: 'modified',
      additions: 1,
      deletions: 1,
      patch: '@@ -1 +1 @@\n-a = 1\n+a = 2',
      blob: clone.git('hash-object', 'lib/a.ex'),
      source: 'a = 2\n',
    },
    {
      path: 'lib/b.ex',
      previousPath: null,
      status: 'modified',
      additions: 1,
      deletions: 1,
      patch: '@@ -1 +1 @@\n-b = 1\n+b = 2',
      blob: clone.git('hash-object', 'lib/b.ex'),
      source: 'b = 2\n',
    },
    {
      path: 'lib/new.ex',
      previousPath: null,
      status: 'added',
      additions: 1,
      deletions: 0,
      patch: '@@ -0,0 +1 @@\n+n = 1',
      blob: clone.git('hash-object', 'lib/new.ex'),
      source: 'n = 1\n',
    },
  ])
  expect(snapshot).toMatchObject({ version: 1, subject: { kind: 'local' }, head: clone.git('rev-parse', 'HEAD') })
})

test('the base is where the branch left, whatever was committed there since', async () => {
  const clone = scratchClone({ 'lib/a.ex': 'a = 1\n' })
  const left = clone.git('rev-parse', 'HEAD')
  clone.git('switch', '--quiet', '--create', 'feature')
  clone.commit({ 'lib/mine.ex': 'm = 1\n' })
  clone.git('switch', '--quiet', 'main')
  clone.commit({ 'lib/a.ex': 'a = 2\n' })
  clone.git('switch', '--quiet', 'feature')

  const snapshot = await readWorkingTree(clone.root, 'main')

  expect(snapshot.base).toEqual({ ref: 'main', sha: left })
  expect(snapshot.files.map((file) => file.path)).toEqual(['lib/mine.ex'])
})

test('a rename that is neither staged nor committed is one file', async () => {
  const clone = scratchClone({ 'lib/stock.ex': stock })
  clone.remove('lib/stock.ex')
  clone.write({ 'lib/shop/stock.ex': stock.replace('1', '10') })

  const [file, ...others] = (await readWorkingTree(clone.root, 'main')).files

  expect(others).toEqual([])
  expect(file).toMatchObject({
    path: 'lib/shop/stock.ex',
    previousPath: 'lib/stock.ex',
    status: 'renamed',
    additions: 1,
    deletions: 1,
  })
})

test('a pure rename has no patch', async () => {
  const clone = scratchClone({ 'lib/stock.ex': stock })
  clone.remove('lib/stock.ex')
  clone.write({ 'lib/shop/stock.ex': stock })

  const snapshot = await readWorkingTree(clone.root, 'main')

  expect(snapshot.files).toMatchObject([{ status: 'renamed', additions: 0, deletions: 0, patch: null, source: stock }])
})

test('a removed file keeps its patch and the blob of the base', async () => {
  const clone = scratchClone({ 'lib/a.ex': 'a = 1\n' })
  const blob = clone.git('hash-object', 'lib/a.ex')
  clone.remove('lib/a.ex')

  const snapshot = await readWorkingTree(clone.root, 'HEAD')

  expect(snapshot.files).toEqual([
    {
      path: 'lib/a.ex',
      previousPath: null,
      status: 'removed',
      additions: 0,
      deletions: 1,
      patch: '@@ -1 +0,0 @@\n-a = 1',
      blob,
      source: null,
    },
  ])
})

test('only Elixir files are read; the others are counted', async () => {
  const clone = scratchClone()
  clone.commit({ 'README.md': 'A bigger shop.\n', 'assets/app.js': 'let a\n', 'mix.exs': '1\n', 'lib/a.ex': '1\n' })

  const snapshot = await readWorkingTree(clone.root, 'HEAD~1')

  expect(snapshot.files.map((file) => file.path)).toEqual(['lib/a.ex', 'mix.exs'])
  expect(snapshot.otherFiles).toBe(2)
})

test('ignored files are not part of the change', async () => {
  const clone = scratchClone({ '.gitignore': '/_build/\n' })
  clone.write({ '_build/dev/a.ex': '1\n' })

  expect((await readWorkingTree(clone.root, 'HEAD')).files).toEqual([])
})

test('names with quotes, blanks, line breaks and other scripts', async () => {
  const names = ['lib/a "b" c.ex', 'lib/zażółć.ex', 'lib/line\nbreak.ex', 'lib/[x]*.ex', '-p.ex']
  const clone = scratchClone(Object.fromEntries(names.map((name) => [name, 'a = 1\n'])))
  clone.write(Object.fromEntries(names.map((name) => [name, 'a = 2\n'])))

  const { files } = await readWorkingTree(clone.root, 'main')

  expect(files.map((file) => file.path).sort()).toEqual(names.toSorted())
  expect(files.every((file) => file.patch === '@@ -1 +1 @@\n-a = 1\n+a = 2' && file.source === 'a = 2\n')).toBe(true)
})

test('a line that looks like the head of a patch stays in its file', async () => {
  const clone = scratchClone({ 'lib/a.ex': 'a\n', 'lib/b.ex': 'b\n' })
  clone.write({ 'lib/a.ex': 'a\nx\rdiff --git a/x b/x\n@@ -1 +1 @@\n', 'lib/b.ex': 'c\n' })

  const { files } = await readWorkingTree(clone.root, 'main')

  expect(files.map((file) => file.patch)).toEqual([
    '@@ -1 +1,3 @@\n a\n+x\rdiff --git a/x b/x\n+@@ -1 +1 @@',
    '@@ -1 +1 @@\n-b\n+c',
  ])
})

test('a link is not read, and a file that became one is named', async () => {
  const clone = scratchClone({ 'lib/a.ex': 'a = 1\n', 'lib/b.ex': 'b = 1\n' })
  clone.remove('lib/b.ex')
  symlinkSync('a.ex', join(clone.root, 'lib/b.ex'))
  symlinkSync('/etc/passwd', join(clone.root, 'lib/secret.ex'))

  const snapshot = await readWorkingTree(clone.root, 'main')

  expect(snapshot.files).toEqual([])
  expect(snapshot.notRead).toEqual([{ path: 'lib/b.ex', reason: 'turned from a link into a file, or back' }])
})

test('a file over 400 kB is named and not read', async () => {
  const clone = scratchClone()
  clone.write({ 'lib/big.ex': 'x = 1 # filler\n'.repeat(30_000) })

  const snapshot = await readWorkingTree(clone.root, 'main')

  expect(snapshot.files).toMatchObject([{ path: 'lib/big.ex', source: null }])
  expect(snapshot.notRead).toEqual([{ path: 'lib/big.ex', reason: 'over 400 kB' }])
})

test('line ends that git turned round on check-out do not make every line a changed one', async () => {
  const clone = scratchClone({ 'lib/a.ex': 'a = 1\nb = 1\n' })
  clone.git('config', 'core.autocrlf', 'true')
  clone.write({ 'lib/a.ex': 'a = 1\r\nb = 2\r\n' })

  const snapshot = await readWorkingTree(clone.root, 'main')

  expect(snapshot.files).toMatchObject([{ source: 'a = 1\nb = 2\n', patch: '@@ -1,2 +1,2 @@\n a = 1\n-b = 1\n+b = 2' }])
})

test('a file that was only touched has not changed', async () => {
  const clone = scratchClone({ 'lib/a.ex': 'a = 1\n' })
  utimesSync(join(clone.root, 'lib/a.ex'), 1, 1)

  expect((await readWorkingTree(clone.root, 'main')).files).toEqual([])
})

test("neither the user's diff settings nor a hook's variables change what is read", async () => {
  const clone = scratchClone({ 'lib/a.ex': 'a = 1\n\nb = 1\n' })
  const settings = {
    'diff.noprefix': 'true',
    'diff.suppressBlankEmpty': 'true',
    'diff.context': '0',
    'diff.external': 'false',
    'color.ui': 'always',
    'core.fsmonitor': 'false; touch fired',
  }
  for (const [key, value] of Object.entries(settings)) clone.git('config', key, value)
  clone.write({ 'lib/a.ex': 'a = 1\n\nb = 2\n' })
  process.env['GIT_INDEX_FILE'] = '/nowhere'

  const snapshot = await readWorkingTree(clone.root, 'main').finally(() => delete process.env['GIT_INDEX_FILE'])

  expect(snapshot.files.map((file) => file.patch)).toEqual(['@@ -1,3 +1,3 @@\n a = 1\n \n-b = 1\n+b = 2'])
})

test('reading leaves the clone as it was', async () => {
  const clone = scratchClone({ 'lib/a.ex': 'a = 1\n' })
  clone.write({ 'lib/a.ex': 'a = 2\n', 'lib/new.ex': 'n = 1\n' })
  const before = [
    clone.git('status', '--porcelain'),
    clone.git('count-objects', '-v'),
    clone.git('hash-object', '.git/index'),
  ]

  await readWorkingTree(clone.root, 'main')

  expect([
    clone.git('status', '--porcelain'),
    clone.git('count-objects', '-v'),
    clone.git('hash-object', '.git/index'),
  ]).toEqual(before)
})

test('a linked work tree is read as a clone of its own', async () => {
  const clone = scratchClone({ 'lib/a.ex': 'a = 1\n' })
  clone.git('worktree', 'add', '--quiet', 'linked', '-b', 'linked')
  mkdirSync(join(clone.root, 'linked/lib'), { recursive: true })
  clone.write({ 'linked/lib/new.ex': 'n = 1\n' })

  const snapshot = await readWorkingTree(join(clone.root, 'linked'), 'main')

  expect(snapshot.files).toMatchObject([{ path: 'lib/new.ex', status: 'added' }])
})

test('project files of every folder above a changed file come from the head', async () => {
  const clone = scratchClone({
    'mix.exs': 'old\n',
    'apps/shop/mix.exs': 'shop\n',
    'apps/other/mix.exs': 'other\n',
    'mix.lock': '%{}\n',
  })
  clone.write({ 'apps/shop/lib/a.ex': '1\n', 'mix.exs': 'new\n' })

  const snapshot = await readWorkingTree(clone.root, 'main')

  expect(snapshot.projectFiles).toEqual([
    { path: 'mix.exs', text: 'new\n' },
    { path: 'mix.lock', text: '%{}\n' },
    { path: 'apps/shop/mix.exs', text: 'shop\n' },
  ])
})

test('the configuration is the one of the base; a changed one stands beside it', async () => {
  const path = '.github/otp-review.yml'
  const clone = scratchClone({ [path]: 'profile: strict\n' })
  clone.git('switch', '--quiet', '--create', 'feature')

  expect((await readWorkingTree(clone.root, 'main')).config).toEqual({
    base: { path, text: 'profile: strict\n' },
    organisation: null,
    head: null,
  })

  clone.write({ [path]: 'fail_on: never\n' })
  expect((await readWorkingTree(clone.root, 'main')).config.head).toEqual({ path, text: 'fail_on: never\n' })
})

test('bases are read at the merge base, under the name that the file had there', async () => {
  const clone = scratchClone({ 'lib/stock.ex': stock })
  clone.remove('lib/stock.ex')
  clone.write({ 'lib/shop/stock.ex': stock.replace('1', '10'), 'lib/new.ex': 'n = 1\n' })
  const snapshot = await readWorkingTree(clone.root, 'main')

  const bases = await readBases(clone.root, snapshot, ['lib/shop/stock.ex', 'lib/new.ex'])

  expect(bases).toEqual(
    new Map([
      ['lib/shop/stock.ex', stock],
      ['lib/new.ex', null],
    ]),
  )
})

test('a merge on the main line is what it brought there, as a squashed commit is', async () => {
  const clone = scratchClone({ 'lib/a.ex': 'a = 1\n' })
  clone.git('switch', '--quiet', '--create', 'feature')
  clone.commit({ 'lib/b.ex': 'b = 1\n' }, 'One')
  clone.commit({ 'lib/b.ex': 'b = 2\n' }, 'Two')
  clone.git('switch', '--quiet', 'main')
  clone.commit({ 'lib/a.ex': 'a = 2\n' }, 'Squashed')
  clone.git('merge', '--quiet', '--no-ff', 'feature', '-m', 'Merge feature')

  const commits = await mainLine(clone.root, 5)
  const snapshots = await Promise.all(commits.map((commit) => readCommit(clone.root, commit)))

  expect(commits.map(({ subject }) => subject)).toEqual(['Merge feature', 'Squashed'])
  expect(snapshots.map(({ files }) => files.map((file) => [file.path, file.source]))).toEqual([
    [['lib/b.ex', 'b = 2\n']],
    [['lib/a.ex', 'a = 2\n']],
  ])
})

test.for([
  ['nowhere', /`nowhere` is no commit in this clone/],
  ['--upload-pack=x', /is no commit in this clone/],
  ['other', /`other` have no common commit.*git fetch --unshallow/],
] as const)('revision %s: the error says what to do', async ([revision, message]) => {
  const clone = scratchClone()
  clone.git('switch', '--quiet', '--orphan', 'other')
  clone.commit({ 'a.ex': '1\n' })
  clone.git('switch', '--quiet', 'main')

  await expect(readWorkingTree(clone.root, revision)).rejects.toThrow(message)
})
