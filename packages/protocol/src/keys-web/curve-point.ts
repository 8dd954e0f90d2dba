import { decodeBase64url } from '../encoding/base64url.ts'
import { KeyError } from '../keys/key-error.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'

/** The field and the constant b of a NIST curve; a is -3 for each. @see FIPS 186-4 appendix D.1.2 */
interface Curve {
  readonly p: bigint
  readonly b: bigint
}

const CURVES: ReadonlyMap<string, Curve> = new Map([
  [
    'P-256',
    {
      p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
      b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    },
  ],
  [
    'P-384',
    {
      p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
      b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    },
  ],
  [
    'P-521',
    {
      p: 2n ** 521n - 1n,
      b: 0x0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    },
  ],
])

/**
 * Refuses a point that is not on its curve. Runtimes check this at different times, some when the key is first used; here
 * it is always at import.
 *
 * @throws KeyError `ERR_KEY_MALFORMED`
 * @see SEC 1 section 3.2.2.1
 */
export function requirePointOnCurve({ crv = '', x = '', y = '' }: PublicJwk): void {
  const curve = CURVES.get(crv)
  if (curve === undefined || !isOnCurve(curve, toInteger(x), toInteger(y))) {
    throw new KeyError('ERR_KEY_MALFORMED', 'key is not a valid public key', { detail: `point is not on ${crv}` })
  }
}

/** The point at infinity has no coordinates, and 0, 0 is on none of these curves. */
function isOnCurve({ p, b }: Curve, x: bigint, y: bigint): boolean {
  if (x >= p || y >= p) return false
  const right = (x * x * x - 3n * x + b) % p
  return (y * y - right) % p === 0n
}

function toInteger(base64url: string): bigint {
  let hex = '0x0'
  for (const byte of decodeBase64url(base64url)) hex += byte.toString(16).padStart(2, '0')
  return BigInt(hex)
}
