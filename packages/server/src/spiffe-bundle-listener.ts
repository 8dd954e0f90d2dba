import type { Clock, Logger } from '@countersign/plugin-kit'
import type { Closers } from './closers.ts'
import type { ServerConfig } from './config/server-config.ts'
import { createSpiffeBundleApp } from './http/public/spiffe-bundle-app.ts'
import { createOwnIdentity } from './own-identity.ts'
import { httpsUrl, reachableHosts } from './server-addresses.ts'
import type { ServerParts } from './server-parts.ts'
import type { Observation } from './telemetry/observation.ts'
import { TlsListener } from './tls/tls-listener.ts'
import { VERSION } from './version.ts'

export interface SpiffeBundleSurroundings {
  readonly config: ServerConfig
  readonly parts: ServerParts
  readonly log: Logger
  readonly clock: Clock
  readonly closers: Closers
  readonly observation: Observation
}

export interface SpiffeBundleListener {
  readonly url: string
  renewCredential(): Promise<void>
}

/**
 * Opens the bundle endpoint of profile `https_spiffe`, when the configuration has one. It has an address of its own:
 * partners need not reach what agents speak to, and the public listener may have a certificate of the Web PKI.
 *
 * @throws ServerError `ERR_SERVER_ADDRESS`
 */
export async function openSpiffeBundleListener(
  surroundings: SpiffeBundleSurroundings,
): Promise<SpiffeBundleListener | undefined> {
  const { config, parts, log, clock, closers, observation } = surroundings
  const { spiffeEndpoint: address } = config.bundle
  if (address === undefined) return undefined
  const app = await createSpiffeBundleApp({
    bundles: parts.bundles,
    gate: parts.gate,
    trustDomain: config.trustDomain,
    observers: observation,
    log: log.child({ listener: 'spiffe-bundle' }),
    version: VERSION,
  })
  closers.add(() => app.close())
  const listener = await TlsListener.open({
    app,
    ...address,
    credential: createOwnIdentity(config, parts, clock),
    tls: { minVersion: 'TLSv1.2' },
  })
  closers.add(() => listener.stop())
  return {
    url: httpsUrl(reachableHosts(address.host, config.machine.advertisedHost), listener.port),
    renewCredential: () => listener.renewCredential(),
  }
}
