// Which modules are there for people who look inside a running system. It knows no rule.
import type { Module } from '#engine'
import { isTestSupport } from '../callers.ts'

const TOOL =
  /Debug|Tracer|Tracing|[Oo]bserver|Dashboard|Inspector|Admin|HotUpgrade|Console|Introspect|Diagnos|Profil|(?:Trace|Observe|Smoke(?:Tests?)?)(?:$|\.)|\.IEx/

/** Stand-ins for tests, which know the state of what they stand in for. */
const STAND_IN = /(?:^|\.)(?:Fake|Stub)s?(?:[A-Z]|\.|$)/

/** Who loads code into a running node works on it like a person at a shell. */
const UPGRADES: ReadonlySet<string> = new Set([
  ':code.load_binary',
  ':code.purge',
  ':code.soft_purge',
  ':release_handler.install_release',
])

/** Whether a module's name says that operators, developers and tests use it, not the product. */
export function isDebuggingTool(module: Module): boolean {
  const { name, file } = module
  return (
    TOOL.test(name) ||
    STAND_IN.test(name) ||
    isTestSupport(module) ||
    module.callsOf(UPGRADES).length > 0 ||
    /(^|\/)(debug|debugging|tracing|w?observer|dashboard|admin|hot_upgrade)(\/|\.exs?$)/.test(file.path)
  )
}
