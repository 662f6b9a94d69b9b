import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rules } from '#rules'
import { Deadline } from '../../src/elixir/deadline.ts'
import { parseCorrect } from '../../src/elixir/parse.ts'
import { parseSyntax, parseTolerantly } from '../../src/elixir/syntax.ts'
import type { SyntaxTree } from '../../src/elixir/tree.ts'
import { casesOf, examplesOf } from '../support/cases.ts'

const deadline = new Deadline(600_000)

/** All of a tree as text, one node a line. */
function linesOf(tree: SyntaxTree): string[] {
  const lines: string[] = []
  const add = (node: number, depth: number): void => {
    const span =
      node === 0 || /(?:else|rescue|catch|after)_block/.test(tree.kind(node))
        ? ''
        : `${tree.start(node)}-${tree.end(node)}`
    lines.push(`${' '.repeat(depth)}${tree.kind(node)} ${tree.operator(node)} ${span}`)
    // A clause without a body may have an empty one.
    for (const child of tree.children(node)) {
      if (tree.kind(child) !== 'body' || tree.first(child) >= 0) add(child, depth + 1)
    }
  }
  add(0, 0)
  return [...lines, ...tree.comments.map(({ start, end }) => `# ${start}-${end}`)]
}

/** What the parser says, and what tree-sitter says of the same text. */
function bothOf(source: string): { own: string[] | null; other: string[]; hasErrors: boolean } {
  const tree = parseCorrect(source, deadline)
  const other = parseTolerantly(source, deadline)
  return { own: tree && linesOf(tree), other: linesOf(other), hasErrors: other.errors.length > 0 }
}

/**
 * Where tree-sitter is wrong: it takes the `in` of a name at the start of a line for the operator, and the like; a range
 * that ends with a sign for a call; a comma behind the last field for an error.
 */
const MISREAD = /^\s*(?:and|in|not|or|when)\w|\.\.[-+]|,\s*\}/m

const caseSources = rules
  .flatMap((rule) => [...examplesOf(rule), ...casesOf(rule)].flatMap((each) => each.sources.map(({ text }) => text)))
  .filter((text) => !MISREAD.test(text))

const SNIPPETS = [
  // Calls
  'f()\nf(a)\nf(a, b: 1)\nf(a: 1, b: 2)\nf(\n  a,\n  b\n)',
  'f a\nf a, b\nf a, b: 1\nf a: 1,\n  b: 2\nf g a, b',
  'f (a), b\nf [a]\nf {a}\nf %{}\nf -1\nf - 1\nf -a\nf &g/1\nf !a\nf ^a\nf @a\nf not a\nf a not in b\nf ~r/x/\nf <<1>>\nf ?a\nf :a\nf "a"',
  'a.b\na.b.c\na.b()\na.b c\na.b c, d: e\nA.b\nA.B.c(1)\nA.{B, C}\nA.{B, C.D}\na.B\n__MODULE__.B.c()\na."b c"(1)\n:a.b(1)',
  'f.(a)\nf.()\na.b.(c)\nf(a)(b)\nf.(a).b\nf(a).b[c].d',
  'a[b]\na[:b][0]\n@a[b]\n&1[b]\na.b[c]\nf(a)[b]\na [b]',
  'Kernel.+(1, 2)\nBitwise.<<<(a, b)\nA.and(b)\nA.end()',
  'A\n.B\n.c(1)\na\n|> b()\n# comment\n|> c\n\n|> d(1)',
  'f(a, fn x -> x end)\nf a, fn x -> x end\nf(a, &(&1 + 1))\nf(a, & &1.b)\nf(a, &b/1)\nf(a, &B.c/2)\nf(&+/2)\nf(&{&1, &2})\n&1.b',
  'f a do\n  b\nend\nf(a) do\n  b\nend\nf do\n  b\nend\nA.f a do\nend\nA.f do\nend\nx = f g(a) do\n  b\nend\nf a,\n  b: c do\nend',
  'if a, do: b, else: c\nif(a, do: b)\ndef f(a) when is_b(a), do: c\ndef f(a), do: (b; c)\ndef f(a)\n    when a > 1\n    when a < 0 do\n  c\nend',
  // Operators
  'a = b = c\na + b * c - d\na ++ b ++ c\na <> b <> c\na || b && c\na and b or not c\na == b != c\n-a + b\n!a == b\n!!a\na.end == b.after\nnot a in b\na not in b\na in b',
  'a |> b |> c\na ~> b\na <<< b\na ^^^ b\n1..2\n1..2//3\na..b\n..\nf(..)\na ** b\na // b\na :: b\na | b\na <- b\na \\\\ b\nf(a when b)\na => b',
  'a =\n  b\na +\n  b\nx =\n  if a do\n    b\n  end\na\n-b\na\n+ b\nx = a\n  && b\n  || c\na; b; c\n',
  '@spec f(a :: integer, b) :: {:ok, t} | :error when t: term\n@type t :: %__MODULE__{a: integer | nil}\n@callback f((... -> any)) :: (-> :ok)\n@doc false\n@a 1\n@a',
  '@type f :: (integer, atom -> :ok)\n@type g :: (integer -> :ok)\n@type h :: ((a, b) -> c)',
  // Data
  '[]\n[a]\n[a, b | c]\n[a: 1, b: 2]\n[a, b: 1]\n[a, b,]\n[a: 1,]\n{}\n{a}\n{a, b: 1}\n{a,}\n[\n  a,\n  # c\n  b\n]',
  '%{}\n%{a: 1}\n%{"a" => 1, b: 2}\n%{a | b: 1, c: 2}\n%{a | b => 1}\n%A{}\n%A.B{a: 1}\n%__MODULE__{a | b: 1}\n%a{}\n%__MODULE__.A{}\n%{a: 1,}\n%unquote(a){b: 1}\n%@a{b: 1}',
  '<<>>\n<<a, b::8, c::binary-size(2)>>\n<<a::size(n)-unit(8), rest::binary>>\n<<"a", 0>>',
  ':a\n:a?\n:a!\n:a@b\n:"a b"\n:"a#{b}"\n:+\n:==\n:{}\n:%{}\n:<<>>\n:..\n:|>\nA\nA.B.C\nnil\ntrue\nfalse',
  '1\n1_000\n0xFF\n0b10\n0o7\n1.5\n1.5e-10\n?a\n?\\n\n?\\\\\n? ',
  '"a"\n"a#{b}c"\n"#{}"\n"\\n\\x41\\u00e9\\u{1F600}\\""\n"a\nb"\n\'a\'\n\'a#{b}\'\n"#{"#{a}"}"\n"a # b"\n"##{a}"',
  '"""\na\n  "b" ""c\n"""\n\'\'\'\na\n\'\'\'\nf("""\n  a #{b}\n  """, c)\n"""\na \\\n"""',
  '~s(a #{b})\n~S(a #{b} \\))\n~r/a\\/b/i\n~w[a b]a\n~H"""\n<a b={c}>"d"</a>\n"""\n~D[2020-01-01]\n~s|a|\n~s{a}\n~s<a>\n~s\'a\'\n~s"a"\n~HTML"a"',
  '[+: 1, ==: 2, <>: 3, ..: 4]\n["a": 1, "b c": 2]\nf "a": 1\n[a?: 1, b!: 2, C: 3, _d: 4]\n%{"a" => "b", "c": 1}',
  '"é 漢 😀"\n# é 😀\n:"é"\n?é',
  // Blocks
  'fn -> a end\nfn a -> b end\nfn a, b -> c end\nfn (a, b) -> c end\nfn() -> a end\nfn a when a > 1 -> b end\nfn a, b when c -> d end\nfn {a, b} -> c\n   _ -> d end\nfn (a) when b -> c end',
  'case a do\n  b -> c\n  d when e -> f\n  # g\n  h ->\n    i\n    j\n\n  "l" <> m -> n\n  {o, p} = q -> r\nend',
  'cond do\n  a > b -> c\n  (d) -> e\n  true -> f\nend',
  'with {:ok, a} <- b,\n     c = d,\n     e when e > 1 <- f(a) do\n  g\nelse\n  {:error, h} -> i\n  _ -> j\nend',
  'with a <- b do\n  c\nelse\n  d: e -> f\nend',
  'try do\n  a\nrescue\n  b in C -> d\n  e in [F, G] ->\n    h\n  I -> j\ncatch\n  :exit, k -> l\n  m -> n\nelse\n  o -> p\nafter\n  q\nend',
  'receive do\n  {:a, b} -> c\nafter\n  1000 -> d\nend\nreceive do\nafter 0 -> :ok\nend',
  'for a <- b, c <- d, e, into: %{}, do: {a, c}\nfor <<a <- b>>, do: a\nfor a <- b, reduce: 0 do\n  c -> c + a\nend',
  'quote do\n  unquote(a)\nend\nquote do: unquote(a)\nquote location: :keep, bind_quoted: [a: a] do\n  b\nend',
  '(a)\n(a; b)\n(\n  a\n  b\n)\n()\n((a))\n(a + b) * c\n(fn -> a end).()\n(a -> b)',
  '# a\n\ndefmodule A do\n  # b\n  use C, d: 1 # e\n\n  @f %{g: 1}\n\n  def h(%{i: j} = k, l \\\\ nil), do: :ok\n\n  defp m(_), do: nil\nend # n\n',
  'a\r\n|> b()\r\nc do\r\n  d\r\nend\r\n',
  'f a do\n  b\nend\n|> c()\nx = a |> case do\n  b -> c\nend\nassert a = b\nassert_receive {:a, ^b}, 100',
  'a && raise "b"\na || throw(:b)\nraise A, b: c\nsend self(), {:a, b}\nspawn fn -> a end\nreturn(a) |> b',
  'x = fn\n  a ->\n    b\n\n  c ->\n    d\nend\n\ny.(1)',
]

describe('what the parser accepts, tree-sitter reads the same', () => {
  test.each(SNIPPETS)('%j', (source) => {
    const { own, other, hasErrors } = bothOf(source)

    expect(hasErrors).toBe(false)
    expect(own).toEqual(other)
  })

  test('all cases of rules', () => {
    const read = caseSources.map((source) => ({ source, ...bothOf(source) }))
    const different = read.filter(
      ({ own, other, hasErrors }) => own !== null && (hasErrors || JSON.stringify(own) !== JSON.stringify(other)),
    )
    const declined = read.filter(({ own, hasErrors }) => own === null && !hasErrors)

    expect(read.length).toBeGreaterThan(100)
    expect(different.map(({ source }) => source)).toEqual([])
    expect(declined.length / read.length).toBeLessThan(0.05)
  })

  test('with a piece missing, or one too many', () => {
    const pieces = ['', 'do', 'end', '(', ')', '[', ']', '{', '}', ',', '\n', '"', '->', 'fn', 'x', '1', '=', '|', '&']
    const more = ['@', '%', '.', ' ', '#', '<<', '>>', "'", '~s(', 'a: ', '::', '?', '!']
    const change = fc.tuple(
      fc.constantFrom(...SNIPPETS.filter((source) => !MISREAD.test(source))),
      fc.nat(400),
      fc.nat(4),
      fc.constantFrom(...pieces, ...more),
    )
    const changed = change.map(([source, place, length, piece]) => {
      const at = place % source.length
      return source.slice(0, at) + piece + source.slice(at + length)
    })
    const isSame = (source: string): boolean => {
      const { own, other, hasErrors } = bothOf(source)
      return own === null || (!hasErrors && JSON.stringify(own) === JSON.stringify(other))
    }

    expect(fc.check(fc.property(changed, isSame), { numRuns: 3000, seed: 1 }).counterexample).toBe(null)
  })
})

describe('where tree-sitter is wrong, the parser is right', () => {
  const kindsOf = (source: string): string[] => {
    const tree = parseSyntax(source, deadline)
    expect(tree.errors).toEqual([])
    return linesOf(tree).map((line) => line.replace(/ \S*$/, ''))
  }

  test('a name at the start of a line that begins like an operator', () => {
    const clauses = (name: string) => `case a do\n  b ->\n    {c}\n\n  ${name} ->\n    d\nend`

    expect(kindsOf(clauses('info'))).toEqual(kindsOf(clauses('xnfo')))
    expect(kindsOf(clauses('order'))).toEqual(kindsOf(clauses('xrder')))
  })

  test('a range with a negative end', () => {
    expect(kindsOf('a..-1//1').slice(1, 4)).toEqual([' binary_operator //', '  binary_operator ..', '   identifier '])
  })

  test('a comma behind the last field of an update', () => {
    expect(kindsOf('%{a | b: 1,}')).toEqual(kindsOf('%{a | b: 1}'))
  })
})

test.each([
  'def f do',
  'f(',
  'f(a',
  'a)',
  'end',
  'f(a,)',
  '"a',
  '"a#{b"',
  '"""\na',
  'fn a end',
  'a -> b',
  'case a do\n  b -> c -> d\nend',
  'case a do\n  b\n  c -> d\nend',
  '(a, b)',
  '[a: 1, b]',
  'a +',
  '@',
  '1a',
  'if a do\n  b\nelse\n  c',
  ')'.repeat(5),
  '['.repeat(1000),
  `${'f '.repeat(1000)}x`,
  'a \\ b',
])('%j is declined', (source) => {
  expect(parseCorrect(source, deadline)).toBe(null)
})

test('what is declined is read all the same', () => {
  const tree = parseSyntax('defmodule A do\n  def f, do: g(,)\n  def h, do: 1\nend\n', deadline)

  expect(tree.errors).toHaveLength(1)
  expect(linesOf(tree).filter((line) => line.includes('call'))).not.toEqual([])
})
