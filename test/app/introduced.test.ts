import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Files, StandIn } from '../support/github/index.ts'
import { callsItself, mix } from './shop.ts'
import { start } from './start.ts'
import type { Running } from './start.ts'
import { textOf, told } from './told.ts'

let running: Running
let github: StandIn
beforeAll(async () => {
  running = await start()
  github = running.github
}, 60_000)
afterAll(() => running[Symbol.asyncDispose]())

let count = 0
/** What a pull request that makes `files` of `base` is told. */
async function review(base: Files, files: Files) {
  const repository = await github.repository(`acme/change${(count += 1)}`, { files: { ...mix, ...base } })
  const pull = await repository.open({ branch: 'change', files })
  const run = await pull.concluded()
  return { pull, run, said: await told(pull) }
}

const path = 'lib/shop/rates.ex'
const rates = `defmodule Shop.Rates do
  @moduledoc "Exchange rates, so that prices can be shown in the customer's currency."

  use GenServer

  def start_link(url), do: GenServer.start_link(__MODULE__, url, name: __MODULE__)

  @impl true
  def init(url) do
    state = %{url: url, rates: %{}}
    {:ok, state, {:continue, :load}}
  end

  @impl true
  def handle_continue(:load, state), do: {:noreply, load(state)}

  @impl true
  def handle_info(:refresh, state), do: {:noreply, load(state)}

  defp load(state) do
    %{state | rates: Req.get!(state.url).body["rates"]}
  end
end
`

const imports = 'lib/shop/imports.ex'
const watches = `defmodule Shop.Imports do
  @moduledoc "Which import runs, and what became of it."

  use GenServer

  def start_link(_opts), do: GenServer.start_link(__MODULE__, %{}, name: __MODULE__)
  def watch(pid, file), do: GenServer.cast(__MODULE__, {:watch, pid, file})
  def running, do: GenServer.call(__MODULE__, :running)

  @impl true
  def init(files), do: {:ok, files}

  @impl true
  def handle_cast({:watch, pid, file}, files) do
    ref = Process.monitor(pid)
    {:noreply, Map.put(files, ref, file)}
  end

  @impl true
  def handle_call(:running, _from, files), do: {:reply, Map.values(files), files}

  @impl true
  def handle_info(:expire, files), do: {:noreply, Map.filter(files, &fresh?/1)}

  def handle_info({:DOWN, ref, :process, _pid, _reason}, files) do
    {:noreply, Map.delete(files, ref)}
  end

  defp fresh?({_ref, file}), do: file.at > System.os_time(:second) - 3600
end
`

test('the line that turns a harmless helper into a finding is told once, with a pointer to the helper', async () => {
  const head = rates.replace('{:ok, state, {:continue, :load}}', '{:ok, load(state)}')

  const { pull, run, said } = await review({ [path]: rates }, { [path]: head })

  expect(said).toEqual([`${path}:11 genserver-blocking-init: open`])
  expect((await pull.comments())[0]!.body).toContain('(See line 21.)')
  expect(run.annotations).toEqual([])
})

test('a deleted clause that kept an old line right is told in the check run, on that line', async () => {
  const head = watches.replace(/  def handle_info\({:DOWN[^]*?\n  end\n\n/, '')

  const { pull, run, said } = await review({ [imports]: watches }, { [imports]: head })

  expect(said).toEqual([])
  expect(pull.reviews()).toEqual([])
  expect(run.annotations).toMatchObject([{ path: imports, startLine: 15 }])
  expect(textOf(run)).toContain('genserver-down-or-exit-unhandled')
})

test('a child that is deleted from its supervisor, and was what another needs, is told in the check run', async () => {
  const file = 'lib/shop/application.ex'
  const application = `defmodule Shop.Application do
  @moduledoc false

  use Application

  @impl true
  def start(_type, _args) do
    children = [
      Shop.Repo,
      {Oban, Application.fetch_env!(:shop, Oban)},
      Shop.Archive.Repo,
      ShopWeb.Endpoint
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end
end
`

  const { pull, run, said } = await review(
    { [file]: application },
    { [file]: application.replace('      Shop.Repo,\n', '') },
  )

  expect([said, pull.reviews()]).toEqual([[], []])
  expect(run.annotations).toMatchObject([{ path: file, startLine: 10 }])
  expect(textOf(run)).toContain('children-start-order')
})

test('a child that is taken from its place before another, and put after it, is told on its new line', async () => {
  const application = `defmodule Shop.Application do
  @moduledoc false

  use Application

  @impl true
  def start(_type, _args) do
    children = [
      Shop.Repo,
      {Phoenix.PubSub, name: Shop.PubSub},
      Shop.Stock,
      ShopWeb.Endpoint
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end
end
`
  const file = 'lib/shop/application.ex'
  const pubsub = '      {Phoenix.PubSub, name: Shop.PubSub}'
  const head = application
    .replace(`${pubsub},\n`, '')
    .replace('      ShopWeb.Endpoint\n', `      ShopWeb.Endpoint,\n${pubsub}\n`)

  const { said } = await review({ [file]: application }, { [file]: head })

  expect(said).toEqual([expect.stringMatching(/application\.ex:1[12] children-start-order: open$/)])
})

test('old sins beside a change, and in a file that is renamed, stay where they are', async () => {
  const stock = 'lib/shop/stock.ex'
  const warehouse = 'lib/shop/warehouse/stock.ex'

  const beside = await review({ [stock]: callsItself }, { [stock]: callsItself.replace('item, 0', 'item, 1') })
  const renamed = await review({ [stock]: callsItself }, { [stock]: null, [warehouse]: callsItself })
  const both = await review(
    { [stock]: callsItself },
    { [stock]: null, [warehouse]: callsItself.replaceAll('Shop.Stock', 'Shop.Warehouse.Stock') },
  )

  expect([beside, renamed, both].map(({ run, said }) => [run.conclusion, said])).toEqual([
    ['success', []],
    ['success', []],
    ['success', []],
  ])
  expect([beside, renamed, both].flatMap(({ run }) => run.annotations)).toEqual([])
})

test('what is new in a renamed file is told on its new path, the old beside it is not', async () => {
  const head = callsItself.replace(
    '  def handle_call({:count',
    '  def handle_call({:drop, item}, _from, stock), do: {:reply, count(item), Map.delete(stock, item)}\n\n  def handle_call({:count',
  )

  const { said } = await review(
    { 'lib/shop/stock.ex': callsItself },
    { 'lib/shop/stock.ex': null, 'lib/shop/shelf.ex': head },
  )

  expect(said).toEqual(['lib/shop/shelf.ex:15 genserver-self-call: open'])
})

test.each([
  ['a file without a line end', 'defmodule A do\nend', 'defmodule A do\n  def b, do: 1\nend'],
  ['lines that begin with ++ and --', 'a = [1]\n', '++ [2]\n-- [1]\n+++ b\n--- c\n'],
  ['one line in a new file', null, 'x = 1'],
])('a patch of %s is read as git means it', async (_, before, after) => {
  const base = before === null ? {} : { 'lib/odd.ex': before, 'lib/shop/stock.ex': '# None yet.\n' }

  const { said } = await review(base, { 'lib/odd.ex': after, 'lib/shop/stock.ex': callsItself })

  expect(said).toEqual(['lib/shop/stock.ex:12 genserver-self-call: open'])
})

test('a file whose patch GitHub leaves out is compared with its base', async () => {
  const repository = await github.repository('acme/patchless', {
    files: { ...mix, 'lib/shop/stock.ex': callsItself, 'lib/shop/cart.ex': callsItself.replace('Stock', 'Cart') },
  })
  github.webhooks.deliverTo(null)
  const pull = await repository.open({
    branch: 'a',
    files: {
      'lib/shop/stock.ex': `# Moved.\n${callsItself}`,
      'lib/shop/cart.ex': `${callsItself.replace('Stock', 'Cart')}\n${callsItself.replace('Stock', 'Shelf')}`,
    },
  })
  pull.withholdPatch('lib/shop/stock.ex')
  pull.withholdPatch('lib/shop/cart.ex')
  github.webhooks.deliverTo(running.service.webhookUrl)
  await github.webhooks.redeliver(github.webhooks.deliveries.findLast(({ event }) => event === 'pull_request')!)

  const run = await pull.concluded()

  // Lines that GitHub does not show take no comments.
  expect(await told(pull)).toEqual([])
  expect(run).toMatchObject({ conclusion: 'failure', annotations: [{ path: 'lib/shop/cart.ex', startLine: 31 }] })
})
