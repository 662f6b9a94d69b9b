import { expect, test } from 'vitest'
import { isProbed, SourceFile } from '#elixir'

/** Whether each `old()` of the source is behind a look at what is there. */
function probed(source: string): boolean[] {
  const file = SourceFile.read('lib/sample.ex', source)
  if (typeof file === 'string') throw new Error(file)
  return file.modules.flatMap(({ functions }) =>
    functions.flatMap(({ clauses }) =>
      clauses.flatMap((clause) =>
        clause.calls.filter(({ callee }) => callee === ':pg2.old').map((call) => isProbed(call, clause)),
      ),
    ),
  )
}

const inModule = (body: string): string => `defmodule A do\n${body}\nend\n`

test.each([
  ['if', 'def a, do: if(Code.ensure_loaded?(:pg2), do: :pg2.old())'],
  ['unless', 'def a do\n unless Code.ensure_loaded?(:pg) do\n :pg2.old()\n end\n end'],
  ['case', 'def a do\n case System.otp_release() do\n "23" -> :pg2.old()\n end\n end'],
  ['a later branch of cond', 'def a do\n cond do\n Code.ensure_loaded?(:pg) -> :ok\n true -> :pg2.old()\n end\n end'],
  ['&&', 'def a, do: Code.ensure_loaded?(:pg2) && :pg2.old()'],
  ['with', 'def a do\n with {:module, _} <- Code.ensure_loaded(:pg2) do\n :pg2.old()\n end\n end'],
  ['an attribute', '@has Code.ensure_loaded?(:pg2)\ndef a, do: if(@has, do: :pg2.old())'],
  ['a function', 'def a, do: if(has?(), do: :pg2.old())\ndefp has?, do: Code.ensure_loaded?(:pg2)'],
  ['a definition', 'if Code.ensure_loaded?(:pg2) do\n def a, do: :pg2.old()\nend'],
  ['rescue', 'def a do\n :pg2.old()\n rescue\n UndefinedFunctionError -> :ok\n end'],
  ['the only caller', 'def a, do: if(Code.ensure_loaded?(:pg2), do: b())\ndefp b, do: :pg2.old()'],
])('%s', (_name, body) => {
  expect(probed(inModule(body))).toEqual([true])
})

test.each([
  ['nothing', 'def a, do: :pg2.old()'],
  ['a condition about something else', 'def a(x), do: if(x, do: :pg2.old())'],
  ['a look on the way out', 'def a do\n :pg2.old()\n Code.ensure_loaded?(:pg2)\n end'],
  ['a rescue of something else', 'def a do\n :pg2.old()\n rescue\n ArgumentError -> :ok\n end'],
  ['one caller of two', 'def a, do: if(Code.ensure_loaded?(:pg2), do: b())\ndef c, do: b()\ndefp b, do: :pg2.old()'],
  ['a public function', 'def a, do: if(Code.ensure_loaded?(:pg2), do: b())\ndef b, do: :pg2.old()'],
])('not %s', (_name, body) => {
  expect(probed(inModule(body))).toEqual([false])
})

test('a module that stands in a condition, with all inside it', () => {
  const source = `if Code.ensure_loaded?(:pg2) do\n${inModule(inModule('def a, do: :pg2.old()'))}end\n`

  expect(probed(source)).toEqual([true])
})
