import { createHmac, randomUUID } from 'node:crypto'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import published from '@octokit/webhooks-examples'
import { pino } from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { receiveWebhooks, toJob } from '../src/app.ts'
import type { Intake } from '../src/app.ts'
import { MAX_BODY_BYTES, MAX_HELD_BYTES } from '../src/bodies.ts'

const served = { appId: 29310, allowedAccounts: [] }
const installation = { id: 7, account: { login: 'acme' } }
const repository = { id: 99, name: 'shop', owner: { login: 'acme' } }
const base = { delivery: 'd1', installation: 7, repository: { id: 99, owner: 'acme', name: 'shop' } }

function intake(event: string, payload: object, allowedAccounts: string[] = []): Intake {
  return toJob({ id: 'd1', event, payload: { installation, repository, ...payload } }, { ...served, allowedAccounts })
}

function pull(action: string, more: object = {}): Intake {
  return intake('pull_request', { action, number: 5, pull_request: { head: { sha: 'abc' } }, ...more })
}

describe('the payloads that GitHub publishes as examples', () => {
  interface Payload {
    action?: string
    check_run?: { app?: { id: number } }
  }
  const examples = published as unknown as { name: string; examples: Payload[] }[]
  const deliveries = examples.flatMap(({ name, examples: payloads }) => payloads.map((payload) => ({ name, payload })))

  test('are all read without a throw', () => {
    expect(deliveries.length).toBeGreaterThan(300)
    for (const { name, payload } of deliveries) {
      expect(() => toJob({ id: 'd1', event: name, payload }, served), `${name} ${payload.action}`).not.toThrow()
    }
  })

  test('become work where they concern us', () => {
    const work = new Map<string, string>()
    for (const { name, payload } of deliveries) {
      // Some examples come from hooks of repositories, which name no installation.
      const sent = { installation: { id: 1, account: { login: 'x' } }, ...payload }
      const appId = payload.check_run?.app?.id ?? served.appId
      const intake = toJob({ id: 'd1', event: name, payload: sent }, { ...served, appId })
      if (intake.do !== 'ignore') work.set(`${name}.${payload.action}`, intake.do)
    }

    expect(Object.fromEntries(work)).toEqual({
      'check_run.requested_action': 'review',
      'check_run.rerequested': 'review',
      'check_suite.rerequested': 'review',
      'installation.created': 'review',
      'installation.deleted': 'forget',
      'installation.new_permissions_accepted': 'review',
      'installation.suspend': 'forget',
      'installation.unsuspend': 'review',
      'installation_repositories.added': 'review',
      'installation_repositories.removed': 'forget',
      'merge_group.checks_requested': 'review',
      'pull_request.closed': 'review',
      'pull_request.converted_to_draft': 'review',
      'pull_request.opened': 'review',
      'pull_request.ready_for_review': 'review',
      'pull_request.reopened': 'review',
      'pull_request.synchronize': 'review',
    })
  })
})

describe('a pull request', () => {
  test.each(['opened', 'synchronize', 'reopened', 'ready_for_review', 'converted_to_draft', 'closed'])(
    'that was %s is a job with its head',
    (action) => {
      expect(pull(action)).toEqual({
        do: 'review',
        job: { ...base, kind: 'pull', number: 5, head: 'abc', reason: action },
      })
    },
  )

  test('that was edited is a job only where its base changed', () => {
    expect(pull('edited', { changes: { title: { from: 'x' } } })).toEqual({ do: 'ignore', why: 'action' })
    expect(pull('edited', { changes: { base: { ref: { from: 'main' } } } })).toMatchObject({
      do: 'review',
      job: { reason: 'base changed' },
    })
  })

  test('by a bot is a job like any other', () => {
    expect(pull('opened', { sender: { type: 'Bot', login: 'renovate[bot]' } })).toMatchObject({ do: 'review' })
  })

  test('of an account that is not served is ignored, whatever its spelling', () => {
    const other = { repository: { ...repository, owner: { login: 'ACME' } } }

    expect(pull('opened', other)).toMatchObject({ do: 'review' })
    expect(
      intake('pull_request', { action: 'opened', number: 1, pull_request: { head: { sha: 'a' } } }, ['octo']),
    ).toEqual({ do: 'ignore', why: 'account', account: 'acme' })
  })

  test.each(['labeled', 'assigned', 'something_new'])('that was %s is ignored', (action) => {
    expect(pull(action)).toEqual({ do: 'ignore', why: 'action' })
  })
})

describe('a check', () => {
  const run = (action: string, more: object = {}) =>
    intake('check_run', {
      action,
      check_run: { head_sha: 'abc', external_id: '', app: { id: 29310 }, pull_requests: [{ number: 5 }], ...more },
    })

  test.each(['rerequested', 'requested_action'])('run that was %s reviews its pull request', (action) => {
    expect(run(action)).toEqual({
      do: 'review',
      job: { ...base, kind: 'pull', number: 5, head: 'abc', reason: 'requested' },
    })
  })

  test('run of a fork is found by our own note, since GitHub names no pull request', () => {
    const external_id = JSON.stringify({ pulls: [{ number: 8, base: 'main' }], config: null })

    expect(run('rerequested', { external_id, pull_requests: [] })).toMatchObject({ job: { number: 8 } })
  })

  test('run on a merge group reviews the group', () => {
    const external_id = JSON.stringify({ pulls: [{ number: 8, base: 'main' }], group: 'refs/heads/q', config: 'c' })

    expect(run('rerequested', { external_id, pull_requests: [] })).toEqual({
      do: 'review',
      job: {
        ...base,
        kind: 'group',
        head: 'abc',
        headRef: 'refs/heads/q',
        baseRef: 'refs/heads/main',
        reason: 'requested',
      },
    })
  })

  test.each(['not json', '{"pulls":"x"}', '[]'])('run with the note %j is looked up by its commit', (external_id) => {
    const job = { ...base, kind: 'commit', head: 'abc' }

    expect(run('rerequested', { external_id, pull_requests: [] })).toEqual({ do: 'review', job })
  })

  test('run of another app is ignored', () => {
    expect(run('rerequested', { app: { id: 1 } })).toEqual({ do: 'ignore', why: 'other app' })
  })

  test('suite that was requested is ignored, one that was rerequested is not', () => {
    const suite = { head_sha: 'abc', app: { id: 29310 }, pull_requests: [{ number: 5 }] }
    const job = { ...base, kind: 'commit', head: 'abc' }

    expect(intake('check_suite', { action: 'requested', check_suite: suite })).toEqual({ do: 'ignore', why: 'action' })
    expect(intake('check_suite', { action: 'rerequested', check_suite: suite })).toEqual({ do: 'review', job })
  })
})

describe('a comment', () => {
  const comment = (body: string, more: object = {}) =>
    intake('issue_comment', {
      action: 'created',
      issue: { number: 5, pull_request: {} },
      comment: { id: 3, body, user: { type: 'User' } },
      ...more,
    })

  test('with a command is a job', () => {
    expect(comment('Thanks!\n/otp-review recheck')).toEqual({
      do: 'review',
      job: { ...base, kind: 'command', number: 5 },
    })
  })

  test.each([
    ['no command', () => comment('looks good')],
    ['no command', () => comment('> /otp-review recheck')],
    ['bot', () => comment('/otp-review recheck', { comment: { id: 3, body: '/otp-review x', user: { type: 'Bot' } } })],
    ['no pull request', () => comment('/otp-review recheck', { issue: { number: 5 } })],
    ['action', () => comment('/otp-review recheck', { action: 'pinned' })],
    ['no command', () => comment('better', { action: 'edited', changes: { body: { from: 'good' } } })],
    ['no command', () => comment('```\n/otp-review recheck\n```')],
  ])('is ignored: %s', (why, make) => {
    expect(make()).toEqual({ do: 'ignore', why })
  })
})

test.each([
  ['deleted', '/otp-review accept a -- b', {}],
  ['edited', 'never mind', { changes: { body: { from: '/otp-review accept a -- b' } } }],
  ['created', '/otp-review recheck', {}],
])('a comment on a line that was %s is a job where it has or had a command', (action, body, more) => {
  const comment = { id: 3, body, user: { type: 'User' } }

  expect(intake('pull_request_review_comment', { action, pull_request: { number: 5 }, comment, ...more })).toEqual({
    do: 'review',
    job: { ...base, kind: 'command', number: 5 },
  })
})

test('a merge group is reviewed on its head, and cancelled when it is destroyed', () => {
  const merge_group = {
    head_sha: 'h',
    head_ref: 'refs/heads/gh-readonly-queue/main/x',
    base_ref: 'refs/heads/main',
  }
  const job = {
    ...base,
    kind: 'group',
    head: 'h',
    headRef: merge_group.head_ref,
    baseRef: 'refs/heads/main',
    reason: 'queued',
  }

  expect(intake('merge_group', { action: 'checks_requested', merge_group })).toEqual({ do: 'review', job })
  expect(intake('merge_group', { action: 'destroyed', merge_group })).toEqual({ do: 'cancel', job })
})

test('an account that leaves is forgotten, one that comes is reconciled', () => {
  expect(intake('installation', { action: 'deleted' })).toEqual({ do: 'forget', installation: 7, repositories: 'all' })
  expect(intake('installation', { action: 'created' })).toEqual({
    do: 'review',
    job: { kind: 'reconcile', delivery: 'd1', installation: 7 },
  })
  expect(
    intake('installation_repositories', { action: 'removed', repositories_removed: [{ id: 1 }, { id: 2 }] }),
  ).toEqual({ do: 'forget', installation: 7, repositories: [1, 2] })
})

test('an account that takes another name is looked through under the new one, where that is served', () => {
  const renamed = { action: 'renamed', account: { login: 'umbrella' }, changes: { login: { from: 'acme' } } }
  const job = { kind: 'reconcile', delivery: 'd1', installation: 7 }

  expect(intake('installation_target', renamed)).toEqual({ do: 'review', job })
  expect(intake('installation_target', renamed, ['umbrella'])).toEqual({ do: 'review', job })
  expect(intake('installation_target', renamed, ['acme'])).toEqual({
    do: 'ignore',
    why: 'account',
    account: 'umbrella',
  })
})

test.each<[string, object]>([
  ['an id that is no whole number', { installation: { id: 1.5 } }],
  ['an id beyond all numbers', { repository: { ...repository, id: Number.MAX_VALUE } }],
  ['a name with a NUL', { repository: { ...repository, name: 'shop\0' } }],
  ['half a character', { pull_request: { head: { sha: '\uD800' } } }],
])('what no database takes is ignored as unreadable: %s', (_, more) => {
  expect(pull('opened', more)).toEqual({ do: 'ignore', why: 'unreadable' })
})

test.each([null, 'text', [], { action: 'opened' }, { action: 'opened', number: 'x' }])(
  'the payload %j is ignored as unreadable',
  (payload) => {
    expect(toJob({ id: 'd1', event: 'pull_request', payload }, served)).toEqual({ do: 'ignore', why: 'unreadable' })
  },
)

describe('over HTTP', () => {
  const secret = "It's a Secret to Everybody"
  const sign = (body: string | Buffer) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
  const closers: (() => void)[] = []
  afterEach(() => closers.splice(0).forEach((close) => close()))

  async function listen(accept: (delivery: string, intake: Intake) => Promise<boolean> = async () => true) {
    const counted: string[] = []
    const accepted: [string, Intake][] = []
    const receive = receiveWebhooks({
      served,
      verify: async (body, signature) => signature === sign(body),
      accept: async (delivery, work) => {
        accepted.push([delivery, work])
        return accept(delivery, work)
      },
      count: (outcome, event) => counted.push(event === '' ? outcome : `${outcome} ${event}`),
      log: pino({ level: 'silent' }),
    })
    const server = createServer((request, response) => void receive(request, response)).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    closers.push(() => server.close())
    const { port } = server.address() as AddressInfo
    const post = async (body: string | Buffer<ArrayBuffer>, headers: Record<string, string | null> = {}) => {
      const given = Object.entries({
        'content-type': 'application/json',
        'x-github-event': 'pull_request',
        'x-github-delivery': randomUUID(),
        'x-hub-signature-256': sign(body),
        ...headers,
      }).filter((entry): entry is [string, string] => entry[1] !== null)
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, headers: given })
      return { status: response.status, text: (await response.text()).trim() }
    }
    return { port, post, counted, accepted }
  }

  const opened = JSON.stringify({
    action: 'opened',
    installation,
    repository,
    number: 5,
    pull_request: { head: { sha: 'abc' } },
  })

  test('a signed delivery is claimed with its job and answered 202', async () => {
    const { post, accepted, counted } = await listen()

    expect(await post(opened, { 'x-github-delivery': 'd1' })).toEqual({ status: 202, text: 'Accepted.' })
    expect(accepted).toEqual([
      ['d1', { do: 'review', job: { ...base, kind: 'pull', number: 5, head: 'abc', reason: 'opened' } }],
    ])
    expect(counted).toEqual(['accepted pull_request'])
  })

  test('a delivery that was claimed before is answered 202 too', async () => {
    const { post, counted } = await listen(async () => false)

    expect(await post(opened)).toEqual({ status: 202, text: 'Known already.' })
    expect(counted).toEqual(['duplicate pull_request'])
  })

  test('an unknown event is answered 202, counted, and not claimed', async () => {
    const { post, counted, accepted } = await listen()

    expect(await post('{}', { 'x-github-event': 'star' })).toEqual({ status: 202, text: 'Ignored.' })
    expect(accepted).toEqual([])
    expect(counted).toEqual(['ignored: event star'])
  })

  test('a queue that can not store answers 503, so that GitHub keeps the delivery', async () => {
    const { post, counted } = await listen(async () => {
      throw new Error('no database')
    })

    expect((await post(opened)).status).toBe(503)
    expect(counted).toEqual(['failed'])
  })

  test.each([
    ['without a signature', 401, {}, { 'x-hub-signature-256': null }],
    ['with a wrong signature', 401, {}, { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` }],
    ['with the signature of another body', 401, {}, { 'x-hub-signature-256': sign(`${opened} `) }],
    ['with half a signature', 401, {}, { 'x-hub-signature-256': sign(opened).slice(0, 40) }],
    ['with a signature of no known kind', 401, {}, { 'x-hub-signature-256': sign(opened).replace('sha256=', '') }],
    ['with a SHA-1 signature only', 401, {}, { 'x-hub-signature-256': null, 'x-hub-signature': 'sha1=00' }],
    ['as a form', 415, {}, { 'content-type': 'application/x-www-form-urlencoded' }],
    ['without a content type', 415, {}, { 'content-type': 'text/plain' }],
    ['without an event', 400, {}, { 'x-github-event': null }],
    ['without a delivery id', 400, {}, { 'x-github-delivery': null }],
    ['with a delivery id that is none', 400, {}, { 'x-github-delivery': "x'; drop table" }],
  ])('a delivery %s is refused with %i', async (_, status, __, headers) => {
    const { post, accepted } = await listen()

    expect((await post(opened, headers)).status).toBe(status)
    expect(accepted).toEqual([])
  })

  test.each([
    ['no JSON', 'nonsense', 400],
    ['JSON that is no object', '5', 202],
    ['JSON nested a million deep', `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`, 202],
  ])('a signed body that is %s takes nothing down', async (_, body, status) => {
    const { post, accepted } = await listen()

    expect((await post(body)).status).toBe(status)
    expect(accepted).toEqual([])
  })

  test('what is nested a hundred thousand deep where nobody looks costs nothing', async () => {
    const { post, accepted } = await listen()
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`

    const { status } = await post(opened.replace('{', `{"changes":{"base":${deep}},"more":${deep},`))

    expect(status).toBe(202)
    expect(accepted).toMatchObject([[expect.anything(), { do: 'review', job: { kind: 'pull', number: 5 } }]])
  })

  test('of a key that is there twice the last counts, as everywhere', async () => {
    const { post, accepted } = await listen()

    await post(opened.replace('"number":5', '"number":5,"number":6'))

    expect(accepted).toMatchObject([[expect.anything(), { job: { number: 6 } }]])
  })

  test('keys that would reach every object reach none', async () => {
    const { post, accepted } = await listen()
    const evil = '"__proto__":{"polluted":true,"kind":"group"},"constructor":{"prototype":{"polluted":true}},'

    const { status } = await post(opened.replaceAll('{', `{${evil}`))

    expect(status).toBe(202)
    const job = { ...base, delivery: expect.anything(), kind: 'pull', number: 5, head: 'abc', reason: 'opened' }
    expect(accepted).toStrictEqual([[expect.anything(), { do: 'review', job }]])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  test('a body that is no UTF-8 is refused, even with a signature over its bytes', async () => {
    const { post, accepted } = await listen()
    const body = Buffer.from(opened.replace('shop', 'sh\xFFp'), 'latin1')

    expect((await post(body, { 'x-hub-signature-256': sign(body) })).status).toBe(401)
    expect(accepted).toEqual([])
  })

  test('an empty body is refused', async () => {
    const { post } = await listen()

    expect((await post('', { 'x-hub-signature-256': sign('') })).status).toBe(401)
  })

  test('a body announced as too large is refused unread', async () => {
    const { port } = await listen()

    expect(await upload(port, 0, { 'content-length': String(MAX_BODY_BYTES + 1) }).status).toBe(413)
  })

  test('a body that grows too large is refused on the way', async () => {
    const { port } = await listen()

    expect(await upload(port, MAX_BODY_BYTES + 1).status).toBe(413)
  })

  test('of many large bodies at once the largest is refused, and a delivery passes all the same', async () => {
    const { port, post } = await listen()
    const bytes = 0.4 * MAX_HELD_BYTES
    const more = { 'content-length': String(bytes) }

    const hogs = [upload(port, bytes - 1, more), upload(port, bytes - 1, more), upload(port, bytes - 1, more)]
    const first = await Promise.race(hogs.map(({ status }) => status))
    const { status } = await post(opened)
    hogs.forEach(({ request }) => request.destroy())
    const left = await Promise.allSettled(hogs.map((hog) => hog.status))

    expect([first, status]).toEqual([503, 202])
    expect(left.filter((one) => one.status === 'rejected')).toHaveLength(2)
    // Nothing of them is held any more, and nothing of what is refused for its signature.
    const whole = () => upload(port, bytes, { 'content-length': String(bytes) }).status
    await expect.poll(whole, { timeout: 15_000 }).toBe(401)
    expect([await whole(), await whole(), await whole()]).toEqual([401, 401, 401])
  })

  /** Sends this many bytes, and does not end where none or more of them are announced. */
  function upload(port: number, bytes: number, headers: Record<string, string> = { 'transfer-encoding': 'chunked' }) {
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-github-event': 'push',
        'x-github-delivery': 'd1',
        'x-hub-signature-256': 'sha256=00',
        ...headers,
      },
    })
    const status = new Promise<number>((resolve, reject) => {
      request.on('response', (response) => {
        resolve(response.statusCode!)
        request.destroy()
      })
      request.on('error', reject)
    })
    request.flushHeaders()
    if (bytes > 0) request.write(Buffer.alloc(bytes, 'x'))
    return { request, status }
  }
})
