// Runs every rule over the pinned repositories and says what differs from the findings that somebody has read.
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { rules } from '#rules'
import {
  type Accepted,
  byPlace,
  type Comparison,
  compare,
  placeOf,
  readAccepted,
  update,
  type Verdict,
  writeAccepted,
} from './ecosystem/accepted.ts'
import {
  engineVersion,
  findHits,
  type Hit,
  rememberedHits,
  rememberHits,
  type RepositoryHits,
} from './ecosystem/hits.ts'
import { precisionPage, readElsewhere, tally } from './ecosystem/precision.ts'
import { nameOf, openRepository, readFileAt, repositories, type Repository } from './ecosystem/repositories.ts'
import { show } from './ecosystem/show.ts'

const USAGE = `npm run ecosystem -- [options]              compare what is found with the accepted findings
npm run ecosystem -- --judge VERDICT --because TEXT --rule ID PLACE...

  --from DIR       take the repositories from mirrors in DIR (DIR/owner+name/repo or DIR/owner/name) instead of cloning
  --rule ID        only findings of this rule (repeatable)
  --repo NAME      only repositories whose owner/name contains NAME (repeatable)
  --show           print every finding with the code around it
  --context N      lines of code above and below (6)
  --unread         with --show: only findings that nobody has judged
  --write          accept what is found as it is (new ones unread), and write docs/precision.md
  --json           print everything as JSON
  --fresh          run again even where nothing changed since the last run
  --judge VERDICT  true, debatable or false: what you think of the accepted findings at PLACE (owner/name:path:line)

Exit status: 0 as accepted, 1 something differs, failed or is unsafe to suggest, 2 bad usage.`

// Taken at once: files that change during the run are not what ran.
const version = engineVersion()
const { values: options, positionals: places } = readArguments()
const from = options.from === undefined ? null : resolve(process.env['INIT_CWD'] ?? '.', options.from)

if (options.help) console.log(USAGE)
else if (options.judge !== undefined) judge(options.judge, options.because ?? '')
else await run()

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        rule: { type: 'string', multiple: true, default: [] },
        repo: { type: 'string', multiple: true, default: [] },
        show: { type: 'boolean', default: false },
        context: { type: 'string', default: '6' },
        unread: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        fresh: { type: 'boolean', default: false },
        judge: { type: 'string' },
        because: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

function refuse(message: string): never {
  console.error(`${message}\n\n${USAGE}`)
  process.exit(2)
}

async function run(): Promise<void> {
  for (const id of options.rule) if (!rules.some((rule) => rule.id === id)) refuse(`There is no rule ${id}.`)
  const wanted = repositories.filter((each) => isWanted(nameOf(each)))
  if (wanted.length === 0) refuse(`No repository's name contains ${options.repo.join(' or ')}.`)

  const results: RepositoryHits[] = []
  const missing: string[] = []
  for (const repository of wanted) {
    try {
      results.push(await hitsOf(repository))
    } catch (error) {
      missing.push(nameOf(repository))
      console.error(`${nameOf(repository)}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  const ran = new Set(results.map(({ repository }) => repository))
  const isInScope = (each: { repository: string; rule: string }): boolean =>
    ran.has(each.repository) && (options.rule.length === 0 || options.rule.includes(each.rule))
  const hits = results
    .flatMap((result) => result.hits)
    .filter(isInScope)
    .toSorted(byPlace)
  const comparison = compare(readAccepted().filter(isInScope), hits)

  if (options.json) printJson(results, hits, comparison)
  else if (options.show) await printHits(hits, comparison)
  else printComparison(results, comparison)

  const unsafe = hits.filter((hit) => hit.unsafe.length > 0)
  for (const hit of unsafe) console.error(`unsafe suggestion: ${placeOf(hit)} ${hit.rule}: ${hit.unsafe.join('; ')}`)
  const failures = results.flatMap((result) => result.failures.map((failure) => `${result.repository} ${failure}`))
  for (const failure of failures) console.error(`failed: ${failure}`)

  if (options.write) write(update(comparison), isInScope)
  const differs = comparison.added.length + comparison.removed.length + comparison.changed.length > 0
  if ((differs && !options.write) || failures.length + unsafe.length + missing.length > 0) process.exitCode = 1
}

function isWanted(name: string): boolean {
  return options.repo.length === 0 || options.repo.some((part) => name.toLowerCase().includes(part.toLowerCase()))
}

async function hitsOf(repository: Repository): Promise<RepositoryHits> {
  const remembered = options.fresh ? null : rememberedHits(repository, version)
  const result = remembered ?? (await findHits(repository, await openRepository(repository, from), rules))
  if (remembered === null) rememberHits(repository, version, result)
  const { read, partial, skipped, failed } = result.outcomes
  const files = `${read + partial} files read (${partial} in part), ${skipped} skipped, ${failed} failed`
  const time = remembered === null ? `${(result.ms / 1000).toFixed(1)} s` : 'remembered'
  console.error(`${nameOf(repository)}: ${files}, ${result.hits.length} findings (${time})`)
  return result
}

function printComparison(results: readonly RepositoryHits[], { kept, added, removed, changed }: Comparison): void {
  for (const hit of added) console.log(`+ ${placeOf(hit)} ${hit.rule} (${hit.severity}): ${hit.message}`)
  for (const each of removed) console.log(`- ${placeOf(each)} ${each.rule} (${verdictOf(each)})`)
  for (const { hit, accepted } of changed) {
    const kind = (each: Hit | Accepted): string => `${each.severity} (${each.set})`
    console.log(`~ ${placeOf(hit)} ${hit.rule}: ${kind(accepted)} is now ${kind(hit)}`)
  }
  const counts = tally(kept.map(({ accepted }) => accepted))
  const files = results.reduce((sum, { outcomes }) => sum + outcomes.read + outcomes.partial, 0)
  console.log(
    `${results.length} repositories, ${files} files read: ${kept.length} findings as accepted (${counts.true} true, ` +
      `${counts.debatable} debatable, ${counts.false} false, ${counts.unread} unread), ` +
      `${added.length} added, ${removed.length} removed, ${changed.length} changed`,
  )
}

function verdictOf({ verdict }: Accepted): string {
  return verdict === null ? 'unread' : String(verdict)
}

async function printHits(hits: readonly Hit[], { kept }: Comparison): Promise<void> {
  const context = Number(options.context)
  if (!Number.isInteger(context) || context < 0) refuse('--context is a number of lines.')
  const acceptedOf = new Map(kept.map((each) => [each.hit, each.accepted]))
  const isUnread = (hit: Hit): boolean => (acceptedOf.get(hit)?.verdict ?? null) === null
  const shown = options.unread ? hits.filter(isUnread) : hits
  for (const hit of shown) {
    const repository = repositories.find((each) => nameOf(each) === hit.repository)!
    const source = await readFileAt(await openRepository(repository, from), hit.commit, hit.path)
    console.log(show(hit, acceptedOf.get(hit) ?? null, source, context))
  }
  console.log(`${shown.length} findings`)
}

function printJson(results: readonly RepositoryHits[], hits: readonly Hit[], comparison: Comparison): void {
  const acceptedOf = new Map(comparison.kept.map((each) => [each.hit, each.accepted]))
  const findings = hits.map((hit) => {
    const accepted = acceptedOf.get(hit)
    return { ...hit, verdict: accepted?.verdict ?? null, reason: accepted?.reason ?? '' }
  })
  const ran = results.map((result) => ({ ...result, hits: result.hits.length }))
  const { added, removed, changed } = comparison
  console.log(JSON.stringify({ repositories: ran, findings, added, removed, changed }, null, 2))
}

/** Entries out of the scope of this run stay as they are. The list is read again: others may have judged meanwhile. */
function write(entries: readonly Accepted[], isInScope: (each: Accepted) => boolean): void {
  const accepted = [...readAccepted().filter((each) => !isInScope(each)), ...entries]
  writeAccepted(accepted)
  writePage()
  console.error(`wrote ${entries.length} of ${accepted.length} accepted findings, and docs/precision.md`)
}

function writePage(): void {
  writeFileSync(
    join(import.meta.dirname, '../docs/precision.md'),
    precisionPage(rules, readAccepted(), repositories, readElsewhere()),
  )
}

function judge(said: string, because: string): void {
  const verdicts: Record<string, Verdict> = { true: true, debatable: 'debatable', false: false }
  const verdict = verdicts[said]
  if (verdict === undefined) return refuse('--judge takes true, debatable or false.')
  if (because.trim() === '') return refuse('A verdict needs --because TEXT.')
  if (options.rule.length !== 1 || places.length === 0)
    return refuse('--judge needs one --rule and at least one PLACE.')
  const [rule] = options.rule
  const accepted = readAccepted()
  for (const place of places) {
    const judged = accepted.filter((each) => each.rule === rule && placeOf(each) === place)
    if (judged.length === 0)
      return refuse(`${rule} has no accepted finding at ${place}; \`--write\` accepts what is found.`)
    for (const each of judged) Object.assign(each, { verdict, reason: because })
  }
  writeAccepted(accepted)
  writePage()
}
