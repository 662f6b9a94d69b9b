import type { Finding, RuleInfo } from '#engine'
import type { Found, Report } from '../../src/output/report.ts'

export const selfCall: RuleInfo = {
  id: 'genserver-self-call',
  category: 'genserver',
  title: 'A server calls itself',
  principles: [
    {
      id: 'P-SELF',
      title: 'A process must not call itself',
      text: 'It would wait for its own answer.',
      sources: [{ title: 'GenServer', url: 'https://hexdocs.pm/elixir/GenServer.html' }],
    },
  ],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',
  why: `
    A server handles one message at a time. While it waits for an answer it
    reads nothing, so a call to itself waits until the timeout.

    Then it exits.
  `,
  instead: 'Extract a private function that takes the state, and call that from both places.',
  limits: 'Names built at run time are not followed.',
  examples: [
    {
      bad: 'def handle_call(:report, _from, state) do\n  {:reply, GenServer.call(__MODULE__, :totals), state} # finding\nend\n',
      good: 'def handle_call(:report, _from, state) do\n  {:reply, totals(state), state}\nend\n',
    },
  ],
}

export function finding(changes: Partial<Finding> = {}): Finding {
  const range = { startLine: 41, startColumn: 5, endLine: 41, endColumn: 40 }
  return {
    rule: 'genserver-self-call',
    category: 'genserver',
    principles: ['P-SELF'],
    severity: 'error',
    set: 'recommended',
    precision: 'P1',
    path: 'lib/shop/stock.ex',
    range,
    message: '`handle_call(:report)` calls its own server and will wait for itself.',
    evidence: [range],
    related: [],
    edit: null,
    module: 'Shop.Stock',
    function: 'handle_call/3',
    scope: { startLine: 1, startColumn: 1, endLine: 60, endColumn: 4 },
    fingerprint: 'f00d',
    clauseFingerprint: 'beef',
    suppressed: null,
    ...changes,
  }
}

export function found(changes: Partial<Finding> = {}, code = ['    GenServer.call(__MODULE__, :totals)']): Found {
  return { finding: finding(changes), code, lineHash: 'beef:1', advice: changes.edit ? '' : selfCall.instead }
}

export function report(changes: Partial<Report> = {}): Report {
  return {
    version: '0.1.0',
    ruleDocs: 'https://example.org/docs/rules',
    rules: [selfCall],
    comparedWith: null,
    found: [],
    suppressions: [],
    files: { read: 212, partial: [], skipped: [] },
    failedRules: [],
    ms: 412.4,
    ...changes,
  }
}
