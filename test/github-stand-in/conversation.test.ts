import { expect, test } from 'vitest'
import { startGitHub } from '../support/github/index.ts'
import { asInstallation, shop } from './client.ts'

test('a rebase makes other commits with the same change', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop', { files: { 'lib/a.ex': '1\n2\n3\n4\n5\n6\n7\n8\n9\n' } })
  const pull = await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n2\n3\n4\n5\n6\n7\n8\nnine\n' } })
  await repo.push('main', { 'lib/a.ex': 'zero\n1\n2\n3\n4\n5\n6\n7\n8\n9\n', 'lib/b.ex': 'b\n' })
  const before = pull.head

  await pull.rebase()

  expect(pull.head).not.toBe(before)
  expect((await pull.files()).map(({ path, patch }) => [path, patch])).toEqual([
    ['lib/a.ex', '@@ -7,4 +7,4 @@ zero\n 6\n 7\n 8\n-9\n+nine'],
  ])
})

test('a force-push replaces what the branch changed', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const pull = await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n', 'lib/b.ex': '1\n' } })
  const first = pull.head

  await pull.forcePush({ 'lib/c.ex': '1\n' })
  expect((await pull.files()).map((file) => file.path)).toEqual(['lib/c.ex'])

  await pull.reset(first)
  expect((await pull.files()).map((file) => file.path)).toEqual(['lib/a.ex', 'lib/b.ex'])
})

test('two pull requests can share a head', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const first = await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' } })
  await repo.push('release', { 'lib/r.ex': '1\n' })
  const second = await repo.openFrom('change', { base: 'release' })

  await first.push({ 'lib/a.ex': '2\n' })

  expect([second.number, second.head]).toEqual([2, first.head])
  const { data } = await asInstallation(github).rest.repos.listPullRequestsAssociatedWithCommit({
    ...shop,
    commit_sha: first.head,
  })
  expect(data.map((pull) => pull.base.ref)).toEqual(['main', 'release'])
})

test('merging closes the pull request and moves the base branch', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const pull = await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' } })
  await repo.push('main', { 'lib/b.ex': '1\n' })

  const commit = await pull.merge()

  expect(await repo.home.git.resolve('main')).toBe(commit)
  const { data } = await asInstallation(github).rest.pulls.get({ ...shop, pull_number: 1 })
  expect([data.state, data.merged, data.merge_commit_sha, data.changed_files]).toEqual(['closed', true, commit, 1])
  expect((await repo.home.git.tree(commit, true))?.map((entry) => entry.path)).toEqual([
    'README.md',
    'lib',
    'lib/a.ex',
    'lib/b.ex',
  ])
})

test('a merge group holds its pull requests, merged one after the other', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const one = await repo.open({ branch: 'one', files: { 'lib/a.ex': '1\n' } })
  const two = await repo.open({ branch: 'two', files: { 'lib/b.ex': '1\n' } })

  const group = await repo.enqueue(one, two)

  const basehead = `${group.baseRef.replace('refs/heads/', '')}...${group.headSha}`
  const { data } = await asInstallation(github).rest.repos.compareCommitsWithBasehead({ ...shop, basehead })
  expect(data.files?.map((file) => file.filename)).toEqual(['lib/a.ex', 'lib/b.ex'])
  expect(group.headRef).toMatch(/^refs\/heads\/gh-readonly-queue\/main\/pr-2-/)
})

test('waiting ends when the check run has a conclusion, and says what happened when none comes', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop')
  const pull = await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' } })
  const client = asInstallation(github)
  const { data: run } = await client.rest.checks.create({
    ...shop,
    name: 'OTP review',
    head_sha: pull.head,
    status: 'in_progress',
  })

  const concluded = pull.concluded()
  await client.rest.checks.update({ ...shop, check_run_id: run.id, conclusion: 'success' })

  expect((await concluded).conclusion).toBe('success')
  await expect(github.until('the moon', () => null, 20)).rejects.toThrow(
    /^Waited 20 ms for the moon[^]*201 POST \/repos\/acme\/shop\/check-runs/,
  )
})
