/** Which keys a token is asked for, and how their public halves are read. */
import { KeyManagerError } from '@countersign/plugin-kit'
import { encodeBase64url, type PublicJwk, parsePublicJwk, type SignatureAlgorithm } from '@countersign/protocol'
import type { Template } from './cryptoki/attributes.ts'
import { ATTRIBUTE, KEY_TYPE, MECHANISM } from './cryptoki/constants.ts'

export interface KeyKind {
  readonly alg: SignatureAlgorithm
  readonly generateMechanism: number
  readonly signMechanism: number
  /** What is hashed here rather than in the token: a digest is all that ECDSA takes. */
  readonly digest: 'sha256' | 'sha384' | undefined
  readonly signatureBytes: number | undefined
  readonly publicTemplate: Template
  /** Attributes of the public key from which it is made. */
  readonly publicAttributes: readonly number[]
  toJwk(values: readonly Buffer[]): PublicJwk
}

/** Object identifiers of the curves, DER. RFC 5480 section 2.1.1.1. */
const P256 = Uint8Array.of(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07)
const P384 = Uint8Array.of(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22)
const UNCOMPRESSED = 0x04
const OCTET_STRING = 0x04

export type KeyAlgorithm = 'ES256' | 'ES384' | 'RS256'

/** @param rsaBits of new RSA keys */
export function keyKinds(rsaBits: number): Readonly<Record<KeyAlgorithm, KeyKind>> {
  return {
    ES256: ecdsa('ES256', 'P-256', P256, 32, 'sha256'),
    ES384: ecdsa('ES384', 'P-384', P384, 48, 'sha384'),
    RS256: {
      alg: 'RS256',
      generateMechanism: MECHANISM.RSA_PKCS_KEY_PAIR_GEN,
      signMechanism: MECHANISM.SHA256_RSA_PKCS,
      digest: undefined,
      signatureBytes: undefined,
      publicTemplate: [
        [ATTRIBUTE.MODULUS_BITS, rsaBits],
        [ATTRIBUTE.PUBLIC_EXPONENT, Uint8Array.of(1, 0, 1)],
      ],
      publicAttributes: [ATTRIBUTE.MODULUS, ATTRIBUTE.PUBLIC_EXPONENT],
      toJwk: ([n, e]) => parsePublicJwk({ kty: 'RSA', n: encodeNumber(n), e: encodeNumber(e) }),
    },
  }
}

/** By what a token says of a key: `CKA_KEY_TYPE`, and for elliptic curves `CKA_EC_PARAMS`. */
export function algorithmOf(keyType: number, ecParams: Uint8Array): KeyAlgorithm | undefined {
  if (keyType === KEY_TYPE.RSA) return 'RS256'
  if (keyType !== KEY_TYPE.EC) return undefined
  if (Buffer.compare(ecParams, P256) === 0) return 'ES256'
  return Buffer.compare(ecParams, P384) === 0 ? 'ES384' : undefined
}

export function requireKeyKind(kinds: Readonly<Record<string, KeyKind>>, alg: SignatureAlgorithm): KeyKind {
  const kind = Object.hasOwn(kinds, alg) ? kinds[alg] : undefined
  if (kind !== undefined) return kind
  throw new KeyManagerError(
    'ERR_KEY_MANAGER_ALGORITHM',
    `key manager pkcs11 has keys for ${Object.keys(kinds).join(', ')}, not for ${alg}`,
  )
}

function ecdsa(
  alg: 'ES256' | 'ES384',
  crv: string,
  curve: Uint8Array,
  coordinateBytes: number,
  digest: 'sha256' | 'sha384',
): KeyKind {
  return {
    alg,
    generateMechanism: MECHANISM.EC_KEY_PAIR_GEN,
    signMechanism: MECHANISM.ECDSA,
    digest,
    signatureBytes: 2 * coordinateBytes,
    publicTemplate: [[ATTRIBUTE.EC_PARAMS, curve]],
    publicAttributes: [ATTRIBUTE.EC_POINT],
    toJwk([value = Buffer.alloc(0)]) {
      const point = unwrapPoint(value, 1 + 2 * coordinateBytes)
      const [x, y] = [point.subarray(1, 1 + coordinateBytes), point.subarray(1 + coordinateBytes)]
      return parsePublicJwk({ kty: 'EC', crv, x: encodeBase64url(x), y: encodeBase64url(y) })
    },
  }
}

/** PKCS #11 has the point in a DER OCTET STRING; some tokens leave that out. */
function unwrapPoint(value: Buffer, pointBytes: number): Buffer {
  const isWrapped = value.length === pointBytes + 2 && value[0] === OCTET_STRING && value[1] === pointBytes
  const point = isWrapped ? value.subarray(2) : value
  if (point.length !== pointBytes || point[0] !== UNCOMPRESSED) throw new TypeError('public key is no curve point')
  return point
}

/** JWK has big-endian numbers without leading zeros, tokens may have them. */
function encodeNumber(value: Buffer | undefined): string {
  const bytes = value ?? Buffer.alloc(0)
  const first = bytes.findIndex((byte) => byte !== 0)
  return encodeBase64url(bytes.subarray(Math.max(first, 0)))
}
