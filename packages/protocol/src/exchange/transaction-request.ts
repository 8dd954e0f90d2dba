import { EncodingError } from '../encoding/encoding-error.ts'
import { type JsonObject, parseJsonObject } from '../encoding/strict-json.ts'
import { encodeUtf8 } from '../encoding/text.ts'
import { OAuthError } from './oauth-error.ts'

/** What whoever asks for a Transaction Token says of the transaction. The service decides what of it becomes a claim. */
export interface TransactionRequest {
  /** `request_details`: for `tctx`. */
  readonly details: JsonObject | undefined
  /** `request_context`: for `rctx`. */
  readonly context: JsonObject | undefined
}

/** Largest `tctx` and `rctx` each, as JSON in UTF-8. The token goes along with every call, in one field. */
export const MAX_TRANSACTION_CONTEXT_BYTES = 4096
/** In a token it stands one level deeper, and verifiers read sixteen. */
const MAX_DEPTH = 8

/**
 * Reads `request_details` and `request_context`: plain JSON text, each one object.
 *
 * @param texts `undefined` for a parameter that did not come
 * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST` for one that is too large, too deep, or is not a JSON object in which each
 *   name stands once
 * @see draft-ietf-oauth-transaction-tokens, "Txn-Token Request"
 */
export function parseTransactionRequest(texts: {
  readonly details: string | undefined
  readonly context: string | undefined
}): TransactionRequest {
  return {
    details: parseContext(texts.details, 'request_details'),
    context: parseContext(texts.context, 'request_context'),
  }
}

function parseContext(text: string | undefined, name: string): JsonObject | undefined {
  if (text === undefined) return undefined
  if (text.length > MAX_TRANSACTION_CONTEXT_BYTES || encodeUtf8(text).length > MAX_TRANSACTION_CONTEXT_BYTES) {
    throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', `'${name}' is larger than ${MAX_TRANSACTION_CONTEXT_BYTES} bytes`)
  }
  try {
    return parseJsonObject(text, MAX_DEPTH)
  } catch (cause) {
    if (!(cause instanceof EncodingError)) throw cause
    throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', `'${name}' is not a JSON object that can be read`, { cause })
  }
}

/** @throws OAuthError `ERR_OAUTH_INVALID_REQUEST` when the claim has grown too large by what was added to it */
export function requireContextSize(context: JsonObject | undefined, claim: 'tctx' | 'rctx'): void {
  if (context === undefined || encodeUtf8(JSON.stringify(context)).length <= MAX_TRANSACTION_CONTEXT_BYTES) return
  throw new OAuthError(
    'ERR_OAUTH_INVALID_REQUEST',
    `"${claim}" would be larger than ${MAX_TRANSACTION_CONTEXT_BYTES} bytes`,
  )
}
