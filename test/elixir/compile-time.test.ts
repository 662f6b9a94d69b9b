import { describe, expect, test } from 'vitest'
import { elixir } from '#engine'
import { calleesIn, calleesOf, fileOf, moduleOf } from './read-source.ts'

describe('compile-time code has no calls', () => {
  test.each([
    ['quote', 'quote do\n  Task.async(f)\nend'],
    ['quote with options', 'quote bind_quoted: [x: x], location: :keep do\n  Task.async(f)\nend'],
    ['quote with a keyword', 'quote(do: Task.async(f))'],
    ['unquote', 'unquote(Task.async(f))'],
    ['unquote_splicing', 'g(unquote_splicing(Task.async(f)))'],
    ['a call of an unquoted name', 'unquote(name)(Task.async(f))'],
    ['a definition inside a function', 'defmodule B do\n  def g, do: Task.async(f)\nend'],
    ['an attribute that is set', '@x Task.async(f)'],
  ])('%s', (_, body) => {
    expect(calleesIn(`before()\n${body}\nlater()`).filter((id) => id !== 'g/1')).toEqual(['before/0', 'later/0'])
  })

  test.each([
    ['defmacro', 'defmacro m(x) do\n  Task.async(x)\n  quote do: Task.async(f)\nend'],
    ['defmacrop', 'defmacrop m(x), do: Task.async(x)'],
    ['__using__', 'defmacro __using__(opts) do\n  quote do\n    def handle_info(m, s), do: Task.async(m)\n  end\nend'],
    ['__before_compile__', 'defmacro __before_compile__(env), do: Task.async(env)'],
    ['defguard', 'defguard is_a(x) when Task.async(x)'],
    ['an attribute value', '@x Task.async(f)'],
    ['code at module level', 'Enum.each(xs, fn x -> Task.async(x) end)'],
    ['a typespec', '@spec f(Task.async(term)) :: term\n@type t :: Task.async(x)\n@callback c(x) :: Task.async(x)'],
  ])('%s', (_, lines) => {
    expect(calleesOf(`defmodule A do\n${lines}\ndef f(x), do: x\nend\n`)).toEqual([])
  })

  test('definitions inside a macro are none of the module', () => {
    const module = moduleOf(
      'defmodule A do\ndefmacro __using__(_) do\n quote do\n  def f, do: 1\n end\nend\ndef g, do: 1\nend\n',
    )

    expect(module.functions.map((fun) => fun.id)).toEqual(['g/0'])
    expect([...module.macros]).toEqual(['__using__/1'])
  })

  test('a definition with a computed name is not read, and absence proves nothing any more', () => {
    const module = moduleOf('defmodule A do\nfor n <- [:a] do\n def unquote(n)(x), do: Task.async(x)\nend\nend\n')

    expect(module.functions).toEqual([])
    expect(module.hasUnknownDefinitions).toBe(true)
  })
})

describe('docs, strings and comments are no code', () => {
  test.each([
    ['@moduledoc', '@moduledoc """\nTask.async(f)\n#{Task.async(f)}\n"""'],
    ['@doc with interpolation', '@doc "see #{Task.async(f)}"'],
    ['@doc in a sigil', '@doc ~s(see #{Task.async(f)})'],
    ['@shortdoc', '@shortdoc "a #{Task.async(f)}"'],
    ['@deprecated', '@deprecated "use #{Task.async(f)}"'],
    ['a comment', '# Task.async(f)'],
  ])('%s', (_, lines) => {
    expect(calleesOf(`defmodule A do\n${lines}\ndef f(x), do: x\nend\n`)).toEqual([])
  })

  test('the value of a documenting attribute is no constant', () => {
    expect(
      moduleOf('defmodule A do\n@moduledoc "a"\n@doc since: "1"\n@timeout 5\nend\n').attributes.map(
        (each) => each.name,
      ),
    ).toEqual(['timeout'])
  })

  test.each([
    'x = "Task.async(f)"',
    "x = 'Task.async(f)'",
    'x = """\nTask.async(f)\n"""',
    'x = ~s(Task.async(f))',
    'x = ~S"""\n#{Task.async(f)}\n"""',
    'x = ~H"""\n<p>{Task.async(f)}</p>\n"""',
    'x = 1 # Task.async(f)',
    'x = ?# ; # Task.async(f)',
  ])('%s', (body) => {
    expect(calleesIn(body)).toEqual([])
  })

  test('what a string interpolates is code', () => {
    expect(calleesIn('"a #{Task.async(f)}"\n~s(b #{g(1)})\n"""\n#{h(2)}\n"""')).toEqual(['Task.async/1', 'g/1', 'h/1'])
  })
})

describe('comments', () => {
  const source = elixir`
    # above
    defmodule A do
      @doc """
      # no comment
      """
      @spec f(term) ::
              # inside a type
              term
      def f(x) do # behind
        ## two marks
        "# no comment" # yes # one
      end
    end
  `

  test('are only those that the language sees, with line, text and place', () => {
    expect(fileOf(source).comments).toEqual([
      { line: 1, text: 'above', isTrailing: false },
      { line: 7, text: 'inside a type', isTrailing: false },
      { line: 9, text: 'behind', isTrailing: true },
      { line: 10, text: 'two marks', isTrailing: false },
      { line: 11, text: 'yes # one', isTrailing: true },
    ])
  })
})
