// The configuration that counts for one command: the repository's, then what the person asked for. Reads no pull request.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Finding, RuleSet, Selection } from '#engine'
import { version } from '../release.ts'
import { newRules, resolveConfig, selectionFor, severityOf } from '../review/config.ts'
import type { FailOn, ResolvedConfig } from '../review/config.ts'
import type { ConfigSources } from '../review/snapshot.ts'
import { catalogue, findRule } from './catalogue.ts'
import { UsageError } from './usage-error.ts'

/** What options of the command line override. */
export interface Choices {
  /** Only these rules run, whatever the configuration thinks of them; all where there are none. */
  rule: readonly string[]
  profile?: RuleSet
  failOn?: FailOn
  /** A file instead of the repository's own. */
  config?: string
}

/** The file that a choice names, else what the repository has. Throws `UsageError` where the file cannot be read. */
export async function chooseSources(own: ConfigSources, { config }: Choices, cwd: string): Promise<ConfigSources> {
  if (config === undefined) return own
  try {
    const text = await readFile(resolve(cwd, config), 'utf8')
    return { base: { path: config, text }, organisation: null, head: null }
  } catch {
    throw new UsageError(`${config}: the configuration can't be read. Name a file that exists.`)
  }
}

/** Throws `UsageError` with a line for each problem: on a command line nobody would see an annotation. */
export function readConfiguration(sources: ConfigSources, choices: Choices): ResolvedConfig {
  const resolved = resolveConfig(
    sources,
    catalogue.map((rule) => rule.id),
  )
  if (resolved.problems.length > 0) {
    throw new UsageError(resolved.problems.map(({ path, line, message }) => `${path}:${line}: ${message}`).join('\n'))
  }
  return { ...resolved, config: override(resolved.config, choices) }
}

/** Which rules run on a file. */
export function chooseRules(resolved: ResolvedConfig, { rule: ids }: Choices): (path: string) => Selection {
  const only = ids.map(findRule)
  return (path) => {
    const selection = selectionFor(resolved, path, catalogue)
    if (only.length === 0) return selection
    return Object.fromEntries(only.map(({ id, set }) => [id, selection[id] ?? set]))
  }
}

/** The finding with the severity that counts. */
export function withSeverity(finding: Finding, resolved: ResolvedConfig): Finding {
  return { ...finding, severity: severityOf(resolved, finding, recent) }
}

const recent = newRules(catalogue, version)

function override(config: ResolvedConfig['config'], { profile, failOn }: Choices): ResolvedConfig['config'] {
  const chosen = { ...(profile && { profile }), ...(failOn && { fail_on: failOn }) }
  // Who says when to fail wants an answer from an observing repository too.
  const mode = failOn ? 'enforce' : config.mode
  return { ...config, ...chosen, mode, overrides: config.overrides.map((entry) => ({ ...entry, ...chosen })) }
}
