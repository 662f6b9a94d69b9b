// The whole life of a pull request, written down: what people did, what was said and concluded, and what it cost.
// `npm run transcript` writes docs/transcript.md; commits have names in it, so that only what is said can differ.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { readMarker } from '../src/review/marker.ts'
import { startService } from '../src/service.ts'
import { readSettings } from '../src/settings.ts'
import { startGitHub } from '../test/support/github/index.ts'
import type { CheckRun, CommentView, PullHandle, RecordedRequest, StandIn } from '../test/support/github/index.ts'
import { application, mix, rates, stock } from './transcript/shop.ts'

/** What one step changed, for people and for tests. */
export interface Step {
  title: string
  requests: string[]
  /** Threads on lines, whole. */
  threads: string[]
  /** Below the pull request. */
  conversation: string[]
  run: { name: string; conclusion: string; title: string; summary: string; text: string | null; annotations: string[] }
}

const ANSWER = /\n*<!-- otp-review.*-->\s*$/

/** Plays the story on a stand-in GitHub with the real service, and gives it step by step. */
export async function tell(): Promise<Step[]> {
  const directory = await mkdtemp(join(tmpdir(), 'otp-review-transcript-'))
  const github = await startGitHub()
  const settings = readSettings({
    APP_ID: String(github.app.appId),
    PRIVATE_KEY: github.app.privateKey,
    WEBHOOK_SECRET: github.app.webhookSecret,
    GITHUB_API_URL: github.url,
    DATA_DIR: directory,
    HOST: '127.0.0.1',
    PORT: '0',
  })
  const service = await startService(settings, { log: pino({ level: 'silent' }), secondMs: 1 })
  github.webhooks.deliverTo(service.webhookUrl)
  try {
    return await play(github)
  } finally {
    await service.close()
    await github.close()
    await rm(directory, { recursive: true, force: true })
  }
}

async function play(github: StandIn): Promise<Step[]> {
  const shop = await github.repository('acme/shop', { files: { ...mix, 'lib/shop/application.ex': application } })
  shop.allow('maria', 'maintain')
  shop.allow('bob', 'write')
  const steps: Step[] = []
  const commits = new Map<string, string>()

  /** Does something, waits for the check run that follows on a commit, and notes what there is then. */
  async function step(title: string, commit: () => string, act: () => Promise<unknown>, pull: () => PullHandle) {
    await github.webhooks.settled()
    github.requests.length = 0
    const known = new Set(shop.home.runs.map(({ id }) => id))
    await act()
    const run = await github.until(title, () => {
      const runs = shop.runsOn(commit())
      const isNew = runs.some(({ id }) => !known.has(id))
      return isNew && runs.every(({ status }) => status === 'completed') ? runs.at(-1) : null
    })
    await github.webhooks.settled()
    if (!commits.has(commit())) commits.set(commit(), `commit-${commits.size + 1}`)
    steps.push({
      title,
      requests: requestsOf(github),
      threads: (await pull().comments()).map(threadText),
      conversation: pull()
        .conversation()
        .map((one) => `**${one.author}**${marks(one.reactions)}\n\n${shown(one.body)}`),
      run: runText(run),
    })
  }

  let pull!: PullHandle
  const head = () => pull.head
  const the = () => pull
  const change = { 'lib/shop/stock.ex': stock, 'lib/shop/rates.ex': rates }

  const opening = { branch: 'live-prices', title: 'Show stock and prices live', files: change }
  await step('alice opens a pull request', head, async () => (pull = await shop.open(opening)), the)

  const asksTheState = stock.replace('left(sku) < 5', 'Map.get(counts, sku, 0) < 5')
  const inStock = (text: string) => ({ 'lib/shop/stock.ex': text })
  await step('She fixes one finding (a push)', head, () => pull.push(inStock(asksTheState)), the)

  const moved = rates.replaceAll('Shop.Rates', 'Shop.Currency.Rates')
  const amended = { ...inStock(asksTheState), 'lib/shop/currency/rates.ex': moved }
  await step(
    'She moves the other module to a new folder and a new name (an amended commit, forced)',
    head,
    () => pull.forcePush(amended),
    the,
  )

  await shop.push('main', { 'README.md': '# The shop\n' }, { as: 'bob' })
  await step('bob pushes to main, and she rebases', head, () => pull.rebase(), the)

  await shop.push(
    'main',
    { 'lib/shop/price.ex': 'defmodule Shop.Price do\n  def total(items), do: Enum.sum_by(items, & &1.price)\nend\n' },
    { as: 'bob' },
  )
  await step('bob pushes again, and she merges main into her branch', head, () => pull.mergeBase(), the)

  await step('She reverts the fix (a push)', head, () => pull.push(inStock(stock)), the)

  const accept = '/otp-review accept genserver-self-call -- only the nightly report asks for it; goes with SHOP-214'
  await step('maria accepts the finding', head, () => pull.comment(accept, { as: 'maria' }), the)

  await step('bob wants it checked again', head, () => pull.comment('/otp-review recheck', { as: 'bob' }), the)

  let group = ''
  await step(
    'It goes into the merge queue',
    () => group,
    async () => (group = (await shop.enqueue(pull)).headSha),
    the,
  )

  github.requests.length = 0
  await pull.merge()
  await github.webhooks.settled()
  await github.until('the last look', () => github.requests.some((one) => nameOf(one) === 'query PullContext'))
  steps.push({
    ...steps.at(-1)!,
    title: 'It is merged',
    requests: requestsOf(github),
  })
  return steps.map((each) => JSON.parse(renamed(JSON.stringify(each), commits)) as Step)
}

/** Commits by name: their ids change with the minute. */
function renamed(text: string, commits: ReadonlyMap<string, string>): string {
  let result = text
  for (const [sha, name] of commits) result = result.replaceAll(sha, name).replaceAll(sha.slice(0, 8), name)
  return result
}

/** Those that the pull request cost: what the service asks at its start, and tokens, are no part of it. */
function requestsOf({ requests }: StandIn): string[] {
  return requests.flatMap((one) => {
    const name = nameOf(one)
    return one.by === 'installation' && name !== 'query OpenPulls' ? [name] : []
  })
}

function nameOf({ method, route, body }: RecordedRequest): string {
  const operation = /(query|mutation) (\w+)/.exec((body as { query?: string } | null)?.query ?? '')
  return operation ? `${operation[1]} ${operation[2]}` : `${method} ${route.replace('/repos/{owner}/{repo}', '')}`
}

function threadText({ path, line, body, minimized, replies }: CommentView): string {
  const state = [
    line === null ? 'GitHub calls it outdated' : null,
    minimized === null ? null : `folded away as ${minimized.toLowerCase()}`,
  ].filter((part) => part !== null)
  const where = `**${path}${line === null ? '' : `:${line}`}**${state.length > 0 ? ` (${state.join(', ')})` : ''}`
  const said = replies.map((one) => `**${one.author}** replies:\n\n${shown(one.body)}`)
  return [`${where} ${readMarker(body)?.state ?? ''}`.trim(), shown(body), ...said].join('\n\n')
}

function runText({ name, conclusion, title, summary, text, annotations }: CheckRun): Step['run'] {
  return {
    name,
    conclusion: String(conclusion),
    title: String(title),
    summary: String(summary),
    text,
    annotations: annotations.map((one) => `${one.path}:${one.startLine} ${one.title}`),
  }
}

function marks(reactions: readonly string[]): string {
  return reactions.length === 0 ? '' : ` (our reaction: ${reactions.join(', ')})`
}

function shown(body: string): string {
  return body.replace(ANSWER, '')
}

/** The story as a page. What did not change since the step before is not repeated. */
export function transcript(steps: readonly Step[]): string {
  const told = new Set<string>()
  // A run speaks of its own commit, and else often says what the one before said.
  const fresh = (text: string) => {
    const said = text.replaceAll(/\bcommit-\d+\b/g, 'commit')
    return !told.has(said) && told.add(said)
  }
  const parts = steps.map(({ title, requests, threads, conversation, run }, index) => {
    const news = [...threads, ...conversation].filter(fresh)
    const same = threads.length + conversation.length - news.length
    const check = `**Check run** \`${run.name}\`: **${run.conclusion}** · ${run.title}`
    const isNew = fresh(JSON.stringify(run))
    return [
      `## ${index + 1}. ${title}`,
      news.length > 0 ? news.map(quote).join('\n\n') : '_Nothing is said._',
      same > 0 ? `_${same === 1 ? 'One more stays as it is' : `${same} more stay as they are`}._` : '',
      check,
      isNew ? details('Its text', [run.summary, run.text, list(run.annotations)]) : '_Its text is as before._',
      `${requests.length} request${requests.length === 1 ? '' : 's'}: ${tally(requests)}`,
    ].filter((part) => part !== '')
  })
  return `${HEAD}\n\n${parts.flat().join('\n\n')}\n`
}

const HEAD = `<!-- Written by \`npm run transcript\`. Do not edit. -->

# The life of a pull request

What otp-review says and concludes from the first push to the merge, played by the real service against the stand-in GitHub of the tests. Requests are
those of the installation; tokens are not counted.`

function quote(text: string): string {
  return text
    .split('\n')
    .map((line) => `> ${line}`.trimEnd())
    .join('\n')
}

function details(summary: string, parts: readonly (string | null)[]): string {
  const text = parts.filter((part) => part !== null && part !== '').join('\n\n')
  return `<details><summary>${summary}</summary>\n\n${text}\n\n</details>`
}

function list(annotations: readonly string[]): string {
  return annotations.length === 0 ? '' : `Annotations:\n\n${annotations.map((one) => `- ${one}`).join('\n')}`
}

function tally(requests: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const one of requests) counts.set(one, (counts.get(one) ?? 0) + 1)
  return [...counts].map(([name, times]) => `\`${name}\`${times === 1 ? '' : ` ×${times}`}`).join(', ')
}

if (import.meta.main) {
  const page = new URL('../docs/transcript.md', import.meta.url)
  const steps = await tell()
  await writeFile(page, transcript(steps))
  for (const { title, requests, run } of steps)
    console.log(`${title}\n  ${run.conclusion}: ${run.title}; ${requests.length} requests`)
}
