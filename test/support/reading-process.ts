// A program that reads every case of every rule again and again, for tests that watch its process.
import { analyse, releaseTrees, selectAll } from '#engine'
import { rules } from '#rules'
import { UNKNOWN_PROJECT } from '#elixir'
import { casesOf } from './cases.ts'

const files = rules.flatMap((rule) => casesOf(rule).flatMap(({ sources }) => sources))
const selection = selectAll(rules)

for (let pass = 1; pass <= 8; pass++) {
  for (const { path, text } of files) {
    analyse({ path, source: text, project: UNKNOWN_PROJECT, selection }, rules)
    await releaseTrees()
  }
  process.stdout.write(`pass ${pass}\n`)
}
