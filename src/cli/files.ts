// The files of a place as they stand in the working tree, analysed one after another. Compares them with nothing.
import { isUtf8 } from 'node:buffer'
import type { CataloguedRule } from '#engine'
import { projectFilesAbove, readWorkingFile } from '../git/index.ts'
import { isIgnored } from '../review/config.ts'
import type { ResolvedConfig } from '../review/config.ts'
import { analyseEach } from './analysis.ts'
import type { Analysed, Source } from './analysis.ts'
import { chooseRules, chooseSources, readConfiguration } from './configuration.ts'
import type { Choices } from './configuration.ts'
import { listSources } from './place.ts'
import type { Place } from './place.ts'

const CONFIG_PATH = '.github/otp-review.yml'

/** What a person asked for. */
export interface Request extends Choices {
  paths: readonly string[]
  cwd: string
  /** Told after every file, so that a person who waits sees something move. */
  onProgress: (done: number, total: number) => void
  /** Rules that count what they cost, instead of ours. */
  rules?: readonly CataloguedRule[] | undefined
}

/** The configuration of the working tree, or the one that was named. */
export async function configurationOf(place: Place, request: Request): Promise<ResolvedConfig> {
  const own = { base: await readText(place.root, CONFIG_PATH), organisation: null, head: null }
  return readConfiguration(await chooseSources(own, request, request.cwd), request)
}

/** A report for every Elixir file of the place, in the order of their paths. */
export async function* analysePlace(
  place: Place,
  configuration: ResolvedConfig,
  request: Request,
): AsyncGenerator<Analysed> {
  const paths = await listSources(place)
  const projectFiles = await Promise.all(projectFilesAbove(paths).map((path) => readText(place.root, path)))
  const terms = {
    projectFiles: projectFiles.filter((file) => file !== null),
    select: chooseRules(configuration, request),
    expected: paths.length,
    rules: request.rules,
  }
  let done = 0
  for await (const analysed of analyseEach(readEach(place, paths, configuration), terms)) {
    yield analysed
    request.onProgress((done += 1), paths.length)
  }
}

async function* readEach(
  place: Place,
  paths: readonly string[],
  configuration: ResolvedConfig,
): AsyncGenerator<Source> {
  for (const path of paths) {
    if (isIgnored(configuration, path)) {
      yield { path, text: '', unread: 'ignored by configuration' }
      continue
    }
    const content = await readWorkingFile(place.root, path)
    if (content === null) continue
    yield isUtf8(content) ? { path, text: content.toString() } : { path, text: '', unread: 'not UTF-8' }
  }
}

async function readText(root: string, path: string): Promise<{ path: string; text: string } | null> {
  const content = await readWorkingFile(root, path)
  return content === null ? null : { path, text: content.toString() }
}
