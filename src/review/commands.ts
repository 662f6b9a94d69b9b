// What people ask of us in comments, and how they ask. Knows no person and no right.
import { cut, inlineCode } from './escape.ts'
import { nearest } from './nearest.ts'

export type Command =
  | { do: 'recheck' }
  | { do: 'accept'; rule: string; reason: string }
  | { do: 'explain'; rule: string }
  /** Meant for us, and not to be understood; `problem` is prose that says what to write. */
  | { do: 'nothing'; problem: string }

const NAME = '/otp-review'
const MOST = 10
const LONGEST_REASON = 300
const USAGE = {
  recheck: `${NAME} recheck`,
  accept: `${NAME} accept RULE -- reason`,
  explain: `${NAME} explain RULE`,
} as const
const VERBS = Object.keys(USAGE)

/** The commands of a comment, each alone on its line. What is quoted, code or hidden asks for nothing. */
export function readCommands(body: string): Command[] {
  return spokenLines(body)
    .flatMap((line) => {
      const [, rest] = /^ {0,3}\/otp-review(?=\s|$)(.*)$/i.exec(line) ?? []
      return rest === undefined ? [] : [toCommand(rest.trim())]
    })
    .slice(0, MOST)
}

/** Whether a rule is accepted in a comment; a comment can be edited until it does not say so any more. */
export function accepts(body: string, rule: string): boolean {
  return readCommands(body).some((command) => command.do === 'accept' && command.rule === rule)
}

function toCommand(text: string): Command {
  const [verb = '', ...words] = text.split(/\s+/)
  switch (verb.toLowerCase()) {
    case 'recheck':
      return { do: 'recheck' }
    case 'explain': {
      const rule = ruleIn(words[0])
      return rule === ''
        ? { do: 'nothing', problem: `Name the rule: ${inlineCode(USAGE.explain)}.` }
        : { do: 'explain', rule }
    }
    case 'accept': {
      // Some keyboards make a dash of two hyphens.
      const [, named = '', reason = ''] = /^\S+\s+(\S+?)(?:\s*(?:--|[–—])\s*(.*))?$/.exec(text) ?? []
      const rule = ruleIn(named)
      if (rule === '' || reason === '') {
        const missing = rule === '' ? 'the rule and a reason' : 'a reason'
        return { do: 'nothing', problem: `Accepting needs ${missing}: ${inlineCode(USAGE.accept)}.` }
      }
      return { do: 'accept', rule, reason: cut(reason, LONGEST_REASON) }
    }
    default: {
      const meant = verb === '' ? null : nearest(verb.toLowerCase(), VERBS)
      const known = Object.values(USAGE).map((usage) => inlineCode(usage))
      const what = verb === '' ? 'There is no command on its own.' : `${inlineCode(cut(verb, 40))} is no command.`
      const advice = meant === null ? '' : ` Did you mean ${inlineCode(meant)}?`
      return {
        do: 'nothing',
        problem: `${what}${advice} There are ${known.slice(0, -1).join(', ')} and ${known.at(-1)}.`,
      }
    }
  }
}

function ruleIn(word: string | undefined): string {
  return cut((word ?? '').replaceAll('`', ''), 80)
}

/** The lines that GitHub shows as plain paragraphs, near enough: fences, quotes and comments are left out. */
function spokenLines(body: string): string[] {
  const spoken: string[] = []
  let fence = ''
  let isQuoted = false
  const text = body
    .replaceAll('\r\n', '\n')
    .replaceAll(/<!--[^]*?(?:-->|$)/g, '')
    .replaceAll(/<pre\b[^]*?(?:<\/pre>|$)/gi, '')
  for (const line of text.split('\n')) {
    const [, mark = '', info = ''] = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line) ?? []
    if (fence !== '') {
      if (mark.startsWith(fence) && info.trim() === '') fence = ''
      continue
    }
    if (mark !== '' && !(mark.startsWith('`') && info.includes('`'))) {
      fence = mark
      isQuoted = false
      continue
    }
    // A line below a quote belongs to it until one is empty.
    isQuoted = /^ {0,3}>/.test(line) || (isQuoted && line.trim() !== '')
    if (!isQuoted) spoken.push(line)
  }
  return spoken
}
