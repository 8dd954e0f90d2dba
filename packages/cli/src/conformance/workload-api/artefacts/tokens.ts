import { createPublicKey, type JsonWebKey, constants as rsa, verify } from 'node:crypto'
import {
  decodeBase64url,
  decodeUtf8,
  type JsonObject,
  parseJsonObject,
  parsePublicJwk,
  type SignatureAlgorithm,
  SVID_ALGORITHMS,
  WorkloadIdentityError,
} from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { RawJwk } from './jwk-sets.ts'

/** A compact JWS taken apart, none of it judged. */
export interface RawToken {
  readonly header: JsonObject
  readonly claims: JsonObject
  readonly signature: Uint8Array
  readonly signingInput: string
}

/** `undefined` unless it is a compact JWS with JSON objects. RFC 7515 section 3.1. */
export function readToken(token: string): RawToken | undefined {
  const [header, claims, signature, ...others] = token.split('.')
  if (header === undefined || claims === undefined || !signature || others.length > 0) return undefined
  try {
    return {
      header: parseJsonObject(decodeUtf8(decodeBase64url(header))),
      claims: parseJsonObject(decodeUtf8(decodeBase64url(claims))),
      signature: decodeBase64url(signature),
      signingInput: `${header}.${claims}`,
    }
  } catch (error) {
    if (error instanceof WorkloadIdentityError) return undefined
    throw error
  }
}

export function isSvidAlgorithm(alg: unknown): alg is SignatureAlgorithm {
  return SVID_ALGORITHMS.some((known) => known === alg)
}

/** `aud` as a list; `undefined` when it is neither a text nor a list of texts. RFC 7519 section 4.1.3. */
export function audiencesOf({ aud }: JsonObject): readonly string[] | undefined {
  if (typeof aud === 'string') return [aud]
  return Array.isArray(aud) && aud.every((each) => typeof each === 'string') ? aud : undefined
}

/** Why no key of a JWK Set verifies a token. Only the key it names counts, if it names one. */
export async function signatureProblem(token: RawToken, keys: readonly RawJwk[]): Promise<string | undefined> {
  const { alg, kid } = token.header
  if (!isSvidAlgorithm(alg)) return 'no algorithm of an SVID'
  const candidates = kid === undefined ? keys : keys.filter((key) => key['kid'] === kid)
  if (candidates.length === 0) return 'no key with its kid in the bundle'
  for (const jwk of candidates) if (await isSignedBy(token, jwk, alg)) return undefined
  return 'a signature that no key of the bundle made'
}

/** Two libraries have to agree. */
async function isSignedBy(token: RawToken, jwk: RawJwk, alg: SignatureAlgorithm): Promise<boolean> {
  try {
    const { use: _, ...rest } = jwk
    const key = await nodeCrypto.importPublicJwk(parsePublicJwk(rest), alg)
    return (await key.verify(Buffer.from(token.signingInput), token.signature)) && verifyByOpenssl(token, jwk, alg)
  } catch (error) {
    if (error instanceof WorkloadIdentityError) return false
    throw error
  }
}

function verifyByOpenssl({ signingInput, signature }: RawToken, jwk: RawJwk, alg: SignatureAlgorithm): boolean {
  const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  const padding = alg.startsWith('PS') ? rsa.RSA_PKCS1_PSS_PADDING : rsa.RSA_PKCS1_PADDING
  const form = alg.startsWith('ES') ? ({ dsaEncoding: 'ieee-p1363' } as const) : { padding }
  return verify(`sha${alg.slice(2)}`, Buffer.from(signingInput), { key, ...form }, signature)
}
