import type { TokenProfileHost } from '@countersign/plugin-kit'
import { TOKEN_TYPES } from '@countersign/protocol/exchange'
import { singleField, WIT_FIELD } from '../header-field.ts'
import type { RequestProofs } from '../request-proofs.ts'
import type { TokenProfiles } from '../token-profiles.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import { witProofsOf } from '../wit-proofs.ts'
import type { ClientAuthenticationMethod } from './client-authentication-method.ts'
import { asInvalidClient } from './jwt-assertion.ts'

export interface WitProofOptions {
  readonly profiles: TokenProfiles
  readonly host: TokenProfileHost
}

/**
 * A WIT with a proof for this request, in the fields that every WIMSE request has: a workload proof token, or an HTTP message
 * signature. No document names these methods; a WIT as a bearer assertion, which others take, would be no proof of anything.
 * With both proofs, both must hold, and it is the first of the two methods.
 *
 * @see draft-ietf-wimse-workload-creds, draft-ietf-wimse-wpt, draft-ietf-wimse-http-signature
 */
export class WitProof implements ClientAuthenticationMethod {
  readonly name: 'wit_wpt' | 'wit_http_signature'
  readonly #options: WitProofOptions

  constructor(name: WitProof['name'], options: WitProofOptions) {
    this.name = name
    this.#options = options
  }

  isUsed(request: TokenRequest): boolean {
    const proofs = witProofsOf(request)
    if (proofs === undefined) return false
    const isSignature = proofs.bySignature && !proofs.byToken
    return isSignature === (this.name === 'wit_http_signature')
  }

  async authenticate(request: TokenRequest, proofs: RequestProofs): Promise<AuthenticatedClient> {
    const { profiles, host } = this.#options
    const wit = singleField(request, WIT_FIELD, 'ERR_OAUTH_INVALID_CLIENT') ?? ''
    try {
      const use = { role: 'client', declaredType: TOKEN_TYPES.wit } as const
      const subject = await profiles.verify(wit, use, proofs, host, request.now)
      return { method: this.name, id: subject.localSubject, subject }
    } catch (error) {
      throw asInvalidClient(error)
    }
  }
}
