import { decodeBase64url } from '../encoding/base64url.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { DerTag } from '../x509/der-tag.ts'
import { encodeElement } from '../x509/der-writer.ts'
import { encodeOid, Oid } from '../x509/oid.ts'

const CURVE_OIDS: Readonly<Record<string, string>> = { 'P-256': Oid.p256, 'P-384': Oid.p384, 'P-521': Oid.p521 }
const UNCOMPRESSED_POINT = Uint8Array.of(4)
const NO_UNUSED_BITS = Uint8Array.of(0)

/**
 * DER SubjectPublicKeyInfo of a public key whose shape was checked.
 *
 * @see RFC 5480 section 2 (EC), RFC 8410 section 4 (Ed25519), RFC 3279 section 2.3.1 (RSA)
 */
export function encodeSpki(jwk: PublicJwk): Uint8Array {
  switch (jwk.kty) {
    case 'EC': {
      const curve = encodeOid(CURVE_OIDS[jwk.crv ?? ''] ?? '')
      return spki([encodeOid(Oid.ecPublicKey), curve], [UNCOMPRESSED_POINT, member(jwk.x), member(jwk.y)])
    }
    case 'OKP':
      return spki([encodeOid(Oid.ed25519)], [member(jwk.x)])
    case 'RSA': {
      const key = encodeElement(DerTag.sequence, unsigned(member(jwk.n)), unsigned(member(jwk.e)))
      return spki([encodeOid(Oid.rsaEncryption), encodeElement(DerTag.null)], [key])
    }
    case 'AKP':
      throw new TypeError('a key for ML-DSA has no place in a certificate here')
  }
}

function spki(algorithm: readonly Uint8Array[], key: readonly Uint8Array[]): Uint8Array {
  return encodeElement(
    DerTag.sequence,
    encodeElement(DerTag.sequence, ...algorithm),
    encodeElement(DerTag.bitString, NO_UNUSED_BITS, ...key),
  )
}

/** A zero byte in front keeps the number from reading as negative. X.690 section 8.3. */
function unsigned(magnitude: Uint8Array): Uint8Array {
  const sign = (magnitude[0] ?? 0) >= 0x80 ? [Uint8Array.of(0)] : []
  return encodeElement(DerTag.integer, ...sign, magnitude)
}

function member(base64url: string | undefined): Uint8Array {
  return decodeBase64url(base64url ?? '')
}
