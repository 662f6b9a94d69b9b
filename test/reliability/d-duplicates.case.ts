import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { callsItself, mix } from '../app/shop.ts'
import type { Delivery, PullHandle, RepositoryHandle } from '../support/github/index.ts'
import { report } from './row.ts'
import { nameOf, onEachDatabase, openStage, quick } from './stage.ts'
import type { Kind, Stage, StartedService } from './stage.ts'

const files = { 'lib/shop/stock.ex': callsItself }
const REVIEW = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'
const TIMES = 10

describe('What comes twice', () => {
  onEachDatabase((kind) => {
    test('the same delivery, ten times at once and again when all is done', async (context) => {
      await using shop = await openShop(kind)
      const { github, repository, url } = shop
      github.webhooks.deliverTo(null)
      const pull = await repository.open({ branch: 'a', files })
      const opened = lastOpened(shop)

      const answers = await Promise.all(Array.from({ length: TIMES }, () => deliver(url, opened)))
      await pull.concluded()
      const replayed = await deliver(url, opened)

      expect(answers.filter((answer) => answer === 'Accepted.')).toHaveLength(1)
      expect(answers.filter((answer) => answer === 'Known already.')).toHaveLength(TIMES - 1)
      expect(replayed).toBe('Known already.')
      expect(await jobsOf(pull, shop)).toBe(1)
      await expectOneReview(pull)
      report(context, {
        database: nameOf[kind],
        runs: TIMES + 1,
        injected: `${TIMES} copies of one delivery side by side, one more after the review`,
        outcome: 'accepted once; one job, one review, one check run',
        took: '',
      })
    })

    test('the same event under ten delivery ids, and once more when all is done', async (context) => {
      await using shop = await openShop(kind)
      const { github, repository, url } = shop
      github.webhooks.deliverTo(null)
      const pull = await repository.open({ branch: 'a', files })
      const opened = lastOpened(shop)

      const answers = await Promise.all(Array.from({ length: TIMES }, () => deliver(url, opened, randomUUID())))
      await pull.concluded()
      answers.push(await deliver(url, opened, randomUUID()))

      expect(answers).toEqual(Array.from({ length: TIMES + 1 }, () => 'Accepted.'))
      const jobs = await jobsOf(pull, shop)
      expect(jobs).toBeLessThanOrEqual(3)
      await expectOneReview(pull)
      report(context, {
        database: nameOf[kind],
        runs: TIMES + 1,
        injected: `${TIMES} deliveries of one event side by side, one more after the review`,
        outcome: `all accepted; ${jobs} jobs, one review, one check run`,
        took: '',
      })
    })

    test('a delivery and its event while the review is being posted', async (context) => {
      await using shop = await openShop(kind)
      const { github, repository, url } = shop
      const held = github.faults.hold(REVIEW)
      const pull = await repository.open({ branch: 'a', files })
      await held.reached
      const opened = lastOpened(shop)

      const again = await deliver(url, opened)
      const other = await deliver(url, opened, randomUUID())
      held.release()
      await pull.concluded()

      expect([again, other]).toEqual(['Known already.', 'Accepted.'])
      expect(await jobsOf(pull, shop)).toBe(2)
      await expectOneReview(pull)
      report(context, {
        database: nameOf[kind],
        runs: 1,
        injected: 'the delivery again, and its event under another id, before GitHub answers',
        outcome: 'the delivery is known; the event waits until the review is done and finds nothing to do',
        took: '',
      })
    })
  })
})

interface Shop extends Stage {
  repository: RepositoryHandle
  url: string
  service: StartedService
}

/** A service that has looked through the repository's account, so that nothing but deliveries gives it work. */
async function openShop(kind: Kind): Promise<Shop> {
  const stage = await openStage(kind)
  const service = await stage.start({ CONCURRENCY: '2' }, quick)
  const repository = await stage.github.repository('acme/shop', { files: mix })
  await service.line({ msg: 'reconciled', account: 'acme' })
  return { ...stage, repository, service, url: service.webhookUrl }
}

function lastOpened({ github }: Shop): Delivery {
  return github.webhooks.deliveries.findLast(({ event }) => event === 'pull_request')!
}

/** Sends what GitHub sent or would have sent; gives the answer. */
async function deliver(url: string, { request }: Delivery, id?: string): Promise<string> {
  const headers = id === undefined ? request.headers : { ...request.headers, 'x-github-delivery': id }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(request.payload) })
  return (await response.text()).trim()
}

/** How many jobs there were, when there are no more of them. */
async function jobsOf(pull: PullHandle, { service }: Shop): Promise<number> {
  await service.idle()
  return service.lines({ msg: 'job done', pr: pull.number }).length
}

async function expectOneReview(pull: PullHandle): Promise<void> {
  expect(pull.reviews()).toHaveLength(1)
  expect(await pull.comments()).toHaveLength(1)
  expect(pull.checkRuns()).toMatchObject([{ status: 'completed', conclusion: 'failure' }])
}
