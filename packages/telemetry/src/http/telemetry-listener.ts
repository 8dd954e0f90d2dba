import { createServer, type Server } from 'node:http'
import { type AddressInfo, isIPv6 } from 'node:net'
import { TelemetryError } from '../telemetry-error.ts'
import { answerTelemetry, type TelemetrySources } from './telemetry-app.ts'

export interface TelemetryAddress {
  readonly host: string
  readonly port: number
}

const LIMITS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
} as const
const MAX_CONNECTIONS = 64

/** Plain HTTP for scrapers and probes, on an address of its own. It tells operators' details, so it is not for everybody. */
export class TelemetryListener {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** @throws TelemetryError `ERR_TELEMETRY_ADDRESS` when the address is taken or not one of this machine's */
  static async open({ host, port }: TelemetryAddress, sources: TelemetrySources): Promise<TelemetryListener> {
    const server = createServer(LIMITS, (request, response) => void answerTelemetry(sources, request, response))
    server.maxConnections = MAX_CONNECTIONS
    server.unref()
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => {
        const detail = `${host}:${port} ${cause.code ?? ''}`
        const message = 'cannot listen on the configured telemetry address'
        reject(new TelemetryError('ERR_TELEMETRY_ADDRESS', message, { detail, cause }))
      })
      server.listen({ host, port }, resolve)
    })
    return new TelemetryListener(server)
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }
}
