import { expect, test } from 'vitest'
import { analyse, releaseTrees, selectAll, UNKNOWN_PROJECT } from '#engine'
import { nosyRules } from './nosy-rules.ts'

const MB = 2 ** 20

// What does not parse takes another way, through trees that nobody but us frees: about 27 bytes for each character.
test.each([
  ['that are correct', 'h()'],
  ['that are broken', 'h(,)'],
])(
  'thousands of files %s take the memory of a few',
  async (_, last) => {
    const body = Array.from(
      { length: 30 },
      (_, index) => `  def f${index}(x), do: g(x, [a: {${index}, "b"}]) |> ${last}\n`,
    ).join('')
    const read = async (files: number): Promise<void> => {
      for (let index = 0; index < files; index++) {
        const source = `defmodule A${index} do\n${body}end\n`
        analyse({ path: 'lib/a.ex', source, project: UNKNOWN_PROJECT, selection: selectAll(nosyRules) }, nosyRules)
        await releaseTrees()
      }
    }
    await read(300)
    const before = process.memoryUsage.rss()

    await read(1500)

    expect((process.memoryUsage.rss() - before) / MB).toBeLessThan(90)
  },
  60_000,
)
