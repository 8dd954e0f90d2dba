import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A plain HTTP service that knows its callers by what its Envoy says. */
export interface OrdersService {
  readonly port: number
  /** Certificates that callers have shown, by serial number. */
  readonly callers: ReadonlyMap<string, X509Certificate>
  /** SPIFFE ID of the newest caller. */
  readonly lastCaller: () => string | undefined
  readonly close: () => void
}

export const ANSWER = 'one lamp'

/** On loopback alone. */
export async function startOrdersService(): Promise<OrdersService> {
  const callers = new Map<string, X509Certificate>()
  const seen = new Set<string>()
  let lastCaller: string | undefined
  const server = createServer((request, response) => {
    const header = String(request.headers['x-forwarded-client-cert'] ?? '')
    lastCaller = /(?:^|;)URI=([^;,]+)/.exec(header)?.[1]
    const [, pem] = /(?:^|;)Cert="([^"]+)"/.exec(header) ?? []
    if (pem !== undefined && !seen.has(pem)) {
      seen.add(pem)
      const certificate = new X509Certificate(decodeURIComponent(pem))
      callers.set(certificate.serialNumber, certificate)
    }
    // The server may keep it open for longer than Envoy believes it to be.
    response.end(lastCaller === undefined ? 'nobody' : ANSWER)
  })
  server.keepAliveTimeout = 120_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    callers,
    lastCaller: () => lastCaller,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
