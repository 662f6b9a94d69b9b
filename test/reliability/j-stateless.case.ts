import { rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { asksItsState, callsItselfAs, mix } from '../app/shop.ts'
import { told } from '../app/told.ts'
import { openTestDatabase } from '../support/databases.ts'
import { report } from './row.ts'
import { nameOf, onEachDatabase, openStage, quick } from './stage.ts'
import type { Stage } from './stage.ts'

const REVIEW = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'
const cart = 'lib/shop/cart.ex'
const stock = 'lib/shop/stock.ex'
const application = 'lib/shop/application.ex'

/** A finding of another kind: what looks like the same is taken for code that moved. */
const startsTooEarly = `defmodule Shop.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _args) do
    children = [
      ShopWeb.Endpoint,
      {Phoenix.PubSub, name: Shop.PubSub}
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end
end
`

describe('The database is lost', () => {
  onEachDatabase((kind) => {
    test('between two reviews of one pull request', async (context) => {
      await using stage = await openStage(kind)
      const { github } = stage
      const first = await stage.start({}, quick)
      const repository = await github.repository('acme/shop', { files: mix })
      const pull = await repository.open({
        branch: 'a',
        files: { [stock]: callsItselfAs('Stock'), [cart]: callsItselfAs('Cart') },
      })
      await pull.concluded()
      first.send('SIGTERM')
      expect(await first.exited).toBe(0)
      const old = pull.head

      await lose(stage)
      await pull.push({ [stock]: asksItsState, [application]: startsTooEarly })
      const started = performance.now()
      const second = await stage.start({}, quick)
      const run = await pull.concluded()
      const took = performance.now() - started

      expect(run).toMatchObject({ conclusion: 'failure', title: '1 error, 1 warning' })
      expect(await told(pull)).toEqual([
        `${application}:9 children-start-order: open`,
        `${cart}:12 genserver-self-call: open`,
        `${stock}:? genserver-self-call: fixed folded`,
      ])
      expect(pull.reviews().map(({ comments }) => comments)).toEqual([2, 1])
      expect([pull.checkRuns(old).length, pull.checkRuns().length]).toEqual([1, 1])

      // Whatever GitHub sends again is news to the new database.
      const sent = github.webhooks.deliveries.slice()
      for (const delivery of sent) await github.webhooks.redeliver(delivery)
      second.send('SIGTERM')
      expect(await second.exited).toBe(0)
      await stage.start({}, quick)
      await (await repository.open({ branch: 'b', files: { [stock]: asksItsState } })).concluded()
      expect(await pull.comments()).toHaveLength(3)
      expect(pull.reviews()).toHaveLength(2)
      report(context, {
        database: nameOf[kind],
        runs: 1,
        injected: 'all of it deleted while the service is down, and a push; then every delivery comes again',
        outcome: 'what stands is not said again, the new finding is, the fixed one is marked; one check run per head',
        took,
      })
    })

    test('with a process that is killed after it posted its review', async (context) => {
      await using stage = await openStage(kind)
      const { github } = stage
      const service = await stage.start({}, quick)
      const repository = await github.repository('acme/shop', { files: mix })
      const held = github.faults.hold(REVIEW, 'after')
      const pull = await repository.open({ branch: 'a', files: { [stock]: callsItselfAs('Stock') } })
      await held.reached
      await service.kill()
      held.release()
      expect(pull.checkRuns()).toMatchObject([{ status: 'in_progress' }])

      await lose(stage)
      const started = performance.now()
      await stage.start({}, quick)
      const run = await pull.concluded()
      const took = performance.now() - started

      expect(run).toMatchObject({ conclusion: 'failure', title: '1 error' })
      expect(pull.checkRuns()).toHaveLength(1)
      expect(pull.reviews()).toHaveLength(1)
      expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: open`])
      report(context, {
        database: nameOf[kind],
        runs: 1,
        injected: 'kill -9 with a check run in progress, then all of the database deleted',
        outcome: 'found by the search for open pull requests: nothing is said twice, the same check run concluded',
        took,
      })
    })
  })
})

async function lose({ env }: Stage): Promise<void> {
  if (env['DATA_DIR'] !== undefined) return rmSync(env['DATA_DIR'], { recursive: true })
  const database = await openTestDatabase('postgres')
  await database.query(`drop schema ${env['DATABASE_SCHEMA']} cascade`)
  await database.close()
}
