import type { ReceivedRequest } from '@countersign/protocol'
import type { TlsPeer } from '../tls/tls-peer.ts'

/** A request as middleware hands it over. */
export interface IncomingCall extends ReceivedRequest {
  readonly method: string
  /**
   * The whole content, read only for a signed request. Handlers must find it unread afterwards.
   *
   * @throws RequestError `ERR_REQUEST_BODY_TOO_LARGE` above that many bytes
   */
  readonly readBody?: (maxBytes: number) => Promise<Uint8Array>
  /**
   * Who is at the other end of the connection; `undefined` without mutual TLS.
   *
   * @throws CertificateError when that certificate does not count any more
   */
  readonly tlsPeer?: (now: number) => TlsPeer | undefined
  /** The certificate of the connection, DER, of which nothing is verified; `undefined` without one. */
  readonly peerCertificate?: () => Uint8Array | undefined
}
