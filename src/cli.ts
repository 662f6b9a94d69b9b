// Entry of the command line tool: arguments -> snapshot -> review -> print. Decides nothing about findings.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { CheckArguments, ListArguments, Outcome } from './cli/commands.ts'
import { UsageError } from './cli/usage-error.ts'
import { GitError } from './git/index.ts'
import { issuesUrl, oldestNode, version } from './release.ts'

const STATUS = { usage: 2, ourFailure: 3 }

const program = new Command('otp-review')
  .description('Reviews Elixir code for OTP design.')
  .version(version, '-V, --version', 'the version')
  .helpOption('-h, --help', 'this help, or that of a command')
  .helpCommand(false)
  .exitOverride()
  .showHelpAfterError('otp-review --help lists the commands, otp-review COMMAND --help their options.')
  .addHelpText(
    'after',
    `
Examples:
  otp-review check --diff main    what this branch would be told in review
  otp-review check lib            every finding in a folder, old and new
  otp-review explain task-unsupervised

Exit status: 0 nothing that fails, 1 findings that do, 2 bad usage or
configuration, 3 our own failure.`,
  )

program
  .command('check')
  .description('every finding in files and folders, or with --diff only what is new')
  .argument('[path...]', 'files and folders (default: the current folder)')
  .option('--diff <revision>', 'only what the working tree introduces since it left this branch, tag or commit')
  .addOption(format(['text', 'json', 'sarif', 'github']))
  .addOption(rule())
  .addOption(profile())
  .addOption(config())
  .addOption(new Option('--fail-on <severity>', 'what ends with status 1').choices(['error', 'warning', 'never']))
  .option('--profile-rules', 'also say on standard error what each rule cost')
  .action((paths: string[], options: CheckArguments) => print((commands) => commands.runCheck(paths, options)))

program
  .command('explain')
  .description('what a rule finds, why it matters, and what to write instead')
  .argument('<rule>', 'its id')
  .action((id: string) => print((commands) => commands.runExplain(id)))

program
  .command('rules')
  .description('all rules, one line each')
  .addOption(format(['text', 'json']))
  .action((options: ListArguments) => print((commands) => commands.runRules(options.format)))

program
  .command('config')
  .description('the configuration that counts here, and where each value comes from')
  .addOption(format(['text', 'json']))
  .addOption(config())
  .action((options: ListArguments) => print((commands) => commands.runConfig({ ...options, rule: [] })))

program
  .command('suppressions')
  .description('every ignore comment with its reason, its author, and whether it is still needed')
  .argument('[path...]', 'files and folders (default: the current folder)')
  .addOption(format(['text', 'json']))
  .addOption(rule())
  .addOption(profile())
  .addOption(config())
  .action((paths: string[], options: ListArguments) => print((commands) => commands.runSuppressions(paths, options)))

program
  .command('history')
  .description('what would have been said on the last merges, with the rules and configuration of today')
  .addOption(new Option('--last <number>', 'how many merges').default(20).argParser(positive))
  .addOption(format(['text', 'json']))
  .addOption(rule())
  .addOption(profile())
  .addOption(config())
  .action((options: ListArguments & { last: number }) => print((commands) => commands.runHistory(options)))

// A reader that has seen enough, as `| head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = explain(error)
}

/** Loads the engine only for commands that need it: `--help` answers at once. */
async function print(run: (commands: typeof import('./cli/commands.ts')) => Outcome | Promise<Outcome>) {
  if (isOlder(process.versions.node, oldestNode)) {
    throw new UsageError(`otp-review needs Node ${oldestNode} or newer; this is ${process.versions.node}.`)
  }
  const { output, status } = await run(await import('./cli/commands.ts'))
  process.stdout.write(output)
  process.exitCode = status
}

function format(choices: string[]): Option {
  return new Option('--format <format>', 'how to print').choices(choices).default('text')
}

function rule(): Option {
  const append = (id: string, ids: string[]) => [...ids, id]
  return new Option('--rule <id>', 'only this rule, may be repeated').default([], 'all rules').argParser(append)
}

function profile(): Option {
  return new Option('--profile <profile>', 'which rules run').choices(['recommended', 'strict'])
}

function config(): Option {
  return new Option('--config <file>', 'a configuration instead of .github/otp-review.yml')
}

function positive(value: string): number {
  const number = Number(value)
  if (Number.isInteger(number) && number > 0) return number
  throw new InvalidArgumentError('It must be a whole number from 1 on.')
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) < 0
}

function explain(error: unknown): number {
  // Commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : STATUS.usage
  const message = error instanceof UsageError || error instanceof GitError ? error.message : refusal(error)
  if (message !== null) {
    console.error(message)
    return STATUS.usage
  }
  const what = error instanceof Error ? error.stack : String(error)
  console.error(`otp-review ${version} failed. Please report this, with the lines below: ${issuesUrl}\n${what}`)
  return STATUS.ourFailure
}

/** A file or folder that this user may not read; null for any other error. */
function refusal(error: unknown): string | null {
  const { code, path } = error as NodeJS.ErrnoException
  return path !== undefined && (code === 'EACCES' || code === 'EPERM') ? `${path}: you may not read this.` : null
}
