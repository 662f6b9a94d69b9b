import { expect, test } from 'vitest'
import { acceptancesIn, answerBody, canSay, readAnswer } from '../../src/review/answer.ts'
import type { Acceptance, AnswerInput } from '../../src/review/answer.ts'
import { readMarker } from '../../src/review/marker.ts'
import type { Asked } from '../../src/review/snapshot.ts'
import { ruleInfo } from '../support/builders.ts'
import { HOSTILE } from '../support/hostile.ts'
import { render } from '../support/rendered.ts'

const acceptance: Acceptance = {
  comment: 'IC_1',
  rule: 'task-unsupervised',
  by: 'maria',
  reason: 'moves to Oban next week',
  fingerprints: ['a', 'b'],
}

function input(overrides: Partial<AnswerInput> = {}): AnswerInput {
  return {
    acceptances: [acceptance],
    explained: [],
    problems: [],
    catalogue: [ruleInfo()],
    docsUrl: 'https://otp-review.example/rules',
    ...overrides,
  }
}

const asked = (overrides: Partial<Asked> = {}): Asked => ({
  id: 1,
  nodeId: 'IC_1',
  where: 'conversation',
  author: 'maria',
  edited: false,
  body: '/otp-review accept task-unsupervised -- moves to Oban next week',
  at: '2026-11-20T09:00:00Z',
  heard: true,
  ...overrides,
})

test('what was accepted is listed, and how to take it back', () => {
  expect(answerBody(input())).toMatchInlineSnapshot(`
    "Accepted in this pull request:

    | Rule | What | By | Reason |
    |---|---|---|---|
    | [\`task-unsupervised\`](https://otp-review.example/rules/task-unsupervised.md) | 2 findings | \`maria\` | moves to Oban next week |

    They pass the check and stay listed in it. Deleting the comment that accepted them withdraws that; a new finding of the rule needs a new comment.

    <!-- otp-review-answer {"v":1,"accepted":[{"comment":"IC_1","rule":"task-unsupervised","by":"maria","reason":"moves to Oban next week","fingerprints":["a","b"]}],"explained":[]} -->"
  `)
})

test('explanations and problems stand below', () => {
  const body = answerBody(
    input({ acceptances: [], explained: ['task-unsupervised', 'gone'], problems: ['`bob`: no.'] }),
  )

  expect(body).toMatchInlineSnapshot(`
    "**Process started outside a supervisor** · [\`task-unsupervised\`](https://otp-review.example/rules/task-unsupervised.md)

    A bare spawn has no parent that can restart it. Start it under a \`Task.Supervisor\`.

    Start every long-lived process in a supervision tree: [Process anti-patterns](https://hexdocs.pm/elixir/process-anti-patterns.html)

    - \`bob\`: no.

    <!-- otp-review-answer {"v":1,"accepted":[],"explained":["task-unsupervised","gone"]} -->"
  `)
})

test('an answer that has nothing left to say says so', () => {
  expect(answerBody(input({ acceptances: [] }))).toMatch(/^Nothing is accepted in this pull request any more\.\n\n<!--/)
})

test('what the answer remembers is read back, with the last three explanations', () => {
  const explained = ['one', 'two', 'three', 'four']

  expect(readAnswer(answerBody(input({ explained })))).toEqual({
    acceptances: [acceptance],
    explained: ['two', 'three', 'four'],
  })
})

test.each([
  null,
  '',
  'Hello.',
  '<!-- otp-review-answer {} -->',
  '<!-- otp-review-answer {"accepted":{},"explained":"x"} -->',
  '<!-- otp-review-answer {"accepted":[null,1,"x",{},{"comment":1,"rule":"a","fingerprints":[]}],"explained":[1]} -->',
  '<!-- otp-review {"v":1,"rule":"a"} -->',
])('a body without sense remembers nothing: %j', (body) => {
  expect(readAnswer(body)).toEqual({ acceptances: [], explained: [] })
})

test('the marker of an answer is none of a finding', () => {
  expect(readMarker(answerBody(input()))).toBe(null)
})

test('an acceptance counts while its comment is there and says so', () => {
  const answer = { id: 9, body: answerBody(input()) }
  const rules = (conversation: { answer: typeof answer | null; asked: Asked[] }) =>
    acceptancesIn([conversation]).map(({ rule }) => rule)

  expect(rules({ answer, asked: [asked()] })).toEqual(['task-unsupervised'])
  expect(rules({ answer, asked: [] })).toEqual([])
  expect(rules({ answer, asked: [asked({ nodeId: 'IC_2' })] })).toEqual([])
  expect(rules({ answer, asked: [asked({ body: '> /otp-review accept task-unsupervised -- x' })] })).toEqual([])
  expect(rules({ answer: null, asked: [asked()] })).toEqual([])
})

test('what GitHub would not take whole is not said', () => {
  const many = (count: number) => ({ ...acceptance, fingerprints: Array<string>(count).fill('f'.repeat(24)) })

  expect(canSay(input({ acceptances: [many(2_000)] }))).toBe(true)
  expect(canSay(input({ acceptances: [many(2_500)] }))).toBe(false)
})

test.each(HOSTILE)('whoever accepts, and whatever for, does nothing: %j', (text) => {
  const body = answerBody(input({ acceptances: [{ ...acceptance, by: text, reason: text }] }))
  const { comments, elements, found } = render(body)

  expect(elements.filter((name) => !/^(a|code|p|span|table|tbody|td|th|thead|tr)$/.test(name))).toEqual([])
  expect(found).toEqual([])
  expect(comments).toHaveLength(1)
  expect(readAnswer(body).acceptances).toMatchObject([{ by: text }])
})
