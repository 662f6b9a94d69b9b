import { expect, test } from 'vitest'
import fc from 'fast-check'
import {
  byteLength,
  cell,
  codeBlock,
  cut,
  encodePath,
  hasUnseen,
  inlineCode,
  link,
  oneLine,
  prose,
  suggestionBlock,
  visible,
} from '../../src/review/escape.ts'
import { HOSTILE } from '../support/hostile.ts'
import { render } from '../support/rendered.ts'

const UNSEEN = /(?!\n)[\p{Cc}\p{Cf}]/u

const TEXT = ['p', 'code', 'span']
const TABLE = ['table', 'thead', 'tbody', 'tr', 'th', 'td']

test.each(HOSTILE)('inline code is one code span and nothing else: %j', (text) => {
  const { html, found } = render(`before ${inlineCode(text)} after`)

  expect(html).toMatch(/^<p>before <code>[^<]*<\/code> after<\/p>\n$/)
  expect(found).toEqual([])
})

test.each(HOSTILE)('prose is one paragraph of text and code: %j', (text) => {
  const { elements, found, comments, html } = render(`${prose(text)}\n\nafter`)

  expect(elements.filter((name) => !TEXT.includes(name))).toEqual([])
  expect(html).toMatch(/<p>after<\/p>\n$/)
  expect(found).toEqual([])
  expect(comments).toEqual([])
})

test.each(HOSTILE)('a code block ends where it should: %j', (text) => {
  for (const block of [codeBlock(text, 'elixir'), suggestionBlock(text)]) {
    const { html, comments } = render(`${block}\n\nafter`)

    expect(html).toMatch(/^<pre><code class="language-(elixir|suggestion)">[^<]*<\/code><\/pre>\n<p>after<\/p>\n$/)
    expect(comments).toEqual([])
  }
})

test.each(HOSTILE)('a table cell stays one cell: %j', (text) => {
  const { html, found, elements } = render(
    `| A | B |\n|---|---|\n| ${cell(inlineCode(text))} | ${cell(prose(text))} |\n| x | y |`,
  )

  expect(html.match(/<td>/g)).toHaveLength(4)
  expect(elements.filter((name) => ![...TABLE, ...TEXT].includes(name))).toEqual([])
  expect(found).toEqual([])
})

test.each(HOSTILE.filter((text) => !text.includes('`')))('a link leads where it should: %j', (text) => {
  const url = `https://github.com/acme/shop/blob/main/${encodePath(`lib/${text}`)}#L1`

  expect(render(link(inlineCode(text), url)).links).toEqual([url])
})

test('any text at all stays inert', () => {
  const pieces = fc.array(
    fc.constantFrom(...HOSTILE, 'a', ' ', '@', '#1', '`', '``', '|', '\\', '\n', '<', '_', 'é', '😀'),
  )

  fc.assert(
    fc.property(pieces, (parts) => {
      const text = parts.join('')
      const { elements, found, html } = render(
        `${prose(text)}\n\n${inlineCode(text)}\n\n| ${cell(prose(text))} |\n|---|\n| ${cell(inlineCode(text))} |`,
      )

      expect(elements.filter((name) => ![...TABLE, ...TEXT].includes(name))).toEqual([])
      expect(found).toEqual([])
      expect(html.match(/<td>/g)).toHaveLength(1)
      expect(html.replace(/\u200B/g, '')).not.toMatch(UNSEEN)
    }),
    { numRuns: 300, examples: [[['a`b', 'www.example.com']]] },
  )
})

test('prose keeps code spans, names and punctuation readable', () => {
  const { html } = render(prose('`init/1` of `Shop.Rates` waits for handle_call: {:ok, _} @impl'))

  expect(html).toBe(
    '<p><code>init/1</code> of <code>Shop.Rates</code> waits for handle_call: {:ok, _} @\u200Bimpl</p>\n',
  )
})

test('prose keeps a code span that holds a backtick', () => {
  expect(render(prose('see `` a`b `` here')).html).toBe('<p>see <code>a`b</code> here</p>\n')
})

test('a pipe in a cell is shown as it is', () => {
  const { html } = render(
    `| A |\n|---|\n| ${cell(inlineCode('a|b'))} |\n| ${cell(prose('c|d'))} |\n| ${cell(prose('e\\|f'))} |`,
  )

  expect(html).toContain('<td><code>a|b</code></td>')
  expect(html).toContain('<td>c|d</td>')
  expect(html).toContain('<td>e\\|f</td>')
})

test('what hides or reorders text is written out', () => {
  expect(visible('a\u202Eb\u200B\n\t\u{E0041}')).toBe('a\\u{202E}b\\u{200B}\\n\\t\\u{E0041}')
  expect(inlineCode('lib/\u202Exe.ex')).toBe('`lib/\\u{202E}xe.ex`')
  expect(codeBlock('a\u202E\n\tb\r\nc', 'elixir')).toBe('```elixir\na\\u{202E}\n\tb\nc\n```')
  expect(visible('naïve 😀 ❤️ 日本')).toBe('naïve 😀 ❤️ 日本')
})

test('text that hides something is told from text that does not', () => {
  expect(hasUnseen('a\n\tb\r\n')).toBe(false)
  expect(hasUnseen('a\u2066b')).toBe(true)
  expect(hasUnseen('\uD800')).toBe(true)
})

test('a cut leaves whole code points and says so', () => {
  expect(cut('abc', 3)).toBe('abc')
  expect(cut('abcd', 3)).toBe('ab…')
  expect(cut('a😀b', 3)).toBe('a…')
  expect(byteLength('é😀')).toBe(6)
})

test('one line is one line, without markup being needed', () => {
  expect(oneLine('  one\n two\u202E ')).toBe('one two\\u{202E}')
})

test('a fence is longer than any in the code', () => {
  expect(codeBlock('```\nx\n````', 'elixir')).toBe('`````elixir\n```\nx\n````\n`````')
})
