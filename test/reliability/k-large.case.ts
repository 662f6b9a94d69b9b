import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { callsItself, mix } from '../app/shop.ts'
import type { CheckRun, Files, PullHandle } from '../support/github/index.ts'
import { report, seconds } from './row.ts'
import { openStage, quick } from './stage.ts'

/** What GitHub takes for one text. */
const LIMIT = 65_535

/** A module of some 6 kB, as an application has hundreds of them. */
function ordinary(name: string, note = ''): string {
  const functions = Array.from(
    { length: 40 },
    (_, index) => `
  @doc "The total of the items of kind ${index}, in cents."
  def total${index}(items) do
    items |> Enum.filter(&(&1.kind == ${index})) |> Enum.sum_by(& &1.price)
  end
`,
  )
  return `defmodule Shop.${name} do\n  @moduledoc "Prices in cents.${note}"\n${functions.join('')}end\n`
}

function ordinaries(count: number, note = ''): Record<string, string> {
  return numbered(count, (index) => [`lib/shop/part${index}.ex`, ordinary(`Part${index}`, note)])
}

/** Just below the size that is read. */
function big(index: number): string {
  return numberedList(64, (part) => ordinary(`Big${index}.Part${part}`))
    .join('\n')
    .slice(0, 399_000)
}

function numbered(count: number, file: (index: number) => [string, string]): Record<string, string> {
  return Object.fromEntries(numberedList(count, file))
}

function numberedList<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

/** A server with this many calls to itself. */
function noisy(name: string, calls: number): string {
  const clauses = Array.from(
    { length: calls },
    (_, index) => `  def handle_call({:n${index}, item}, _from, stock), do: {:reply, count(item), stock}\n`,
  )
  return callsItself
    .replace('Shop.Stock', name)
    .replace(/  def handle_call\({:sell[^]*?\n  end\n\n/, `${clauses.join('')}\n`)
}

interface Case {
  name: string
  base?: Record<string, string>
  files: () => Files
  /** GitHub leaves the patches out of the list of files. */
  patchless?: boolean
  /** How many such pull requests come at once; 1 where not said. */
  times?: number
  /** At most, for each of them. */
  requests: number
  /** Resident at most. */
  megabytes: number
  check: (run: CheckRun, pull: PullHandle) => unknown
}

const CASES: Case[] = [
  {
    name: '3,050 new files of 6 kB, one of them with an error',
    files: () => ({ ...ordinaries(3_049), 'lib/shop/a.ex': callsItself }),
    requests: 105,
    megabytes: 500,
    check: isCut,
  },
  {
    name: '3,050 new files, four times at once',
    files: () => ({ ...ordinaries(3_049), 'lib/shop/a.ex': callsItself }),
    times: 4,
    requests: 105,
    megabytes: 900,
    check: isCut,
  },
  {
    name: '3,000 changed files of 6 kB without patches, an error in one of them',
    base: ordinaries(3_000),
    patchless: true,
    files: () => ({
      ...ordinaries(3_000, ' Each.'),
      'lib/shop/part7.ex': `${ordinary('Part7', ' Each.')}\n${callsItself}`,
    }),
    requests: 170,
    megabytes: 500,
    check: (run) => {
      const annotations = [{ path: 'lib/shop/part7.ex' }]
      expect(run).toMatchObject({ conclusion: 'failure', title: '1 error', annotations })
    },
  },
  {
    name: '100 files of 399 kB, five larger ones, and one with an error',
    files: () => ({
      ...numbered(100, (index) => [`lib/shop/big${index}.ex`, big(index)]),
      ...numbered(5, (index) => [`lib/shop/a_larger${index}.ex`, `# ${'x'.repeat(78)}\n`.repeat(6_500 + index)]),
      'lib/shop/a.ex': callsItself,
    }),
    requests: 60,
    megabytes: 700,
    check: (run) => {
      expect(run).toMatchObject({
        conclusion: 'failure',
        title: expect.stringMatching(/^1 error; \d+ files not read$/),
      })
      for (let index = 0; index < 5; index++)
        expect(run.text).toContain(`| \`lib/shop/a_larger${index}.ex\` | over 400 kB |`)
      expect(run.text).toMatch(/\| `lib\/shop\/big\d+\.ex` \| beyond the 30 MB that are read of one change \|/)
    },
  },
  {
    name: '5,000 findings in five files',
    files: () =>
      Object.fromEntries(['One', 'Two', 'Three', 'Four', 'Five'].map((name) => [`lib/${name}.ex`, noisy(name, 1_000)])),
    requests: 16,
    megabytes: 450,
    check: async (run, pull) => {
      expect(run).toMatchObject({ conclusion: 'failure', title: '5,000 errors' })
      expect(run.annotations).toHaveLength(300)
      expect(await pull.comments()).toHaveLength(3)
    },
  },
]

function isCut(run: CheckRun): void {
  expect(run).toMatchObject({ conclusion: 'failure', title: '1 error; not all files read' })
  expect(run.summary).toContain('GitHub lists only the first 3,000 changed files; those beyond were not read.')
}

describe('A pull request is large', () => {
  for (const { name, base = {}, files, patchless, times = 1, requests, megabytes, check } of CASES) {
    test(`${name}`, async (context) => {
      await using stage = await openStage('embedded')
      const { github } = stage
      github.webhooks.deliverTo(null)
      const pulls: PullHandle[] = []
      for (let index = 0; index < times; index++) {
        const repository = await github.repository(`acme/shop${index}`, { files: { ...mix, ...base } })
        const pull = await repository.open({ branch: 'large', files: files() })
        if (patchless === true) for (const { path } of await pull.files()) pull.withholdPatch(path)
        pulls.push(pull)
      }
      const opened = github.webhooks.deliveries.filter(({ event }) => event === 'pull_request')
      const service = await stage.start({}, quick)
      await service.line({ msg: 'reconciled' })
      const idle = residentMb(service.pid, 'VmRSS')
      github.requests.length = 0
      const started = performance.now()

      await Promise.all(opened.map((delivery) => github.webhooks.redeliver(delivery)))
      for (const pull of pulls) {
        const isDone = () => pull.checkRuns().find(({ conclusion }) => conclusion)
        const run = await github.until('the check run', isDone, 100_000)
        await check(run, pull)
        for (const text of [run.summary, run.text]) expect(Buffer.byteLength(text ?? '')).toBeLessThanOrEqual(LIMIT)
      }

      const took = performance.now() - started
      const peak = residentMb(service.pid, 'VmHWM')
      const asked = github.countApiRequests()
      expect(asked).toBeLessThanOrEqual(requests * times)
      expect(peak).toBeLessThan(megabytes)
      const { title } = pulls[0]!.checkRuns()[0]!
      report(context, {
        database: 'PGlite',
        runs: times,
        injected: '',
        outcome: `${asked / times} requests each; ${peak} MB resident at most, ${idle} MB before; "${title}"`,
        took: seconds(took),
      })
    })
  }
})

function residentMb(pid: number, line: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] = new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return Math.round(Number(kilobytes) / 1024)
}
