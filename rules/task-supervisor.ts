// How rules about tasks speak of a Task.Supervisor: its name in messages, and the call that needs no awaiting.
import { type Call, type Clause, type Edit, isDiscarded, type Module } from '#engine'
import { applicationOf } from './wording.ts'

const nameCache = new WeakMap<Module, string>()

/** A name that the module gives to `Task.Supervisor`, else `Shop.TaskSupervisor` for all of `Shop` and `ShopWeb`. */
export function taskSupervisorOf(module: Module): string {
  let name = nameCache.get(module)
  if (name === undefined) nameCache.set(module, (name = namedIn(module) ?? `${applicationOf(module)}.TaskSupervisor`))
  return name
}

function namedIn(module: Module): string | null {
  for (const fun of module.functions) {
    for (const { calls } of fun.clauses) {
      for (const { module: called, args } of calls) {
        if (called === 'Task.Supervisor' && args[0]?.kind === 'module') return args[0].name
      }
    }
  }
  return null
}

/**
 * `Task.Supervisor.start_child(` for a discarded `Task.Supervisor.async_nolink(`: the same task without its messages.
 * Null where something else would change.
 */
export function startChildEdit(call: Call, clause: Clause): Edit | null {
  if (call.callee !== 'Task.Supervisor.async_nolink' || !isDiscarded(call)) return null
  const { startLine, startColumn } = call.at
  const line = clause.file.line(startLine)
  const written = line.slice(startColumn - 1)
  const head = /^((?:\w+\.)+)async_nolink\(/.exec(written)
  if (head === null) return null
  const text = `${line.slice(0, startColumn - 1)}${head[1]}start_child(${written.slice(head[0].length)}`
  return { startLine, endLine: startLine, text }
}
