import type { SpiffeBundle } from '@countersign/protocol'
import type { Caller } from './caller.ts'

/** Bundles a caller may see, the own trust domain's first, then those its entries federate with, by name. */
export function visibleBundles({ view, entries }: Caller, ownTrustDomain: string): readonly SpiffeBundle[] {
  const own = view.bundles.get(ownTrustDomain)
  return [...(own === undefined ? [] : [own]), ...federatedBundles({ view, entries }, ownTrustDomain)]
}

export function federatedBundles(
  { view, entries }: Pick<Caller, 'view' | 'entries'>,
  ownTrustDomain: string,
): readonly SpiffeBundle[] {
  const names = new Set(entries.flatMap((entry) => entry.federatesWith ?? []))
  names.delete(ownTrustDomain)
  return [...names].sort().flatMap((name) => view.bundles.get(name) ?? [])
}

/** The key of a bundle in a response. */
export function bundleKey({ trustDomain }: SpiffeBundle): string {
  return `spiffe://${trustDomain}`
}

/** DER certificates one after the other, as the Workload API wants chains and roots. */
export function concatenateDer(certificates: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(certificates))
}
