import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { errorCode, verifyX509Svid, type WorkloadId } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { AdminServerError } from './admin-server-error.ts'

/** Which server is meant, and how it proves that it is the one. */
export interface RemoteServer {
  readonly url: URL
  readonly id: WorkloadId
  /** DER, of the server's trust domain. */
  readonly roots: readonly Uint8Array[]
  /** What to show it, PEM; nothing for those who come with a token. */
  readonly credential?: { readonly key: string; readonly cert: string } | undefined
}

const MAX_CHAIN_LENGTH = 9
/** The server's clock may be ahead of ours. */
const SKEW_SECONDS = 60

/**
 * Connects, and returns when the server has proved which one it is: until then not a byte of a request is written, nor a
 * token shown.
 *
 * @param now seconds since the Unix epoch
 * @throws AdminServerError `ERR_ADMIN_SERVER_IDENTITY`, `ERR_ADMIN_SERVER_UNREACHABLE`, `ERR_ADMIN_SERVER_TIMEOUT`
 */
export async function connectServer(server: RemoteServer, now: number, timeoutSeconds: number): Promise<TLSSocket> {
  const { url, credential } = server
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const socket = connect({
    host,
    port: Number(url.port || 443),
    servername: isIP(host) === 0 ? host : '',
    // Node would judge by host name and Web PKI; the server is judged by its SPIFFE ID instead, below.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
    ...credential,
  })
  try {
    await untilSecure(socket, url, timeoutSeconds)
    await verifyServer(socket, server, now)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function untilSecure(socket: TLSSocket, url: URL, timeoutSeconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new AdminServerError('ERR_ADMIN_SERVER_TIMEOUT', `no answer in time from ${url.origin}`))
    const timer = setTimeout(late, timeoutSeconds * 1000)
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      resolve()
    })
    // Stays: an error after the handshake must not end the process.
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      const detail = cause.code ?? cause.name
      reject(
        new AdminServerError('ERR_ADMIN_SERVER_UNREACHABLE', `connection to ${url.origin} failed`, { detail, cause }),
      )
    })
  })
}

async function verifyServer(socket: TLSSocket, { id: expected, roots }: RemoteServer, now: number): Promise<void> {
  let detail: string
  try {
    const { id } = await verifyX509Svid({
      chain: readPeerChain(socket),
      roots: (origin) => (origin === expected.origin ? roots : undefined),
      now,
      skewSeconds: SKEW_SECONDS,
      crypto: nodeCrypto,
      usage: 'serverAuth',
    })
    if (id.equals(expected)) return
    detail = `expected ${expected}, got ${id}`
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    detail = `expected ${expected}: ${errorCode(cause)}`
  }
  throw new AdminServerError('ERR_ADMIN_SERVER_IDENTITY', 'whoever answers is not the server that is meant', { detail })
}

function readPeerChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate: X509Certificate | undefined = socket.getPeerX509Certificate()
  while (certificate !== undefined && chain.length < MAX_CHAIN_LENGTH) {
    chain.push(certificate.raw)
    certificate = certificate.issuerCertificate
  }
  return chain
}
