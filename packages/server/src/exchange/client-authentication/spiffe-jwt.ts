import type { TokenProfileHost } from '@countersign/plugin-kit'
import { ASSERTION_TYPES, TOKEN_TYPES } from '@countersign/protocol/exchange'
import type { RequestProofs } from '../request-proofs.ts'
import { requireParameter } from '../require-parameter.ts'
import type { TokenProfiles } from '../token-profiles.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import type { ClientAuthenticationMethod } from './client-authentication-method.ts'
import { asInvalidClient } from './jwt-assertion.ts'

export interface SpiffeJwtOptions {
  readonly profiles: TokenProfiles
  readonly host: TokenProfileHost
}

/** A JWT-SVID as client assertion. @see draft-ietf-oauth-spiffe-client-auth */
export class SpiffeJwt implements ClientAuthenticationMethod {
  readonly name = 'spiffe_jwt'
  readonly readsAssertion = true
  readonly #options: SpiffeJwtOptions

  constructor(options: SpiffeJwtOptions) {
    this.#options = options
  }

  isUsed({ parameters }: TokenRequest): boolean {
    return parameters.get('client_assertion_type') === ASSERTION_TYPES.jwtSpiffe
  }

  async authenticate(request: TokenRequest, proofs: RequestProofs): Promise<AuthenticatedClient> {
    const { profiles, host } = this.#options
    const assertion = requireParameter(request, 'client_assertion')
    try {
      const use = { role: 'client', declaredType: TOKEN_TYPES.jwtSvid } as const
      const subject = await profiles.verify(assertion, use, proofs, host, request.now)
      return { method: this.name, id: subject.localSubject, subject }
    } catch (error) {
      throw asInvalidClient(error)
    }
  }
}
