import { expect, test } from 'vitest'
import { freshSchema, openTestDatabase, postgresUrl } from '../support/databases.ts'
import { asksItsState, callsItself, mix } from './shop.ts'
import { start } from './start.ts'

test.skipIf(postgresUrl === null)('two services on one PostgreSQL review a pull request once', async () => {
  const schema = freshSchema()
  const env = { DATABASE_URL: postgresUrl!, DATABASE_SCHEMA: schema }
  await using _schema = { [Symbol.asyncDispose]: () => dropSchema(schema) }
  await using one = await start(env)
  await using other = await start(env, one.github)
  const repository = await one.github.repository('acme/shop', { files: mix })

  const pull = await repository.open({ branch: 'stock', files: { 'lib/shop/stock.ex': callsItself } })
  const opened = one.github.webhooks.deliveries.findLast(({ event }) => event === 'pull_request')!
  await fetch(other.service.webhookUrl, {
    method: 'POST',
    headers: opened.request.headers,
    body: JSON.stringify(opened.request.payload),
  })
  expect((await pull.concluded()).conclusion).toBe('failure')
  one.github.webhooks.deliverTo(other.service.webhookUrl)
  await pull.push({ 'lib/shop/stock.ex': asksItsState })

  expect((await pull.concluded()).conclusion).toBe('success')
  expect(pull.reviews()).toHaveLength(1)
  expect(await pull.comments()).toMatchObject([{ minimized: 'RESOLVED' }])
})

async function dropSchema(schema: string): Promise<void> {
  const database = await openTestDatabase('postgres')
  await database.query(`drop schema if exists ${schema} cascade`)
  await database.close()
}
