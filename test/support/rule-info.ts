// A rule as the review sees it, so that a test states only what it is about.
import type { RuleInfo } from '#engine'
import { taskSupervisor } from '../../rules/principles.ts'

/** The warning that `finding()` of the builders stands for, until told otherwise. */
export function ruleInfo(overrides: Partial<RuleInfo> = {}): RuleInfo {
  return {
    id: 'task-unsupervised',
    category: 'task',
    title: 'Process started outside a supervisor',
    principles: [taskSupervisor],
    set: 'recommended',
    precision: 'P1',
    severity: 'warning',
    since: '0.1.0',
    why: 'A bare spawn has no parent that can restart it, drain it at shutdown, or show it in the tree.',
    instead: `
      Start it under a Task.Supervisor: \`Task.Supervisor.start_child(Shop.Tasks, fun)\`.
      It is then drained at shutdown.
    `,
    examples: [{ bad: '', good: '' }],
    ...overrides,
  }
}
