// What a repository wants: its configuration, checked, merged with its organisation's, and asked about one path at a time.
import type { Finding, RuleInfo, RuleSet, Selection, Severity } from '#engine'
import { readConfigFile } from './config-file.ts'
import type { ConfigFile, Raw } from './config-file.ts'
import { explainer, fit, schemaOf } from './config-schema.ts'
import type { Config, FailOn, Mapping } from './config-schema.ts'
import { cut, inlineCode } from './escape.ts'
import { matchesGlob } from './glob.ts'
import type { ConfigSources } from './snapshot.ts'

export { configSchema } from './config-schema.ts'
export type { Config, FailOn, Level } from './config-schema.ts'

const MAX_PROBLEMS = 20

export type Origin = 'default' | 'organisation' | 'repository'

/** One effective value and where it comes from; `key` as people write it: `overrides[0].profile`. */
export interface Setting {
  key: string
  value: unknown
  origin: Origin
}

/** Something in a configuration file that does not count. `message` is prose with code spans. */
export interface ConfigProblem {
  origin: 'organisation' | 'repository'
  path: string
  line: number
  message: string
}

export interface ResolvedConfig {
  config: Config
  /** All values. */
  settings: Setting[]
  problems: ConfigProblem[]
}

/**
 * The configuration that counts: the organisation's where the repository extends it, then the repository's. Never
 * throws: what can't be used is left out and named, and what stays unset has its default. `owner` is the account the
 * repository belongs to; null where there is none to extend, as in a local clone.
 */
export function resolveConfig(
  sources: ConfigSources,
  ruleIds: readonly string[],
  owner: string | null = null,
): ResolvedConfig {
  const schema = schemaOf(ruleIds)
  const repository = readSource(sources.base, 'repository', schema, ruleIds)
  const problems = repository.problems
  let inherited: Mapping = {}

  const wanted = repository.value['extends']
  if (typeof wanted === 'string' && owner !== null) {
    const refusal = whyNotExtended(wanted, owner, sources.organisation)
    if (refusal === null) {
      const organisation = readSource(sources.organisation, 'organisation', schema, ruleIds)
      const { extends: _further, ...value } = organisation.value
      inherited = value
      problems.push(...organisation.problems)
    } else {
      const line = repository.lineOf(['extends'])
      problems.push({ origin: 'repository', path: sources.base!.path, line, message: refusal })
    }
  }

  // Both fit the schema, and their lists may be longer together than either may be alone.
  const config = merge(merge(schema.parse({}) as unknown as Mapping, inherited), repository.value) as unknown as Config
  return { config, settings: listSettings(config, '', inherited, repository.value), problems }
}

/** Which rules run on this file. A strict rule runs where the profile is strict or where it has a level of its own. */
export function selectionFor({ config }: ResolvedConfig, path: string, catalogue: readonly RuleInfo[]): Selection {
  const { profile, rules } = settingsAt(config, path)
  const selection: Record<string, RuleSet> = {}
  for (const { id, set } of catalogue) {
    const level = rules[id]
    if (level === 'off') continue
    if (profile === 'strict') selection[id] = 'strict'
    else if (set === 'recommended') selection[id] = 'recommended'
    else if (level !== undefined) selection[id] = 'strict'
  }
  return selection
}

/** The configured severity where there is one; else info where the rule is new in this release; else the finding's own. */
export function severityOf({ config }: ResolvedConfig, finding: Finding, newRules: ReadonlySet<string>): Severity {
  const level = settingsAt(config, finding.path).rules[finding.rule]
  if (level !== undefined && level !== 'off') return level
  return newRules.has(finding.rule) ? 'info' : finding.severity
}

/**
 * The rules that this minor release brought: they are info until the next one, so that an upgrade turns no open pull
 * request red. In the first release nothing is new.
 */
export function newRules(catalogue: readonly RuleInfo[], engineVersion: string): ReadonlySet<string> {
  const minor = minorOf(engineVersion)
  const releases = new Set(catalogue.map((rule) => minorOf(rule.since)))
  if (releases.size === 1) return new Set()
  return new Set(catalogue.filter((rule) => minorOf(rule.since) === minor).map((rule) => rule.id))
}

/** Whether the configuration takes this file out of the review. */
export function isIgnored({ config }: ResolvedConfig, path: string): boolean {
  return config.paths.ignore.some((glob) => matchesGlob(glob, path))
}

/** From which severity on a finding in this file fails the check. */
export function failOnFor({ config }: ResolvedConfig, path: string): FailOn {
  return settingsAt(config, path).fail_on
}

function readSource(
  source: ConfigSources['base'],
  origin: ConfigProblem['origin'],
  schema: ReturnType<typeof schemaOf>,
  ruleIds: readonly string[],
): { value: Mapping; problems: ConfigProblem[]; lineOf: ConfigFile['lineOf'] } {
  const path = source?.path ?? ''
  const file = readConfigFile(source?.text ?? '')
  const { value, misfits } = fit(file.value, schema)

  const explain = misfits.length === 0 ? null : explainer(ruleIds)
  const wrong = [
    ...file.problems.map(({ line, message }) => ({ line, say: () => message })),
    ...misfits.map((misfit) => ({ line: file.lineOf(misfit.path), say: () => explain!(misfit) })),
  ].toSorted((a, b) => a.line - b.line)

  const problems = wrong.slice(0, MAX_PROBLEMS).map(({ line, say }) => ({ origin, path, line, message: say() }))
  const more = wrong[MAX_PROBLEMS]
  if (more !== undefined) {
    const message = `${wrong.length - MAX_PROBLEMS} more entries from here on do not count.`
    problems.push({ origin, path, line: more.line, message })
  }
  return { value, problems, lineOf: file.lineOf }
}

function whyNotExtended(wanted: string, owner: string, source: ConfigSources['organisation']): string | null {
  const [account, repository] = wanted.split('/')
  if (repository !== undefined && account!.toLowerCase() !== owner.toLowerCase()) {
    return `\`extends\` can only name ${inlineCode(`${owner}/.github`)}, not ${inlineCode(cut(wanted, 60))}. It does not count.`
  }
  if (source !== null) return null
  return `\`extends\`: there is no ${inlineCode('.github/otp-review.yml')} in ${inlineCode(`${owner}/.github`)}, or it can't be read. Add the file, and let the app read that repository.`
}

/** `over` wins; lists are joined. */
function merge(under: Mapping, over: Mapping): Mapping {
  const merged: Mapping = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const inherited = merged[key]
    if (Array.isArray(inherited) && Array.isArray(value)) merged[key] = [...inherited, ...value]
    else if (isMapping(inherited) && isMapping(value)) merged[key] = merge(inherited, value)
    else merged[key] = value
  }
  return merged
}

function listSettings(
  value: unknown,
  key: string,
  organisation: Raw | undefined,
  repository: Raw | undefined,
): Setting[] {
  if (Array.isArray(value) && value.length > 0) {
    const inherited = Array.isArray(organisation) ? organisation : []
    const own = Array.isArray(repository) ? repository : []
    return value.flatMap((item, index) =>
      listSettings(item, `${key}[${index}]`, inherited[index], own[index - inherited.length]),
    )
  }
  if (isMapping(value) && Object.keys(value).length > 0) {
    const [from, over] = [isMapping(organisation) ? organisation : {}, isMapping(repository) ? repository : {}]
    return Object.entries(value).flatMap(([name, item]) =>
      listSettings(item, key === '' ? name : `${key}.${name}`, from[name], over[name]),
    )
  }
  return [
    {
      key,
      value,
      origin: repository !== undefined ? 'repository' : organisation !== undefined ? 'organisation' : 'default',
    },
  ]
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function settingsAt(config: Config, path: string): Pick<Config, 'profile' | 'fail_on' | 'rules'> {
  let { profile, fail_on, rules } = config
  for (const override of config.overrides) {
    if (!override.paths.some((glob) => matchesGlob(glob, path))) continue
    profile = override.profile ?? profile
    fail_on = override.fail_on ?? fail_on
    rules = { ...rules, ...override.rules }
  }
  return { profile, fail_on, rules }
}

function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.')
}
