import { afterAll, beforeAll, expect, test } from 'vitest'
import { rules } from '#rules'
import { examplesOf } from '../support/cases.ts'
import type { Files, StandIn } from '../support/github/index.ts'
import { asksItsState, callsItself, callsItselfAs, mix, plain } from './shop.ts'
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

const stock = 'lib/shop/stock.ex'
const config = '.github/otp-review.yml'

let count = 0
async function review(base: Files, files: Files = { [stock]: callsItself }, owner = 'acme') {
  const repository = await github.repository(`${owner}/configured${(count += 1)}`, { files: { ...mix, ...base } })
  const pull = await repository.open({ branch: 'change', files })
  return { repository, pull, run: await pull.concluded() }
}

test('the base branch counts: a pull request can not switch off its own review, but sees what it would do', async () => {
  const { pull, run } = await review(
    { [config]: 'profile: recommended\n' },
    { [stock]: callsItself, [config]: 'profile: recommended\nrules:\n  genserver-self-call: off\n' },
  )

  expect(run).toMatchObject({ conclusion: 'failure', title: '1 error' })
  expect(await told(pull)).toEqual([`${stock}:12 genserver-self-call: open`])
  expect(run.text).toContain('### The configuration in this pull request')
  expect(run.text).toContain('This check would then conclude `success`, with 0 findings.')
  expect(run.text).toContain('| `rules.genserver-self-call` |  | `off` |')
})

test('a first configuration is previewed too, with its mistakes on their lines', async () => {
  const text = 'profle: strict\nfail_on: warn\nrules:\n  genserver-selfcall: error\n  genserver-self-call: warning\n'

  const { run } = await review({}, { [stock]: callsItself, [config]: text })

  expect(run.text).toContain(
    'This check would then conclude `neutral`, with 1 finding. 3 entries of it would not count',
  )
  expect(run.annotations.map(({ path, startLine, message }) => [path, startLine, message])).toEqual([
    [config, 1, expect.stringContaining('Did you mean `profile`?')],
    [config, 2, expect.stringContaining('Did you mean `warning`?')],
    [config, 4, expect.stringContaining('Did you mean `genserver-self-call`?')],
  ])
})

test('a configuration that goes is previewed as the defaults', async () => {
  const { run } = await review({ [config]: 'fail_on: never\n' }, { [stock]: callsItself, [config]: null })

  expect(run).toMatchObject({ conclusion: 'neutral' })
  expect(run.text).toContain('This check would then conclude `failure`, with 1 finding.')
  expect(run.text).toContain('| `fail_on` | `never` | `error` |')
})

test('what is wrong in the configuration is annotated on its own line in every pull request, and the rest counts', async () => {
  const text = 'mode: observ\nrules:\n  genserver-self-call: warning\n'

  const { run } = await review({ [config]: text })

  expect(run).toMatchObject({
    conclusion: 'neutral',
    annotations: [{ path: config, startLine: 1, level: 'warning', message: expect.stringContaining('`observe`') }],
  })
  expect(run.text).toContain(`| \`${config}:1\` |`)
})

test.each<[string, string | Uint8Array, RegExp]>([
  ['of a megabyte', `# ${'x'.repeat(1_048_576)}\n`, /larger than 64 kB, so nothing in it counts/],
  ['that is an alias bomb', bomb(), /anchors, aliases, tags and .* keys are not read here/],
  ['that is no text', new Uint8Array([0x6d, 0, 0xff, 0xfe]), /must be a mapping of settings, so nothing in it counts/],
  ['with hostile patterns', `paths:\n  ignore: ["${'*a'.repeat(90)}*b"]\n`, /^$/],
  ['with patterns that are none', 'paths:\n  ignore: ["lib/(a|b)+"]\n', /only `\*`, `\*\*`, `\?` and `\{a,b\}`/],
])('a configuration %s is refused with a word, and the review goes on', async (_, text, message) => {
  const { run } = await review({ [config]: text })

  expect(run).toMatchObject({ conclusion: 'failure', title: '1 error' })
  expect(run.annotations.map((each) => each.message).join('')).toMatch(message)
})

function bomb(): string {
  const lines = Array.from({ length: 9 }, (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at}, `.repeat(9)}*a${at}]`)
  return `a0: &a0 [x]\n${lines.join('\n')}\n`
}

test('the organisation’s file counts where the repository extends it, and where it does not it does not', async () => {
  await github.repository('united/.github', { files: { [config]: 'fail_on: never\nrules:\n  pg2-removed: off\n' } })

  const extending = await review({ [config]: 'extends: .github\n' }, { [stock]: callsItself }, 'united')
  const overriding = await review(
    { [config]: 'extends: .github\nfail_on: error\n' },
    { [stock]: callsItself },
    'united',
  )
  const alone = await review({}, { [stock]: callsItself }, 'united')
  const foreign = await review({ [config]: 'extends: united/.github\n' })

  expect([extending, overriding, alone].map(({ run }) => run.conclusion)).toEqual(['neutral', 'failure', 'failure'])
  expect(textOf(foreign.run)).toContain('`extends` can only name `acme/.github`, not `united/.github`.')
})

test('observing: a check run only, which is never red', async () => {
  const { pull, run } = await review({ [config]: 'mode: observe\n' })

  expect(run).toMatchObject({ conclusion: 'neutral', title: '1 error', annotations: [{ path: stock }] })
  expect(run.summary).toContain('The check only observes (`mode: observe`), so it does not fail.')
  expect(pull.reviews()).toEqual([])
})

test('`comments.max: 0`: nothing is ever said beside the check run', async () => {
  const { repository, pull, run } = await review({ [config]: 'comments:\n  max: 0\n' })
  expect(run).toMatchObject({ conclusion: 'failure', annotations: [{ path: stock, startLine: 12 }] })

  await pull.push({ [stock]: asksItsState })

  expect(await pull.concluded()).toMatchObject({ conclusion: 'success' })
  expect([pull.reviews(), pull.conversation(), repository.runsOn(pull.head).length]).toEqual([[], [], 1])
})

test('what only the strict profile reports is not said by default', async () => {
  const strict = rules.filter(({ set }) => set === 'strict')
  const mistakes = strict.flatMap((rule) => examplesOf(rule).filter(({ name }) => name === 'example 1, bad'))
  const files = Object.fromEntries(
    mistakes.map(({ sources: [source] }, index) => [`lib/shop/example${index}.ex`, source!.text]),
  )

  const byDefault = await review({}, files)
  const asked = await review({ [config]: 'profile: strict\n' }, files)

  const named = ({ run, pull }: typeof asked) => {
    const all = [textOf(run), ...pull.pull.threads.flatMap(({ comments }) => comments.map(({ body }) => body))].join(
      '\n',
    )
    return strict.filter(({ id }) => all.includes(`/${id}.md`)).map(({ id }) => id)
  }
  expect(named(byDefault)).toEqual([])
  expect(named(asked)).toEqual(strict.map(({ id }) => id))
})

test('settings differ by path', async () => {
  const text = `
overrides:
  - paths: ["apps/billing/**"]
    fail_on: warning
    rules:
      genserver-self-call: warning
  - paths: ["apps/legacy"]
    rules:
      genserver-self-call: off
paths:
  ignore: ["**/generated/**"]
`
  const files = (folder: string) => ({ [`${folder}/lib/stock.ex`]: callsItself })

  const billing = await review({ [config]: text }, files('apps/billing'))
  const legacy = await review({ [config]: text }, files('apps/legacy'))
  const generated = await review({ [config]: text }, files('apps/shop/generated'))
  const shop = await review({ [config]: text }, files('apps/shop'))

  expect([billing, legacy, generated, shop].map(({ run }) => [run.conclusion, run.title])).toEqual([
    ['failure', '1 warning'],
    ['success', 'Nothing to report in 1 Elixir file'],
    ['success', 'No Elixir file to review'],
    ['failure', '1 error'],
  ])
})

test('several Mix projects in one repository: each file is read by what its own project says', async () => {
  const mixOf = (app: string) =>
    `defmodule ${app}.MixProject do\n  use Mix.Project\n  def project, do: [app: :shop]\nend\n`
  const server = (name: string) => `defmodule ${name} do
  @moduledoc "Needs an address."
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

  @impl true
  def init(opts) do
    case opts[:url] do
      nil -> {:error, :no_url}
      url -> {:ok, url}
    end
  end
end
`
  const base = {
    'services/old/mix.exs': mixOf('Old'),
    'services/old/.tool-versions': 'erlang 25.3\nelixir 1.14.5\n',
    'services/new/mix.exs': mixOf('New'),
    'services/new/.tool-versions': 'erlang 27.1\nelixir 1.17.3\n',
  }

  const { pull } = await review(base, {
    'services/old/lib/feed.ex': server('Old.Feed'),
    'services/new/lib/feed.ex': server('New.Feed'),
  })

  // From OTP 26 on a server may say so.
  expect(await told(pull)).toEqual([
    expect.stringMatching(/^services\/old\/lib\/feed\.ex:\d+ genserver-invalid-callback-return: open$/),
  ])
})

test('ignore comments count with their reasons, and those that are wrong are told on their line', async () => {
  const ignored = callsItself.replace(
    '    {:reply, count',
    '    # otp-review:ignore genserver-self-call -- behind a flag until May\n    {:reply, count',
  )
  const files = {
    [stock]: ignored,
    'lib/shop/cart.ex': callsItselfAs('Cart').replace(
      '    {:reply, count',
      '    # otp-review:ignore genserver-self-call\n    {:reply, count',
    ),
    'lib/shop/price.ex': `${plain('Price')}# otp-review:ignore genserver-self-call -- was here once\n# otp-review:ignore genserver-selfcall -- typo\n`,
  }

  const { pull, run } = await review({}, files)

  expect(run).toMatchObject({ conclusion: 'failure', title: '1 error, 1 ignored, 3 ignore comments to correct' })
  expect(await told(pull)).toEqual(['lib/shop/cart.ex:13 genserver-self-call: open'])
  expect(run.text).toMatch(/### Ignored in the code\n\n.*\n.*\n.*stock\.ex:12.*\| behind a flag until May \|/)
  const notes = run.annotations.map(({ path, startLine, message }) => `${path}:${startLine} ${message}`)
  expect(notes).toEqual([
    expect.stringMatching(/^lib\/shop\/cart\.ex:12 Without a reason this comment silences nothing\./),
    expect.stringMatching(/^lib\/shop\/price\.ex:7 This comment silences nothing: `genserver-self-call` finds/),
    expect.stringMatching(/^lib\/shop\/price\.ex:8 `genserver-selfcall` is not a rule of this version\./),
  ])
})
