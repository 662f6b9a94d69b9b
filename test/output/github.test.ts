import { expect, test } from 'vitest'
import { github } from '../../src/output/github.ts'
import { found, report } from './sample.ts'

const instead = '%0A%0AExtract a private function that takes the state, and call that from both places.'
const advice = `${instead}%0A%0Ahttps://example.org/docs/rules/genserver-self-call.md`

test('one workflow command per finding that is not suppressed', () => {
  const sample = report({
    found: [
      found(),
      found({ severity: 'warning', suppressed: { line: 40, reason: 'boots a legacy device' } }),
      found({ severity: 'info', rule: 'genserver-stateless' }),
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
  })

  expect(github(sample)).toBe(
    [
      `::error file=lib/shop/stock.ex,line=41,endLine=41,title=genserver-self-call::\`handle_call(:report)\` calls its own server and will wait for itself.${advice}\n`,
      `::notice file=lib/shop/stock.ex,line=41,endLine=41,title=genserver-stateless::\`handle_call(:report)\` calls its own server and will wait for itself.${instead}%0A%0Ahttps://example.org/docs/rules/genserver-stateless.md\n`,
      '::warning file=lib/a.ex,line=3,title=suppression-unused::It silences nothing here.\n',
      '2 findings (1 error, 1 info) in 212 files, 0.4 s.\n',
      '1 finding suppressed in the code.\n',
    ].join(''),
  )
})

test('what to write instead is shown as code where it is known', () => {
  const edit = { startLine: 41, endLine: 41, text: '    Task.Supervisor.start_child(Shop.Tasks, fn ->\n      print()' }

  expect(github(report({ found: [found({ edit })] }))).toContain(
    'wait for itself.%0A%0AWrite instead:%0A    Task.Supervisor.start_child(Shop.Tasks, fn ->%0A      print()%0A%0Ahttps:',
  )
})

test('neither a path nor a message can begin another command or property', () => {
  const sample = report({
    found: [found({ path: 'lib/a,line=1:b\n::error::x.ex', message: '100%\r\n::stop-commands::x' })],
  })

  expect(github(sample).split('\n')[0]).toBe(
    `::error file=lib/a%2Cline=1%3Ab%0A%3A%3Aerror%3A%3Ax.ex,line=41,endLine=41,title=genserver-self-call::100%25%0D%0A::stop-commands::x${advice}`,
  )
})

test('neither can the lines of the log', () => {
  const sample = report({
    files: { read: 1, partial: [{ path: '\n::error::##[add-path]x.ex', lines: [1] }], skipped: [] },
    failedRules: [{ rule: 'task-unsupervised', path: 'lib/a.ex', error: 'no fact\n::stop-commands::x' }],
  })

  const lines = github(sample).split('\n')

  expect(lines.filter((line) => line.trimStart().startsWith('::') || line.includes('##['))).toEqual([])
})

test('beyond the tenth of a kind the place stands in the message, since only the log shows it', () => {
  const many = Array.from({ length: 12 }, (_, number) => found({ path: `lib/${number}.ex`, message: 'It waits.' }))

  const lines = github(report({ found: many })).split('\n')

  expect(lines[9]).toBe(`::error file=lib/9.ex,line=41,endLine=41,title=genserver-self-call::It waits.${advice}`)
  expect(lines[10]).toMatch(/::lib\/10\.ex:41: genserver-self-call: It waits\.$/)
  expect(lines[12]).toBe('GitHub shows 10 annotations of a kind on their lines; the rest stands in this log alone.')
  expect(github(report({ found: many.slice(0, 10) }))).not.toContain('the rest stands')
})
