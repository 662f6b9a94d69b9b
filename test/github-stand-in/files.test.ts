import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { startGitHub } from '../support/github/index.ts'
import { asInstallation, shop } from './client.ts'

// What `git diff` itself prints, without its file headers.
function gitPatch(directory: string, base: string, head: string, path: string): string | undefined {
  const printed = execFileSync('git', ['--git-dir', directory, 'diff', '-M', '-U3', `${base}...${head}`, '--', path], {
    encoding: 'utf8',
  })
  return printed.includes('\n@@ ') ? printed.slice(printed.indexOf('\n@@ ') + 1).replace(/\n$/, '') : undefined
}

test('patches are those of git: without file headers, against the merge base, absent where git has none', async () => {
  await using github = await startGitHub()
  const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`)
  const repo = await github.repository('acme/shop', {
    files: {
      'lib/plus.ex': '+x\n-y\n same\n',
      'lib/crlf.ex': 'one\r\ntwo\r\nthree\r\n',
      'lib/no_newline.ex': 'one\ntwo',
      'lib/long.ex': `${lines.join('\n')}\n`,
      'lib/gone.ex': 'gone\n',
      'lib/grüße "q".ex': 'hallo\n',
      'image.png': new Uint8Array([137, 80, 0, 1]),
      'run.sh': 'echo\n',
    },
  })
  const pull = await repo.open({
    branch: 'edits',
    files: {
      'lib/plus.ex': '++x\n--y\n same\n++ added\n',
      'lib/crlf.ex': 'one\r\nTWO\r\nthree\r\n',
      'lib/no_newline.ex': 'one\ntwo\nthree',
      'lib/long.ex': `${['first', ...lines.slice(0, 30), 'MIDDLE', ...lines.slice(31)].join('\n')}\n`,
      'lib/gone.ex': null,
      'lib/new.ex': 'only line\n',
      'lib/empty.ex': '',
      'lib/grüße "q".ex': 'moin\n',
      'image.png': new Uint8Array([137, 80, 0, 2]),
      'run.sh': { mode: '100755', text: 'echo\n' },
    },
  })
  const base = await repo.home.git.resolve('main')
  await repo.push('main', { 'lib/new_on_main.ex': 'unrelated\n', 'lib/long.ex': 'main moved on\n' })

  const { data: files } = await asInstallation(github).rest.pulls.listFiles({ ...shop, pull_number: 1, per_page: 100 })

  expect(files.map((file) => `${file.status} ${file.filename}`)).toEqual([
    'modified image.png',
    'modified lib/crlf.ex',
    'added lib/empty.ex',
    'removed lib/gone.ex',
    'modified lib/grüße "q".ex',
    'modified lib/long.ex',
    'added lib/new.ex',
    'modified lib/no_newline.ex',
    'modified lib/plus.ex',
    'modified run.sh',
  ])
  for (const { filename, patch } of files)
    expect([filename, patch]).toEqual([filename, gitPatch(repo.home.git.directory, base!, pull.head, filename)])
  const patches = new Map(files.map((file) => [file.filename, file.patch]))
  expect(patches.get('lib/no_newline.ex')).toMatchInlineSnapshot(`
    "@@ -1,2 +1,3 @@
     one
    -two
    \\ No newline at end of file
    +two
    +three
    \\ No newline at end of file"
  `)
  expect(patches.get('lib/new.ex')).toBe('@@ -0,0 +1 @@\n+only line')
  expect([patches.get('image.png'), patches.get('run.sh'), patches.get('lib/empty.ex')]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

test('renames are found; a pure one has no patch', async () => {
  await using github = await startGitHub()
  const body = Array.from({ length: 20 }, (_, index) => `line ${index}\n`).join('')
  const repo = await github.repository('acme/shop', { files: { 'lib/a.ex': body, 'lib/b.ex': `${body}end\n` } })
  await repo.open({
    branch: 'moves',
    files: { 'lib/a.ex': null, 'lib/a2.ex': body, 'lib/b.ex': null, 'lib/b2.ex': `${body}END\n` },
  })

  const { data: files } = await asInstallation(github).rest.pulls.listFiles({ ...shop, pull_number: 1 })

  expect(files.map(({ filename, previous_filename, status }) => [filename, previous_filename, status])).toEqual([
    ['lib/a2.ex', 'lib/a.ex', 'renamed'],
    ['lib/b2.ex', 'lib/b.ex', 'renamed'],
  ])
  expect(files[0]?.patch).toBeUndefined()
  expect(files[1]?.patch).toContain('-end\n+END')
})

test('the sha of a file is its blob, and the counts are those of the whole difference even where the patch is left out', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const long = 'x\n'.repeat(20_001)
  const pull = await repo.open({
    branch: 'long',
    files: { 'lib/long.ex': long, 'lib/short.ex': 'a\n', 'lib/kept.ex': 'b\n' },
  })
  pull.withholdPatch('lib/short.ex')
  const client = asInstallation(github)

  const { data: files } = await client.rest.pulls.listFiles({ ...shop, pull_number: 1 })

  expect(files.map((file) => [file.filename, file.patch, file.additions])).toEqual([
    ['lib/kept.ex', '@@ -0,0 +1 @@\n+b', 1],
    ['lib/long.ex', undefined, 20_001],
    ['lib/short.ex', undefined, 1],
  ])
  const { data: blob } = await client.rest.git.getBlob({ ...shop, file_sha: files[1]!.sha! })
  expect(Buffer.from(blob.content, 'base64').toString()).toBe(long)
})

test('lists come in pages of 30, at most 100, with links to the others', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const many = Array.from({ length: 130 }, (_, index) => [`lib/f${String(index).padStart(3, '0')}.ex`, `${index}\n`])
  await repo.open({ branch: 'many', files: Object.fromEntries(many) })
  const client = asInstallation(github)
  const list = (options: object) => client.rest.pulls.listFiles({ ...shop, pull_number: 1, ...options })

  const first = await list({})
  const second = await list({ per_page: 100, page: 2 })
  const all = await client.paginate(client.rest.pulls.listFiles, { ...shop, pull_number: 1, per_page: 100 })

  expect([first.data.length, second.data.length, all.length]).toEqual([30, 30, 130])
  expect(first.headers.link).toBe(
    `<${github.url}/repos/acme/shop/pulls/1/files?page=2>; rel="next", <${github.url}/repos/acme/shop/pulls/1/files?page=5>; rel="last"`,
  )
  expect(second.headers.link).toContain('rel="prev"')
  expect(second.headers.link).not.toContain('rel="next"')
})

test('a comparison starts at the merge base and holds at most 300 files', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const start = await repo.home.git.resolve('main')
  const many = Array.from({ length: 310 }, (_, index) => [`lib/f${index}.ex`, `${index}\n`])
  const pull = await repo.open({ branch: 'many', files: Object.fromEntries(many) })
  await repo.push('main', { 'other.ex': '1\n' })

  const { data } = await asInstallation(github).rest.repos.compareCommitsWithBasehead({
    ...shop,
    basehead: `main...${pull.head}`,
  })

  expect(data.merge_base_commit.sha).toBe(start)
  expect(data.files).toHaveLength(300)
  expect([data.status, data.ahead_by, data.behind_by]).toEqual(['diverged', 1, 1])
})

test('what a fork holds can be read from the base repository by its sha, also after the fork is gone', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const fork = await repo.fork('mallory')
  const pull = await repo.open({ branch: 'feature', from: fork, files: { 'lib/fork.ex': 'from the fork\n' } })
  const client = asInstallation(github)
  const read = () => client.rest.repos.getContent({ ...shop, path: 'lib/fork.ex', ref: pull.head })

  expect((await read()).data).toMatchObject({ content: `${Buffer.from('from the fork\n').toString('base64')}\n` })
  fork.remove()

  expect((await read()).status).toBe(200)
  const { data } = await client.rest.pulls.get({ ...shop, pull_number: 1 })
  expect(data.head.repo).toBeNull()
  const linked = await client.rest.repos.listPullRequestsAssociatedWithCommit({ ...shop, commit_sha: pull.head })
  expect(linked.data).toEqual([])
})
