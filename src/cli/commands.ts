// What each command prints and with which status it ends. The work itself is done elsewhere.
import { meter } from '#engine'
import { rules } from '#rules'
import { explanation } from '../output/explanation.ts'
import { github } from '../output/github.ts'
import { history, historyJson } from '../output/history.ts'
import { json } from '../output/json.ts'
import { ruleCosts } from '../output/rule-costs.ts'
import { ruleList, ruleListJson } from '../output/rule-list.ts'
import { sarif } from '../output/sarif.ts'
import { settingList, settingListJson } from '../output/setting-list.ts'
import { suppressionList, suppressionListJson } from '../output/suppression-list.ts'
import { text } from '../output/text.ts'
import { catalogue, findRule } from './catalogue.ts'
import { check } from './check.ts'
import type { Checked, CheckRequest } from './check.ts'
import { configurationOf } from './files.ts'
import type { Request } from './files.ts'
import { reviewHistory } from './history.ts'
import { locate, nameFrom, workingFolder } from './place.ts'
import { progressOn } from './progress.ts'
import { listSuppressions } from './suppressions.ts'
import { styleOf } from './terminal.ts'

const EXTENDS_NOTE =
  '# The file of your organisation is not read here: in a review its values stand in for the defaults.\n'

/** What a command gives: the text for standard output and the exit status. */
export interface Outcome {
  output: string
  status: 0 | 1
}

type Arguments<R> = Omit<R, 'paths' | 'cwd' | 'onProgress' | 'rules'>
export type CheckArguments = Arguments<CheckRequest> & {
  format: 'text' | 'json' | 'sarif' | 'github'
  profileRules?: true
}
export type ListArguments = Arguments<Request> & { format: 'text' | 'json' }

export async function runCheck(
  paths: string[],
  { format, profileRules, ...options }: CheckArguments,
): Promise<Outcome> {
  const cwd = workingFolder()
  const metered = profileRules ? meter(rules) : null
  const checked = await withProgress('files', (onProgress) =>
    check({ ...options, paths, cwd, onProgress, rules: metered?.rules }),
  )
  // Standard output is the report alone.
  if (metered !== null) process.stderr.write(ruleCosts(metered.costs))
  return { output: render(checked, format, cwd), status: checked.failed ? 1 : 0 }
}

export function runExplain(id: string): Outcome {
  return { output: explanation(findRule(id), styleOf(process.stdout)), status: 0 }
}

export function runRules(format: 'text' | 'json'): Outcome {
  return { output: format === 'json' ? ruleListJson(catalogue) : ruleList(catalogue), status: 0 }
}

export async function runConfig({ format, ...options }: ListArguments): Promise<Outcome> {
  const cwd = workingFolder()
  const place = await locate([], cwd)
  const resolved = await configurationOf(place, { ...options, paths: [], cwd, onProgress: () => {} })
  const settings = resolved.settings.map(({ origin, ...setting }) => {
    return { ...setting, origin: origin === 'repository' && options.config !== undefined ? options.config : origin }
  })
  if (format === 'json') return { output: settingListJson(settings), status: 0 }
  const note = resolved.config.extends === undefined ? '' : EXTENDS_NOTE
  return { output: settingList(settings) + note, status: 0 }
}

export async function runSuppressions(paths: string[], { format, ...options }: ListArguments): Promise<Outcome> {
  const cwd = workingFolder()
  const { place, suppressions } = await withProgress('files', (onProgress) =>
    listSuppressions({ ...options, paths, cwd, onProgress }),
  )
  const output =
    format === 'json' ? suppressionListJson(suppressions) : suppressionList(suppressions, nameFrom(place, cwd))
  return { output, status: 0 }
}

export async function runHistory({ format, last, ...options }: ListArguments & { last: number }): Promise<Outcome> {
  const request = { ...options, paths: [], cwd: workingFolder() }
  const merges = await withProgress('merges', (onProgress) => reviewHistory({ ...request, onProgress }, last))
  return { output: format === 'json' ? historyJson(merges) : history(merges, styleOf(process.stdout).width), status: 0 }
}

function render({ report, place }: Checked, format: CheckArguments['format'], cwd: string): string {
  if (format === 'json') return json(report)
  if (format === 'sarif') return sarif(report)
  if (format === 'github') return github(report)
  return text(report, { ...styleOf(process.stdout), shown: nameFrom(place, cwd) })
}

async function withProgress<T>(noun: string, work: (onProgress: Request['onProgress']) => Promise<T>): Promise<T> {
  const progress = progressOn(process.stderr, noun)
  try {
    return await work(progress.show)
  } finally {
    progress.clear()
  }
}
