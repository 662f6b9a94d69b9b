// The contract between the engine and a rule. The engine knows no particular rule.
import type { FactKind, Facts, ModuleRole, Range } from '#elixir'
import type { Category, Edit, Precision, Related, RuleSet, Severity } from './finding.ts'

/** A belief about OTP design, with its sources. Findings are grouped by it. */
export interface Principle {
  /** `P-IRON` and the like: section 3 of the catalogue. */
  id: string
  /** A short maxim that heads the group. */
  title: string
  /** Our words, one to three sentences. */
  text: string
  /** Official documentation, most specific first. */
  sources: readonly { title: string; url: string }[]
}

/** What a rule yields. `at` and every evidence range are spans in the fact's own file. */
export interface Problem {
  at: Range
  message: string
  /** Where absent: only `at`. */
  evidence?: readonly Range[]
  severity?: Severity
  set?: RuleSet
  related?: readonly Related[]
  edit?: Edit | null
  /** Lines inside which a deletion can have made it true, where that is not the enclosing module (a child list, a config list). */
  scope?: Range
}

export interface Example {
  /** Elixir with `# finding` at the end of each line that gets a finding. */
  bad: string
  good: string
}

/** All of a rule but its check: plain data that travels to the review, the pages and the formats. */
export interface RuleInfo {
  id: string
  category: Category
  title: string
  principles: readonly [Principle, ...Principle[]]
  set: RuleSet
  precision: Precision
  severity: Severity
  /** The release that first had the rule: until the next minor release it is info unless configured. */
  since: string
  why: string
  instead: string
  /** When to leave the code as it is. */
  ignoreWhen?: string
  limits?: string
  /** Credo checks whose `credo:disable` comments silence this rule too. */
  credo?: readonly string[]
  /** `lifetime` rules are off in Mix tasks, release modules and escripts (catalogue 2.13). */
  scripts?: 'off'
  examples: readonly [Example, ...Example[]]
}

/** One rule, whole. `check` yields problems for one kind of fact, keeps no state, and never sees a syntax node. */
export interface Rule<K extends FactKind = FactKind> extends Omit<RuleInfo, 'category'> {
  on: K
  /**
   * For `call` rules: the functions whose calls `check` is shown, the callees as facts have them: `GenServer.call`,
   * `Kernel.spawn`, `:ets.insert`, `start_async`, `:ets.*` for all of a module. Absent: every call. A file or function
   * that has none of them is then not read for this rule, so name them wherever they are known.
   */
  callees?: readonly string[] | ReadonlySet<string>
  /** The kinds of modules that `check` is shown, or the calls, clauses and child lists of. Absent: every module. */
  roles?: readonly ModuleRole[]
  /**
   * Whole words (letters, digits, `_`), or signs such as `:"`, of which at least one stands in the source of everything
   * the rule has something to say of: of the module for `module` and `children` rules, of the function clause for
   * `clause` and `call` rules. Of several lists, at least one of each. Absent: nothing is promised. What has none of them
   * is not read for this rule; tests hold the promise against every case.
   */
  words?: readonly string[] | readonly (readonly string[])[]
  check(fact: Facts[K]): Iterable<Problem>
}

/** A rule with its category, which is the folder it stands in. */
export type CataloguedRule = { [K in FactKind]: Rule<K> & { category: Category } }[FactKind]

/** The identity; it ties the argument of `check` to `on`. */
export function defineRule<K extends FactKind>(rule: Rule<K>): Rule<K> {
  return rule
}

/** Marks a template literal as Elixir source and removes its common indentation. */
export function elixir(strings: TemplateStringsArray, ...values: string[]): string {
  const text = String.raw({ raw: strings.raw }, ...values)
  const lines = text
    .replace(/^\n/, '')
    .replace(/\n[ \t]*$/, '\n')
    .split('\n')
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length)
  const common = indents.length === 0 ? 0 : Math.min(...indents)
  return lines.map((line) => line.slice(common)).join('\n')
}
