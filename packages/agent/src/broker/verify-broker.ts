import { CertificateError, type VerifiedX509Svid, verifyWic } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { AgentView } from '../state/agent-state.ts'

const SCHEME = 'spiffe://'

/**
 * Verifies what the other end of a TLS connection showed. Only the roots of the trust domain that the leaf itself names
 * count, so that no federated domain can vouch for a broker of this one. Whether it is a broker is not asked here.
 *
 * @param chain DER, leaf first
 * @param now epoch seconds
 * @throws CertificateError `ERR_CERTIFICATE_*`
 * @see SPIFFE Broker Endpoint section 5; SPIFFE X509-SVID section 5
 */
export function verifyBroker(
  chain: readonly Uint8Array[],
  bundles: AgentView['bundles'],
  now: number,
): VerifiedX509Svid {
  if (chain.length === 0) {
    throw new CertificateError('ERR_CERTIFICATE_CHAIN_LENGTH', 'the client showed no certificate')
  }
  const verified = verifyWic({
    chain,
    roots: (origin) => bundles.get(trustDomainOf(origin))?.x509Authorities,
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
