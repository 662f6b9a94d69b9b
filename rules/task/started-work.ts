// What a started process does, told by the functions that it runs. It knows no rule.
import {
  type Call,
  type Clause,
  detachedClosures,
  endsProcesses,
  type Expression,
  functionsRunBy,
  isWithin,
  resolve,
  type RunFunction,
  walk,
} from '#engine'

const SENDS = new Set(['Kernel.send', 'Process.send', ':erlang.send'])
const SENDERS = new Set([...SENDS, 'GenServer.cast'])

/** The tools of the runtime hold no work of the application: nothing is lost when they are cut off. */
const TOOLS = /^(?::sys|:logger|:dbg|:recon\w*)\./
const BESIDE_TOOLS =
  /^(?:Logger\.\w+|IO(?:\.ANSI)?\.\w+|String\.\w+|Process\.sleep|:timer\.sleep|Kernel\.(?:inspect|to_string))$/

export function isToolWork(run: readonly RunFunction[]): boolean {
  return (
    run.some(({ callee }) => TOOLS.test(callee)) &&
    run.every(({ callee }) => TOOLS.test(callee) || BESIDE_TOOLS.test(callee))
  )
}

const BROADCASTS =
  /^(?:Phoenix\.PubSub\.(?:local_|direct_)?broadcast|Phoenix\.Channel\.(?:push|broadcast)|(?:\w+\.)*Endpoint\.broadcast)/

/** A line of a log, or news for the pages that are open, that a deploy cuts off is no loss. */
export function isNoLoss(run: readonly RunFunction[]): boolean {
  const inside = new Set(run.map(({ clause }) => clause.function))
  const isHop = ({ module, at, name, arity }: RunFunction): boolean =>
    module === null && [...inside].some((fun) => fun.name === name && fun.arity === arity && at.kind === 'call')
  const isSmall = ({ callee }: RunFunction): boolean => BESIDE_TOOLS.test(callee) || BROADCASTS.test(callee)
  return run.some(isSmall) && run.every((each) => isSmall(each) || isHop(each))
}

const LINKS = new Set(['Process.link', ':erlang.link'])

export function isLink({ callee }: RunFunction): boolean {
  return LINKS.has(callee)
}

/** Sent at once, there is nothing to cut off; `:gen` itself sends so where it may have to wait for a connection. */
export function isSendingAlone(run: readonly RunFunction[]): boolean {
  return run.length > 0 && run.every(({ callee }) => SENDERS.has(callee) || REPLIES.has(callee))
}

const REPLIES = new Set(['GenServer.reply', ':gen_server.reply', ':gen_statem.reply'])

const SLEEPS = new Set(['Process.sleep', ':timer.sleep'])

export function isTimer(run: readonly RunFunction[]): boolean {
  const isSleep = ({ callee }: RunFunction): boolean => SLEEPS.has(callee)
  return (
    run.some(isSleep) &&
    run.some(isSending) &&
    run.every(
      (each) =>
        isSleep(each) || SENDS.has(each.callee) || (isSending(each) && (isToStarter(each) || isToOwnName(each))),
    )
  )
}

/** `send(parent, result)`, with `parent = self()` in the clause that starts the process. */
function isToStarter({ at, clause }: RunFunction): boolean {
  return at.kind === 'call' && isStarterPid(at.args[0], clause)
}

/** A server that has something sent to itself under its name. */
function isToOwnName({ at, clause: { module } }: RunFunction): boolean {
  const [to] = at.kind === 'call' ? at.args : []
  return module.is('GenServer') && to?.kind === 'module' && to.name === module.name
}

function isStarterPid(expression: Expression | undefined, clause: Clause): boolean {
  return expression?.kind === 'variable' && isOwnPid(resolve(expression, clause.module, clause))
}

/** What it sends goes to its starter, from the closure or from a helper that is given the pid. */
export function reportsBack(call: Call, clause: Clause, run: readonly RunFunction[]): boolean {
  if (run.some((each) => isSending(each) && each.clause === clause && isToStarter(each))) return true
  const handed = [call, ...run.flatMap(({ at, module }) => (module === null && at.kind === 'call' ? [at] : []))]
  const isHanded = handed.some(({ args }) =>
    args
      .flatMap((arg) => (arg.kind === 'list' ? arg.elements : [arg]))
      .some((arg) => isStarterPid(arg, clause) || (arg.parent === call.args.at(-1) && isOwnPid(arg))),
  )
  return isHanded && run.some((each) => isSending(each) && each.clause !== clause)
}

/** A `rescue` or `catch` sends something instead of the result, or lets what comes after the `try` send its value. */
export function tellsOfFailure(call: Call, clause: Clause, run: readonly RunFunction[]): boolean {
  const helpers = new Set(run.map((each) => each.clause).filter((each) => each !== clause))
  const inside: Expression[] = detachedClosures(call, clause).flatMap((closure) => [...walk(closure)])
  for (const { expressions, body } of helpers) inside.push(...expressions, ...(body === null ? [] : [body]))
  const sends = inside.filter((each) => each.kind === 'call' && SENDERS.has(each.callee))
  return inside.some(
    (each) =>
      each.kind === 'try' &&
      (each.rescues.length > 0 || each.catches.length > 0) &&
      sends.some((send) =>
        isWithin(send, each)
          ? [...each.rescues, ...each.catches].some((branch) => isWithin(send, branch))
          : send.end > each.end,
      ),
  )
}

/** A message to somebody, or a call of the process that started it. */
export function isSending({ callee, at, clause }: RunFunction): boolean {
  if (SENDERS.has(callee)) return true
  if (callee !== 'GenServer.call' || at.kind !== 'call') return false
  const [server] = at.args
  return server?.kind === 'variable' && isOwnPid(resolve(server, clause.module, clause))
}

/** What stops other processes, or the system, must stand outside of the tree that it stops. */
export function isEnding(starter: Call, clause: Clause): boolean {
  if (/(?:^|_)(?:reboot|power_?off|halt|shut_?down)(?:_|[!?]|$)/.test(clause.function.name)) return true
  return functionsRunBy(starter, clause).some(({ callee, name, at }) => {
    if (endsProcesses(callee) || ENDING_SYSTEM.test(callee)) return !(at.kind === 'call' && isOwnPid(at.args[0]))
    const isGiven = at === starter || clause.expressions.includes(at)
    return isGiven && /^(?:do_)?(?:stop|shutdown|terminate|kill|halt|reboot)[!?]?$/.test(name)
  })
}

/** `Nerves.Runtime.reboot`, `MyApp.Application.restart`. */
const ENDING_SYSTEM = /(?:^|\.)(?:Application|System|Runtime|Node)\.(?:halt|poweroff|reboot|restart|shutdown|stop)$/

function isOwnPid(expression: Expression | undefined): boolean {
  return expression?.kind === 'call' && expression.callee === 'Kernel.self'
}
