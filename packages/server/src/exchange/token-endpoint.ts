import type { TokenProfileHost } from '@countersign/plugin-kit'
import { type IssuedToken, OAuthError, type TokenOrder } from '@countersign/protocol/exchange'
import type { Audit } from '../audit/audit.ts'
import type { RefusalLimit } from '../audit/refusal-limit.ts'
import { reasonOf } from './as-oauth-error.ts'
import { authenticateClient } from './client-authentication/authenticate-client.ts'
import type { ClientAuthenticationMethod } from './client-authentication/client-authentication-method.ts'
import type { Grant } from './grants/grant.ts'
import { makeOrder } from './make-order.ts'
import { type ProveRequestOptions, proveRequest } from './prove-request.ts'
import { ANONYMOUS_CLIENT } from './registered-clients.ts'
import { requireParameter } from './require-parameter.ts'
import type { ExchangeQuestion } from './rules/decision.ts'
import type { ExchangeRuleSet } from './rules/exchange-rule-set.ts'
import type { ExchangeRule } from './rules/rule-schema.ts'
import type { TokenProfiles } from './token-profiles.ts'
import type { TokenRequest } from './token-request.ts'

export interface TokenEndpointParts {
  readonly methods: readonly ClientAuthenticationMethod[]
  readonly grants: readonly Grant[]
  readonly profiles: TokenProfiles
  /** The rules as of now. */
  readonly rules: () => ExchangeRuleSet
  readonly host: TokenProfileHost
  readonly proofs: ProveRequestOptions
  readonly audit: Audit
  readonly refusals: RefusalLimit
}

/** The answer to a request that was granted. RFC 6749 section 5.1, RFC 8693 section 2.2.1 */
export interface TokenResponse {
  readonly access_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope?: string
  readonly issued_token_type?: string
}

/** Takes a request through the stages, in the one order there is. */
export class TokenEndpoint {
  readonly #parts: TokenEndpointParts

  constructor(parts: TokenEndpointParts) {
    this.#parts = parts
  }

  /** @throws OAuthError for every refusal; it is in the audit by then */
  async handle(request: TokenRequest): Promise<TokenResponse> {
    let question: ExchangeQuestion | undefined
    try {
      const proofs = await proveRequest(request, this.#parts.proofs)
      const grant = this.#findGrant(request)
      const client = await authenticateClient(this.#parts.methods, request, proofs)
      if (client === undefined && grant.needsClient) {
        throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', 'client did not authenticate')
      }
      // Ahead of the tokens that the request brings, so that a proof that was used before does not spend them too.
      if (client !== undefined) await proofs.useDpopProof()
      question = await grant.ask(request, client, proofs)
      // Nobody but the grant vouches for it.
      if (client === undefined) await proofs.useDpopProof()
      const { rule, order } = this.#decide(question, request.now, proofs.bindingKey)
      const issued = await this.#issue(rule.to.profile, order)
      this.#reportIssued(question, order, issued, rule)
      return toResponse(grant, request, order, issued)
    } catch (error) {
      if (error instanceof OAuthError) this.#reportRefused(question, error)
      throw error
    }
  }

  #findGrant(request: TokenRequest): Grant {
    const type = requireParameter(request, 'grant_type')
    const grant = this.#parts.grants.find((each) => each.type === type)
    if (grant !== undefined) return grant
    throw new OAuthError('ERR_OAUTH_UNSUPPORTED_GRANT_TYPE', 'this grant type is not supported')
  }

  #decide(question: ExchangeQuestion, now: number, provenKey: TokenOrder['confirmationKey']) {
    const decision = this.#parts.rules().decide(question)
    if (!decision.allowed) {
      const { nearest } = decision
      const detail = nearest === undefined ? 'no rule for this issuer' : `${nearest.rule}: ${nearest.failed.join(', ')}`
      throw new OAuthError(decision.code, decision.message, { detail })
    }
    const { rule } = decision
    const order = makeOrder(question, rule, { now, anonymousClient: ANONYMOUS_CLIENT, provenKey })
    return { rule, order }
  }

  async #issue(name: string, order: TokenOrder): Promise<IssuedToken> {
    const { profiles, host } = this.#parts
    const half = profiles.requireOut(name)
    if (half.binding === 'always' && order.confirmationKey === undefined) {
      throw new OAuthError('ERR_OAUTH_INVALID_DPOP_PROOF', 'a token of this type needs a key: send a DPoP proof by it')
    }
    const issued = await half.issue(order, host)
    // A profile that overlooks the order's end is wrong, and must not be found out by whoever was given more.
    if (!(issued.expiresAt <= order.expiresAt)) throw new TypeError(`profile ${name} issued beyond its order`)
    return issued
  }

  #reportIssued(question: ExchangeQuestion, order: TokenOrder, issued: IssuedToken, rule: ExchangeRule): void {
    // Also of what leaves the transaction, so that the way across domains is found by its name.
    const transactionId = issued.transactionId ?? order.transaction?.id
    this.#parts.audit.tokenIssued({
      grant: question.grant,
      rule: rule.name,
      profile: rule.to.profile,
      client: order.clientId,
      subjectIssuer: question.subject.issuer,
      subject: order.subject,
      subjectTokenHash: question.subject.digest,
      ...(question.actor === undefined ? {} : { actorTokenHash: question.actor.digest }),
      audience: order.audience,
      scopes: order.scopes,
      tokenId: issued.id,
      ...(transactionId === undefined ? {} : { transactionId }),
      expiresAt: issued.expiresAt,
    })
  }

  #reportRefused(question: ExchangeQuestion | undefined, error: OAuthError): void {
    // Whoever needs to prove nothing to be refused could fill the log.
    const more = question === undefined ? this.#parts.refusals.admit(reasonOf(error)) : 0
    if (more === undefined) return
    this.#parts.audit.tokenRefused({
      error: error.error,
      reason: reasonOf(error),
      ...(error.detail === undefined ? {} : { detail: error.detail }),
      ...(question === undefined
        ? {}
        : {
            grant: question.grant,
            client: question.client?.localSubject ?? ANONYMOUS_CLIENT,
            subjectIssuer: question.subject.issuer,
            subject: question.subject.localSubject,
            subjectTokenHash: question.subject.digest,
          }),
      ...(more === 0 ? {} : { more }),
    })
  }
}

function toResponse(grant: Grant, request: TokenRequest, order: TokenOrder, issued: IssuedToken): TokenResponse {
  const isExchange = grant.type.endsWith(':token-exchange')
  return {
    access_token: issued.token,
    token_type: issued.tokenType,
    expires_in: issued.expiresAt - request.now,
    ...(order.scopes.length === 0 ? {} : { scope: order.scopes.join(' ') }),
    ...(isExchange ? { issued_token_type: issued.issuedTokenType } : {}),
  }
}
