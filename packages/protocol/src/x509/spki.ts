import { encodeBase64url } from '../encoding/base64url.ts'
import { KeyError } from '../keys/key-error.ts'
import { type PublicJwk, parsePublicJwk } from '../keys/public-jwk.ts'
import { CertificateError } from './certificate-error.ts'
import { DerReader } from './der-reader.ts'
import { DerTag } from './der-tag.ts'
import { decodeUnsigned, decodeWholeBitString } from './der-values.ts'
import { decodeOid, Oid } from './oid.ts'

const CURVES: ReadonlyMap<string, { readonly crv: string; readonly bytes: number }> = new Map([
  [Oid.p256, { crv: 'P-256', bytes: 32 }],
  [Oid.p384, { crv: 'P-384', bytes: 48 }],
  [Oid.p521, { crv: 'P-521', bytes: 66 }],
])

const UNCOMPRESSED_POINT = 0x04

/** All of a SubjectPublicKeyInfo that comes before the two coordinates of P-256, and before an Ed25519 key. */
const P256_PREFIX = fromHex('3059301306072a8648ce3d020106082a8648ce3d03010703420004')
const ED25519_PREFIX = fromHex('302a300506032b6570032100')

/**
 * Checks that the bytes are exactly one SubjectPublicKeyInfo; says nothing about what kind of key is in it. The two usual
 * kinds have one encoding apart from the key itself, so they are compared with it instead of read.
 *
 * @throws CertificateError `ERR_CERTIFICATE_KEY`
 * @see RFC 5280 section 4.1
 */
export function checkSpki(spki: Uint8Array): void {
  if (!hasShape(spki, P256_PREFIX, 64) && !hasShape(spki, ED25519_PREFIX, 32)) readPublicKeyBits(spki)
}

function hasShape(bytes: Uint8Array, prefix: Uint8Array, keyBytes: number): boolean {
  if (bytes.length !== prefix.length + keyBytes) return false
  for (let index = 0; index < prefix.length; index++) if (bytes[index] !== prefix[index]) return false
  return true
}

/**
 * The bits of the key in an encoded SubjectPublicKeyInfo; says nothing about what kind of key they are.
 *
 * @throws CertificateError `ERR_CERTIFICATE_KEY` when it is not exactly one SubjectPublicKeyInfo
 * @see RFC 5280 section 4.1
 */
export function readPublicKeyBits(spki: Uint8Array): Uint8Array {
  return readSpki(spki, ({ bits }) => bits)
}

/**
 * The public key of an encoded SubjectPublicKeyInfo as a JWK, the form in which keys are checked and imported.
 *
 * @throws CertificateError `ERR_CERTIFICATE_KEY` for a malformed, weak or unsupported key: another type, another curve,
 *   a compressed point
 * @see RFC 5480 section 2 (EC), RFC 8410 section 4 (Ed25519), RFC 3279 section 2.3.1 (RSA)
 */
export function parseSpki(spki: Uint8Array): PublicJwk {
  if (hasShape(spki, P256_PREFIX, 64)) {
    const point = spki.subarray(P256_PREFIX.length)
    return {
      kty: 'EC',
      crv: 'P-256',
      x: encodeBase64url(point.subarray(0, 32)),
      y: encodeBase64url(point.subarray(32)),
    }
  }
  return readSpki(spki, ({ algorithm, bits }) => {
    const oid = decodeOid(algorithm.expect(DerTag.oid).content)
    switch (oid) {
      case Oid.ecPublicKey: {
        const curve = CURVES.get(decodeOid(algorithm.expect(DerTag.oid).content))
        algorithm.finish()
        if (curve === undefined) throw unsupported('curve is not supported')
        const { crv, bytes } = curve
        if (bits[0] !== UNCOMPRESSED_POINT || bits.length !== 1 + 2 * bytes) {
          throw unsupported('point is not uncompressed')
        }
        const x = encodeBase64url(bits.subarray(1, 1 + bytes))
        return parsePublicJwk({ kty: 'EC', crv, x, y: encodeBase64url(bits.subarray(1 + bytes)) })
      }
      case Oid.ed25519:
        algorithm.finish()
        return parsePublicJwk({ kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(bits) })
      case Oid.rsaEncryption: {
        algorithm.expect(DerTag.null)
        algorithm.finish()
        return parsePublicJwk({ kty: 'RSA', ...readRsaKey(bits) })
      }
      default:
        throw unsupported('public key type is not supported', oid)
    }
  })
}

function readRsaKey(bits: Uint8Array): { n: string; e: string } {
  const outer = new DerReader(bits)
  const key = outer.enter(DerTag.sequence)
  outer.finish()
  const n = encodeBase64url(decodeUnsigned(key.expect(DerTag.integer).content))
  const e = encodeBase64url(decodeUnsigned(key.expect(DerTag.integer).content))
  key.finish()
  return { n, e }
}

function readSpki<T>(spki: Uint8Array, read: (parts: { algorithm: DerReader; bits: Uint8Array }) => T): T {
  try {
    const outer = new DerReader(spki)
    const sequence = outer.enter(DerTag.sequence)
    outer.finish()
    const algorithm = sequence.enter(DerTag.sequence)
    const bits = decodeWholeBitString(sequence.expect(DerTag.bitString).content)
    sequence.finish()
    return read({ algorithm, bits })
  } catch (cause) {
    if (cause instanceof CertificateError && cause.code === 'ERR_CERTIFICATE_KEY') throw cause
    if (!(cause instanceof CertificateError || cause instanceof KeyError)) throw cause
    throw new CertificateError('ERR_CERTIFICATE_KEY', 'public key cannot be used', { cause, detail: cause.message })
  }
}

function unsupported(message: string, detail?: string): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_KEY', message, detail === undefined ? {} : { detail })
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
}
