import { parseTransactionRequest, TOKEN_TYPES, type TransactionRequest } from '@countersign/protocol/exchange'
import { requireParameter } from './require-parameter.ts'
import type { TokenRequest } from './token-request.ts'

/**
 * What a request for a Transaction Token says of the transaction. Such a request must also say for which trust domain and for
 * what it is, where others may leave it to the rule.
 *
 * @returns `undefined` for a request for anything else, to which these parameters mean nothing
 * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST`
 * @see draft-ietf-oauth-transaction-tokens, "Txn-Token Request"
 */
export function readTransactionRequest(request: TokenRequest): TransactionRequest | undefined {
  const { parameters } = request
  if (parameters.get('requested_token_type') !== TOKEN_TYPES.txnToken) return undefined
  requireParameter(request, 'audience')
  requireParameter(request, 'scope')
  return parseTransactionRequest({
    details: parameters.get('request_details'),
    context: parameters.get('request_context'),
  })
}
