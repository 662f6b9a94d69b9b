import { describe, expect, test } from 'vitest'
import { functionsRunBy } from '#elixir'
import { clauseWith } from './read-source.ts'

/** The functions that the first starter of a body runs, as they are called. */
function run(body: string, above = '', hops = 1): string[] {
  const clause = clauseWith(body, above)
  const starter = clause.calls.find(({ module }) => module === 'Task' || module === 'Task.Supervisor')!
  return functionsRunBy(starter, clause, hops).map(({ callee, arity }) => `${callee}/${arity}`)
}

describe('what runs in the process that a call starts', () => {
  test.each([
    ['a closure', 'Task.start(fn -> Mailer.deliver(x) end)', ['Mailer.deliver/1']],
    ['a closure behind a name', 'work = fn -> Mailer.deliver(x) end\nTask.start(work)', ['Mailer.deliver/1']],
    ['a captured function', 'Task.start(&Mailer.flush/0)', ['Mailer.flush/0']],
    ['a captured call', 'Task.async_stream(xs, &Mailer.deliver(&1, now))', ['Mailer.deliver/2']],
    ['module, function and arguments', 'Task.Supervisor.start_child(S, Mailer, :deliver, [x])', ['Mailer.deliver/1']],
    ['each element before the arguments', 'Task.async_stream(xs, Mailer, :deliver, [x])', ['Mailer.deliver/2']],
    ['nothing that is known', 'Task.start(fun)', []],
  ])('%s', (_name, body, expected) => {
    expect(run(body)).toEqual(expected)
  })

  const helpers = 'def a(x), do: b(x)\ndefp b(x), do: Mailer.deliver(x)'

  test('local functions are followed as far as asked for', () => {
    expect(run('Task.start(fn -> a(x) end)', helpers, 0)).toEqual(['a/1'])
    expect(run('Task.start(fn -> a(x) end)', helpers, 1)).toEqual(['a/1', 'b/1'])
    expect(run('Task.start(fn -> a(x) end)', helpers, 2)).toEqual(['a/1', 'b/1', 'Mailer.deliver/1'])
    expect(run('Task.start(__MODULE__, :b, [x])', helpers)).toEqual(['b/1', 'Mailer.deliver/1'])
  })

  test('functions that call each other end', () => {
    expect(run('Task.start(fn -> a() end)', 'def a, do: b()\ndef b, do: a()', 9)).toEqual(['a/0', 'b/0', 'a/0'])
  })
})
