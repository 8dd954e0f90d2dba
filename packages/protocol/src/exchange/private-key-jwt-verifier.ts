import { type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { CredentialError } from '../verification/credential-error.ts'
import { requireText } from '../verification/txn-token-claims.ts'
import { requireServerAudience } from './assertion-audience.ts'
import { type FindIssuer, IssuedJwtVerifier, type JwtKind } from './issued-jwt-verifier.ts'
import { JWT_TYPES } from './oauth-names.ts'
import { MAX_ID_LENGTH, useOnce } from './single-use.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'
import type { AssertionPolicy, AssertionVerifierOptions, VerifiedAssertion } from './workload-assertion-verifier.ts'

const KIND: JwtKind = { types: [JWT_TYPES.clientAuthentication], acceptsUntyped: true }

/**
 * Verifies client assertions in OpenID Connect's narrower profile: a client that has a key registered says who it is
 * itself. `iss` and `sub` are both its `client_id`, `jti` must be there, and no assertion is good twice, whatever the
 * policy says. Kept apart from the workload profile, so that nothing that is relaxed there is relaxed here.
 *
 * @see OpenID Connect Core 1.0 section 9 (private_key_jwt); draft-ietf-oauth-rfc7523bis
 */
export class PrivateKeyJwtVerifier {
  readonly #options: AssertionVerifierOptions
  readonly #jwts: IssuedJwtVerifier

  constructor(options: AssertionVerifierOptions) {
    this.#options = options
    this.#jwts = new IssuedJwtVerifier(options.crypto)
  }

  /**
   * @param find the registered client that has this `iss` as its id, with its keys
   * @throws CredentialError `ERR_CREDENTIAL_*`; the caller answers `invalid_client`
   */
  verify<Client extends TrustedIssuer>(
    assertion: string,
    find: FindIssuer<Client>,
    policyOf: (client: Client) => AssertionPolicy,
    now: number,
  ): Eventual<VerifiedAssertion<Client>> {
    const { names, replayMemory, crypto } = this.#options
    return whenReady(this.#jwts.verify(assertion, find, KIND, policyOf, now), (jwt) => {
      const { claims, issuer: client } = jwt
      const policy = policyOf(client)
      const subject = requireText(claims, 'sub', 'ERR_CREDENTIAL_SUBJECT')
      if (subject !== client.url) {
        throw new CredentialError('ERR_CREDENTIAL_SUBJECT', 'credential is about somebody else than its issuer')
      }
      requireServerAudience(claims['aud'], names, policy.allowsTokenEndpointAudience === true)
      const id = requireText(claims, 'jti', 'ERR_CREDENTIAL_ID')
      if (id.length > MAX_ID_LENGTH) throw new CredentialError('ERR_CREDENTIAL_ID', '"jti" of credential is too long')
      const use = { issuer: client.name, subject, id, times: jwt.times }
      return whenReady(useOnce(use, replayMemory, crypto, now, policy), () => ({
        ...jwt,
        subject,
        id,
      }))
    })
  }
}
