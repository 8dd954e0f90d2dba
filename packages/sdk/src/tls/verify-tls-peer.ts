import {
  CertificateError,
  type VerifiedX509Svid,
  verifyWic,
  type WicRole,
  type WorkloadId,
} from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { type ExpectedPeer, isExpected } from './expected-peer.ts'
import type { AnchorSource } from './x509-source.ts'

/** Whom the certificate at the other end of a connection proves. */
export interface TlsPeer {
  readonly id: WorkloadId
  /** When the first certificate of its path ends, seconds since the Unix epoch. */
  readonly expiresAt: number
  /** The leaf, DER. */
  readonly certificate: Uint8Array
}

export interface TlsPeerVerification {
  /** The side that the peer is on. */
  readonly role: WicRole
  readonly expected?: ExpectedPeer | undefined
  /** Seconds since the Unix epoch. */
  readonly now: number
}

/** A verified peer, and what only this folder needs to know of it. */
export interface VerifiedTlsPeer extends TlsPeer {
  readonly dnsSans: readonly string[]
}

/**
 * Verifies the certificates that the other end of a connection showed. Only the roots of the trust domain that the leaf
 * itself names count, so no domain can vouch for another's workloads. What they have revoked, as far as the source knows,
 * is refused.
 *
 * @param chain DER, leaf first
 * @throws CertificateError `ERR_CERTIFICATE_*` as `verifyX509Svid` of protocol, and `ERR_CERTIFICATE_UNEXPECTED_PEER`
 * @see draft-ietf-wimse-mutual-tls, "Workload Identity Certificate Validation"; SPIFFE X509-SVID section 5
 */
export function verifyTlsPeer(
  chain: readonly Uint8Array[],
  source: AnchorSource,
  { role, expected, now }: TlsPeerVerification,
): VerifiedTlsPeer {
  const { anchorsOf: roots, revocationsOf: revocations } = source
  const verified = verifyWic({
    ...{ chain, roots, now, crypto: nodeCrypto, role },
    ...(revocations !== undefined && { revocations }),
  })
  // Node asks for a verdict on a certificate at once, and would take a promise for a yes.
  if ('then' in verified) throw new TypeError('certificates are verified by a synchronous backend')
  const { id, expiresAt, leaf }: VerifiedX509Svid = verified
  if (expected !== undefined && !isExpected(expected, id)) {
    throw new CertificateError('ERR_CERTIFICATE_UNEXPECTED_PEER', 'certificate is that of another workload', {
      detail: `got ${id}`,
    })
  }
  return Object.freeze({ id, expiresAt, certificate: leaf.raw, dnsSans: leaf.dnsSans })
}
