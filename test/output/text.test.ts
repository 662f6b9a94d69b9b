import { expect, test } from 'vitest'
import { text } from '../../src/output/text.ts'
import { found, report } from './sample.ts'

const plain = { color: false, width: 100, shown: (path: string) => path }

test('findings with their code, what to write and the principle, then what was read', () => {
  const full = report({
    found: [
      found(),
      found({
        path: 'lib/shop/report.ex',
        severity: 'warning',
        related: [
          { range: { startLine: 12, startColumn: 3, endLine: 12, endColumn: 9 }, message: 'the task is started here' },
        ],
        edit: { startLine: 41, endLine: 42, text: '    Task.Supervisor.start_child(Shop.Tasks, fn ->\n      print()' },
      }),
      found({ suppressed: { line: 40, reason: 'boots a legacy device' } }),
    ],
    suppressions: [
      {
        rule: 'suppression-unused',
        severity: 'warning',
        path: 'lib/a.ex',
        line: 3,
        message: 'It silences nothing here.',
        lineHash: 'cafe:1',
      },
    ],
    files: {
      read: 1212,
      partial: [{ path: 'lib/broken.ex', lines: [7, 9] }],
      skipped: [
        { path: 'test/a_test.exs', reason: 'test' },
        { path: 'test/b_test.exs', reason: 'test' },
        { path: 'lib/x.pb.ex', reason: 'generated' },
      ],
    },
    failedRules: [{ rule: 'task-unsupervised', path: 'lib/a.ex', error: 'no such fact' }],
  })

  expect(text(full, plain)).toMatchInlineSnapshot(`
    "lib/shop/stock.ex:41  error  genserver-self-call
      \`handle_call(:report)\` calls its own server and will wait for itself.
        41 │ GenServer.call(__MODULE__, :totals)
      Extract a private function that takes the state, and call that from both places.
      A process must not call itself (P-SELF)

    lib/shop/report.ex:41  warning  genserver-self-call
      \`handle_call(:report)\` calls its own server and will wait for itself.
        41 │ GenServer.call(__MODULE__, :totals)
      line 12: the task is started here
      Write instead:
        41 │ Task.Supervisor.start_child(Shop.Tasks, fn ->
        42 │   print()
      A process must not call itself (P-SELF)

    lib/a.ex:3  warning  suppression-unused
      It silences nothing here.

    2 findings (1 error, 1 warning) in 1,212 files, 0.4 s.
    1 finding suppressed in the code.
    Skipped: 3 files (2 test, 1 generated).
    Read in part, because of syntax errors: lib/broken.ex:7.
    The rule task-unsupervised failed on lib/a.ex and was left out there: no such fact
    "
  `)
})

test('no findings is one line', () => {
  expect(text(report({ files: { read: 1, partial: [], skipped: [] } }), plain)).toBe('No findings in 1 file, 0.4 s.\n')
})

test('a comparison says with what', () => {
  expect(text(report({ comparedWith: 'main' }), plain)).toBe(
    'No findings that were not there at main in 212 files, 0.4 s.\n',
  )
})

test('where there is nothing to read it says so', () => {
  const files = { read: 0, partial: [], skipped: [] }

  expect(text(report({ files }), plain)).toBe('No Elixir files here, 0.4 s.\n')
  expect(text(report({ files, comparedWith: 'main' }), plain)).toBe('No Elixir files changed since main, 0.4 s.\n')
  expect(text(report({ files: { ...files, skipped: [{ path: 'a.exs', reason: 'test' }] } }), plain)).toBe(
    'No findings in 0 files, 0.4 s.\nSkipped: 1 file (1 test).\n',
  )
})

test('colours only where they are wanted', () => {
  const sample = report({ found: [found()] })

  expect(text(sample, plain)).not.toContain('\u001b')
  expect(text(sample, { ...plain, color: true })).toContain('\u001b[31merror\u001b[0m')
})

test('hostile code, paths and messages cannot drive the terminal', () => {
  const hostile = '\u001b]0;owned\u0007\u202e\u200b\r\u009b2J'
  const sample = report({ found: [found({ path: `lib/${hostile}.ex`, message: hostile }, [`x = "${hostile}"`])] })

  const shown = text(sample, plain)

  expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202e]/)
  expect(shown).toContain('lib/\\u{1b}]0;owned\\u{7}\\u{202e}\\u{200b}\\u{d}\\u{9b}2J.ex:41')
})

test('paths are named from where the person stands', () => {
  const sample = report({ found: [found()] })

  expect(text(sample, { ...plain, shown: (path) => `../${path}` })).toMatch(/^\.\.\/lib\/shop\/stock\.ex:41 {2}error/)
})

test('long messages are broken at the width, long words are not', () => {
  const message = `The ${'very '.repeat(30)}long ${'x'.repeat(50)}.`
  const lines = text(report({ found: [found({ message })] }), { ...plain, width: 40 }).split('\n')

  expect(lines.slice(1, 5).every((line) => line.startsWith('  ') && line.length <= 40)).toBe(true)
  expect(lines).toContain(`  ${'x'.repeat(50)}.`)
})
