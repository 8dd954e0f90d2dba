import { parseTrustDomain } from '../identifier/trust-domain.ts'
import { type CryptoBackend, type Eventual, type SigningKey, whenReady } from '../keys/crypto-backend.ts'
import { caExtensions } from './ca-extensions.ts'
import { constructedTag, DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import { encodeName, type NameAttributes } from './name.ts'
import { encodeOid, Oid } from './oid.ts'
import { signTbs } from './sign-certificate.ts'

export interface CaRequestContent {
  /** What is to be certified; signs the request. */
  readonly key: SigningKey
  readonly crypto: Pick<CryptoBackend, 'exportSpki'>
  readonly subject: NameAttributes & { readonly commonName: string }
  /** A SPIFFE trust domain name. */
  readonly trustDomain: string
}

/** `INTEGER 0`: version 1. */
const VERSION_1 = encodeElement(DerTag.integer, Uint8Array.of(0))

/**
 * Builds the request for the certificate of a CA that is to sign for a trust domain. It asks for all that such a certificate
 * must say, so that whoever signs it may copy what it asks for.
 *
 * @returns PKCS #10, DER
 * @throws CertificateError `ERR_CERTIFICATE_SUBJECT`, `ERR_CERTIFICATE_ALGORITHM`
 * @throws IdentifierError `ERR_IDENTIFIER_*` for a trust domain name that is not one
 * @see RFC 2986 section 4; RFC 2985 section 5.4.2
 */
export function buildCaRequest({ key, crypto, subject, trustDomain }: CaRequestContent): Eventual<Uint8Array> {
  const extensions = encodeElement(DerTag.sequence, ...caExtensions(parseTrustDomain(trustDomain), undefined))
  const attribute = encodeElement(
    DerTag.sequence,
    encodeOid(Oid.extensionRequest),
    encodeElement(DerTag.set, extensions),
  )
  const name = encodeName(subject)
  return whenReady(crypto.exportSpki(key.publicJwk), (spki) =>
    signTbs(key, encodeElement(DerTag.sequence, VERSION_1, name, spki, encodeElement(constructedTag(0), attribute))),
  )
}
