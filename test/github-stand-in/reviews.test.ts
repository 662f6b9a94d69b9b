import { expect, test } from 'vitest'
import { type PullHandle, type StandIn, startGitHub } from '../support/github/index.ts'
import { asInstallation, refusal, shop } from './client.ts'

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}\n`).join('')

// Lines 2 and 38 of 40 are changed: two hunks, 1 to 5 and 35 to 40.
async function openPull(github: StandIn): Promise<PullHandle> {
  const repo = await github.repository('acme/shop', { files: { 'lib/a.ex': numbered(1, 40), 'lib/other.ex': 'x\n' } })
  const text = numbered(1, 40).replace('line 2\n', 'changed 2\n').replace('line 38\n', 'changed 38\n')
  return repo.open({ branch: 'change', files: { 'lib/a.ex': text } })
}

type Spot = { path?: string; line: number; side?: string; start_line?: number; body?: string }

function review(github: StandIn, pull: PullHandle, spots: Spot[], more: object = {}) {
  return asInstallation(github).rest.pulls.createReview({
    ...shop,
    pull_number: pull.number,
    commit_id: pull.head,
    event: 'COMMENT',
    body: 'Seen.',
    comments: spots.map((spot) => ({
      path: 'lib/a.ex',
      side: 'RIGHT',
      body: 'Why?',
      ...(spot.start_line !== undefined && { start_side: 'RIGHT' }),
      ...spot,
    })),
    ...more,
  })
}

test('added lines and shown context can be commented on, on either side, in one review', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)

  await review(github, pull, [{ line: 2 }, { line: 5 }, { line: 38, start_line: 36 }, { line: 38, side: 'LEFT' }])

  const comments = await pull.comments()
  expect(comments.map(({ line, startLine }) => [startLine, line])).toEqual([
    [null, 2],
    [null, 5],
    [36, 38],
    [null, 38],
  ])
  expect(pull.reviews()).toMatchObject([
    { author: 'otp-review[bot]', state: 'COMMENTED', comments: 4, commit: pull.head },
  ])
})

test.for<[string, Spot, string]>([
  [
    'a line outside the diff',
    { line: 20 },
    "Pull request review thread line must be part of the diff and Pull request review thread diff hunk can't be blank",
  ],
  [
    'a start outside the hunk of its line',
    { line: 38, start_line: 3 },
    'Pull request review thread start line must be part of the same hunk as the line.',
  ],
  [
    'a start in the wrong place and a line outside the diff',
    { line: 20, start_line: 18 },
    "Pull request review thread line must be part of the diff, Pull request review thread start line must be part of the same hunk as the line., and Pull request review thread diff hunk can't be blank",
  ],
  [
    'a start that is not before its line',
    { line: 38, start_line: 38 },
    'Pull request review thread start line must precede the end line.',
  ],
  [
    'a file that did not change',
    { path: 'lib/other.ex', line: 1 },
    "Pull request review thread path is invalid and Pull request review thread diff hunk can't be blank",
  ],
  ['a body that is too long', { line: 2, body: 'x'.repeat(65_537) }, 'Body is too long (maximum is 65536 characters)'],
])('%s refuses the whole review', async ([, spot, reason]) => {
  await using github = await startGitHub()
  const pull = await openPull(github)

  expect(await refusal(review(github, pull, [{ line: 2 }, spot]))).toBe(
    `422 Unprocessable Entity: ${JSON.stringify(reason)}`,
  )

  expect(pull.reviews()).toEqual([])
  expect(await pull.comments()).toEqual([])
})

test('a review needs a body, a commit of the pull request, and somebody else to approve it', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  const elsewhere = await github.repository('acme/elsewhere')

  const stray = (await elsewhere.home.git.resolve('main'))!

  expect(await refusal(review(github, pull, [{ line: 2 }], { body: '' }))).toContain(
    '422 Unprocessable Entity: "You need to leave a comment."',
  )
  expect(await refusal(review(github, pull, [], { commit_id: stray }))).toContain(
    'The commitOID is not part of the pull request',
  )
  expect(await refusal(review(github, pull, [], { body: 'x'.repeat(65_537) }))).toContain('Body is too long')
})

test('an earlier commit of the pull request may be reviewed; its comments are outdated where their lines changed', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  const before = pull.head
  const [first] = await pull.files()
  await pull.push({
    'lib/a.ex': numbered(1, 40).replace('line 2\n', 'changed twice\n').replace('line 38\n', 'new\nchanged 38\n'),
  })

  await review(github, pull, [{ line: 2 }, { line: 38 }], { commit_id: before })

  expect(first?.path).toBe('lib/a.ex')
  expect((await pull.comments()).map((one) => [one.originalLine, one.line])).toEqual([
    [2, null],
    [38, 39],
  ])
})

test('a pending review blocks the next one until it is deleted', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  const client = asInstallation(github)
  await pull.leavePendingReview()

  expect(await refusal(review(github, pull, [{ line: 2 }]))).toContain(
    'User can only have one pending review per pull request',
  )
  const { data: reviews } = await client.rest.pulls.listReviews({ ...shop, pull_number: 1 })
  expect(reviews.map((one) => one.state)).toEqual(['PENDING'])

  await client.rest.pulls.deletePendingReview({ ...shop, pull_number: 1, review_id: reviews[0]!.id })
  await review(github, pull, [{ line: 2 }])
  expect(pull.reviews()).toHaveLength(1)
})

test('a review without an event stays pending and unseen until it is submitted', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  const client = asInstallation(github)
  const comments = [{ path: 'lib/a.ex', line: 2, side: 'RIGHT', body: 'Later.' }]
  const { data: pending } = await client.rest.pulls.createReview({ ...shop, pull_number: 1, comments })

  expect(await pull.comments()).toEqual([])
  await client.rest.pulls.submitReview({
    ...shop,
    pull_number: 1,
    review_id: pending.id,
    event: 'COMMENT',
    body: 'Now.',
  })

  expect(await pull.comments()).toMatchObject([{ line: 2, body: 'Later.' }])
})

test('comments move with their lines, and are outdated when these change', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  await review(github, pull, [{ line: 2 }, { line: 38 }])

  await pull.push({
    'lib/a.ex': `top\n${numbered(1, 40).replace('line 2\n', 'changed 2\n').replace('line 38\n', 'other\n')}`,
  })

  expect((await pull.comments()).map((one) => one.line)).toEqual([3, null])
})

test('a thread is answered where it began, and reactions count once', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  const client = asInstallation(github)
  await review(github, pull, [{ line: 2 }])
  const [comment] = await pull.comments()
  await pull.reply(comment!, 'Because.', { as: 'bob' })
  pull.react(comment!, '-1', { as: 'bob' })

  const answered = await client.rest.pulls.createReplyForReviewComment({
    ...shop,
    pull_number: 1,
    comment_id: comment!.id,
    body: 'I see.',
  })
  const first = await client.rest.reactions.createForPullRequestReviewComment({
    ...shop,
    comment_id: comment!.id,
    content: 'eyes',
  })
  const again = await client.rest.reactions.createForPullRequestReviewComment({
    ...shop,
    comment_id: comment!.id,
    content: 'eyes',
  })

  expect(answered.data.in_reply_to_id).toBe(comment!.id)
  expect([first.status, again.status, again.data.id === first.data.id]).toEqual([201, 200, true])
  expect(await pull.comments()).toMatchObject([
    {
      replies: [
        { author: 'bob', body: 'Because.' },
        { author: 'otp-review[bot]', body: 'I see.' },
      ],
      reactions: [
        { by: 'bob', content: '-1' },
        { by: 'otp-review[bot]', content: 'eyes' },
      ],
    },
  ])
  const toReply = { ...shop, pull_number: 1, comment_id: answered.data.id, body: 'Deeper.' }
  expect(await refusal(client.rest.pulls.createReplyForReviewComment(toReply))).toBe('404 Not Found')
})

test('a comment of somebody else cannot be edited, one of ours can', async () => {
  await using github = await startGitHub()
  const pull = await openPull(github)
  const client = asInstallation(github)
  const theirs = await pull.comment('Please look again.', { as: 'bob' })
  const { data: ours } = await client.rest.issues.createComment({ ...shop, issue_number: 1, body: 'Looking.' })

  expect(await refusal(client.rest.issues.updateComment({ ...shop, comment_id: theirs.id, body: 'No.' }))).toBe(
    '403 Forbidden',
  )
  await client.rest.issues.updateComment({ ...shop, comment_id: ours.id, body: 'Looked.' })

  expect(pull.conversation().map((one) => [one.author, one.body])).toEqual([
    ['bob', 'Please look again.'],
    ['otp-review[bot]', 'Looked.'],
  ])
})
