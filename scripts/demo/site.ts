// The local page: a pull request as a person would see it on GitHub, read from the stand-in while it changes.
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Pull, World } from '../../test/support/github/world.ts'
import { checksTab } from './checks.ts'
import { conversationTab } from './conversation.ts'
import { highlight } from './elixir.ts'
import { filesTab } from './files.ts'
import { html } from './html.ts'
import { document } from './markdown.ts'
import { page, pullPage, type Tab } from './page.ts'

export interface Site {
  url: string
  /** Whose pull requests are shown; until then there is nothing to see. */
  show: (world: World) => void
  close: () => Promise<void>
}

const PULL = /^\/([^/]+)\/([^/]+)\/pull\/(\d+)(?:\/(checks|files))?$/
const BLOB = /^\/([^/]+)\/([^/]+)\/blob\/([0-9a-f]{40})\/(.+)$/
const RULE = /^\/docs\/rules\/([a-z0-9-]+|README)\.md$/

/** Listens on `port` of the loopback interface, or on any free one when that is taken. */
export async function openSite(port: number): Promise<Site> {
  let shown: World | null = null
  const server = createServer((request, response) => {
    if (!shown) return void response.writeHead(503).end()
    if (request.url === '/changes') return tellChanges(shown, request, response)
    void respond(shown, request, response)
  })
  await listen(server, port).catch(() => listen(server, 0))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    show: (world) => {
      shown = world
    },
    async close() {
      server.closeAllConnections()
      await new Promise<void>((done) => server.close(() => done()))
    },
  }
}

async function respond(world: World, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const text = await answer(world, decodeURI(new URL(request.url ?? '/', 'http://localhost').pathname))
    response.writeHead(text === null ? 404 : 200, { 'content-type': 'text/html; charset=utf-8' }).end(text ?? 'Not found')
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}

function tellChanges(world: World, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write('\n')
  const stop = world.onChange(() => response.write('data: changed\n\n'))
  request.on('close', stop)
}

function listen(server: ReturnType<typeof createServer>, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', fail)
      done()
    })
  })
}

async function answer(world: World, path: string): Promise<string | null> {
  const rule = RULE.exec(path)
  if (rule?.[1]) return rulePage(rule[1])
  const blob = BLOB.exec(path)
  if (blob) return blobPage(world, blob)
  const [, owner = '', name = '', number, tab = 'conversation'] = PULL.exec(path) ?? []
  const pull = world.repository(owner, name)?.pulls.find((one) => one.number === Number(number))
  return pull ? pullPage(pull, tab as Tab, await tabOf(pull, tab as Tab)) : null
}

async function tabOf(pull: Pull, tab: Tab) {
  if (tab === 'checks') return checksTab(pull)
  return tab === 'files' ? filesTab(pull) : conversationTab(pull)
}

async function rulePage(name: string): Promise<string | null> {
  const text = await readFile(new URL(`../../docs/rules/${name}.md`, import.meta.url), 'utf8').catch(() => null)
  return text === null ? null : page(name, html`<article class="box box-body markdown rule">${document(text)}</article>`)
}

async function blobPage(world: World, [, owner = '', name = '', sha = '', path = '']: RegExpExecArray): Promise<string | null> {
  const blob = await world.repository(owner, name)?.git.object(`${sha}:${path}`)
  if (blob?.type !== 'blob') return null
  const lines = blob.bytes.toString('utf8').replace(/\n$/, '').split('\n')
  const rows = lines.map(
    (line, index) => html`<tr id="L${index + 1}"><td class="number">${index + 1}</td><td class="line">${highlight(line, path)}</td></tr>`,
  )
  return page(path, html`<section class="box"><div class="box-head file"><code>${path}</code></div><table class="diff blob">${rows}</table></section>`)
}
