import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { readPeerChain } from './peer-chain.ts'

/**
 * The certificate of the connection that a request came through, DER; `undefined` without one. Nothing but that its sender
 * holds the key is known of it.
 */
export function peerCertificateOf(request: IncomingMessage | Http2ServerRequest): Uint8Array | undefined {
  const session = 'stream' in request ? request.stream?.session : undefined
  const socket = (session?.socket ?? request.socket) as Partial<TLSSocket>
  return socket.getPeerCertificate === undefined ? undefined : readPeerChain(socket as TLSSocket)[0]
}
