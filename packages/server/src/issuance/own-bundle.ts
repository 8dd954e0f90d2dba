/** The own trust domain's bundle: what its authorities look like from outside. */
import type { BundleDocument, TaintedAuthority } from '@countersign/api'
import { formatSpiffeBundle, type PublicJwk } from '@countersign/protocol'
import { type AuthoritiesPublisher, type Authority, selectAuthorities } from '../store/authority-store.ts'
import { selectBundles, upsertBundle } from '../store/bundle-store.ts'
import { selectDownstreamKeys } from '../store/downstream-key-store.ts'
import type { Snapshot } from '../store/store.ts'
import { selectUpstream } from '../store/upstream-store.ts'
import { certificateKey } from './certificate-key.ts'
import { publishedRoots } from './published-roots.ts'

interface Keys {
  readonly x509Authorities: readonly Uint8Array[]
  readonly jwtAuthorities: readonly PublicJwk[]
  readonly witAuthorities: readonly PublicJwk[]
}

/**
 * Stores the bundle that follows from the authorities. `spiffe_sequence` is the revision of the change, so it grows with
 * every change of content and never otherwise.
 */
export function ownBundlePublisher(trustDomain: string, refreshHintSeconds: number): AuthoritiesPublisher {
  return async (change, authorities) => {
    const keys = await selectPublished(change.db, authorities)
    const content = formatBundle(trustDomain, keys, refreshHintSeconds)
    const [present] = await selectBundles(change.db, [trustDomain])
    const { spiffe_sequence: _, ...presentContent } = present?.bundle ?? { keys: [] }
    if (present !== undefined && JSON.stringify(presentContent) === JSON.stringify(content)) return
    const sequence = await change.record('bundle.updated', trustDomain, 'all')
    await upsertBundle(change, trustDomain, { ...content, spiffe_sequence: sequence })
  }
}

/** Those authorities whose credentials are to be replaced. A CA below a root is named itself, not its root. */
export async function selectTainted(snapshot: Snapshot, trustDomain: string): Promise<TaintedAuthority[]> {
  const authorities = await selectAuthorities(snapshot)
  return authorities.flatMap((authority) => {
    if (authority.taintedAt === undefined) return []
    const { certificate } = authority
    const keys = { x509Authorities: certificate === undefined ? [] : [certificate], ...tokenKeysOf([authority]) }
    const [key] = formatBundle(trustDomain, keys).keys
    return key === undefined ? [] : [{ authorityId: authority.id, key }]
  })
}

/** Own authorities, those of servers below, and those the upstream tells of, which may be our own come back. */
async function selectPublished(snapshot: Snapshot, authorities: readonly Authority[]): Promise<Keys> {
  const upstream = await selectUpstream(snapshot)
  const below = await selectDownstreamKeys(snapshot)
  const own = tokenKeysOf(authorities)
  const withdrawn = await snapshot.selectFrom('revoked_authorities').select('id').execute()
  const revoked = new Set(withdrawn.map(({ id }) => id))
  const join = (kind: 'jwt' | 'wit', first: readonly PublicJwk[], last: readonly PublicJwk[] = []) => {
    const middle = below.flatMap((key) => (key.kind === kind ? [key.publicJwk] : []))
    // An upstream may go on naming a key that was revoked here.
    const keys = [...first, ...middle, ...last].filter(({ kid = '' }) => !revoked.has(kid))
    return keys.filter(({ kid }, index) => keys.findIndex((each) => each.kid === kid) === index)
  }
  return {
    x509Authorities: publishedRoots(authorities, upstream),
    jwtAuthorities: join('jwt', own.jwtAuthorities, upstream?.jwtAuthorities),
    witAuthorities: join('wit', own.witAuthorities, upstream?.witAuthorities),
  }
}

function tokenKeysOf(authorities: readonly Authority[]): Pick<Keys, 'jwtAuthorities' | 'witAuthorities'> {
  const ofKind = (kind: Authority['kind']) =>
    authorities.flatMap((authority) =>
      authority.kind === kind && authority.publicJwk !== undefined ? [authority.publicJwk] : [],
    )
  return { jwtAuthorities: ofKind('jwt'), witAuthorities: ofKind('wit') }
}

function formatBundle(trustDomain: string, keys: Keys, refreshHintSeconds?: number): BundleDocument {
  const bundle = { trustDomain, ...keys, ...(refreshHintSeconds !== undefined && { refreshHintSeconds }) }
  const { keys: formatted, ...members } = formatSpiffeBundle(bundle, certificateKey)
  return { keys: formatted.map((key) => ({ ...key })), ...members }
}
