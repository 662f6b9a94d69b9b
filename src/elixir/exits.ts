// Exit signals: who takes them as messages, and which functions end other processes. It knows no supervision tree.
import type { Call } from './expression.ts'
import type { Clause, Module } from './module.ts'
import { localCalls, reach } from './processes.ts'

const trapCache = new WeakMap<Module, boolean>()

const FLAGS: ReadonlySet<string> = new Set(['Process.flag', ':erlang.process_flag'])

/** Whether a process of the module takes exit signals as messages, as far as the module itself says so. */
export function trapsExits(module: Module): boolean {
  let traps = trapCache.get(module)
  if (traps === undefined) {
    traps = module.callsOf(FLAGS).some(({ call }) => isTrap(call))
    trapCache.set(module, traps)
  }
  return traps
}

/**
 * Whether the process that runs a clause may take exit signals as messages: any code of a process module, else what runs
 * with the code that says so.
 */
export function mayTrapExits(clause: Clause): boolean {
  const { module } = clause
  return trapsExits(module) && (module.isProcess || trapping(module).has(clause))
}

const trappingCache = new WeakMap<Module, ReadonlySet<Clause>>()

/** The clauses that say so, all that lead to them, and all that those run. */
function trapping(module: Module): ReadonlySet<Clause> {
  let known = trappingCache.get(module)
  if (known === undefined) trappingCache.set(module, (known = findTrapping(module)))
  return known
}

function findTrapping(module: Module): ReadonlySet<Clause> {
  const callers = Map.groupBy(
    module.functions.flatMap(({ clauses }) =>
      clauses.flatMap((clause) => localCalls(clause).map(({ fun }) => ({ fun, clause }))),
    ),
    ({ fun }) => fun,
  )
  const starts = new Set(
    module
      .callsOf(FLAGS)
      .filter(({ call }) => isTrap(call))
      .map(({ clause }) => clause),
  )
  // A set takes in what is added while it is gone through.
  for (const { function: fun } of starts) for (const { clause } of callers.get(fun) ?? []) starts.add(clause)
  return new Set(reach([...starts]).map(({ clause }) => clause))
}

function isTrap({ args: [flag, value] }: Call): boolean {
  return flag?.kind === 'atom' && flag.value === 'trap_exit' && !(value?.kind === 'atom' && value.value === 'false')
}

const ENDING = new Set([
  'Process.exit',
  ':erlang.exit',
  'GenServer.stop',
  ':gen_server.stop',
  ':gen_statem.stop',
  'GenStateMachine.stop',
  'GenStage.stop',
  'Agent.stop',
  'Supervisor.stop',
  'Supervisor.terminate_child',
  'Supervisor.restart_child',
  'Supervisor.delete_child',
  'DynamicSupervisor.stop',
  'DynamicSupervisor.terminate_child',
  ':supervisor.terminate_child',
  'Application.stop',
  ':application.stop',
  'System.halt',
  'System.stop',
  'System.restart',
  ':init.stop',
  ':init.restart',
  ':init.reboot',
  ':erlang.halt',
])

/** Whether a function of the standard library ends other processes, or the node. */
export function endsProcesses(callee: string): boolean {
  return ENDING.has(callee)
}
