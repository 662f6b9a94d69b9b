import {
  type Call,
  type Clause,
  defineRule,
  elixir,
  functionsRunBy,
  lostThrough,
  type Module,
  type ProjectFacts,
  type RunFunction,
} from '#engine'
import { isMeasuring } from '../intent.ts'
import { durableWork } from '../principles.ts'
import { spotOf } from '../wording.ts'

/** Starters whose work nobody waits for. */
const FORGETTING = new Set([
  'Task.start',
  'Task.start_link',
  'Task.Supervisor.start_child',
  'Kernel.spawn',
  'Kernel.spawn_link',
  ':erlang.spawn',
  ':erlang.spawn_link',
  ':proc_lib.spawn',
  ':proc_lib.spawn_link',
])

/** Starters whose work nobody waits for where their value is thrown away. */
const ASYNC = new Set(['Task.async', 'Task.Supervisor.async', 'Task.Supervisor.async_nolink'])

const DELIVERING = /^deliver(?:_now|_later)?!?$/

/** Whole words of a module's last segment: `UserNotifier`, `PushNotification`. */
const DURABLE_MODULE = /^(?:Mailer|Notifier|Emails?|Mail|Sms|SMS|Webhooks?|Push)$/

/** Words that may follow those: `EmailSender` sends e-mails, an `EmailParser` or a `PushCounter` does not. */
const SENDER =
  /^(?:Api|API|Adapter|Backend|Client|Deliver\w*|Dispatch\w*|Events?|Gateway|Handler|Hooks?|Jobs?|Manager|Messages?|Messenger|Notif\w+|Provider|Publisher|Push\w*|Queue|Request\w*|Runner|Send\w*|Server|Service|Trigger\w*|Worker)$/

const DURABLE_FUNCTION =
  /^(?:send_(?:\w+_)?(?:e?mails?|sms|webhooks?)|\w+_webhook|deliver_\w+|export_(?!logs?(?![a-z])|metric|span|telemetry|trace)\w+|import_\w+|generate_(?:\w+_)?reports?)!?$/

/** Money is moved: in these modules, by these functions. */
const PAYING_MODULE = /^(?:Billing|Charges?|Payments?|Stripe)$/
const PAYING_FUNCTION = /^(?:capture|charge|pay|payout|refund|transfer)(?:_|!|$)/

/** What says, by its name, that it only asks, builds, announces or looks after something. */
const HARMLESS_FUNCTION =
  /\?$|^(?:broadcast|build|change|changeset|config|count|create|delete|enabled|exists|fetch|find|format|from|get|is|list|log|mark|new|normali[sz]e|parse|publish|put|render|start|subscribe|to|touch|track|unsubscribe|update|valid|validate)(?:_|!|$)/

/** A job is inserted, or the work reports to a process that waits for it. */
const KEEPING = /(?:^|\.)Oban\.insert|^Kernel\.send$|^Process\.(?:send|monitor)$|^GenServer\.(?:cast|reply)$/

export default defineRule({
  id: 'task-for-durable-work',
  title: 'Work that must survive a deploy runs in a task',
  principles: [durableWork],
  set: 'recommended',
  precision: 'P2',
  severity: 'warning',
  since: '0.1.0',
  scripts: 'off',

  why: `
    A task lives in memory. A deploy, a crash or a full node ends it, and with it the e-mail, the webhook or the export:
    nothing remembers that it was to be done, nothing tries again, and the user was already told that it worked. A
    supervisor does not change that: a task under Task.Supervisor is not restarted by default, and never on another node.
    A job in the database is committed with the rest of the work, retried with back-off, and can be looked at.
  `,
  instead:
    'Insert an Oban job with ids for arguments: `%{user_id: user.id} |> MyApp.Workers.Welcome.new() |> Oban.insert()`.',
  ignoreWhen: 'When losing the message now and then is acceptable, or the other side asks again.',
  limits:
    'Modules and functions are told by their names, in the task itself and one local function further. A task that sends or casts something to another process is taken to report to one that waits for it.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Accounts do
          def register(attrs) do
            with {:ok, user} <- Shop.Repo.insert(Shop.User.changeset(attrs)) do
              Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> Shop.UserNotifier.welcome(user) end) # finding
              {:ok, user}
            end
          end
        end
      `,
      good: elixir`
        defmodule Shop.Accounts do
          def register(attrs) do
            with {:ok, user} <- Shop.Repo.insert(Shop.User.changeset(attrs)) do
              %{user_id: user.id} |> Shop.Workers.Welcome.new() |> Oban.insert()
              {:ok, user}
            end
          end
        end
      `,
    },
  ],

  on: 'call',
  callees: [...FORGETTING, ...ASYNC],
  *check({ call, clause, module, project }) {
    if (!FORGETTING.has(call.callee) && !(ASYNC.has(call.callee) && lostThrough(call, clause) !== null)) return
    if (module.is('Oban.Worker') || isTool(module) || isMeasuring(clause)) return
    const run = functionsRunBy(call, clause)
    const durable = run.find(isDurable)
    if (durable === undefined || run.some(({ callee }) => KEEPING.test(callee))) return
    yield {
      at: call.at,
      evidence: [call.at, spotOf(durable.at)],
      severity: usesOban(project) ? 'warning' : 'info',
      message: message(call, clause, durable, usesOban(project)),
    }
  },
})

function message(
  call: Call,
  { function: { id } }: Clause,
  { callee, name, arity }: RunFunction,
  hasOban: boolean,
): string {
  const job = hasOban
    ? 'An Oban job is kept in the database and retried.'
    : 'A job kept in the database, as with Oban, is retried.'
  return `\`${callee || name}/${arity}\` runs in a task that \`${id}\` starts with \`${call.callee.replace('Kernel.', '')}\`: a deploy or a crash loses it for good. ${job}`
}

function usesOban({ deps }: ProjectFacts): boolean {
  return Object.hasOwn(deps, 'oban') || Object.hasOwn(deps, 'oban_pro')
}

function isDurable({ module, name, arity, callee }: RunFunction): boolean {
  if (callee === '') return false
  if (DELIVERING.test(name) || DURABLE_FUNCTION.test(name)) return true
  if (module === null || arity === 0 || HARMLESS_FUNCTION.test(name)) return false
  const last = module.split('.').at(-1)!
  const words = wordsOf(last)
  const first = words.findIndex((word) => DURABLE_MODULE.test(word))
  return (
    (first >= 0 && words.slice(first).every((word) => DURABLE_MODULE.test(word) || SENDER.test(word))) ||
    (PAYING_FUNCTION.test(name) && words.some((word) => PAYING_MODULE.test(word)))
  )
}

/** `UserNotifier` has the words `User` and `Notifier`; `SMSSender` has `SMS` and `Sender`. */
function wordsOf(name: string): string[] {
  return name.match(/[A-Z]+(?![a-z])|[A-Z][a-z\d]*/g) ?? []
}

/** Tools of developers: what they lose can be started again by whoever runs them. */
function isTool({ name }: Module): boolean {
  return /(?:^|\.)(?:Debug|Dev|DevTools|Seeds?|Console|IEx)(?:\.|$)/.test(name)
}
