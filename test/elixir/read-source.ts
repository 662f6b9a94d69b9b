// Short ways from Elixir text to the facts that a test is about.
import { type Call, type Clause, type Expression, type Module, SourceFile } from '#elixir'

/** The file; it must be readable. */
export function fileOf(source: string): SourceFile {
  const file = SourceFile.read('lib/a.ex', source)
  if (typeof file === 'string') throw new Error(`The source was not read: ${file}`)
  return file
}

/** The module of that name, or the first one. */
export function moduleOf(source: string, name?: string): Module {
  const { modules } = fileOf(source)
  const module = name === undefined ? modules[0] : modules.find((each) => each.name === name)
  if (module === undefined) throw new Error(`No such module; there are: ${modules.map((each) => each.name).join(', ')}`)
  return module
}

/** The clauses of `name/arity` in the first module. */
export function clausesOf(source: string, id: string): readonly Clause[] {
  return moduleOf(source).table.get(id)?.clauses ?? []
}

/** The body as the only clause of a function `f/0` in a module `A`, below some module-level lines. */
export function clauseWith(body: string, above = ''): Clause {
  const [clause] = clausesOf(`defmodule A do\n${above}\ndef f() do\n${body}\nend\nend\n`, 'f/0')
  if (clause === undefined) throw new Error('The source was not read as one function.')
  return clause
}

/** The body as one expression. */
export function expressionOf(body: string, above = ''): Expression {
  const expression = clauseWith(body, above).body
  if (expression === null) throw new Error('The function has no body.')
  return expression
}

/** The callees of a body with their arity, in source order. */
export function calleesIn(body: string, above = ''): string[] {
  return idsOf(clauseWith(body, above).calls)
}

/** The callees of a whole source, module by module. */
export function calleesOf(source: string): string[] {
  return fileOf(source).modules.flatMap((module) =>
    module.functions.flatMap((fun) => fun.clauses.flatMap((clause) => idsOf(clause.calls))),
  )
}

function idsOf(calls: readonly Call[]): string[] {
  return calls.map((call) => `${call.callee}/${call.arity}`)
}
