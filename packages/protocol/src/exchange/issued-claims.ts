import type { JsonObject } from '../encoding/strict-json.ts'
import { IssuanceError } from '../issuance/issuance-error.ts'
import { type Actor, formatActor } from './actor-chain.ts'

/** What every token says that this package's issuers sign for the token service. */
export interface IssuedContent {
  readonly subject: string
  readonly scopes: readonly string[]
  /** Seconds since the Unix epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** `jti`. */
  readonly id: string
  readonly actor?: Actor | undefined
  /** Further claims. None may have the name of one that is set here. */
  readonly claims?: Readonly<Record<string, unknown>>
}

const OWN_CLAIMS: ReadonlySet<string> = new Set([
  ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'client_id', 'scope', 'cnf', 'requested_cnf', 'act', 'may_act'],
  ...['azp', 'txn', 'tctx', 'rctx', 'req_wl'],
])

/** Whether a claim means something already, so that nothing else may be put under its name. */
export function isOwnClaim(name: string): boolean {
  return OWN_CLAIMS.has(name)
}

/** @throws IssuanceError `ERR_ISSUANCE_LIFETIME`, `ERR_ISSUANCE_CLAIM` */
export function requireIssuable({ issuedAt, expiresAt, claims = {} }: IssuedContent): void {
  if (!(expiresAt > issuedAt && Number.isFinite(expiresAt))) {
    throw new IssuanceError('ERR_ISSUANCE_LIFETIME', 'lifetime must be positive')
  }
  for (const name of Object.keys(claims)) {
    if (isOwnClaim(name)) throw new IssuanceError('ERR_ISSUANCE_CLAIM', `claim "${name}" cannot be set`)
  }
}

/**
 * The claims of a token, in the order in which readers look for them.
 *
 * @param binding `cnf` or what stands for it; may be empty
 */
export function formatIssued(
  issuer: string,
  { subject, scopes, issuedAt, expiresAt, id, actor, claims }: IssuedContent,
  audience: JsonObject,
  binding: JsonObject,
): JsonObject {
  return {
    iss: issuer,
    sub: subject,
    ...audience,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    iat: issuedAt,
    exp: expiresAt,
    jti: id,
    ...binding,
    ...(actor === undefined ? {} : { act: formatActor(actor) }),
    ...claims,
  }
}
