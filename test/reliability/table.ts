// A reporter: writes what the cases said of themselves to docs/reliability.md, where all of them ran.
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Reporter, TestCase, TestModule } from 'vitest/node'
import type { Row } from './row.ts'

const page = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url))
const MARK = '<!-- The rest is written by `npm run test:reliability`. -->'

// Vitest takes a reporter by its default export.
// oxlint-disable-next-line import/no-default-export
export default class Table implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const cases = modules
      .toSorted((a, b) => a.moduleId.localeCompare(b.moduleId))
      .flatMap((one) => [...one.children.allTests()])
    const isWhole = cases.every((one) => one.result().state === 'passed') && !process.argv.some(isFilter)
    const table = render(cases)
    if (!isWhole) {
      console.info(`\n${table}\nNot written to docs/reliability.md: not every case ran and passed.`)
      return
    }
    const text = readFileSync(page, 'utf8')
    writeFileSync(page, `${text.slice(0, text.indexOf(MARK) + MARK.length)}\n\n${table}`)
  }
}

function isFilter(argument: string): boolean {
  return (
    argument === '-t' ||
    argument.startsWith('--testNamePattern') ||
    (argument.includes('test/reliability/') && !argument.endsWith('vitest.config.ts'))
  )
}

function render(cases: readonly TestCase[]): string {
  const areas = Map.groupBy(cases, areaOf)
  const sections = [...areas].map(([area, members]) => `### ${area}\n\n${HEAD}\n${members.map(line).join('\n')}\n`)
  const total = cases.filter((one) => one.result().state === 'passed').length
  const where = `Node ${process.version.slice(1)} on ${availableParallelism()} cores, ${new Date().toISOString().slice(0, 10)}`
  return `${total} of ${cases.length} cases passed: ${where}.\n\n${sections.join('\n')}`
}

const HEAD = `| case | database | runs | injected | outcome | time |\n|---|---|---|---|---|---|`

function line(one: TestCase): string {
  const row = one.meta().row as Row | undefined
  const { state } = one.result()
  if (row === undefined) return `| ${one.name} | | | | ${state === 'passed' ? 'passed' : state.toUpperCase()} | |`
  const cells = [one.name, row.database ?? '', row.runs, row.injected, row.outcome, timeOf(row.took)]
  return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
}

function timeOf(took: Row['took']): string {
  if (typeof took === 'string') return took
  return took < 1000 ? `${Math.round(took)} ms` : `${(took / 1000).toFixed(1)} s`
}

/** The outermost description that is not a database's. */
function areaOf(one: TestCase): string {
  let area = one.module.relativeModuleId
  for (let parent: TestCase['parent'] | null = one.parent; parent !== null && parent.type === 'suite';) {
    area = parent.name
    parent = parent.parent
  }
  return area
}
