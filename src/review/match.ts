// Which finding is which: head against base, and now against what was said. Compares identities; judges nothing.
import type { Finding, Range } from '#engine'
import { byBasePath, followPaths } from './bases.ts'
import type { Change } from './bases.ts'
import { MARKER_VERSION } from './marker.ts'
import type { ChangedFile, Said } from './snapshot.ts'

/** One way to be the same, weaker than those before it. */
interface Likeness<L, R> {
  left: (item: L) => string | null
  /** A right item may be alike in several ways; the first that has a partner counts. */
  right: (item: R) => readonly string[]
  /** Only where one is left on each side: too weak to tell several apart. */
  alone?: boolean
}

/** Partners as a multiset: each item has at most one. Stronger likenesses first, then the order of the items. */
function pair<L, R>(lefts: readonly L[], rights: readonly R[], likenesses: readonly Likeness<L, R>[]): Map<R, L> {
  const partners = new Map<R, L>()
  const free = new Set(lefts)

  for (const { left, right, alone = false } of likenesses) {
    const waiting = rights.filter((item) => !partners.has(item))
    const candidates = new Map<string, L[]>()
    for (const item of free) add(candidates, left(item), item)
    const rivals = new Map<string, R[]>()
    if (alone) for (const item of waiting) for (const key of right(item)) add(rivals, key, item)
    const isAlone = (key: string) => candidates.get(key)?.length === 1 && rivals.get(key)?.length === 1

    for (const item of waiting) {
      const key = right(item).find((key) => (alone ? isAlone(key) : candidates.get(key)?.length))
      const partner = key === undefined ? undefined : candidates.get(key)?.shift()
      if (partner === undefined) continue
      partners.set(item, partner)
      free.delete(partner)
    }
  }
  return partners
}

function add<T>(groups: Map<string, T[]>, key: string | null, item: T): void {
  if (key === null) return
  const members = groups.get(key)
  if (members === undefined) groups.set(key, [item])
  else members.push(item)
}

/** The finding of the base that each finding of the head was; a finding without one is new. */
export function matchBase(
  head: readonly Finding[],
  base: readonly Finding[],
  files: readonly ChangedFile[],
  changeOf: (path: string) => Change | null,
): Map<Finding, Finding> {
  const became = byBasePath(files)
  const pathNow = (finding: Finding) => became.get(finding.path)?.path ?? finding.path
  const lineNow = (finding: Finding) => changeOf(pathNow(finding))?.diff.toHead(finding.range.startLine) ?? null
  const codeThen = codeIn((path) => became.get(path)?.baseSource)
  const codeNow = codeIn((path) => changeOf(path)?.file.source)
  const inFile = (of: Finding, code: string | null, path: string) => code && keyOf(of.rule, path, code)
  const inAnyNamespace = (of: Finding, code: string | null) =>
    code && keyOf(of.rule, lastName(of.module), of.function ?? '', code.replaceAll(NAMESPACE, ''))

  return pair(inOrder(base), inOrder(head), [
    {
      left: (was) => atLine(was.fingerprint, pathNow(was), lineNow(was)),
      right: (is) => [keyOf(is.fingerprint, is.path, is.range.startLine)],
    },
    {
      left: (was) => keyOf(was.fingerprint, pathNow(was)),
      right: (is) => [keyOf(is.fingerprint, is.path)],
    },
    // The offending code alone, then its whole clause: the second also survives a module's new name.
    { left: (was) => was.fingerprint, right: (is) => [is.fingerprint] },
    { left: (was) => was.clauseFingerprint, right: (is) => [is.clauseFingerprint] },
    // The same code of the same file in another function.
    {
      left: (was) => inFile(was, codeThen(was), pathNow(was)),
      right: (is) => nonNull(inFile(is, codeNow(is), is.path)),
    },
    // A namespace that gets another name changes every mention of it, and the path, too.
    {
      left: (was) => inAnyNamespace(was, codeThen(was)),
      right: (is) => nonNull(inAnyNamespace(is, codeNow(is))),
    },
    { left: (was) => placeInCode(was, pathNow(was)), right: (is) => [placeInCode(is, is.path)], alone: true },
    { left: (was) => placeInFile(was, pathNow(was)), right: (is) => [placeInFile(is, is.path)], alone: true },
  ])
}

/** All but the last part of a module's name. */
const NAMESPACE = /\b(?:[A-Z]\w*\.)+(?=[A-Z])/g

function lastName(module: string): string {
  return module.replaceAll(NAMESPACE, '')
}

/** The offending code, with the white space left out; null where the text is not known. */
function codeIn(sourceOf: (path: string) => string | null | undefined): (of: Finding) => string | null {
  const lines = new Map<string, string[] | null>()
  return ({ path, range }) => {
    const known = lines.get(path) ?? sourceOf(path)?.split('\n') ?? null
    lines.set(path, known)
    return known === null ? null : textAt(known, range).replaceAll(/\s+/g, '')
  }
}

function textAt(lines: readonly string[], { startLine, startColumn, endLine, endColumn }: Range): string {
  const text = lines.slice(startLine - 1, endLine)
  const last = text.length - 1
  return text
    .map((line, at) => line.slice(at === 0 ? startColumn - 1 : 0, at === last ? endColumn - 1 : undefined))
    .join('\n')
}

function nonNull(key: string | null): string[] {
  return key === null ? [] : [key]
}

/** One conversation of ours. */
export interface Thread {
  /** The comment that began it: GitHub takes replies to no other. */
  first: Said
  /** Our last word, which carries the state. */
  last: Said
  /** A person wrote in it: it is never touched again. */
  answered: boolean
  /** GitHub shows its first line only. */
  resolved: boolean
}

export function readThreads(said: readonly Said[]): Thread[] {
  return [...Map.groupBy(said, (comment) => comment.threadId).values()].map((comments) => {
    const inTime = comments.toSorted((a, b) => a.id - b.id)
    return {
      first: inTime.at(0) as Said,
      last: inTime.at(-1) as Said,
      answered: comments.some((comment) => comment.answered),
      resolved: comments.some((comment) => comment.resolved),
    }
  })
}

/** Whether a thread was begun under an older scheme of fingerprints. */
export function isLegacy({ last }: Thread): boolean {
  return last.marker.v !== MARKER_VERSION
}

/**
 * The thread in which each finding was said. `findings` are all of the head; `isNew` tells which are introduced, as
 * they come first where an old one looks the same. A thread in an older scheme of fingerprints is recognised by rule
 * and line, then by rule alone, so that a change of scheme repeats nothing.
 */
export function matchSaid(
  findings: readonly Finding[],
  threads: readonly Thread[],
  files: readonly ChangedFile[],
  isNew: (finding: Finding) => boolean,
): Map<Finding, Thread> {
  const follow = followPaths(files)
  const pathNow = ({ last }: Thread) => follow(last.path)?.path ?? last.path
  const legacy = (thread: Thread, ...parts: (string | number)[]) => (isLegacy(thread) ? keyOf(...parts) : null)

  const isOpen = ({ last }: Thread) => last.marker.state === 'open'
  const said = threads.toSorted(
    (a, b) =>
      Number(isOpen(b)) - Number(isOpen(a)) ||
      (a.last.line ?? Infinity) - (b.last.line ?? Infinity) ||
      a.last.id - b.last.id,
  )
  const now = inOrder(findings).toSorted((a, b) => Number(isNew(b)) - Number(isNew(a)))

  // An old finding is no edited new one: that one is gone.
  const edited = (threads: 'open' | 'closed', placeIn: typeof placeInCode): Likeness<Thread, Finding> => ({
    left: (thread) => (isOpen(thread) === (threads === 'open') ? placeIn(thread.last.marker, pathNow(thread)) : null),
    right: (finding) => (isNew(finding) ? [placeIn(finding, finding.path)] : []),
    alone: true,
  })
  return pair(said, now, [
    {
      left: (thread) => atLine(thread.last.marker.fingerprint, pathNow(thread), thread.last.line),
      right: (finding) => linesOf(finding).map((line) => keyOf(finding.fingerprint, finding.path, line)),
    },
    {
      left: (thread) => keyOf(thread.last.marker.fingerprint, pathNow(thread)),
      right: (finding) => [keyOf(finding.fingerprint, finding.path)],
    },
    { left: ({ last }) => last.marker.fingerprint, right: (finding) => [finding.fingerprint] },
    { left: ({ last }) => last.marker.clause, right: (finding) => [finding.clauseFingerprint] },
    {
      left: (thread) =>
        thread.last.line === null ? null : legacy(thread, thread.last.marker.rule, pathNow(thread), thread.last.line),
      right: (finding) => linesOf(finding).map((line) => keyOf(finding.rule, finding.path, line)),
    },
    edited('open', placeInCode),
    edited('open', placeInFile),
    edited('open', placeInNamespace),
    edited('closed', placeInCode),
    {
      left: (thread) => legacy(thread, thread.last.marker.rule, pathNow(thread)),
      right: (finding) => [keyOf(finding.rule, finding.path)],
    },
    { left: (thread) => legacy(thread, thread.last.marker.rule), right: (finding) => [keyOf(finding.rule)] },
  ])
}

/** Every line on which the finding could have been placed. */
function linesOf({ range, evidence }: Finding): number[] {
  const lines = new Set<number>()
  for (const { startLine, endLine } of [range, ...evidence]) {
    for (let line = startLine; line <= endLine; line += 1) lines.add(line)
  }
  return [...lines]
}

function inOrder(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => compare(a.path, b.path) || a.range.startLine - b.range.startLine)
}

/** One key for rule, module and function. Code outside a module has only its file to be told by. */
export function placeInCode(of: { rule: string; module: string; function: string | null }, path: string): string {
  return keyOf(of.rule, of.module, of.function ?? '', of.module === '' ? path : '')
}

/** One key for rule, file and function, whatever the module is called. */
function placeInFile(of: { rule: string; function: string | null }, path: string): string {
  return keyOf(of.rule, path, of.function ?? '')
}

/** One key for rule, module and function, whatever the namespace of the module is called. */
function placeInNamespace(of: { rule: string; module: string; function: string | null }, path: string): string {
  return placeInCode({ ...of, module: lastName(of.module) }, path)
}

function atLine(fingerprint: string, path: string, line: number | null): string | null {
  return line === null ? null : keyOf(fingerprint, path, line)
}

function keyOf(...parts: (string | number)[]): string {
  return parts.join('\0')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
