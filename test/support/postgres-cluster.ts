// A PostgreSQL of a test's own, which may be stopped and cut off: the machine's programs, on a directory that goes with it.
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, chownSync, constants, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import pg from 'pg'

export interface Cluster extends AsyncDisposable {
  /** Address of its database, by a line that can be cut. */
  url: string
  /** Starts it again; settles when it takes connections. */
  start(): Promise<void>
  /** Ends its sessions, writes all down and stops, as an upgrade or a failover does. */
  stop(): Promise<void>
  /** Ends every session, as an administrator can, and goes on until it is ended itself; gives how many there were. */
  terminateAll(): { end(): Promise<number> }
  line: Line
}

/** What lies between a service and its database. */
export interface Line {
  /** From now on nothing gets through, and nobody is told, as when a firewall drops packets. */
  silence(): void
  /** Connections are reset; new ones get through, unless `silence` is called again. */
  reset(): void
}

/** Where the programs are; null where this machine has none. */
export const postgresPrograms: string | null = findPrograms()
if (postgresPrograms === null)
  console.warn(
    'There is no initdb and no postgres, on the PATH or in /usr/lib/postgresql: cases that stop a PostgreSQL are skipped.',
  )

function findPrograms(): string | null {
  const debian = '/usr/lib/postgresql'
  const versions = isThere(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...versions.map((one) => join(debian, one, 'bin'))]
  return folders.find((folder) => ['initdb', 'postgres'].every((name) => isThere(join(folder, name)))) ?? null
}

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Creates a cluster and starts it. */
export async function startCluster(): Promise<Cluster> {
  const directory = mkdtempSync(join(tmpdir(), 'postgres-'))
  const user = unprivileged()
  if (user) chownSync(directory, user.uid, user.gid)
  const options = { cwd: directory, env: { PATH: process.env['PATH'], LC_ALL: 'C' }, ...user }
  const data = join(directory, 'data')
  const program = (name: string) => join(postgresPrograms!, name)
  execFileSync(program('initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'], options)
  const port = await freePort()
  const line = await openLine(port)
  let server: ChildProcess | null = null

  async function start(): Promise<void> {
    const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off']
    const child = spawn(program('postgres'), ['-D', data, ...settings.flatMap((one) => ['-c', one])], {
      ...options,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    server = child
    let output = ''
    for await (const chunk of child.stderr.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      output += chunk.toString()
      if (output.includes('ready to accept connections')) return void child.stderr.resume()
    }
    throw new Error(`PostgreSQL did not start:\n${output}`)
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (server === null || server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill(signal)
    await ended
  }

  await start()
  const address = (at: number) => `postgres://postgres@127.0.0.1:${at}/postgres`
  return {
    url: address(line.port),
    start,
    stop: () => end('SIGINT'),
    terminateAll: () => {
      let isOver = false
      const over = terminate(address(port), () => isOver)
      return {
        end: () => {
          isOver = true
          return over
        },
      }
    },
    line,
    [Symbol.asyncDispose]: async () => {
      // Without asking anybody.
      await end('SIGQUIT')
      await line.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function terminate(connectionString: string, isOver: () => boolean): Promise<number> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  let count = 0
  while (!isOver()) {
    const { rows } = await client.query<{ ended: number }>(
      `select count(pg_terminate_backend(pid))::int as ended from pg_stat_activity
       where backend_type = 'client backend' and pid <> pg_backend_pid()`,
    )
    count += rows[0]!.ended
  }
  await client.end()
  return count
}

/** PostgreSQL does not run as root. */
function unprivileged(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null
  const id = (flag: string, name: string) =>
    Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  for (const name of ['postgres', 'nobody']) {
    try {
      return { uid: id('-u', name), gid: id('-g', name) }
    } catch {
      // There is no such user.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody.')
}

async function openLine(target: number): Promise<Line & { port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  let isSilent = false
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('data', (chunk) => {
        if (!isSilent) other.write(chunk)
      })
      // The other side hears nothing of an end either.
      one.on('close', () => {
        sockets.delete(one)
        if (!isSilent) other.destroy()
      })
      one.on('error', () => {})
    }
  })
  const port = await listen(server)
  const reset = () => {
    isSilent = false
    sockets.forEach((socket) => socket.resetAndDestroy())
  }
  return {
    port,
    silence: () => void (isSilent = true),
    reset,
    close: async () => {
      reset()
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  const closed = once(server, 'close')
  server.close()
  await closed
  return port
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
