// Owns what is measured and how it is called. It decides nothing.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { FileReport } from '#engine'
import type { RequestRecord } from './github/index.ts'
import type { JobRecord } from './job.ts'
import type { Backlog } from './queue.ts'

export interface Metrics {
  countDelivery(outcome: string, event: string): void
  /** Starts a clock; the function that it gives stops it. */
  timeDelivery(): () => void
  countJob(record: JobRecord): void
  countRequest(record: RequestRecord): void
  countFile(report: FileReport): void
  countFound(what: string): void
  countSweep(ok: boolean): void
  contentType: string
  /** In the text format of Prometheus. */
  render(): Promise<string>
}

// Of installations that are silent for longer, GitHub's hour has begun anew.
const REMAINING_KNOWN_MS = 3600_000
const UNKNOWN: Backlog = { waiting: Number.NaN, running: Number.NaN, oldestSeconds: Number.NaN }

/** A registry of its own, so that several services can live in one process. `backlog` is asked at each scrape. */
export function createMetrics(backlog: () => Promise<Backlog>): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const deliveries = new Counter({
    name: 'otp_review_deliveries_total',
    help: 'Webhook deliveries by what became of them.',
    labelNames: ['outcome', 'event'],
    registers,
  })
  const answers = new Histogram({
    name: 'otp_review_delivery_seconds',
    help: 'Time to the answer to a webhook delivery.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 10],
    registers,
  })
  const jobs = new Histogram({
    name: 'otp_review_job_seconds',
    help: 'Runs of jobs by kind and outcome.',
    labelNames: ['kind', 'outcome'],
    buckets: [0.5, 1, 2, 5, 10, 30, 60, 300],
    registers,
  })
  const reviews = new Histogram({
    name: 'otp_review_review_seconds',
    help: 'From the delivery to the concluded check run.',
    buckets: [1, 2, 5, 10, 30, 60, 120, 300, 900, 3600],
    registers,
  })
  const findings = new Counter({
    name: 'otp_review_findings_total',
    help: 'Findings that pull requests introduced, by rule.',
    labelNames: ['rule'],
    registers,
  })
  const disliked = new Counter({
    name: 'otp_review_thumbs_down_total',
    help: 'Thumbs-down on our comments, by rule, as this process saw them.',
    labelNames: ['rule'],
    registers,
  })
  const engine = new Histogram({
    name: 'otp_review_engine_seconds',
    help: 'Analysis of one file by how well it could be read.',
    labelNames: ['outcome'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers,
  })
  const requests = new Counter({
    name: 'otp_review_github_requests_total',
    help: 'Requests to GitHub by kind and class of status.',
    labelNames: ['kind', 'status'],
    registers,
  })
  const remaining = new Gauge({
    name: 'otp_review_github_remaining',
    help: 'Requests that GitHub grants an installation until its hour ends, as of its last answer.',
    labelNames: ['installation', 'resource'],
    registers,
  })
  const found = new Counter({
    name: 'otp_review_recovered_total',
    help: 'What recovery found lost or left undone, and queued again.',
    labelNames: ['what'],
    registers,
  })
  const swept = new Gauge({
    name: 'otp_review_last_sweep_timestamp_seconds',
    help: 'When recovery last looked through everything.',
    registers,
  })
  const queued = new Gauge({
    name: 'otp_review_jobs',
    help: 'Jobs in the queue by state.',
    labelNames: ['state'],
    registers,
  })
  const oldest = new Gauge({
    name: 'otp_review_oldest_job_seconds',
    help: 'Age of the oldest job that could run now.',
    registers,
  })
  const granted = new Map<string, { labels: { installation: string; resource: string }; at: number }>()

  function noteRemaining({ installation, kind, remaining: left }: RequestRecord): void {
    if (installation === null || kind === 'token' || left === null) return
    const labels = { installation: String(installation), resource: kind === 'rest' ? 'rest' : 'graphql' }
    remaining.set(labels, left)
    granted.set(`${labels.installation} ${labels.resource}`, { labels, at: Date.now() })
  }

  function forgetSilent(): void {
    for (const [key, { labels, at }] of granted) {
      if (Date.now() - at < REMAINING_KNOWN_MS) continue
      remaining.remove(labels)
      granted.delete(key)
    }
  }

  return {
    countDelivery: (outcome, event) => deliveries.inc({ outcome, event }),
    timeDelivery: () => answers.startTimer(),
    countJob: ({ kind, outcome, ms, latencyMs, rules, disliked: rulesDisliked }) => {
      jobs.observe({ kind, outcome }, ms / 1000)
      if (latencyMs !== null) reviews.observe(latencyMs / 1000)
      for (const rule of rules) findings.inc({ rule })
      for (const rule of rulesDisliked) disliked.inc({ rule })
    },
    countRequest: (record) => {
      const { kind, status } = record
      requests.inc({ kind, status: status === null ? 'none' : `${Math.floor(status / 100)}xx` })
      noteRemaining(record)
    },
    countFile: ({ outcome, ms }) => engine.observe({ outcome }, ms / 1000),
    countFound: (what) => found.inc({ what }),
    countSweep: (ok) => {
      if (ok) swept.setToCurrentTime()
    },
    contentType: registry.contentType,
    render: async () => {
      forgetSilent()
      // What is measured here can be told without the database too.
      const { waiting, running, oldestSeconds } = await backlog().catch(() => UNKNOWN)
      queued.set({ state: 'waiting' }, waiting)
      queued.set({ state: 'running' }, running)
      oldest.set(oldestSeconds)
      return registry.metrics()
    },
  }
}
