import { decodeUtf8, parseJwkSet, parseSpiffeBundle, TrustStore } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { CommandContext } from '../command-context.ts'
import { readJsonFile } from '../files/read-json.ts'
import { type EndpointOptions, firstMessage, withWorkloadApi } from '../workload-api/endpoint-option.ts'
import { splitDer } from '../workload-api/split-der.ts'

export type CredentialType = 'wit' | 'jwt-svid' | 'x509-svid'

const MAX_BUNDLE_BYTES = 4 * 1024 * 1024

/** Trust from a SPIFFE bundle document, for the trust domain that the operator names. */
export async function trustFromFile(path: string, trustDomain: string): Promise<TrustStore> {
  const trust = new TrustStore(nodeCrypto)
  trust.setBundle(parseSpiffeBundle(trustDomain, await readJsonFile(path, MAX_BUNDLE_BYTES)))
  return trust
}

/** Trust from the agent: exactly the bundles it gives this program, each for one kind of credential only. */
export function trustFromAgent(
  context: CommandContext,
  options: EndpointOptions,
  type: CredentialType,
): Promise<TrustStore> {
  return withWorkloadApi(context, options, async (client, signal) => {
    const trust = new TrustStore(nodeCrypto)
    switch (type) {
      case 'wit':
        for (const [origin, jwks] of Object.entries((await firstMessage(client.fetchWitBundles(signal))).bundles)) {
          trust.set(origin, { witKeys: parseJwkSet(jwks, 'wit-svid') })
        }
        break
      case 'jwt-svid':
        for (const [origin, jwks] of Object.entries((await firstMessage(client.fetchJwtBundles(signal))).bundles)) {
          trust.set(origin, { jwtKeys: parseJwkSet(decodeUtf8(jwks), 'jwt-svid') })
        }
        break
      case 'x509-svid':
        for (const [origin, roots] of Object.entries((await firstMessage(client.fetchX509Bundles(signal))).bundles)) {
          trust.set(origin, { x509Roots: splitDer(roots) })
        }
        break
    }
    return trust
  })
}
