import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { analyse, type CataloguedRule, type ModuleRole, selectAll, SourceFile, UNKNOWN_PROJECT } from '#engine'
import { rules } from '#rules'
import { wordsOfRole } from '#elixir'
import { wordFinder } from '../../src/engine/words.ts'
import { casesOf, examplesOf } from '../support/cases.ts'
import { ruleAbout, ruleOn } from './rules-for-tests.ts'

/** What rules say, and whether the file was parsed for it. */
function look(source: string, some: readonly CataloguedRule[], readAll = false) {
  return analyse({ path: 'lib/a.ex', source, project: UNKNOWN_PROJECT, selection: selectAll(some), readAll }, some)
}

const sources = rules.flatMap((rule) =>
  [...examplesOf(rule), ...casesOf(rule)].flatMap((each) => each.sources.map((source) => source.text)),
)

describe('with and without short cuts every rule says the same', () => {
  test('of all cases, each seen by all rules', () => {
    const different = sources.filter((source) => {
      const [fast, slow] = [look(source, rules), look(source, rules, true)]
      return JSON.stringify([fast.findings, fast.failedRules]) !== JSON.stringify([slow.findings, slow.failedRules])
    })

    expect(different).toEqual([])
  })

  test('alone', () => {
    const different = rules.filter((rule) =>
      [...examplesOf(rule), ...casesOf(rule)]
        .flatMap((each) => each.sources)
        .some(
          ({ text }) =>
            JSON.stringify(look(text, [rule]).findings) !== JSON.stringify(look(text, [rule], true).findings),
        ),
    )

    expect(different.map((rule) => rule.id)).toEqual([])
  })

  test('of files with parts missing', () => {
    const place = fc.tuple(fc.constantFrom(...sources), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(40))
    const cut = place.map(([source, part, length]) => {
      const at = Math.floor(part * source.length)
      return source.slice(0, at) + source.slice(at + length)
    })
    const isSame = (source: string) =>
      JSON.stringify(look(source, rules).findings) === JSON.stringify(look(source, rules, true).findings)

    expect(fc.check(fc.property(cut, isSame), { numRuns: 200 }).counterexample).toBe(null)
  })
})

describe('a call is found for its callee however it is written', () => {
  const rule = ruleAbout(['Task.Supervisor.async', 'Kernel.spawn', ':ets.insert', 'GenServer.call', 'notify!'])
  const found = (body: string, above = ''): string[] =>
    look(`defmodule A do\n${above}\ndef g, do: 1\ndef f do\n${body}\nend\nend\n`, [rule]).findings.map(
      (finding) => finding.message,
    )

  test.each([
    ['Task.Supervisor.async(s, f)', '', 'Task.Supervisor.async'],
    ['TS.async(s, f)', 'alias Task.Supervisor, as: TS', 'Task.Supervisor.async'],
    ['Supervisor.async(s, f)', 'alias Task.{Supervisor}', 'Task.Supervisor.async'],
    ['T.Supervisor.async(s, f)', 'alias Task, as: T', 'Task.Supervisor.async'],
    ['async(s, f)', 'import Task.Supervisor', 'Task.Supervisor.async'],
    ['Task.\n  Supervisor\n  .async(s, f)', '', 'Task.Supervisor.async'],
    ['Task.Supervisor."async"(s, f)', '', 'Task.Supervisor.async'],
    ['apply(Task.Supervisor, :async, [s, f])', '', 'Task.Supervisor.async'],
    ['s |> Task.Supervisor.async(f)', '', 'Task.Supervisor.async'],
    ['f |> spawn', '', 'Kernel.spawn'],
    ['Kernel.spawn(f)', '', 'Kernel.spawn'],
    ['E.insert(t, r)', 'alias :ets, as: E', ':ets.insert'],
    [':ets.insert(t, r)', '', ':ets.insert'],
    ['"#{GenServer.call(s, m)}"', '', 'GenServer.call'],
    ['notify!(x)', '', 'notify!'],
    ['if notify!(x)!=y, do: 1', '', 'notify!'],
  ])('%s with "%s"', (body, above, callee) => {
    expect(found(body, above)).toEqual([callee])
  })
})

describe('a file or function that no rule can say anything of', () => {
  test('is not parsed', () => {
    // What does not parse tells: a file that was parsed would be read in part.
    const broken = 'defmodule A do\ndef f, do: callback(,)\nend\n'

    expect(look(broken, [ruleAbout(['GenServer.call'])]).outcome).toBe('read')
    expect(look(broken, [ruleAbout(['GenServer.call'])], true).outcome).toBe('partial')
    expect(look(broken, [ruleAbout(['callback'])]).outcome).toBe('partial')
  })

  test.each([
    ['needs a callee', ruleAbout(['GenServer.call']), 'GenServer.call(a, b)', 'GenServer.cast(a, b)'],
    ['needs a module', ruleAbout(['Task.*']), 'Task.run()', 'Tasks.run()'],
    ['needs a role', ruleAbout(['f'], { roles: ['GenServer', 'LiveView'] }), '# live_view', '# lively'],
    ['needs a word', ruleOn('module', () => [], { words: ['pg2', 'pg'] }), ':pg2', ':pg3'],
    ['needs a child list', ruleOn('children', () => []), 'Supervisor.init(x)', 'DynamicSupervisor.init(x)'],
  ])('because a rule %s', (_, rule, present, missing) => {
    const broken = (text: string) => `defmodule A do\ndef f, do: f(,) + ${text}\nend\n`

    expect(look(broken(present), [rule]).outcome).toBe('partial')
    expect(look(broken(missing), [rule]).outcome).toBe('read')
  })

  test('is parsed for a rule that names nothing', () => {
    expect(look('defmodule A do\ndef f, do: g(,)\nend\n', [ruleOn('module', () => [])]).outcome).toBe('partial')
  })

  test('is not shown to a rule whose words it lacks', () => {
    const at = { startLine: 1, startColumn: 1, endLine: 1, endColumn: 2 }
    const source = 'defmodule A do\ndef f, do: :pg2\ndef g, do: :pg22\nend\ndefmodule B do\nend\n'
    const clauses = ruleOn('clause', ({ clause }) => [{ at, message: clause.function.id }], { words: ['pg2'] })
    const modules = ruleOn('module', ({ module }) => [{ at, message: module.name }], { words: ['pg2'] })

    expect(look(source, [clauses]).findings.map((finding) => finding.message)).toEqual(['f/0'])
    expect(look(source, [modules]).findings.map((finding) => finding.message)).toEqual(['A'])
    expect(look(source, [modules], true).findings.map((finding) => finding.message)).toEqual(['A', 'B'])
  })

  test('of several lists of words needs one of each', () => {
    const at = { startLine: 1, startColumn: 1, endLine: 1, endColumn: 2 }
    const rule = ruleOn('clause', ({ clause }) => [{ at, message: clause.function.id }], {
      words: [['send', 'spawn'], ['fn', '&'], [':"']],
    })
    const found = (body: string) => look(`defmodule A do\ndef f, do: ${body}\nend\n`, [rule]).findings.length

    expect([`send(fn -> :"a b" end)`, `spawn(&:"a b")`].map(found)).toEqual([1, 1])
    expect(
      [`send(&g/1)`, `:"a b"`, `sends(fn -> :"a" end)`, `send(fun, :"a")`, `send(fn -> :a end)`].map(found),
    ).toEqual([0, 0, 0, 0, 0])
    // Whose words stand in other functions is not shown any of them.
    expect(look(`defmodule A do\ndef f, do: send(1)\ndef g, do: &:"a"\nend\n`, [rule]).findings).toEqual([])
  })
})

test('the words of a role stand in whatever gives it', () => {
  const givers: [ModuleRole, string][] = [
    ['GenServer', 'use GenServer'],
    ['GenServer', '@behaviour :gen_server'],
    ['GenServer', 'def handle_info(a, b), do: :gen_server.enter_loop(a, b, [])'],
    ['LiveView', 'use ShopWeb, :live_view'],
    ['LiveView', 'use Phoenix.LiveView'],
    ['Oban.Worker', 'use Oban.Pro.Worker'],
    ['Channel', 'use ShopWeb, :channel'],
    ['gen_statem', '@behaviour :gen_statem'],
    ['Plug', '@behaviour Plug'],
    ['Plug', 'use Plug.Router'],
  ]

  for (const [role, line] of givers) {
    const file = SourceFile.read('lib/a.ex', `defmodule A do\n${line}\nend\n`)
    expect(typeof file !== 'string' && file.modules[0]!.is(role)).toBe(true)
    expect(wordsOfRole(role)?.some((word) => wordFinder([word])(line).has(word))).toBe(true)
  }
  expect(wordsOfRole('Controller')).toBe(null)
})

test('words are found whole, with their places', () => {
  const found = wordFinder(['call', 'callback', 'ets'])('call(:ets) callback recall call_x call! ets')

  expect(['call', 'callback', 'ets', 'cast'].map((word) => found.has(word))).toEqual([true, true, true, false])
  expect(found.placesOf(['call']).touch(0, 4)).toBe(true)
  expect(found.placesOf(['call']).touch(1, 34)).toBe(false)
  expect(found.placesOf(['call', 'ets']).touch(1, 34)).toBe(true)
  expect(found.placesOf(['call']).touch(34, 38)).toBe(true)
  expect(found.placesOf([]).touch(0, 100)).toBe(false)
})
