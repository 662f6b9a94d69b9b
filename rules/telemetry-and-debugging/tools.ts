// Which modules are there for people who look inside a running system. It knows no rule.
import type { Module } from '#engine'

const TOOL =
  /Debug|Tracer|Tracing|[Oo]bserver|Dashboard|Inspector|Admin|HotUpgrade|Console|Introspect|Diagnos|Profil|Trace(?:$|\.)|\.IEx/

/** Whether a module's name says that operators and developers use it, not the product. */
export function isDebuggingTool({ name, file }: Module): boolean {
  return (
    TOOL.test(name) ||
    /(^|\/)(debug|debugging|tracing|w?observer|dashboard|admin|hot_upgrade)(\/|\.exs?$)/.test(file.path)
  )
}
