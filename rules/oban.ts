// Which functions of a worker Oban calls. It knows no rule.
import type { Clause, Module } from '#engine'

/** What runs a job: `perform/1`, or `process/1` of a worker of Oban Pro. */
export function jobClauses(module: Module): readonly Clause[] {
  return module.use('Oban.Pro.Worker') === undefined ? module.clauses('perform', 1) : module.clauses('process', 1)
}
