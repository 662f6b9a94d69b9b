// Which modules run in a process for each visitor, and end with the visit. It knows no rule.
import type { Module } from '#engine'

/** A LiveView or a channel: as many processes as there are visitors, none of which owns anything for the others. */
export function isPerVisitor(module: Module): boolean {
  return module.is('LiveView') || module.is('Channel')
}
