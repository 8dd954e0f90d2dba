import { GRANT_TYPES, OAuthError } from '@countersign/protocol/exchange'
import type { RequestProofs } from '../request-proofs.ts'
import type { ExchangeQuestion } from '../rules/decision.ts'
import type { TokenProfiles } from '../token-profiles.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import { readAsked } from './brought-tokens.ts'
import type { Grant } from './grant.ts'

/** The client asks for itself. @see RFC 6749 section 4.4 */
export class ClientCredentials implements Grant {
  readonly type = GRANT_TYPES.clientCredentials
  readonly needsClient = true
  readonly #profiles: TokenProfiles

  constructor(profiles: TokenProfiles) {
    this.#profiles = profiles
  }

  async ask(
    request: TokenRequest,
    client: AuthenticatedClient | undefined,
    proofs: RequestProofs,
  ): Promise<ExchangeQuestion> {
    if (client === undefined) throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', 'client did not authenticate')
    return {
      grant: 'client_credentials',
      client: client.subject,
      subject: client.subject,
      actor: undefined,
      ...readAsked(request, this.#profiles, undefined),
      proven: proofs.binding,
      // The method of authentication has seen to it.
      isSubjectProven: true,
      isActorProven: true,
    }
  }
}
