import type { TokenProfileHost } from '@countersign/plugin-kit'
import {
  type Confirmation,
  type ExchangedSubject,
  GRANT_TYPES,
  OAuthError,
  TOKEN_TYPES,
} from '@countersign/protocol/exchange'
import { asOAuthError } from '../as-oauth-error.ts'
import { singleField } from '../header-field.ts'
import type { RequestProofs } from '../request-proofs.ts'
import { readScopes, readTargets, requireParameter } from '../require-parameter.ts'
import type { ExchangeQuestion } from '../rules/decision.ts'
import type { TokenProfiles } from '../token-profiles.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import type { Grant } from './grant.ts'

export interface JwtBearerOptions {
  readonly profiles: TokenProfiles
  readonly host: TokenProfileHost
}

/**
 * Another domain's word on a subject, for a token of this one. Whether a client must authenticate, the rule says.
 *
 * @see RFC 7523 section 2.1; draft-ietf-oauth-identity-chaining, "Access Token Request"
 */
export class JwtBearer implements Grant {
  readonly type = GRANT_TYPES.jwtBearer
  readonly needsClient = false
  readonly #options: JwtBearerOptions

  constructor(options: JwtBearerOptions) {
    this.#options = options
  }

  async ask(
    request: TokenRequest,
    client: AuthenticatedClient | undefined,
    proofs: RequestProofs,
  ): Promise<ExchangeQuestion> {
    // Read before the grant is verified: that uses it up.
    const requested = this.#options.profiles.findOut(undefined).name
    const audience = readTargets(request)
    const scopes = readScopes(request)
    const subject = await this.#verify(request, proofs)
    return {
      grant: 'jwt-bearer',
      client: client?.subject,
      subject,
      actor: undefined,
      requested,
      audience,
      scopes,
      proven: bindingOf(subject, request, proofs),
      // Of a key that the grant asks for, its issuer saw the proof. Whoever has not got it can do nothing with the token.
      isSubjectProven: true,
      isActorProven: true,
    }
  }

  /** RFC 7523 section 3.1. */
  async #verify(request: TokenRequest, proofs: RequestProofs): Promise<ExchangedSubject> {
    const { profiles, host } = this.#options
    const assertion = requireParameter(request, 'assertion')
    try {
      const use = { role: 'grant', declaredType: TOKEN_TYPES.jwt } as const
      return await profiles.verify(assertion, use, proofs, host, request.now)
    } catch (error) {
      throw asOAuthError(error, 'ERR_OAUTH_INVALID_GRANT')
    }
  }
}

/**
 * The key that the token is bound to: the one that the grant asks for, whoever sends it. The other domain's server may send
 * it for the holder, and then proves a key of its own as client.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_GRANT` for a DPoP proof of another key: that asks for a token bound to this
 */
function bindingOf(
  { confirmation }: ExchangedSubject,
  request: TokenRequest,
  { binding }: RequestProofs,
): Confirmation | undefined {
  if (confirmation === undefined) return binding
  const hasDpop = singleField(request, 'dpop', 'ERR_OAUTH_INVALID_DPOP_PROOF') !== undefined
  if (hasDpop && (binding?.kind !== confirmation.kind || binding.thumbprint !== confirmation.thumbprint)) {
    throw new OAuthError('ERR_OAUTH_INVALID_GRANT', 'the grant is for the holder of another key')
  }
  return confirmation
}
