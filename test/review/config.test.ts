import { expect, test } from 'vitest'
import {
  configSchema,
  failOnFor,
  isIgnored,
  newRules,
  resolveConfig,
  selectionFor,
  severityOf,
} from '../../src/review/config.ts'
import type { ResolvedConfig } from '../../src/review/config.ts'
import { HOSTILE } from '../support/hostile.ts'
import { finding } from '../support/builders.ts'
import { processorMs } from '../support/processor-time.ts'
import { ruleInfo } from '../support/rule-info.ts'

const CATALOGUE = [
  ruleInfo({ id: 'genserver-blocking-init' }),
  ruleInfo({ id: 'genserver-stateless' }),
  ruleInfo({ id: 'task-unsupervised' }),
  ruleInfo({ id: 'genserver-missing-impl', set: 'strict' }),
]
const RULES = CATALOGUE.map((rule) => rule.id)
const NONE: ReadonlySet<string> = new Set()

function resolve(text: string, organisation: string | null = null, owner: string | null = 'acme'): ResolvedConfig {
  const source = (text: string) => ({ path: '.github/otp-review.yml', text })
  return resolveConfig(
    { base: source(text), organisation: organisation === null ? null : source(organisation), head: null },
    RULES,
    owner,
  )
}

function problemsOf(text: string, organisation: string | null = null): string[] {
  return resolve(text, organisation).problems.map(({ line, message }) => `${line}: ${message}`)
}

test('without a file every setting has its default', () => {
  const { config, problems, settings } = resolveConfig({ base: null, organisation: null, head: null }, RULES)

  expect(problems).toEqual([])
  expect(config).toEqual({
    mode: 'enforce',
    profile: 'recommended',
    fail_on: 'error',
    on_error: 'neutral',
    check_name: 'sha',
    rules: {},
    paths: { ignore: [] },
    overrides: [],
    comments: { max: 10 },
    drafts: false,
    accept: 'write',
    accept_own: true,
  })
  expect(settings.every(({ origin }) => origin === 'default')).toBe(true)
})

test('the whole file is read', () => {
  const { config, problems } = resolve(`
# yaml-language-server: $schema=otp-review.schema.json
mode: observe
profile: strict
fail_on: never
on_error: block
check_name: base
rules:
  genserver-blocking-init: error
  task-unsupervised: off
paths:
  ignore: ["lib/legacy/**"]
overrides:
  - paths: ["apps/billing/**"]
    profile: recommended
    fail_on: warning
    rules: { genserver-stateless: info }
comments:
  max: 0
drafts: true
accept: nobody
accept_own: false
`)

  expect(problems).toEqual([])
  expect(config).toEqual({
    mode: 'observe',
    profile: 'strict',
    fail_on: 'never',
    on_error: 'block',
    check_name: 'base',
    rules: { 'genserver-blocking-init': 'error', 'task-unsupervised': 'off' },
    paths: { ignore: ['lib/legacy/**'] },
    overrides: [
      {
        paths: ['apps/billing/**'],
        profile: 'recommended',
        fail_on: 'warning',
        rules: { 'genserver-stateless': 'info' },
      },
    ],
    comments: { max: 0 },
    drafts: true,
    accept: 'nobody',
    accept_own: false,
  })
})

test('what is wrong is named on its line with what was meant, and the rest counts', () => {
  const text = `mode: enforced
profil: strict
fail_on:
drafts: maybe
rules:
  genserver-blocking-int: error
  genserver-stateless: warn
  task-unsupervised: error
  Supervisor:
paths:
  ignore: ["lib/legacy/**", "!lib/a", 3, "lib/[ab]"]
overrides:
  - profile: strict
  - paths: ["apps/**"]
    profil: strict
comments:
  max: 1000
  min: 1
accept: [write]
`

  expect(problemsOf(text).join('\n')).toMatchInlineSnapshot(`
    "1: \`mode\` must be one of \`enforce\`, \`observe\`, not \`enforced\`. Did you mean \`enforce\`? It counts as unset.
    2: \`profil\` is not a setting. Did you mean \`profile\`? It does not count.
    4: \`drafts\` must be \`true\` or \`false\`, not \`maybe\`. It counts as unset.
    6: \`rules.genserver-blocking-int\` is not a rule of this version. Did you mean \`genserver-blocking-init\`? It does not count.
    7: \`rules.genserver-stateless\` must be one of \`off\`, \`info\`, \`warning\`, \`error\`, not \`warn\`. Did you mean \`warning\`? It counts as unset.
    9: \`rules.Supervisor\` is not a rule of this version. It does not count.
    11: \`paths.ignore[1]\` can't be \`!lib/a\`: only \`*\`, \`**\`, \`?\` and \`{a,b}\` have a meaning here. It does not count.
    11: \`paths.ignore[2]\` must be a pattern such as \`lib/**\`, not \`3\`. It counts as unset.
    11: \`paths.ignore[3]\` can't be \`lib/[ab]\`: only \`*\`, \`**\`, \`?\` and \`{a,b}\` have a meaning here. It does not count.
    13: \`overrides[0].paths\` is missing, so this entry does not count.
    15: \`overrides[1].profil\` is not a setting. Did you mean \`profile\`? It does not count.
    17: \`comments.max\` must be a whole number from 0 to 50, not \`1000\`. It counts as unset.
    18: \`comments.min\` is not a setting. Did you mean \`max\`? It does not count.
    19: \`accept\` must be one of \`write\`, \`maintain\`, \`admin\`, \`nobody\`, not a list of 1. Did you mean \`write\`? It counts as unset."
  `)
  expect(resolve(text).config).toMatchObject({
    mode: 'enforce',
    drafts: false,
    rules: { 'task-unsupervised': 'error' },
    paths: { ignore: ['lib/legacy/**'] },
    overrides: [{ paths: ['apps/**'] }],
    comments: { max: 10 },
    accept: 'write',
  })
})

test.each([
  ['mode: observe\nmode: enforce', '2: `mode` stands here a second time; only this one counts.'],
  ['- observe', '1: The file must be a mapping of settings, so nothing in it counts.'],
  ['observe', '1: The file must be a mapping of settings, so nothing in it counts.'],
  [
    'mode: observe\nrules: [',
    '2: This is not valid YAML, so nothing in the file counts: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  [
    'mode: observe\n---\nmode: enforce',
    '2: This is not valid YAML, so nothing in the file counts: Source contains multiple documents; please use YAML.parseAllDocuments()',
  ],
  [
    'a: &x 1',
    '1: `&x`: anchors, aliases, tags and `? ` keys are not read here, so nothing in the file counts. Write the value out.',
  ],
  [
    '? a\n: b',
    '1: `?`: anchors, aliases, tags and `? ` keys are not read here, so nothing in the file counts. Write the value out.',
  ],
  ['mode: observe\nrules: [[[[[a]]]]]', '2: Brackets are nested too deeply here, so nothing in the file counts.'],
  [
    'mode: !!str observe',
    '1: `!!str`: anchors, aliases, tags and `? ` keys are not read here, so nothing in the file counts. Write the value out.',
  ],
  ['[a]: b', '1: A key must be a plain word.'],
  ['__proto__: { mode: observe }', '1: `__proto__` is not a setting. It does not count.'],
  ['constructor: x', '1: `constructor` is not a setting. It does not count.'],
])('one problem, on its line: %j', (text, problem) => {
  expect(problemsOf(text)).toEqual([problem])
})

test.each([
  '',
  '\n',
  '# nothing yet\n',
  '\uFEFFmode: enforce',
  'mode: enforce\r\nprofile: recommended\r\n',
  'rules:\npaths:\n',
])('nothing is wrong with %j', (text) => {
  expect(problemsOf(text)).toEqual([])
  expect(resolve(text).config).toEqual(resolve('').config)
})

test.each(
  Object.entries({
    'a bomb of aliases': `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghij'].map((name, at) => `${name}: &${name} [${`*${'abcdefghi'[at]},`.repeat(9)}]`).join('\n')}`,
    'a file of 1 MB': 'a'.repeat(1_000_000),
    'a list of 1 MB': '- a\n'.repeat(250_000),
    'keys without end': Array.from({ length: 10_000 }, (_, index) => `k${index}: 1`).join('\n'),
    'keys in braces': `{${Array.from({ length: 2_400 }, (_, index) => `k${index}`)}}`,
    'brackets without end': '['.repeat(60_000),
    'braces without end': '{'.repeat(60_000),
    // As few as these can end the process inside the YAML library: the stack is used up where a pattern is compiled.
    'nested braces': '{'.repeat(2_000),
    'braces in keys': '{a: '.repeat(10_000),
    // One kilobyte of these keeps the YAML library busy for half a minute.
    'nested complex keys': '? '.repeat(500),
    'nested lists': '- '.repeat(30_000),
    'deep indentation': Array.from({ length: 340 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
    'errors without end': 'a: ]\n'.repeat(12_000),
    'documents without end': '---\n'.repeat(15_000),
    'a long string': `a: "${'\\'.repeat(60_000)}`,
    'wrong rules': `rules:\n${Array.from({ length: 800 }, (_, index) => `  ${'genserver-blocking'.repeat(3)}${index}: error`).join('\n')}`,
    'wrong globs': `paths:\n  ignore:\n${'    - "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"\n'.repeat(90)}`,
  }),
)('%s is refused at once, with a few words', (_name, text) => {
  resolve('mode: enforced\n')
  let resolved!: ReturnType<typeof resolve>

  const ms = processorMs(() => (resolved = resolve(text)))

  const { problems, config } = resolved
  // A few on a quiet machine.
  expect(ms).toBeLessThan(250)
  expect(problems.length).toBeGreaterThan(0)
  expect(problems.length).toBeLessThanOrEqual(21)
  expect(problems.every(({ message }) => message.length < 500)).toBe(true)
  expect(config).toEqual(resolve('').config)
})

test.each(HOSTILE)('whatever stands in it, reading it gives a configuration: %j', (text) => {
  for (const file of [
    text,
    `mode: ${text}`,
    `mode: ${JSON.stringify(text)}`,
    `${JSON.stringify(text)}: x`,
    `paths: { ignore: [${JSON.stringify(text)}] }`,
  ]) {
    expect(resolve(file).config).toMatchObject({ mode: 'enforce', comments: { max: 10 } })
  }
})

test('the organisation is read first where the repository extends it, and every value knows its origin', () => {
  const { config, settings, problems } = resolve(
    'extends: acme/.github\nfail_on: warning\nrules: { task-unsupervised: info }\npaths: { ignore: [own/**] }\n',
    'profile: strict\nfail_on: never\nrules: { task-unsupervised: off, genserver-stateless: off }\npaths: { ignore: [deps/**] }\nextends: .github\n',
  )

  expect(problems).toEqual([])
  expect(config).toMatchObject({
    profile: 'strict',
    fail_on: 'warning',
    rules: { 'task-unsupervised': 'info', 'genserver-stateless': 'off' },
    paths: { ignore: ['deps/**', 'own/**'] },
  })
  expect(settings.map(({ key, value, origin }) => `${key}: ${JSON.stringify(value)} (${origin})`).join('\n'))
    .toMatchInlineSnapshot(`
    "mode: "enforce" (default)
    profile: "strict" (organisation)
    fail_on: "warning" (repository)
    on_error: "neutral" (default)
    check_name: "sha" (default)
    rules.task-unsupervised: "info" (repository)
    rules.genserver-stateless: "off" (organisation)
    paths.ignore[0]: "deps/**" (organisation)
    paths.ignore[1]: "own/**" (repository)
    overrides: [] (default)
    comments.max: 10 (default)
    drafts: false (default)
    accept: "write" (default)
    accept_own: true (default)
    extends: "acme/.github" (repository)"
  `)
})

test('the later override wins, and the repository writes the later ones', () => {
  const { config } = resolve(
    'extends: .github\noverrides: [{ paths: [lib/**], fail_on: never }]',
    'overrides: [{ paths: [lib/a/**], fail_on: warning }]',
  )

  expect(config.overrides.map((entry) => entry.fail_on)).toEqual(['warning', 'never'])
})

test('lists that fit alone fit together', () => {
  const globs = (folder: string) => Array.from({ length: 100 }, (_, index) => `${folder}/${index}/**`)
  const file = (folder: string) => `extends: .github\npaths: ${JSON.stringify({ ignore: globs(folder) })}`

  const { config, problems } = resolve(file('own'), file('theirs'))

  expect(problems).toEqual([])
  expect(config.paths.ignore).toEqual([...globs('theirs'), ...globs('own')])
})

test('problems of the organisation are told from those of the repository', () => {
  const { problems } = resolve('extends: .github\n', 'profil: strict\n')

  expect(problems).toEqual([
    {
      origin: 'organisation',
      path: '.github/otp-review.yml',
      line: 1,
      message: '`profil` is not a setting. Did you mean `profile`? It does not count.',
    },
  ])
})

test('only the own organisation can be extended', () => {
  expect(problemsOf('mode: observe\nextends: evil/.github', 'mode: enforce')).toEqual([
    '2: `extends` can only name `acme/.github`, not `evil/.github`. It does not count.',
  ])
  expect(problemsOf('extends: acme/shop')).toEqual([
    "1: `extends` must be `.github`, your organisation's repository, not `acme/shop`. It counts as unset.",
  ])
  expect(resolve('extends: ../.github').config.extends).toBeUndefined()
  expect(problemsOf('extends: ACME/.github', 'mode: observe')).toEqual([])
})

test('an organisation without the file is named, and a local clone has none to read', () => {
  expect(problemsOf('mode: observe\nextends: .github')).toEqual([
    "2: `extends`: there is no `.github/otp-review.yml` in `acme/.github`, or it can't be read. Add the file, and let the app read that repository.",
  ])
  expect(resolve('extends: .github', null, null).problems).toEqual([])
})

test('an organisation that is not extended does not count', () => {
  expect(resolve('mode: enforce', 'mode: observe').config.mode).toBe('enforce')
})

test('the profile chooses the rules; a level chooses one rule', () => {
  const recommended = {
    'genserver-blocking-init': 'recommended',
    'genserver-stateless': 'recommended',
    'task-unsupervised': 'recommended',
  }

  expect(selectionFor(resolve(''), 'lib/a.ex', CATALOGUE)).toEqual(recommended)
  expect(selectionFor(resolve('profile: strict'), 'lib/a.ex', CATALOGUE)).toEqual(
    Object.fromEntries(RULES.map((id) => [id, 'strict'])),
  )
  expect(
    selectionFor(resolve('rules: { genserver-missing-impl: info, genserver-stateless: off }'), 'lib/a.ex', CATALOGUE),
  ).toEqual({
    'genserver-blocking-init': 'recommended',
    'task-unsupervised': 'recommended',
    'genserver-missing-impl': 'strict',
  })
})

test('an override counts for its paths only', () => {
  const configuration = resolve(`
rules: { genserver-stateless: warning }
overrides:
  - paths: ["apps/billing/**"]
    profile: strict
    fail_on: warning
    rules: { genserver-stateless: error }
  - paths: ["apps/billing/test_{support,data}/*"]
    rules: { genserver-stateless: off }
`)

  expect(selectionFor(configuration, 'apps/billing/lib/a.ex', CATALOGUE)).toHaveProperty('genserver-missing-impl')
  expect(selectionFor(configuration, 'apps/shop/lib/a.ex', CATALOGUE)).not.toHaveProperty('genserver-missing-impl')
  expect(selectionFor(configuration, 'apps/billing/test_data/a.ex', CATALOGUE)).not.toHaveProperty(
    'genserver-stateless',
  )
  expect(failOnFor(configuration, 'apps/billing/lib/a.ex')).toBe('warning')
  expect(failOnFor(configuration, 'apps/shop/lib/a.ex')).toBe('error')

  const severityAt = (path: string) =>
    severityOf(configuration, finding({ rule: 'genserver-stateless', severity: 'info', path }), NONE)
  expect(severityAt('apps/billing/lib/a.ex')).toBe('error')
  expect(severityAt('lib/a.ex')).toBe('warning')
})

test('a configured severity wins, then a new rule is info, then the finding decides', () => {
  const recent = new Set(['task-unsupervised'])
  const error = finding({ rule: 'task-unsupervised', severity: 'error' })

  expect(severityOf(resolve(''), error, NONE)).toBe('error')
  expect(severityOf(resolve(''), error, recent)).toBe('info')
  expect(severityOf(resolve('rules: { task-unsupervised: warning }'), error, recent)).toBe('warning')
})

test('a rule is new in the minor release that brought it, and in no first release', () => {
  const first = [ruleInfo({ id: 'a', since: '0.1.0' }), ruleInfo({ id: 'b', since: '0.1.0' })]
  const later = [...first, ruleInfo({ id: 'c', since: '0.2.0' })]

  expect(newRules(first, '0.1.4')).toEqual(new Set())
  expect(newRules(later, '0.2.3')).toEqual(new Set(['c']))
  expect(newRules(later, '0.3.0')).toEqual(new Set())
})

test('ignored files are those that a pattern covers', () => {
  const configuration = resolve('paths: { ignore: ["lib/legacy/**", "/priv", "**/*_pb.ex", "./gen/"] }')
  const ignored = [
    'lib/legacy/a.ex',
    'lib/legacy/b/c.ex',
    'priv/repo/seeds.exs',
    'lib/x/y_pb.ex',
    'z_pb.ex',
    'gen/a.ex',
  ]
  const kept = ['lib/legacy.ex', 'lib/a/priv/b.ex', 'lib/pb.ex', 'lib/gen/a.ex']

  expect(ignored.filter((path) => !isIgnored(configuration, path))).toEqual([])
  expect(kept.filter((path) => isIgnored(configuration, path))).toEqual([])
})

test('the published schema knows every setting and every rule', () => {
  const schema = configSchema(RULES)

  expect(schema).toMatchObject({
    $schema: 'http://json-schema.org/draft-07/schema#',
    additionalProperties: false,
    properties: {
      mode: { default: 'enforce', enum: ['enforce', 'observe'] },
      rules: {
        properties: { 'task-unsupervised': { enum: ['off', 'info', 'warning', 'error'] } },
        additionalProperties: false,
      },
      comments: { properties: { max: { default: 10, minimum: 0, maximum: 50 } } },
    },
  })
  expect(Object.keys(schema['properties'] as object)).toEqual([
    'extends',
    'mode',
    'profile',
    'fail_on',
    'on_error',
    'check_name',
    'rules',
    'paths',
    'overrides',
    'comments',
    'drafts',
    'accept',
    'accept_own',
  ])
})
