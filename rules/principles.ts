// The principles of OTP design that findings cite, each with its sources. Every rule imports those it serves.
import type { Principle } from '#engine'

const elixir = 'https://hexdocs.pm/elixir'
const erlang = 'https://www.erlang.org/doc/apps'

const whenNotToUse = {
  title: 'GenServer: when (not) to use a GenServer',
  url: `${elixir}/GenServer.html#module-when-not-to-use-a-genserver`,
}
const codeOrganisation = {
  title: 'Anti-patterns: code organization by process',
  url: `${elixir}/process-anti-patterns.html#code-organization-by-process`,
}
const ets = { title: 'ets', url: `${erlang}/stdlib/ets.html` }
const obanWorker = { title: 'Oban.Worker', url: 'https://hexdocs.pm/oban/Oban.Worker.html' }
const broadway = { title: 'Broadway', url: 'https://hexdocs.pm/broadway/Broadway.html' }

/** P-IRON: is serialised access needed at all? */
export const bottleneck: Principle = {
  id: 'P-IRON',
  title: 'A GenServer is a bottleneck by design',
  text: 'A GenServer is a bottleneck by design: one process, one message at a time. Ask first whether you need serialised access, whether this will limit throughput, and whether reads can go round it.',
  sources: [whenNotToUse, codeOrganisation],
}

/** P-ORG: stateless functions need no process. */
export const modulesOrganiseCode: Principle = {
  id: 'P-ORG',
  title: 'Modules organise code, processes model run time',
  text: 'Do not wrap stateless functions in a GenServer, and do not create one "for organisation". Modules and functions organise code; processes model run-time properties.',
  sources: [codeOrganisation, whenNotToUse],
}

/** P-ETS: one owner, direct reads. */
export const readsGoStraightToEts: Principle = {
  id: 'P-ETS',
  title: 'One process owns the table',
  text: 'One process owns the table; writes go through it; reads go straight to ETS.',
  sources: [ets],
}

/** P-DB: domain state outlives processes. */
export const databaseIsTheTruth: Principle = {
  id: 'P-DB',
  title: 'The database is the source of truth for domain entities',
  text: 'The database is the source of truth for domain entities. Processes are for infrastructure.',
  sources: [codeOrganisation],
}

/** P-CALL: answers and back-pressure. */
export const callWhenInDoubt: Principle = {
  id: 'P-CALL',
  title: 'When in doubt, call',
  text: 'Use `call` when you need an answer or back-pressure, with a timeout you chose; `cast` is fire-and-forget. When in doubt, `call`.',
  sources: [{ title: 'GenServer.call/3', url: `${elixir}/GenServer.html#call/3` }],
}

/** P-INIT: a supervisor waits for `init/1`. */
export const fastInit: Principle = {
  id: 'P-INIT',
  title: 'Keep init/1 fast',
  text: 'Keep `init/1` fast: it blocks the supervisor. Do post-init work in `handle_continue/2`.',
  sources: [
    { title: 'GenServer: init/1', url: `${elixir}/GenServer.html#c:init/1` },
    { title: 'GenServer: handle_continue/2', url: `${elixir}/GenServer.html#c:handle_continue/2` },
  ],
}

/** P-FAST: a busy callback makes everybody wait. */
export const fastCallbacks: Principle = {
  id: 'P-FAST',
  title: 'Keep callbacks fast',
  text: 'Keep callbacks fast; everybody else is waiting. Offload heavy work to a supervised task.',
  sources: [
    {
      title: 'Task.await/2: compatibility with OTP behaviours',
      url: `${elixir}/Task.html#await/2-compatibility-with-otp-behaviours`,
    },
  ],
}

/** P-SELF: a call to oneself can't be answered. */
export const neverCallYourself: Principle = {
  id: 'P-SELF',
  title: 'A process must not call itself',
  text: 'A process must not call itself: it handles one message at a time, so the answer that it waits for could never come.',
  sources: [{ title: 'GenServer', url: `${elixir}/GenServer.html` }],
}

/** P-MSG: whatever can arrive is matched. */
export const everyMessageNeedsAClause: Principle = {
  id: 'P-MSG',
  title: 'Every message needs a clause',
  text: 'Every message a process can receive needs a clause: replies of tasks, `:DOWN`, `:EXIT`, timers.',
  sources: [
    {
      title: 'Task.Supervisor.async_nolink/3: compatibility with OTP behaviours',
      url: `${elixir}/Task.Supervisor.html#async_nolink/3-compatibility-with-otp-behaviours`,
    },
  ],
}

/** P-TASK: tasks under a supervisor; links on purpose. */
export const taskSupervisor: Principle = {
  id: 'P-TASK',
  title: 'Task.Supervisor, not Task.async',
  text: 'Use `Task.Supervisor`. A `Task.async` is linked: if the task crashes, the caller crashes.',
  sources: [
    { title: 'Task: dynamically supervised tasks', url: `${elixir}/Task.html#module-dynamically-supervised-tasks` },
  ],
}

/** P-JOB: work that survives a crash and a deploy. */
export const durableWork: Principle = {
  id: 'P-JOB',
  title: 'Work that must not be lost belongs in a job queue',
  text: 'Work that must not be lost belongs in a persistent job queue (Oban), not in a task or a GenServer.',
  sources: [obanWorker],
}

/** P-TREE: no process without a parent. */
export const superviseEveryProcess: Principle = {
  id: 'P-TREE',
  title: 'Start every long-lived process in a supervision tree',
  text: 'Start every long-lived process in a supervision tree: its supervisor restarts it after a crash and stops it in order.',
  sources: [
    {
      title: 'Anti-patterns: unsupervised processes',
      url: `${elixir}/process-anti-patterns.html#unsupervised-processes`,
    },
  ],
}

/** P-STRAT: strategy, order and limits are a design. */
export const strategiesEncodeDependencies: Principle = {
  id: 'P-STRAT',
  title: 'Supervision strategies encode dependencies',
  text: 'Supervision strategies encode dependencies; start order matters; restart limits stop restart loops. Think about failure cascades before coding.',
  sources: [{ title: 'Supervisor: strategies', url: `${elixir}/Supervisor.html#module-strategies` }],
}

/** P-NAME: names of dynamic processes are not atoms. */
export const nameThroughRegistry: Principle = {
  id: 'P-NAME',
  title: 'Name dynamic processes through Registry',
  text: 'Name dynamic processes through Registry. Never create atoms dynamically.',
  sources: [
    { title: 'GenServer: name registration', url: `${elixir}/GenServer.html#module-name-registration` },
    { title: 'Registry: using in :via', url: `${elixir}/Registry.html#module-using-in-via` },
  ],
}

/** P-DIST: what reaches beyond one node. */
export const registryIsOneNode: Principle = {
  id: 'P-DIST',
  title: 'Registry is one node',
  text: 'Registry is one node. `:pg` is the cluster.',
  sources: [{ title: 'pg', url: `${erlang}/kernel/pg.html` }],
}

/** P-STORE: which storage for which data. */
export const storageByNeed: Principle = {
  id: 'P-STORE',
  title: 'Pick the storage by need',
  text: 'Pick the storage by need: ETS for shared memory, `persistent_term` for data that almost never changes, DETS for small disk tables (2 GB), Mnesia for transactions.',
  sources: [
    ets,
    { title: 'persistent_term', url: `${erlang}/erts/persistent_term.html` },
    { title: 'dets', url: `${erlang}/stdlib/dets.html` },
    { title: 'mnesia', url: `${erlang}/mnesia/mnesia.html` },
  ],
}

/** P-AGENT: what an Agent runs, it waits for. */
export const simpleAgents: Principle = {
  id: 'P-AGENT',
  title: 'An Agent is for simple state',
  text: 'An Agent is for simple state. The function you pass runs inside the agent and blocks it.',
  sources: [{ title: 'Agent', url: `${elixir}/Agent.html` }],
}

/** P-BWAY: ingestion and jobs are different problems. */
export const broadwayIsNotAJobQueue: Principle = {
  id: 'P-BWAY',
  title: 'Broadway is NOT a job queue',
  text: 'Broadway is NOT a job queue. Broadway ingests from external queues; Oban runs background jobs.',
  sources: [broadway, obanWorker],
}

/** P-BGOT: what Broadway's processes are, and what they catch. */
export const broadwayProcessors: Principle = {
  id: 'P-BGOT',
  title: 'Broadway processors are for run time, not code organisation',
  text: 'Broadway processors are for run time, not code organisation; your errors become failed messages, not restarts; expected failures are handled in the producer.',
  sources: [broadway, { title: 'Broadway: architecture', url: 'https://hexdocs.pm/broadway/architecture.html' }],
}

/** P-SYS: debugging tools stay out of running code. */
export const sysIsForDebugging: Principle = {
  id: 'P-SYS',
  title: ':sys is for debugging',
  text: '`:sys` is for debugging. Turn tracing off when done.',
  sources: [
    { title: 'sys', url: `${erlang}/stdlib/sys.html` },
    {
      title: 'GenServer: debugging with the :sys module',
      url: `${elixir}/GenServer.html#module-debugging-with-the-sys-module`,
    },
  ],
}

/** P-TEL: whose time and whose crash a handler's is. */
export const telemetryHandlers: Principle = {
  id: 'P-TEL',
  title: 'Telemetry handlers run in the emitting process',
  text: 'Telemetry handlers run in the process that emits the event, and are removed when they fail.',
  sources: [{ title: 'telemetry', url: 'https://hexdocs.pm/telemetry/telemetry.html' }],
}

/** P-COPY: processes share nothing. */
export const messagesAreCopied: Principle = {
  id: 'P-COPY',
  title: 'Sending a message copies it',
  text: 'Sending a message copies it. A closure copies every variable it mentions.',
  sources: [
    {
      title: 'Anti-patterns: sending unnecessary data',
      url: `${elixir}/process-anti-patterns.html#sending-unnecessary-data`,
    },
  ],
}

/** P-IFACE: one module speaks to a process. */
export const oneInterfaceModule: Principle = {
  id: 'P-IFACE',
  title: 'Keep all direct interaction with a process in one module',
  text: 'Keep all direct interaction with a process in one module: its messages can then change in one place.',
  sources: [
    {
      title: 'Anti-patterns: scattered process interfaces',
      url: `${elixir}/process-anti-patterns.html#scattered-process-interfaces`,
    },
  ],
}

/** All of them, in the order in which summaries list them. */
export const principles: readonly Principle[] = [
  bottleneck,
  modulesOrganiseCode,
  readsGoStraightToEts,
  databaseIsTheTruth,
  callWhenInDoubt,
  fastInit,
  fastCallbacks,
  neverCallYourself,
  everyMessageNeedsAClause,
  taskSupervisor,
  durableWork,
  superviseEveryProcess,
  strategiesEncodeDependencies,
  nameThroughRegistry,
  registryIsOneNode,
  storageByNeed,
  simpleAgents,
  broadwayIsNotAJobQueue,
  broadwayProcessors,
  sysIsForDebugging,
  telemetryHandlers,
  messagesAreCopied,
  oneInterfaceModule,
]
