// The operators of Elixir: how tight they bind, and where they stand as names.
import { operatorNumber } from './tree.ts'

/** An operator between two operands. */
export interface Infix {
  operator: string
  /** In the table of nodes. */
  number: number
  precedence: number
  isRight: boolean
}

/** From the loosest to the tightest, as the Elixir reference has them. */
const INFIX_ROWS: readonly [precedence: number, side: 'left' | 'right', operators: string][] = [
  [10, 'left', '<- \\\\'],
  [20, 'right', 'when'],
  [30, 'right', '::'],
  [40, 'right', '|'],
  [50, 'right', '=>'],
  [70, 'right', '='],
  [80, 'left', '|| ||| or'],
  [90, 'left', '&& &&& and'],
  [100, 'left', '== != =~ === !=='],
  [110, 'left', '< > <= >='],
  [120, 'left', '|> <<< >>> <<~ ~>> <~ ~> <~> <|>'],
  [130, 'left', 'in'],
  [140, 'left', '^^^'],
  [150, 'right', '//'],
  [160, 'right', '++ -- +++ --- <> ..'],
  [170, 'left', '+ -'],
  [180, 'left', '* /'],
  [190, 'left', '**'],
]

function infix(operator: string, precedence: number, side: 'left' | 'right'): Infix {
  return { operator, number: operatorNumber(operator), precedence, isRight: side === 'right' }
}

export const INFIXES = new Map(
  INFIX_ROWS.flatMap(([precedence, side, operators]) =>
    operators.split(' ').map((operator) => [operator, infix(operator, precedence, side)] as const),
  ),
)
export const NOT_IN = infix('not in', 130, 'left')
export const WHEN = INFIXES.get('when')!
export const BAR = INFIXES.get('|')!
export const AND = INFIXES.get('and')!
export const OR = INFIXES.get('or')!
export const IN = INFIXES.get('in')!

/** The operators made of signs, by the code of their first sign, the longest first. */
export const SIGNS: readonly (readonly Infix[] | undefined)[] = Array.from({ length: 128 }, (_, code) => {
  const own = [...INFIXES.values()].filter(({ operator }) => operator.charCodeAt(0) === code && !/\w/.test(operator))
  return own.length === 0 ? undefined : own.sort((a, b) => b.operator.length - a.operator.length)
})

/** Matches one of the signs, the longest first, with what stands around it. */
function signs(before: string, names: readonly string[], after: string): RegExp {
  const longestFirst = names.toSorted((a, b) => b.length - a.length).map((name) => name.replaceAll(/\W/g, '\\$&'))
  return new RegExp(`${before}(?:${longestFirst.join('|')})${after}`, 'y')
}

const WORDS = ['and', 'or', 'in', 'not', 'when']
/** All that are written in signs and can be named. */
const NAMES = [...INFIXES.keys(), '->', '!', '^', '~~~', '&', '@', '.'].filter(
  (name) => !WORDS.includes(name) && name !== '=>',
)
const SPECIAL = ['...', '%{}', '{}', '%', '<<>>', '..//']

/** `:+`, `:{}`. */
export const ATOM_SIGNS = signs(':', [...NAMES, ...SPECIAL], '')
/** `+: 1`: an operator as a key. */
export const SIGN_KEY = signs(
  '',
  NAMES.filter((name) => name !== '::'),
  ':\\s',
)
/** `+/2` behind a `&`: an operator by its name and arity. */
export const NAMED_SIGNS = signs('', [...NAMES, ...WORDS], '(?=\\/[0-9])')
/** `Kernel.+(1, 2)`, `&Kernel.+/2`. */
export const CALLED_SIGNS = signs('', NAMES, '(?=[(/])')
