// Writes the two files of a new rule, which run as they are: what is left is to say and to find the real thing.
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CATEGORIES } from '#engine'

const root = dirname(import.meta.dirname)
const [, category = '', id = ''] = /^(.*)\/(.*)$/.exec(process.argv[2] ?? '') ?? []
const problem = problemWith(category, id)

if (problem !== null) {
  console.error(`${problem}\nnpm run new-rule CATEGORY/ID, for example: npm run new-rule task/task-unsupervised`)
  process.exitCode = 2
} else {
  write(`rules/${category}/${id}.ts`, ruleFile(id))
  write(`test/rules/${category}/${id}.md`, caseFile(id))
  console.log('Next: fill in both, `npm run generate`, `npx vitest run test/rules.test.ts test/house.test.ts`.')
}

function problemWith(category: string, id: string): string | null {
  if (!CATEGORIES.some((name) => name === category)) return `The category must be one of ${CATEGORIES.join(', ')}.`
  if (!/^[a-z0-9]+(-[a-z0-9]+)+$/.test(id)) return 'The id must be two or more lower-case words joined by hyphens.'
  if (/^(avoid|no|prefer|use|dont)-/.test(id)) return 'The id names the offence, and must read well after "ignore".'
  const taken = globSync(`rules/*/${id}.ts`, { cwd: root })[0]
  return taken === undefined ? null : `${taken} has this id.`
}

function write(path: string, text: string) {
  const file = join(root, path)
  if (existsSync(file)) throw new Error(`${path} exists.`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  console.log(`wrote ${path}`)
}

function ruleFile(id: string): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  return `import { defineRule, elixir } from '#engine'
import { bottleneck } from '../principles.ts'

const OFFENDERS = new Set(['Offender.run'])

export default defineRule({
  id: '${id}',
  title: 'What the code does, in a few words',
  principles: [bottleneck],
  set: 'strict',
  precision: 'P3',
  severity: 'warning',
  since: '${version}',

  why: \`
    What happens on the BEAM when code does this, and why it bites.
  \`,
  instead: 'What to write, in one sentence.',
  ignoreWhen: 'When the code is right as it is.',
  limits: 'What this rule cannot see.',

  examples: [
    {
      bad: elixir\`
        defmodule Shop.Orders do
          def place(order) do
            Offender.run(order) # finding
          end
        end
      \`,
      good: elixir\`
        defmodule Shop.Orders do
          def place(order) do
            Shop.Ledger.write(order)
          end
        end
      \`,
    },
  ],

  on: 'call',
  *check({ call }) {
    if (!OFFENDERS.has(call.callee)) return

    yield {
      at: call.at,
      message: \`\\\`\${call.callee}/\${call.arity}\\\` does what this code should not. Say what it costs here, and what to write.\`,
    }
  },
})
`
}

function caseFile(id: string): string {
  const flagged = ['in a pipeline', 'under an alias', 'two calls away', 'in one of several clauses']
  const fine = ['A function of the same name', 'In a test', 'In documentation', 'The allowed exception']
  return `# ${id}

Cases as real code has them: at least four that are reported, with \`# finding\` at the end of the line, and four that are
not. Say in a sentence what each shows. Code outside of a module is put into one.

## The plain call

\`\`\`elixir
def place(order) do
  Offender.run(order) # finding
end
\`\`\`

${flagged.map((name) => `## Reported ${name}\n\n\`\`\`elixir\ndef place(order), do: Offender.run(order) # finding\n\`\`\``).join('\n\n')}

${fine.map((name) => `## ${name}\n\n\`\`\`elixir\ndef place(order), do: Shop.Ledger.write(order)\n\`\`\``).join('\n\n')}
`
}
