// The hidden state in our comments: written so that no name can end it, read only where we put it.
import type { Finding } from '#engine'
import type { Marker } from './snapshot.ts'

/** Of the scheme of markers and fingerprints. An older one is matched by rule and line only. */
export const MARKER_VERSION = 1

const KIND = 'otp-review'

const STATES: readonly unknown[] = ['open', 'fixed', 'withdrawn'] satisfies Marker['state'][]

/** What a comment about this finding must remember. */
export function markerOf(finding: Finding, sha: string, state: Marker['state'] = 'open'): Marker {
  const { rule, fingerprint, clauseFingerprint: clause } = finding
  // No atom is longer than 255 characters, so only text that does not compile is cut.
  const module = finding.module.slice(0, 300)
  const name = finding.function?.slice(0, 300) ?? null
  return { v: MARKER_VERSION, rule, fingerprint, clause, module, function: name, sha, state }
}

/** An HTML comment in plain ASCII; it belongs on the last line of a body. */
export function writeMarker(marker: Marker): string {
  const { v, rule, fingerprint, clause, module, function: name, sha, state } = marker
  return writeHidden(KIND, { v, rule, fingerprint, clause, module, function: name, sha, state })
}

/** The marker on the last line of a body, whatever else the body quotes; null where there is none that makes sense. */
export function readMarker(body: string): Marker | null {
  const read = readHidden(KIND, body)
  if (read === null || !Number.isInteger(read['v']) || typeof read['rule'] !== 'string') return null

  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  return {
    v: read['v'] as number,
    rule: read['rule'],
    fingerprint: text(read['fingerprint']),
    clause: text(read['clause']),
    module: text(read['module']),
    function: typeof read['function'] === 'string' ? read['function'] : null,
    sha: text(read['sha']),
    state: STATES.includes(read['state']) ? (read['state'] as Marker['state']) : 'open',
  }
}

/** Plain data as an HTML comment on a line of its own, in plain ASCII. */
export function writeHidden(kind: string, value: object): string {
  return `<!-- ${kind} ${JSON.stringify(value).replace(/[<>&@#]|-(?=-)|[^ -~]/g, escapeUnit)} -->`
}

/** The data on the last line of a body; null where there are none of this kind. */
export function readHidden(kind: string, body: string): Record<string, unknown> | null {
  const line = body.trimEnd().slice(body.trimEnd().lastIndexOf('\n') + 1)
  const json = line.startsWith(`<!-- ${kind} {`) && line.endsWith(' -->') ? line.slice(kind.length + 6, -4) : null
  return json === null ? null : parseObject(json)
}

function parseObject(json: string): Record<string, unknown> | null {
  try {
    return JSON.parse(json) as Record<string, unknown>
  } catch {
    return null
  }
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
