import { OAuthError } from '@countersign/protocol/exchange'
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
  if (second !== undefined) {
    throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'request uses more than one method of client authentication')
  }
  if (used === undefined) {
    if (parameters.get('client_assertion') !== undefined || parameters.get('client_assertion_type') !== undefined) {
      throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', 'client assertion is of a type that is not taken here')
    }
    return undefined
  }
  const client = await used.authenticate(request, proofs)
  const claimed = parameters.get('client_id')
  // RFC 7521 section 4.2: optional, and the same client if it is there.
  if (claimed !== undefined && claimed !== client.id && claimed !== client.subject.subject) {
    throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', "'client_id' is not the client that authenticated")
  }
  return client
}
