import { expect, test } from 'vitest'
import { readCases, readSource } from './markdown-cases.ts'

const markdown = (...lines: string[]): string => lines.join('\n').replaceAll('~~~', '```')

test('a whole module stands as it is, and its lines count as in the Markdown file', () => {
  const [only] = readCases(
    'x.md',
    markdown('# id', '', '## One', '', '~~~elixir', 'defmodule A do', '  spawn(f) # finding', 'end', '~~~'),
  )

  expect(only).toMatchObject({
    name: 'One',
    sources: [{ text: 'defmodule A do\n  spawn(f) # finding\nend\n', linesAbove: 5 }],
  })
  expect(only!.sources[0]!.expected).toEqual([{ line: 2, severity: null }])
})

test('a snippet gets a module around it without moving its lines in the Markdown file', () => {
  const [only] = readCases(
    'x.md',
    markdown('## One', '~~~elixir use GenServer, restart: :temporary', 'def f, do: spawn(g) # finding', '~~~'),
  )
  const [source] = only!.sources

  expect(source!.text).toBe(
    'defmodule MyApp.Sample do\n  use GenServer, restart: :temporary\ndef f, do: spawn(g) # finding\nend\n',
  )
  expect(source!.expected[0]!.line + source!.linesAbove).toBe(3)
})

test('the info string gives path, set and outcome', () => {
  expect(readSource('elixir lib/mix/tasks/a.ex strict partial use Mix.Task', 'def run(_), do: nil', 0)).toMatchObject({
    path: 'lib/mix/tasks/a.ex',
    strict: true,
    outcome: 'partial',
  })
})

test('two fences are two files', () => {
  const [only] = readCases('x.md', markdown('## One', '~~~elixir', 'x', '~~~', '~~~elixir', 'y', '~~~'))

  expect(only!.sources.map(({ path }) => path)).toEqual(['lib/my_app/sample.ex', 'lib/my_app/sample_2.ex'])
})

test('project files stand in fences of their own', () => {
  const [only] = readCases(
    'x.md',
    markdown(
      '## One',
      '~~~mix.exs',
      '{:oban, "~> 2.17"}',
      '~~~',
      '~~~elixir apps/a/mix.exs',
      'x',
      '~~~',
      '~~~elixir',
      'y',
      '~~~',
    ),
  )

  expect(only!.projectFiles).toEqual([
    { path: 'mix.exs', text: '{:oban, "~> 2.17"}\n' },
    { path: 'apps/a/mix.exs', text: 'x\n' },
  ])
  expect(only!.sources).toHaveLength(1)
})

test('a marker may count findings, name a severity, and follow a comment', () => {
  const { expected } = readSource('elixir', 'defmodule A do\nf() # finding x2\ng() # why # finding: error\nend', 0)

  expect(expected).toEqual([
    { line: 2, severity: null },
    { line: 2, severity: null },
    { line: 3, severity: 'error' },
  ])
})

test.each([
  ['## One\n```elixir\nf() # findings are rare # finding maybe\n```', 'x.md:2: `# finding maybe` is not `# finding`'],
  ['## One\n```elixir\nf() # finding: bad\n```', 'is not `# finding`'],
  ['## One\n```elixir genserver\nf()\n```', '`genserver` is neither a path'],
  ['## One\n```ruby\nf()\n```', 'a fence is `elixir` or a project file'],
  ['## One\n```elixir use GenServer\ndefmodule A do\nend\n```', 'a whole module writes its own `use GenServer`'],
  ['## One\n```elixir\nf()', 'x.md:2: this fence is never closed'],
  ['```elixir\nf()\n```', 'x.md:1: a fence needs a `## heading` above it'],
  ['## One\nprose', 'the case "One" has no Elixir fence'],
  ['## One\n```elixir\nf()\n```\n## One\n', 'x.md:5: there is another case "One"'],
])('a case file that cannot mean what it says is refused: %#', (text, message) => {
  expect(() => readCases('x.md', text)).toThrow(message)
})
