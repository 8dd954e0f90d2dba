import type { IncomingMessage } from 'node:http'
import { peerCertificateOf } from '../tls/peer-certificate.ts'
import { tlsPeerOf } from '../tls/tls-peer.ts'
import type { IncomingCall } from '../verification/incoming-call.ts'
import { readNodeBody } from './read-node-body.ts'

/**
 * A request as node received it.
 *
 * @param target as received, before any router rewrote it
 */
export function nodeCall(request: IncomingMessage, target: string): IncomingCall {
  return {
    method: request.method ?? '',
    target,
    rawHeaders: request.rawHeaders,
    readBody: (maxBytes) => readNodeBody(request, maxBytes),
    tlsPeer: (now) => tlsPeerOf(request, now),
    peerCertificate: () => peerCertificateOf(request),
  }
}
