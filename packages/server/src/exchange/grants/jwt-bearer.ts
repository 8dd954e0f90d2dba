import {
  type Confirmation,
  type ExchangedSubject,
  GRANT_TYPES,
  OAuthError,
  TOKEN_TYPES,
} from '@countersign/protocol/exchange'
import { singleField } from '../header-field.ts'
import type { RequestProofs } from '../request-proofs.ts'
import { requireParameter } from '../require-parameter.ts'
import type { ExchangeQuestion } from '../rules/decision.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import { type BroughtTokenOptions, readAsked, verifyBrought } from './brought-tokens.ts'
import type { Grant } from './grant.ts'

/**
 * Another domain's word on a subject, for a token of this one. Whether a client must authenticate, the rule says.
 *
 * @see RFC 7523 section 2.1; draft-ietf-oauth-identity-chaining, "Access Token Request"
 */
export class JwtBearer implements Grant {
  readonly type = GRANT_TYPES.jwtBearer
  readonly needsClient = false
  readonly #options: BroughtTokenOptions

  constructor(options: BroughtTokenOptions) {
    this.#options = options
  }

  async ask(
    request: TokenRequest,
    client: AuthenticatedClient | undefined,
    proofs: RequestProofs,
  ): Promise<ExchangeQuestion> {
    // Read before the grant is verified: that uses it up.
    const asked = readAsked(request, this.#options.profiles, undefined)
    const assertion = requireParameter(request, 'assertion')
    const use = { role: 'grant', declaredType: TOKEN_TYPES.jwt } as const
    // RFC 7523 section 3.1.
    const subject = await verifyBrought(assertion, use, 'ERR_OAUTH_INVALID_GRANT', this.#options, request, proofs)
    return {
      grant: 'jwt-bearer',
      client: client?.subject,
      subject,
      actor: undefined,
      ...asked,
      proven: bindingOf(subject, request, proofs),
      // Of a key that the grant asks for, its issuer saw the proof. Whoever has not got it can do nothing with the token.
      isSubjectProven: true,
      isActorProven: true,
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
