import type { Server } from 'node:https'
import type { TLSSocket } from 'node:tls'

/**
 * Ends every further connection of a client that has `max` open with one certificate, before any request on it is read.
 * The certificate is what its holder proved in the handshake; a name in it could be anyone's, and counting by name would
 * let a stranger use up another's share.
 */
export function limitPerCertificate(server: Server, max: number): void {
  const open = new Map<string, number>()
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const certificate = socket.getPeerX509Certificate()?.fingerprint256
    if (certificate === undefined) return
    const count = open.get(certificate) ?? 0
    if (count >= max) {
      socket.destroy()
      return
    }
    open.set(certificate, count + 1)
    socket.once('close', () => {
      const left = (open.get(certificate) ?? 1) - 1
      if (left === 0) open.delete(certificate)
      else open.set(certificate, left)
    })
  })
}
