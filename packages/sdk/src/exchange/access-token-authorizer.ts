import { CredentialError, jwkThumbprint, PolicyError, type PublicJwk, type TrustedKeys } from '@countersign/protocol'
import { AccessTokenVerifier, type TrustedIssuer, type VerifiedAccessToken } from '@countersign/protocol/exchange'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { BearerTokenError } from '../verification/bearer-token-error.ts'
import type { Caller } from '../verification/caller.ts'
import type { CallAuthorization } from './call-authorization.ts'
import type { PublishedKeys } from './published-keys.ts'

/** How a service takes the access tokens that callers bring. */
export interface AccessTokenOptions {
  /** Issuer identifier of the one authorization server whose tokens count. */
  readonly issuer: string
  /** This service's name in `aud`. */
  readonly audience: string
  /** Keys of the authorization server. */
  readonly keys: Pick<PublishedKeys, 'current' | 'refresh'>
  /** Whether a request without a token is refused. Default true. */
  readonly required?: boolean
}

/**
 * Verifies the access token of a request whose sender is known, and that it was given to this very sender: by the key that it
 * is bound to, or by its client. A token that somebody else came by is worth nothing beside their own proof.
 *
 * @see RFC 9068 section 4; RFC 6750 section 3.1 (401 `invalid_token`)
 */
export class AccessTokenAuthorizer {
  readonly #options: AccessTokenOptions
  readonly #verifier: AccessTokenVerifier

  constructor(options: AccessTokenOptions, clockSkewSeconds: number | undefined) {
    this.#options = options
    this.#verifier = new AccessTokenVerifier({
      crypto: nodeCrypto,
      ...(clockSkewSeconds === undefined ? {} : { clockSkewSeconds }),
    })
  }

  /**
   * @returns `undefined` for a request without a token, where that is allowed
   * @throws BearerTokenError `ERR_CREDENTIAL_*` for a token that is not believed, or not for this service
   * @throws PolicyError `ERR_POLICY_ACCESS_TOKEN` without a token, or for one that was given to somebody else
   * @throws SdkError `ERR_SDK_KEYS`
   */
  async authorize(caller: Caller, now: number): Promise<CallAuthorization | undefined> {
    // A bearer token in the same field says who calls. It authorizes nothing.
    const token = caller.binding === 'bearer' ? undefined : caller.accessToken
    if (token === undefined) {
      if (this.#options.required === false) return undefined
      throw new PolicyError('ERR_POLICY_ACCESS_TOKEN', 'this may be called only with an access token', {
        detail: caller.id.toString(),
      })
    }
    const { issuer: _, ...authorization } = await this.#verify(token, now)
    await requireHolder(authorization, caller)
    return authorization
  }

  async #verify(token: string, now: number): Promise<VerifiedAccessToken> {
    const { issuer, audience } = this.#options
    const source = await this.#source()
    const find = (iss: string) => {
      if (iss === issuer) return source
      throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'credential is of an issuer that does not count here')
    }
    try {
      const verified = await this.#verifier.verify<TrustedIssuer>(token, find, now)
      if (!verified.audience.includes(audience)) {
        throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'credential is meant for another audience')
      }
      return verified
    } catch (error) {
      throw error instanceof CredentialError ? new BearerTokenError(error) : error
    }
  }

  async #source(): Promise<TrustedIssuer> {
    const { keys, issuer } = this.#options
    const source: TrustedIssuer & { keys: TrustedKeys } = {
      name: issuer,
      url: issuer,
      keys: await keys.current(),
      async refreshKeys() {
        await keys.refresh()
        source.keys = await keys.current()
      },
    }
    return source
  }
}

/** @throws PolicyError `ERR_POLICY_ACCESS_TOKEN` */
async function requireHolder({ confirmation, clientId }: CallAuthorization, caller: Caller): Promise<void> {
  const isHeld =
    confirmation === undefined
      ? clientId === caller.id.toString()
      : confirmation.kind === 'jkt' && confirmation.thumbprint === (await keyOf(caller))
  if (isHeld) return
  throw new PolicyError('ERR_POLICY_ACCESS_TOKEN', 'access token was given to somebody else', {
    detail: confirmation === undefined ? `client ${clientId.slice(0, 200)}` : `bound by ${confirmation.kind}`,
  })
}

/** Thumbprint of the key that the caller proved. With mutual TLS there is no identity token that would name one. */
async function keyOf({ binding, claims }: Caller): Promise<string | undefined> {
  if (binding !== 'wpt' && binding !== 'http-signature') return undefined
  const { jwk } = claims['cnf'] as { readonly jwk: PublicJwk }
  return jwkThumbprint(jwk, nodeCrypto)
}
