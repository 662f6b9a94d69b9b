import { expect, test } from 'vitest'
import { start } from './app/start.ts'
import { startGitHub, unavailable } from './support/github/index.ts'

async function ready({ service }: Awaited<ReturnType<typeof start>>): Promise<string> {
  const response = await fetch(`${service.url}/readyz`)
  return `${response.status} ${(await response.text()).trim()}`
}

test('with an id that is no app of ours the service is not ready, and says so', { timeout: 60_000 }, async () => {
  await using github = await startGitHub()
  await using running = await start({ APP_ID: '999' }, github)
  await running.line({ msg: 'GitHub could not be asked who we are' })

  expect(await ready(running)).toBe('503 GitHub does not accept APP_ID with PRIVATE_KEY')
})

test('with a GitHub that is down it is ready: deliveries wait in the queue', { timeout: 60_000 }, async () => {
  await using github = await startGitHub()
  github.faults.always(/./, unavailable())
  await using running = await start({}, github)
  await running.line({ msg: 'GitHub could not be asked who we are' })

  expect(await ready(running)).toBe('200 ready')
})
