// What rules need to see of a file, told by its words alone: the short cuts of a run. None of them changes a finding.
import { CHILD_LIST_OWNERS, wordsOfRole } from '#elixir'
import type { CataloguedRule } from './rule.ts'
import { type FoundWords, type Places, wordFinder } from './words.ts'

/** A function that a rule wants to see the calls of, and the words without which a file or a function has none. */
interface Callee {
  /** `GenServer` for `GenServer.call`; null where the call needs no module name. An import has it above the function. */
  module: string | null
  /** `call`; null for a whole module and for operators. Every call has the name in it, also by `apply/3`. */
  name: string | null
}

/** Of each group, one word stands in every file of which the rule has something to say. */
interface Need {
  rule: CataloguedRule
  callees: readonly Callee[] | null
  groups: readonly (readonly string[])[]
}

/** What a run over one file may leave out. */
export interface Sight {
  /** The rules that can have something to say. */
  rules: readonly CataloguedRule[]
  /** Whether a call that a rule wants to see can stand in the span. */
  mayCall(start: number, end: number): boolean
  /** Whether the rule can have something to say of what stands in the span. */
  mayConcern(rule: CataloguedRule, start: number, end: number): boolean
}

/** How a file looks to some rules, before it is parsed. */
export type Look = (source: string) => Sight

/** Works out once what the rules need; the result is for many files. */
export function lookFor(rules: readonly CataloguedRule[]): Look {
  const needs = rules.map(needOf)
  const find = wordFinder(
    needs.flatMap(({ callees, groups }) => [
      ...groups.flat(),
      ...(callees ?? []).flatMap(({ module, name }) => [module, name].filter((word) => word !== null)),
    ]),
  )
  return (source) => sightOf(needs, find(source))
}

/** The sight of a run without short cuts. */
export function seeAll(rules: readonly CataloguedRule[]): Sight {
  return { rules, mayCall: () => true, mayConcern: () => true }
}

function needOf(rule: CataloguedRule): Need {
  const callees = rule.on === 'children' ? CHILD_LIST_OWNERS : rule.on === 'call' ? rule.callees : undefined
  const roles = rule.roles?.map(wordsOfRole)
  const groups: (readonly string[])[] = []
  groups.push(...wordGroups(rule))
  if (roles !== undefined && !roles.includes(null)) groups.push(roles.flatMap((words) => words ?? []))
  return { rule, callees: callees === undefined ? null : [...callees].map(readCallee), groups }
}

/** The lists of words of a rule, of each of which one is needed. */
function wordGroups({ words = [] }: CataloguedRule): readonly (readonly string[])[] {
  const isOne = (lists: typeof words): lists is readonly string[] => typeof lists[0] === 'string'
  return isOne(words) ? [words] : words
}

/** `GenServer.call`, `:ets.insert`, `:ets.*`, `Kernel.spawn`, `start_async`. */
function readCallee(callee: string): Callee {
  const dot = callee.lastIndexOf('.')
  const module = dot < 0 ? null : callee.slice(0, dot)
  const last = module === null || module === 'Kernel' ? null : module.slice(module.lastIndexOf('.') + 1)
  return { module: last?.replace(/^:/, '') ?? null, name: /^(\w+)[?!]?$/.exec(callee.slice(dot + 1))?.[1] ?? null }
}

function sightOf(needs: readonly Need[], found: FoundWords): Sight {
  const isThere = (word: string | null): boolean => word === null || found.has(word)
  const isActive = ({ module, name }: Callee): boolean => isThere(module) && isThere(name)
  const seen = needs.filter(
    ({ callees, groups }) =>
      groups.every((words) => words.some((word) => found.has(word))) && (callees === null || callees.some(isActive)),
  )

  const calls = seen.filter(({ rule }) => rule.on === 'call')
  const names = calls.flatMap(({ callees }) => callees?.filter(isActive).map(({ name }) => name) ?? [null])
  const called = placesOf(names, found)
  const places = new Map(seen.map(({ rule }) => [rule, wordGroups(rule).map((words) => found.placesOf(words))]))
  return {
    rules: seen.map(({ rule }) => rule),
    mayCall: (start, end) => called === null || called.touch(start, end),
    mayConcern: (rule, start, end) => places.get(rule)?.every((each) => each.touch(start, end)) ?? true,
  }
}

/** Null where one of the words is not known: then it can be anywhere. */
function placesOf(words: readonly (string | null)[], found: FoundWords): Places | null {
  const known = words.filter((word) => word !== null)
  return known.length < words.length ? null : found.placesOf(new Set(known))
}
