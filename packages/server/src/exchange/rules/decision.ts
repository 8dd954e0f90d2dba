import type { Confirmation, ExchangedSubject, OAuthErrorCode, TransactionRequest } from '@countersign/protocol/exchange'
import type { ExchangeRule } from './rule-schema.ts'

/** One request as rules see it: who, for whom, to what. Every party is verified. */
export interface ExchangeQuestion {
  readonly grant: ExchangeRule['grant']
  /** `undefined` when nobody authenticated, which only the jwt-bearer grant allows. */
  readonly client: ExchangedSubject | undefined
  readonly subject: ExchangedSubject
  readonly actor: ExchangedSubject | undefined
  /** Profile of the token that is asked for; `undefined` where the request names no type. */
  readonly requested: string | undefined
  /** `audience` and `resource` together; empty when none is named. */
  readonly audience: readonly string[]
  readonly scopes: readonly string[] | undefined
  /** The key that the request proves for the new token. */
  readonly proven: Confirmation | undefined
  /** Whether possession of the key that the subject token is bound to was proved. */
  readonly isSubjectProven: boolean
  readonly isActorProven: boolean
  /** What the client says of the transaction, where it asks for a Transaction Token. */
  readonly transactionRequest?: TransactionRequest | undefined
}

/** What one rule has to say: the parts of it that did not hold, by their path in the document, in this order. */
export interface RuleFinding {
  readonly rule: string
  readonly failed: readonly string[]
}

/** The outcome. */
export type Decision =
  | { readonly allowed: true; readonly rule: ExchangeRule }
  | {
      readonly allowed: false
      /** As far as the nearest rule got: no rule at all, another audience, another scope. */
      readonly code: OAuthErrorCode
      readonly message: string
      /** The rule that came nearest and what of it did not hold; `undefined` without any for this grant and issuer. */
      readonly nearest: RuleFinding | undefined
    }
