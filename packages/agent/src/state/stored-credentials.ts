/** The credentials of workloads as they are written down, and back. Secret. */
import { Der, Timestamp, WorkloadId } from '@countersign/api'
import { decodeBase64, encodeBase64 } from '@countersign/protocol'
import { importSigningKey } from '@countersign/protocol/keys-node'
import { type Static, Type } from 'typebox'
import type { CredentialCache } from '../issuance/credential-cache.ts'
import type { Held } from '../issuance/held-credential.ts'
import type { CredentialCaches, WorkloadJwtSvid, WorkloadWitSvid, WorkloadX509Svid } from '../issuance/issuer.ts'

const common = {
  key: Type.String({ maxLength: 65_536 }),
  spiffeId: WorkloadId,
  issuedAt: Timestamp,
  expiresAt: Timestamp,
  renewAt: Timestamp,
  goodUntil: Timestamp,
  usedAt: Timestamp,
}

const StoredX509 = Type.Object({ ...common, chain: Type.Array(Der, { minItems: 1, maxItems: 8 }), privateKey: Der })
const StoredWit = Type.Object({ ...common, token: Type.String(), privateKey: Der })
const StoredJwt = Type.Object({ ...common, token: Type.String() })

/** Of each kind those used last come first. */
export const StoredCredentials = Type.Object({
  generation: Type.Integer({ minimum: 1 }),
  savedAt: Timestamp,
  x509: Type.Array(StoredX509),
  wit: Type.Array(StoredWit),
  jwt: Type.Array(StoredJwt),
})
export type StoredCredentials = Static<typeof StoredCredentials>

/** Of each kind. More than this is what a host has used longest ago, and can ask for again. */
const MAX_BYTES = 8 * 1024 * 1024
/** Encoding keys takes the time of the programs that wait for an answer, so others get their turn in between. */
const AT_A_TIME = 64

/** @param now epoch seconds */
export async function encodeCredentials(
  { x509, wit, jwt }: CredentialCaches,
  now: number,
): Promise<Omit<StoredCredentials, 'generation'>> {
  return {
    savedAt: now,
    x509: await encodeHeld(x509, now, ({ chain, key }) => ({ chain: chain.map(encodeBase64), privateKey: pkcs8(key) })),
    wit: await encodeHeld(wit, now, ({ token, key }) => ({ token, privateKey: pkcs8(key) })),
    jwt: await encodeHeld(jwt, now, ({ token }) => ({ token })),
  }
}

async function encodeHeld<Credential extends WorkloadJwtSvid | WorkloadX509Svid | WorkloadWitSvid, Own>(
  cache: CredentialCache<Credential>,
  now: number,
  encode: (credential: Credential) => Own,
) {
  const encoded = []
  let size = 0
  for (const { key, credential, renewAt, goodUntil, usedAt } of cache.held().toReversed()) {
    if (goodUntil <= now) continue
    const { spiffeId, issuedAt, expiresAt } = credential
    const each = { key, spiffeId, issuedAt, expiresAt, renewAt, goodUntil, usedAt, ...encode(credential) }
    size += JSON.stringify(each).length
    if (size > MAX_BYTES) break
    encoded.push(each)
    if (encoded.length % AT_A_TIME === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return encoded
}

/**
 * Puts back what has not ended.
 *
 * @param now epoch seconds. When that is before the credentials were saved, the clock was set back, which gives them no
 *   longer life.
 */
export function restoreCredentials(
  { savedAt, x509, wit, jwt }: StoredCredentials,
  caches: CredentialCaches,
  now: number,
): void {
  const late = Math.max(0, savedAt - now)
  for (const { chain, privateKey, ...each } of x509.toReversed()) {
    const credential = { ...identityOf(each), chain: chain.map(decodeBase64), key: importKey(privateKey) }
    caches.x509.restore(each.key, held(each, credential, late))
  }
  for (const { token, privateKey, ...each } of wit.toReversed()) {
    const credential = { ...identityOf(each), token, key: importKey(privateKey) }
    caches.wit.restore(each.key, held(each, credential, late))
  }
  for (const { token, ...each } of jwt.toReversed()) {
    caches.jwt.restore(each.key, held(each, { ...identityOf(each), token }, late))
  }
}

type Common = Omit<Static<typeof StoredJwt>, 'token'>

function identityOf({ spiffeId, issuedAt, expiresAt }: Common) {
  return { spiffeId, issuedAt, expiresAt }
}

function held<Credential>(times: Common, credential: Credential, late: number): Held<Credential> {
  const { renewAt, goodUntil, usedAt } = times
  return { credential, renewAt: renewAt - late, goodUntil: goodUntil - late, usedAt: usedAt - late }
}

const pkcs8 = (key: WorkloadX509Svid['key']) => encodeBase64(key.exportPkcs8())
const importKey = (der: string) => importSigningKey({ pkcs8: decodeBase64(der) }, 'ES256')
