import type { TokenRole } from '@countersign/plugin-kit'
import { type ExchangedSubject, GRANT_TYPES, isProven, OAuthError, TOKEN_TYPES } from '@countersign/protocol/exchange'
import { readTransactionRequest } from '../read-transaction-request.ts'
import type { RequestProofs } from '../request-proofs.ts'
import { requireParameter } from '../require-parameter.ts'
import type { ExchangeQuestion } from '../rules/decision.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import { type BroughtTokenOptions, readAsked, verifyBrought } from './brought-tokens.ts'
import type { Grant } from './grant.ts'

/** One token for another, on behalf of its subject. @see RFC 8693 section 2.1 */
export class TokenExchange implements Grant {
  readonly type = GRANT_TYPES.tokenExchange
  readonly needsClient = true
  readonly #options: BroughtTokenOptions

  constructor(options: BroughtTokenOptions) {
    this.#options = options
  }

  async ask(
    request: TokenRequest,
    client: AuthenticatedClient | undefined,
    proofs: RequestProofs,
  ): Promise<ExchangeQuestion> {
    const { parameters } = request
    const asked = readAsked(request, this.#options.profiles, parameters.get('requested_token_type'))
    const transactionRequest = readTransactionRequest(request)
    const subject = await this.#verify('subject', request, proofs)
    const actor = hasActor(request) ? await this.#verify('actor', request, proofs) : undefined
    const isPartyProven = ({ confirmation }: ExchangedSubject) =>
      confirmation === undefined || isProven(confirmation, proofs.keys)
    return {
      grant: 'token-exchange',
      client: client?.subject,
      subject,
      actor,
      ...asked,
      proven: proofs.binding,
      isSubjectProven: isPartyProven(subject),
      isActorProven: actor === undefined || isPartyProven(actor),
      transactionRequest,
    }
  }

  /** RFC 8693 section 2.2.2: a token that is not valid makes the request invalid. */
  async #verify(
    role: Extract<TokenRole, 'subject' | 'actor'>,
    request: TokenRequest,
    proofs: RequestProofs,
  ): Promise<ExchangedSubject> {
    const token = requireParameter(request, `${role}_token`)
    const declaredType = requireParameter(request, `${role}_token_type`)
    if (declaredType === TOKEN_TYPES.refreshToken) {
      throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'a refresh token cannot be exchanged')
    }
    return verifyBrought(token, { role, declaredType }, 'ERR_OAUTH_INVALID_REQUEST', this.#options, request, proofs)
  }
}

/** RFC 8693 section 2.1: the type goes with the token, and only with it. */
function hasActor({ parameters }: TokenRequest): boolean {
  const hasToken = parameters.get('actor_token') !== undefined
  if (!hasToken && parameters.get('actor_token_type') !== undefined) {
    throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', "'actor_token_type' came without 'actor_token'")
  }
  return hasToken
}
