import { describe, expect, test } from 'vitest'
import { callsItself, mix } from '../app/shop.ts'
import { report } from './row.ts'
import { nameOf, onEachDatabase, openStage, quick } from './stage.ts'

const files = { 'lib/shop/stock.ex': callsItself }
const REVIEW = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'

describe('SIGTERM', () => {
  onEachDatabase((kind) => {
    test('lets the running review end, still takes deliveries, and loses nothing', async (context) => {
      await using stage = await openStage(kind)
      const { github } = stage
      const service = await stage.start({ CONCURRENCY: '1' }, quick)
      const repository = await github.repository('acme/shop', { files: mix })
      const held = github.faults.hold(REVIEW)
      const running = await repository.open({ branch: 'a', files })
      await held.reached
      const waiting = await repository.open({ branch: 'b', files })

      service.send('SIGTERM')
      await service.line({ msg: 'stopping' })
      const late = await repository.open({ branch: 'c', files })
      const started = performance.now()
      held.release()
      const code = await service.exited
      const took = performance.now() - started

      expect(code).toBe(0)
      expect(running.checkRuns()).toMatchObject([{ conclusion: 'failure' }])
      expect([waiting.checkRuns(), late.checkRuns()]).toEqual([[], []])
      expect(github.webhooks.deliveries.filter(({ event }) => event === 'pull_request')).toMatchObject(
        Array.from({ length: 3 }, () => ({ statusCode: 202 })),
      )
      await stage.start({}, quick)
      for (const pull of [waiting, late]) {
        await pull.concluded()
        expect(pull.reviews()).toHaveLength(1)
      }
      expect(running.reviews()).toHaveLength(1)
      expect(took).toBeLessThan(10_000)
      report(context, {
        database: nameOf[kind],
        runs: 1,
        injected: 'SIGTERM while a review is being posted, one waits, and another arrives',
        outcome: 'exit 0; the first was finished, the other two were kept for the next process',
        took,
      })
    })

    test('does not wait longer than the grace period', async (context) => {
      await using stage = await openStage(kind)
      const { github } = stage
      const service = await stage.start({ GRACE_SECONDS: '1' }, quick)
      const repository = await github.repository('acme/shop', { files: mix })
      const held = github.faults.hold(REVIEW)
      const pull = await repository.open({ branch: 'a', files })
      await held.reached

      service.send('SIGTERM')
      const started = performance.now()
      const code = await service.exited
      const took = performance.now() - started
      held.release()

      expect(code).toBe(0)
      expect(took).toBeLessThan(10_000)
      const again = performance.now()
      await stage.start({}, quick)
      await pull.concluded()
      const finished = performance.now() - again
      expect(pull.reviews()).toHaveLength(1)
      expect(pull.checkRuns()).toMatchObject([{ conclusion: 'failure' }])
      expect(finished).toBeLessThan(30_000)
      report(context, {
        database: nameOf[kind],
        runs: 1,
        injected: 'SIGTERM with a grace of one second, and GitHub does not answer',
        outcome: 'exit 0; the next process takes the job at once and ends with one review',
        took,
      })
    })
  })
})
