import type { Eventual, SigningKey } from '../keys/crypto-backend.ts'
import { type PublicJwk, thumbprintInput } from '../keys/public-jwk.ts'
import { ByteArena } from './byte-arena.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { TimeEncoder } from './certificate-time.ts'
import { authorityKeyIdentifier, basicConstraints, keyUsage } from './encode-extensions.ts'
import { isEmptyName } from './name.ts'
import { encodeSerial } from './serial-number.ts'
import { signCertificate } from './sign-certificate.ts'
import { encodeSignatureAlgorithm } from './signature-algorithm.ts'
import { checkSpki, parseSpki } from './spki.ts'

/** A CA certificate, DER, and the private key it certifies. */
export interface X509IssuerSource {
  readonly certificate: Uint8Array
  readonly key: SigningKey
}

/** What changes from one leaf certificate to the next. */
export interface LeafFields {
  /** Unsigned, big-endian. */
  readonly serial: Uint8Array
  readonly notBefore: number
  readonly notAfter: number
  /** Distinguished name, DER. */
  readonly subject: Uint8Array
  readonly publicKeySpki: Uint8Array
  /** Extensions after the ones that every leaf of this issuer has, DER. */
  readonly extensions: readonly Uint8Array[]
}

/**
 * A CA that issues leaf certificates. Everything that is the same in each of them is checked and encoded once, so keep
 * the object: then issuing costs little more than the signature.
 */
export class X509Issuer {
  readonly certificate: Certificate
  readonly #key: SigningKey
  readonly #fixedExtensions: Uint8Array
  readonly #arena = new ByteArena()
  readonly #notBefore = new TimeEncoder()
  readonly #notAfter = new TimeEncoder()

  /**
   * @throws CertificateError `ERR_CERTIFICATE_ISSUER` when the certificate is not a CA's, may not sign certificates, has
   *   no subject, or belongs to another key
   * @throws CertificateError `ERR_CERTIFICATE_ALGORITHM` for a key whose signatures certificates cannot carry
   * @throws CertificateError `ERR_CERTIFICATE_*` as `parseCertificate`
   */
  constructor(source: X509IssuerSource) {
    const certificate = parseCertificate(source.certificate)
    requireIssuer(certificate, source.key.publicJwk)
    encodeSignatureAlgorithm(source.key.alg)
    this.certificate = certificate
    this.#key = source.key
    this.#fixedExtensions = leafExtensions(certificate.subjectKeyId)
  }

  /** The issuer itself, or one made for a single use. */
  static from(source: X509Issuer | X509IssuerSource): X509Issuer {
    return source instanceof X509Issuer ? source : new X509Issuer(source)
  }

  /**
   * Signs one leaf certificate: not a CA, key usage `digitalSignature`.
   *
   * @throws CertificateError `ERR_CERTIFICATE_VALIDITY` when the leaf would outlive its issuer, or end before it begins
   * @throws CertificateError `ERR_CERTIFICATE_SERIAL`, `ERR_CERTIFICATE_KEY`
   */
  issueLeaf(leaf: LeafFields): Eventual<Uint8Array> {
    // These bytes go into the certificate as they are.
    checkSpki(leaf.publicKeySpki)
    if (leaf.notAfter > this.certificate.notAfter) {
      throw new CertificateError('ERR_CERTIFICATE_VALIDITY', 'certificate would outlive its issuer')
    }
    requireOrder(leaf.notBefore, leaf.notAfter)
    return signCertificate(
      this.#key,
      {
        serial: encodeSerial(leaf.serial),
        issuer: this.certificate.subject,
        notBefore: this.#notBefore.encode(leaf.notBefore),
        notAfter: this.#notAfter.encode(leaf.notAfter),
        subject: leaf.subject,
        spki: leaf.publicKeySpki,
        extensions: [this.#fixedExtensions, ...leaf.extensions],
      },
      this.#arena,
    )
  }
}

/** @throws CertificateError `ERR_CERTIFICATE_VALIDITY` */
export function requireOrder(notBefore: number, notAfter: number): void {
  if (notBefore > notAfter) {
    throw new CertificateError('ERR_CERTIFICATE_VALIDITY', 'certificate would end before it begins')
  }
}

function requireIssuer(certificate: Certificate, publicJwk: PublicJwk): void {
  if (!certificate.isCa) throw cannotIssue('issuer certificate is not a CA')
  if (certificate.keyUsage?.has('keyCertSign') === false) throw cannotIssue('issuer key may not sign certificates')
  if (isEmptyName(certificate.subject)) throw cannotIssue('issuer certificate has no subject')
  if (thumbprintInput(parseSpki(certificate.spki)) !== thumbprintInput(publicJwk)) {
    throw cannotIssue('issuer certificate belongs to another key')
  }
}

function leafExtensions(issuerKeyId: Uint8Array | undefined): Uint8Array {
  const extensions = [basicConstraints(undefined), keyUsage('digitalSignature')]
  // Without a key identifier in the issuer there is nothing to point to.
  if (issuerKeyId !== undefined) extensions.push(authorityKeyIdentifier(issuerKeyId))
  return Uint8Array.from(extensions.flatMap((extension) => [...extension]))
}

function cannotIssue(message: string): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_ISSUER', message)
}
