// What stands between a service and GitHub in a company: a name of its own, a certificate of its own authority, and a proxy.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import type { Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect } from 'node:net'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** An authority that was made now, and that nobody knows. */
export interface Authority extends Disposable {
  /** Its certificate, as NODE_EXTRA_CA_CERTS takes it. */
  file: string
  issue(host: string): Promise<{ key: string; cert: string }>
}

export async function makeAuthority(): Promise<Authority> {
  const directory = mkdtempSync(join(tmpdir(), 'otp-review-'))
  const file = join(directory, 'ca.pem')
  const ca = await generate([{ name: 'commonName', value: 'Acme Root' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  })
  writeFileSync(file, ca.cert)
  return {
    file,
    issue: async (host) => {
      const altNames = [
        { type: 2 as const, value: host },
        { type: 7 as const, ip: '127.0.0.1' },
      ]
      const issued = await generate([{ name: 'commonName', value: host }], {
        keyType: 'ec',
        algorithm: 'sha256',
        ca: { key: ca.private, cert: ca.cert },
        extensions: [
          { name: 'basicConstraints', cA: false },
          { name: 'subjectAltName', altNames },
        ],
      })
      return { key: issued.private, cert: issued.cert }
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

export interface TlsEnd extends AsyncDisposable {
  port: number
  /** The paths that were asked for. */
  paths: string[]
}

/** Takes requests over TLS and passes them on, as a load balancer does. */
export async function startTls(target: string, { key, cert }: { key: string; cert: string }): Promise<TlsEnd> {
  const paths: string[] = []
  const server = createTlsServer({ key, cert }, (request, response) => {
    paths.push(request.url!.split('?')[0]!)
    const { hostname, port } = new URL(target)
    const passed = httpRequest(
      { hostname, port, path: request.url, method: request.method, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(response)
      },
    )
    passed.on('error', () => response.destroy())
    request.pipe(passed)
  })
  return { paths, ...(await listen(server)) }
}

export interface Proxy extends AsyncDisposable {
  url: string
  /** `github.acme.test:443`, for each connection that was asked for. */
  connections: string[]
}

/** A proxy that knows names which nobody else knows; with credentials it lets nobody else pass. */
export async function startProxy(names: Record<string, number>, credentials?: string): Promise<Proxy> {
  const connections: string[] = []
  const server = createServer((_, response) => void response.writeHead(405).end())
  server.on('connect', (request, socket: Socket) => {
    const wanted = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`
    const port = names[request.url!]
    if (request.headers['proxy-authorization'] !== wanted || port === undefined) {
      socket.end(`HTTP/1.1 ${port === undefined ? '502 Bad Gateway' : '407 Proxy Authentication Required'}\r\n\r\n`)
      return
    }
    connections.push(request.url!)
    const passed = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 Connection Established\r\n\r\n'))
    passed.on('error', () => socket.destroy())
    socket.on('error', () => passed.destroy())
    socket.pipe(passed).pipe(socket)
  })
  const { port, ...rest } = await listen(server)
  return { url: `http://${credentials === undefined ? '' : `${credentials}@`}127.0.0.1:${port}`, connections, ...rest }
}

async function listen(server: Server & NetServer) {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      // What went over to another protocol, the server knows no more.
      sockets.forEach((socket) => socket.destroy())
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
