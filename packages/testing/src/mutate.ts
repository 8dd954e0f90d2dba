import { decodeBase64url, decodeUtf8, encodeBase64url, encodeUtf8, type JsonObject } from '@countersign/protocol'
import type { NodeSigningKey } from '@countersign/protocol/keys-node'

export interface TokenChange {
  /** Header parameters to set; `undefined` removes one. */
  readonly header?: Readonly<Record<string, unknown>>
  /** Claims to set; `undefined` removes one. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** Signs the result. Without a key the old signature stays, and no longer fits. */
  readonly key?: NodeSigningKey
}

/**
 * A copy of a compact token that differs in exactly the given places: for tests in which one thing is wrong and all the
 * rest is right.
 */
export function mutateToken(token: string, change: TokenChange): string {
  const { header, claims, signature } = decodeToken(token)
  const newHeader = { ...header, ...change.header }
  const newClaims = { ...claims, ...change.claims }
  if (change.key !== undefined) return encodeToken(newHeader, newClaims, change.key)
  return `${segment(newHeader)}.${segment(newClaims)}.${signature}`
}

/**
 * Signs any header and claims, valid or not, as a compact token. Text is taken as it is, which allows for JSON that no
 * serializer writes.
 */
export function encodeToken(header: object | string, claims: object | string, key: NodeSigningKey): string {
  const signingInput = `${segment(header)}.${segment(claims)}`
  return `${signingInput}.${encodeBase64url(key.sign(encodeUtf8(signingInput)))}`
}

/** Takes a compact token apart. Checks nothing. */
export function decodeToken(token: string): {
  readonly header: JsonObject
  readonly claims: JsonObject
  /** base64url */
  readonly signature: string
} {
  const [header = '', claims = '', signature = ''] = token.split('.')
  return { header: readSegment(header), claims: readSegment(claims), signature }
}

function segment(value: object | string): string {
  return encodeBase64url(encodeUtf8(typeof value === 'string' ? value : JSON.stringify(value)))
}

function readSegment(text: string): JsonObject {
  return JSON.parse(decodeUtf8(decodeBase64url(text)))
}
