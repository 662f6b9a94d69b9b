// The entry of the service: settings, queue, HTTP, signals. It wires the parts together and decides nothing else.
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import type { Logger } from 'pino'
import { Probot } from 'probot'
import { describe } from '#engine'
import { rules } from '#rules'
import { receiveWebhooks } from './app.ts'
import { openDatabase } from './database.ts'
import { createClients } from './github/index.ts'
import { countRequest, createReviewer } from './job.ts'
import { createLog, withoutMessage } from './log.ts'
import { createMetrics } from './metrics.ts'
import type { Metrics } from './metrics.ts'
import { startPool } from './pool.ts'
import { openQueue } from './queue.ts'
import type { Runner } from './queue.ts'
import { watchReadiness } from './readiness.ts'
import type { Readiness } from './readiness.ts'
import { createReconciler } from './reconcile.ts'
import { version } from './release.ts'
import { readSettings, SettingsError } from './settings.ts'
import type { Settings } from './settings.ts'
import { offerSetup } from './setup.ts'

export interface Service {
  /** Where it listens: `http://localhost:3000`. */
  url: string
  /** Where GitHub delivers. */
  webhookUrl: string
  /** Takes no more jobs, lets running ones end within the grace period, and lets go of everything. */
  close(): Promise<void>
}

export interface ServiceOptions {
  log: Logger
  /** Milliseconds in a second of waiting for GitHub's limits: tests shorten it. */
  secondMs?: number
  /** What the threads run; ours unless a test brings another. */
  program?: URL
}

// GitHub gives up after 10 seconds, an Enterprise Server after 30.
const REQUEST_MS = 30_000
const LOOK_FOR_LATE_EVERY_MS = 5_000
const LAST_ANSWERS_MS = 2_000
const SWEEP_EVERY_SECONDS = 600

/** Starts the whole service in this process and resolves when it takes webhooks. */
export async function startService(settings: Settings, { log, secondMs, program }: ServiceOptions): Promise<Service> {
  if (settings.proxy !== null) useProxy(settings.proxy)
  const database = await openDatabase({ ...settings.database, log })
  const queue = await openQueue({ database, schema: settings.database.schema, appId: settings.app.id, log })
  const metrics = createMetrics(queue.backlog)
  const pool = startPool({
    threads: settings.threads,
    fileTimeLimitMs: settings.fileTimeLimitMs,
    ...(program === undefined ? {} : { program }),
    onError: (error) => log.error({ err: withoutMessage(error) }, 'analysis thread failed'),
    onAnalysed: (report) => {
      metrics.countFile(report)
      log.debug({ path: report.path, outcome: report.outcome, ms: report.ms }, 'file analysed')
    },
  })
  const clients = createClients({
    appId: settings.app.id,
    privateKey: settings.app.privateKey,
    baseUrl: settings.apiUrl,
    userAgent: `otp-review/${version}`,
    log,
    onRequest: (record) => {
      metrics.countRequest(record)
      if (record.kind !== 'token') countRequest()
    },
    ...(secondMs === undefined ? {} : { secondMs }),
  })
  const reviewer = createReviewer({
    clients,
    openRuns: queue.ledger.openRuns,
    plans: queue.ledger.plans,
    pool,
    catalogue: rules.map(describe),
    engineVersion: version,
    docsUrl: settings.ruleDocsUrl,
    issuesUrl: settings.issuesUrl,
    log,
    onEnd: metrics.countJob,
  })

  const stopping = new AbortController()
  const reconciler = createReconciler({
    clients,
    queue,
    allowedAccounts: settings.allowedAccounts,
    log,
    signal: stopping.signal,
    onFound: metrics.countFound,
    onSweep: metrics.countSweep,
    onEnd: metrics.countJob,
  })
  const runner: Runner = {
    ...reviewer,
    run: (job, attempt) => (job.kind === 'reconcile' ? reconciler.run(job) : reviewer.run(job, attempt)),
  }
  const readiness = watchReadiness(clients, queue, log)

  const receive = receiveWebhooks({
    served: { appId: settings.app.id, allowedAccounts: settings.allowedAccounts },
    verify: await createVerifier(settings, log),
    accept: queue.accept,
    count: metrics.countDelivery,
    log,
  })
  const answer = createRoutes({ metrics, receive, settings, readiness })
  const limits = {
    keepAliveTimeout: settings.http.keepAliveMs,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: LOOK_FOR_LATE_EVERY_MS,
  }
  const server = createServer(limits, (request, response) => {
    answer(request, response).catch((err: unknown) => {
      log.error({ err }, 'request failed')
      response.destroy()
    })
  })

  await pool.ready()
  await queue.work(runner, settings.concurrency)
  const url = await listen(server, settings.http)
  log.info({ url, version, database: database.kind }, 'listening')
  // Not before it listens: what it asks for comes at once.
  await queue.repeat(reconciler.sweep, SWEEP_EVERY_SECONDS)

  async function close(): Promise<void> {
    stopping.abort()
    readiness.stop()
    await queue.drain(settings.graceMs)
    await closeServer(server)
    await queue.close()
    await pool.close()
    await database.close()
    log.info('stopped')
  }

  let closing: Promise<void> | undefined
  return {
    url,
    webhookUrl: `${url}${settings.http.webhookPath}`,
    close: () => (closing ??= close()),
  }
}

/** Probot knows one secret at a time: while it is rotated there are two of them. */
async function createVerifier({ app, webhookSecrets, apiUrl }: Settings, log: Logger) {
  const probots = webhookSecrets.map(
    (secret) => new Probot({ appId: app.id, privateKey: app.privateKey, secret, baseUrl: apiUrl, log }),
  )
  await Promise.all(probots.map((probot) => probot.ready()))
  return async (body: string, signature: string): Promise<boolean> => {
    for (const { webhooks } of probots) if (await webhooks.verify(body, signature)) return true
    return false
  }
}

interface Routes {
  metrics: Metrics
  receive: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  settings: Settings
  readiness: Readiness
}

function createRoutes({ metrics, receive, settings, readiness }: Routes) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '/').split('?')[0]
    const say = (status: number, text: string, type = 'text/plain; charset=utf-8') =>
      void response.writeHead(status, { 'content-type': type }).end(text)

    // An app that Probot's set-up page registers delivers to the bare address.
    if (request.method === 'POST' && (path === settings.http.webhookPath || path === '/')) {
      const end = metrics.timeDelivery()
      return receive(request, response).finally(end)
    }
    if (request.method !== 'GET') return say(405, 'Webhooks are sent by POST to the webhook path.\n')
    switch (path) {
      case '/':
        return say(200, `otp-review ${version}\n`)
      case '/healthz':
        return say(200, 'ok\n')
      case '/readyz': {
        const problem = await readiness.problem()
        return problem === null ? say(200, 'ready\n') : say(503, `${problem}\n`)
      }
      case '/metrics':
        return say(200, await metrics.render(), metrics.contentType)
      default:
        return say(404, 'There is nothing here.\n')
    }
  }
}

function listen(server: Server, { host, port }: Settings['http']): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      const { address, family, port: given } = server.address() as AddressInfo
      resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${given}`)
    })
  })
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  const patience = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS)
  await closed
  clearTimeout(patience)
}

// For the whole process: nothing but GitHub is asked over HTTP.
function useProxy(proxy: string): void {
  const { NO_PROXY, no_proxy } = process.env
  const bypass = NO_PROXY ?? no_proxy
  http.setGlobalProxyFromEnv({
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    ...(bypass === undefined ? {} : { NO_PROXY: bypass }),
  })
}

/** Starts the service and lets signals end it. */
export async function serve(settings: Settings, options: Omit<ServiceOptions, 'log'> = {}): Promise<void> {
  // Else V8 waits with the collection of garbage until it has several times what is alive: 35 MB more in a flood.
  setFlagsFromString('--heap-growing-percent=30')
  const log = createLog(settings.log)
  let service: Service | null = null
  let isStopping = false
  const stop = async (signal: string) => {
    // Whoever asks twice does not want to wait.
    if (isStopping) process.exit(1)
    isStopping = true
    log.info({ signal }, 'stopping')
    // While it starts there is nothing to wait for.
    await service?.close()
    process.exit(0)
  }
  // Before all else: the first process of a container is not ended by a signal that it does not listen to.
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      stop(signal).catch((err: unknown) => {
        log.fatal({ err }, 'not stopped cleanly')
        process.exit(1)
      })
    })
  }
  // Node itself would print all that the error holds.
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'crashed')
    process.exit(1)
  })
  try {
    service = await startService(settings, { ...options, log })
  } catch (err) {
    log.fatal({ err }, 'not started')
    process.exit(1)
  }
}

async function main(): Promise<void> {
  try {
    // Variables that are set win over the file.
    process.loadEnvFile()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }

  let settings: Settings
  try {
    settings = readSettings(process.env)
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    console.error(error.message)
    if (!error.unregistered || process.env['NODE_ENV'] === 'production') {
      process.exitCode = 1
      return
    }
    return offerSetup()
  }

  await serve(settings)
}

if (import.meta.main) await main()
