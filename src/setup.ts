// Registers the app with GitHub: Probot's page posts app.yml as a manifest and writes the credentials that come back to .env.
import { run } from 'probot'
import { createLog } from './log.ts'

/** Serves the set-up page until the process ends. */
export async function offerSetup(): Promise<void> {
  const { HOST = 'localhost', PORT = '3000', PUBLIC_URL, WEBHOOK_PATH = '/api/github/webhooks' } = process.env
  // Probot would download a client for smee.io and send webhooks of real repositories through that public relay.
  process.env['NO_SMEE_SETUP'] = 'true'
  if (PUBLIC_URL) process.env['WEBHOOK_PROXY_URL'] = `${PUBLIC_URL.replace(/\/+$/, '')}${WEBHOOK_PATH}`

  await run(() => {}, { env: process.env, log: createLog({ level: 'warn', format: 'pretty' }) })
  const page = `http://${HOST === '0.0.0.0' ? 'localhost' : HOST}:${PORT}/probot`
  console.error(`
Or register a new GitHub App now: open ${page} in a browser.
It asks GitHub for the permissions and events of app.yml, and writes what GitHub gives to .env; then start again.
GitHub must be able to reach this service: set PUBLIC_URL to its public address first.`)
}
