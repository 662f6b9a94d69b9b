import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  analyse,
  FILE_TIME_LIMIT,
  type FileReport,
  MAX_SOURCE_BYTES,
  selectAll,
  SourceFile,
  UNKNOWN_PROJECT,
} from '#engine'
import { nosyRules, talkativeRule } from './nosy-rules.ts'

const rules = [...nosyRules, talkativeRule]

/** With all the time there is, so that a busy machine changes nothing. */
function look(source: string, timeLimit = 60_000): FileReport {
  const selection = selectAll(rules)
  return analyse({ path: 'lib/a.ex', source, project: UNKNOWN_PROJECT, selection, readAll: true, timeLimit }, rules)
}

/** A server whose `init/1` has this body. */
const server = (body: string): string =>
  `defmodule A do\n  use GenServer\n  def init(x) do\n${body}\n  end\n  def later(x), do: f(x)\nend\n`

const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => `${line(index)}\n`).join('')

const ending = ({ outcome, reason }: FileReport): string => (reason === null ? outcome : `${outcome}: ${reason}`)

describe('texts that are odd but fine', () => {
  test.each([
    ['nothing', ''],
    ['white space', ' \n\t\n'],
    ['a byte-order mark', `\uFEFF${server('f()')}`],
    ['Windows line ends', server('f(\n"""\na\n"""\n)').replaceAll('\n', '\r\n')],
    ['no line end at the end', server('f()').trimEnd()],
    ['lone surrogates', server('f("\uD800") # \uDC00')],
    ['what was no UTF-8', server('f("\uFFFD")')],
    ['odd line ends inside a string', server('f("\u2028 \u2029 \u0085")')],
    ['emoji', server('f("😀", "é漢", é)')],
  ])('%s', (_, source) => {
    expect(look(source)).toMatchObject({ outcome: 'read', failedRules: [] })
  })

  test('places count UTF-16 code units, after any of them', () => {
    const at = (source: string) => look(source).findings.find((finding) => finding.message === 'g')?.range

    expect(at(server('"😀é漢"; g()'))).toMatchObject({ startLine: 4, startColumn: 9 })
    expect(at(server('g()').replaceAll('\n', '\r\n'))).toEqual({
      startLine: 4,
      startColumn: 1,
      endLine: 4,
      endColumn: 4,
    })
    expect(at('\uFEFFdefmodule A do def f, do: g() end')).toMatchObject({ startLine: 1, startColumn: 28 })
  })
})

describe('texts that cannot be read, or not in full, say why', () => {
  test.each([
    ['5 MB', server(lines(400_000, () => 'f(x, y, z)')), 'failed: too large'],
    ['a NUL', server('\0'), 'failed: binary'],
    ['old Macintosh line ends', server('f()').replaceAll('\n', '\r'), 'partial: syntax error'],
    ['a quote at the top', `"${server(lines(15_000, () => 'x = "a"; y = "b"'))}`, 'partial: syntax error'],
    ['a heredoc without end', server(`"""\n${lines(50_000, () => 'text')}`), 'partial: syntax error'],
    ['conflict markers', server('<<<<<<< HEAD\nf()\n=======\ng()\n>>>>>>> main'), 'partial: syntax error'],
    ['150,000 errors', server('a b , ) '.repeat(40_000)), 'partial: syntax error'],
    [
      'thousands of broken functions',
      `defmodule A do\n${lines(10_000, (n) => `def f${n}(x,, y), do: 1`)}end\n`,
      'partial: syntax error',
    ],
    ['100,000 open brackets', server('['.repeat(100_000)), 'partial: syntax error'],
    ['blocks that never end', lines(20_000, () => 'def f do'), 'partial: syntax error'],
    [
      'a picture',
      String.fromCharCode(...Array.from({ length: 50_000 }, (_, n) => 1 + ((n * 7919 + (n >> 4)) % 255))),
      'partial: syntax error',
    ],
  ])('%s', (_, source, expected) => {
    const report = look(source)

    expect(ending(report)).toBe(expected)
    expect(report.failedRules).toEqual([])
  })

  test.each([
    ['100,000 nested brackets', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['calls in calls', 'f('.repeat(20_000) + 'x' + ')'.repeat(20_000)],
    ['calls without parentheses', 'f '.repeat(20_000) + 'x'],
    ['functions', 'fn -> '.repeat(20_000) + '1' + ' end'.repeat(20_000)],
    ['conditions', 'if x do\n'.repeat(20_000) + '1' + '\nend'.repeat(20_000)],
    ['a sum', '1' + ' + 1'.repeat(20_000)],
    ['a pipeline', 'x' + '\n|> f()'.repeat(20_000)],
    ['a concatenation', 'a' + ' <> a'.repeat(20_000)],
    ['matches', 'a = '.repeat(20_000) + 'x'],
    ['lists in tails', '[a | '.repeat(20_000) + 'x' + ']'.repeat(20_000)],
    ['maps', '%{a: '.repeat(20_000) + 'x' + '}'.repeat(20_000)],
    ['interpolations', '"#{'.repeat(5000) + 'x' + '}"'.repeat(5000)],
    ['fields', 'x' + '.y'.repeat(20_000)],
    ['negations', 'not '.repeat(20_000) + 'x'],
    ['aliases in the options of aliases', 'alias A.B, as: ('.repeat(5000) + '1' + ')'.repeat(5000)],
  ])('too deep: %s', (_, body) => {
    const report = look(server(body))

    expect(ending(report)).toBe('partial: too deep')
    expect(report.failedRules).toEqual([])
    expect(report.findings.map((finding) => finding.message)).toContain('later/1')
  })

  test.each([
    ['modules', 'defmodule A do\n'.repeat(10_000) + 'end\n'.repeat(10_000)],
    ['conditions at module level', `defmodule A do\n${'if x do\n'.repeat(10_000)}${'end\n'.repeat(10_000)}end\n`],
    ['guards', `defmodule A do\ndef f(x) when ${'x when '.repeat(10_000)}x, do: 1\nend\n`],
  ])('too deep: %s', (_, source) => {
    expect(ending(look(source))).toBe('partial: too deep')
  })
})

describe('much of something is no more than that', () => {
  test.each([
    ['functions', `defmodule A do\nuse GenServer\n${lines(8000, (n) => `def f${n}, do: g${n}()`)}end\n`],
    [
      'functions that call the next one',
      `defmodule A do\nuse GenServer\ndef init(x), do: f0(x)\n${lines(6000, (n) => `defp f${n}(x), do: f${n + 1}(x)`)}end\n`,
    ],
    [
      'clauses',
      `defmodule A do\nuse GenServer\n${lines(2000, (n) => `def handle_info(${n}, s), do: handle_info(${n + 1}, s)`)}end\n`,
    ],
    ['aliases', `defmodule A do\n${lines(8000, (n) => `alias B${n}.C${n}`)}def f, do: C7.g()\nend\n`],
    ['imports', `defmodule A do\n${lines(3000, (n) => `import B${n}`)}def f, do: g()\nend\n`],
    ['attributes', `defmodule A do\n${lines(8000, (n) => `@a${n + 1} @a${n}`)}def f, do: g(@a8000)\nend\n`],
    ['variables', server(lines(8000, (n) => `x${n + 1} = x${n}`))],
    ['closures', server(lines(3000, (n) => `f${n + 1} = fn -> f${n}.(); f${n}.() end`))],
    ['lists made of lists', server(`Supervisor.init(a0, x)\n${lines(2000, (n) => `a${n} = a${n + 1} ++ a${n + 1}`)}`)],
    ['findings', server(lines(3000, () => 'Task.start(f)'))],
    ['suppressions', server(lines(3000, () => 'Task.start(f) # otp-review:ignore talkative -- x'))],
    ['suppressions of a line', server(`${lines(4000, () => '# otp-review:ignore talkative -- x')}f()`)],
    ['suppressions of a file', server(lines(3000, () => '# credo:disable-for-this-file\nf()'))],
    ['defaults', `defmodule A do\ndef f(${'a \\\\ 1, '.repeat(200)}b), do: 1\nend\n`],
    ['dots', `alias ${'A.'.repeat(50_000)}B\n`],
  ])('%s', (_, source) => {
    const report = look(source, FILE_TIME_LIMIT)

    expect(['read', 'failed: time limit']).toContain(ending(report))
    expect(report.failedRules).toEqual([])
    expect(report.ms).toBeLessThan(10_000)
  })
})

describe('the time limit', () => {
  const input = {
    path: 'lib/a.ex',
    source: server(lines(15_000, (n) => `x = f(${n}, [y, z])`)),
    project: UNKNOWN_PROJECT,
    selection: selectAll(rules),
  }

  test('ends parsing and reading, and the next file is read as if nothing had happened', () => {
    for (const timeLimit of [0, 1, 5, 20]) {
      expect(analyse({ ...input, timeLimit }, rules)).toMatchObject({
        outcome: 'failed',
        reason: 'time limit',
        findings: [],
      })
      expect(look(server('f()')).outcome).toBe('read')
    }
  })

  test('ends a rule that goes over the facts again and again', () => {
    const endless = {
      ...nosyRules[1]!,
      id: 'endless',
      *check({ clause }: { clause: { calls: readonly unknown[] } }) {
        for (;;)
          if (clause.calls.length < 0)
            yield { at: { startLine: 1, startColumn: 1, endLine: 1, endColumn: 1 }, message: '' }
      },
    } as (typeof nosyRules)[number]
    const report = analyse({ ...input, source: server('f()'), selection: { endless: 'strict' }, timeLimit: 100 }, [
      endless,
    ])

    expect(report).toMatchObject({ outcome: 'failed', reason: 'time limit' })
  })
})

test('a file at the size limit is read', () => {
  const source = server(lines(30_000, () => 'f(x, y)'))

  expect(source.length).toBeLessThan(MAX_SOURCE_BYTES)
  expect(analyse({ path: 'lib/a.ex', source, project: UNKNOWN_PROJECT, selection: {} }, rules).outcome).toBe('read')
})

const REAL = `defmodule Shop.Stock do
  @moduledoc """
  Keeps the stock. #{1 + 1}
  """
  use GenServer, restart: :transient
  alias Shop.{Repo, Task}
  alias __MODULE__.State
  @timeout :timer.seconds(5)
  @impl true
  def init(opts \\\\ []) when is_list(opts), do: {:ok, %State{items: %{}}, {:continue, :load}}

  def count(server \\\\ __MODULE__, sku), do: GenServer.call(server, {:count, sku}, @timeout)

  @impl true
  def handle_call({:count, sku}, from, %State{items: items} = state) do
    reply =
      with {:ok, item} <- Map.fetch(items, sku), true <- item.count > 0 do
        {:ok, item.count}
      else
        :error -> {:error, "no such item: #{inspect(sku)}"}
        false -> {:error, :sold_out}
      end

    Elixir.Task.start(fn -> Repo.insert!(%{sku: sku, from: from}) end)
    {:reply, reply, state}
  rescue
    e in [RuntimeError, Ecto.Error] -> {:reply, {:error, e}, state}
  after
    Enum.each([1, 2], &IO.inspect(&1, label: "é😀"))
  end

  # otp-review:ignore talkative -- boots a legacy device
  def handle_info(:tick, state) do
    case for(x <- state.items, x > 1, into: [], do: x) do
      [h | t] when h > 1 -> {:noreply, %{state | items: t}}
      _ -> receive do: (:a -> 1), after: (0 -> :ok)
    end
    |> then(&{:noreply, &1})
  end

  defmodule State do
    defstruct [:items, name: ~w(a b)a, bin: <<1, 2::8>>, char: ?a, atom: :"x y"]
  end
end
`

describe('any text', () => {
  /** Nothing breaks, and findings lie in the file. */
  function isFine(source: string): boolean {
    const { reason, failedRules, findings } = look(source)
    const last = source.split('\n').length
    return (
      reason !== 'crashed' &&
      failedRules.length === 0 &&
      findings.every(({ range }) => 0 < range.startLine && range.startLine <= range.endLine && range.endLine <= last)
    )
  }

  function firstProblem(texts: fc.Arbitrary<string>): string | null {
    const { counterexample } = fc.check(fc.property(texts, isFine), { numRuns: 60 })
    return counterexample?.[0] ?? null
  }

  const words = REAL.match(/\s+|\w+|[^\s\w]/g) ?? []
  const place = fc.nat(REAL.length)

  test('the real file is read in full', () => {
    expect(look(REAL)).toMatchObject({ outcome: 'read', failedRules: [] })
  })

  test.each<[string, fc.Arbitrary<string>]>([
    ['made of any characters', fc.string({ unit: 'binary', maxLength: 300 })],
    [
      'made of the characters of code',
      fc.string({ unit: fc.constantFrom(...'()[]{}<>|&%@#!,;:.=+-*/^~?"\'\\ \nabcXYZ_019'), maxLength: 300 }),
    ],
    ['cut off at its end', place.map((end) => REAL.slice(0, end))],
    ['cut off at both ends', fc.tuple(place, place).map(([a, b]) => REAL.slice(Math.min(a, b), Math.max(a, b)))],
    [
      'with a part taken out',
      fc.tuple(place, fc.nat(80)).map(([at, length]) => REAL.slice(0, at) + REAL.slice(at + length)),
    ],
    [
      'with a part put in twice',
      fc.tuple(place, fc.nat(80)).map(([at, length]) => REAL.slice(0, at + length) + REAL.slice(at)),
    ],
    ['made of its words', fc.shuffledSubarray(words, { minLength: 5, maxLength: 200 }).map((some) => some.join(''))],
    [
      'with two words exchanged',
      fc.tuple(fc.nat(words.length - 1), fc.nat(words.length - 1)).map(([a, b]) => {
        const swapped = [...words]
        swapped[a] = words[b]!
        swapped[b] = words[a]!
        return swapped.join('')
      }),
    ],
  ])('%s breaks nothing', (_, texts) => {
    expect(firstProblem(texts)).toBe(null)
  })
})

test('reading gives a reason and never throws, whatever the time limit', () => {
  for (const source of ['', REAL, 'defmodule A do', '"'.repeat(1000)]) {
    expect(typeof SourceFile.read('a.ex', source)).toBe('object')
  }
})
