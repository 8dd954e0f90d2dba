import type { IncomingMessage } from 'node:http'
import type { Http2SecureServer, Http2ServerRequest } from 'node:http2'
import { type Agent, type Server as HttpsServer, request } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { errorCode } from '@countersign/protocol'
import { FakeClock } from '@countersign/testing'
import type { X509SVID } from '@countersign/workload-api'
import {
  MutualTls,
  type MutualTlsOptions,
  type PeerHttp2ServerOptions,
  type PeerHttpsServerOptions,
} from '../tls/mutual-tls.ts'
import { tlsPeerOf } from '../tls/tls-peer.ts'
import { X509Source } from '../tls/x509-source.ts'
import { X509Domain, x509Response } from './x509-domain.ts'

/** A program with an X.509 identity. */
export interface Party {
  readonly source: X509Source
  readonly tls: MutualTls
  /** What its agent says from now on. */
  readonly hold: (svid: X509SVID, federated?: readonly X509Domain[], crls?: readonly Uint8Array[]) => void
}

/** A server, and what became of those who came to it. */
export interface Served {
  readonly port: number
  /** By DNS name. */
  readonly url: string
  /** By address. */
  readonly addressUrl: string
  /** Codes of refused connections. */
  readonly refusals: (string | undefined)[]
  readonly connections: Set<Socket>
}

/**
 * Trust domains and programs that speak TLS over loopback. The clock starts at the machine's time, because OpenSSL goes
 * by that; from then on it is the test's.
 */
export class TlsWorld implements AsyncDisposable {
  readonly clock = new FakeClock(Math.floor(Date.now() / 1000))
  readonly shop = new X509Domain('shop.example', this.clock.now())
  readonly bank = new X509Domain('bank.example', this.clock.now())
  readonly #endings: (() => unknown)[] = []

  party(svid?: X509SVID, federated: readonly X509Domain[] = [], options?: MutualTlsOptions): Party {
    const source = new X509Source(this.clock)
    const runtime = { now: () => this.clock.now(), schedule: this.clock.schedule.bind(this.clock) }
    const tls = new MutualTls(source, runtime, options)
    this.onEnd(() => tls.close())
    const hold: Party['hold'] = (next, domains, crls) => source.accept(x509Response([next], domains, crls))
    if (svid !== undefined) hold(svid, federated)
    return { source, tls, hold }
  }

  /** Answers each request with who sent it. */
  serve({ tls }: Party, options: PeerHttpsServerOptions = {}): Promise<Served> {
    const refusals: (string | undefined)[] = []
    const onRejectedPeer = (error: unknown) => refusals.push(codeOf(error))
    const server = tls.createHttpsServer({ onRejectedPeer, ...options }, (incoming, response) => {
      response.end(this.whoSent(incoming))
    })
    return this.listen(server, refusals)
  }

  serveHttp2({ tls }: Party, options: PeerHttp2ServerOptions = {}): Promise<Served> {
    const refusals: (string | undefined)[] = []
    const onRejectedPeer = (error: unknown) => refusals.push(codeOf(error))
    const server = tls.createHttp2Server({ onRejectedPeer, ...options }, (incoming, response) => {
      response.end(this.whoSent(incoming))
    })
    return this.listen(server, refusals)
  }

  whoSent(incoming: IncomingMessage | Http2ServerRequest): string {
    try {
      return String(tlsPeerOf(incoming, this.clock.now())?.id)
    } catch (error) {
      return String(codeOf(error))
    }
  }

  async listen(server: HttpsServer | Http2SecureServer, refusals: (string | undefined)[] = []): Promise<Served> {
    const connections = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      connections.add(socket)
      socket.once('close', () => connections.delete(socket))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.onEnd(() => {
      for (const socket of connections) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    })
    const { port } = server.address() as AddressInfo
    return {
      port,
      url: `https://localhost:${port}/`,
      addressUrl: `https://127.0.0.1:${port}/`,
      refusals,
      connections,
    }
  }

  onEnd(end: () => unknown): void {
    this.#endings.push(end)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#endings.reverse()) await end()
  }
}

/** A request by node:https. @returns the content of the answer */
export function get(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent }, async (response) => {
      try {
        let text = ''
        for await (const chunk of response.setEncoding('utf8')) text += chunk
        resolve(text)
      } catch (error) {
        reject(error)
      }
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

function codeOf(error: unknown): string | undefined {
  return errorCode(error) ?? (error as NodeJS.ErrnoException).code
}
