// Costs of one piece of work in this process: processor time, which other programs on the machine hardly change.
import { createRequire } from 'node:module'
import type Parser from 'tree-sitter'
import { collectTrees } from '#elixir'
import { analyse, type CataloguedRule, releaseTrees, selectAll } from '#engine'
import type { ElixirFile } from '../ecosystem/repositories.ts'

const require = createRequire(import.meta.url)
const TreeSitter = require('tree-sitter') as typeof Parser
const parser = new TreeSitter()
parser.setLanguage(require('tree-sitter-elixir') as Parser.Language)

/** Something that is done to each file of a list, and leaves no memory behind. */
export type Work = (file: ElixirFile) => Promise<void>

let parsed = 0

/** The yardstick P: tree-sitter's own time, nothing read from the tree. */
export const parseOnly: Work = async ({ source }) => {
  parser.parse(source, undefined, { bufferSize: source.length + 1 })
  parsed += source.length
  if (parsed < 1_000_000) return
  parsed = 0
  await collectTrees()
}

/** The engine as the product runs it, or without short cuts, with these rules at their strictest. */
export function engineWith(rules: readonly CataloguedRule[], { readAll = false } = {}): Work {
  const selection = selectAll(rules)
  return async (file) => {
    analyse({ ...file, selection, readAll }, rules)
    await releaseTrees()
  }
}

/** Processor milliseconds, garbage collection included. */
async function cost(work: Work, files: readonly ElixirFile[]): Promise<number> {
  const before = process.cpuUsage()
  for (const file of files) await work(file)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** The least cost of each kind of work, taken in turns so that none has the quieter machine. */
export async function costs(works: readonly Work[], files: readonly ElixirFile[], rounds: number): Promise<number[]> {
  const least = works.map(() => Infinity)
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) least[index] = Math.min(least[index]!, await cost(work, files))
  }
  return least
}
