import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { UNKNOWN_PROJECT } from '#elixir'
import type { SourceToAnalyse } from '#engine'
import { startPool, ThreadsError } from '../src/pool.ts'
import type { Pool, PoolOptions } from '../src/pool.ts'
import { freshDirectory } from './support/databases.ts'
import { startGitHub } from './support/github/index.ts'
import { environmentFor, launch } from './support/service-process.ts'

vi.setConfig({ testTimeout: 60_000 })

let pool: Pool | undefined
afterEach(() => pool?.close())

function file(path: string, source = ''): SourceToAnalyse {
  return { path, source, project: UNKNOWN_PROJECT, selection: {} }
}

function start(options: Partial<PoolOptions> = {}): Pool {
  return (pool = startPool({ threads: 1, fileTimeLimitMs: 30_000, ...options }))
}

const unruly = new URL('./support/unruly-worker.ts', import.meta.url)

test('a file is analysed in a thread', async () => {
  const { analyse, ready } = start()

  await ready()
  const report = await analyse(file('lib/shop.ex', 'defmodule Shop do\n  def open, do: :ok\nend\n'))

  expect(report).toMatchObject({ path: 'lib/shop.ex', outcome: 'read', reason: null, findings: [] })
})

test('a file that takes too long ends with its thread; the files behind it are read by the next one', async () => {
  const { analyse } = start({ program: unruly, fileTimeLimitMs: 1000 })

  const reports = await Promise.all(['1.ex', 'loops.ex', '2.ex', '3.ex'].map((path) => analyse(file(path))))

  expect(reports.map(({ path, outcome, reason }) => [path, outcome, reason])).toEqual([
    ['1.ex', 'read', null],
    ['loops.ex', 'failed', 'time limit'],
    ['2.ex', 'read', null],
    ['3.ex', 'read', null],
  ])
})

test('waiting for a free thread is no part of the time limit', async () => {
  const { analyse } = start({ program: unruly, fileTimeLimitMs: 1000 })

  const reports = await Promise.all(['a loops.ex', 'b loops.ex', 'fine.ex'].map((path) => analyse(file(path))))

  expect(reports.map(({ reason }) => reason)).toEqual(['time limit', 'time limit', null])
})

test.each(['throws.ex', 'exits.ex', 'eats memory.ex'])(
  'a file %s is reported as crashed, and the files behind it are read',
  async (path) => {
    const errors: unknown[] = []
    const { analyse } = start({ program: unruly, onError: (error) => errors.push(error) })

    const reports = await Promise.all(['1.ex', path, '2.ex', '3.ex'].map((each) => analyse(file(each))))

    expect(reports.map(({ outcome, reason }) => `${outcome} ${reason}`)).toEqual([
      'read null',
      'failed crashed',
      'read null',
      'read null',
    ])
    expect(errors).toHaveLength(1)
  },
)

test('threads that die side by side are replaced, each file tells its own end', async () => {
  const { analyse } = start({ program: unruly, threads: 2, fileTimeLimitMs: 1000 })
  const bad = ['loops.ex', 'exits.ex', 'throws.ex']
  const paths = Array.from({ length: 24 }, (_, index) => (index % 4 === 3 ? 'fine.ex' : `${index} ${bad[index % 4]}`))

  const reports = await Promise.all(paths.map((path) => analyse(file(path))))

  const reasons = { loops: 'time limit', exits: 'crashed', throws: 'crashed', fine: null }
  expect(reports.map(({ reason }) => reason)).toEqual(
    paths.map((path) => reasons[/(\w+)\.ex$/.exec(path)![1] as keyof typeof reasons]),
  )
})

test('what is unfinished when the pool is closed is reported as failed', async () => {
  const { analyse, close } = start({ program: unruly })
  const reports = ['loops.ex', 'fine.ex'].map((path) => analyse(file(path)))

  await close()

  expect(await Promise.all(reports)).toMatchObject([{ outcome: 'failed' }, { outcome: 'failed' }])
  expect(await analyse(file('fine.ex'))).toMatchObject({ outcome: 'failed' })
})

describe('a program', () => {
  const ok = `export default ({ files, begun }) => {
    begun.postMessage(null)
    if (files.some(({ path }) => path === 'exits.ex')) process.exit(1)
    return files.map(({ path }) => ({ path, outcome: 'read', reason: null }))
  }`

  function program(text: string) {
    const directory = mkdtempSync(join(tmpdir(), 'otp-review-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const path = join(directory, 'program.mjs')
    const write = (next: string) => writeFileSync(path, next)
    write(text)
    return { url: pathToFileURL(path), write }
  }

  test.each([
    ['that lacks a module', `import './nowhere.mjs'\n${ok}`, 'Cannot find module'],
    ['that throws while it loads', `throw new Error('not today')`, 'not today'],
    ['that ends while it loads', 'process.exit(0)', /ended while it started|exited/],
    ['that is no JavaScript', 'export default (', 'Unexpected'],
    ['that has nothing to call', 'export const nothing = 1', 'No handler function'],
  ])('%s fails every file at once, and says why', async (_, text, why) => {
    const { analyse, ready } = start({ program: program(text).url, threads: 2 })

    const failures = await Promise.all(
      ['1.ex', '2.ex', '3.ex'].map((path) => analyse(file(path)).catch((error: unknown) => error)),
    )

    for (const failure of [...failures, await ready().catch((error: unknown) => error)]) {
      expect(failure).toBeInstanceOf(ThreadsError)
      expect(String((failure as ThreadsError).cause)).toMatch(why)
    }
  })

  test('that cannot start for a while is tried again for the next file', async () => {
    const { url, write } = program(ok)
    const { analyse } = start({ program: url })

    expect(await analyse(file('1.ex'))).toMatchObject({ outcome: 'read' })
    write(`throw new Error('too many threads')\n${ok}`)
    expect(await analyse(file('exits.ex'))).toMatchObject({ reason: 'crashed' })
    await expect(analyse(file('2.ex'))).rejects.toThrow(ThreadsError)
    await expect(analyse(file('3.ex'))).rejects.toThrow(ThreadsError)
    write(ok)

    expect(await analyse(file('4.ex'))).toMatchObject({ outcome: 'read' })
    expect(await analyse(file('exits.ex'))).toMatchObject({ reason: 'crashed' })
    expect(await analyse(file('5.ex'))).toMatchObject({ outcome: 'read' })
  })

  test('that the service cannot start ends the service, which says why', async () => {
    await using github = await startGitHub()
    const directory = await freshDirectory()
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const breakThreads = `import { isMainThread } from 'node:worker_threads'
      if (!isMainThread && process.argv[1].includes('piscina')) throw new Error('no thread today')`

    const { exited, output } = launch(
      { ...environmentFor(github), DATA_DIR: directory },
      { flags: ['--import', `data:text/javascript,${encodeURIComponent(breakThreads)}`] },
    )

    expect(await exited).toBe(1)
    expect(output()).toMatch(/"msg":"not started"/)
    expect(output()).toContain('The threads that analyse files do not start.')
    expect(output()).toContain('no thread today')
  })
})
