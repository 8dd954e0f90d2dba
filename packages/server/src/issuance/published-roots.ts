import type { Authority } from '../store/authority-store.ts'
import type { StoredUpstream } from '../store/upstream-store.ts'

/**
 * The roots by which this trust domain's certificates are verified, DER, each once: authorities that are roots themselves,
 * and those above the others. An upstream that serves the same trust domain says alone which ones those are; of any other
 * also those stay that something here still leads up to.
 */
export function publishedRoots(
  authorities: readonly Authority[],
  upstream: StoredUpstream | undefined,
): readonly Uint8Array[] {
  const roots = authorities.flatMap(({ certificate, upstream: above }) => {
    if (above === undefined) return certificate === undefined ? [] : [certificate]
    return above.isImported || upstream?.sharesTrustDomain !== true ? [above.root] : []
  })
  const unique = new Map([...roots, ...(upstream?.roots ?? [])].map((root) => [toKey(root), root]))
  return [...unique.values()]
}

/**
 * How an authority stands with the upstream that signed it. `superseded`: another root has taken the place of its root.
 * `tainted`: what is above it must be used no more. `withdrawn`: nobody believes what is above it.
 */
export type Standing = 'sound' | 'superseded' | 'tainted' | 'withdrawn'

export function standingOf(
  { certificate, upstream: above }: Authority,
  upstream: StoredUpstream | undefined,
): Standing {
  if (above === undefined || above.isImported || certificate === undefined || upstream === undefined) return 'sound'
  const isAmong = (list: readonly Uint8Array[], wanted: Uint8Array) =>
    list.some((each) => toKey(each) === toKey(wanted))
  if (!isAmong(upstream.roots, above.root)) return upstream.sharesTrustDomain ? 'withdrawn' : 'superseded'
  const isTainted = [certificate, ...above.chain, above.root].some((each) => isAmong(upstream.taintedRoots, each))
  return isTainted ? 'tainted' : 'sound'
}

function toKey(der: Uint8Array): string {
  return Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64')
}
