// What a pull request was told, in a form that a test can state in one line each.
import { readMarker } from '../../src/review/marker.ts'
import type { CheckRun, PullHandle, StandIn } from '../support/github/index.ts'

/**
 * Every thread of ours, by path and line: `lib/shop/stock.ex:12 genserver-self-call: open`. A comment that is folded
 * away says so; replies follow in order, people's as `maria`. A thread whose line is gone stands at `?`.
 */
export async function told(pull: PullHandle): Promise<string[]> {
  const threads = (await pull.comments()).filter(({ author }) => author.endsWith('[bot]'))
  return threads
    .map(({ path, line, body, minimized, replies }) => {
      const states = [body, ...replies.map((reply) => reply.body)].map((text, index) => {
        const marker = readMarker(text)
        return marker?.state ?? replies[index - 1]?.author ?? 'unmarked'
      })
      const folded = minimized === null ? '' : ' folded'
      return `${path}:${line ?? '?'} ${readMarker(body)?.rule}: ${states[0]}${folded}${states
        .slice(1)
        .map((state) => `, ${state}`)
        .join('')}`
    })
    .toSorted()
}

/** Does something that asks for another run on the same head, and waits for that run's conclusion. */
export async function checkedAgain(github: StandIn, pull: PullHandle, act: () => unknown): Promise<CheckRun> {
  const before = pull.checkRuns().length
  await act()
  return github.until('another check run', () => {
    const runs = pull.checkRuns()
    return runs.length > before && runs.every(({ status }) => status === 'completed') ? runs.at(-1) : null
  })
}

/** Everything that people can read in a check run. */
export function textOf({ title, summary, text, annotations }: CheckRun): string {
  const noted = annotations.map((each) => `${each.path}:${each.startLine} ${each.title}: ${each.message}`)
  return [title, summary, text, ...noted].filter((part) => part !== null).join('\n')
}
