import { encodeBase64url } from '../encoding/base64url.ts'
import { encodeUtf8 } from '../encoding/text.ts'
import type { Eventual, SigningKey } from '../keys/crypto-backend.ts'
import { whenReady } from '../keys/crypto-backend.ts'

/**
 * Encodes the protected header once, for the many tokens it will stand in.
 *
 * @returns the first segment and its dot
 */
export function encodeJwsHeader(header: {
  readonly alg: string
  readonly typ?: string
  readonly kid?: string
}): string {
  return `${encodeBase64url(encodeUtf8(JSON.stringify(header)))}.`
}

/**
 * Signs claims as a compact JWS.
 *
 * @param headerSegment from {@link encodeJwsHeader}; its `alg` must be the key's
 * @see RFC 7515 section 5.1
 */
export function signJws(headerSegment: string, claims: object, key: SigningKey): Eventual<string> {
  const signingInput = headerSegment + encodeBase64url(encodeUtf8(JSON.stringify(claims)))
  return whenReady(key.sign(encodeUtf8(signingInput)), (signature) => `${signingInput}.${encodeBase64url(signature)}`)
}
