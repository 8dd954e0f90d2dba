import {
  CertificateError,
  type SpiffeBundle,
  type VerifiedX509Svid,
  verifyWic,
  X509Anchors,
  X509Revocations,
} from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { AgentView } from '../state/agent-state.ts'

const SCHEME = 'spiffe://'

/**
 * Verifies what the other end of a TLS connection showed. Only the roots of the trust domain that the leaf itself names
 * count, so that no federated domain can vouch for a broker of this one; and nobody counts whom those roots have revoked.
 * Whether it is a broker is not asked here.
 *
 * @param chain DER, leaf first
 * @param now epoch seconds
 * @throws CertificateError `ERR_CERTIFICATE_*`
 * @see SPIFFE Broker Endpoint section 5; SPIFFE X509-SVID section 5
 */
export function verifyBroker(
  chain: readonly Uint8Array[],
  view: Pick<AgentView, 'bundles' | 'crls'>,
  now: number,
): VerifiedX509Svid {
  if (chain.length === 0) {
    throw new CertificateError('ERR_CERTIFICATE_CHAIN_LENGTH', 'the client showed no certificate')
  }
  const verified = verifyWic({
    chain,
    roots: (origin) => view.bundles.get(trustDomainOf(origin))?.x509Authorities,
    revocations: (origin) => revocationsOf(view, view.bundles.get(trustDomainOf(origin))),
    now,
    crypto: nodeCrypto,
    role: 'client',
  })
  // A promise would pass for a verified certificate.
  if ('then' in verified) throw new TypeError('certificates are verified by a synchronous backend')
  return verified
}

/** Bundles are those of SPIFFE trust domains; an origin of another scheme finds none. */
export function trustDomainOf(origin: string): string {
  return origin.startsWith(SCHEME) ? origin.slice(SCHEME.length) : ''
}

interface ReadLists {
  readonly crls: readonly Uint8Array[]
  readonly revocations: X509Revocations
}

/** Read once for each bundle and set of lists: a broker may make many connections. */
const readLists = new WeakMap<SpiffeBundle, ReadLists>()

/** Lists by others than the bundle's authorities say nothing about its domain. */
function revocationsOf({ crls }: Pick<AgentView, 'crls'>, bundle: SpiffeBundle | undefined) {
  if (bundle === undefined || crls.length === 0) return undefined
  const known = readLists.get(bundle)
  if (known?.crls === crls) return known.revocations
  const revocations = X509Revocations.read(crls, new X509Anchors(bundle.x509Authorities, nodeCrypto))
  if ('then' in revocations) throw new TypeError('lists are verified by a synchronous backend')
  readLists.set(bundle, { crls, revocations })
  return revocations
}
