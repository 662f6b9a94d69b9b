import { describe, expect, test } from 'vitest'
import type { Call } from '#elixir'
import { calleesIn, clauseWith, expressionOf } from './read-source.ts'

function callIn(body: string): Call {
  const expression = expressionOf(body)
  if (expression.kind !== 'call') throw new Error(`This is no call: ${expression.kind}`)
  return expression
}

describe('pipes', () => {
  test('what is piped is the first argument', () => {
    const call = callIn('a |> f(b)')

    expect(call).toMatchObject({ callee: 'f', isPiped: true, args: [{ name: 'a' }, { name: 'b' }] })
    expect(callIn('f(a, b)')).toMatchObject({ callee: 'f', isPiped: false })
  })

  test('a chain is a call in a call', () => {
    expect(calleesIn('a |> f() |> M.g(1) |> h')).toEqual(['h/1', 'M.g/2', 'f/1'])
  })

  test('into a call without parentheses, of a module or of this one', () => {
    expect(calleesIn('a |> M.f')).toEqual(['M.f/1'])
    expect(calleesIn('pid |> send(m)\nf |> spawn')).toEqual(['Kernel.send/2', 'Kernel.spawn/1'])
  })

  test('into a function value', () => {
    expect(callIn('a |> fun.(1)')).toMatchObject({
      callee: '',
      receiver: { name: 'fun' },
      args: [{ name: 'a' }, { value: 1 }],
    })
    expect(calleesIn('a |> (&f/1).()')).toEqual(['/1'])
  })

  test('into `case`', () => {
    expect(expressionOf('a |> case do\n  1 -> f()\n  _ -> g()\nend')).toMatchObject({
      kind: 'case',
      subject: { name: 'a' },
      branches: [{ body: { callee: 'f' } }, { body: { callee: 'g' } }],
    })
  })

  test('`then` and `tap` are calls like others', () => {
    expect(calleesIn('a |> then(&f(x, &1)) |> tap(fn b -> g(b) end)')).toEqual([
      'Kernel.tap/2',
      'Kernel.then/2',
      'f/2',
      'g/1',
    ])
  })

  test('a comment or line break inside a pipeline changes nothing', () => {
    expect(calleesIn('a\n# first\n|> f()\n|> # then\ng()')).toEqual(['g/1', 'f/1'])
  })

  test('the place of a call in a pipeline is from its own name on', () => {
    const call = callIn('order\n|> check()\n|> Task.async_stream(f)')

    expect(call.line).toBe(4)
    expect(call.at).toEqual({ startLine: 6, startColumn: 4, endLine: 6, endColumn: 24 })
    expect(callIn('Task.async(f)').at).toEqual({ startLine: 4, startColumn: 1, endLine: 4, endColumn: 14 })
  })
})

describe('captures', () => {
  test('of a named function, with its module resolved', () => {
    expect(expressionOf('&Task.await/1', 'alias MyApp.Task')).toMatchObject({
      kind: 'capture',
      function: { module: 'MyApp.Task', name: 'await', arity: 1, isQualified: true },
      body: null,
    })
    expect(expressionOf('&run/2')).toMatchObject({
      function: { module: null, name: 'run', arity: 2, isQualified: false },
    })
    expect(expressionOf('&__MODULE__.run/4')).toMatchObject({
      function: { module: null, name: 'run', isQualified: true },
    })
    expect(expressionOf('&send/2')).toMatchObject({ function: { module: 'Kernel', name: 'send' } })
    expect(expressionOf('&:ets.insert/2')).toMatchObject({ function: { module: ':ets', name: 'insert' } })
    expect(expressionOf('&async/1', 'import Task')).toMatchObject({ function: { module: 'Task', name: 'async' } })
  })

  test('of an operator', () => {
    expect(expressionOf('&+/2')).toMatchObject({ function: { module: null, name: '+', arity: 2 } })
    expect(expressionOf('&Kernel.+/2')).toMatchObject({ function: { module: 'Kernel', name: '+', arity: 2 } })
  })

  test('of an expression', () => {
    expect(expressionOf('&(&1 + f(&2))')).toMatchObject({
      kind: 'capture',
      function: null,
      body: { kind: 'operator', operands: [{ kind: 'capture-argument', position: 1 }, { callee: 'f' }] },
    })
    expect(expressionOf('&(&1.x)')).toMatchObject({ body: { kind: 'field', field: 'x', subject: { position: 1 } } })
    expect(expressionOf('& &1.x.y')).toMatchObject({ body: { kind: 'field', field: 'y' } })
    expect(expressionOf('&{&1, &2}')).toMatchObject({ body: { kind: 'tuple' } })
    expect(expressionOf('&M.f(x, &1)')).toMatchObject({ body: { kind: 'call', callee: 'M.f' } })
  })

  test('of a function of a computed module is the call it makes', () => {
    expect(expressionOf('&mod.run/2')).toMatchObject({
      function: null,
      body: {
        kind: 'call',
        callee: '',
        name: 'run',
        receiver: { kind: 'variable', name: 'mod' },
        args: [{ position: 1 }, { position: 2 }],
      },
    })
    expect(expressionOf('&@mod.run/0')).toMatchObject({
      body: { receiver: { kind: 'attribute', name: 'mod' }, args: [] },
    })
  })

  test('a division is no arity', () => {
    expect(expressionOf('&(f(&1)/2)')).toMatchObject({ function: null, body: { kind: 'operator', operator: '/' } })
    expect(expressionOf('&(&1/2)')).toMatchObject({ function: null, body: { kind: 'operator', operator: '/' } })
  })
})

describe('apply', () => {
  test('with a literal module, function and list is the call that it makes', () => {
    expect(calleesIn('apply(Task, :async, [f])')).toEqual(['Task.async/1'])
    expect(calleesIn(':erlang.apply(:ets, :insert, [t, r])')).toEqual([':ets.insert/2'])
    expect(calleesIn('Task |> apply(:async, [f])')).toEqual(['Task.async/1'])
    expect(calleesIn('apply(__MODULE__, :run, [1, 2])')).toEqual(['run/2'])
    expect(calleesIn('apply(T, :async, [f])', 'alias Task, as: T')).toEqual(['Task.async/1'])
  })

  test('with anything computed stays a call of apply', () => {
    expect(calleesIn('apply(mod, :run, [])')).toEqual(['Kernel.apply/3'])
    expect(calleesIn('apply(Task, name, [])')).toEqual(['Kernel.apply/3'])
    expect(calleesIn('apply(Task, :async, args)')).toEqual(['Kernel.apply/3'])
    expect(calleesIn('apply(Task, :async, [f | rest])')).toEqual(['Kernel.apply/3'])
    expect(calleesIn('apply(fun, [1])')).toEqual(['Kernel.apply/2'])
    expect(calleesIn(':erlang.apply(m, f, a)')).toEqual([':erlang.apply/3'])
  })

  test('a local function of that name is meant where there is one', () => {
    expect(calleesIn('apply(Task, :async, [f])', 'def apply(a, b, c), do: {a, b, c}')).toEqual(['apply/3'])
  })
})

describe('arguments', () => {
  test.each(['f(a, x: 1, y: 2)', 'f(a, [x: 1, y: 2])', 'f a, x: 1, y: 2', 'f(a, [{:x, 1}, {:y, 2}])'])(
    'the keywords at the end are one list: %s',
    (written) => {
      const { args } = callIn(written)
      const [, options] = args

      expect(args.length).toBe(2)
      expect(options?.kind === 'list' && options.get('y')).toMatchObject({ kind: 'number', value: 2 })
    },
  )

  test('a `do` block of an ordinary call is its block and no argument', () => {
    expect(callIn('within x do\n  f()\nend')).toMatchObject({
      callee: 'within',
      args: [{ name: 'x' }],
      block: { callee: 'f' },
    })
    expect(calleesIn('M.within x do\n  f()\n  g()\nend')).toEqual(['M.within/1', 'f/0', 'g/0'])
  })

  test('a block with branches is a function, one with sections a try', () => {
    expect(callIn('match x do\n  1 -> f()\nend').block).toMatchObject({
      kind: 'fn',
      branches: [{ body: { callee: 'f' } }],
    })
    expect(callIn('retry n do\n  f()\nafter\n  r -> g(r)\nelse\n  e -> h(e)\nend').block).toMatchObject({
      kind: 'try',
      body: { callee: 'f' },
      elses: [{ body: { callee: 'h' } }],
    })
  })

  test('`do:` among the keywords of an ordinary call is an option', () => {
    const [options] = callIn('within do: f()').args

    expect(options?.kind === 'list' && options.get('do')).toMatchObject({ callee: 'f' })
  })

  test('a heredoc among arguments', () => {
    const { args } = callIn('f(1, """\n  text with g() in it\n  """, h(2))')

    expect(args).toMatchObject([{ value: 1 }, { kind: 'text', form: 'string' }, { kind: 'call', callee: 'h' }])
  })
})

describe('literals', () => {
  test('numbers', () => {
    const values = ['1_000', '0xFF', '0b11', '1.5e3', '-3', '?a'].map((text) => expressionOf(text))

    expect(values.map((each) => each.kind === 'number' && each.value)).toEqual([1000, 255, 3, 1500, -3, 97])
  })

  test('atoms, plain, quoted and made at run time', () => {
    expect(expressionOf(':ok')).toMatchObject({ kind: 'atom', value: 'ok' })
    expect(expressionOf(':"two words"')).toMatchObject({ kind: 'atom', value: 'two words' })
    expect(expressionOf('nil')).toMatchObject({ kind: 'atom', value: 'nil' })
    expect(expressionOf(':"room_#{id}"')).toMatchObject({ kind: 'dynamic-atom', parts: [{ name: 'id' }] })
    expect(expressionOf('["two words": 1]')).toMatchObject({
      elements: [{ key: { kind: 'atom', value: 'two words' } }],
    })
    expect(expressionOf('["room_#{id}": 1]')).toMatchObject({ elements: [{ key: { kind: 'dynamic-atom' } }] })
  })

  test('texts: only what is interpolated is code', () => {
    expect(expressionOf('"f() and g"')).toMatchObject({ kind: 'text', form: 'string', value: 'f() and g', parts: [] })
    expect(expressionOf('"a #{f(1)} b"')).toMatchObject({ value: null, parts: [{ callee: 'f' }] })
    expect(expressionOf("'abc'")).toMatchObject({ form: 'charlist', value: 'abc' })
    expect(expressionOf('~w(f g)a')).toMatchObject({ form: 'sigil', sigil: 'w', value: 'f g' })
    expect(expressionOf('~H"""\n<p>{f()}</p>\n"""')).toMatchObject({ form: 'sigil', sigil: 'H', parts: [] })
    expect(expressionOf('~S"#{f()}"')).toMatchObject({ parts: [] })
  })

  test('lists with a tail, maps with an update', () => {
    expect(expressionOf('[a, b | c]')).toMatchObject({ elements: [{ name: 'a' }, { name: 'b' }], tail: { name: 'c' } })
    expect(expressionOf('%{s | x: 1, y: 2}')).toMatchObject({
      updated: { name: 's' },
      entries: [{ kind: 'pair' }, { kind: 'pair' }],
    })
    expect(expressionOf('%{s | "x" => 1}')).toMatchObject({
      updated: { name: 's' },
      entries: [{ key: { value: 'x' } }],
    })
    expect(expressionOf('%{"x" => 1, y: 2}')).toMatchObject({ updated: null, isStruct: false, entries: [{}, {}] })
    expect(expressionOf('<<a::8, b::binary>>')).toMatchObject({ kind: 'binary', elements: [{}, {}] })
  })

  test('operators of one and two operands', () => {
    expect(expressionOf('a not in b')).toMatchObject({ kind: 'operator', operator: 'not in', operands: [{}, {}] })
    expect(expressionOf('not a')).toMatchObject({ operator: 'not', operands: [{ name: 'a' }] })
    expect(expressionOf('a +\n# why\nb')).toMatchObject({ operator: '+', operands: [{ name: 'a' }, { name: 'b' }] })
    expect(expressionOf('a[:b]')).toMatchObject({ kind: 'access', subject: { name: 'a' }, key: { value: 'b' } })
    expect(expressionOf('@a[:b]')).toMatchObject({ kind: 'access', subject: { kind: 'attribute', name: 'a' } })
    expect(expressionOf('{a, b} = c = f()')).toMatchObject({
      kind: 'match',
      value: { kind: 'match', value: { callee: 'f' } },
    })
  })
})

test('each expression knows the one that holds it, up to the body', () => {
  const clause = clauseWith('x = f(fn -> {a, [b: g(1)]} end)\nif x, do: h(&k/1)')

  for (const each of clause.expressions) {
    for (const child of each.children()) expect(child.parent).toBe(each)
  }
  expect(clause.body?.parent).toBe(null)
})

test('an expression knows its place and its text', () => {
  const call = clauseWith('x = 1\n  notify(x,\n    :now)').calls[0]!

  expect(call.text).toBe('notify(x,\n    :now)')
  expect(call.range).toEqual({ startLine: 5, startColumn: 3, endLine: 6, endColumn: 10 })
})
