import { type Call, defineRule, elixir, type Expression, isProbed, type ProjectFacts } from '#engine'
import { registryIsOneNode } from '../principles.ts'
import { spotOf } from '../wording.ts'

export default defineRule({
  id: 'pg2-removed',
  title: '`:pg2` does not exist any more',
  principles: [registryIsOneNode],
  set: 'recommended',
  precision: 'P1',
  severity: 'error',
  since: '0.1.0',

  why: `
    OTP 24 removed the module pg2. The code still compiles, because functions of Erlang modules are looked up at run
    time, and then raises UndefinedFunctionError the first time it runs. Its successor pg keeps groups in scopes,
    needs no create, and must be started: without a running scope its calls exit with noproc.
  `,
  instead:
    'Use `:pg.join(scope, group, pid)` and `:pg.get_members(scope, group)`, and start the scope as a child: `%{id: :pg, start: {:pg, :start_link, [scope]}}`.',
  ignoreWhen: 'Where the code can only run on OTP 23 or older.',
  limits: 'A module name that is computed at run time is not seen.',

  examples: [
    {
      bad: elixir`
        defmodule Shop.Sessions do
          def join(pid) do
            :pg2.create(:sessions) # finding
            :pg2.join(:sessions, pid) # finding
          end
        end
      `,
      good: elixir`
        defmodule Shop.Sessions do
          def join(pid), do: :pg.join(Shop.Groups, :sessions, pid)
        end
      `,
    },
  ],

  on: 'module',
  words: ['pg2'],
  *check({ module, project }) {
    if (hasOwnPg2(project)) return
    const isOld = project.otp !== null && project.otp < 24
    for (const clause of module.functions.flatMap((fun) => fun.clauses)) {
      for (const expression of clause.expressions) {
        const use = useOfPg2(expression)
        if (use === null || isProbed(expression, clause)) continue
        yield {
          at: spotOf(expression),
          message:
            (isOld
              ? `\`${use.shown}\` works on OTP ${project.otp} and raises UndefinedFunctionError from OTP 24 on, which removed \`:pg2\`. `
              : `\`${use.shown}\` raises UndefinedFunctionError when it runs: OTP 24 removed \`:pg2\`. `) +
            successor(use),
          severity: isOld ? 'warning' : 'error',
        }
      }
    }
  },
})

/** A package can bring the old module along. */
function hasOwnPg2({ deps }: ProjectFacts): boolean {
  return Object.hasOwn(deps, 'pg2')
}

/** What is used of the module: `shown` as Elixir writes it, `call` where it is one. */
interface Use {
  name: string
  shown: string
  call: Call | null
}

/** `:pg2.join(...)`, `&:pg2.join/2`, `{:pg2, :start_link, []}` in a child spec, `:rpc.multicall(:pg2, :join, [...])`. */
function useOfPg2(expression: Expression): Use | null {
  if (expression.kind === 'call') {
    const { name, arity, args } = expression
    if (expression.module === ':pg2') return { name, shown: `:pg2.${name}/${arity}`, call: expression }
    return args.map((_, index) => named(args.slice(index, index + 3))).find((use) => use !== null) ?? null
  }
  if (expression.kind === 'capture' && expression.function?.module === ':pg2') {
    const { name, arity } = expression.function
    return { name, shown: `&:pg2.${name}/${arity}`, call: null }
  }
  return expression.kind === 'tuple' && expression.elements.length === 3 ? named(expression.elements) : null
}

/** Module, function and arguments. */
function named([module, name, args]: readonly Expression[]): Use | null {
  if (module?.kind !== 'atom' || module.value !== 'pg2' || name?.kind !== 'atom' || args?.kind !== 'list') return null
  return { name: name.value, shown: `:pg2.${name.value}/${args.elements.length}`, call: null }
}

/** What to write instead. */
function successor({ name, call }: Use): string {
  const [group = 'group', pid = 'pid'] = call?.args.map(short) ?? []
  switch (name) {
    case 'create':
    case 'delete':
      return 'Groups of `:pg` come and go by themselves: drop it.'
    case 'join':
    case 'leave':
      return `Write \`:pg.${name}(scope, ${group}, ${pid})\`.`
    case 'get_members':
    case 'get_local_members':
      return `Write \`:pg.${name}(scope, ${group})\`.`
    case 'get_closest_pid':
      return `Pick one of \`:pg.get_local_members(scope, ${group})\`, else one of \`:pg.get_members(scope, ${group})\`.`
    case 'start':
    case 'start_link':
      return 'Start a scope of `:pg` in its place: `%{id: :pg, start: {:pg, :start_link, [scope]}}`.'
    default:
      return `Write \`:pg.${name}(scope)\`.`
  }
}

function short({ text }: Expression): string {
  return text.length <= 40 && !/[\n`]/.test(text) ? text : '...'
}
