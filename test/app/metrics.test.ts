import { expect, test, vi } from 'vitest'
import { operation, unavailable } from '../support/github/index.ts'
import { callsItself, mix, plain } from './shop.ts'
import { start } from './start.ts'

const FILES = 'GET /repos/{owner}/{repo}/pulls/{pull_number}/files'
const RUN = 'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}'

test('what a review does shows in the metrics', { timeout: 180_000 }, async () => {
  await using running = await start({ CONCURRENCY: '1' })
  const { github, service } = running
  const scrape = async () => {
    const response = await fetch(`${service.url}/metrics`)
    expect(response.headers.get('content-type')).toMatch('text/plain; version=0.0.4')
    return read(await response.text())
  }
  const idle = await vi.waitUntil(async () => {
    const series = await scrape()
    return series('otp_review_last_sweep_timestamp_seconds') > 0 && series
  }, 60_000)
  expect(idle('otp_review_last_sweep_timestamp_seconds')).toBeCloseTo(Date.now() / 1000, -2)
  expect(idle('otp_review_oldest_job_seconds')).toBe(0)

  const shop = await github.repository('acme/shop', { files: mix })
  const installation = github.installation('acme').id
  await running.line({ msg: 'reconciled', installation })
  const held = github.faults.hold(operation('PullContext'))
  const first = await shop.open({ branch: 'a', files: { 'lib/shop/stock.ex': callsItself } })
  await held.reached
  const broken = plain('Broken').replace('length(items)', 'GenServer.call(items, (')
  const second = await shop.open({ branch: 'b', files: { 'lib/price.ex': plain('Price'), 'lib/broken.ex': broken } })

  const busy = await scrape()
  expect(busy('otp_review_jobs{state="running"}')).toBe(1)
  expect(busy('otp_review_jobs{state="waiting"}')).toBe(1)
  expect(busy('otp_review_oldest_job_seconds')).toBeGreaterThan(0)
  expect(busy('otp_review_deliveries_total{outcome="accepted",event="pull_request"}')).toBe(2)

  github.faults.next(FILES, unavailable(502))
  github.faults.next(RUN, { connection: 'drop' })
  held.release()
  for (const { head } of [first, second]) await running.line({ msg: 'job done', head })
  const series = await vi.waitUntil(async () => {
    const now = await scrape()
    return now('otp_review_jobs{state="running"}') === 0 && now
  }, 60_000)

  expect(series('otp_review_jobs{state="waiting"}')).toBe(0)
  expect(series('otp_review_oldest_job_seconds')).toBe(0)
  expect(series('otp_review_delivery_seconds_count')).toBeGreaterThanOrEqual(3)
  expect(series('otp_review_job_seconds_count{kind="pull",outcome="reviewed"}')).toBe(2)
  expect(series('otp_review_job_seconds_count{kind="reconcile",outcome="nothing to do"}')).toBe(1)
  expect(series('otp_review_review_seconds_count')).toBe(2)
  expect(series('otp_review_review_seconds_bucket{le="+Inf"}')).toBe(2)
  expect(series('otp_review_review_seconds_sum')).toBeGreaterThan(0)
  expect(series('otp_review_findings_total{rule="genserver-self-call"}')).toBe(1)
  expect(series('otp_review_engine_seconds_count{outcome="read"}')).toBe(2)
  expect(series('otp_review_engine_seconds_count{outcome="partial"}')).toBe(1)
  expect(series('otp_review_engine_seconds_sum{outcome="read"}')).toBeGreaterThan(0)
  const requests = (kind: string, status: string) =>
    series(`otp_review_github_requests_total{kind="${kind}",status="${status}"}`)
  expect(requests('token', '2xx')).toBe(1)
  // Of each review the context, the texts, and of the first the last look; the search of recovery.
  expect(requests('query', '2xx')).toBe(6)
  expect(requests('rest', '5xx')).toBe(1)
  expect(requests('rest', 'none')).toBe(1)
  expect(requests('rest', '2xx')).toBeGreaterThan(5)
  for (const resource of ['rest', 'graphql']) {
    const left = series(`otp_review_github_remaining{installation="${installation}",resource="${resource}"}`)
    expect(left).toBeGreaterThan(4000)
    expect(left).toBeLessThan(5000)
  }
  expect(series('process_resident_memory_bytes')).toBeGreaterThan(0)
})

/** Values by series; one that is not there has none. */
function read(text: string): (series: string) => number {
  const values = new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const end = line.lastIndexOf(' ')
        return [line.slice(0, end), Number(line.slice(end + 1))]
      }),
  )
  return (series) => values.get(series) ?? Number.NaN
}
