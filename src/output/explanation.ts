// A rule explained in a terminal: its page without the Markdown. Knows nothing of findings.
import type { RuleInfo } from '#engine'
import { printable, wrap } from './printable.ts'
import { beyondTitle, unindent } from './rule-page.ts'

/** What `explain RULE` prints. */
export function explanation(rule: RuleInfo, { color, width }: { color: boolean; width: number }): string {
  const title = (value: string) => (color ? `\u001b[1m${value}\u001b[0m` : value)
  const prose = (value: string) => wrap(unindent(value).replaceAll(/(\S)\n(?=\S)/g, '$1 '), width, '  ')
  const code = (value: string) =>
    value
      .trimEnd()
      .split('\n')
      .map((line) => `    ${printable(line)}`.trimEnd())
      .join('\n')
  const set = rule.set === 'strict' ? 'strict profile only' : 'recommended profile'

  const principles = rule.principles.map((principle) => {
    const sources = principle.sources.map((source) => `  ${source.url}`)
    return [`  ${title(principle.title)} (${principle.id})`, ...beyondTitle(principle).map(prose), ...sources].join(
      '\n',
    )
  })
  const examples = rule.examples.map(
    ({ bad, good }) => `${title('Reported')}\n${code(bad)}\n\n${title('Fine')}\n${code(good)}`,
  )
  return (
    [
      `${title(rule.title)}\n${rule.id} · ${rule.severity} · ${set} · since ${rule.since}`,
      `${title('What happens')}\n${prose(rule.why)}`,
      `${title('Instead')}\n${prose(rule.instead)}`,
      ...examples,
      ...(rule.ignoreWhen ? [`${title('When to ignore it')}\n${prose(rule.ignoreWhen)}`] : []),
      `${title('How to ignore it')}\n    # otp-review:ignore ${rule.id} -- the reason`,
      ...(rule.limits ? [`${title('Limits')}\n${prose(rule.limits)}`] : []),
      `${title(rule.principles.length === 1 ? 'The principle' : 'The principles')}\n${principles.join('\n\n')}`,
    ].join('\n\n') + '\n'
  )
}
