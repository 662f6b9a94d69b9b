// The real service against the stand-in GitHub, both in this process, over real HTTP.
import { rmSync } from 'node:fs'
import { pino } from 'pino'
import { describeError } from '../../src/log.ts'
import { startService } from '../../src/service.ts'
import type { Service, ServiceOptions } from '../../src/service.ts'
import { readSettings } from '../../src/settings.ts'
import type { Settings } from '../../src/settings.ts'
import { freshDirectory } from '../support/databases.ts'
import { startGitHub } from '../support/github/index.ts'
import type { StandIn } from '../support/github/index.ts'

export interface Running extends AsyncDisposable {
  github: StandIn
  service: Service
  /** What the service logged, a parsed line each. */
  logged: Line[]
  /** The first line with these values, as soon as it is there. */
  line(values: Line): Promise<Line>
}

type Line = Record<string, unknown>

/** Settings for a service that knows this GitHub. */
export function settingsFor(github: StandIn, env: Record<string, string> = {}): Settings {
  return readSettings({
    APP_ID: String(github.app.appId),
    PRIVATE_KEY: github.app.privateKey,
    WEBHOOK_SECRET: github.app.webhookSecret,
    GITHUB_API_URL: github.url,
    HOST: '127.0.0.1',
    PORT: '0',
    THREADS: '1',
    ...env,
  })
}

/**
 * Starts both and has webhooks delivered; ends both when it is disposed of, and fails on requests GitHub would not take.
 * With a GitHub that is there already, only another service for it.
 */
export async function start(
  env: Record<string, string> = {},
  shared?: StandIn,
  options: Omit<ServiceOptions, 'log'> = {},
): Promise<Running> {
  const github = shared ?? (await startGitHub())
  const { log, logged, line } = collect()
  const directory = await freshDirectory()
  const settings = settingsFor(github, { DATA_DIR: directory, ...env })
  const service = await startService(settings, { log, secondMs: 1, ...options })
  if (shared === undefined) github.webhooks.deliverTo(service.webhookUrl)
  return {
    github,
    service,
    logged,
    line,
    [Symbol.asyncDispose]: async () => {
      await service.close()
      rmSync(directory, { recursive: true, force: true })
      if (shared === undefined) await github.close()
    },
  }
}

function collect() {
  const logged: Line[] = []
  let wake = () => {}
  const write = (text: string) => {
    logged.push(JSON.parse(text) as Line)
    wake()
  }
  const line = async (values: Line): Promise<Line> => {
    for (;;) {
      const found = logged.find((each) => Object.entries(values).every(([key, value]) => each[key] === value))
      if (found) return found
      await new Promise<void>((resolve) => {
        const others = wake
        wake = () => {
          others()
          resolve()
        }
      })
    }
  }
  return { log: pino({ level: 'info', serializers: { err: describeError } }, { write }), logged, line }
}
