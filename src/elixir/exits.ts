// Exit signals: who takes them as messages, and which functions end other processes. It knows no supervision tree.
import type { Call } from './expression.ts'
import type { Module } from './module.ts'

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
