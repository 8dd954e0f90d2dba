import { decodeBase64url } from '../encoding/base64url.ts'
import { algorithmsOf, isSignatureAlgorithm, type SignatureAlgorithm } from './algorithm.ts'
import { KeyError } from './key-error.ts'
import { isMlDsaAlgorithm, ML_DSA_SIZES, type MlDsaAlgorithm, type TokenAlgorithm } from './ml-dsa.ts'

/** A public key as JSON (RFC 7517), reduced to the members that name the key and its use. */
export interface PublicJwk {
  readonly kty: 'EC' | 'OKP' | 'RSA' | 'AKP'
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly n?: string
  readonly e?: string
  readonly pub?: string
  readonly kid?: string
  readonly use?: string
  readonly alg?: string
}

/** Members that only a private or symmetric key has. RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037 section 2. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv', 'seed'] as const

/** Coordinate lengths in bytes. RFC 7518 section 6.2.1.2: always the full size of the curve. */
const COORDINATE_BYTES: Readonly<Record<string, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66, Ed25519: 32 }

const MIN_RSA_BITS = 2048
const MAX_RSA_BITS = 8192

/**
 * Parses the shape of a public JWK. The point itself is checked on import, by the crypto backend.
 *
 * @param value a parsed JSON value
 * @param named algorithms that the operator named; a key for ML-DSA whose `alg` is not among them is unsupported
 * @returns a copy that holds only known public members
 * @throws KeyError `ERR_KEY_MALFORMED` for missing, ill-typed or wrongly sized members
 * @throws KeyError `ERR_KEY_PRIVATE` when the JWK holds private or symmetric key material
 * @throws KeyError `ERR_KEY_UNSUPPORTED` for another key type or curve
 * @throws KeyError `ERR_KEY_USE` when `key_ops` says that the key is not for verifying
 * @throws KeyError `ERR_KEY_WEAK` for RSA below 2048 or above 8192 bits, or with an exponent that is 1 or even
 * @see RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2, draft-ietf-cose-dilithium (`AKP`)
 */
export function parsePublicJwk(value: unknown, named: readonly TokenAlgorithm[] = []): PublicJwk {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new KeyError('ERR_KEY_MALFORMED', 'key is not a JSON object')
  }
  const members = value as Record<string, unknown>
  for (const name of PRIVATE_MEMBERS) {
    if (Object.hasOwn(members, name)) {
      throw new KeyError('ERR_KEY_PRIVATE', 'public key holds private key material', { detail: `member "${name}"` })
    }
  }
  rejectOtherOperations(members['key_ops'])
  const kty = requireString(members, 'kty')
  const common = pickOptional(members, ['kid', 'use', 'alg'])
  switch (kty) {
    case 'EC': {
      const crv = requireCurve(members, ['P-256', 'P-384', 'P-521'])
      return { kty, crv, x: requireCoordinate(members, 'x', crv), y: requireCoordinate(members, 'y', crv), ...common }
    }
    case 'OKP': {
      const crv = requireCurve(members, ['Ed25519'])
      return { kty, crv, x: requireCoordinate(members, 'x', crv), ...common }
    }
    case 'RSA': {
      const n = requireString(members, 'n')
      const e = requireString(members, 'e')
      requireModulusSize(n)
      requireOddExponent(e)
      return { kty, n, e, ...common }
    }
    case 'AKP': {
      const alg = common.alg
      // Before anything of the key is read: unless it was named, it is like any other unknown type.
      if (!isMlDsaAlgorithm(alg) || !named.includes(alg)) throw unsupportedType(kty)
      return { kty, pub: requireMlDsaKey(members, alg), ...common }
    }
    default:
      throw unsupportedType(kty)
  }
}

/**
 * The one algorithm a confirmation key may be used with.
 *
 * @throws KeyError `ERR_KEY_ALGORITHM_MISMATCH` when `alg` is absent, not a signature algorithm or does not fit the key
 * @throws KeyError `ERR_KEY_USE` when `use` says the key is not for signatures
 * @throws KeyError `ERR_KEY_UNSUPPORTED` for a key for ML-DSA whose algorithm is not in `named`
 */
export function requireAlgorithm(jwk: PublicJwk): SignatureAlgorithm
export function requireAlgorithm(jwk: PublicJwk, named: readonly TokenAlgorithm[]): TokenAlgorithm
export function requireAlgorithm(jwk: PublicJwk, named: readonly TokenAlgorithm[] = []): TokenAlgorithm {
  if (jwk.use !== undefined && jwk.use !== 'sig') {
    throw new KeyError('ERR_KEY_USE', 'key is not meant for signatures', { detail: `use ${jwk.use.slice(0, 32)}` })
  }
  if (jwk.kty === 'AKP') {
    if (!isMlDsaAlgorithm(jwk.alg) || !named.includes(jwk.alg)) throw unsupportedType(jwk.kty)
    return jwk.alg
  }
  if (!isSignatureAlgorithm(jwk.alg)) {
    throw new KeyError('ERR_KEY_ALGORITHM_MISMATCH', 'key names no supported signature algorithm')
  }
  if (!algorithmsOf(jwk).includes(jwk.alg)) {
    throw new KeyError('ERR_KEY_ALGORITHM_MISMATCH', 'algorithm does not fit the key', {
      detail: `${jwk.alg} on ${jwk.kty} ${jwk.crv ?? ''}`.trim(),
    })
  }
  return jwk.alg
}

/**
 * Whether a key may be used under an algorithm. A key for ML-DSA fits the one algorithm that it names.
 *
 * @throws KeyError `ERR_KEY_UNSUPPORTED` when no supported algorithm fits the key
 */
export function fitsAlgorithm(jwk: PublicJwk, alg: TokenAlgorithm): boolean {
  if (jwk.kty === 'AKP') return isMlDsaAlgorithm(alg) && jwk.alg === alg
  return !isMlDsaAlgorithm(alg) && algorithmsOf(jwk).includes(alg)
}

/** The members RFC 7638 hashes, in its order: the text whose SHA-256 is the key's thumbprint. */
export function thumbprintInput(jwk: PublicJwk): string {
  switch (jwk.kty) {
    case 'EC':
      return JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y })
    case 'OKP':
      return JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x })
    case 'RSA':
      return JSON.stringify({ e: jwk.e, kty: jwk.kty, n: jwk.n })
    case 'AKP':
      return JSON.stringify({ alg: jwk.alg, kty: jwk.kty, pub: jwk.pub })
  }
}

/** The member of a key that no other key has: a coordinate, a modulus, an encoded key. */
export function distinctiveMember(jwk: PublicJwk): string | undefined {
  return jwk.x ?? jwk.n ?? jwk.pub
}

function unsupportedType(kty: string): KeyError {
  return new KeyError('ERR_KEY_UNSUPPORTED', 'key type is not supported', { detail: `kty ${kty.slice(0, 16)}` })
}

/** RFC 7517 section 4.3. All keys here verify signatures. */
function rejectOtherOperations(operations: unknown): void {
  if (operations === undefined) return
  if (!Array.isArray(operations) || !operations.includes('verify')) {
    throw new KeyError('ERR_KEY_USE', 'key is not meant for verifying signatures')
  }
}

function requireString(members: Record<string, unknown>, name: string): string {
  const value = members[name]
  if (typeof value !== 'string' || value === '') {
    throw new KeyError('ERR_KEY_MALFORMED', `key member "${name}" is missing or not a string`)
  }
  return value
}

function pickOptional(members: Record<string, unknown>, names: readonly ('kid' | 'use' | 'alg')[]) {
  const picked: { kid?: string; use?: string; alg?: string } = {}
  for (const name of names) {
    if (members[name] === undefined) continue
    picked[name] = requireString(members, name)
  }
  return picked
}

function requireCurve(members: Record<string, unknown>, supported: readonly string[]): string {
  const crv = requireString(members, 'crv')
  if (!supported.includes(crv)) {
    throw new KeyError('ERR_KEY_UNSUPPORTED', 'curve is not supported', { detail: `crv ${crv.slice(0, 16)}` })
  }
  return crv
}

function requireCoordinate(members: Record<string, unknown>, name: string, crv: string): string {
  const text = requireString(members, name)
  if (decodeMember(text, name).length !== COORDINATE_BYTES[crv]) {
    throw new KeyError('ERR_KEY_MALFORMED', `key member "${name}" has the wrong length for its curve`)
  }
  return text
}

function requireMlDsaKey(members: Record<string, unknown>, alg: MlDsaAlgorithm): string {
  const text = requireString(members, 'pub')
  if (decodeMember(text, 'pub').length !== ML_DSA_SIZES[alg].publicKey) {
    throw new KeyError('ERR_KEY_MALFORMED', 'key member "pub" has the wrong length for its algorithm')
  }
  return text
}

function requireModulusSize(n: string): void {
  const bytes = requireInteger(n, MAX_RSA_BITS / 8, 'n')
  const bits = bytes.length * 8 - Math.clz32(bytes[0] ?? 0) + 24
  if (bits < MIN_RSA_BITS) throw new KeyError('ERR_KEY_WEAK', `RSA key has fewer than ${MIN_RSA_BITS} bits`)
}

/** With exponent 1 everybody can sign; an even one is no RSA key. RFC 8017 section 3.1. */
function requireOddExponent(e: string): void {
  const bytes = requireInteger(e, 8, 'e')
  const last = bytes[bytes.length - 1] as number
  if (last % 2 === 0 || (bytes.length === 1 && last === 1)) {
    throw new KeyError('ERR_KEY_WEAK', 'RSA exponent is 1 or even')
  }
}

/** RFC 7518 section 2, Base64urlUInt: big-endian, without leading zero bytes. */
function requireInteger(text: string, maxBytes: number, name: string): Uint8Array {
  const bytes = decodeMember(text, name)
  if (bytes.length > maxBytes) throw new KeyError('ERR_KEY_WEAK', `key member "${name}" is too long`)
  if (bytes.length === 0 || bytes[0] === 0) {
    throw new KeyError('ERR_KEY_MALFORMED', `key member "${name}" is not a minimal integer`)
  }
  return bytes
}

function decodeMember(text: string, name: string): Uint8Array {
  try {
    return decodeBase64url(text)
  } catch (cause) {
    throw new KeyError('ERR_KEY_MALFORMED', `key member "${name}" is not base64url`, { cause })
  }
}
