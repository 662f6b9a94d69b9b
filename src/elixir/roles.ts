// What kind of process a module is, told by what it uses and which behaviours it names.
import type { Module } from './module.ts'

/** What kind of process (or process-like module) a module is. */
export type ModuleRole =
  | 'GenServer'
  | 'GenStateMachine'
  | 'gen_statem'
  | 'GenStage'
  | 'Supervisor'
  | 'DynamicSupervisor'
  | 'Agent'
  | 'Task'
  | 'Application'
  | 'Broadway'
  | 'Oban.Worker'
  | 'LiveView'
  | 'LiveComponent'
  | 'Channel'
  | 'Controller'
  | 'Plug'
  | 'Endpoint'
  | 'Resolver'
  | 'Mix.Task'

/** Kinds with a message loop of their own. */
export const PROCESS_ROLES: readonly ModuleRole[] = [
  'GenServer',
  'GenStateMachine',
  'gen_statem',
  'GenStage',
  'LiveView',
  'Channel',
  'Supervisor',
  'DynamicSupervisor',
  'Agent',
]

const USED_ROLES: Readonly<Record<string, ModuleRole>> = {
  GenServer: 'GenServer',
  GenStateMachine: 'GenStateMachine',
  GenStage: 'GenStage',
  Supervisor: 'Supervisor',
  DynamicSupervisor: 'DynamicSupervisor',
  Agent: 'Agent',
  Task: 'Task',
  Application: 'Application',
  Broadway: 'Broadway',
  'Oban.Worker': 'Oban.Worker',
  'Oban.Pro.Worker': 'Oban.Worker',
  'Phoenix.LiveView': 'LiveView',
  'Phoenix.LiveComponent': 'LiveComponent',
  'Phoenix.Channel': 'Channel',
  'Phoenix.Controller': 'Controller',
  'Phoenix.Endpoint': 'Endpoint',
  'Plug.Router': 'Plug',
  'Plug.Builder': 'Plug',
  'Mix.Task': 'Mix.Task',
}

const BEHAVIOUR_ROLES: Readonly<Record<string, ModuleRole>> = {
  GenServer: 'GenServer',
  ':gen_server': 'GenServer',
  ':gen_statem': 'gen_statem',
  GenStage: 'GenStage',
  Supervisor: 'Supervisor',
  ':supervisor': 'Supervisor',
  Application: 'Application',
  Plug: 'Plug',
  'Phoenix.LiveView': 'LiveView',
  'Phoenix.LiveComponent': 'LiveComponent',
  'Oban.Worker': 'Oban.Worker',
  'Absinthe.Middleware': 'Resolver',
}

/** `use ShopWeb, :live_view` and its relatives, which Phoenix generates. */
const WEB_ROLES: Readonly<Record<string, ModuleRole>> = {
  live_view: 'LiveView',
  live_component: 'LiveComponent',
  channel: 'Channel',
  controller: 'Controller',
}

/** Kinds that a module's name tells. */
const NAMED_ROLES: readonly { role: ModuleRole; ending: RegExp; needsUse: boolean }[] = [
  { role: 'Controller', ending: /Controller$/, needsUse: true },
  { role: 'Resolver', ending: /Resolvers?(?:$|\.)/, needsUse: false },
]

/**
 * Words of which one stands in every file that has a module of this kind; null for a kind that a mere name can give
 * (`ShopController`).
 */
export function wordsOfRole(role: ModuleRole): readonly string[] | null {
  if (NAMED_ROLES.some((named) => named.role === role)) return null
  const names = [USED_ROLES, BEHAVIOUR_ROLES, WEB_ROLES].flatMap((table) =>
    Object.entries(table).flatMap(([name, given]) => (given === role ? [name.replace(/^:|^.*\./, '')] : [])),
  )
  return [...new Set(names)]
}

/** Every kind that a module is. */
export function rolesOf(module: Module): Set<ModuleRole> {
  const roles = new Set<ModuleRole>()
  for (const use of module.uses) {
    const role = USED_ROLES[use.module]
    if (role !== undefined) roles.add(role)
    if (use.options?.kind === 'atom') {
      const web = WEB_ROLES[use.options.value]
      if (web !== undefined) roles.add(web)
    }
  }
  for (const behaviour of module.behaviours) {
    const role = BEHAVIOUR_ROLES[behaviour]
    if (role !== undefined) roles.add(role)
  }
  // A server called SomethingController answers no requests.
  const isServer = PROCESS_ROLES.some((role) => roles.has(role))
  for (const { role, ending, needsUse } of NAMED_ROLES) {
    if (!isServer && ending.test(module.name) && (!needsUse || module.uses.length > 0)) roles.add(role)
  }
  // A ranch protocol and its like take over a running process.
  if (
    !roles.has('GenServer') &&
    module.has('handle_info', 2) &&
    module.file.source.includes(':gen_server.enter_loop')
  ) {
    roles.add('GenServer')
  }
  return roles
}
