// Takes a suggestion as a person would, with one click, and says what that would break.
import {
  analyse,
  type CataloguedRule,
  type Clause,
  type Comment,
  type Edit,
  type Finding,
  type FileReport,
  SourceFile,
  type SourceToAnalyse,
  selectAll,
  variablesIn,
  walk,
} from '#engine'

const MOST_LINES = 6

/** The text after the edit's whole lines were replaced, as GitHub does it. */
function applyEdit(text: string, edit: Edit): string {
  const lines = text.split('\n')
  lines.splice(edit.startLine - 1, edit.endLine - edit.startLine + 1, ...edit.text.split('\n'))
  return lines.join('\n')
}

/**
 * One sentence for each way in which taking the finding's suggestion would not be safe; empty when it is. All rules run
 * before and after, at their strictest.
 */
export function suggestionComplaints(
  input: Pick<SourceToAnalyse, 'path' | 'source' | 'project'>,
  finding: Finding,
  rules: readonly CataloguedRule[],
): string[] {
  const { edit } = finding
  if (edit === null) return []
  const lineCount = input.source.split('\n').length
  if (edit.startLine < 1 || edit.endLine < edit.startLine || edit.endLine > lineCount) {
    return [`it replaces lines ${edit.startLine} to ${edit.endLine} of a file with ${lineCount}`]
  }
  const edited = applyEdit(input.source, edit)
  if (edited === input.source) return ['it changes nothing']

  const complaints: string[] = []
  const count = edit.endLine - edit.startLine + 1
  if (count > MOST_LINES) complaints.push(`it replaces ${count} lines; at most ${MOST_LINES} are allowed`)
  complaints.push(...indentComplaints(input.source, edit))

  const selection = selectAll(rules)
  const before = analyse({ ...input, selection }, rules)
  const after = analyse({ ...input, source: edited, selection }, rules)
  complaints.push(...findingComplaints(finding, before, after))

  const file = SourceFile.read(input.path, input.source)
  const editedFile = SourceFile.read(input.path, edited)
  if (typeof file === 'string' || typeof editedFile === 'string')
    return [...complaints, 'the edited file cannot be read']
  const newLast = edit.startLine + edit.text.split('\n').length - 1
  complaints.push(
    ...commentComplaints(
      commentsIn(file, edit.startLine, edit.endLine),
      commentsIn(editedFile, edit.startLine, newLast),
    ),
    ...bindingComplaints(file, editedFile, edit, newLast),
  )
  return complaints
}

function indentComplaints(source: string, edit: Edit): string[] {
  const indent = (line: string): string => /^[ \t]*/.exec(line)![0]
  const old = indent(source.split('\n')[edit.startLine - 1]!)
  const now = indent(edit.text.split('\n')[0]!)
  if (edit.text === '' || old === now) return []
  return [`its first line is indented by ${now.length} where the code was by ${old.length}`]
}

function findingComplaints(finding: Finding, before: FileReport, after: FileReport): string[] {
  const complaints: string[] = []
  if (after.errorLines.length > before.errorLines.length) {
    complaints.push(`afterwards line ${after.errorLines.join(', ')} does not parse`)
  }
  // Lines move and code changes, so findings are told apart by where they stand in the program.
  const place = (each: Finding): string => `${each.rule} in ${each.module} ${each.function ?? ''}`.trimEnd()
  const tally = (report: FileReport): Map<string, number> => {
    const counts = new Map<string, number>()
    for (const each of report.findings) counts.set(place(each), (counts.get(place(each)) ?? 0) + 1)
    return counts
  }
  const old = tally(before)
  const now = tally(after)
  const own = place(finding)
  if ((now.get(own) ?? 0) >= Math.max(1, old.get(own) ?? 0)) complaints.push(`afterwards ${own} is still found`)
  for (const [key, count] of now) {
    if (key !== own && count > (old.get(key) ?? 0)) complaints.push(`afterwards ${key} is new`)
  }
  return complaints
}

function commentsIn(file: SourceFile, first: number, last: number): Comment[] {
  return file.comments.filter(({ line }) => line >= first && line <= last)
}

function commentComplaints(old: readonly Comment[], now: readonly Comment[]): string[] {
  const left = now.map(({ text }) => text)
  return old.flatMap(({ text }) => {
    const index = left.indexOf(text)
    if (index < 0) return [`it loses the comment "# ${text}"`]
    left.splice(index, 1)
    return []
  })
}

/** A name that the new lines bind and the old ones did not, though the function binds it elsewhere. */
function bindingComplaints(file: SourceFile, edited: SourceFile, edit: Edit, newLast: number): string[] {
  const old = boundIn(file, edit.startLine, edit.endLine)
  const taken = clausesAround(file, edit.startLine, edit.endLine)
  return [...boundIn(edited, edit.startLine, newLast)]
    .filter((name) => !old.has(name) && taken.some((clause) => clause.isBound(name)))
    .map((name) => `it binds \`${name}\`, which the function already binds`)
}

function boundIn(file: SourceFile, first: number, last: number): Set<string> {
  const names = new Set<string>()
  for (const clause of clausesAround(file, first, last)) {
    const patterns = [
      ...clause.params,
      ...clause.expressions.flatMap((each) => {
        if (each.kind === 'match' || each.kind === 'draw') return [each.pattern]
        return each.kind === 'branch' ? each.patterns : []
      }),
    ]
    for (const pattern of patterns) {
      const within = [...walk(pattern)].some(({ line }) => line >= first && line <= last)
      if (within) variablesIn(pattern).forEach((name) => names.add(name))
    }
  }
  return names
}

function clausesAround(file: SourceFile, first: number, last: number): Clause[] {
  return file.modules
    .flatMap((module) => module.functions.flatMap((fun) => fun.clauses))
    .filter(({ range }) => range.startLine <= last && range.endLine >= first)
}
