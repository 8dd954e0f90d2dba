import type { TokenProfileHost } from '@countersign/plugin-kit'
import { encodePem } from '@countersign/protocol'
import { OAuthError, TOKEN_TYPES } from '@countersign/protocol/exchange'
import { findAttestation } from '../attestation-method.ts'
import { singleField, WIT_FIELD } from '../header-field.ts'
import type { RequestProofs } from '../request-proofs.ts'
import type { TokenProfiles } from '../token-profiles.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import type { ClientAuthenticationMethod } from './client-authentication-method.ts'
import { asInvalidClient } from './jwt-assertion.ts'

export interface SpiffeX509Options {
  readonly profiles: TokenProfiles
  readonly host: TokenProfileHost
}

/**
 * The X509-SVID of the connection, whose SPIFFE ID `client_id` must be, as `authenticateClient` asks of every method. `client_id` says that it is meant as this: a client that authenticates otherwise may have a
 * certificate too, for its token to be bound to.
 *
 * @see draft-ietf-oauth-spiffe-client-auth; RFC 8705 section 2
 */
export class SpiffeX509 implements ClientAuthenticationMethod {
  readonly name = 'spiffe_x509'
  readonly #options: SpiffeX509Options

  constructor(options: SpiffeX509Options) {
    this.#options = options
  }

  isUsed(request: TokenRequest): boolean {
    const { parameters } = request
    if (parameters.get('client_id') === undefined || request.peerChain.length === 0) return false
    const isOther = parameters.get('client_assertion') ?? parameters.get('client_assertion_type')
    if (isOther !== undefined || findAttestation(request) !== undefined) return false
    return singleField(request, WIT_FIELD, 'ERR_OAUTH_INVALID_CLIENT') === undefined
  }

  async authenticate(request: TokenRequest, proofs: RequestProofs): Promise<AuthenticatedClient> {
    const { profiles, host } = this.#options
    const { x509 } = proofs
    if (x509 === undefined) throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', 'client certificate is no X509-SVID')
    try {
      const use = { role: 'client', declaredType: TOKEN_TYPES.x509Svid } as const
      const subject = await profiles.verify(encodePem([x509.leaf.raw]), use, proofs, host, request.now)
      return { method: this.name, id: subject.localSubject, subject }
    } catch (error) {
      throw asInvalidClient(error)
    }
  }
}
