import { afterEach, expect, test } from 'vitest'
import { UNKNOWN_PROJECT } from '#elixir'
import type { SourceToAnalyse } from '#engine'
import { startPool } from '../src/pool.ts'
import type { Pool, PoolOptions } from '../src/pool.ts'

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
  const report = await start().analyse(file('lib/shop.ex', 'defmodule Shop do\n  def open, do: :ok\nend\n'))

  expect(report).toMatchObject({ path: 'lib/shop.ex', outcome: 'read', reason: null, findings: [] })
})

test('a file that takes too long ends with its thread; the files behind it are read by the next one', async () => {
  const { analyse } = start({ program: unruly, fileTimeLimitMs: 200 })

  const reports = await Promise.all(['fine 1', 'loops', 'fine 2', 'fine 3'].map((path) => analyse(file(path))))

  expect(reports.map(({ path, outcome, reason }) => [path, outcome, reason])).toEqual([
    ['fine 1', 'read', null],
    ['loops', 'failed', 'time limit'],
    ['fine 2', 'read', null],
    ['fine 3', 'read', null],
  ])
})

test('waiting for a free thread is no part of the time limit', async () => {
  const { analyse } = start({ program: unruly, fileTimeLimitMs: 300 })

  const reports = await Promise.all(['loops', 'loops', 'fine'].map((path) => analyse(file(path))))

  expect(reports.map(({ reason }) => reason)).toEqual(['time limit', 'time limit', null])
})

test.each(['throws', 'eats memory', 'never begins'])(
  'a file that %s is reported as crashed, and the pool goes on',
  async (path) => {
    const errors: unknown[] = []
    const { analyse } = start({ program: unruly, onError: (error) => errors.push(error) })

    expect(await analyse(file(path))).toMatchObject({ path, outcome: 'failed', reason: 'crashed' })
    expect(errors).not.toHaveLength(0)
    expect(await analyse(file('fine'))).toMatchObject({ outcome: 'read' })
  },
)
