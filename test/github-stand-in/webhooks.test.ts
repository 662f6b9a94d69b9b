import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { startGitHub } from '../support/github/index.ts'
import { asApp } from './client.ts'

interface Arrived {
  headers: IncomingHttpHeaders
  body: string
}

// A service that only listens.
async function startReceiver() {
  const arrived: Arrived[] = []
  const answer = { status: 202 }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    arrived.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
    response.writeHead(answer.status).end('thanks')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    arrived,
    answer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((done) => server.close(() => done()))
    },
  }
}

const named = (arrived: Arrived[]) =>
  arrived.map(({ headers, body }) => `${headers['x-github-event']}.${(JSON.parse(body) as { action: string }).action}`)

test('deliveries are signed over the bytes that arrive and say what they are', async () => {
  await using receiver = await startReceiver()
  await using github = await startGitHub({ webhookUrl: receiver.url })
  const repo = await github.repository('acme/shop')

  await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' } })

  const opened = receiver.arrived.find((one) => one.headers['x-github-event'] === 'pull_request')!
  const signature = createHmac('sha256', github.app.webhookSecret).update(opened.body).digest('hex')
  expect(opened.headers).toMatchObject({
    'x-hub-signature-256': `sha256=${signature}`,
    'x-github-delivery': expect.stringMatching(/^[0-9a-f-]{36}$/),
    'content-type': 'application/json',
    'user-agent': expect.stringMatching(/^GitHub-Hookshot\//),
  })
  expect(JSON.parse(opened.body)).toMatchObject({
    action: 'opened',
    number: 1,
    pull_request: { head: { ref: 'change' }, base: { ref: 'main' } },
    repository: { full_name: 'acme/shop' },
    organization: { login: 'acme' },
    installation: { id: github.installation('acme').id },
    sender: { login: 'alice' },
  })
})

test('everything that people do to a pull request is told, with payloads as GitHub describes them', async () => {
  await using receiver = await startReceiver()
  await using github = await startGitHub({ webhookUrl: receiver.url })
  const repo = await github.repository('acme/shop')
  const pull = await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' }, draft: true })
  await repo.push('release', { 'b.ex': '1\n' })
  receiver.arrived.length = 0

  await pull.push({ 'lib/a.ex': '2\n' })
  await pull.markReady()
  await pull.convertToDraft()
  await pull.retitle('Another title')
  await pull.retarget('release')
  await pull.close()
  await pull.reopen()
  await pull.comment('/otp-review accept task-unsupervised -- known')
  await pull.review('lib/a.ex', 1, 'A person too.', { as: 'bob' })
  const group = await repo.enqueue(pull)
  await repo.dequeue(group)
  await pull.merge()
  await github.suspend('acme')

  expect(named(receiver.arrived)).toEqual([
    'check_suite.requested',
    'pull_request.synchronize',
    'pull_request.ready_for_review',
    'pull_request.converted_to_draft',
    'pull_request.edited',
    'pull_request.edited',
    'pull_request.closed',
    'pull_request.reopened',
    'issue_comment.created',
    'pull_request_review_comment.created',
    'merge_group.checks_requested',
    'merge_group.destroyed',
    'check_suite.requested',
    'pull_request.closed',
    'installation.suspend',
  ])
  expect(JSON.parse(receiver.arrived[5]!.body)).toMatchObject({ changes: { base: { ref: { from: 'main' } } } })
})

test('an installation hears only of what it subscribed to and may read', async () => {
  await using receiver = await startReceiver()
  await using github = await startGitHub({ webhookUrl: receiver.url })
  const repo = await github.repository('acme/shop', {
    permissions: { metadata: 'read', pull_requests: 'read' },
    events: ['pull_request', 'check_suite', 'issue_comment'],
  })
  const pull = await repo.open({ branch: 'change', files: { 'lib/a.ex': '1\n' } })
  await pull.comment('hello')

  expect(named(receiver.arrived)).toEqual(['installation.created', 'pull_request.opened'])
})

test('a failed delivery is not repeated, is listed, and keeps its id when it is delivered again', async () => {
  await using receiver = await startReceiver()
  await using github = await startGitHub({ webhookUrl: receiver.url })
  const repo = await github.repository('acme/shop', { events: ['pull_request'] })
  receiver.answer.status = 503
  await repo.open({ branch: 'one', files: { 'a.ex': '1\n' } })
  github.webhooks.deliverTo('http://127.0.0.1:1/nobody')
  await repo.open({ branch: 'two', files: { 'b.ex': '1\n' } })
  const { apps } = asApp(github).rest

  const { data: failed } = await apps.listWebhookDeliveries({ status: 'failure' })
  expect(failed.map((one) => [one.status, one.status_code, one.event, one.action])).toEqual([
    ['failed to connect to host', 502, 'pull_request', 'opened'],
    ['Invalid HTTP Response: 503', 503, 'pull_request', 'opened'],
  ])
  receiver.answer.status = 202
  github.webhooks.deliverTo(receiver.url)
  await apps.redeliverWebhookDelivery({ delivery_id: failed[0]!.id })
  await github.webhooks.settled()

  const { data: all } = await apps.listWebhookDeliveries({})
  expect(all[0]).toMatchObject({ guid: failed[0]!.guid, redelivery: true, status: 'OK', status_code: 202 })
  expect(receiver.arrived.at(-1)?.headers['x-github-delivery']).toBe(failed[0]!.guid)
})

test('deliveries are listed newest first, page by page, by a cursor', async () => {
  await using github = await startGitHub()
  const repo = await github.repository('acme/shop', { events: ['pull_request'] })
  const pull = await repo.open({ branch: 'one', files: { 'a.ex': '1\n' } })
  for (let index = 0; index < 4; index += 1) await pull.retitle(`Title ${index}`)
  const client = asApp(github)

  const pages = []
  for await (const page of client.paginate.iterator(client.rest.apps.listWebhookDeliveries, { per_page: 2 }))
    pages.push(page.data.map((one) => one.action))

  expect(pages).toEqual([
    ['edited', 'edited'],
    ['edited', 'edited'],
    ['opened', 'created'],
  ])
})

test('a lost delivery was never made', async () => {
  await using receiver = await startReceiver()
  await using github = await startGitHub({ webhookUrl: receiver.url })
  const repo = await github.repository('acme/shop', { events: ['pull_request'] })
  github.webhooks.lose()
  await repo.open({ branch: 'one', files: { 'a.ex': '1\n' } })
  github.webhooks.deliverTo(receiver.url)
  await repo.open({ branch: 'two', files: { 'b.ex': '1\n' } })

  expect(receiver.arrived.slice(1).map((one) => (JSON.parse(one.body) as { number: number }).number)).toEqual([2])
  expect(github.webhooks.deliveries.map((one) => one.action)).toEqual(['created', 'opened'])
})
