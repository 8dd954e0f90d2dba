import { isIP } from 'node:net'
import type { Clock } from '@countersign/plugin-kit'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { ServerConfig } from './config/server-config.ts'
import { reachableHosts } from './server-addresses.ts'
import type { ServerParts } from './server-parts.ts'
import { ServerIdentity } from './tls/server-identity.ts'
import { TimelyCredential } from './tls/timely-credential.ts'
import type { TlsCredentialSource } from './tls/tls-credential.ts'

/** So that no setting for agents or workloads can make it run out between two rounds of maintenance. */
const TTL_SECONDS = 3600

/** What a listener shows that is believed by SPIFFE ID. Each has its own, with a key of its own. */
export function createOwnIdentity(config: ServerConfig, parts: ServerParts, clock: Clock): TlsCredentialSource {
  const { trustDomain } = config
  const source = new ServerIdentity({
    issuer: parts.issuer,
    signer: parts.ownSigner,
    clock,
    trustDomain,
    ttlSeconds: TTL_SECONDS,
    dnsNames: reachableHosts(config.machine.advertisedHost, 'localhost').filter((host) => isIP(host) === 0),
  })
  return new TimelyCredential({ source, gate: parts.gate, clock, crypto: nodeCrypto, trustDomain })
}
