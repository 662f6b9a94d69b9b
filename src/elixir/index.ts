// The typed facts of Elixir source. This is all that the engine and the rules may see of a file.
import type { Call } from './expression.ts'
import type { SourceFile } from './file.ts'
import type { Clause, Module } from './module.ts'
import type { ChildList } from './children.ts'
import type { ProjectFacts } from './project.ts'

export * from './availability.ts'
export * from './expression.ts'
export * from './agents.ts'
export * from './awaited.ts'
export * from './bindings.ts'
export * from './blocking.ts'
export * from './child-ids.ts'
export * from './children.ts'
export * from './conditions.ts'
export * from './detached.ts'
export * from './dispatch.ts'
export * from './draws.ts'
export * from './ets.ts'
export * from './endings.ts'
export * from './endless.ts'
export * from './exits.ts'
export * from './failing.ts'
export * from './fates.ts'
export * from './immediate.ts'
export * from './lookups.ts'
export * from './messages.ts'
export * from './naming.ts'
export * from './patterns.ts'
export * from './processes.ts'
export * from './project.ts'
export * from './purity.ts'
export * from './results.ts'
export * from './servers.ts'
export * from './started.ts'
export * from './surely.ts'
export * from './tails.ts'
export * from './telemetry.ts'
export * from './task-messages.ts'
export * from './values.ts'
export { Deadline, TimeLimitError } from './deadline.ts'
export { type Comment, FILE_TIME_LIMIT, SourceFile } from './file.ts'
export { type AttributeDefinition, type Binding, Clause, FunctionFact, Module, type Use, useOptions } from './module.ts'
export type { Range } from './range.ts'
export { type ModuleRole, wordsOfRole } from './roles.ts'
export { collectsSoon, collectTrees, releaseTrees } from './syntax.ts'

/** A call with the clause it stands in. `clause` knows its function, module and file. */
export interface CallFact {
  call: Call
  clause: Clause
  module: Module
  project: ProjectFacts
}

export interface ModuleFact {
  module: Module
  file: SourceFile
  project: ProjectFacts
}

export interface ClauseFact {
  clause: Clause
  module: Module
  project: ProjectFacts
}

export interface ChildListFact {
  list: ChildList
  module: Module
  project: ProjectFacts
}

/** What a rule can listen to. One rule listens to one kind. */
export interface Facts {
  module: ModuleFact
  clause: ClauseFact
  call: CallFact
  children: ChildListFact
}

export type FactKind = keyof Facts
