// `suppressions`: every ignore comment with its reason, its author, and whether it is still needed.
import type { Suppression } from '#engine'
import { authorsOf } from '../git/index.ts'
import type { ListedSuppression } from '../output/suppression-list.ts'
import { analysePlace, configurationOf } from './files.ts'
import type { Request } from './files.ts'
import { locate } from './place.ts'
import type { Place } from './place.ts'

/** In the order of their places. Comments that silence nothing for lack of a rule or reason are not suppressions. */
export async function listSuppressions(request: Request): Promise<{ place: Place; suppressions: ListedSuppression[] }> {
  const place = await locate(request.paths, request.cwd)
  const configuration = await configurationOf(place, request)
  const suppressions: ListedSuppression[] = []
  for await (const { report } of analysePlace(place, configuration, request)) {
    const { path } = report
    const valid = report.suppressions.filter(isListed)
    const authors =
      place.isClone && valid.length > 0
        ? await authorsOf(
            place.root,
            path,
            valid.map(({ line }) => line),
          )
        : null
    for (const { line, rule, reason, silenced } of valid) {
      const needed = silenced === null ? 'unknown' : silenced > 0 ? 'yes' : 'no'
      suppressions.push({ path, line, rule, reason, author: authors?.get(line) ?? null, needed })
    }
  }
  return { place, suppressions }
}

/** A comment of Credo is ours to list only where it silences a rule of ours. */
function isListed({ syntax, problem, silenced }: Suppression): boolean {
  if (syntax === 'credo') return silenced !== null && silenced > 0
  return problem === null || problem === 'suppression-unused'
}
