// The facts of one file, each kind worked out when a rule first asks for it.
import {
  childLists,
  type Clause,
  type FactKind,
  type Facts,
  type Module,
  type ProjectFacts,
  type SourceFile,
} from '#elixir'
import type { Sight } from './needs.ts'
import type { CataloguedRule } from './rule.ts'

/** Facts of every module in which rules run: not of protocols, nor of what does not parse. */
export class FileFacts {
  private readonly file: SourceFile
  private readonly project: ProjectFacts
  private readonly sight: Sight
  private readonly modules: readonly Module[]
  private readonly known: { -readonly [K in FactKind]?: readonly Facts[K][] } = {}
  private callsByName: ReadonlyMap<string, readonly Facts['call'][]> | undefined
  private callsByModule: ReadonlyMap<string | null, readonly Facts['call'][]> | undefined

  constructor(file: SourceFile, project: ProjectFacts, sight: Sight) {
    this.file = file
    this.project = project
    this.sight = sight
    this.modules = file.modules.filter((module) => !module.isProtocol && !module.isBroken)
  }

  /** What a rule wants to see, in source order for each callee. */
  for(rule: CataloguedRule): readonly Facts[FactKind][] {
    const { roles, words } = rule
    const all = this.all(rule)
    if (roles === undefined && words === undefined) return all
    return all.filter((fact) => {
      if (roles !== undefined && !roles.some((role) => fact.module.is(role))) return false
      const { start, end } = 'clause' in fact ? fact.clause : fact.module
      return this.sight.mayConcern(rule, start, end)
    })
  }

  private all(rule: CataloguedRule): readonly Facts[FactKind][] {
    const { file, project, known } = this
    switch (rule.on) {
      case 'module':
        return (known.module ??= this.modules.map((module) => ({ module, file, project })))
      case 'clause':
        return (known.clause ??= this.clauses().map((clause) => ({ clause, module: clause.module, project })))
      case 'children':
        return (known.children ??= this.modules.flatMap((module) =>
          childLists(module).map((list) => ({ list, module, project })),
        ))
      case 'call':
        return rule.callees === undefined ? (known.call ??= this.callsIn(this.clauses())) : this.callsOf(rule.callees)
    }
  }

  private clauses(): Clause[] {
    return this.modules.flatMap((module) =>
      module.functions.flatMap((fun) => fun.clauses.filter((clause) => !clause.hasError)),
    )
  }

  private callsIn(clauses: readonly Clause[]): Facts['call'][] {
    const facts: Facts['call'][] = []
    for (const clause of clauses) {
      const { module } = clause
      for (const call of clause.calls) facts.push({ call, clause, module, project: this.project })
    }
    return facts
  }

  /** The calls of each callee, `M.*` for all of a module. */
  private callsOf(callees: readonly string[] | ReadonlySet<string>): Facts['call'][] {
    if (this.callsByName === undefined) {
      const calls = this.callsIn(this.clauses().filter(({ start, end }) => this.sight.mayCall(start, end)))
      this.callsByName = Map.groupBy(calls, ({ call }) => call.name)
      this.callsByModule = Map.groupBy(calls, ({ call }) => call.module)
    }
    const found: Facts['call'][] = []
    for (const callee of callees) {
      const name = callee.slice(callee.lastIndexOf('.') + 1)
      const named = this.callsByName.get(name) ?? []
      for (const fact of named) if (fact.call.callee === callee) found.push(fact)
      if (name === '*') found.push(...(this.callsByModule?.get(callee.slice(0, -2)) ?? []))
    }
    return found
  }
}
