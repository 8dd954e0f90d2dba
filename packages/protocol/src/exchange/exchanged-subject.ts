import type { JsonObject } from '../encoding/strict-json.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import type { Actor, MayAct } from './actor-chain.ts'
import type { Confirmation } from './confirmation.ts'

/** What stays the same in every token of one transaction. */
export interface Transaction {
  /** `txn`. */
  readonly id: string
  /** `tctx`. */
  readonly context: JsonObject | undefined
  /** `rctx`. */
  readonly requestContext: JsonObject | undefined
  /** Workloads that asked for a token of this transaction, the first one first. */
  readonly requestingWorkloads: readonly string[]
}

/**
 * What one verified token says of a party, in the same words whatever its type. Rules, shrinking and issuing know this and
 * no token. A claim that a profile does not map is not here, so nothing can depend on it by accident.
 */
export interface ExchangedSubject {
  /** Name of the token profile that verified it, such as `service-account`. */
  readonly profile: string
  /** Who vouches for it: name of a configured issuer, or the trust domain of an SVID. What rules name; never `iss` alone. */
  readonly issuer: string
  /** `iss` as the token has it, or the origin of an SVID's identifier. */
  readonly issuerUrl: string
  /** The name it has with that issuer. */
  readonly subject: string
  /** Name it gets in tokens of this service where a rule gives it none: unique among all issuers. */
  readonly localSubject: string
  /** Claims that the profile maps, by the names that rules use. */
  readonly claims: Readonly<Record<string, string | readonly string[]>>
  /** What the token may be used for; `undefined` when tokens of its type do not say. */
  readonly scopes: readonly string[] | undefined
  /** `aud`; `undefined` for types that have none and are good nowhere without their key. */
  readonly audience: readonly string[] | undefined
  readonly expiresAt: number
  readonly issuedAt: number | undefined
  /** `jti`. */
  readonly tokenId: string | undefined
  /** The key it is bound to; `undefined` for a bearer token. */
  readonly confirmation: Confirmation | undefined
  /** The bound key itself, where the token has it. */
  readonly confirmationKey: PublicJwk | undefined
  readonly actor: Actor | undefined
  readonly mayAct: MayAct | undefined
  /** `client_id` or `azp`: whom the token was given to. */
  readonly clientId: string | undefined
  readonly transaction: Transaction | undefined
  /** Base64url SHA-256 of the token: all that an audit may hold of it. */
  readonly digest: string
}
