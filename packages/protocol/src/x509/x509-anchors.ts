import type { CryptoBackend } from '../keys/crypto-backend.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { Signer } from './signer.ts'

/**
 * The root certificates of one trust domain, parsed once. Keep the object between verifications: imported keys stay in
 * it. Replace it when the bundle changes.
 */
export class X509Anchors {
  readonly signers: readonly Signer[]

  /**
   * @param roots certificates, DER
   * @throws CertificateError `ERR_CERTIFICATE_*` as `parseCertificate`, when any of them cannot be parsed
   */
  constructor(roots: readonly Uint8Array[], crypto: CryptoBackend) {
    this.signers = roots.map((root) => new Signer(parseCertificate(root), crypto))
  }

  get certificates(): readonly Certificate[] {
    return this.signers.map((signer) => signer.certificate)
  }
}
