// The hook as pre-commit really installs and runs it; where there is no pre-commit, as git runs it from a clone of ours.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { callsItself, callsNobody } from '../cli/elixir-samples.ts'
import { scratchClone } from '../git/scratch-clone.ts'

const root = join(import.meta.dirname, '../..')
const hasPreCommit = spawnSync('pre-commit', ['--version']).status === 0
const cache = mkdtempSync(join(tmpdir(), 'otp-review-pre-commit-'))
afterAll(() => rmSync(cache, { recursive: true, force: true }))

test('a commit that introduces a finding is refused, and goes through without it', () => {
  const rev = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()
  const config = `repos: [{ repo: '${root}', rev: ${rev}, hooks: [{ id: otp-review }] }]\n`
  const clone = scratchClone({ 'lib/a.ex': callsNobody, 'lib/old.ex': callsItself, '.pre-commit-config.yaml': config })
  const commit = () => {
    clone.git('add', '--all')
    const { INIT_CWD: _, ...env } = process.env
    return spawnSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', 'commit', '-m', 'Change'], {
      cwd: clone.root,
      env: { ...env, PRE_COMMIT_HOME: cache },
      encoding: 'utf8',
    })
  }
  if (hasPreCommit) execFileSync('pre-commit', ['install'], { cwd: clone.root, stdio: 'pipe' })
  else installByHand(clone.root, rev)

  clone.write({ 'lib/a.ex': callsItself })
  const refused = commit()
  clone.write({ 'lib/a.ex': `${callsNobody}# a shop\n` })
  const passed = commit()

  expect(refused.status).toBe(1)
  expect(refused.stderr).toMatch(/lib\/a\.ex:12 {2}error {2}genserver-self-call\n/)
  expect(refused.stderr).not.toContain('lib/old.ex')
  expect(passed).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(hasPreCommit ? /otp-review\.+Passed/ : /^No findings that were not there at HEAD/m),
  })
})

function installByHand(folder: string, rev: string): void {
  const ours = join(cache, 'otp-review')
  execFileSync('git', ['clone', '--quiet', root, ours])
  execFileSync('git', ['checkout', '--quiet', rev], { cwd: ours })
  const hooks = parse(readFileSync(join(ours, '.pre-commit-hooks.yaml'), 'utf8')) as { entry: string; args: string[] }[]
  const { entry, args } = hooks[0]!
  writeFileSync(join(folder, '.git/hooks/pre-commit'), `#!/bin/sh\nexec ${ours}/${entry} ${args.join(' ')}\n`, {
    mode: 0o755,
  })
}
