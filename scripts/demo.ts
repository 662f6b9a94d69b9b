// The main job, shown: a stand-in GitHub and the real service on this machine, and a pull request on a small shop application.
// It ends by itself; on a terminal it waits before the second push, and stays up until Ctrl-C.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { createLog } from '../src/log.ts'
import { readMarker } from '../src/review/marker.ts'
import { type Service, startService } from '../src/service.ts'
import { readSettings } from '../src/settings.ts'
import {
  type CommentView,
  type Files,
  type PullHandle,
  type StandIn,
  startGitHub,
} from '../test/support/github/index.ts'
import { openSite, type Site } from './demo/site.ts'

const PAGE_PORT = 4040
const DESCRIPTION = `Customers see what is left and pay in their own currency:

- \`Shop.Rates\` keeps exchange rates, \`Shop.Pricing\` works out totals
- stock levels are broadcast after every order
- receipts go through a Broadway pipeline, so that checkout answers sooner
- the label printer in the warehouse is fed by its own process
`

interface Stage {
  site: Site
  github: StandIn
  service: Service
}

const isTerminal = process.stdout.isTTY && process.stdin.isTTY
const isPlain = !process.stdout.isTTY || process.env['NO_COLOR'] !== undefined
const paint = (code: number) => (text: string) => (isPlain ? text : `\u001B[${code}m${text}\u001B[0m`)
const [bold, dim, red, green, yellow] = [paint(1), paint(2), paint(31), paint(32), paint(33)]

const directory = await mkdtemp(join(tmpdir(), 'otp-review-demo-'))
const stage = await setUp()
try {
  await play(stage)
} finally {
  await stage.service.close()
  await stage.github.close()
  await stage.site.close()
  await rm(directory, { recursive: true, force: true })
}

async function setUp(): Promise<Stage> {
  const site = await openSite(PAGE_PORT)
  const github = await startGitHub({ webUrl: site.url })
  site.show(github.world)
  const settings = readSettings({
    LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'silent',
    APP_ID: String(github.app.appId),
    PRIVATE_KEY: github.app.privateKey,
    WEBHOOK_SECRET: github.app.webhookSecret,
    GITHUB_API_URL: github.url,
    RULE_DOCS_URL: `${site.url}/docs/rules`,
    DATA_DIR: join(directory, 'queue'),
    HOST: '127.0.0.1',
    PORT: '0',
  })
  const service = await startService(settings, { log: createLog(settings.log) })
  github.webhooks.deliverTo(service.webhookUrl)
  say(bold('otp-review, the demo'))
  say(`  stand-in GitHub  ${github.url}`)
  say(`  otp-review       ${service.webhookUrl}`)
  return { site, github, service }
}

async function play({ github, site }: Stage): Promise<void> {
  const shop = await github.repository('acme/shop', { files: await filesIn('shop') })
  const change = await filesIn('pull-request')

  const pull = await reviewed(github, 'alice opens a pull request: "Show stock and prices live"', () =>
    shop.open({ branch: 'live-prices', title: 'Show stock and prices live', body: DESCRIPTION, files: change }),
  )
  const page = `${site.url}/acme/shop/pull/${pull.number}`
  const before = await pull.comments()
  for (const comment of before) say(`    ${place(comment)} ${ruleOf(comment)}`)
  say(`  See it: ${bold(page)}`)
  if (isTerminal && !(await enter('\nPress Enter, and alice pushes a commit that fixes half of it. '))) return

  // The pipeline goes: receipts are jobs again.
  const fix: Files = { ...(await filesIn('fix')), 'lib/shop/receipt_pipeline.ex': null }
  await reviewed(github, 'alice pushes a commit: "Answer the review"', async () => {
    await pull.push(fix, { message: 'Answer the review' })
    return pull
  })
  const known = new Set(before.map((comment) => comment.id))
  for (const comment of await pull.comments()) say(`    ${place(comment)} ${fate(comment, known)} ${ruleOf(comment)}`)
  if (!isTerminal) return say('\nIn a terminal the page stays up, to be looked at.')
  say(`  See it: ${bold(page)}`)

  say('\nThe page stays up until Ctrl-C.')
  await new Promise<void>((done) => process.once('SIGINT', done))
}

/** Does something to a pull request, waits for the check run that follows, and says what came of it. */
async function reviewed(github: StandIn, what: string, act: () => Promise<PullHandle>): Promise<PullHandle> {
  say(`\n${bold(what)}`)
  const started = performance.now()
  const deliveries = github.webhooks.deliveries.length
  const said = countComments(github)
  github.requests.length = 0
  const pull = await act()
  const run = await pull.concluded()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)

  const delivery = github.webhooks.deliveries.slice(deliveries).find((one) => one.event === 'pull_request')
  const took = Math.round((delivery?.duration ?? 0) * 1000)
  say(`  signed webhook pull_request.${delivery?.action}: answered ${delivery?.statusCode} in ${took} ms`)
  const colour = run.conclusion === 'failure' ? red : run.conclusion === 'success' ? green : yellow
  say(
    `  check run on ${pull.head.slice(0, 7)}: ${colour(String(run.conclusion))} (${run.title}), ${plural(run.annotations.length, 'annotation')}`,
  )
  say(
    `  ${plural(countComments(github) - said, 'new comment')}; ${seconds} s and ${plural(github.countApiRequests(), 'request')} to the API in all`,
  )
  return pull
}

function countComments({ world }: StandIn): number {
  return world.repositories.flatMap((one) => one.pulls).flatMap((one) => one.threads).length
}

function place(comment: CommentView): string {
  return `${comment.path}:${comment.line ?? comment.originalLine}`.padEnd(32)
}

function ruleOf(comment: CommentView): string {
  return readMarker(comment.body)?.rule ?? 'a comment without a marker'
}

function fate(comment: CommentView, known: ReadonlySet<number>): string {
  if (readMarker(comment.body)?.state === 'fixed') return green('fixed     ')
  return known.has(comment.id) ? dim('still open') : yellow('new       ')
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

async function filesIn(folder: string): Promise<Files> {
  const root = new URL(`../demo/${folder}/`, import.meta.url).pathname
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(root, path), 'utf8')])),
  )
}

/** false: it was Ctrl-C. */
async function enter(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const stopped = new Promise<boolean>((done) => terminal.once('SIGINT', () => done(false)))
  const isGoing = await Promise.race([terminal.question(question).then(() => true), stopped])
  terminal.close()
  return isGoing
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
