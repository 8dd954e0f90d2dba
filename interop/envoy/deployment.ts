import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Processes } from '../support/processes.ts'
import type { InteropTrustDomain } from '../support/trust-domain.ts'
import { type Envoy, envoyAt, startEnvoy } from './envoy.ts'
import { guideConfig } from './guide-config.ts'

/** Short, so that certificates are renewed every ten seconds. */
const X509_SVID_TTL_SECONDS = 20

/** An Envoy, and the port where it takes requests. */
export interface Deployed {
  readonly envoy: Envoy
  readonly port: number
}

/** What else differs from the guide: what stands there, and what to put in its place. */
export type Changes = Readonly<Record<string, string>>

/** Envoys on this host, each with a configuration from the guide and an identity of its own binary. */
export class Deployment {
  readonly #processes: Processes
  readonly #folder: string

  constructor(processes: Processes, folder: string) {
    this.#processes = processes
    this.#folder = folder
  }

  /** @returns a binary that nobody has registered */
  binary(name: string): Promise<string> {
    return envoyAt(this.#folder, name)
  }

  /** @returns a binary that is the workload `/name` of the trust domain, whoever starts it as this user */
  async register(domain: InteropTrustDomain, name: string, federatesWith: readonly string[] = []): Promise<string> {
    const path = await this.binary(`${domain.name}-${name}`)
    await domain.register({
      spiffeId: `spiffe://${domain.name}/${name}`,
      selectors: [
        { type: 'unix', value: `path:${path}` },
        { type: 'unix', value: `uid:${process.getuid?.() ?? 0}` },
      ],
      x509SvidTtl: X509_SVID_TTL_SECONDS,
      ...(federatesWith.length > 0 && { federatesWith: [...federatesWith] }),
    })
    return path
  }

  /** The one in front of a service. */
  async startOrders(
    id: string,
    binary: string,
    domain: InteropTrustDomain,
    servicePort: number,
    changes: Changes = {},
  ): Promise<Deployed> {
    const [port, adminPort] = [await freePort(), await freePort()]
    const config = await guideConfig('orders.yaml', {
      'address: 0.0.0.0, port_value: 8443': `address: 127.0.0.1, port_value: ${port}`,
      'port_value: 8080': `port_value: ${servicePort}`,
      'port_value: 9901': `port_value: ${adminPort}`,
      // The certificate itself too, so that it can be seen what each request came with.
      '{ uri: true }': '{ uri: true, cert: true }',
      ...socketOf(domain),
      ...changes,
    })
    return { port, envoy: await startEnvoy(this.#processes, this.#folder, { id, binary, config, adminPort }) }
  }

  /** The one beside a program that calls the service behind another. */
  async startStorefront(
    id: string,
    binary: string,
    domain: InteropTrustDomain,
    upstreamPort: number,
    changes: Changes = {},
  ): Promise<Deployed> {
    const [port, adminPort] = [await freePort(), await freePort()]
    const config = await guideConfig('storefront.yaml', {
      'address: orders.internal, port_value: 8443': `address: 127.0.0.1, port_value: ${upstreamPort}`,
      'port_value: 8081': `port_value: ${port}`,
      'port_value: 9902': `port_value: ${adminPort}`,
      // So that new connections, with handshakes, are made all the time.
      'max_connection_duration: 3600s': 'max_connection_duration: 1s',
      ...socketOf(domain),
      ...changes,
    })
    return { port, envoy: await startEnvoy(this.#processes, this.#folder, { id, binary, config, adminPort }) }
  }
}

function socketOf({ endpointSocket }: InteropTrustDomain): Changes {
  return { '/run/countersign/workload.sock': endpointSocket.replace(/^unix:\/\//, '') }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
