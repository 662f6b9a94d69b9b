// One hit as somebody reads it to judge it: the message, the code around, and what was thought of it.
import { type Accepted, placeOf } from './accepted.ts'
import type { Hit } from './hits.ts'

/** `source` is the whole file. `>` marks the finding's own lines, `*` the other evidence. */
export function show(hit: Hit, accepted: Accepted | null, source: string, context: number): string {
  const lines = source.split('\n')
  const marked = [hit.line, hit.endLine, ...hit.evidence]
  const shown = new Set<number>()
  for (const line of marked) {
    for (let near = line - context; near <= line + context; near++)
      if (near >= 1 && near <= lines.length) shown.add(near)
  }
  const code: string[] = []
  let previous = 0
  for (const line of [...shown].toSorted((a, b) => a - b)) {
    if (previous !== 0 && line > previous + 1) code.push('      ...')
    previous = line
    const isOwn = line >= hit.line && line <= hit.endLine
    const mark = isOwn ? '>' : hit.evidence.includes(line) ? '*' : ' '
    code.push(`${mark} ${String(line).padStart(4)}  ${lines[line - 1]}`)
  }
  return [
    `${placeOf(hit)}`,
    `  ${hit.rule} · ${hit.severity} · ${hit.set} · ${hit.module} ${hit.function ?? ''}`.trimEnd(),
    `  https://github.com/${hit.repository}/blob/${hit.commit}/${hit.path}#L${hit.line}`,
    `  ${hit.message}`,
    `  ${verdict(accepted)}`,
    '',
    ...code,
    ...suggestion(hit),
    '',
  ].join('\n')
}

function verdict(accepted: Accepted | null): string {
  if (accepted === null) return 'NEW: not in the accepted list'
  if (accepted.verdict === null) return 'UNREAD'
  return `${String(accepted.verdict).toUpperCase()}: ${accepted.reason}`
}

function suggestion({ edit, unsafe }: Hit): string[] {
  if (edit === null) return []
  const where =
    edit.startLine === edit.endLine ? `line ${edit.startLine}` : `lines ${edit.startLine} to ${edit.endLine}`
  return [
    '',
    `  suggested for ${where}:`,
    ...edit.text.split('\n').map((line) => `+       ${line}`),
    ...unsafe.map((reason) => `  UNSAFE: ${reason}`),
  ]
}
