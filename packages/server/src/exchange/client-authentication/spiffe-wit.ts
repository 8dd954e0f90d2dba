import type { TokenProfileHost } from '@countersign/plugin-kit'
import { OAuthError, TOKEN_TYPES } from '@countersign/protocol/exchange'
import { findAttestation } from '../attestation-method.ts'
import { asAttestationRefusal } from '../prove-attestation.ts'
import type { RequestProofs } from '../request-proofs.ts'
import type { TokenProfiles } from '../token-profiles.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import type { ClientAuthenticationMethod } from './client-authentication-method.ts'

export interface SpiffeWitOptions {
  readonly profiles: TokenProfiles
  readonly host: TokenProfileHost
}

/**
 * A WIT-SVID in the place of a client attestation, with the proof of one. The trust domain is the attester, and the SPIFFE ID
 * the client: rules know it as any other WIT.
 *
 * @see draft-ietf-oauth-spiffe-client-auth-02, section 3.3
 */
export class SpiffeWit implements ClientAuthenticationMethod {
  readonly name = 'spiffe_wit'
  readonly #options: SpiffeWitOptions

  constructor(options: SpiffeWitOptions) {
    this.#options = options
  }

  isUsed(request: TokenRequest): boolean {
    return findAttestation(request)?.method === this.name
  }

  async authenticate(request: TokenRequest, proofs: RequestProofs): Promise<AuthenticatedClient> {
    const { profiles, host } = this.#options
    if (proofs.attestation?.method !== this.name) {
      throw new OAuthError('ERR_OAUTH_INVALID_CLIENT_ATTESTATION', 'WIT-SVID was not proved')
    }
    try {
      const use = { role: 'client', declaredType: TOKEN_TYPES.wit } as const
      const subject = await profiles.verify(proofs.attestation.token, use, proofs, host, request.now)
      return { method: this.name, id: subject.localSubject, subject }
    } catch (error) {
      throw asAttestationRefusal(error)
    }
  }
}
