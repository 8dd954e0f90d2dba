import type { TokenProfileHost } from '@countersign/plugin-kit'
import { ASSERTION_TYPES, PrivateKeyJwtVerifier } from '@countersign/protocol/exchange'
import type { ConfiguredIssuer } from '../issuers/configured-issuer.ts'
import { REGISTERED_CLIENT_PROFILE, REGISTERED_CLIENTS, type RegisteredClients } from '../registered-clients.ts'
import { requireParameter } from '../require-parameter.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import type { ClientAuthenticationMethod } from './client-authentication-method.ts'
import { asInvalidClient } from './jwt-assertion.ts'
import { isSelfIssued } from './self-issued.ts'

/** Longest life of an assertion in seconds. It is made for one request, and remembered as used until it ends. */
const MAX_LIFETIME_SECONDS = 3_600

export interface PrivateKeyJwtOptions {
  readonly clients: RegisteredClients
  readonly host: TokenProfileHost
}

/**
 * An assertion that a registered client makes of itself, in OpenID Connect's strict profile. What the workload profile
 * relaxes for platforms is not relaxed here.
 *
 * @see OpenID Connect Core 1.0 section 9
 */
export class PrivateKeyJwt implements ClientAuthenticationMethod {
  readonly name = 'private_key_jwt'
  readonly readsAssertion = true
  readonly #options: PrivateKeyJwtOptions
  readonly #verifier: PrivateKeyJwtVerifier

  constructor(options: PrivateKeyJwtOptions) {
    const { crypto, usedTokens: replayMemory } = options.host
    this.#options = options
    this.#verifier = new PrivateKeyJwtVerifier({ crypto, names: options.host, replayMemory })
  }

  isUsed(request: TokenRequest): boolean {
    return request.parameters.get('client_assertion_type') === ASSERTION_TYPES.jwtBearer && isSelfIssued(request)
  }

  async authenticate(request: TokenRequest): Promise<AuthenticatedClient> {
    const { clients, host } = this.#options
    const assertion = requireParameter(request, 'client_assertion')
    try {
      const policyOf = ({ allowsTokenEndpointAudience }: ConfiguredIssuer) => ({
        allowsTokenEndpointAudience,
        maxLifetimeSeconds: MAX_LIFETIME_SECONDS,
        // Used before a fence, one from the future would pass for one made after it.
        rejectFutureIssuedAt: true,
      })
      const { subject: id, issuer } = await this.#verifier.verify(
        assertion,
        (iss): ConfiguredIssuer => clients.find(iss),
        policyOf,
        request.now,
      )
      const subject = {
        profile: REGISTERED_CLIENT_PROFILE,
        issuer: REGISTERED_CLIENTS,
        issuerUrl: issuer.url,
        subject: id,
        localSubject: id,
        claims: {},
        scopes: undefined,
        audience: undefined,
        // The client's key is registered without an end; that of an assertion it makes for each request is none of it.
        expiresAt: Number.MAX_SAFE_INTEGER,
        issuedAt: undefined,
        tokenId: undefined,
        confirmation: undefined,
        confirmationKey: undefined,
        actor: undefined,
        mayAct: undefined,
        clientId: id,
        transaction: undefined,
        digest: await host.crypto.sha256Base64url(assertion),
      }
      return { method: this.name, id, subject }
    } catch (error) {
      throw asInvalidClient(error)
    }
  }
}
