import type { Socket } from 'node:net'
import type { TLSSocket, Server as TlsServer } from 'node:tls'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import { asTlsError } from './connect-peer.ts'
import type { ExpectedPeer } from './expected-peer.ts'
import { tlsCredential } from './held-x509-svid.ts'
import { readPeerChain } from './peer-chain.ts'
import { TlsError } from './tls-error.ts'
import { rememberConnection } from './tls-peer.ts'
import { TLS_SETTINGS } from './tls-settings.ts'
import { VerifiedConnection } from './verified-connection.ts'
import type { X509Source } from './x509-source.ts'

/** Told of each connection that was refused, with a CertificateError, TlsError, SdkError or system error. */
export type OnRejectedPeer = (error: unknown, remoteAddress: string | undefined) => void

export interface GuardOptions {
  readonly source: X509Source
  readonly runtime: Pick<WorkloadRuntime, 'now'>
  /** Who may connect at all; without it, every workload of a trusted domain. */
  readonly expected: ExpectedPeer | undefined
  readonly onRejectedPeer: OnRejectedPeer | undefined
}

type Remote = { readonly remoteAddress?: string | undefined }
type Emit = (event: string | symbol, ...values: unknown[]) => boolean

/** The TLS options of a guarded server as things stand. Secret. @throws SdkError as `X509Source.identity` */
export function serverTlsOptions(source: X509Source) {
  return {
    ...TLS_SETTINGS,
    ...tlsCredential(source.identity),
    // One list for all clients is all that OpenSSL takes here, and no two domains' roots are ever in one list. So it
    // proves that the client holds the key of its certificate, and our verifier what the certificate is worth.
    ca: [],
    requestCert: true,
    rejectUnauthorized: false,
  }
}

/**
 * Lets a TLS server speak with nobody before their certificate is verified, and keeps its own certificate current.
 *
 * Everything that listens to the server, the code that speaks HTTP included, hears of a connection only after that. A
 * refused one is closed without a word.
 *
 * @returns ends the guard's own listening; the server then accepts nobody any more
 */
export function guardServer(server: TlsServer, options: GuardOptions): () => void {
  const { source, onRejectedPeer } = options
  const emit: Emit = server.emit.bind(server)
  let isOver = false
  let entering: VerifiedConnection | undefined

  const reject = (error: unknown, socket: Socket, { remoteAddress }: Remote = socket) => {
    socket.destroy()
    try {
      onRejectedPeer?.(error, remoteAddress)
    } catch {
      process.emitWarning('onRejectedPeer threw', 'CountersignWarning')
    }
  }
  const enter = (socket: TLSSocket): boolean => {
    try {
      entering = verifyClient(socket, options)
    } catch (error) {
      reject(error, socket)
      return true
    }
    rememberConnection(socket, entering)
    try {
      return emit('secureConnection', socket)
    } finally {
      entering = undefined
    }
  }
  const guarded: Emit = (event, ...values) => {
    if (event === 'connection') {
      const error = reasonNotToServe(options, isOver)
      if (error === undefined) return emit(event, ...values)
      reject(error, values[0] as Socket)
      return true
    }
    if (event === 'secureConnection') return enter(values[0] as TLSSocket)
    if (event === 'session' && entering !== undefined) rememberConnection(values[0] as object, entering)
    if (event === 'tlsClientError') {
      const [error, socket] = values as [Error, TLSSocket]
      // Before anybody ends the connection and with it this knowledge.
      const { remoteAddress } = socket
      const isHeard = emit(event, ...values)
      reject(asTlsError(error), socket, { remoteAddress })
      return isHeard
    }
    return emit(event, ...values)
  }
  server.emit = guarded as typeof server.emit

  const stopFollowing = source.onChange(() => {
    // Without an identity nobody is let in, so the old certificate can stay where it is.
    if (reasonNotToServe(options, isOver) === undefined) server.setSecureContext(serverTlsOptions(source))
  })
  const end = () => {
    isOver = true
    stopFollowing()
  }
  server.once('close', stopFollowing)
  return end
}

function verifyClient(socket: TLSSocket, { source, runtime, expected }: GuardOptions): VerifiedConnection {
  void source.identity
  // None can be: there are neither tickets nor a store of sessions. One that is would have skipped the certificate.
  if (socket.isSessionReused()) throw new TlsError('ERR_TLS_SESSION_RESUMED', 'a TLS session was resumed')
  const chain = readPeerChain(socket)
  if (chain.length === 0) throw new TlsError('ERR_TLS_NO_CERTIFICATE', 'the client showed no certificate')
  return new VerifiedConnection({ chain, role: 'client', expected, version: source.version }, source, runtime.now())
}

/** A server that cannot prove itself must not go on with the proof it had. */
function reasonNotToServe({ source }: GuardOptions, isOver: boolean): unknown {
  if (isOver) return new TlsError('ERR_TLS_HANDSHAKE', 'the server takes no connections any more')
  try {
    void source.identity
    return undefined
  } catch (error) {
    return error
  }
}
