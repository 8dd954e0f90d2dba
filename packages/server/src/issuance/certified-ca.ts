import { type CryptoBackend, type VerifiedCa, verifyCaCertificate } from '@countersign/protocol'
import type { Authority } from '../store/authority-store.ts'
import { AuthorityError } from './authority-error.ts'

export interface CertifiedCaOptions {
  /** DER, the CA first. */
  readonly chain: readonly Uint8Array[]
  /** DER. */
  readonly roots: readonly Uint8Array[]
  /** SubjectPublicKeyInfo of the key it must be for, DER. */
  readonly publicKeySpki: Uint8Array
  readonly trustDomain: string
  readonly now: number
  readonly crypto: CryptoBackend
  readonly isImported: boolean
}

/** What of an authority its certificate says. */
export type CertifiedCa = Required<Pick<Authority, 'certificate' | 'upstream' | 'notAfter'>>

/**
 * Verifies a certificate that somebody else made for a CA of this server.
 *
 * @throws AuthorityError `ERR_AUTHORITY_OTHER_KEY`
 * @throws CertificateError as `verifyCaCertificate`
 */
export async function verifyCertifiedCa(options: CertifiedCaOptions): Promise<CertifiedCa> {
  const { publicKeySpki, isImported } = options
  const { ca, intermediates, root, expiresAt }: VerifiedCa = await verifyCaCertificate(options)
  if (Buffer.compare(ca.spki, publicKeySpki) !== 0) {
    throw new AuthorityError('ERR_AUTHORITY_OTHER_KEY', 'certificate is for another key than the one it was asked for')
  }
  return {
    certificate: ca.raw,
    upstream: { chain: intermediates.map(({ raw }) => raw), root: root.raw, isImported },
    notAfter: expiresAt,
  }
}
