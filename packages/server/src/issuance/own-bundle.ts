/** The own trust domain's bundle: what its authorities look like from outside. */
import type { BundleDocument, TaintedAuthority } from '@countersign/api'
import { formatSpiffeBundle } from '@countersign/protocol'
import { type AuthoritiesPublisher, type Authority, selectAuthorities } from '../store/authority-store.ts'
import { selectBundles, upsertBundle } from '../store/bundle-store.ts'
import type { Snapshot } from '../store/store.ts'
import { certificateKey } from './certificate-key.ts'

/**
 * Stores the bundle that follows from the authorities. `spiffe_sequence` is the revision of the change, so it grows with
 * every change of content and never otherwise.
 */
export function ownBundlePublisher(trustDomain: string, refreshHintSeconds: number): AuthoritiesPublisher {
  return async (change, authorities) => {
    const content = formatOwnBundle(trustDomain, refreshHintSeconds, authorities)
    const [present] = await selectBundles(change.db, [trustDomain])
    const { spiffe_sequence: _, ...presentContent } = present?.bundle ?? { keys: [] }
    if (present !== undefined && JSON.stringify(presentContent) === JSON.stringify(content)) return
    const sequence = await change.record('bundle.updated', trustDomain, 'all')
    await upsertBundle(change, trustDomain, { ...content, spiffe_sequence: sequence })
  }
}

/** Those authorities whose credentials are to be replaced. */
export async function selectTainted(snapshot: Snapshot, trustDomain: string): Promise<TaintedAuthority[]> {
  const authorities = await selectAuthorities(snapshot)
  return authorities.flatMap((authority) => {
    const [key] = authority.taintedAt === undefined ? [] : formatOwnBundle(trustDomain, undefined, [authority]).keys
    return key === undefined ? [] : [{ authorityId: authority.id, key }]
  })
}

function formatOwnBundle(
  trustDomain: string,
  refreshHintSeconds: number | undefined,
  authorities: readonly Authority[],
): BundleDocument {
  const keysOf = (kind: Authority['kind']) =>
    authorities.flatMap((authority) =>
      authority.kind === kind && authority.publicJwk !== undefined ? [authority.publicJwk] : [],
    )
  const bundle = {
    trustDomain,
    x509Authorities: authorities.flatMap(({ certificate }) => (certificate === undefined ? [] : [certificate])),
    jwtAuthorities: keysOf('jwt'),
    witAuthorities: keysOf('wit'),
    ...(refreshHintSeconds !== undefined && { refreshHintSeconds }),
  }
  const { keys, ...members } = formatSpiffeBundle(bundle, certificateKey)
  return { keys: keys.map((key) => ({ ...key })), ...members }
}
