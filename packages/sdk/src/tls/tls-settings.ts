import { constants } from 'node:crypto'
import type { SecureVersion } from 'node:tls'

/** What both sides of every connection have in common. */
export const TLS_SETTINGS = {
  minVersion: 'TLSv1.2' as SecureVersion,
  // Tickets would bring back a connection without its certificates being looked at, renegotiation exchange them under
  // a connection that was verified.
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
}

export const HANDSHAKE_TIMEOUT_MS = 10_000
