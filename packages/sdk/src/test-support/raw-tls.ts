import { createServer, type Server as HttpsServer } from 'node:https'
import { type ConnectionOptions, connect } from 'node:tls'
import { encodePem } from '@countersign/protocol'
import type { X509SVID } from '@countersign/workload-api'

/** A certificate and its key as TLS takes them, whatever they are worth. */
export function credentialOf(svid: X509SVID): { key: string; cert: string } {
  const key = Buffer.from(svid.x509SvidKey).toString('base64')
  return { key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`, cert: encodePem([svid.x509Svid]) }
}

export interface RawAnswer {
  /** Everything that came back. */
  readonly text: string
  readonly isSessionReused: boolean
  readonly session: Buffer | undefined
}

/** A client that checks nothing, and sends its request as soon as it can. Never rejects. */
export function callRaw(port: number, options: ConnectionOptions): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let text = ''
    let isSessionReused = false
    let session: Buffer | undefined
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => {
      isSessionReused = socket.isSessionReused()
      session = socket.getSession()
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    })
    // A ticket comes later than the handshake, if at all.
    socket.on('session', (later: Buffer) => {
      session = later
    })
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve({ text, isSessionReused, session }))
  })
}

/** A server of somebody else, who shows this certificate and answers everyone. */
export function foreignServer(svid: X509SVID, onBytes: () => void): HttpsServer {
  const server = createServer(credentialOf(svid), (_, response) => response.end('foreign'))
  server.prependListener('request', onBytes)
  return server
}
