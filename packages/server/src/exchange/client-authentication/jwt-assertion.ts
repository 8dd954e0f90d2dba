import type { TokenProfileHost } from '@countersign/plugin-kit'
import { ASSERTION_TYPES, OAuthError, TOKEN_TYPES } from '@countersign/protocol/exchange'
import { asOAuthError } from '../as-oauth-error.ts'
import type { RequestProofs } from '../request-proofs.ts'
import { requireParameter } from '../require-parameter.ts'
import type { TokenProfiles } from '../token-profiles.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import type { ClientAuthenticationMethod } from './client-authentication-method.ts'
import { isSelfIssued } from './self-issued.ts'

/** `private_key_jwt` as OAuth's registry has it: also what a platform says about a workload. RFC 7523 section 2.2 */
export const JWT_ASSERTION_METHOD = 'private_key_jwt'

export interface JwtAssertionOptions {
  readonly profiles: TokenProfiles
  readonly host: TokenProfileHost
}

/**
 * A JWT of a configured issuer as client assertion, in RFC 7523's own profile. Which profile's it is, the token says by its
 * shape; whether the issuer may vouch in that profile, the configuration.
 *
 * @see RFC 7521 section 4.2; RFC 7523 sections 2.2 and 3
 */
export class JwtAssertion implements ClientAuthenticationMethod {
  readonly name = JWT_ASSERTION_METHOD
  readonly readsAssertion = true
  readonly #options: JwtAssertionOptions

  constructor(options: JwtAssertionOptions) {
    this.#options = options
  }

  isUsed(request: TokenRequest): boolean {
    return request.parameters.get('client_assertion_type') === ASSERTION_TYPES.jwtBearer && !isSelfIssued(request)
  }

  async authenticate(request: TokenRequest, proofs: RequestProofs): Promise<AuthenticatedClient> {
    const { profiles, host } = this.#options
    const assertion = requireParameter(request, 'client_assertion')
    try {
      const use = { role: 'client', declaredType: TOKEN_TYPES.jwt } as const
      const subject = await profiles.verify(assertion, use, proofs, host, request.now)
      return { method: this.name, id: subject.localSubject, subject }
    } catch (error) {
      throw asInvalidClient(error)
    }
  }
}

/** Whatever is wrong with an assertion, the client did not authenticate. */
export function asInvalidClient(error: unknown): unknown {
  const refusal = asOAuthError(error, 'ERR_OAUTH_INVALID_CLIENT')
  if (!(refusal instanceof OAuthError) || refusal.code !== 'ERR_OAUTH_INVALID_REQUEST') return refusal
  return new OAuthError('ERR_OAUTH_INVALID_CLIENT', refusal.message, { cause: refusal })
}
