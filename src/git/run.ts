// Runs git in a folder, deaf to the user's diff settings and to hooks' variables. Knows nothing of pull requests.
import { spawn } from 'node:child_process'

/** git refused, is missing, or the clone lacks what was asked for; the message says what to do. */
export class GitError extends Error {
  override name = 'GitError'
  readonly stderr: string

  constructor(message: string, stderr = '') {
    super(message)
    this.stderr = stderr
  }
}

// A clone's own configuration may name programs and formats: none of them may change what we read, and none may run.
const SETTINGS = [
  '-c',
  'core.fsmonitor=false',
  '-c',
  'core.quotePath=false',
  '-c',
  'diff.suppressBlankEmpty=false',
  '-c',
  'diff.renameLimit=3000',
]

// Inside a hook git exports these, relative to a folder that need not be ours.
const HOOK_VARIABLES = [
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_PREFIX',
  'GIT_EXTERNAL_DIFF',
  'GIT_DIFF_OPTS',
]

export interface GitOptions {
  /** Variables of this one call, as a temporary index. */
  env?: Record<string, string>
  /** What to write to git's input. */
  input?: string
}

/** git's output as bytes. Throws `GitError` where it ends with another status than 0. */
export async function git(folder: string, args: readonly string[], options: GitOptions = {}): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const child = spawn('git', [...SETTINGS, ...args], { cwd: folder, env: environment(options.env) })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []

  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // git may end before it has read its whole input; the status tells.
  child.stdin.on('error', () => {})
  child.on('error', (cause: NodeJS.ErrnoException) => {
    const missing = cause.code === 'ENOENT'
    reject(
      new GitError(
        missing ? 'git is not installed, or not on the PATH.' : `git could not be started: ${cause.message}`,
      ),
    )
  })
  child.on('close', (status) => {
    if (status === 0) return resolve(Buffer.concat(stdout))
    const said = Buffer.concat(stderr).toString().trim()
    reject(new GitError(`git ${args[0]} failed: ${said || `status ${status}`}`, said))
  })
  child.stdin.end(options.input ?? '')

  return promise
}

function environment(own: Record<string, string> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !HOOK_VARIABLES.includes(name))
  // LC_ALL: the few messages we look at must be the English ones.
  return { ...Object.fromEntries(inherited), LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0', ...own }
}
