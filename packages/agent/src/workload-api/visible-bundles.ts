import type { Entry } from '@countersign/api'
import type { SpiffeBundle } from '@countersign/protocol'
import type { AgentView } from '../state/agent-state.ts'
import { unavailable } from './rpc-error.ts'

interface Seen {
  readonly view: AgentView
  readonly entries: readonly Entry[]
}

/** Bundles a caller may see, the own trust domain's first, then those its entries federate with, by name. */
export function visibleBundles({ view, entries }: Seen, ownTrustDomain: string): readonly SpiffeBundle[] {
  const own = view.bundles.get(ownTrustDomain)
  const names = new Set(entries.flatMap((entry) => entry.federatesWith ?? []))
  names.delete(ownTrustDomain)
  const federated = [...names].sort().flatMap((name) => view.bundles.get(name) ?? [])
  return own === undefined ? federated : [own, ...federated]
}

/**
 * What `visibleBundles` gives, for sure with the own trust domain's in it.
 *
 * @throws RpcError UNAVAILABLE when that one is not known: a list without it would tell programs to trust it no more
 */
export function readyBundles(seen: Seen, ownTrustDomain: string): readonly SpiffeBundle[] {
  if (!seen.view.bundles.has(ownTrustDomain)) throw unavailable('trust bundle is not available now')
  return visibleBundles(seen, ownTrustDomain)
}

/**
 * Those that X509-SVIDs can be verified with: clients refuse a whole response over one that is empty.
 *
 * @throws RpcError as `readyBundles`
 */
export function readyX509Bundles(
  seen: Seen,
  ownTrustDomain: string,
): readonly [own: SpiffeBundle, ...federated: SpiffeBundle[]] {
  const [own, ...federated] = readyBundles(seen, ownTrustDomain).filter((each) => each.x509Authorities.length > 0)
  if (own?.trustDomain !== ownTrustDomain) throw unavailable('trust bundle is not available now')
  return [own, ...federated]
}

/** The key of a bundle in a response. */
export function bundleKey({ trustDomain }: SpiffeBundle): string {
  return `spiffe://${trustDomain}`
}

/** DER certificates one after the other, as the Workload API wants chains and roots. */
export function concatenateDer(certificates: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(certificates))
}
