import {
  decodeUnverifiedJws,
  decodeUtf8,
  errorCode,
  isType,
  type JsonObject,
  parseJsonObject,
} from '@countersign/protocol'
import { GRANT_TYPES, JWT_TYPES, TOKEN_TYPES } from '@countersign/protocol/exchange'
import { readWebBody } from '../presentation/read-web-body.ts'
import { SdkError } from '../sdk-error.ts'
import type { Workload } from '../workload.ts'
import { withTimeout } from './with-timeout.ts'

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

const MAX_BYTES = 64 * 1024
const TIMEOUT_MS = 10_000

/**
 * Asks for one Transaction Token, with proof of who asks.
 *
 * @throws SdkError `ERR_SDK_TOKEN_REFUSED`, `ERR_SDK_TOKEN_RESPONSE`; and as `workload.fetch`
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
  const { status, body } = await withTimeout(runtime, TIMEOUT_MS, async (signal) => {
    const response = await workload.fetch(tokenEndpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: form.toString(),
      signal,
      // What is asked for here is the transaction's own token.
      transaction: 'withhold',
    })
    return { status: response.status, body: await readWebBody(response.body, MAX_BYTES) }
  })
  const answer = parseAnswer(body)
  if (status !== 200) throw refusalOf(status, answer)
  return { token: requireTxnToken(answer), expiresAt: runtime.now() + requireLifetime(answer) }
}

function parseAnswer(body: Uint8Array | undefined): JsonObject | undefined {
  if (body === undefined) return undefined
  try {
    return parseJsonObject(decodeUtf8(body))
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}

/** RFC 6749 section 5.2. The description is somebody else's text, and goes to the log alone. */
function refusalOf(status: number, answer: JsonObject | undefined): SdkError {
  const { error, error_description: description } = answer ?? {}
  const code = typeof error === 'string' && /^[a-z_]{1,64}$/.test(error) ? error : `status ${status}`
  const detail = typeof description === 'string' ? { detail: description.slice(0, 200) } : {}
  return new SdkError('ERR_SDK_TOKEN_REFUSED', `the token service gives no transaction token: ${code}`, detail)
}

/** Anything else in the field would go out under the name of a transaction token, with every call. */
function requireTxnToken(answer: JsonObject | undefined): string {
  const { access_token: token, issued_token_type: type } = answer ?? {}
  if (typeof token === 'string' && type === TOKEN_TYPES.txnToken && isTxnToken(token)) return token
  throw unusable('its answer holds no transaction token')
}

function isTxnToken(token: string): boolean {
  try {
    return isType(decodeUnverifiedJws(token).header, JWT_TYPES.txnToken)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return false
  }
}

function requireLifetime(answer: JsonObject | undefined): number {
  const seconds = answer?.['expires_in']
  if (typeof seconds === 'number' && seconds > 0) return Math.floor(seconds)
  throw unusable('its answer does not say how long the token lives')
}

function unusable(reason: string): SdkError {
  return new SdkError('ERR_SDK_TOKEN_RESPONSE', `the token service cannot be understood: ${reason}`)
}
