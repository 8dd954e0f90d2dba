import { decodeUnverifiedJws, errorCode, isType, type JsonObject } from '@countersign/protocol'
import { GRANT_TYPES, JWT_TYPES, TOKEN_TYPES } from '@countersign/protocol/exchange'
import type { Workload } from '../workload.ts'
import { callTokenEndpoint, requireGranted, requireLifetime, unusableAnswer } from './call-token-endpoint.ts'

/** What a transaction is for, in the service's words. The service decides what of it becomes a claim. */
export interface TransactionPurpose {
  /** At least one. */
  readonly scope: string | readonly string[]
  /** Details that never change (`tctx`): parameters of the call, what is to be authorized. */
  readonly details?: JsonObject
  /** Circumstances (`rctx`), such as the address that the user's request came from. */
  readonly context?: JsonObject
}

/** Whom a transaction is for. */
export interface TransactionSubject {
  readonly token: string
  /** `subject_token_type`. */
  readonly type: string
}

/** Where to ask. */
export interface TransactionService {
  readonly workload: Pick<Workload, 'fetch' | 'runtime'>
  readonly tokenEndpoint: string
  /** The trust domain, whose one service this is. */
  readonly trustDomain: string
}

/** A token, and the second at which it ends by this program's clock. */
export interface TxnToken {
  readonly token: string
  readonly expiresAt: number
}

/**
 * Asks for one Transaction Token, with proof of who asks.
 *
 * @throws SdkError `ERR_SDK_TOKEN_REFUSED`, `ERR_SDK_TOKEN_RESPONSE`, `ERR_SDK_TOKEN_SERVICE`; and as `workload.fetch`
 * @see draft-ietf-oauth-transaction-tokens, "Txn-Token Request" and "Txn-Token Response"
 */
export async function requestTxnToken(
  { workload, tokenEndpoint, trustDomain }: TransactionService,
  subject: TransactionSubject,
  { scope, details, context }: TransactionPurpose,
): Promise<TxnToken> {
  const form = new URLSearchParams({
    grant_type: GRANT_TYPES.tokenExchange,
    requested_token_type: TOKEN_TYPES.txnToken,
    audience: trustDomain,
    scope: typeof scope === 'string' ? scope : scope.join(' '),
    subject_token: subject.token,
    subject_token_type: subject.type,
    ...(details === undefined ? {} : { request_details: JSON.stringify(details) }),
    ...(context === undefined ? {} : { request_context: JSON.stringify(context) }),
  })
  const { runtime } = workload
  // What is asked for here is the transaction's own token.
  const send = (url: string, init: RequestInit) => workload.fetch(url, { ...init, transaction: 'withhold' })
  const answer = requireGranted(await callTokenEndpoint({ runtime, send, tokenEndpoint, form }))
  return { token: requireTxnToken(answer), expiresAt: runtime.now() + requireLifetime(answer) }
}

/** Anything else in the field would go out under the name of a transaction token, with every call. */
function requireTxnToken({ access_token: token, issued_token_type: type }: JsonObject): string {
  if (typeof token === 'string' && type === TOKEN_TYPES.txnToken && isTxnToken(token)) return token
  throw unusableAnswer('its answer holds no transaction token')
}

function isTxnToken(token: string): boolean {
  try {
    return isType(decodeUnverifiedJws(token).header, JWT_TYPES.txnToken)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return false
  }
}
