import type { TokenProfileHost, TokenRole } from '@countersign/plugin-kit'
import type { ExchangedSubject, OAuthErrorCode } from '@countersign/protocol/exchange'
import { asOAuthError } from '../as-oauth-error.ts'
import type { RequestProofs } from '../request-proofs.ts'
import { readScopes, readTargets } from '../require-parameter.ts'
import type { ExchangeQuestion } from '../rules/decision.ts'
import type { TokenProfiles } from '../token-profiles.ts'
import type { TokenRequest } from '../token-request.ts'

/** What grants that bring tokens work with. */
export interface BroughtTokenOptions {
  readonly profiles: TokenProfiles
  readonly host: TokenProfileHost
}

/**
 * What a request asks for. Read before the tokens that it brings are verified, which may use them up.
 *
 * @param requestedType `requested_token_type`; `undefined` where the rules say what is meant
 * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST`, `ERR_OAUTH_INVALID_TARGET`, `ERR_OAUTH_INVALID_SCOPE`
 */
export function readAsked(
  request: TokenRequest,
  profiles: TokenProfiles,
  requestedType: string | undefined,
): Pick<ExchangeQuestion, 'requested' | 'audience' | 'scopes'> {
  return {
    requested: requestedType === undefined ? undefined : profiles.findOut(requestedType),
    audience: readTargets(request),
    scopes: readScopes(request),
  }
}

/** @param code what the standard of the grant has for a token that is not valid @throws OAuthError */
export async function verifyBrought(
  token: string,
  use: { readonly role: TokenRole; readonly declaredType: string },
  code: OAuthErrorCode,
  { profiles, host }: BroughtTokenOptions,
  request: TokenRequest,
  proofs: RequestProofs,
): Promise<ExchangedSubject> {
  try {
    return await profiles.verify(token, use, proofs, host, request.now)
  } catch (error) {
    throw asOAuthError(error, code)
  }
}
