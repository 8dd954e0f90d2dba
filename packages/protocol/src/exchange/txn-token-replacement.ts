import type { JsonObject } from '../encoding/strict-json.ts'
import { type Actor, formatActor } from './actor-chain.ts'
import type { ExchangedSubject, Transaction } from './exchanged-subject.ts'
import { OAuthError } from './oauth-error.ts'
import type { TxnTokenContent } from './txn-token-content.ts'

/** The token that is replaced, as it was verified. */
export interface FormerTxnToken
  extends Pick<ExchangedSubject, 'subject' | 'scopes' | 'audience' | 'actor' | 'expiresAt'> {
  readonly transaction: Transaction
}

/**
 * Holds a token to the one that it replaces, claim by claim: what may not change has not, and whatever is more was added.
 * The draft would let it live longer; here it does not, or a chain of replacements would have no end.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST`, `ERR_OAUTH_INVALID_SCOPE`, `ERR_OAUTH_INVALID_TARGET`
 * @see draft-ietf-oauth-transaction-tokens, "Txn-Token as a `subject_token`"
 */
export function requireReplacement(former: FormerTxnToken, next: TxnTokenContent, trustDomain: string): void {
  if (!(former.expiresAt > next.issuedAt)) throw refused('transaction token has expired')
  if (!(next.expiresAt <= former.expiresAt)) throw refused('a replaced transaction token cannot live longer')
  if (next.transaction.id !== former.transaction.id) throw refused('"txn" of a transaction cannot change')
  if (next.subject !== former.subject) throw refused('"sub" of a transaction cannot change')
  const [audience, second] = former.audience ?? []
  if (audience !== trustDomain || second !== undefined) {
    throw new OAuthError('ERR_OAUTH_INVALID_TARGET', 'transaction token is of another trust domain')
  }
  if (!next.scopes.every((scope) => former.scopes?.includes(scope) === true)) {
    throw new OAuthError('ERR_OAUTH_INVALID_SCOPE', 'scope goes beyond that of the transaction token')
  }
  requireKept(former.transaction.context, next.transaction.context, 'tctx')
  requireKept(former.transaction.requestContext, next.transaction.requestContext, 'rctx')
  if (!isSameActor(former.actor, next.actor)) throw refused('"act" of a transaction cannot change')
  requireOneMore(former.transaction.requestingWorkloads, next.transaction.requestingWorkloads)
}

/** Members are added at the top alone: one added further down would change the value that it is in. */
function requireKept(former: JsonObject | undefined, next: JsonObject | undefined, claim: string): void {
  for (const [name, value] of Object.entries(former ?? {})) {
    if (next === undefined || !Object.hasOwn(next, name) || !isSameJson(value, next[name])) {
      throw refused(`"${claim}" of a transaction keeps every value it has`)
    }
  }
}

function requireOneMore(former: readonly string[], next: readonly string[]): void {
  if (next.length === former.length + 1 && former.every((workload, index) => next[index] === workload)) return
  throw refused('those who asked for tokens of a transaction are kept, and who asks now is added')
}

/** Whether two chains of actors say the same. */
export function isSameActor(one: Actor | undefined, other: Actor | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return isSameJson(formatActor(one), formatActor(other))
}

/** Values as JSON has them: the order of members means nothing. */
export function isSameJson(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const [names, others] = [Object.keys(one), Object.keys(other)]
  return (
    names.length === others.length &&
    names.every(
      (name) => Object.hasOwn(other, name) && isSameJson((one as JsonObject)[name], (other as JsonObject)[name]),
    )
  )
}

function refused(message: string): OAuthError {
  return new OAuthError('ERR_OAUTH_INVALID_REQUEST', message)
}
