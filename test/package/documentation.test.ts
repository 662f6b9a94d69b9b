// What the documentation says of the product, where the product can be asked: names, defaults, addresses.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Marked } from 'marked'
import type { Token, Tokens } from 'marked'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { rules } from '#rules'
import schema from '../../docs/otp-review.schema.json' with { type: 'json' }
import { createMetrics } from '../../src/metrics.ts'
import { openQueue } from '../../src/queue.ts'
import { ruleDocsUrl } from '../../src/release.ts'
import { resolveConfig } from '../../src/review/config.ts'
import { environment } from '../../src/settings.ts'
import { freshSchema, openTestDatabase } from '../support/databases.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const marked = new Marked()
const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...globSync('docs/*.md', { cwd: root })]

describe('operating', () => {
  const page = marked.lexer(read('docs/operating.md'))
  const app = parse(read('app.yml')) as { default_permissions: Record<string, string>; default_events: string[] }

  test('the permissions are those that the app asks for', () => {
    const rows = tableBelow(page, 'permission')

    expect(Object.fromEntries(rows.map(([name, level]) => [codes(name!)[0], level]))).toEqual(app.default_permissions)
    for (const [name, , why] of rows) expect({ name, why: why?.trim() }).not.toEqual({ name, why: '' })
  })

  test('the events are those that the app is told of', () => {
    const events = tableBelow(page, 'event').flatMap(([names]) => codes(names!))

    expect(events.toSorted()).toEqual(app.default_events.toSorted())
  })

  test('every variable is there, with its default', () => {
    /** Read by Node itself, by the set-up page, and by whoever reads the proxy's variables. */
    const others = ['NODE_EXTRA_CA_CERTS', 'PUBLIC_URL', 'NO_PROXY', 'no_proxy']
    /** Of the machine, and of the release. */
    const described = ['THREADS', 'RULE_DOCS_URL', 'ISSUES_URL', 'ALLOWED_ACCOUNTS', 'LOG_FORMAT']
    const rows = tableBelow(page, 'variable')
    const defaults = { ...environment.parse({}), GITHUB_API_URL: 'https://api.github.com' } as Record<string, unknown>

    const names = rows.flatMap(([name]) => codes(name!))
    expect(names.toSorted()).toEqual([...Object.keys(environment.shape), ...others].toSorted())
    for (const [cell, given] of rows) {
      const [name] = codes(cell!)
      if (described.includes(name!)) expect(given).not.toBe('')
      else
        expect({ name, given: codes(given!) }).toEqual({
          name,
          given: name! in defaults ? [String(defaults[name!])] : [],
        })
    }
  })

  test('.env.example sets what exists', () => {
    const names = [...read('.env.example').matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name!)
    const documented = tableBelow(page, 'variable').flatMap(([name]) => codes(name!))

    expect(names).toContain('APP_ID')
    expect(names.filter((name) => !documented.includes(name))).toEqual([])
  })

  test('every table of the database is there', async () => {
    const database = await openTestDatabase('embedded')
    const schema = freshSchema()
    const queue = await openQueue({ database, schema, appId: 1, log: pino({ level: 'silent' }) })
    const tables = await database.query('select table_name from information_schema.tables where table_schema = $1', [
      schema,
    ])
    await queue.close()
    await database.close()

    const documented = tableBelow(page, 'table').flatMap(([names]) => codes(names!))
    // Some have parts, one for each day.
    const names = tables.map((row) => String(row['table_name']).replace(/_\d{8}$/, ''))
    expect(documented.toSorted()).toEqual([...new Set(names)].toSorted())
  })

  test('every metric of ours is there, and the alerts ask for no other', async () => {
    const { render } = createMetrics(async () => ({ waiting: 0, running: 0, oldestSeconds: 0 }))
    const exported = [...(await render()).matchAll(/^# TYPE (otp_review_\w+) (\w+)$/gm)]
    const histograms = exported.filter(([, , type]) => type === 'histogram').map(([, name]) => name!)
    const series = exported
      .map(([, name]) => name!)
      .concat(histograms.flatMap((name) => [`${name}_count`, `${name}_bucket`]))
    const alerts = page.find((token): token is Tokens.Code => token.type === 'code' && token.lang === 'yaml')!
    const rules = (parse(alerts.text) as { groups: { rules: { alert: string; expr: string }[] }[] }).groups[0]!.rules

    expect(
      tableBelow(page, 'metric')
        .flatMap(([name]) => codes(name!))
        .toSorted(),
    ).toEqual(exported.map(([, name]) => name!).toSorted())
    expect(rules.length).toBeGreaterThan(3)
    for (const { expr } of rules) {
      const asked = expr.match(/otp_review_\w+/g) ?? []
      expect(asked).not.toEqual([])
      expect(asked.filter((name) => !series.includes(name))).toEqual([])
    }
  })
})

describe('the README', () => {
  const text = read('README.md')

  test('shows a configuration that counts, with every setting', () => {
    const [, sample] = /```yaml\n(.*?)```/s.exec(text)!
    const base = { path: '.github/otp-review.yml', text: sample! }
    const { problems } = resolveConfig(
      { base, organisation: null, head: null },
      rules.map(({ id }) => id),
    )

    expect(problems.map(({ message }) => message)).toEqual([])
    expect(Object.keys(parse(sample!) as object).toSorted()).toEqual(Object.keys(schema.properties).toSorted())
  })

  test('shows a comment as it is', () => {
    const [message, principle] = quoted(text)
    const [, said] = /\*\*lib\/shop\/rates\.ex:13\*\* open\n>\n(.*?)\n\n/s.exec(read('docs/transcript.md'))!

    expect(quoted(said!).slice(0, 2)).toEqual([
      message,
      principle!.replace('](', `](${ruleDocsUrl.replace('/docs/rules', '/')}`),
    ])
  })
})

describe('the command line', () => {
  const cli = (...args: string[]) =>
    execFileSync(process.execPath, [join(root, 'src/cli.ts'), ...args, '--help'], { encoding: 'utf8' })
  const commands = [...cli().matchAll(/^ {2}(\w+)(?: \[options\]| <)/gm)].map(([, name]) => name!)
  const options = new Map(
    commands.map((name): [string, string[]] => [name, cli(name).match(/(?<=^ +)--[\w-]+/gm) ?? []]),
  )

  test('every command and option is documented, and no other', () => {
    const page = marked.lexer(read('docs/command-line.md'))
    const first = (title: string) => tableBelow(page, title).map(([cell]) => codes(cell!)[0]!.split(' ')[0]!)

    expect([...new Set(first('command'))].toSorted()).toEqual(commands.toSorted())
    // Those with a place of their own in the table of commands.
    const shown = [...first('option'), '--diff', '--last']
    expect(new Set(shown)).toEqual(new Set([...options.values()].flat()))
  })

  test('what it prints is what the page shows', () => {
    const { INIT_CWD: _, FORCE_COLOR: _color, ...env } = process.env
    const [, path, shown] = /`check (\S+)`:\n\n```\n(.*?)```/s.exec(read('docs/command-line.md'))!
    const printed = spawnSync(process.execPath, [join(root, 'src/cli.ts'), 'check', path!], { cwd: root, env })

    expect(printed.stdout.toString().replace(/\d+\.\d s/, '0.1 s')).toBe(shown)
  })

  test('whatever the pages tell to type is there', () => {
    const typed = pages.flatMap((path) =>
      [...read(path).matchAll(/\botp-review(?: --)? ([a-z]+)\b([^`\n]*)/g)]
        .filter(([, name]) => options.has(name!))
        .map(([, name, rest]): [string, string[]] => [name!, rest!.match(/--[a-z][\w-]*/g) ?? []]),
    )

    expect(typed.length).toBeGreaterThan(5)
    for (const [name, asked] of typed) expect(options.get(name)).toEqual(expect.arrayContaining(asked))
  })
})

test.each(pages)('%s links to what is there', (path) => {
  const links = linksOf(marked.lexer(read(path))).filter((address) => !/^(https?:|mailto:)/.test(address))

  const broken = links.filter((address) => {
    const [file, anchor] = address.split('#') as [string, string?]
    const target = file === '' ? path : join(dirname(path), file)
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && target.endsWith('.md') && !anchorsOf(read(target)).includes(anchor)
  })

  expect(broken).toEqual([])
})

/** The rows of the table whose first column has this title. */
function tableBelow(page: readonly Token[], title: string): string[][] {
  const table = page.find((token) => token.type === 'table' && (token as Tokens.Table).header[0]?.text === title)
  return (table as Tokens.Table).rows.map((row) => row.map(({ text }) => text))
}

/** The paragraphs of the first quotation. */
function quoted(text: string): string[] {
  const lines = text.split('\n')
  const from = lines.findIndex((line) => line.startsWith('>'))
  const length = lines.slice(from).findIndex((line) => !line.startsWith('>'))
  const quotation = lines.slice(from, length < 0 ? undefined : from + length).map((line) => line.replace(/^> ?/, ''))
  return quotation
    .join('\n')
    .split('\n\n')
    .map((paragraph) => paragraph.replaceAll('\n', ' '))
}

function codes(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!)
}

function linksOf(tokens: readonly Token[]): string[] {
  const links: string[] = []
  void marked.walkTokens([...tokens], (token) => void (token.type === 'link' && links.push(token.href as string)))
  return links
}

/** As GitHub names the headings of a page. */
function anchorsOf(text: string): string[] {
  const headings = marked.lexer(text).filter((token): token is Tokens.Heading => token.type === 'heading')
  return headings.map((heading) =>
    heading.text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
