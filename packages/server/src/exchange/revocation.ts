import { decodeUnverifiedJws, errorCode, isType } from '@countersign/protocol'
import { JWT_TYPES, OAuthError } from '@countersign/protocol/exchange'
import type { Audit } from '../audit/audit.ts'
import type { OwnAccessTokens } from './own-access-tokens.ts'
import { requireParameter } from './require-parameter.ts'
import type { AuthenticatedClient, TokenRequest } from './token-request.ts'

/**
 * Takes an access token back, for the client that it was given to. It counts no longer for introspection and exchange; a
 * resource server that verifies tokens by itself does not hear of it, which is why tokens are short-lived.
 *
 * @throws OAuthError `ERR_OAUTH_UNSUPPORTED_TOKEN_TYPE` for a credential that cannot be taken back
 * @throws OAuthError `ERR_OAUTH_UNAUTHORIZED_CLIENT` for a token of another client
 * @see RFC 7009 sections 2.1 and 2.2: a token that is not valid is none to be revoked, and no error
 */
export async function revoke(
  request: TokenRequest,
  client: AuthenticatedClient,
  tokens: OwnAccessTokens,
  audit: Audit,
): Promise<void> {
  const text = requireParameter(request, 'token')
  if (!isRevocable(text)) {
    throw new OAuthError('ERR_OAUTH_UNSUPPORTED_TOKEN_TYPE', 'only access tokens can be revoked')
  }
  const token = await tokens.read(text, request.now)
  if (token === undefined) return
  if (token.clientId !== client.id) {
    throw new OAuthError('ERR_OAUTH_UNAUTHORIZED_CLIENT', 'token was not given to this client')
  }
  await tokens.revoke(token, request.now)
  audit.tokenRevoked({ tokenId: token.id, client: client.id, expiresAt: token.expiresAt })
}

/** Whether it is an access token by its shape, or nothing at all. */
function isRevocable(token: string): boolean {
  try {
    return isType(decodeUnverifiedJws(token).header, JWT_TYPES.accessToken)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return true
  }
}
