import { OAuthError } from '@countersign/protocol/exchange'
import { singleField } from '../header-field.ts'
import type { RequestProofs } from '../request-proofs.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import type { ClientAuthenticationMethod } from './client-authentication-method.ts'

/**
 * Finds out which client a request is from, by the one method that it uses.
 *
 * @returns `undefined` when it uses none
 * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST` when it uses two: RFC 6749 section 2.3
 * @throws OAuthError `ERR_OAUTH_INVALID_CLIENT` as the method, and when `client_id` is another's
 */
export async function authenticateClient(
  methods: readonly ClientAuthenticationMethod[],
  request: TokenRequest,
  proofs: RequestProofs,
): Promise<AuthenticatedClient | undefined> {
  const { parameters } = request
  if (parameters.get('client_secret') !== undefined) {
    throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', 'there are no client secrets here')
  }
  const [used, second] = methods.filter((method) => method.isUsed(request))
  // Passed over, a password would be sent on and on, and whoever tried to prove something would count as nobody.
  const hasAuthorization = singleField(request, 'authorization', 'ERR_OAUTH_INVALID_CLIENT') !== undefined
  const hasAssertion = ['client_assertion', 'client_assertion_type'].some((name) => parameters.get(name) !== undefined)
  if (used === undefined) {
    if (hasAuthorization) {
      throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', "no client authenticates by the field 'Authorization' here")
    }
    if (hasAssertion) {
      throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', 'client assertion is of a type that is not taken here')
    }
    return undefined
  }
  const isUnread = hasAssertion && used.readsAssertion !== true
  if (second !== undefined || hasAuthorization || isUnread) {
    throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'request uses more than one method of client authentication')
  }
  const client = await used.authenticate(request, proofs)
  const claimed = parameters.get('client_id')
  // RFC 7521 section 4.2: optional, and the same client if it is there.
  if (claimed !== undefined && claimed !== client.id && claimed !== client.subject.subject) {
    throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', "'client_id' is not the client that authenticated")
  }
  return client
}
