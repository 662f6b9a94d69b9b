import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { styleOf } from '../../src/cli/terminal.ts'
import { scratchClone, scratchFolder } from '../git/scratch-clone.ts'
import { callsItself, callsNobody } from './elixir-samples.ts'

const cli = join(import.meta.dirname, '../../src/cli.ts')

function otpReview(args: string[], { cwd = '/', env = {} }: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const inherited = { ...process.env, INIT_CWD: cwd, FORCE_COLOR: undefined, NO_COLOR: undefined }
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    cwd: '/',
    env: { ...inherited, ...env },
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('0 where nothing is found, 1 where something fails; paths are meant from INIT_CWD', () => {
  const folder = scratchFolder()
  folder.write({ 'good/a.ex': callsNobody, 'bad/a.ex': callsItself })

  expect(otpReview(['check', 'good'], { cwd: folder.root })).toMatchObject({
    status: 0,
    stderr: '',
    stdout: expect.stringMatching(/^No findings in 1 file,/),
  })
  expect(otpReview(['check', 'bad'], { cwd: folder.root })).toMatchObject({
    status: 1,
    stderr: '',
    stdout: expect.stringMatching(/^bad\/a\.ex:12 {2}error {2}genserver-self-call\n/),
  })
  expect(otpReview(['check', '--fail-on', 'never'], { cwd: folder.root }).status).toBe(0)
})

test('what each rule cost stands on standard error, and the report is the same', () => {
  const folder = scratchFolder()
  folder.write({ 'a.ex': callsItself })
  const [plain, profiled] = [[], ['--profile-rules']].map((more) =>
    otpReview(['check', '--format', 'json', '--rule', 'genserver-self-call', ...more], { cwd: folder.root }),
  )
  const found = (output: string | undefined) => JSON.parse(output ?? '').findings as unknown

  expect(found(profiled?.stdout)).toEqual(found(plain?.stdout))
  expect(found(plain?.stdout)).toHaveLength(1)
  expect(profiled?.stderr).toMatch(
    /^rule .* findings\ngenserver-self-call +[\d.]+ +100\.0 % +1 +[\d.]+ +1\nall +[\d.]+\n$/,
  )
})

test.for([
  [['check', 'typo'], /^typo: no such file or folder\.\n$/],
  [['check', '--format', 'xml'], /Allowed choices are text, json, sarif, github/],
  [['explain', 'genserver-self-cal'], /Did you mean genserver-self-call\?/],
  [['history', '--last', 'x'], /It must be a whole number from 1 on/],
  [['chekc'], /Did you mean check\?/],
  [[], /Usage: otp-review/],
] as const)('2 for %j, and what to do on standard error', ([args, message]) => {
  const folder = scratchFolder()

  expect(otpReview([...args], { cwd: folder.root })).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(message),
  })
})

test.for(['node:fs', 'node:fs/promises'])('2 for what this user may not read (%s), and which it is', (module) => {
  const folder = scratchFolder()
  folder.write({ 'lib/a.ex': callsItself })
  // Whoever runs the tests as root may read everything.
  const refused = `
    import { syncBuiltinESMExports } from 'node:module'
    import fs from '${module}'
    const name = '${module === 'node:fs' ? 'readdirSync' : 'readFile'}'
    const { [name]: read } = fs
    fs[name] = (path, ...options) => {
      if (!String(path).endsWith('${module === 'node:fs' ? '/lib' : '/a.ex'}')) return read(path, ...options)
      throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', path })
    }
    syncBuiltinESMExports()`
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(refused)}`

  expect(otpReview(['check'], { cwd: folder.root, env: { NODE_OPTIONS } })).toEqual({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(/^\/\S+\/lib(\/a\.ex)?: you may not read this\.\n$/),
  })
})

test('a terminal that does not know its size gets lines of a usual length', () => {
  expect(styleOf({ isTTY: true, columns: 0 } as NodeJS.WriteStream, {})).toEqual({ color: true, width: 100 })
})

test('3 for our own failure, with what to report', () => {
  const folder = scratchFolder()
  // No part of ours can be broken from outside; a runtime that lacks what we need is the nearest thing.
  const broken = `--import=data:text/javascript,${encodeURIComponent('Map.groupBy = () => { throw new Error("broken runtime") }')}`

  const { status, stderr } = otpReview(['check'], { cwd: folder.root, env: { NODE_OPTIONS: broken } })

  expect(status).toBe(3)
  expect(stderr).toMatch(/^otp-review \S+ failed\. Please report this, .*\nError: broken runtime\n/)
})

test('every format of the same findings', () => {
  const folder = scratchFolder()
  folder.write({ 'lib/a.ex': callsItself })
  const print = (format: string) => otpReview(['check', '--format', format], { cwd: folder.root })

  expect(JSON.parse(print('json').stdout)).toMatchObject({
    version: 1,
    findings: [{ rule: 'genserver-self-call', path: 'lib/a.ex', line: 12 }],
  })
  expect(JSON.parse(print('sarif').stdout)).toMatchObject({
    version: '2.1.0',
    runs: [{ results: [{ ruleId: 'genserver-self-call' }] }],
  })
  expect(print('github').stdout).toMatch(/^::error file=lib\/a\.ex,line=12,endLine=12,title=genserver-self-call::/)
})

test('colours are asked for and refused by the environment', () => {
  const folder = scratchFolder()
  folder.write({ 'a.ex': callsItself })
  const print = (env: NodeJS.ProcessEnv) => otpReview(['check'], { cwd: folder.root, env }).stdout

  expect(print({})).not.toContain('\u001b')
  expect(print({ FORCE_COLOR: '1' })).toContain('\u001b[31merror')
  expect(print({ FORCE_COLOR: '1', NO_COLOR: '1' })).not.toContain('\u001b')
})

test('config, suppressions and history print for people and for programs', () => {
  const clone = scratchClone({ 'lib/a.ex': callsNobody, '.github/otp-review.yml': 'profile: strict\n' })
  const print = (...args: string[]) => otpReview(args, { cwd: clone.root }).stdout

  expect(print('config')).toMatch(/^profile: "strict" +# repository$/m)
  expect(JSON.parse(print('config', '--format', 'json')).settings).toContainEqual({
    key: 'profile',
    value: 'strict',
    origin: 'repository',
  })
  expect(print('suppressions')).toBe('No suppressions.\n')
  expect(JSON.parse(print('suppressions', '--format', 'json'))).toEqual({ version: 1, suppressions: [] })
  expect(print('history', '--last', '1')).toMatch(/^No merges: /)
  expect(JSON.parse(print('history', '--format', 'json'))).toEqual({ version: 1, merges: [] })
})

test('config names the file that was asked for, and says where an organisation counts too', () => {
  const clone = scratchClone({ 'mine.yml': 'profile: strict\nextends: .github\n' })

  const { status, stdout } = otpReview(['config', '--config', 'mine.yml'], { cwd: clone.root })

  expect(status).toBe(0)
  expect(stdout).toMatch(/^profile: "strict" +# mine\.yml$/m)
  expect(stdout).toMatch(/^mode: "enforce" +# default$/m)
  expect(stdout).toMatch(/\n# The file of your organisation is not read here: .*\n$/)
  expect(otpReview(['config'], { cwd: clone.root }).stdout).not.toContain('organisation')
})

test('version, help, the list of rules, and a rule explained', () => {
  expect(otpReview(['--version'])).toMatchObject({ status: 0, stdout: `${packageJson.version}\n` })
  expect(otpReview(['--help'])).toMatchObject({ status: 0, stdout: expect.stringContaining('Exit status:') })
  expect(otpReview(['rules']).stdout).toMatch(/^genserver-self-call +error +recommended +A server calls itself$/m)
  expect(JSON.parse(otpReview(['rules', '--format', 'json']).stdout).rules).toContainEqual(
    expect.objectContaining({ id: 'genserver-self-call', severity: 'error' }),
  )
  expect(otpReview(['explain', 'genserver-self-call']).stdout).toMatch(
    /^A server calls itself\n[^]*What happens\n[^]*The principle\n/,
  )
})
