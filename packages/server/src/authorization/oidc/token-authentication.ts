import type { RoleSubject } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import {
  decodeUnverifiedJws,
  errorCode,
  type JsonObject,
  OidcTokenVerifier,
  type VerifiedOidcToken,
} from '@countersign/protocol'
import type { DocumentFetcher } from '../../federation/fetch-document.ts'
import type { IssuerKeys } from '../../issuer-keys/issuer-keys.ts'
import { AdminError } from '../admin-error.ts'
import type { AdminCaller } from '../administrators.ts'
import type { OidcIssuerConfig } from './oidc-issuer-config.ts'
import { openIssuerKeys } from './open-issuer-keys.ts'

export interface TokenAuthenticationOptions {
  readonly issuers: readonly OidcIssuerConfig[]
  /** Follows no redirect. */
  readonly fetch: DocumentFetcher
  readonly clock: Clock
  readonly log: Logger
}

interface Issuer {
  readonly config: OidcIssuerConfig
  readonly keys: IssuerKeys
  readonly verifier: OidcTokenVerifier
}

const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i
const MAX_VALUES = 256
const MAX_VALUE_LENGTH = 255

/** Whom a bearer token of a configured issuer speaks for. */
export class TokenAuthentication {
  readonly #issuers: ReadonlyMap<string, Issuer>
  readonly #clock: Clock

  constructor({ issuers, fetch, clock, log }: TokenAuthenticationOptions) {
    this.#clock = clock
    this.#issuers = new Map(
      issuers.map((config) => {
        const { issuer, audience, algorithms, authorizedParties } = config
        const parties = authorizedParties === undefined ? {} : { authorizedParties }
        const verifier = new OidcTokenVerifier({ issuer, audience, algorithms, ...parties })
        return [issuer, { config, verifier, keys: openIssuerKeys(config, { fetch, clock, log }) }]
      }),
    )
  }

  /** For who shows nothing; `undefined` when no token would be believed. RFC 6750 section 3. */
  get challenge(): string | undefined {
    return this.#issuers.size === 0 ? undefined : 'Bearer realm="countersign"'
  }

  /**
   * @param authorization the field's value
   * @throws AdminError `ERR_ADMIN_TOKEN`, `ERR_ADMIN_TOKEN_KEYS`
   */
  async authenticate(authorization: string): Promise<AdminCaller> {
    // A proof would have to be checked for any other scheme.
    const [, token] = BEARER.exec(authorization) ?? []
    if (token === undefined) throw tokenError('authorization is not a bearer token')
    try {
      const issuer = this.#issuerOf(token)
      return toCaller(await this.#verify(issuer, token), issuer.config.claims)
    } catch (cause) {
      if (cause instanceof AdminError || errorCode(cause) === undefined) throw cause
      throw tokenError((cause as Error).message, cause)
    }
  }

  /** Which of the configured ones to hold it against; the verifier asks for the very same text. */
  #issuerOf(token: string): Issuer {
    const { iss } = decodeUnverifiedJws(token).payload
    const issuer = typeof iss === 'string' ? this.#issuers.get(iss) : undefined
    if (issuer === undefined) throw tokenError('token is of an issuer that is not configured')
    return issuer
  }

  async #verify({ keys, verifier }: Issuer, token: string): Promise<VerifiedOidcToken> {
    try {
      return await verifier.verify(token, keys.current, this.#clock.now())
    } catch (error) {
      if (errorCode(error) !== 'ERR_CREDENTIAL_KEY_UNKNOWN') throw error
      await keys.refresh()
      const known = keys.current
      if (known.jwks.length > 0) return verifier.verify(token, known, this.#clock.now())
      throw new AdminError('ERR_ADMIN_TOKEN_KEYS', 'keys of the issuer cannot be had at present')
    }
  }
}

function toCaller({ issuer, subject, claims }: VerifiedOidcToken, names: readonly string[]): AdminCaller {
  const subjects = names.flatMap((claim) =>
    valuesOf(claims, claim).map((value): RoleSubject => ({ issuer, claim, value })),
  )
  return { name: `${subject} of ${issuer}`, subjects, isOwner: false }
}

function valuesOf(claims: JsonObject, claim: string): readonly string[] {
  // Anyone can write any address into a profile; the issuer says whether it is theirs.
  if (claim === 'email' && claims['email_verified'] !== true) return []
  return [claims[claim]]
    .flat()
    .filter((value) => typeof value === 'string')
    .filter((value) => value.length <= MAX_VALUE_LENGTH)
    .slice(0, MAX_VALUES)
}

/** RFC 6750 section 3.1. A quotation mark would end the parameter. */
function tokenError(message: string, cause?: unknown): AdminError {
  const description = message.replace(/[^\x20-\x7e]|["\\]/g, "'")
  const detail = errorCode(cause)
  return new AdminError('ERR_ADMIN_TOKEN', message, {
    headers: {
      'www-authenticate': `Bearer realm="countersign", error="invalid_token", error_description="${description}"`,
    },
    ...(cause !== undefined && { cause }),
    ...(detail !== undefined && { detail }),
  })
}
