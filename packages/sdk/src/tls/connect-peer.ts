import { isIP } from 'node:net'
import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import { anchorsForOpenSsl } from './anchors-for-openssl.ts'
import { type Access, bareHost, type ConnectionDemand } from './connection-demand.ts'
import { matchesDnsName } from './dns-identity.ts'
import { tlsCredential } from './held-x509-svid.ts'
import { readPeerChain } from './peer-chain.ts'
import { TlsError } from './tls-error.ts'
import { rememberConnection } from './tls-peer.ts'
import { HANDSHAKE_TIMEOUT_MS, TLS_SETTINGS } from './tls-settings.ts'
import { VerifiedConnection } from './verified-connection.ts'
import type { X509Source } from './x509-source.ts'

export interface ConnectingParts {
  readonly source: X509Source
  readonly runtime: Pick<WorkloadRuntime, 'now' | 'schedule'>
}

export interface Connecting {
  readonly access: Access
  readonly demand: ConnectionDemand
  readonly alpnProtocols: readonly string[]
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens a connection with this program's certificate, and hands it over only after the other end has proved what is
 * demanded. Until then nothing is written to it but the handshake.
 *
 * Two judges look at the certificates, and both must agree: our verifier, by the roots of the peer's own origin; and
 * OpenSSL, where the demand names one origin whose roots it can use. OpenSSL goes by the machine's clock.
 *
 * @throws SdkError as `X509Source.identity`
 * @throws CertificateError as `verifyTlsPeer`
 * @throws TlsError `ERR_TLS_HANDSHAKE`, `ERR_TLS_TIMEOUT`, `ERR_TLS_OPENSSL_REFUSED`, `ERR_TLS_HOST_NAME`
 * @throws Error with a system code when nobody answers at that address, and the signal's reason when it is aborted
 */
export async function connectPeer(parts: ConnectingParts, connecting: Connecting): Promise<TLSSocket> {
  const { source, runtime } = parts
  const { access, demand, alpnProtocols, signal } = connecting
  signal?.throwIfAborted()
  const { version } = source
  const roots = demand.origin === undefined ? undefined : anchorsForOpenSsl(source.anchorsOf(demand.origin))
  const host = bareHost(access.host)
  const socket = connect({
    host,
    port: access.port,
    servername: isIP(host) === 0 ? host : '',
    secureContext: createSecureContext({ ...TLS_SETTINGS, ...tlsCredential(source.identity), ca: roots ?? [] }),
    // No session is offered: a resumed one would skip the certificates.
    // Node would judge by one list of roots for everybody, and by host name. The peer is judged below.
    rejectUnauthorized: false,
    // Else `authorized`, which is OpenSSL's verdict on the path, would also be about the host name.
    checkServerIdentity: () => undefined,
    ALPNProtocols: [...alpnProtocols],
  })
  await untilSecure(socket, runtime, signal)
  try {
    const connection = verifyServer(socket, parts, { demand, version, isOpenSslAsked: roots !== undefined })
    rememberConnection(socket, connection)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function verifyServer(
  socket: TLSSocket,
  { source, runtime }: ConnectingParts,
  asked: { readonly demand: ConnectionDemand; readonly version: number; readonly isOpenSslAsked: boolean },
): VerifiedConnection {
  const { expected, dnsName } = asked.demand
  const now = runtime.now()
  const chain = readPeerChain(socket)
  const facts = { chain, role: 'server', expected, version: asked.version } as const
  const connection = new VerifiedConnection(facts, source, now)
  if (asked.isOpenSslAsked && socket.authorized !== true) {
    throw new TlsError('ERR_TLS_OPENSSL_REFUSED', 'OpenSSL does not accept the certificates of the peer', {
      detail: String(socket.authorizationError),
    })
  }
  if (dnsName !== undefined && !matchesDnsName(dnsName, connection.peerAt(now).dnsSans)) {
    throw new TlsError('ERR_TLS_HOST_NAME', 'certificate is not for the DNS name that was called', { detail: dnsName })
  }
  // Taken back while the handshake went on: nothing may be asked in its name any more.
  void source.identity
  return connection
}

function untilSecure(
  socket: TLSSocket,
  runtime: Pick<WorkloadRuntime, 'schedule'>,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const settle = (error?: unknown) => {
      cancelTimeout()
      signal?.removeEventListener('abort', abort)
      if (error === undefined) return resolve()
      socket.destroy()
      reject(error)
    }
    const abort = () => settle(signal?.reason)
    const cancelTimeout = runtime.schedule(HANDSHAKE_TIMEOUT_MS, () =>
      settle(new TlsError('ERR_TLS_TIMEOUT', 'the TLS handshake took too long')),
    )
    signal?.addEventListener('abort', abort, { once: true })
    socket.once('secureConnect', () => settle())
    // Stays: whoever takes the socket over hears of its end by "close" too.
    socket.on('error', (error) => settle(asTlsError(error)))
    socket.once('close', () => settle(new TlsError('ERR_TLS_HANDSHAKE', 'the peer closed the connection')))
  })
}

/** What OpenSSL says quotes nothing but its own reason. Failures below TLS stay what they are. */
export function asTlsError(cause: Error & { readonly code?: unknown }): Error {
  const code = String(cause.code ?? '')
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') {
    return new TlsError('ERR_TLS_TIMEOUT', 'the TLS handshake took too long', { cause })
  }
  if (!code.startsWith('ERR_SSL_')) return cause
  return new TlsError('ERR_TLS_HANDSHAKE', 'the TLS handshake failed', { detail: code, cause })
}
