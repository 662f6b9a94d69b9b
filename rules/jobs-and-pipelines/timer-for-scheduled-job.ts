import {
  type Call,
  canMatch,
  type Clause,
  defineRule,
  elixir,
  endsItsProcess,
  type Expression,
  foldNumber,
  messageShape,
  type Module,
  reach,
  resolve,
  sentMessage,
  walk,
} from '#engine'
import { durableWork } from '../principles.ts'

/** Timers by callee, with the position of the delay and of what it brings. */
const TIMERS: Readonly<
  Record<string, { delay: number; what: (args: readonly Expression[]) => readonly Expression[] }>
> = {
  'Process.send_after': { delay: 2, what: (args) => args.slice(1, 2) },
  ':timer.send_after': { delay: 0, what: (args) => args.slice(1) },
  ':timer.send_interval': { delay: 0, what: (args) => args.slice(1) },
  ':timer.apply_after': { delay: 0, what: (args) => args.slice(1) },
  ':timer.apply_interval': { delay: 0, what: (args) => args.slice(1) },
  ':timer.apply_repeatedly': { delay: 0, what: (args) => args.slice(1) },
  ':erlang.send_after': { delay: 0, what: (args) => args.slice(1) },
}

const SIX_HOURS = 6 * 3_600_000

/** Words for the upkeep of what the process holds in memory: that belongs to the process and starts again with it. */
const UPKEEP =
  /^(?:refresh\w*|renew\w*|reload\w*|(?:re)?index\w*|rebuild\w*|expir\w*|cleanup|clean|cleaner|clear|prun\w*|sweep\w*|purge\w*|evict\w*|gc|garbage|flush\w*|heartbeat\w*|load\w*|tokens?|credentials?|certs?|certificates?|keepalive|alive|timeout|ttl|rotat\w*|reset|caches?|warm\w*|compact\w*|vacuum\w*|hibernate|shutdown|terminate|stop|idle|inactiv\w*)$/i

/** Processes that live as long as somebody is connected: nothing that must happen can wait in them. */
const VISITED = ['LiveView', 'LiveComponent', 'Channel'] as const

export default defineRule({
  id: 'timer-for-scheduled-job',
  title: 'A day-long timer in a process',
  principles: [durableWork],
  set: 'recommended',
  precision: 'P2',
  severity: 'info',
  since: '0.1.0',
  scripts: 'off',

  why: `
    A timer lives in memory. Each deploy, restart or crash starts it anew, so a run that was due is late by up to the
    whole delay, and with frequent deploys it never comes. In a cluster every node has its own timer, and the work is
    done once on each.
  `,
  instead: 'Schedule it outside of the process: an Oban cron entry, or Quantum.',
  ignoreWhen: 'When the work concerns only what this process holds, and starting over with it is right.',
  limits:
    'Delays below six hours, and delays that are not constant, are not reported; neither is a timer whose name, delay or handler says that it keeps up what the process holds, or that ends the process. One whose work is also done at each start is for the strict profile.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.DailyReport do
          use GenServer

          def init(opts) do
            Process.send_after(self(), :send_report, :timer.hours(24)) # finding
            {:ok, opts}
          end
        end
      `,
      good: elixir`
        defmodule Shop.Workers.DailyReport do
          use Oban.Worker, queue: :reports

          @impl Oban.Worker
          def perform(_job), do: Shop.Reports.send_daily()
        end
      `,
    },
  ],

  on: 'call',
  callees: Object.keys(TIMERS),
  *check({ call, clause, module }) {
    const timer = TIMERS[call.callee]
    const delay = timer === undefined ? undefined : call.args[timer.delay]
    if (timer === undefined || delay === undefined) return
    const milliseconds = foldNumber(resolve(delay, module, clause), module)
    if (milliseconds === null || milliseconds < SIX_HOURS) return
    if (VISITED.some((role) => module.is(role))) return
    const attributes = [...walk(delay)].filter(({ kind }) => kind === 'attribute')
    if (isUpkeep(clause, [...timer.what(call.args), ...attributes])) return
    const taker = takerOf(call, module)
    if (taker !== undefined && (endsItsProcess(taker) || fillsTable(taker))) return
    const isRepeated = runsAtStart(call, clause, taker)
    yield {
      at: call.at,
      ...(isRepeated ? { set: 'strict' as const } : {}),
      message: message(call, clause, milliseconds, isRepeated),
    }
  },
})

function isUpkeep(clause: Clause, what: readonly Expression[]): boolean {
  const names = [clause.function.name]
  for (const expression of what) {
    for (const each of walk(expression)) {
      if (each.kind === 'atom') names.push(each.value)
      if (each.kind === 'variable') names.push(each.name)
      if (each.kind === 'call') names.push(each.name)
      if (each.kind === 'attribute') names.push(each.name)
      if (each.kind === 'capture' && each.function !== null) names.push(each.function.name)
    }
  }
  names.push(clause.module.name.split('.').at(-1) ?? '')
  return names.some((name) => wordsOf(name).some((word) => UPKEEP.test(word)))
}

/** The clause that a timer's message runs. */
function takerOf(call: Call, module: Module): Clause | undefined {
  const message = sentMessage(call)?.message
  const shape = message === undefined ? null : messageShape(resolve(message, module))
  return module.clauses('handle_info', 2).find(({ params }) => shape !== null && canMatch(params[0]!, shape))
}

/** Whether the server also does the work as soon as it starts: no run is lost then, and each start repeats one. */
function runsAtStart(timer: Call, around: Clause, taker: Clause | undefined): boolean {
  const { module } = around
  const message = sentMessage(timer)?.message
  const isItsOwn = taker !== undefined && doesWork(around) && reach([taker]).some(({ clause }) => clause === around)
  const starts = [...module.clauses('init', 1), ...module.clauses('handle_continue', 2)]
  return reach(starts).some(({ clause, from }) => {
    if (isItsOwn && clause === around && clause !== from) return true
    return clause.calls.some((call) => {
      const sent = sentMessage(call)
      if (call === timer || sent === null || sent.message.text !== message?.text) return false
      const delay = TIMERS[call.callee]?.delay
      if (delay === undefined) return true
      const milliseconds = foldNumber(resolve(call.args[delay]!, module, clause), module)
      return milliseconds !== null && milliseconds < SIX_HOURS
    })
  })
}

/** Whether a function does more than to set a timer. */
function doesWork({ calls }: Clause): boolean {
  return calls.some(
    ({ module }) => module !== null && !/^(?:Kernel|Logger|Process|System|Application|:timer|:erlang)$/.test(module),
  )
}

/** Whether it fills memory that is gone with the process or its node. */
function fillsTable(clause: Clause): boolean {
  return reach([clause]).some(({ clause: { calls } }) =>
    calls.some(({ callee }) => /^(?::ets\.insert|:persistent_term\.put|Cachex\.put)/.test(callee)),
  )
}

/** `refresh_rates` and `RateRefresher` by words. */
function wordsOf(name: string): string[] {
  return name.split(/_|(?<=[a-z0-9])(?=[A-Z])/)
}

function message(call: Call, clause: Clause, milliseconds: number, isRepeated: boolean): string {
  const hours = Math.round(milliseconds / 3_600_000)
  const wait = hours > 24 && hours % 24 === 0 ? `${hours / 24} days` : `${hours} hours`
  return (
    `\`${call.callee}\` in \`${clause.function.id}\` waits ${wait} in memory: every deploy or crash of ` +
    `\`${clause.module.name}\` ${isRepeated ? 'repeats the work' : 'starts the wait anew'}, and in a cluster each node waits and works for itself.`
  )
}
