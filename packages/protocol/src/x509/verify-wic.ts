import { parseOrigin, type WorkloadId } from '../identifier/workload-id.ts'
import { type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { CertificateError } from './certificate-error.ts'
import type { TlsUsage } from './certificate-rules.ts'
import { type VerifiedX509Svid, verifyX509Svid, type X509SvidVerification } from './verify-x509-svid.ts'

/** The side of a connection that shows the certificate. */
export type WicRole = 'client' | 'server'

/** Whom a connection must lead to, as configured: never derived from a host name, an address or a path. */
export type ExpectedPeer =
  /** One workload. */
  | { readonly id: WorkloadId }
  /** Any workload of an origin, `wimse://example.org`; what it may do is for the policy. */
  | { readonly origin: string }

export interface WicVerification extends Omit<X509SvidVerification, 'usage'> {
  readonly role: WicRole
  /** Without it, every origin that has roots will do: for a server that authorizes the whole identifier afterwards. */
  readonly expectedPeer?: ExpectedPeer
}

const USAGE: Readonly<Record<WicRole, TlsUsage>> = { client: 'clientAuth', server: 'serverAuth' }

/**
 * Verifies a Workload Identity Certificate for one side of a TLS connection and returns whose it is.
 *
 * An X509-SVID is one, and is held to its stricter rules. The host name that a client called, if any, is for the TLS
 * layer to compare: a trust domain is not a host name.
 *
 * @throws CertificateError as {@link verifyX509Svid}
 * @throws CertificateError `ERR_CERTIFICATE_UNEXPECTED_PEER` when it is another workload than expected
 * @throws IdentifierError when the expected origin is not an origin
 * @see draft-ietf-wimse-mutual-tls, "Workload Identity Certificate Validation" and "Server Name Validation";
 *   draft-ietf-wimse-workload-creds, "The Workload Identity Certificate"
 */
export function verifyWic({ role, expectedPeer, ...options }: WicVerification): Eventual<VerifiedX509Svid> {
  if (expectedPeer !== undefined && 'origin' in expectedPeer) parseOrigin(expectedPeer.origin)
  return whenReady(verifyX509Svid({ ...options, usage: USAGE[role] }), (verified) => {
    requireExpectedPeer(verified.id, expectedPeer)
    return verified
  })
}

function requireExpectedPeer(id: WorkloadId, expected: ExpectedPeer | undefined): void {
  if (expected === undefined) return
  const isExpected = 'id' in expected ? id.equals(expected.id) : id.origin === expected.origin
  if (isExpected) return
  throw new CertificateError('ERR_CERTIFICATE_UNEXPECTED_PEER', 'certificate is that of another workload', {
    detail: `got ${id}, expected ${'id' in expected ? expected.id : expected.origin}`,
  })
}
