// What the App asks for, and what an installation granted of it. Knows no request.
import type { Client } from './client.ts'

/** As in `app.yml`; accounts that installed an older version of it may not have accepted all of it. */
const ASKED = {
  contents: 'read',
  pull_requests: 'write',
  checks: 'write',
  merge_queues: 'read',
  issues: 'read',
} as const

/** What was asked for and not granted, as GitHub names it: `merge_queues:read`. Nothing where GitHub does not say. */
export async function readLacking(client: Client): Promise<string[]> {
  const granted = await client.permissions()
  // Every installation grants that one.
  if (granted['metadata'] === undefined) return []
  return Object.entries(ASKED).flatMap(([name, level]) => {
    const has = granted[name]
    return has === 'write' || has === level ? [] : [`${name}:${level}`]
  })
}
