import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const demo = fileURLToPath(new URL('../scripts/demo.ts', import.meta.url))

test(
  'the demo ends by itself: half of what was found is fixed, nothing is said twice, the conclusion follows',
  { timeout: 60_000 },
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [demo])

    const [, opened = '', pushed = ''] = stdout.split(/^alice /m)
    expect(opened).toMatch(/check run on [0-9a-f]{7}: failure \(.*\), 1 annotation\n {2}10 new comments;/)
    for (const rule of [
      'genserver-self-call',
      'genserver-blocking-init',
      'genserver-blocking-callback',
      'genserver-stateless',
      'task-unsupervised',
      'task-async-discarded',
      'dynamic-atom-process-name',
      'children-start-order',
      'broadway-as-job-queue',
    ])
      expect(opened).toContain(` ${rule}\n`)
    expect(pushed).toMatch(/check run on [0-9a-f]{7}: neutral \(.*\n {2}0 new comments;/)
    expect([pushed.match(/ fixed /g)?.length, pushed.match(/ still open /g)?.length]).toEqual([6, 4])
  },
)
