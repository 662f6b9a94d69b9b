// How these tests speak to the stand-in: the plain client, without retries or throttling.
import { createAppAuth } from '@octokit/auth-app'
import { Octokit } from '@octokit/rest'
import type { StandIn } from '../support/github/index.ts'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export function asApp(github: StandIn): Octokit {
  return client(github, {})
}

export function asInstallation(github: StandIn, login = 'acme'): Octokit {
  return client(github, { installationId: github.installation(login).id })
}

function client(github: StandIn, more: Record<string, unknown>): Octokit {
  const { appId, privateKey } = github.app
  return new Octokit({
    baseUrl: github.url,
    authStrategy: createAppAuth,
    auth: { appId, privateKey, ...more },
    log: quiet,
    userAgent: 'test',
  })
}

/** The status and message with which a request was refused. */
export async function refusal(request: Promise<unknown>): Promise<string> {
  try {
    await request
  } catch (error) {
    const { status, message } = error as { status: number; message: string }
    return `${status} ${message.replace(/ - https:\/\/docs\.github\.com\S*$/, '')}`
  }
  return 'not refused'
}

export const shop = { owner: 'acme', repo: 'shop' }
