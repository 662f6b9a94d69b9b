// Owns the bodies of requests until somebody knows whose they are: anybody can send them, so what is held of them is limited.
import type { IncomingMessage } from 'node:http'

/** GitHub sends nothing larger. */
export const MAX_BODY_BYTES = 25 * 1024 * 1024

/** Of all bodies together: one of the largest, and what hundreds of others need. */
export const MAX_HELD_BYTES = MAX_BODY_BYTES + 10 * 1024 * 1024

/** `too much`: others came at the same time, and this was the largest. `aborted`: there is nobody left to answer. */
export type Lost = 'too large' | 'too much' | 'aborted'

interface Upload {
  bytes: number
  lose(why: Lost): void
}

/** A function that reads a body and gives what `use` makes of it; the body counts as held until then. */
export function createReceiver(): <T>(
  request: IncomingMessage,
  use: (body: Buffer) => Promise<T>,
) => Promise<T | Lost> {
  const coming = new Set<Upload>()
  let held = 0

  function hold(upload: Upload, bytes: number): void {
    upload.bytes += bytes
    held += bytes
    if (upload.bytes > MAX_BODY_BYTES) return upload.lose('too large')
    if (held <= MAX_HELD_BYTES) return
    // Deliveries are small: whoever fills the memory loses before GitHub does.
    const largest = [...coming].reduce((one, other) => (other.bytes > one.bytes ? other : one), upload)
    largest.lose('too much')
  }

  return async (request, use) => {
    const chunks: Buffer[] = []
    const { promise: ended, resolve } = Promise.withResolvers<Lost | null>()
    const upload: Upload = { bytes: 0, lose: resolve }
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      hold(upload, chunk.length)
    }
    coming.add(upload)
    request
      .on('data', take)
      .once('end', () => resolve(null))
      .once('error', () => resolve('aborted'))
      .once('close', () => resolve('aborted'))
    try {
      const lost = await ended
      coming.delete(upload)
      // Not destroyed: the socket carries the answer.
      request.off('data', take).pause()
      if (lost !== null) return lost
      const body = Buffer.concat(chunks)
      chunks.length = 0
      return await use(body)
    } finally {
      held -= upload.bytes
    }
  }
}
