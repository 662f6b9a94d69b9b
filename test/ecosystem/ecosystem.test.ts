import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type Accepted, compare, update } from '../../scripts/ecosystem/accepted.ts'
import type { Hit } from '../../scripts/ecosystem/hits.ts'
import { tally } from '../../scripts/ecosystem/precision.ts'
import { type ElixirFile, elixirFiles, openRepository } from '../../scripts/ecosystem/repositories.ts'
import { show } from '../../scripts/ecosystem/show.ts'

test('a finding that was accepted keeps its verdict', () => {
  const comparison = compare([accepted({ line: 3 })], [hit({ line: 3 })])

  expect(comparison).toMatchObject({ added: [], removed: [], changed: [] })
  expect(update(comparison)).toEqual([accepted({ line: 3 })])
})

test('a new finding is added unread, a finding that is gone is removed', () => {
  const comparison = compare([accepted({ line: 3 })], [hit({ line: 4 })])

  expect(comparison.removed).toEqual([accepted({ line: 3 })])
  expect(update(comparison)).toEqual([accepted({ line: 4, verdict: null, reason: '' })])
})

test('two findings on one line are two', () => {
  const comparison = compare([accepted({ line: 3 })], [hit({ line: 3 }), hit({ line: 3 })])

  expect(comparison.kept).toHaveLength(1)
  expect(comparison.added).toHaveLength(1)
})

test.each([{ severity: 'error' }, { set: 'strict' }] as const)('%o is a difference, and leaves the verdict', (now) => {
  const comparison = compare([accepted({ line: 3 })], [hit({ line: 3, ...now })])

  expect(comparison.changed).toHaveLength(1)
  expect(update(comparison)).toEqual([accepted({ line: 3, ...now })])
})

test('what was accepted at another commit is not the same finding', () => {
  expect(compare([accepted({ line: 3, commit: 'old' })], [hit({ line: 3 })]).added).toHaveLength(1)
})

test('precision counts what was read, and a debatable finding against the rule', () => {
  const verdicts = [true, true, 'debatable', false, null] as const

  expect(tally(verdicts.map((verdict) => accepted({ verdict })))).toEqual({
    hits: 5,
    true: 2,
    debatable: 1,
    false: 1,
    unread: 1,
    precision: 50,
  })
  expect(tally([]).precision).toBeNull()
})

test('a hit is shown with its code, evidence, suggestion and verdict', () => {
  const source = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'].join('\n')
  const edit = { startLine: 2, endLine: 2, text: 'TWO' }

  expect(
    show(hit({ line: 2, evidence: [2, 8], edit, unsafe: ['why not'] }), accepted({ reason: 'No parent.' }), source, 1),
  ).toMatchInlineSnapshot(`
      "acme/shop:lib/shop.ex:2
        task-unsupervised · warning · recommended · Shop run/0
        https://github.com/acme/shop/blob/c0ffee/lib/shop.ex#L2
        It is not supervised.
        TRUE: No parent.

           1  one
      >    2  two
           3  three
            ...
           7  seven
      *    8  eight
           9  nine

        suggested for line 2:
      +       TWO
        UNSAFE: why not
      "
    `)
})

test.each(['acme+shop/repo', 'acme+shop', 'acme/shop'])('a mirror is found at %s, bare or not', async (layout) => {
  const { folder, commit } = repository(layout, { 'lib/shop.ex': 'x' })

  const opened = await openRepository({ owner: 'acme', name: 'shop', commit }, folder)

  expect(opened).toBe(join(folder, layout, '.git'))
  await expect(openRepository({ owner: 'acme', name: 'shop', commit: 'f'.repeat(40) }, folder)).rejects.toThrow(
    'does not have the pinned commit',
  )
  await expect(openRepository({ owner: 'acme', name: 'other', commit }, folder)).rejects.toThrow('has no mirror')
})

test('all Elixir files of the commit come with the facts of their own project', async () => {
  const { folder, commit } = repository('acme/shop', {
    'mix.exs': '{:oban, "~> 2.17"}',
    'apps/web/mix.exs': '{:phoenix, "~> 1.7"}',
    'apps/web/lib/web.ex': 'defmodule Web do\nend\n',
    'lib/shop.ex': 'defmodule Shop do\nend\n',
    'lib/grüße.exs': ':ok',
    'README.md': '',
  })

  const opened = await openRepository({ owner: 'acme', name: 'shop', commit }, folder)
  const files: ElixirFile[] = []
  for await (const file of elixirFiles(opened, commit)) files.push(file)

  expect(files.map(({ path }) => path).toSorted((a, b) => a.localeCompare(b))).toEqual([
    'apps/web/lib/web.ex',
    'apps/web/mix.exs',
    'lib/grüße.exs',
    'lib/shop.ex',
    'mix.exs',
  ])
  expect(Object.fromEntries(files.map(({ path, project }) => [path, project.root]))).toMatchObject({
    'lib/shop.ex': '',
    'apps/web/lib/web.ex': 'apps/web',
  })
  expect(files.find(({ path }) => path === 'lib/shop.ex')!.source).toBe('defmodule Shop do\nend\n')
})

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function repository(layout: string, files: Record<string, string>): { folder: string; commit: string } {
  const folder = mkdtempSync(join(tmpdir(), 'otp-review-test-'))
  folders.push(folder)
  const root = join(folder, layout)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@b.example', ...args], { cwd: root, encoding: 'utf8' })
  git('init', '--quiet')
  git('add', '.')
  git('commit', '--quiet', '--message', 'All')
  return { folder, commit: git('rev-parse', 'HEAD').trim() }
}

function hit(overrides: Partial<Hit> = {}): Hit {
  return {
    repository: 'acme/shop',
    commit: 'c0ffee',
    path: 'lib/shop.ex',
    line: 1,
    rule: 'task-unsupervised',
    severity: 'warning',
    set: 'recommended',
    message: 'It is not supervised.',
    module: 'Shop',
    function: 'run/0',
    endLine: overrides.line ?? 1,
    evidence: [overrides.line ?? 1],
    edit: null,
    unsafe: [],
    ...overrides,
  }
}

function accepted(overrides: Partial<Accepted> = {}): Accepted {
  return {
    repository: 'acme/shop',
    commit: 'c0ffee',
    path: 'lib/shop.ex',
    line: 1,
    rule: 'task-unsupervised',
    severity: 'warning',
    set: 'recommended',
    verdict: true,
    reason: 'It is what it says.',
    ...overrides,
  }
}
