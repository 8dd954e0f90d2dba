import { formatActor, formatConfirmation } from '@countersign/protocol/exchange'
import type { OwnAccessTokens } from './own-access-tokens.ts'
import { requireParameter } from './require-parameter.ts'
import type { ExchangeRuleSet } from './rules/exchange-rule-set.ts'
import type { AuthenticatedClient, TokenRequest } from './token-request.ts'

/** RFC 7662 section 2.2. */
export type IntrospectionResponse =
  | { readonly active: false }
  | { readonly active: true; readonly [claim: string]: unknown }

/**
 * Tells a resource server whether a token is still good. Only one whose tokens these are: a service must not learn of tokens
 * for others, and all it hears of such a token is what it would hear of no token at all.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST` without a token
 * @see RFC 7662 sections 2.1, 2.2 and 4
 */
export async function introspect(
  request: TokenRequest,
  client: AuthenticatedClient,
  tokens: OwnAccessTokens,
  rules: ExchangeRuleSet,
): Promise<IntrospectionResponse> {
  const token = await tokens.read(requireParameter(request, 'token'), request.now)
  if (token === undefined) return { active: false }
  const audiences = rules.audiencesOf(client.subject)
  if (!token.audience.some((audience) => audiences.has(audience))) return { active: false }
  const { confirmation, actor } = token
  return {
    active: true,
    iss: token.issuer.url,
    sub: token.subject,
    aud: token.audience,
    client_id: token.clientId,
    ...(token.scopes.length === 0 ? {} : { scope: token.scopes.join(' ') }),
    iat: token.issuedAt,
    exp: token.expiresAt,
    jti: token.id,
    token_type: confirmation?.kind === 'jkt' ? 'DPoP' : 'Bearer',
    ...(confirmation === undefined ? {} : { cnf: formatConfirmation(confirmation) }),
    ...(actor === undefined ? {} : { act: formatActor(actor) }),
  }
}
