import { existsSync, readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { MAX_BODY_BYTES } from '../../src/bodies.ts'
import { callsItself, mix } from '../app/shop.ts'
import { quantile, report, seconds } from './row.ts'
import { openStage, quick } from './stage.ts'

const HOGS = 40
const SLOW = 50
/** Half of what comes in at once. */
const MOST_GROWTH_MB = 500

const head = (bytes: number) => ({
  'content-type': 'application/json',
  'content-length': bytes,
  'x-github-event': 'push',
  'x-github-delivery': 'stranger',
  'x-hub-signature-256': `sha256=${'0'.repeat(64)}`,
})

describe('Strangers', () => {
  test('send bodies of 25 MB without a secret, and others that never end', async (context) => {
    await using stage = await openStage('embedded')
    const { github } = stage
    const service = await stage.start({}, quick)
    const repository = await github.repository('acme/shop', { files: mix })
    const review = async (branch: string) => {
      const pull = await repository.open({ branch, files: { 'lib/shop/stock.ex': `${callsItself}# ${branch}\n` } })
      return (await pull.concluded()).conclusion
    }
    expect(await review('before')).toBe('failure')
    const before = memoryOf(service.pid)

    const began = performance.now()
    const slow = Array.from({ length: SLOW }, () => trickle(service.webhookUrl))
    const body = Buffer.alloc(MAX_BODY_BYTES, '{')
    const hogs = Promise.all(Array.from({ length: HOGS }, () => send(service.webhookUrl, body)))
    const conclusions = [await review('one'), await review('two'), await review('three')]
    const statuses = await hogs
    const after = memoryOf(service.pid)
    await Promise.all(slow.map(({ closed }) => closed))
    const cut = performance.now() - began

    expect(conclusions).toEqual(['failure', 'failure', 'failure'])
    expect(new Set(statuses).difference(new Set([401, 503, 0]))).toEqual(new Set())
    expect(statuses).toContain(401)
    const deliveries = github.webhooks.deliveries.filter(({ event }) => event === 'pull_request')
    expect(deliveries.map(({ statusCode }) => statusCode)).toEqual([202, 202, 202, 202])
    expect(after.peakMb - before.peakMb).toBeLessThan(MOST_GROWTH_MB)
    expect(cut).toBeLessThan(60_000)
    expect(await review('after')).toBe('failure')
    const times = deliveries.map(({ duration }) => duration * 1000)
    report(context, {
      database: 'PGlite',
      runs: HOGS + SLOW,
      injected: `${HOGS} bodies of 25 MB at once with wrong signatures, ${SLOW} that come a byte at a time; deliveries and reviews beside them`,
      outcome: `each delivery answered 202, the slowest after ${quantile(times, 1)} ms; the peak of memory grew from ${before.peakMb} to ${after.peakMb} MB; what does not end is cut off`,
      took: `the last was cut off after ${seconds(cut)}`,
    })
  })
})

/** The status that was answered; 0 where the connection was closed on what is left of the body. */
function send(url: string, body: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const request = httpRequest(url, { method: 'POST', headers: head(body.length) }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    request.on('error', () => resolve(0))
    request.end(body)
  })
}

/** A body that would take a week. */
function trickle(url: string): { closed: Promise<void> } {
  const { hostname, port, pathname } = new URL(url)
  const lines = Object.entries(head(MAX_BODY_BYTES)).map(([name, value]) => `${name}: ${value}\r\n`)
  const socket: Socket = connect(Number(port), hostname, () => {
    socket.write(`POST ${pathname} HTTP/1.1\r\nhost: ${hostname}\r\n${lines.join('')}\r\n`)
  })
  const drip = setInterval(() => socket.write('{'), 500)
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      clearInterval(drip)
      resolve()
    })
  })
  // It is closed on our writing.
  socket.on('error', () => {})
  socket.resume()
  return { closed }
}

/** As Linux counts it; 0 where another system runs. */
function memoryOf(pid: number): { peakMb: number } {
  const file = `/proc/${pid}/status`
  const [, kilobytes] = existsSync(file) ? (/VmHWM:\s+(\d+)/.exec(readFileSync(file, 'utf8')) ?? []) : []
  return { peakMb: Math.round(Number(kilobytes ?? 0) / 1024) }
}
