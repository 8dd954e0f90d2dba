import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { VerifiedConnection } from './verified-connection.ts'
import type { TlsPeer } from './verify-tls-peer.ts'

export { type TlsPeer, type TlsPeerVerification, verifyTlsPeer } from './verify-tls-peer.ts'

/** By socket, or by session: the socket that HTTP/2 shows is a stand-in. */
const connections = new WeakMap<object, VerifiedConnection>()

/** For what has verified a connection, and nobody else. */
export function rememberConnection(holder: object, connection: VerifiedConnection): void {
  connections.set(holder, connection)
}

export function connectionOf(holder: object): VerifiedConnection | undefined {
  return connections.get(holder)
}

/**
 * Who is at the other end of the connection that a request came through, if that is one to a server of `MutualTls`.
 * Nothing in the request counts: header fields such as X-Forwarded-Client-Cert are what anybody may write.
 *
 * Judged anew in each call: a certificate that has ended, or roots that are no longer trusted, end it.
 *
 * @param now seconds since the Unix epoch
 * @returns `undefined` for a plain connection, or one to another server
 * @throws CertificateError `ERR_CERTIFICATE_*` when the peer no longer counts
 * @see draft-ietf-wimse-mutual-tls
 */
export function tlsPeerOf(request: IncomingMessage | Http2ServerRequest, now: number): TlsPeer | undefined {
  return connectionOf(holderOf(request))?.peerAt(now)
}

function holderOf(request: IncomingMessage | Http2ServerRequest): object {
  const session = 'stream' in request ? request.stream?.session : undefined
  return session ?? request.socket
}
