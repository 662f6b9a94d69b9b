// Builds the npm package of the command line tool: dist/package, and the tarball beside it.
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'tsdown'

const root = dirname(import.meta.dirname)
const target = join(root, 'dist/package')
const { version, license, type, engines, dependencies } = readJson(join(root, 'package.json'))

/** What the command line tool needs; the service's packages stay out. */
const INSTALLED = ['commander', 'diff', 'piscina', 'yaml', 'zod']
/**
 * These travel inside the package. Our `overrides` count for us alone: installed from outside, the grammar would bring
 * a second parser, which it asks for and never uses, and both would run install scripts. Only what runs is taken.
 */
const BUNDLED = {
  'node-gyp-build': ['LICENSE', 'index.js', 'node-gyp-build.js'],
  'tree-sitter': ['LICENSE', 'index.js', 'prebuilds'],
  'tree-sitter-elixir': ['LICENSE', 'bindings/node/index.js', 'prebuilds'],
}

await build({ logLevel: 'warn' })
for (const [name, parts] of Object.entries(BUNDLED)) bundle(name, parts)
copyFileSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
writeFileSync(join(target, 'README.md'), readme())
writeJson(join(target, 'package.json'), {
  name: 'otp-review',
  version,
  description: 'Reviews Elixir code for OTP design, on the command line.',
  keywords: ['elixir', 'otp', 'genserver', 'linter', 'static-analysis'],
  license,
  homepage: 'https://github.com/otp-review/otp-review#readme',
  bugs: 'https://github.com/otp-review/otp-review/issues',
  repository: { type: 'git', url: 'git+https://github.com/otp-review/otp-review.git' },
  type,
  bin: { 'otp-review': 'cli.js' },
  files: ['*.js'],
  engines,
  dependencies: Object.fromEntries([
    ...INSTALLED.map((name) => [name, dependencies[name]]),
    ...Object.keys(BUNDLED).map((name) => [name, readJson(join(root, 'node_modules', name, 'package.json')).version]),
  ]),
  bundleDependencies: Object.keys(BUNDLED),
})
const tarball = execFileSync('npm', ['pack', '--silent', '--pack-destination', dirname(target)], {
  cwd: target,
  encoding: 'utf8',
})
console.log(join(dirname(target), tarball.trim()))

function bundle(name: string, parts: readonly string[]) {
  const source = join(root, 'node_modules', name)
  const copy = join(target, 'node_modules', name)
  for (const part of parts) {
    mkdirSync(dirname(join(copy, part)), { recursive: true })
    cpSync(join(source, part), join(copy, part), { recursive: true })
  }
  const {
    version: own,
    description,
    main,
    license: terms,
    repository,
    dependencies: needs,
  } = readJson(join(source, 'package.json'))
  writeJson(join(copy, 'package.json'), {
    name,
    version: own,
    description: `${description} (Cut down by otp-review to what runs: no sources, scripts or peers.)`,
    license: terms,
    repository,
    main,
    dependencies: Object.fromEntries(Object.entries(needs ?? {}).filter(([need]) => need in BUNDLED)),
  })
}

/** The page of the command line tool, with links that work away from the repository. */
function readme(): string {
  const page = readFileSync(join(root, 'docs/command-line.md'), 'utf8')
  const docs = `https://github.com/otp-review/otp-review/blob/v${version}/docs/`
  return page.replaceAll(/\]\((?!https?:|#)([^)]+)\)/g, (_link, path: string) => `](${new URL(path, docs).href})`)
}

// oxlint-disable-next-line typescript/no-explicit-any -- manifests of other packages
function readJson(path: string): any {
  return JSON.parse(readFileSync(path, 'utf8'))
}

function writeJson(path: string, value: object) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)
}
