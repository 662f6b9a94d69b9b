import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createClients } from '../../src/github/index.ts'
import { startGitHub } from '../support/github/index.ts'

test('clients of one installation that need a token at the same time all get one', async () => {
  await using github = await startGitHub()
  const repository = await github.repository('acme/shop')
  const { appId, privateKey } = github.app
  const log = pino({ level: 'silent' })
  const open = () => createClients({ appId, privateKey, baseUrl: github.url, userAgent: 'test', log, secondMs: 1 })
  const { id } = github.installation('acme')

  const names = await Promise.all(
    [open(), open(), open()].map(async (clients) => {
      const { data } = await clients.forInstallation(id).rest.rest.repos.get({ owner: 'acme', repo: 'shop' })
      return data.full_name
    }),
  )

  expect(names).toEqual(Array(3).fill(repository.fullName))
})
