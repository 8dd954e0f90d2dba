import { type Codec, portableCodec } from '../encoding/codec.ts'
import type { Eventual, SigningKey } from '../keys/crypto-backend.ts'
import { whenReady } from '../keys/crypto-backend.ts'
import type { TokenAlgorithm } from '../keys/ml-dsa.ts'

/**
 * Encodes the protected header once, for the many tokens it will stand in.
 *
 * @returns the first segment and its dot
 */
export function encodeJwsHeader(header: {
  readonly alg: string
  readonly typ?: string
  readonly kid?: string
  readonly jwk?: object
}): string {
  return `${portableCodec.encodeBase64urlText(JSON.stringify(header))}.`
}

/**
 * Signs claims as a compact JWS.
 *
 * @param headerSegment from {@link encodeJwsHeader}; its `alg` must be the key's
 * @see RFC 7515 section 5.1
 */
export function signJws(
  headerSegment: string,
  claims: object,
  key: SigningKey<TokenAlgorithm>,
  codec: Codec = portableCodec,
): Eventual<string> {
  const signingInput = headerSegment + codec.encodeBase64urlText(JSON.stringify(claims))
  return whenReady(
    key.sign(codec.encodeAscii(signingInput)),
    (signature) => `${signingInput}.${codec.encodeBase64url(signature)}`,
  )
}
