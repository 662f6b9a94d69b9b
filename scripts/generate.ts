// Writes every generated file from the rules. With --check it writes nothing and fails where one is stale.
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CATEGORIES, describe } from '#engine'
import type { CataloguedRule, Category, Rule } from '#engine'
import { cataloguePage, GENERATED, rulePage } from '../src/output/rule-page.ts'
import { configSchema } from '../src/review/config.ts'

const root = dirname(import.meta.dirname)
// A file without a rule beside the rules of a category is vocabulary that they share.
const found = await Promise.all(
  globSync(
    CATEGORIES.map((category) => `rules/${category}/*.ts`),
    { cwd: root },
  )
    .toSorted()
    .map(async (path) => ({ path, rule: await readRule(path) })),
)
const paths = found.filter(({ rule }) => rule !== null).map(({ path }) => path)
const rules = found.flatMap(({ rule }) => (rule === null ? [] : [rule]))
const infos = rules.map(describe).toSorted((a, b) => (a.id < b.id ? -1 : 1))

const files = new Map([
  ['rules/index.ts', ruleIndex()],
  ['docs/rules/README.md', cataloguePage(infos)],
  ['docs/otp-review.schema.json', schema()],
  ...infos.map((info): [string, string] => [`docs/rules/${info.id}.md`, rulePage(info)]),
])
const orphans = globSync('docs/rules/*.md', { cwd: root }).filter((path) => !files.has(path))

if (process.argv.includes('--check')) check()
else write()

function check() {
  const stale = [...files].filter(([path, text]) => current(path) !== text).map(([path]) => path)
  const wrong = [...stale, ...orphans]
  if (wrong.length === 0) return
  console.error(`Not what \`npm run generate\` writes: ${wrong.join(', ')}. Run it and commit the result.`)
  process.exitCode = 1
}

function write() {
  for (const path of orphans) rmSync(join(root, path))
  for (const [path, text] of files) {
    if (current(path) === text) continue
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    console.log(`wrote ${path}`)
  }
}

function current(path: string): string | null {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return null
  }
}

async function readRule(path: string): Promise<CataloguedRule | null> {
  const module = (await import(pathToFileURL(join(root, path)).href)) as { default?: Rule }
  if (module.default === undefined) return null
  return { ...module.default, category: categoryOf(path) } as CataloguedRule
}

function categoryOf(path: string): Category {
  const folder = basename(dirname(path))
  const category = CATEGORIES.find((name) => name === folder)
  if (!category) throw new Error(`${path}: ${folder} is no category.`)
  return category
}

function ruleIndex(): string {
  const imports = paths.map((path) => `import ${importName(path)} from './${path.replace('rules/', '')}'`)
  const members = paths.map((path) => `  { ...${importName(path)}, category: '${categoryOf(path)}' },`)
  const list = members.length === 0 ? '[]' : `[\n${members.join('\n')}\n]`
  return [
    `// ${GENERATED}`,
    "import type { CataloguedRule } from '#engine'",
    ...imports,
    '',
    '/** Every rule of the catalogue, with the category whose folder it stands in. */',
    `export const rules: readonly CataloguedRule[] = ${list}`,
    '',
  ].join('\n')
}

/** `rules/task/task-unsupervised.ts` -> `taskUnsupervised` */
function importName(path: string): string {
  return basename(path, '.ts').replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

function schema(): string {
  const { $schema, ...rest } = configSchema(infos.map((info) => info.id))
  return `${JSON.stringify({ $schema, $comment: GENERATED, ...rest }, null, 2)}\n`
}
