// What the image installs, without the image: its own command, in an empty folder, and what then runs there.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { DockerfileParser } from 'dockerfile-ast'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { callsItself } from '../cli/elixir-samples.ts'
import { scratchFolder } from '../git/scratch-clone.ts'
import { freshDirectory } from '../support/databases.ts'
import { startGitHub } from '../support/github/index.ts'
import { environmentFor, launch } from '../support/service-process.ts'

const root = join(import.meta.dirname, '../..')
const app = mkdtempSync(join(tmpdir(), 'otp-review-image-'))

beforeAll(() => {
  for (const name of ['package.json', 'package-lock.json', 'app.yml']) copyFileSync(join(root, name), join(app, name))
  for (const name of ['src', 'rules']) cpSync(join(root, name), join(app, name), { recursive: true })
  const instructions = DockerfileParser.parse(readFileSync(join(root, 'Dockerfile'), 'utf8')).getInstructions()
  const install = instructions.find((one) => one.getKeyword() === 'RUN')!.getArgumentsContent()!
  execFileSync('sh', ['-ec', install], { cwd: app, stdio: 'pipe' })
})
afterAll(() => rmSync(app, { recursive: true, force: true }))

test('only what runs is installed', () => {
  expect(globSync('node_modules/{typescript,vitest,oxlint}', { cwd: app })).toEqual([])
  expect(globSync('node_modules/**/*.{d.ts,map,c}', { cwd: app })).toEqual([])
})

test('the service starts, says that it is well, and stops', async () => {
  await using github = await startGitHub()
  const directory = await freshDirectory()
  const env = { ...environmentFor(github), DATA_DIR: directory }

  const service = launch(env, { program: relative(root, join(app, 'src/service.ts')) })
  const url = await service.url()
  const { status } = await fetch(`${url}/readyz`)
  service.send('SIGTERM')

  expect(status).toBe(200)
  expect(await service.exited).toBe(0)
  rmSync(directory, { recursive: true, force: true })
})

test('the command line tool finds what it finds elsewhere', () => {
  const folder = scratchFolder()
  folder.write({ 'lib/a.ex': callsItself })
  const { INIT_CWD: _, ...env } = process.env

  const { status, stdout } = spawnSync(process.execPath, [join(app, 'src/cli.ts'), 'check'], {
    cwd: folder.root,
    env,
    encoding: 'utf8',
  })

  expect(status).toBe(1)
  expect(stdout).toMatch(/^lib\/a\.ex:12 {2}error {2}genserver-self-call\n/)
})
