import type {
  PresentedToken,
  TokenProfile,
  TokenProfileHost,
  TokenProfileIn,
  TokenProfileOut,
  TokenRole,
} from '@countersign/plugin-kit'
import { type CompactJws, decodeUnverifiedJws, errorCode, MAX_TOKEN_BYTES } from '@countersign/protocol'
import { type ExchangedSubject, OAuthError } from '@countersign/protocol/exchange'
import type { RequestProofs } from './request-proofs.ts'

/** The token profiles in use, by name. */
export class TokenProfiles {
  readonly #profiles: ReadonlyMap<string, TokenProfile>

  constructor(profiles: ReadonlyMap<string, TokenProfile>) {
    this.#profiles = profiles
  }

  /**
   * Verifies a token that a request brought, by the one profile that knows it.
   *
   * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST` when no profile, or more than one, takes it for its own
   * @throws CredentialError, ProofError as the profile
   */
  async verify(
    token: string,
    { role, declaredType }: { readonly role: TokenRole; readonly declaredType: string },
    { keys, wit, x509 }: RequestProofs,
    host: TokenProfileHost,
    now: number,
  ): Promise<ExchangedSubject> {
    if (token.length > MAX_TOKEN_BYTES) throw unknownToken(role)
    const jws = decodeShape(token, host)
    const found = [...this.#profiles.values()].flatMap((profile) => {
      const half = profile.in
      return half !== undefined && takes(half, token, jws, role, declaredType) ? [half] : []
    })
    const [only, second] = found
    if (only === undefined || second !== undefined) throw unknownToken(role)
    const presented: PresentedToken = {
      token,
      role,
      declaredType,
      proven: keys,
      provenWit: wit,
      provenX509: x509,
      now,
    }
    return only.verify(presented, host)
  }

  /** @throws TypeError when there is none: rules name only those that there are */
  requireOut(name: string): TokenProfileOut {
    const half = this.#profiles.get(name)?.out
    if (half === undefined) throw new TypeError(`no profile ${name} gives tokens`)
    return half
  }

  /**
   * @param type `requested_token_type`
   * @returns name of the profile that gives it
   * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST` when no profile gives it
   */
  findOut(type: string): string {
    for (const [name, { out: half }] of this.#profiles) {
      if (half?.tokenTypes.includes(type)) return name
    }
    throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'tokens of the requested type are not given here')
  }
}

/** Once for all profiles. Those that are asked look at its shape alone. */
function decodeShape(token: string, { crypto }: TokenProfileHost): CompactJws | undefined {
  try {
    return decodeUnverifiedJws(token, undefined, crypto.codec)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}

function takes(
  half: TokenProfileIn,
  token: string,
  jws: CompactJws | undefined,
  role: TokenRole,
  declaredType: string,
): boolean {
  return half.tokenTypes.includes(declaredType) && half.roles.includes(role) && half.recognises(token, jws)
}

function unknownToken(role: TokenRole): OAuthError {
  const code = role === 'grant' ? 'ERR_OAUTH_INVALID_GRANT' : 'ERR_OAUTH_INVALID_REQUEST'
  return new OAuthError(code, `${role} token is not of a type that is taken here`)
}
