import type { PublicJwk } from '../keys/public-jwk.ts'
import type { Actor } from './actor-chain.ts'
import type { Confirmation } from './confirmation.ts'
import type { ExchangedSubject, Transaction } from './exchanged-subject.ts'
import type { TransactionRequest } from './transaction-request.ts'

/** A token to issue: decided by a rule, shrunk, and complete. Who issues it decides nothing. */
export interface TokenOrder {
  /** `sub`. */
  readonly subject: string
  /** At least one. */
  readonly audience: readonly string[]
  readonly scopes: readonly string[]
  /** `client_id`: who asked. */
  readonly clientId: string
  /** `act`; `undefined` for impersonation, and where the subject itself asked. */
  readonly actor: Actor | undefined
  /** Further claims that the rule lets through. */
  readonly claims: Readonly<Record<string, string | readonly string[]>>
  readonly confirmation: Confirmation | undefined
  /** The key itself: credentials with `cnf.jwk` and certificates need it. */
  readonly confirmationKey: PublicJwk | undefined
  /** Seconds since the epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** What it comes from. For what only one type needs, such as a transaction to go on with. */
  readonly source: ExchangedSubject
  /** Of a Transaction Token. */
  readonly transaction: Transaction | undefined
  /** What the client says of the transaction; the rule has let every member of it through. */
  readonly transactionRequest?: TransactionRequest | undefined
}

/** What became of an order. */
export interface IssuedToken {
  /** Goes into `access_token`, whatever it is. */
  readonly token: string
  /** `token_type` of the answer. `N_A` for what is no access token: RFC 8693 section 2.2.1 */
  readonly tokenType: 'Bearer' | 'DPoP' | 'N_A'
  /** `issued_token_type`. */
  readonly issuedTokenType: string
  readonly expiresAt: number
  /** `jti`, or the serial number of a certificate. For the audit. */
  readonly id: string
  /** `txn` of a Transaction Token. For the audit. */
  readonly transactionId?: string
}
