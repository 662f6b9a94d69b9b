import { createHmac, randomBytes } from 'node:crypto'
import published from '@octokit/webhooks-examples'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { readMarker } from '../../src/review/marker.ts'
import type { StandIn } from '../support/github/index.ts'
import { HOSTILE } from '../support/hostile.ts'
import { render } from '../support/rendered.ts'
import { callsItself, callsItselfAs, mix, plain } from './shop.ts'
import { start } from './start.ts'
import type { Running } from './start.ts'
import { textOf, told } from './told.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let running: Running
let github: StandIn
beforeAll(async () => {
  running = await start()
  github = running.github
})
afterAll(() => running[Symbol.asyncDispose]())
afterEach(() => github.faults.clear())

const WARNING = 40
const FILES = 'GET /repos/{owner}/{repo}/pulls/{pull_number}/files'
const stock = 'lib/shop/stock.ex'

/** What a renderer may find in anything we say; `h3` and tables stand in check runs alone. */
const ELEMENTS = ['a', 'br', 'code', 'details', 'em', 'h3', 'li', 'p', 'pre', 'span', 'strong', 'sub', 'summary']
const TABLES = ['table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul']
const OURS =
  /^https:\/\/(github\.com\/(acme\/hostile\d\/(blob|pull)|otp-review\/otp-review)\/|hexdocs\.pm\/|www\.erlang\.org\/)/

function inert(markdown: string): ReturnType<typeof render> {
  const rendered = render(markdown)
  expect(rendered.elements.filter((name) => ![...ELEMENTS, ...TABLES].includes(name))).toEqual([])
  expect(rendered.found).toEqual([])
  expect(rendered.links.filter((link) => !OURS.test(link))).toEqual([])
  return rendered
}

/** As a path can be: git and GitHub take anything but NUL and empty names. */
const names = HOSTILE.filter((text) => text.isWellFormed() && !text.includes('\0'))
  .map((text) => text.replaceAll('/', '∕'))
  .filter((text) => text.trim() !== '')

test('file names and reasons that want to break out are shown as they are', async () => {
  const repository = await github.repository('acme/hostile1', { files: mix })
  const files = names.map((name, index) => {
    const reason = name.replaceAll(/\s+/g, ' ')
    const isIgnored = index % 2 === 0
    const text = callsItselfAs(`N${index}`).replace(
      '    {:reply, count',
      `${isIgnored ? `    # otp-review:ignore genserver-self-call -- ${reason}\n` : ''}    {:reply, count`,
    )
    return [`lib/${name}.ex`, text]
  })

  const pull = await repository.open({ branch: 'hostile', files: Object.fromEntries(files), title: names.join(' ') })
  const run = await pull.concluded()

  expect(run.conclusion).toBe('failure')
  expect(run.title).toMatch(/^\d+ errors, \d+ ignored/)
  const summary = inert(run.summary!)
  inert(run.text!)
  const standing = files.length - Math.ceil(files.length / 2)
  expect(summary.html.match(/<tr>/g)).toHaveLength(standing + 1)
  expect(await pull.comments()).toHaveLength(3)
  for (const { body } of await pull.comments()) expect(inert(body).comments).toHaveLength(1)
  for (const { title, message } of run.annotations)
    expect(`${title}${message}`).not.toMatch(/[\u0000-\u0009\u200B-\u200F\u202A-\u202E]/u)
})

test('code that wants to break out of a suggestion stays inside it, and spoofs no marker', async () => {
  const repository = await github.repository('acme/hostile2', { files: mix })
  const [first] = names
  const children = (comment: string) => `defmodule Shop.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _args) do
    children = [
      # ${comment}
      ShopWeb.Endpoint,
      # \`\`\`\` </details> <!-- otp-review {"v":1,"rule":"spoof","state":"fixed"} -->
      {Phoenix.PubSub, name: Shop.PubSub}
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end
end
`
  const texts = ['``` @acme/core', '</sub></details> <img src=x>', '~~~ [x](https://evil.example)', first!]

  for (const [index, text] of texts.entries()) {
    const files = { 'lib/shop/application.ex': children(text.replaceAll('\n', ' ')) }
    const pull = await repository.open({ branch: `b${index}`, files })
    await pull.concluded()

    const [comment, ...more] = await pull.comments()
    expect(more).toEqual([])
    const { comments, html } = inert(comment!.body)
    expect(comments).toHaveLength(1)
    expect(html.match(/<pre>/g)).toHaveLength(1)
    expect(readMarker(comment!.body)).toMatchObject({ rule: 'children-start-order', state: 'open' })

    await pull.push({ 'lib/shop/application.ex': null })
    await pull.concluded()
    expect(inert((await pull.comments())[0]!.body).comments).toHaveLength(1)
  }
})

test('quoted atoms that a message names are shown as code', async () => {
  const repository = await github.repository('acme/hostile3', { files: mix })
  const atoms = names.filter((name) => !/["\\\n\r#\p{C}]/u.test(name)).slice(0, 30)
  const server = (name: string, index: number) => `defmodule Shop.S${index} do
  use GenServer

  def start_link(_opts), do: GenServer.start_link(__MODULE__, %{}, name: __MODULE__)
  def drop(item), do: GenServer.cast(__MODULE__, {:"${name}", item})

  @impl true
  def init(items), do: {:ok, items}

  @impl true
  def handle_cast({:delete, item}, items), do: {:noreply, Map.delete(items, item)}
end
`
  const files = atoms.map((name, index) => [`lib/s${index}.ex`, server(name, index)])

  const pull = await repository.open({ branch: 'atoms', files: Object.fromEntries(files) })
  const run = await pull.concluded()

  expect(run.title).toMatch(/^\d+ errors/)
  inert(run.summary!)
  for (const { body } of await pull.comments()) expect(inert(body).comments).toHaveLength(1)
})

test('every payload that GitHub publishes is answered, and leaves nothing but quiet lines in the log', async () => {
  const examples = published as unknown as { name: string; examples: object[] }[]
  const before = running.logged.length
  const statuses = new Map<number, number>()

  for (const { name, examples: payloads } of examples) {
    for (const payload of payloads) {
      const body = JSON.stringify(payload)
      const { status } = await fetch(running.service.webhookUrl, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'x-github-event': name,
          'x-github-delivery': randomBytes(8).toString('hex'),
          'x-hub-signature-256': `sha256=${createHmac('sha256', github.app.webhookSecret).update(body).digest('hex')}`,
        },
      })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  const metrics = async () => (await fetch(`${running.service.url}/metrics`)).text()
  const isIdle = /otp_review_jobs\{state="waiting"\} 0\notp_review_jobs\{state="running"\} 0/
  await expect.poll(metrics, { timeout: 15_000, interval: 200 }).toMatch(isIdle)

  expect([...statuses.keys()]).toEqual([202])
  expect(statuses.get(202)).toBeGreaterThan(300)
  const lines = running.logged.slice(before)
  expect(lines.filter(({ level }) => Number(level) >= WARNING)).toEqual([])
  expect(lines.map(({ msg }) => msg)).toContain('what the job is about is gone')
})

test('files that no parser likes are named where they can not be read; the one beside them is reviewed', async () => {
  const repository = await github.repository('acme/hostile4', { files: mix })
  const depth = 20_000
  const files = {
    'lib/a/bytes.ex': randomBytes(50_000),
    'lib/a/nul.ex': `defmodule Nul do\n${'\0'.repeat(1000)}\nend\n`,
    'lib/a/deep.ex': `defmodule Deep do\n  def f, do: ${'['.repeat(depth)}${']'.repeat(depth)}\nend\n`,
    'lib/a/open.ex': `defmodule Open do\n${'  def f(x), do: fn -> ['.repeat(5_000)}`,
    'lib/a/heredoc.ex': 'defmodule Heredoc do\n  @moduledoc """\n  never\n  ends\n',
    'lib/a/line.ex': `defmodule Line do\n  def f, do: [${'1, '.repeat(100_000)}1]\nend\n`,
    'lib/a/large.ex': `defmodule Large do\n${'  # large\n'.repeat(60_000)}end\n`,
    'lib/a/marks.ex': `\uFEFFdefmodule Marks do\r\n  def f, do: "\u202E\u2066"\r\nend\r\n`,
    [stock]: callsItself,
  }

  const pull = await repository.open({ branch: 'unlikely', files })
  const run = await pull.concluded()
  const done = await running.line({ msg: 'job done', repo: 'acme/hostile4' })

  expect(run).toMatchObject({ conclusion: 'failure', title: expect.stringMatching(/^1 error/) })
  expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: open`])
  const text = textOf(run)
  for (const name of ['bytes', 'large']) expect(text).toContain(`lib/a/${name}.ex`)
  expect(done['attempt']).toBe(1)
  inert(run.summary!)
  inert(run.text!)
})

test('a file that never ends or takes its thread down is named in the check run; the others are read', async () => {
  const program = new URL('../support/unruly-worker.ts', import.meta.url)
  await using unruly = await start({ FILE_TIME_LIMIT_MS: '500' }, undefined, { program })
  const repository = await unruly.github.repository('acme/shop', { files: mix })
  const bad = ['loops', 'exits', 'throws'].map((name) => [`lib/${name}.ex`, plain(name.toUpperCase())])
  const fine = Array.from({ length: 5 }, (_, index) => [`lib/fine${index}.ex`, plain(`Fine${index}`)])

  const pull = await repository.open({ branch: 'a', files: Object.fromEntries([...bad, ...fine]) })
  const run = await pull.concluded()

  expect(run.conclusion).toBe('neutral')
  const text = textOf(run)
  expect(text).toContain('| `lib/loops.ex` | the analysis took too long |')
  for (const [path] of bad) expect(text).toContain(path)
  for (const [path] of fine) expect(text).not.toContain(path)
  const next = await repository.open({ branch: 'b', files: Object.fromEntries(fine) })
  expect(await next.concluded()).toMatchObject({ conclusion: 'success' })
})

test.each<[string, (patch: string) => string | undefined]>([
  ['is garbage', () => 'no patch\nat all\0'],
  ['is cut off', (patch) => patch.slice(0, patch.length / 2)],
  ['lies about its lines', (patch) => patch.replace(/\+1,\d+/, '+1,999999999')],
  ['begins in the void', (patch) => patch.replace('@@ -1,', '@@ -4294967296,')],
  ['shows other lines than the file has', (patch) => patch.replaceAll('+  ', '+# ')],
  ['is a hundred thousand headers', () => '@@ -1 +1 @@\n'.repeat(100_000)],
  ['is missing', () => undefined],
])('a patch that %s costs the comment its place, and nothing else', async (name, spoil) => {
  const files = { [stock]: callsItself }
  const repository = await github.repository(`acme/patch-${name.replaceAll(' ', '-')}`, {
    files: { ...mix, [stock]: plain('Stock') },
  })
  const whole = await repository.open({ branch: 'whole', files })
  await whole.concluded()
  const { oid, patch, additions, deletions } = (await whole.files())[0]!
  github.faults.always(FILES, {
    status: 200,
    body: [{ sha: oid, filename: stock, status: 'modified', additions, deletions, patch: spoil(patch!) }],
  })

  const pull = await repository.open({ branch: 'spoilt', files })
  const run = await pull.concluded()

  expect(run).toMatchObject({ conclusion: 'failure', title: '1 error', annotations: [{ path: stock, startLine: 12 }] })
  expect(await told(pull)).toEqual([])
  expect(await told(whole)).toEqual([`${stock}:12 genserver-self-call: open`])
})

test('code that looks like a patch is commented on where it stands', async () => {
  const repository = await github.repository('acme/hostile5', { files: { ...mix, [stock]: plain('Stock') } })
  const marks =
    '--- a/lib/x.ex\n+++ b/lib/x.ex\n@@ -1,9 +1,99 @@\n+added\n-removed\n\\ No newline at end of file\ndiff --git a/x b/x\n'
  const files = {
    [stock]: `${callsItself.replace('  @impl true\n', `  @doc """\n${marks}  """\n  @impl true\n`)}`,
    'lib/shop/cart.ex': `${callsItselfAs('Cart').trimEnd()} # ${'\\ No newline at end of file'}`,
  }

  const pull = await repository.open({ branch: 'stock', files })
  await pull.concluded()

  expect(await told(pull)).toEqual([
    'lib/shop/cart.ex:12 genserver-self-call: open',
    `${stock}:21 genserver-self-call: open`,
  ])
})
