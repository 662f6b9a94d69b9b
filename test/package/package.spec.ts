// The npm package as a stranger gets it: packed, installed from the tarball in a folder of its own, and run.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { callsItself, callsNobody } from '../cli/elixir-samples.ts'
import { scratchClone, scratchFolder } from '../git/scratch-clone.ts'

const root = join(import.meta.dirname, '../..')
const home = mkdtempSync(join(tmpdir(), 'otp-review-package-'))
const installed = join(home, 'node_modules/otp-review')
/** As many as are analysed in threads; fewer are not. */
const MANY_FILES = 400

beforeAll(() => {
  const tarball = execFileSync('node', ['scripts/pack.ts'], { cwd: root, encoding: 'utf8' }).trim()
  writeFileSync(join(home, 'package.json'), '{ "name": "shop", "private": true }\n')
  npm('install', '--strict-peer-deps', tarball)
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

test('a stranger installs one parser, and nothing that wants to run a script', () => {
  const tree = npm('ls', '--all', '--json')
  const lock = readFileSync(join(home, 'package-lock.json'), 'utf8')

  expect(JSON.parse(tree)).not.toHaveProperty('problems')
  expect(lock.match(/"[^"]*node_modules\/tree-sitter"/g)).toHaveLength(1)
  expect(lock).not.toContain('hasInstallScript')
  expect(lock).not.toMatch(/node_modules\/(probot|pg|pino)"/)
})

test('it says its version', () => {
  expect(otpReview(['--version'])).toMatchObject({ status: 0, stdout: `${packageJson.version}\n`, stderr: '' })
})

test('it finds what the checkout finds', () => {
  const folder = scratchFolder()
  folder.write({ 'lib/a.ex': callsItself })
  const arguments_ = ['check', '--format', 'sarif']
  const checkout = spawnSync(process.execPath, [join(root, 'src/cli.ts'), ...arguments_], {
    cwd: folder.root,
    env: { ...process.env, INIT_CWD: folder.root },
    encoding: 'utf8',
  })

  const { status, stdout } = otpReview(arguments_, folder.root)

  expect(status).toBe(1)
  expect(JSON.parse(stdout).runs[0].results).toMatchObject([{ ruleId: 'genserver-self-call' }])
  expect(stdout).toBe(checkout.stdout)
})

test('many files are analysed in threads, which run the built worker', () => {
  const folder = scratchFolder()
  const names = Array.from({ length: MANY_FILES }, (_, number) => `lib/a${number}.ex`)
  folder.write({ ...Object.fromEntries(names.map((name) => [name, callsNobody])), 'lib/z.ex': callsItself })

  const { status, stdout } = otpReview(['check', '--format', 'json'], folder.root)

  expect(status).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    findings: [{ rule: 'genserver-self-call', path: 'lib/z.ex' }],
    files: { read: MANY_FILES + 1, skipped: [] },
  })
})

test('it compares commits, explains rules and prints the configuration', () => {
  const clone = scratchClone({ 'lib/a.ex': callsNobody })
  clone.write({ 'lib/b.ex': callsItself })

  expect(otpReview(['check', '--diff', 'main'], clone.root)).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(/^lib\/b\.ex:12 {2}error {2}genserver-self-call\n/),
  })
  expect(otpReview(['explain', 'genserver-self-call']).stdout).toContain('What happens')
  expect(otpReview(['config'], clone.root).stdout).toMatch(/^mode: "enforce" +# default$/m)
})

test('its README links to nothing that is not there', () => {
  const readme = readFileSync(join(installed, 'README.md'), 'utf8')
  const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, address]) => address)

  expect(links.filter((address) => !/^(https:|#)/.test(address!))).toEqual([])
})

function npm(...args: string[]): string {
  return execFileSync('npm', [...args, '--no-audit', '--no-fund'], { cwd: home, encoding: 'utf8', stdio: 'pipe' })
}

/** `npx otp-review`, from a folder that has nothing to do with the package. */
function otpReview(args: string[], cwd = home) {
  const { INIT_CWD: _, ...env } = process.env
  return spawnSync('npx', ['--prefix', home, '--no', '--', 'otp-review', ...args], {
    cwd,
    // npm itself warns on the error stream about a machine's settings.
    env: { ...env, npm_config_loglevel: 'error' },
    encoding: 'utf8',
    timeout: 60_000,
  })
}
