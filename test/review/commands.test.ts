import { expect, test } from 'vitest'
import { accepts, readCommands } from '../../src/review/commands.ts'
import { HOSTILE } from '../support/hostile.ts'
import { processorMs } from '../support/processor-time.ts'

const recheck = { do: 'recheck' }

test.each([
  ['/otp-review recheck', [recheck]],
  ['Thanks!\r\n\r\n  /OTP-Review Recheck  \r\nBye.', [recheck]],
  ['/otp-review explain `genserver-self-call`', [{ do: 'explain', rule: 'genserver-self-call' }]],
  [
    '/otp-review accept genserver-self-call -- moves to Oban -- next week',
    [{ do: 'accept', rule: 'genserver-self-call', reason: 'moves to Oban -- next week' }],
  ],
  // What telephones make of two hyphens.
  ['/otp-review accept a-b — known', [{ do: 'accept', rule: 'a-b', reason: 'known' }]],
  ['/otp-review accept a-b– known', [{ do: 'accept', rule: 'a-b', reason: 'known' }]],
  ['/otp-review recheck\n/otp-review explain a', [recheck, { do: 'explain', rule: 'a' }]],
])('%j is a command', (body, commands) => {
  expect(readCommands(body)).toEqual(commands)
})

test.each([
  'please /otp-review recheck',
  '`/otp-review recheck`',
  '/otp-reviewer recheck',
  '/otp-review-bot recheck',
  '> /otp-review recheck',
  '> maria wrote:\n/otp-review recheck',
  '    /otp-review recheck',
  '\t/otp-review recheck',
  '```\n/otp-review recheck\n```',
  '~~~~ text\n~~~\n/otp-review recheck\n~~~~',
  '```\n/otp-review recheck',
  '<!-- /otp-review recheck -->',
  '<!--\n/otp-review recheck\n-->',
  '<pre>\n/otp-review recheck\n</pre>',
  '- /otp-review recheck',
  '',
])('%j is none', (body) => {
  expect(readCommands(body)).toEqual([])
})

test('a command after a quote or a code block counts', () => {
  expect(readCommands('> was it this?\n\n/otp-review recheck')).toEqual([recheck])
  expect(readCommands('```elixir\nIO.puts(1)\n```\n/otp-review recheck')).toEqual([recheck])
  expect(readCommands('`````\n```\n`````\n/otp-review recheck')).toEqual([recheck])
})

test.each([
  ['/otp-review', 'There is no command on its own.'],
  ['/otp-review rechek', '`rechek` is no command. Did you mean `recheck`?'],
  ['/otp-review merge', '`merge` is no command. There are `/otp-review recheck`, '],
  ['/otp-review explain', 'Name the rule: `/otp-review explain RULE`.'],
  ['/otp-review accept', 'Accepting needs the rule and a reason: `/otp-review accept RULE -- reason`.'],
  ['/otp-review accept a-b', 'Accepting needs a reason: '],
  ['/otp-review accept a-b --', 'Accepting needs a reason: '],
  ['/otp-review accept -- because', 'Accepting needs '],
])('%j is answered with what to write', (body, problem) => {
  expect(readCommands(body)).toEqual([{ do: 'nothing', problem: expect.stringContaining(problem) }])
})

test('a comment accepts the rules that it names, for as long as it does', () => {
  expect(accepts('/otp-review accept a -- b', 'a')).toBe(true)
  expect(accepts('/otp-review accept a -- b', 'b')).toBe(false)
  expect(accepts('~~/otp-review accept a -- b~~', 'a')).toBe(false)
})

test.each(HOSTILE)('whatever is written, reading it ends: %j', (text) => {
  expect(readCommands(`/otp-review accept ${text}`).length).toBeLessThanOrEqual(1)
})

test('hostile comments cost milliseconds', () => {
  const pieces = ['<!--', '<pre', '`', '> ', '/otp-review ', '/otp-review accept a -', '-- ', '\n', ' ', 'a']

  const ms = processorMs(() => {
    for (const piece of pieces) readCommands(piece.repeat(65_536 / piece.length))
  })

  expect(ms).toBeLessThan(500)
})
