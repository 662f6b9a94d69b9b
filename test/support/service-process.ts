// The service as people start it: a process of its own, in a folder of its own, to be watched, stopped and killed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import packageJson from '../../package.json' with { type: 'json' }
import type { StandIn } from './github/index.ts'

export interface ServiceProcess {
  pid: number
  /** Everything it printed. */
  output(): string
  /** What the first group of the pattern caught (else all of it), as soon as it is printed. */
  printed(pattern: RegExp): Promise<string>
  /** The first line of the log with these values, as soon as it is there. */
  line(values: Record<string, unknown>): Promise<Record<string, unknown>>
  /** All such lines so far. */
  lines(values: Record<string, unknown>): Record<string, unknown>[]
  /** Where it listens, as soon as it does. */
  url(): Promise<string>
  send(signal: NodeJS.Signals): void
  /** The most memory that it held at any time, resident, in megabytes; null where the system does not say. */
  peakMemory(): number | null
  /** Its exit code; null where a signal ended it. */
  exited: Promise<number | null>
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const listening = /"url":"(http:[^"]+)"/
const nodeFlags = packageJson.scripts.start.split(' ').filter((word) => word.startsWith('--'))

export interface LaunchOptions {
  /** Files in the folder that it starts in. */
  files?: Record<string, string>
  /** The program, from the root of the repository; the service's own where not said. */
  program?: string
  /** Of Node, before the program, beside those of `npm start`. */
  flags?: readonly string[]
}

/** Starts a process with this environment and nothing else. */
export function launch(env: Record<string, string>, options: LaunchOptions = {}): ServiceProcess {
  const { files = {}, program = 'src/service.ts', flags = [] } = options
  const cwd = mkdtempSync(join(tmpdir(), 'otp-review-'))
  copyFileSync(join(root, 'app.yml'), join(cwd, 'app.yml'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
  const child = spawn(process.execPath, [...nodeFlags, ...flags, join(root, program)], {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })

  let output = ''
  const wakers: (() => void)[] = []
  const wake = () => wakers.splice(0).forEach((one) => one())
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      wake()
    })
  }
  let hasEnded = false
  // Not 'exit': there may be output left to read.
  const exited = once(child, 'close').then(([code]) => {
    hasEnded = true
    wake()
    rmSync(cwd, { recursive: true, force: true })
    return code as number | null
  })

  async function watch<T>(what: string, find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      if (hasEnded) throw new Error(`ended before ${what}:\n${output}`)
      await new Promise<void>((resolve) => wakers.push(resolve))
    }
  }

  const printed = (pattern: RegExp) =>
    watch(`it printed ${pattern}`, () => {
      const found = pattern.exec(output)
      return found ? (found[1] ?? found[0]) : undefined
    })

  const lines = (values: Record<string, unknown>) => {
    const pairs = Object.entries(values)
    return linesOf(output).filter((line) => pairs.every(([key, value]) => line[key] === value))
  }

  return {
    pid: child.pid!,
    output: () => output,
    printed,
    line: (values) => watch(`it logged ${JSON.stringify(values)}`, () => lines(values)[0]),
    lines,
    url: () => printed(listening),
    send: (signal) => void child.kill(signal),
    peakMemory: () => {
      if (process.platform !== 'linux') return null
      const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]
      return Math.round(Number(kilobytes) / 1024)
    },
    exited,
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** What a service needs to know of this GitHub. */
export function environmentFor(github: StandIn): Record<string, string> {
  return {
    APP_ID: String(github.app.appId),
    PRIVATE_KEY: Buffer.from(github.app.privateKey).toString('base64'),
    WEBHOOK_SECRET: github.app.webhookSecret,
    GITHUB_API_URL: github.url,
    HOST: '127.0.0.1',
    PORT: '0',
    THREADS: '1',
    NODE_ENV: 'production',
  }
}

function linesOf(output: string): Record<string, unknown>[] {
  return output
    .slice(0, output.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
