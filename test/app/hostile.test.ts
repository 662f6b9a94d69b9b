import { afterAll, beforeAll, expect, test } from 'vitest'
import { readMarker } from '../../src/review/marker.ts'
import type { StandIn } from '../support/github/index.ts'
import { HOSTILE } from '../support/hostile.ts'
import { render } from '../support/rendered.ts'
import { callsItselfAs, mix } from './shop.ts'
import { start } from './start.ts'
import type { Running } from './start.ts'

let running: Running
let github: StandIn
beforeAll(async () => {
  running = await start()
  github = running.github
}, 60_000)
afterAll(() => running[Symbol.asyncDispose]())

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
