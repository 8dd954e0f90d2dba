import { parseOrigin, X509Anchors } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { splitCertificates, type X509SVIDResponse } from '@countersign/workload-api'
import { SdkError } from '../sdk-error.ts'

/** The roots of one trust domain. Kept as one object for as long as the bytes are the same, so that it can be compared. */
export interface StatedAnchors {
  readonly bytes: Uint8Array
  readonly anchors: X509Anchors
}

/**
 * Reads whom a message of the Workload API lets this program believe, by origin. What has not changed since `former` is
 * the same object again.
 *
 * @throws SdkError `ERR_SDK_WORKLOAD_API` when a bundle cannot be read, or one trust domain is given two different ones
 */
export function readAnchors(
  { svids, federatedBundles }: X509SVIDResponse,
  former: ReadonlyMap<string, StatedAnchors>,
): ReadonlyMap<string, StatedAnchors> {
  try {
    const stated = new Map<string, StatedAnchors>()
    for (const [origin, bytes] of [
      ...svids.map(({ spiffeId, bundle }) => [originOf(spiffeId), requireRoots(bundle)] as const),
      ...Object.entries(federatedBundles),
    ]) {
      const { scheme } = parseOrigin(origin)
      if (scheme !== 'spiffe') throw new TypeError('bundle is not that of a SPIFFE trust domain')
      const known = stated.get(origin)
      // Two bundles for one domain: to choose would be to guess, and to join them to trust what nobody stated.
      if (known !== undefined && !isSame(known.bytes, bytes)) throw new TypeError('two bundles for one trust domain')
      if (known === undefined) stated.set(origin, takeOver(former.get(origin), bytes))
    }
    return stated
  } catch (cause) {
    throw new SdkError('ERR_SDK_WORKLOAD_API', 'the agent delivered an X.509 bundle that cannot be read', { cause })
  }
}

function takeOver(former: StatedAnchors | undefined, bytes: Uint8Array): StatedAnchors {
  if (former !== undefined && isSame(former.bytes, bytes)) return former
  return { bytes: bytes.slice(), anchors: new X509Anchors(splitCertificates(bytes), nodeCrypto) }
}

/** The identity's own domain must have roots; a federated one may have lost them all. */
function requireRoots(bundle: Uint8Array): Uint8Array {
  if (bundle.length === 0) throw new TypeError('own trust domain has no roots')
  return bundle
}

/** Only for text that `readX509Svid` has accepted as an identifier. */
function originOf(spiffeId: string): string {
  return spiffeId.slice(0, spiffeId.indexOf('/', 'spiffe://'.length))
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
