// Rules that ask for all there is, in every way there is, and have nothing to say: what a file can do to any rule.
import {
  canonical,
  type CataloguedRule,
  childLists,
  type Clause,
  foldNumber,
  isDiscarded,
  localCalls,
  nameOf,
  reach,
  requestCode,
  serverCode,
  tails,
  whereRuns,
} from '#engine'

const info = {
  category: 'task',
  title: 'Looks at everything',
  principles: [{ id: 'P-X', title: 'x', text: 'x', sources: [] }],
  set: 'recommended',
  precision: 'P1',
  severity: 'info',
  since: '0.1.0',
  why: 'x',
  instead: 'x',
  examples: [{ bad: '', good: '' }],
} as const

/** One rule for each kind of fact. */
export const nosyRules: readonly CataloguedRule[] = [
  {
    ...info,
    id: 'nosy-module',
    on: 'module',
    check({ module, file }) {
      for (const reached of [...serverCode(module), ...requestCode(module)]) reached.hops.forEach(canonical)
      void [module.isTransparent, module.roles, file.comments, childLists(module)]
      for (const { name } of module.attributes) void module.attribute(name)
      reach(module.functions.flatMap((fun) => fun.clauses))
      return []
    },
  },
  {
    ...info,
    id: 'nosy-clause',
    on: 'clause',
    check({ clause }) {
      void [
        clause.isCatchAll,
        clause.bindings,
        clause.head,
        clause.function.defaults,
        tails(clause.body),
        localCalls(clause),
      ]
      for (const part of [...clause.params, clause.guard, clause.body]) if (part !== null) canonical(part)
      for (const each of clause.expressions) isDiscarded(each)
      return []
    },
  },
  {
    ...info,
    id: 'nosy-call',
    on: 'call',
    check({ call, clause, module }) {
      void [whereRuns(call, clause), call.at]
      for (const arg of call.args) void [nameOf(arg, module, clause), foldNumber(arg, module)]
      return []
    },
  },
  {
    ...info,
    id: 'nosy-children',
    on: 'children',
    check({ list }) {
      for (const { children } of list.segments) for (const child of children) void child.argument?.text
      return []
    },
  },
]

/** A rule that finds every definition and every call, so that findings too are many. */
export const talkativeRule: CataloguedRule = {
  ...info,
  id: 'talkative',
  on: 'clause',
  *check({ clause }: { clause: Clause }) {
    yield { at: clause.head, message: clause.function.id }
    for (const call of clause.calls) yield { at: call.at, message: call.callee }
  },
}
