// Measures the engine against a bare tree-sitter parse of the same files, over whole repositories, in one run.
import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type CataloguedRule, meter, notReviewed, type RuleCost, selectAll, UNKNOWN_PROJECT } from '#engine'
import { rules } from '#rules'
import { startPool } from '../src/pool.ts'
import { ruleCosts } from '../src/output/rule-costs.ts'
import { costs, engineWith, parseOnly, type Work } from './bench/measure.ts'
import {
  type ElixirFile,
  elixirFiles,
  nameOf,
  openRepository,
  repositories,
  type Repository,
  scratch,
} from './ecosystem/repositories.ts'

const USAGE = `npm run bench -- [options]

  --from DIR        take the repositories from mirrors in DIR instead of cloning
  --repo NAME       only repositories whose owner/name contains NAME (repeatable)
  --rounds N        measure each thing N times and take the least (3)
  --profile-rules   only say what each rule costs

P is a bare parse of the files that are reviewed (no tests, scripts, generated files). Times are processor time, but for
the threads.`

const {
  values: options,
  positionals: [folder = ''],
} = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: 'string' },
    repo: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '3' },
    'profile-rules': { type: 'boolean', default: false },
    memory: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const from = options.from === undefined ? null : resolve(process.env['INIT_CWD'] ?? '.', options.from)
const rounds = Number(options.rounds)
const wanted = repositories.filter(
  (each) =>
    options.repo.length === 0 || options.repo.some((part) => nameOf(each).toLowerCase().includes(part.toLowerCase())),
)

if (options.help) console.log(USAGE)
else if (options.memory !== undefined) await measureMemory(options.memory, folder)
else if (options['profile-rules']) await profileRules()
else {
  await measureRepositories()
  await measureMemories()
  await measureThreads()
}

async function measureRepositories(): Promise<void> {
  const numbers = [...new Set([1, Math.ceil(rules.length / 4), Math.ceil(rules.length / 2), rules.length])]
  const works: Work[] = [
    parseOnly,
    ...numbers.map((number) => engineWith(some(number))),
    ...numbers.map((number) => engineWith(some(number), { readAll: true })),
  ]
  const names = numbers.map((number) => (number === 1 ? '1 rule' : `${number} rules`))
  console.log('Milliseconds; "all read" is without short cuts.')
  console.log(row('', 'files', 'KB', 'P', ...names, ...names.map(() => 'all read')))

  const totals = works.map(() => 0)
  let fileCount = 0
  let size = 0
  let isWarm = false
  for (const repository of wanted) {
    const files = await reviewedFiles(repository)
    // What the compiler learns belongs to no repository.
    if (!isWarm) await costs(works, files, 2)
    isWarm = true
    const measured = await costs(works, files, rounds)
    const length = files.reduce((sum, { source }) => sum + source.length, 0)
    measured.forEach((ms, index) => (totals[index]! += ms))
    fileCount += files.length
    size += length
    console.log(numberRow(nameOf(repository), files.length, length, measured))
  }
  console.log(numberRow('total', fileCount, size, totals))
  const [parse = 1, ...engines] = totals
  console.log(row('total in P', '', '', '1.00', ...engines.map((ms) => (ms / parse).toFixed(2))))
  const [quarter, all] = [Math.ceil(rules.length / 4), rules.length].map((number) => engines[numbers.indexOf(number)]!)
  const more = ((all! - quarter!) / parse).toFixed(2)
  console.log(`\nall rules over a quarter of them: ${(all! / quarter!).toFixed(2)}, which is ${more} P more`)
}

/** That many rules, spread over the catalogue. */
function some(number: number): CataloguedRule[] {
  return Array.from({ length: number }, (_, index) => rules[Math.floor((index * rules.length) / number)]!)
}

async function reviewedFiles(repository: Repository): Promise<ElixirFile[]> {
  const files: ElixirFile[] = []
  for await (const file of elixirFiles(await openRepository(repository, from), repository.commit)) {
    if (notReviewed(file.path, file.source, file.project) === null) files.push(file)
  }
  return files
}

/** Each in a process of its own, which reads plain files one by one: this one holds the texts of a whole repository. */
async function measureMemories(): Promise<void> {
  const folder = join(scratch, 'reviewed')
  rmSync(folder, { recursive: true, force: true })
  for (const repository of wanted) {
    for (const { path, source } of await reviewedFiles(repository)) {
      const file = join(folder, nameOf(repository), path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, source)
    }
  }
  const peaks = ['reading', 'parse', 'engine'].map((what) => {
    // The young generation is as small as that of the command line tool and the service.
    const options = ['--max-semi-space-size=4', import.meta.filename, '--memory', what, folder]
    const answer = execFileSync(process.execPath, options, { encoding: 'utf8' })
    return `${what} ${answer.trim()} MiB`
  })
  console.log(`\npeak memory of a process, one thread: ${peaks.join(', ')}`)
  rmSync(folder, { recursive: true })
}

async function measureMemory(what: string, folder: string): Promise<void> {
  const work = what === 'engine' ? engineWith(rules) : what === 'parse' ? parseOnly : async () => {}
  let peak = 0
  for (const path of globSync('**/*.ex', { cwd: folder })) {
    const source = readFileSync(join(folder, path), 'utf8')
    await work({ path, source, project: UNKNOWN_PROJECT })
    // Not the system's own maximum: on Linux a process inherits that of the one that started it.
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  console.log(Math.round(peak / 2 ** 20))
}

async function measureThreads(): Promise<void> {
  const passes = 3
  const files: ElixirFile[] = []
  for (const repository of wanted) files.push(...(await reviewedFiles(repository)))
  const selection = selectAll(rules)
  const seconds: number[] = []
  for (const threads of [1, 2]) {
    const pool = startPool({ threads, fileTimeLimitMs: 60_000 })
    const all = () => Promise.all(files.map((file) => pool.analyse({ ...file, selection })))
    // Each thread compiles what it runs often by itself: two need twice as many files to be as warm as one.
    for (let pass = 0; pass < 2 * threads; pass++) await all()
    const started = performance.now()
    for (let pass = 0; pass < passes; pass++) await all()
    seconds.push((performance.now() - started) / 1000)
    await pool.close()
  }
  const [one, two] = seconds as [number, number]
  console.log(
    `\nthreads, ${files.length} files ${passes} times, by the clock: one ${one.toFixed(1)} s, two ${two.toFixed(1)} s, ${(one / two).toFixed(2)} times`,
  )
}

async function profileRules(): Promise<void> {
  const run = async (): Promise<readonly RuleCost[]> => {
    const metered = meter(rules)
    const work = engineWith(metered.rules)
    for (const repository of wanted) await costs([work], await reviewedFiles(repository), 1)
    return metered.costs
  }
  // Once for the compiler.
  await run()
  process.stdout.write(ruleCosts(await run()))
}

function numberRow(name: string, files: number, size: number, measured: readonly number[]): string {
  return row(name, files, Math.round(size / 1000), ...measured.map((ms) => ms.toFixed(0)))
}

function row(name: string, ...cells: (string | number)[]): string {
  return `${name.padEnd(32)}${cells.map((cell) => String(cell).padStart(10)).join('')}`
}
