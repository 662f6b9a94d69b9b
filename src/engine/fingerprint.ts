// The identity of a finding: what the code says, not where it stands.
import { createHash } from 'node:crypto'
import { canonical, type Clause, type Expression, type Module, type Range, type SourceFile } from '#elixir'

/** Where a span stands: the innermost module and the clause around it. */
export interface Place {
  module: Module | null
  clause: Clause | null
}

/** The innermost module and clause that hold the first line and column of a span. */
export function placeOf(file: SourceFile, range: Range): Place {
  const at = file.offsetAt(range.startLine, range.startColumn)
  const holds = ({ start, end }: { start: number; end: number }): boolean => start <= at && at < end
  const module = file.modules.findLast(holds)
  if (module === undefined) return { module: null, clause: null }
  for (const fun of module.functions) {
    const clause = fun.head !== null && holds(fun.head) ? fun.head : fun.clauses.find(holds)
    if (clause !== undefined) return { module, clause }
  }
  return { module, clause: null }
}

/** Hash of rule, module, function and offending code: survives moves, renamed files and reformatting. */
export function fingerprint(rule: string, file: SourceFile, range: Range, place: Place): string {
  const { module, clause } = place
  return hash([rule, module?.name ?? '', clause?.function.id ?? '', codeAt(file, range, clause)])
}

/** Hash of rule and the whole enclosing clause, or module: survives a renamed module or function. */
export function clauseFingerprint(rule: string, file: SourceFile, { module, clause }: Place): string {
  return hash([rule, clause === null ? moduleHash(file, module) : clauseHash(clause)])
}

const hashes = new WeakMap<SourceFile | Module | Clause, string>()

function remember(key: SourceFile | Module | Clause, work: () => string): string {
  let known = hashes.get(key)
  if (known === undefined) hashes.set(key, (known = work()))
  return known
}

function clauseHash(clause: Clause): string {
  return remember(clause, () => {
    const { params, guard, body, module } = clause
    const text = [...params, guard, body].map((part) => (part === null ? '-' : canonical(part))).join(' ')
    return hash([withoutName(text, module.name)])
  })
}

function moduleHash(file: SourceFile, module: Module | null): string {
  if (module === null) return remember(file, () => hash([file.source.replaceAll(/\s+/g, ' ')]))
  return remember(module, () => hash(module.functions.flatMap((fun) => fun.clauses.map(clauseHash))))
}

/** The same text for a module of another name. */
function withoutName(text: string, name: string): string {
  return text.replaceAll(new RegExp(`(?<![\\w.])${name.replaceAll(/\W/g, '\\$&')}(?!\\w)`, 'g'), '__MODULE__')
}

function codeAt(file: SourceFile, range: Range, clause: Clause | null): string {
  const start = file.offsetAt(range.startLine, range.startColumn)
  const end = file.offsetAt(range.endLine, range.endColumn)
  const exact = clause === null ? undefined : expressionsAt(clause, start).find((each) => each.end === end)
  if (exact !== undefined) return canonical(exact)
  const lines: string[] = []
  for (let line = range.startLine; line <= range.endLine; line++) {
    const text = file.line(line)
    const from = line === range.startLine ? range.startColumn - 1 : 0
    const to = line === range.endLine ? range.endColumn - 1 : text.length
    lines.push(text.slice(from, to).replace(/(^|\s)#[^"']*$/, ''))
  }
  return lines.join(' ').replaceAll(/\s+/g, '')
}

const starts = new WeakMap<Clause, Map<number, Expression[]>>()

/** The expressions of a clause that begin at an offset, outermost first; a call begins at its name. */
function expressionsAt(clause: Clause, offset: number): readonly Expression[] {
  let byStart = starts.get(clause)
  if (byStart === undefined) {
    byStart = new Map()
    for (const each of clause.expressions) {
      const start = each.kind === 'call' ? each.nameStart : each.start
      const there = byStart.get(start)
      if (there === undefined) byStart.set(start, [each])
      else there.push(each)
    }
    starts.set(clause, byStart)
  }
  return byStart.get(offset) ?? []
}

function hash(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\u0000')).digest('hex').slice(0, 24)
}
